//! A run of several processes, called shards: the identity of each, their common start, their files, and their sum.
//!
//! | module | contents |
//! |---|---|
//! | [`identity`] | index of a shard and number of shards, from a flag or from the environment of a launcher |
//! | [`pmi`] | client and server of PMI-1, the protocol between an MPI launcher and its processes (Unix) |
//! | [`start_time`] | beginning of the measured phase, as text |
//! | [`run_name`] | name of a run, and the seed that follows from it |
//! | [`shard_files`] | the files that each shard writes |
//! | [`folder`] | reading of the folder of a run; `logged_record`: the record of a shard that died |
//! | `merge` | [`merge`]: one run out of the shards in a folder |
//! | [`start`] | ways to agree on the beginning of the measured phase: a time, a file, and `barrier` (Unix) |

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(unix)]
mod barrier;
mod error;
pub mod folder;
pub mod identity;
mod logged_record;
mod merge;
#[cfg(unix)]
pub mod pmi;
pub mod run_name;
pub mod shard_files;
pub mod start;
pub mod start_time;

pub use error::ShardsError;
pub use merge::{MergedRun, merge, merge_with};

type Result<T> = std::result::Result<T, ShardsError>;
