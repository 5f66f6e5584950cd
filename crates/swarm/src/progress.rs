//! Progress reports of the generator threads, and their sum.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use host::thread_usage::{ContextSwitchCounts, ThreadUsage, max_rss_bytes};
use measurement::record::{ConnectFailure, Record};
use measurement::run::{CloseFrameCount, Connections};
use measurement::verdict::{ContextSwitches, GeneratorUsage, Stop, Stops};

use serde::{Deserialize, Serialize};

use crate::connection_end::{ConnectionEnd, ServerClose};

/// The phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Phase {
    /// Opening of connections.
    #[default]
    Connect,
    /// Load before T0, not recorded.
    WarmUp,
    /// The measured phase, from T0.
    Measure,
    /// All messages are sent, and late echoes are awaited.
    Drain,
    /// Closing of connections with code 1000.
    Close,
}

impl Phase {
    /// Name of the phase in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
            Self::Close => "close",
        }
    }
}

/// Progress of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunProgress {
    /// Current phase.
    pub phase: Phase,
    /// Time since the phase began.
    pub in_phase: Duration,
    /// State of the connections. Close codes and connect times are added at the end.
    pub connections: Connections,
    /// Counts and histograms so far, without timeline and samples.
    pub record: Record,
    /// Usage of the generator threads since T0.
    pub usage: GeneratorUsage,
    /// Time of the figures after T0, in seconds. At most the measured phase; 0 before T0.
    pub elapsed_s: f64,
}

impl RunProgress {
    /// Progress of two processes at the same time.
    #[must_use]
    pub(crate) fn beside(mut self, other: &Self) -> Self {
        self.record.add(&other.record);
        Self {
            phase: self.phase.min(other.phase),
            connections: self.connections.beside(other.connections.clone()),
            usage: self.usage.beside(&other.usage),
            elapsed_s: self.elapsed_s.max(other.elapsed_s),
            ..self
        }
    }
}

/// Progress of a thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct ThreadProgress {
    pub(crate) opened: u64,
    pub(crate) failures: BTreeMap<ConnectFailure, u64>,
    pub(crate) early_ends: BTreeMap<ConnectionEnd, u64>,
    /// Connections that were replaced by plan.
    pub(crate) replaced: u64,
    pub(crate) closes: BTreeMap<ServerClose, u64>,
    pub(crate) stops: Vec<Stop>,
    /// Longest time for which the thread did not run, stop or not, in nanoseconds.
    pub(crate) longest_still_ns: u64,
    /// Counts and histograms, without timeline and samples.
    pub(crate) record: Record,
    /// Usage since T0 and its duration in seconds; `None` without a measured phase.
    pub(crate) usage: Option<(ThreadUsage, f64)>,
    pub(crate) blocked_writes: u64,
    /// Time of this report after T0, or the time at which all clients were done.
    pub(crate) elapsed_ns: u64,
    pub(crate) is_busy: bool,
    /// True when an echo had identified a message of a client whose connection has ended.
    pub(crate) recognized: bool,
}

pub(crate) fn sum_progress(threads: &[Arc<ThreadProgress>]) -> RunProgress {
    let mut record = Record::default();
    threads.iter().for_each(|t| record.add(&t.record));
    let opened = threads.iter().map(|t| t.opened).sum();
    let failures = sum_by_reason(threads.iter().map(|t| &t.failures));
    let failed = failures.values().sum();
    let early_ends = sum_by_reason(threads.iter().map(|t| &t.early_ends));
    RunProgress {
        connections: Connections {
            attempted: opened + failed,
            opened,
            failed,
            failures,
            closed_early: early_ends.values().sum(),
            early_ends,
            replaced: threads.iter().map(|t| t.replaced).sum(),
            close_reasons: sum_closes(threads),
            ..Connections::default()
        },
        record,
        usage: generator_usage(threads),
        elapsed_s: Duration::from_nanos(elapsed_ns(threads)).as_secs_f64(),
        ..RunProgress::default()
    }
}

/// Mean time of the threads' reports, because threads report at different times. When all threads are done, the latest
/// one.
pub(crate) fn elapsed_ns(threads: &[Arc<ThreadProgress>]) -> u64 {
    let busy: Vec<_> = threads.iter().filter(|t| t.is_busy).collect();
    if busy.is_empty() {
        threads.iter().map(|t| t.elapsed_ns).max().unwrap_or(0)
    } else {
        busy.iter().map(|t| t.elapsed_ns).sum::<u64>() / busy.len() as u64
    }
}

/// Sums close frames with the same code and reason.
fn sum_closes(threads: &[Arc<ThreadProgress>]) -> Vec<CloseFrameCount> {
    let mut sums: BTreeMap<&ServerClose, u64> = BTreeMap::new();
    for (close, n) in threads.iter().flat_map(|t| &t.closes) {
        *sums.entry(close).or_default() += n;
    }
    sums.into_iter()
        .map(|(close, count)| CloseFrameCount {
            code: close.code,
            reason: close.reason.clone(),
            count,
        })
        .collect()
}

/// Sums counts with the same reason.
fn sum_by_reason<'a, R: Display + 'a>(
    counts: impl Iterator<Item = &'a BTreeMap<R, u64>>,
) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (reason, n) in counts.flatten() {
        *sums.entry(reason.to_string()).or_default() += n;
    }
    sums
}

/// Sums the usage of the threads. Shares are those of the busiest thread and of the longest wait.
fn generator_usage(threads: &[Arc<ThreadProgress>]) -> GeneratorUsage {
    let used: Vec<(ThreadUsage, f64)> = threads.iter().filter_map(|t| t.usage).collect();
    let sum = |of: fn(&ThreadUsage) -> Option<f64>| used.iter().map(|(u, _)| of(u)).sum();
    let share = |of: fn(&ThreadUsage) -> Option<f64>| {
        used.iter()
            .filter(|(_, over_s)| *over_s > 0.0)
            .filter_map(|(u, over_s)| Some(of(u)? / over_s))
            .max_by(f64::total_cmp)
    };
    GeneratorUsage {
        cpu_per_thread: used
            .iter()
            .filter_map(|(u, over_s)| Some(u.cpu_s? / over_s))
            .collect(),
        busy_share: share(|u| u.busy_s),
        blocked_writes: threads.iter().map(|t| t.blocked_writes).sum(),
        context_switches: used
            .iter()
            .map(|(u, _)| u.context_switches)
            .sum::<Option<ContextSwitchCounts>>()
            .map(context_switches),
        stops: Some(Stops::join(
            threads.iter().flat_map(|t| t.stops.clone()).collect(),
        )),
        // Computed later, from the echoes, or read by the coordinator.
        messages_per_cpu_s: None,
        throttled_s: None,
        steal_s: None,
        cpu_pressure_s: None,
        suspended_s: None,
        cpu_s: sum(|u| u.cpu_s),
        user_cpu_s: sum(|u| u.user_s),
        cpu_per_core: share(|u| u.cpu_s),
        max_rss_bytes: max_rss_bytes(),
        run_queue_wait_s: sum(|u| u.run_queue_wait_s),
        run_queue_wait_share: share(|u| u.run_queue_wait_s),
    }
}

/// Converts the host's counts to the summary's.
pub(crate) fn context_switches(counts: ContextSwitchCounts) -> ContextSwitches {
    ContextSwitches {
        voluntary: counts.voluntary,
        involuntary: counts.involuntary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(elapsed_ns: u64, is_busy: bool) -> Arc<ThreadProgress> {
        Arc::new(ThreadProgress {
            failures: BTreeMap::from([(ConnectFailure::Timeout, 2)]),
            opened: 3,
            elapsed_ns,
            is_busy,
            ..ThreadProgress::default()
        })
    }

    #[test]
    fn phases_are_in_the_order_of_a_run() {
        let order = [
            Phase::Connect,
            Phase::WarmUp,
            Phase::Measure,
            Phase::Drain,
            Phase::Close,
        ];
        assert!(order.is_sorted());
    }

    #[test]
    fn the_time_is_that_of_the_threads_that_still_run() {
        let s = 1_000_000_000;
        assert_eq!(elapsed_ns(&[]), 0);
        let mean = elapsed_ns(&[thread(4 * s, true), thread(6 * s, true)]);
        assert_eq!(mean, 5 * s);
        let busy = elapsed_ns(&[thread(s, false), thread(6 * s, true)]);
        assert_eq!(busy, 6 * s);
        let last = elapsed_ns(&[thread(s, false), thread(6 * s, false)]);
        assert_eq!(last, 6 * s);
    }

    #[test]
    fn failures_are_added_up_by_reason() {
        let all = sum_progress(&[thread(0, true), thread(0, true)]).connections;
        assert_eq!((all.attempted, all.opened, all.failed), (10, 6, 4));
        assert_eq!(all.failures["no answer within the connect timeout"], 4);
    }
}
