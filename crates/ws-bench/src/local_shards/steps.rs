//! Commands of a parent to children that take the steps of a search or a sweep, their replies, and the files of their results.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use swarm::LoadOrder;

/// A line on the standard input of a child. The end of the input means that the parent is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum StepCommand {
    /// Takes a step.
    Take(Box<LoadOrder>),
    /// Opens connections again before a step.
    Reopen,
    /// Closes the connections.
    Close,
}

/// Reply of a child to a command, or to its start. The result is in its file by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StepReply {
    /// All connections have opened or failed.
    Opened {
        /// Open connections.
        connections: u64,
    },
    /// Connections have been opened again, or have failed.
    Reopened {
        /// Clients with a connection.
        clients: u64,
    },
    /// The step is over. The file holds an [`OrderRecord`](swarm::OrderRecord).
    Taken,
    /// The connections are closed. The file holds a [`ClosedRun`](swarm::load_search::ClosedRun).
    Closed,
}

/// The file with the latest result of a child.
pub(super) fn result_path(folder: &Path, shard: u32) -> PathBuf {
    folder.join(format!("step-{shard:03}.json"))
}

/// Writes a result.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_result(path: &Path, result: &impl Serialize) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        let mut content = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut content, result)?;
        content.flush()?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a result, and removes its file.
///
/// # Errors
/// When the file cannot be read, or is damaged.
pub(super) fn take_result<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let read = || -> anyhow::Result<T> {
        let content = fs::read(path)?;
        fs::remove_file(path)?;
        Ok(serde_json::from_slice(&content)?)
    };
    read().with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::num::NonZeroU32;
    use std::time::{Duration, SystemTime};

    use measurement::record::CellRules;
    use swarm::{DrainLimits, OrderLoad};

    use super::*;

    #[test]
    fn commands_arrive_as_they_were_sent() {
        let order = |load| LoadOrder {
            lead: None,
            load,
            settle: Duration::from_nanos(1_234_567_891),
            judged: Duration::from_secs(1),
            cells: CellRules::new(1_000_000_000, vec![10_000_000], vec![]),
            keeps_samples: true,
            seed: u64::MAX,
            drain: DrainLimits::of_timeout(Duration::from_secs(10)),
            start: Some(SystemTime::now()),
        };
        let window = NonZeroU32::MIN;
        let rate_per_s = 41_234.567_891;
        for command in [
            StepCommand::Take(Box::new(order(OrderLoad::Closed { window }))),
            StepCommand::Take(Box::new(order(OrderLoad::Open { rate_per_s }))),
            StepCommand::Reopen,
            StepCommand::Close,
        ] {
            let line = serde_json::to_string(&command).unwrap();
            assert!(!line.contains('\n') && line.len() < 4_096, "{line}");
            assert_eq!(serde_json::from_str::<StepCommand>(&line).unwrap(), command);
        }
    }

    #[test]
    fn a_result_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = result_path(folder.path(), 7);
        write_result(&path, &vec![1, 2, 3]).unwrap();
        assert_eq!(take_result::<Vec<u64>>(&path).unwrap(), [1, 2, 3]);
        let error = take_result::<Vec<u64>>(&path).unwrap_err();
        assert!(error.to_string().contains("step-007.json"), "{error}");
    }
}
