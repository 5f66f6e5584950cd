//! The lines that a child sends to its parent.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use swarm::{Phase, RunHandle, RunProgress};

/// A line from a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChildReport {
    pub(super) phase: Phase,
    /// `None` when it is not displayed.
    pub(super) progress: Option<Box<RunProgress>>,
}

impl ChildReport {
    /// The current state of a run.
    pub(super) fn of(control: &RunHandle, sends_progress: bool) -> Self {
        let progress = control.progress();
        Self {
            phase: progress.phase,
            progress: sends_progress.then(|| Box::new(progress)),
        }
    }

    /// Writes the report as one line.
    ///
    /// # Errors
    /// When the parent has ended.
    pub(super) fn send(&self, mut to: impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)?;
        to.flush()
    }

    /// Reads a line; `None` for any other.
    pub(super) fn parse(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }
}
