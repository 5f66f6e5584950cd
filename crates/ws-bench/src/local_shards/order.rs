//! The order of a child of `--shards`, in its environment.

use std::num::NonZeroU32;
use std::path::PathBuf;

use measurement::verdict::Calibration;
use serde::{Deserialize, Serialize};

/// Environment variable with the order of a child.
const VARIABLE: &str = "WS_BENCH_CHILD";

/// The order of a child, besides the flags of its parent, which it shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChildOrder {
    pub(crate) shard: u32,
    pub(crate) shards: NonZeroU32,
    /// Folder for the results.
    pub(crate) folder: PathBuf,
    /// URLs of the servers.
    pub(crate) urls: Vec<String>,
    /// Name of the embedded server; `None` for any other.
    pub(crate) embedded: Option<String>,
    pub(crate) seed: u64,
    /// Limits of the generator; `None` when not measured.
    pub(crate) calibration: Option<Calibration>,
    pub(crate) threads: usize,
    /// Cores of the threads; empty = not pinned.
    pub(crate) pin: Vec<usize>,
    /// True when the progress is displayed.
    pub(crate) sends_progress: bool,
    /// True when the seconds go into a log that grows.
    pub(crate) sends_seconds: bool,
}

impl ChildOrder {
    /// The order of this process; `None` for a process that no parent of this version started.
    pub(crate) fn of_this_process() -> Option<Self> {
        serde_json::from_str(&std::env::var(VARIABLE).ok()?).ok()
    }

    /// The environment variable that gives this order, and its value.
    ///
    /// # Errors
    /// When the folder's name is not Unicode.
    pub(crate) fn to_variable(&self) -> Result<(&'static str, String), serde_json::Error> {
        Ok((VARIABLE, serde_json::to_string(self)?))
    }
}
