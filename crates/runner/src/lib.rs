//! One run of a plan: what every program that measures a server shares.
//!
//! | module | what lives there |
//! |---|---|
//! | `load`, `open_loop`, `generator`, `trust` | the flags, and what they mean: the draft of a plan |
//! | [`preflight`] | what must be there before the load starts, and the command that mends it |
//! | [`probe`] | the host, and what the server's process uses |
//! | [`signals`] | what asks the program to end |
//! | `measure` | the run itself: plan in, summary and record out |
//!
//! It writes no file and prints nothing. ws-bench measures one server with it, ws-compare several.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod generator;
mod load;
mod measure;
mod open_loop;
pub mod preflight;
pub mod probe;
pub mod signals;
mod trust;

pub use error::RunError;
pub use generator::GeneratorArgs;
pub use load::{CONNECTION, LOAD, LoadArgs, VerifyArg, random_seed};
pub use measure::{Measured, measure};
pub use open_loop::{ArrivalsArg, OpenLoopArgs};
pub use trust::TrustArgs;
