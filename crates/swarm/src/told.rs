//! What the threads tell of themselves, and how it adds up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host::thread_usage::{ContextSwitchCounts, ThreadUsage, max_rss_bytes};
use measurement::record::Record;
use measurement::run::Connections;
use measurement::verdict::{ContextSwitches, GeneratorUsage};

use crate::control::Progress;

/// How a thread stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    pub(crate) opened: u64,
    pub(crate) failures: BTreeMap<String, u64>,
    pub(crate) closed_early: u64,
    pub(crate) early_ends: BTreeMap<String, u64>,
    /// Counts and histograms, without timeline and samples.
    pub(crate) record: Record,
    pub(crate) used: Used,
    /// How long after T0 this is told; once all clients are done, when they were.
    pub(crate) elapsed_ns: u64,
    pub(crate) is_busy: bool,
}

/// What a thread used.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    /// Since T0, and how long that was in seconds; `None` when there was no measured phase.
    pub(crate) usage: Option<(ThreadUsage, f64)>,
    /// Writes that found the socket full.
    pub(crate) blocked_writes: u64,
}

/// All threads together.
pub(crate) fn add_up(threads: &[Arc<Told>]) -> Progress {
    let mut record = Record::default();
    threads.iter().for_each(|told| record.add(&told.record));
    let opened = threads.iter().map(|told| told.opened).sum();
    let failures = sum_by_reason(threads.iter().map(|told| &told.failures));
    let failed = failures.values().sum();
    Progress {
        connections: Connections {
            attempted: opened + failed,
            opened,
            failed,
            failures,
            closed_early: threads.iter().map(|told| told.closed_early).sum(),
            early_ends: sum_by_reason(threads.iter().map(|told| &told.early_ends)),
            ..Connections::default()
        },
        record,
        usage: client_usage(threads.iter().map(|told| told.used)),
        elapsed_s: elapsed_s(threads),
        ..Progress::default()
    }
}

/// Threads tell each in its own time, so that their counts belong to the mean of these; once all are
/// done, to the last one.
#[allow(clippy::cast_precision_loss)]
fn elapsed_s(threads: &[Arc<Told>]) -> f64 {
    let busy: Vec<_> = threads.iter().filter(|told| told.is_busy).collect();
    let elapsed_ns = if busy.is_empty() {
        threads
            .iter()
            .map(|told| told.elapsed_ns)
            .max()
            .unwrap_or(0)
    } else {
        busy.iter().map(|told| told.elapsed_ns).sum::<u64>() / busy.len() as u64
    };
    Duration::from_nanos(elapsed_ns).as_secs_f64()
}

/// Counts of the same reason added up.
pub(crate) fn sum_by_reason<'a>(
    counts: impl Iterator<Item = &'a BTreeMap<String, u64>>,
) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (reason, n) in counts.flatten() {
        *sums.entry(reason.clone()).or_default() += n;
    }
    sums
}

/// What the threads used, added up; the busiest one and the longest wait decide the shares.
pub(crate) fn client_usage(threads: impl Iterator<Item = Used>) -> GeneratorUsage {
    let threads: Vec<Used> = threads.collect();
    let used: Vec<(ThreadUsage, f64)> = threads.iter().filter_map(|used| used.usage).collect();
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
        blocked_writes: threads.iter().map(|used| used.blocked_writes).sum(),
        context_switches: used
            .iter()
            .map(|(u, _)| u.context_switches)
            .sum::<Option<ContextSwitchCounts>>()
            .map(context_switches),
        // Known to who knows the echoes.
        messages_per_cpu_s: None,
        cpu_s: sum(|u| u.cpu_s),
        user_cpu_s: sum(|u| u.user_s),
        cpu_per_core: share(|u| u.cpu_s),
        max_rss_bytes: max_rss_bytes(),
        run_queue_wait_s: sum(|u| u.run_queue_wait_s),
        run_queue_wait_share: share(|u| u.run_queue_wait_s),
    }
}

/// Converts the host's counts into the summary's.
pub(crate) fn context_switches(counts: ContextSwitchCounts) -> ContextSwitches {
    ContextSwitches {
        voluntary: counts.voluntary,
        involuntary: counts.involuntary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(elapsed_ns: u64, is_busy: bool) -> Arc<Told> {
        Arc::new(Told {
            failures: BTreeMap::from([("refused".to_owned(), 2)]),
            opened: 3,
            elapsed_ns,
            is_busy,
            ..Told::default()
        })
    }

    #[test]
    fn the_time_is_that_of_the_threads_that_still_run() {
        let s = 1_000_000_000;
        assert_eq!(elapsed_s(&[]), 0.0);
        assert_eq!(elapsed_s(&[told(4 * s, true), told(6 * s, true)]), 5.0);
        assert_eq!(elapsed_s(&[told(s, false), told(6 * s, true)]), 6.0);
        assert_eq!(elapsed_s(&[told(s, false), told(6 * s, false)]), 6.0);
    }

    #[test]
    fn failures_are_added_up_by_reason() {
        let all = add_up(&[told(0, true), told(0, true)]).connections;
        assert_eq!((all.attempted, all.opened, all.failed), (10, 6, 4));
        assert_eq!(all.failures["refused"], 4);
    }
}
