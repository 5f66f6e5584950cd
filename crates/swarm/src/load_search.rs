//! Searches for the capacity of a server, and sweeps over rates: steps of one run, on connections that stay open.
//!
//! `statistics::capacity_search` chooses the rates of a search. A runner offers them, in this process or in several.
//!
//! | module | contents |
//! |---|---|
//! | `runner` | [`OrderRunner`]: offers one load after the other; [`LocalRunner`] in this process |
//! | `capacity` | [`find_capacity`]: the search |
//! | `sweep` | [`sweep`](sweep()): given rates in random order |
//! | `step_judge` | what a step says about the conditions of a search |
//! | `step_log` | the steps so far, their progress, and the run that they become |

mod capacity;
mod runner;
mod step_judge;
mod step_log;
mod sweep;

pub use capacity::{find_capacity, find_capacity_with};
pub use runner::{ClosedRun, LocalRunner, OrderRunner};
pub use sweep::{sweep, sweep_with};
