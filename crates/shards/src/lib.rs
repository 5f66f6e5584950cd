//! A run of several processes, called shards: the identity of each and their common start.
//!
//! | module | contents |
//! |---|---|
//! | [`identity`] | index of a shard and number of shards, from a flag or from the environment of a launcher |
//! | [`pmi`] | client and server of PMI-1, the protocol between an MPI launcher and its processes (Unix) |
//! | [`start_time`] | beginning of the measured phase, as text |
//! | [`start`] | ways to agree on the beginning of the measured phase: a time, a file, and `barrier` (Unix) |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(unix)]
mod barrier;
mod error;
pub mod identity;
#[cfg(unix)]
pub mod pmi;
pub mod start;
pub mod start_time;

pub use error::ShardsError;

type Result<T> = std::result::Result<T, ShardsError>;
