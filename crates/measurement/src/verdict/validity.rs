//! The judgement: limits, and the reasons that follow from the evidence.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::latency::{Latency, messages_beyond};
use super::reason::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, FIRM_TAIL_MESSAGES, JUDGED_QUANTILE, OWN_LIMIT_MARGIN,
    RUN_QUEUE_WAIT_LIMIT, Reason, Verdict,
};

/// The verdict as it is reported.
///
/// Two are equal when verdict and sentences are: no file holds `found`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ValiditySummary {
    /// The verdict on the figures.
    pub verdict: Verdict,
    /// Reasons against them as sentences, the worst first, each with advice.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The same as data; empty in a run that was read from a file.
    #[serde(skip)]
    pub found: Vec<Reason>,
}

impl PartialEq for ValiditySummary {
    fn eq(&self, other: &Self) -> bool {
        (self.verdict, &self.reasons) == (other.verdict, &other.reasons)
    }
}

impl ValiditySummary {
    /// Writes a sentence for each reason that was found.
    pub fn explain(&mut self, sentence: impl Fn(&Reason) -> String) {
        self.reasons = self.found.iter().map(sentence).collect();
    }
}

/// Judges a measurement by its evidence. [`ValiditySummary::explain`] makes sentences of the reasons.
pub fn judge(evidence: &Evidence) -> ValiditySummary {
    let mut reasons = Vec::new();
    if evidence.timed_messages == 0 {
        reasons.push(Reason::NothingMeasured);
    } else {
        reasons.extend(impossible(evidence));
        let beyond = messages_beyond(evidence.timed_messages, JUDGED_QUANTILE);
        if beyond < FIRM_TAIL_MESSAGES {
            reasons.push(Reason::ThinTail(beyond));
        }
    }
    if let (Some(lag), Some(service)) = (evidence.send_lag_p99_ns, evidence.service.p50)
        && lag > service
    {
        reasons.push(Reason::SendLag {
            lag_ns: lag,
            service_ns: service,
            sending: evidence.sending,
        });
    }
    if let Some(kept) = evidence
        .achieved_share
        .filter(|kept| *kept < ACHIEVED_SHARE_LIMIT)
    {
        // Exact far beyond any number of connections.
        let share_lost = evidence.broken_connections as f64 / evidence.connections.max(1) as f64;
        reasons.push(Reason::RateNotKept {
            kept,
            answered_all: evidence.answered_all,
            ended_with_connections: share_lost > 0.0 && kept >= 1.0 - share_lost,
            sending: evidence.sending,
        });
    }
    reasons.extend(own_limits(evidence));
    if let Some(share) = evidence.busiest_thread.filter(|s| *s > BUSY_THREAD_LIMIT) {
        reasons.push(Reason::GeneratorBusy(share));
    }
    if let Some(share) = evidence
        .run_queue_wait
        .filter(|s| *s > RUN_QUEUE_WAIT_LIMIT)
    {
        reasons.push(Reason::GeneratorWaited(share));
    }
    if evidence.broken_connections > 0 {
        let (broken, of) = (evidence.broken_connections, evidence.connections);
        reasons.push(Reason::LoadFellShort(broken, of));
    }
    if evidence.interrupted {
        reasons.push(Reason::Interrupted);
    }
    // A screen may have room for the first one only.
    reasons.sort_by_key(|reason| Reverse(reason.verdict()));
    ValiditySummary {
        verdict: reasons.first().map_or(Verdict::Valid, Reason::verdict),
        reasons: Vec::new(),
        found: reasons,
    }
}

/// Figures that say more about the generator than about the server.
fn own_limits(evidence: &Evidence) -> Vec<Reason> {
    let Some(own) = evidence.calibration else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    let (near, far) = (1.0 - OWN_LIMIT_MARGIN, 1.0 + OWN_LIMIT_MARGIN);
    let (floor, ceiling) = (own.floor_service_p50_ns, own.ceiling_messages_per_s);
    if let Some(found) = evidence.service.p50 {
        let share = found as f64 / floor as f64;
        if share < near {
            reasons.push(Reason::BelowFloor(found, floor));
        } else if share <= far {
            reasons.push(Reason::NearFloor(found, floor));
        }
    }
    let found = evidence.messages_per_s;
    let share = found / ceiling;
    if share > far {
        reasons.push(Reason::AboveCeiling(found, ceiling));
    } else if share >= near {
        reasons.push(Reason::NearCeiling(found, ceiling));
    }
    reasons
}

fn impossible(evidence: &Evidence) -> Vec<Reason> {
    let figures = |l: &Latency| {
        [
            ("min", l.min),
            ("p50", l.p50),
            ("p99", l.p99),
            ("max", l.max),
        ]
        .map(|(name, ns)| Some((name, ns? as f64)))
    };
    let (service, response) = (figures(&evidence.service), figures(&evidence.response));
    let mut pairs: Vec<_> = service.windows(2).map(|two| (two[0], two[1])).collect();
    let mean = evidence.service.mean.map(|ns| ("mean", ns));
    pairs.push((mean, service[3]));
    // A message is never sent before it is due.
    let of_response = |(_, ns)| ("the same of the response time", ns);
    let response = response.into_iter().map(|larger| larger.map(of_response));
    pairs.extend(service.into_iter().zip(response));
    pairs
        .into_iter()
        .filter_map(|(smaller, larger)| smaller.zip(larger))
        .filter(|(smaller, larger)| smaller.1 > larger.1)
        .map(|(smaller, larger)| Reason::Impossible { smaller, larger })
        .collect()
}

#[cfg(test)]
mod tests {
    //! Each reason at its limit.

    use super::*;
    use crate::verdict::SendConditions;

    fn good() -> Evidence {
        Evidence {
            timed_messages: 100_000,
            service: times(),
            response: times(),
            answered_all: true,
            messages_per_s: 1_000.0,
            busiest_thread: Some(0.71),
            run_queue_wait: Some(0.01),
            broken_connections: 0,
            connections: 100,
            ..Evidence::default()
        }
    }

    fn times() -> Latency {
        Latency {
            count: 100_000,
            min: Some(5),
            p50: Some(10),
            p99: Some(20),
            mean: Some(11.0),
            max: Some(30),
            ..Latency::default()
        }
    }

    fn verdict_of(change: impl FnOnce(&mut Evidence)) -> (Verdict, Vec<Reason>) {
        let mut evidence = good();
        change(&mut evidence);
        let found = judge(&evidence);
        (found.verdict, found.found)
    }

    #[test]
    fn a_run_with_nothing_against_it_is_valid() {
        assert_eq!(verdict_of(|_| {}), (Verdict::Valid, vec![]));
        let unknown = |e: &mut Evidence| {
            e.busiest_thread = None;
            e.run_queue_wait = None;
        };
        assert_eq!(verdict_of(unknown).0, Verdict::Valid);
    }

    #[test]
    fn nothing_measured_is_invalid() {
        let (verdict, reasons) = verdict_of(|e| e.timed_messages = 0);
        assert_eq!(verdict, Verdict::Invalid);
        assert_eq!(reasons, [Reason::NothingMeasured]);
    }

    #[test]
    fn contradictions_are_invalid() {
        for change in [
            (|e| e.service.p50 = Some(21)) as fn(&mut Evidence),
            |e| e.service.p99 = Some(31),
            |e| e.service.mean = Some(30.5),
            |e| e.response.p50 = Some(9),
            |e| e.response.max = Some(29),
        ] {
            assert_eq!(verdict_of(change).0, Verdict::Invalid);
        }
    }

    #[test]
    fn limits_are_where_the_contract_puts_them() {
        assert_eq!(
            verdict_of(|e| e.timed_messages = 99_949).0,
            Verdict::Suspect
        );
        assert_eq!(
            verdict_of(|e| e.busiest_thread = Some(0.90)).0,
            Verdict::Valid
        );
        assert_eq!(
            verdict_of(|e| e.busiest_thread = Some(0.91)).0,
            Verdict::Suspect
        );
        assert_eq!(
            verdict_of(|e| e.run_queue_wait = Some(0.06)).0,
            Verdict::Suspect
        );
        assert_eq!(verdict_of(|e| e.interrupted = true).0, Verdict::Suspect);
        assert_eq!(
            verdict_of(|e| e.broken_connections = 1),
            (Verdict::Suspect, vec![Reason::LoadFellShort(1, 100)])
        );
    }

    #[test]
    fn beyond_is_counted_to_the_nearest_message() {
        assert_eq!(messages_beyond(100_000, 0.99), 1_000);
        assert_eq!(messages_beyond(100_000, 0.999), 100);
        assert_eq!(messages_beyond(0, 0.99), 0);
    }

    #[test]
    fn the_worst_reason_comes_first() {
        let (verdict, reasons) = verdict_of(|e| {
            e.timed_messages = 10;
            e.send_lag_p99_ns = Some(11);
        });
        assert_eq!(verdict, Verdict::Invalid);
        let lag = Reason::SendLag {
            lag_ns: 11,
            service_ns: 10,
            sending: SendConditions::default(),
        };
        assert_eq!(reasons, [lag, Reason::ThinTail(0)]);
    }
}
