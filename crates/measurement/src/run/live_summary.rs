//! Provisional summary of a running measurement.

use super::run_context::RunContext;
use super::summary::Summary;
use crate::plan::Plan;
use crate::record::Record;

impl Summary {
    /// The summary of a running measurement, from its record so far.
    ///
    /// All figures and the verdict are computed as if the run ended now, with one exception. Due messages that were not
    /// sent are counted only at the end. Until then, the verdict uses the estimate of `Plan::due_by`, unless clients have
    /// lost their connections: the messages of these clients are not sent.
    pub fn so_far(plan: &Plan, record: &Record, mut circumstances: RunContext) -> Self {
        circumstances.goes_on = true;
        let counted = record.counts.unsent;
        let due = plan.due_by(circumstances.elapsed_s).unwrap_or(0);
        let mut judged = record.clone();
        let reconnect = record.reconnect.as_ref();
        let any_lost = reconnect.is_some_and(|own| own.dropped > 0);
        if !any_lost {
            judged.counts.unsent = counted.max(due.saturating_sub(record.counts.sent));
        }
        let mut summary = Self::new(plan, &judged, circumstances);
        summary.messages.unsent = counted;
        summary
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;
    use crate::plan::{Arrivals, Length, Load, RateProfile};
    use crate::record::{BottomK, Outcome, ReconnectRecord, Recorder, Sample};
    use crate::verdict::Reason;
    use units::Rate;

    fn plan(arrivals: Arrivals) -> Plan {
        crate::run::tests::plan(|draft| {
            draft.length = Length::Duration(Duration::from_secs(10));
            draft.load = Load::Open {
                profile: RateProfile::constant(Rate::new(1_000.0).unwrap()),
                arrivals,
                window: NonZeroU32::new(1),
            };
        })
    }

    /// An open loop of 1,000 messages per second that sent `sent` messages in two seconds, all of them echoed.
    fn after_two_seconds(sent: u64, arrivals: Arrivals) -> Summary {
        let mut recorder = Recorder::new(true, 0);
        let budget = BottomK::new(0, 1);
        for n in 0..sent {
            recorder.sent(n, n);
            let sample = Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
            recorder.ended(&budget, sample, 125);
        }
        let circumstances = RunContext {
            elapsed_s: 2.0,
            ..RunContext::default()
        };
        Summary::so_far(&plan(arrivals), &recorder.so_far(), circumstances)
    }

    #[test]
    fn what_is_due_by_now_must_have_been_sent() {
        let all = after_two_seconds(2_000, Arrivals::Constant);
        assert_eq!(all.sent_in_time_share, Some(1.0));
        let half = after_two_seconds(1_000, Arrivals::Constant);
        assert_eq!(half.sent_in_time_share, Some(0.5));
        // Computed over the elapsed time, not over the planned ten seconds.
        assert_eq!(half.achieved_rate_per_s, Some(500.0));
        assert_eq!(half.achieved_over_s, Some(2.0));
        assert!(
            matches!(half.validity.found[0], Reason::RateNotKept { kept, .. } if kept == 0.5),
            "{:?}",
            half.validity
        );
        // Estimates are not counted.
        assert_eq!(half.messages.unsent, 0);
    }

    #[test]
    fn messages_of_lost_connections_are_not_estimated_as_unsent() {
        let mut record = Recorder::new(true, 0).so_far();
        let kept = |record: &Record| {
            let context = RunContext {
                elapsed_s: 2.0,
                ..RunContext::default()
            };
            Summary::so_far(&plan(Arrivals::Constant), record, context).sent_in_time_share
        };
        assert_eq!(kept(&record), Some(0.0));
        let mut lost = ReconnectRecord::default();
        lost.lost(1, false);
        record.reconnect = Some(Box::new(lost));
        assert_eq!(kept(&record), None);
    }

    #[test]
    fn random_arrivals_may_be_fewer_by_chance() {
        // 2,000 less four times the square root of 2,000.
        assert_eq!(plan(Arrivals::Poisson).due_by(2.0), Some(1_821));
        assert_eq!(plan(Arrivals::Poisson).due_by(0.001), Some(0));
        let few = after_two_seconds(1_830, Arrivals::Poisson);
        assert_eq!(few.sent_in_time_share, Some(1.0));
    }

    #[test]
    fn nothing_more_is_due_when_the_time_is_over() {
        assert_eq!(plan(Arrivals::Constant).due_by(60.0), Some(10_000));
    }
}
