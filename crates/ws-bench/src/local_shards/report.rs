//! The lines that a child sends to its parent.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use measurement::record::{
    CountsSoFar, EncodedTimes, LoggedSecond, RowSeconds, RowSpan, SecondHistograms,
};
use serde::{Deserialize, Serialize};
use swarm::{Phase, RunHandle, RunProgress};

use super::steps::StepReply;

/// A line from a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ChildReport {
    /// The state of its run.
    State {
        phase: Phase,
        /// `None` when it is not displayed.
        progress: Option<Box<RunProgress>>,
    },
    /// A complete second, for a log that grows.
    Second(ReportedSecond),
    /// Reply to a command of a step.
    Reply(StepReply),
    /// Numbers of the receivers that nothing has reached in the warm-up. Sent once, at T0.
    Unreached(Vec<u32>),
}

/// A complete second of a child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReportedSecond {
    t0_unix_ns: u64,
    second: u64,
    seconds: RowSeconds,
    service: Option<EncodedTimes>,
    response: Option<EncodedTimes>,
    counts: CountsSoFar,
}

impl From<&LoggedSecond> for ReportedSecond {
    fn from(second: &LoggedSecond) -> Self {
        let since = second.started_at.duration_since(UNIX_EPOCH);
        let times = second.histograms.as_ref();
        Self {
            // Nanoseconds since 1970 fit for centuries.
            t0_unix_ns: since
                .ok()
                .and_then(|since| u64::try_from(since.as_nanos()).ok())
                .unwrap_or(0),
            second: second.span.second,
            seconds: second.span.seconds,
            service: times.map(|times| EncodedTimes(times.service.clone())),
            response: times.and_then(|times| times.response.clone().map(EncodedTimes)),
            counts: second.counts,
        }
    }
}

impl From<ReportedSecond> for LoggedSecond {
    fn from(second: ReportedSecond) -> Self {
        Self {
            started_at: UNIX_EPOCH + Duration::from_nanos(second.t0_unix_ns),
            span: RowSpan {
                second: second.second,
                seconds: second.seconds,
            },
            histograms: second.service.map(|service| SecondHistograms {
                service: service.0,
                response: second.response.map(|response| response.0),
            }),
            counts: second.counts,
        }
    }
}

impl ChildReport {
    /// The current state of a run.
    pub(super) fn of(control: &RunHandle, sends_progress: bool) -> Self {
        Self::State {
            phase: control.phase(),
            progress: sends_progress.then(|| Box::new(control.progress())),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_second_arrives_as_it_was_sent() {
        let second = LoggedSecond {
            started_at: UNIX_EPOCH + Duration::from_nanos(1_800_000_000_123_456_789),
            span: RowSpan::with(14, RowSeconds::try_from(2).unwrap()),
            histograms: Some(SecondHistograms {
                service: vec![1, 2, 255],
                response: None,
            }),
            counts: CountsSoFar {
                sent: 5,
                received: 4,
                failed: 1,
                unsent: 2,
                opened: 3,
            },
        };
        let mut line = Vec::new();
        ChildReport::Second((&second).into())
            .send(&mut line)
            .unwrap();
        let line = String::from_utf8(line).unwrap();
        let Some(ChildReport::Second(read)) = ChildReport::parse(line.trim()) else {
            panic!("{line}");
        };
        assert_eq!(LoggedSecond::from(read), second);
        assert!(ChildReport::parse("panicked at").is_none());
    }
}
