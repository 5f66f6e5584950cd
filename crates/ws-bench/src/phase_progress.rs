//! Progress of the current phase, and the summary so far, computed from the plan and the progress of the run.

use std::time::Duration;

use measurement::plan::Plan;
use measurement::run::{RunContext, Summary};
use measurement::verdict::Calibration;
use swarm::{Phase, RunProgress, SearchProgress};

use crate::tool::tool;

pub(crate) const PHASES: [Phase; 5] = [
    Phase::Connect,
    Phase::WarmUp,
    Phase::Measure,
    Phase::Drain,
    Phase::Close,
];

/// Progress of a phase: messages, connections or milliseconds, done and in total.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PhaseProgress {
    pub(crate) done: u64,
    pub(crate) total: u64,
}

impl PhaseProgress {
    pub(crate) fn new(plan: &Plan, progress: &RunProgress) -> Self {
        let time = |total: Duration| Self {
            done: millis(progress.in_phase),
            total: millis(total),
        };
        match progress.phase {
            Phase::Connect => Self {
                done: progress.connections.attempted,
                total: planned_connections(plan),
            },
            Phase::WarmUp => time(plan.warmup),
            Phase::Measure => match (plan.planned_messages(), plan.measured_time()) {
                (Some(total), _) => Self {
                    done: ended_messages(progress),
                    total,
                },
                (None, total) => time(total.unwrap_or_default()),
            },
            Phase::Drain => time(plan.timeout),
            Phase::Close => Self { done: 1, total: 1 },
        }
    }

    /// Time of a search or a sweep, in milliseconds.
    pub(crate) fn of_search(search: &SearchProgress) -> Self {
        let millis =
            |seconds: f64| millis(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        Self {
            done: millis(search.spent_s),
            total: millis(search.budget_s),
        }
    }

    /// The completed share, in [0, 1].
    pub(crate) fn share(self) -> f64 {
        (self.done as f64 / self.total.max(1) as f64).min(1.0)
    }

    /// The remaining time of the phase at its average pace so far.
    pub(crate) fn time_left(self, so_far: Duration) -> Option<Duration> {
        let left = self.total.checked_sub(self.done)? as f64;
        let factor = (self.done > 0).then(|| left / self.done as f64)?;
        Duration::try_from_secs_f64(so_far.as_secs_f64() * factor).ok()
    }
}

/// Messages that need no further wait: those that ended, and those that were due while their client was away.
fn ended_messages(progress: &RunProgress) -> u64 {
    let record = &progress.record;
    let dropped = record.reconnect.as_ref();
    let dropped = dropped.map_or(0, |own| own.in_flight + own.missed);
    record.counts.received + record.counts.incomplete + dropped
}

/// Number of planned connections: those of the clients and idle ones.
pub(crate) fn planned_connections(plan: &Plan) -> u64 {
    u64::from(plan.clients.get()) + u64::from(plan.connections.idle)
}

/// Number of connections that are open now.
pub(crate) fn connections_up(progress: &RunProgress) -> u64 {
    let connections = &progress.connections;
    let reconnect = progress.record.reconnect.as_deref();
    let (dropped, back) = reconnect.map_or((0, 0), |own| {
        // Those that the server ended have ended early. Those that were not replaced did not open.
        (own.by_plan(), own.back)
    });
    let ended = connections.replaced + connections.closed_early + dropped;
    (connections.opened + back).saturating_sub(ended)
}

/// Whole milliseconds. Saturates at 584 million years.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The summary as if the run ended now.
pub(crate) fn summary_so_far(
    plan: &Plan,
    progress: &RunProgress,
    calibration: Option<Calibration>,
    interrupted: bool,
) -> Summary {
    let context = RunContext {
        tool: tool(),
        elapsed_s: progress.elapsed_s,
        connections: progress.connections.clone(),
        client: progress.usage.clone(),
        calibration,
        interrupted,
        ..RunContext::default()
    };
    let mut summary = Summary::so_far(plan, &progress.record, context);
    wording::explain(&mut summary);
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::ReconnectRecord;

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let left = |done, total| PhaseProgress { done, total }.time_left(Duration::from_secs(10));
        assert_eq!(left(50, 100), Some(Duration::from_secs(10)));
        assert_eq!(left(100, 100), Some(Duration::ZERO));
        assert_eq!(left(0, 100), None);
        assert_eq!(left(101, 100), None);
    }

    #[test]
    fn connections_up_are_those_opened_less_those_that_ended() {
        let mut lost = ReconnectRecord::default();
        (0..30).for_each(|_| lost.lost(0, false));
        (0..10).for_each(|_| lost.lost(0, true));
        (0..25).for_each(|_| lost.back(1, 1));
        let mut progress = RunProgress::default();
        // A hundred clients, five of which have replaced their connections.
        progress.connections.opened = 105;
        progress.connections.replaced = 5;
        progress.connections.closed_early = 10;
        progress.record.reconnect = Some(Box::new(lost));
        assert_eq!(connections_up(&progress), 100 - 40 + 25);
    }

    #[test]
    fn a_share_is_never_above_one() {
        let share = |done, total| PhaseProgress { done, total }.share();
        assert_eq!((share(1, 4), share(5, 4), share(0, 0)), (0.25, 1.0, 0.0));
    }
}
