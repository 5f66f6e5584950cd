//! Evidence on connections for the verdict.

use super::plan_summary::PlanSummary;
use super::reconnect_summary::ReconnectSummary;
use crate::verdict::{
    ConnectionEvidence, Latency, OpeningEvidence, ReopenedConnections, SendLateness,
};

/// Openings of connections: those that were due at times of their own, and those of lost connections.
pub(super) fn openings(
    plan: &PlanSummary,
    (response, lateness): (&Latency, &SendLateness),
    reconnect: Option<&ReconnectSummary>,
) -> ConnectionEvidence {
    let rules = plan.connections.as_ref();
    let has_rate = rules.is_some_and(|rules| rules.rate_per_s.is_some());
    let replaces = rules.is_some_and(|rules| rules.replaces());
    ConnectionEvidence {
        due: opening(response, lateness).filter(|_| has_rate || replaces),
        has_rate,
        again: reconnect.and_then(opening_again),
        attempts: reconnect.map_or(0, |own| own.attempts),
        own_failed: reconnect.map_or(0, |own| own.own_failed),
    }
}

fn opening(response: &Latency, lateness: &SendLateness) -> Option<OpeningEvidence> {
    Some(OpeningEvidence {
        opened: response.count,
        lateness_p99_ns: lateness.p99?,
        response_p99_ns: response.p99?,
        share: lateness.share_of_response_p99?,
    })
}

/// An attempt is begun late only by the generator, so its response time without lateness is its connect time.
fn opening_again(own: &ReconnectSummary) -> Option<OpeningEvidence> {
    let response_p99_ns = own.connect_response_ns.p99?;
    let punctual_p99_ns = own.connect_ns.p99?.min(response_p99_ns);
    Some(OpeningEvidence {
        opened: own.connect_response_ns.count,
        lateness_p99_ns: own.attempt_lag_ns.p99?,
        response_p99_ns,
        share: 1.0 - punctual_p99_ns as f64 / response_p99_ns.max(1) as f64,
    })
}

/// Share of the load that the broken connections take away: `failed` to open, or `closed_early`. Planned ends take none
/// away. A client that opens its connection again does not either: the time until then is what the run measures.
pub(super) fn broken_share(
    plan: &PlanSummary,
    (attempted, failed, closed_early): (u64, u64, u64),
    elapsed_s: f64,
    reconnect: Option<&ReconnectSummary>,
) -> f64 {
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let planned = plan.connections_at_once();
    if reconnect.is_none_or(|own| own.law.is_none()) {
        // Each of them is one connection less, however often the others are replaced.
        return share(failed + closed_early, attempted.min(planned)).min(1.0);
    }
    let gone = reopened(plan, elapsed_s, reconnect).gone_share;
    (share(failed, attempted) + gone).min(1.0)
}

/// Connections lost otherwise than by plan, where clients open them again.
pub(super) fn reopened(
    plan: &PlanSummary,
    elapsed_s: f64,
    reconnect: Option<&ReconnectSummary>,
) -> ReopenedConnections {
    let reconnect = reconnect.filter(|own| own.law.is_some());
    let Some(own) = reconnect.filter(|own| own.dropped > own.by_plan()) else {
        return ReopenedConnections::default();
    };
    let all = plan.connections_at_once();
    let away = own.away_share(all, elapsed_s);
    let gone = own.not_back() as f64 / all.max(1) as f64;
    // Exact far beyond any number of connections.
    let unplanned = (own.dropped - own.by_plan()) as f64 / own.dropped as f64;
    ReopenedConnections {
        ended: own.by_server,
        not_replaced: own.not_replaced,
        away_share: away * unplanned,
        gone_share: (gone * unplanned).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::{ConnectionDrop, DropMethod, Length, Lifetime};
    use crate::record::{BottomK, Outcome, ReconnectRecord, Recorder, Sample};
    use crate::run::tests::summary;
    use crate::run::{ConnectionPlanSummary, Connections, RunContext, Summary};

    fn plan(change: impl FnOnce(&mut ConnectionPlanSummary)) -> PlanSummary {
        let Summary { mut plan, .. } = summary(100);
        let mut rules = ConnectionPlanSummary::default();
        change(&mut rules);
        (plan.clients, plan.connections) = (100, Some(rules));
        plan
    }

    #[test]
    fn only_connections_with_due_times_of_their_own_can_be_late() {
        let response = Latency {
            count: 500,
            p99: Some(1_000),
            ..Latency::default()
        };
        let lateness = SendLateness {
            p99: Some(900),
            share_of_response_p99: Some(0.9),
            ..SendLateness::default()
        };
        let due = |plan| openings(&plan, (&response, &lateness), None).due;
        assert_eq!(due(plan(|rules| rules.idle = 5)), None);
        assert!(due(plan(|rules| rules.rate_per_s = Some(5.0))).is_some());
        assert!(due(plan(|rules| rules.lifetime = Some("1s".to_owned()))).is_some());
        assert!(due(plan(|rules| rules.messages_per_connection = Some(5))).is_some());
    }

    #[test]
    fn replacements_do_not_dilute_connections_that_are_gone() {
        let plan = plan(|rules| rules.lifetime = Some("1s".to_owned()));
        assert_eq!(broken_share(&plan, (12_000, 6, 0), 60.0, None), 0.06);
        assert_eq!(broken_share(&plan, (50, 5, 0), 60.0, None), 0.1);
        assert_eq!(broken_share(&plan, (0, 0, 0), 60.0, None), 0.0);
    }

    #[test]
    fn connections_that_came_back_are_not_gone() {
        let plan = plan(|rules| rules.reconnect = Some("now".to_owned()));
        let mut own = ReconnectSummary {
            law: Some("now".to_owned()),
            dropped: 300,
            by_server: 300,
            back: 299,
            away_client_s: 6_000.0,
            ..ReconnectSummary::default()
        };
        let share = |own: &ReconnectSummary| broken_share(&plan, (100, 0, 300), 60.0, Some(own));
        assert_eq!(share(&own), 0.01);
        own.by_server = 0;
        assert_eq!(share(&own), 0.0, "ends by plan");
    }

    #[test]
    fn planned_ends_are_no_reason_against_the_figures() {
        let plan = crate::run::tests::plan(|draft| {
            draft.length = Length::Duration(Duration::from_secs(2));
            draft.connections.lifetime = Some(Lifetime::Fixed(Duration::from_secs(1)));
            draft.connections.drop = Some(ConnectionDrop {
                after: Duration::from_secs(1),
                share: 1.0,
                method: DropMethod::Reset,
            });
        });
        let mut recorder = Recorder::new(false, 0);
        let budget = BottomK::new(0, 1);
        for n in 0..200_000 {
            recorder.sent(n, n);
            let sample = Sample::echoed(0, n, n, n, n + 1_000, Outcome::Ok);
            recorder.ended(&budget, sample, 125);
        }
        let mut record = recorder.so_far();
        // The last of them were in flight when dropped. Their clients used most of the time for new connections.
        record.counts.abandoned = 2;
        record.active_ns = 10 * record.in_flight_ns;
        let mut lost = ReconnectRecord::default();
        (0..2).for_each(|_| lost.lost(1_000_000_000, false));
        lost.missed = 1_000;
        record.reconnect = Some(Box::new(lost));
        let context = RunContext {
            elapsed_s: 2.0,
            connections: Connections {
                attempted: 4,
                opened: 4,
                replaced: 2,
                ..Connections::default()
            },
            ..RunContext::default()
        };
        let found = Summary::new(&plan, &record, context).validity.found;
        assert_eq!(found, []);
    }
}
