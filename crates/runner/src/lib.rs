//! The flags of a load, and what they mean: the draft of a plan.
//!
//! | module | what lives there |
//! |---|---|
//! | `load`, `open_loop`, `generator`, `trust` | the flags, and what they mean: the draft of a plan |
//!
//! It writes no file and prints nothing. ws-bench measures one server with it, ws-compare several.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod generator;
mod load;
mod open_loop;
mod trust;

pub use error::RunError;
pub use generator::GeneratorArgs;
pub use load::{CONNECTION, LOAD, LoadArgs, VerifyArg, random_seed};
pub use open_loop::{ArrivalsArg, OpenLoopArgs};
pub use trust::TrustArgs;
