//! The judgement: limits applied to the evidence, and the resulting reasons.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::connections::connection_reasons;
use super::deliveries::{delivery_reasons, nothing_measured};
use super::evidence::{Evidence, RecordEvidence, TimeInFlight};
use super::latency::{Latency, messages_beyond};
use super::reason::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, FIRM_TAIL_MESSAGES, JUDGED_QUANTILE, OWN_LIMIT_MARGIN,
    OWN_TIME_LIMIT, RUN_QUEUE_WAIT_LIMIT, Reason, SUSPECT_LATENESS_SHARE, SUSPENSION_LIMIT_S,
    THROTTLED_LIMIT, UNEXPECTED_RECORDS_LIMIT, Verdict,
};

/// The verdict as reported in results.
///
/// Equality compares verdict and sentences, because files do not contain `found`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ValiditySummary {
    /// The verdict on the figures.
    pub verdict: Verdict,
    /// Reasons as sentences, each with advice. Those that decide the verdict come first.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// The same reasons as data; empty in a run that was read from a file.
    #[serde(skip)]
    pub found: Vec<Reason>,
}

impl PartialEq for ValiditySummary {
    fn eq(&self, other: &Self) -> bool {
        (self.verdict, &self.reasons) == (other.verdict, &other.reasons)
    }
}

impl ValiditySummary {
    /// The verdict that these reasons lead to. A screen may have room for the first one only.
    pub(crate) fn of(mut found: Vec<Reason>) -> Self {
        found.sort_by_key(|reason| (Reverse(reason.verdict()), reason.order()));
        let verdict = found.iter().map(Reason::verdict).max();
        Self {
            verdict: verdict.unwrap_or(Verdict::Valid),
            reasons: Vec::new(),
            found,
        }
    }

    /// Returns true when a reason found is that connections failed or ended early in the part that was judged.
    pub fn names_broken_connections(&self) -> bool {
        self.found.iter().any(|reason| match reason {
            Reason::OfReportedStep(reason) => reason.has_broken_connections(),
            reason => reason.has_broken_connections(),
        })
    }

    /// Sets `reasons` to one sentence per reason found.
    pub fn explain(&mut self, sentence: impl Fn(&Reason) -> String) {
        self.reasons = self.found.iter().map(sentence).collect();
    }
}

/// Judges a measurement by its evidence. [`ValiditySummary::explain`] adds the sentences.
pub fn judge(evidence: &Evidence) -> ValiditySummary {
    let mut reasons = Vec::new();
    let measured = evidence.measured();
    let recognized_late = evidence.recognized_late || measured > 0;
    if evidence.recognized_nothing && recognized_late {
        reasons.push(Reason::RecognizedLate);
    }
    if evidence.recognized_nothing && !recognized_late {
        reasons.push(Reason::NothingRecognized);
    } else if measured == 0 {
        reasons.push(nothing_measured(evidence));
    } else {
        reasons.extend(impossible(evidence));
        reasons.extend(too_long_in_flight(evidence));
        reasons.extend(thin_tail(evidence));
    }
    // Without times, the generator's limits matter only if they kept messages from being sent.
    let rate_not_kept = rate_not_kept(evidence);
    if measured > 0 || rate_not_kept.is_some() {
        reasons.extend(stopped(evidence));
        reasons.extend(stillness(evidence));
        reasons.extend(own_limits(evidence));
        reasons.extend(short_of_cores(evidence));
    } else if 2e-9 * evidence.stops.longest_ns as f64 > evidence.elapsed_s {
        // It may be why there are none.
        reasons.extend(stopped(evidence));
    }
    reasons.extend(rate_not_kept);
    reasons.extend(load_fell_short(evidence));
    reasons.extend(connection_reasons(&evidence.openings));
    reasons.extend(faulty_records(&evidence.records));
    reasons.extend(delivery_reasons(evidence));
    if evidence.unverified || evidence.matched_by_order > 0 {
        reasons.push(Reason::MatchedByOrder {
            messages: evidence.matched_by_order,
            unverified: evidence.unverified,
            unexplained: evidence.unexplained_answers,
            has_scenario: evidence.records.sent > 0,
        });
    }
    reasons.extend(evidence.changes.iter().copied().map(Reason::Drift));
    if evidence.interrupted {
        reasons.push(Reason::Interrupted);
    }
    ValiditySummary::of(reasons)
}

/// Too few values beyond the highest percentile that is judged.
fn thin_tail(evidence: &Evidence) -> Option<Reason> {
    let values = match evidence.timed_messages {
        0 => evidence.measured(),
        timed => timed,
    };
    let beyond = messages_beyond(values, JUDGED_QUANTILE);
    let reason = if evidence.pushed() > 0 {
        Reason::FewPushes(beyond)
    } else {
        Reason::ThinTail(beyond)
    };
    (beyond < FIRM_TAIL_MESSAGES).then_some(reason)
}

/// Times in which the generator stood still, or its machine was suspended.
fn stopped(evidence: &Evidence) -> Option<Reason> {
    let was_suspended = evidence.withheld.suspended_s > Some(SUSPENSION_LIMIT_S);
    let stops = evidence.stops;
    let measured_ns = evidence.elapsed_s * 1e9;
    // Of several stops, the time of the longest alone is known.
    let is_after_sending =
        stops.count == 1 && measured_ns > 0.0 && stops.longest_at_ns as f64 >= measured_ns;
    let waits = stops.messages > 0 || evidence.reads_for_others();
    if is_after_sending && !waits && !was_suspended {
        // Nothing was sent or awaited any more.
        return None;
    }
    (stops.count > 0 || was_suspended).then_some(Reason::GeneratorStopped {
        stops,
        only_reads: is_after_sending || evidence.pushed() > 0,
        withheld: evidence.withheld,
        largest_payload: evidence.largest_payload,
        elapsed_s: evidence.elapsed_s,
    })
}

/// Reasons from throttling, lateness and own time of the generator.
fn stillness(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let (elapsed_s, throttled_s) = (evidence.elapsed_s, evidence.withheld.throttled_s);
    if let Some(throttled_s) = throttled_s.filter(|s| *s > THROTTLED_LIMIT * elapsed_s) {
        reasons.push(Reason::GeneratorThrottled {
            throttled_s,
            elapsed_s,
        });
    }
    let share = evidence.lateness.and_then(|l| l.share_of_response_p99);
    if let (Some(share), Some(response_p99_ns)) = (share, evidence.response.p99)
        && share > SUSPECT_LATENESS_SHARE
    {
        reasons.push(Reason::SendLateness {
            share,
            response_p99_ns,
            busy_poll: evidence.sending.busy_poll,
            pinned: evidence.sending.pinned,
        });
    }
    if let Some(time) = law_of_little(evidence).filter(|t| t.possible_s > 0.0) {
        let own = 1.0 - time.spent_s / time.possible_s;
        if time.is_long && own > OWN_TIME_LIMIT {
            reasons.push(Reason::OwnTime(own));
        }
    }
    reasons
}

/// An offered rate that was not achieved.
fn rate_not_kept(evidence: &Evidence) -> Option<Reason> {
    let kept = evidence.achieved_share?;
    let share_lost = evidence.broken_share();
    (kept < ACHIEVED_SHARE_LIMIT).then_some(Reason::RateNotKept {
        kept,
        answered_all: evidence.answered_all,
        ended_with_connections: share_lost > 0.0 && kept >= 1.0 - share_lost,
        sending: evidence.sending,
    })
}

/// Threads that had too little of a core.
fn short_of_cores(evidence: &Evidence) -> impl Iterator<Item = Reason> {
    let busiest = evidence.busiest_thread.filter(|s| *s > BUSY_THREAD_LIMIT);
    let waited = evidence.run_queue_wait;
    let waited = waited.filter(|s| *s > RUN_QUEUE_WAIT_LIMIT);
    let pinned = evidence.sending.pinned;
    let waited = waited.map(|share| Reason::GeneratorWaited { share, pinned });
    let busy = if evidence.reads_for_others() {
        Reason::DeliveriesReadLate
    } else {
        Reason::GeneratorBusy
    };
    busiest.map(busy).into_iter().chain(waited)
}

/// Connections or messages missing from the planned load. Messages left unsent by an interrupt are not missing.
fn load_fell_short(evidence: &Evidence) -> Option<Reason> {
    let may_be_unsent = evidence.interrupted || evidence.recognized_nothing || evidence.goes_on;
    let unsent = if may_be_unsent { 0 } else { evidence.unsent };
    let (broken, connections) = (evidence.broken_connections, evidence.connections);
    let reopened = evidence.reopened;
    // Exact for any realistic number of messages.
    let share = |part: u64, of: u64| part as f64 / of.max(1) as f64;
    let missing_share = match evidence.due {
        // Receivers are a part of the load, too.
        Some(due) if evidence.fan_out.is_some() => share(unsent, due).max(evidence.broken_share()),
        // Clients that came back lacked only the time for which the run asks. Those that did not were a part of the load.
        Some(due) => share(unsent, due).max(reopened.gone_share),
        None => evidence.broken_share(),
    };
    (broken > 0 || unsent > 0 || reopened.any()).then_some(Reason::LoadFellShort {
        broken,
        connections,
        unsent,
        due: evidence.due.unwrap_or(0),
        reopened,
        missing_share,
    })
}

/// Records of a scenario that say that the server or the scenario is at fault.
fn faulty_records(records: &RecordEvidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if records.error_replies > 0 {
        reasons.push(Reason::ErrorReplies {
            refused: records.error_replies,
            sent: records.sent,
        });
    }
    if records.server_errors > 0 {
        reasons.push(Reason::ServerErrors(records.server_errors));
    }
    let (unexpected, all) = (records.unexpected, records.unexpected + records.matched);
    // Exact for any realistic number of records.
    if unexpected as f64 > UNEXPECTED_RECORDS_LIMIT * all as f64 {
        reasons.push(Reason::UnexpectedRecords {
            unexpected,
            records: all,
        });
    }
    reasons
}

/// Figures that are close to or beyond the calibrated limits of the generator.
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
    let delivered = evidence.fan_out.as_ref().map(|own| own.deliveries_per_s);
    let deliveries = delivered.zip(own.ceiling_deliveries_per_s);
    let deliveries = deliveries.filter(|(found, ceiling)| *found >= near * ceiling);
    reasons.extend(deliveries.map(|(found, ceiling)| Reason::NearDeliveryCeiling(found, ceiling)));
    reasons
}

/// Time in flight of messages that leave the window when they end. One that ends with its last delivery leaves it before,
/// when its sender has its own copy.
fn law_of_little(evidence: &Evidence) -> Option<TimeInFlight> {
    let time = evidence.time_in_flight;
    time.filter(|_| !evidence.ends_with_deliveries)
}

/// Little's law: messages cannot have been in flight for longer than a full window all the time.
fn too_long_in_flight(evidence: &Evidence) -> Option<Reason> {
    let time = law_of_little(evidence)?;
    // Tolerance for rounding in sums of many times.
    (time.spent_s > time.possible_s * (1.0 + 1e-9) + 1e-6).then_some(Reason::Impossible {
        smaller: (
            "the time that all messages were in flight,",
            time.spent_s * 1e9,
        ),
        larger: ("clients × window × time,", time.possible_s * 1e9),
    })
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
    use crate::record::{MessageCounts, ScenarioCounts};
    use crate::verdict::{
        NothingRight, ReopenedConnections, SendLateness, Stop, Stops, TimeInFlight,
    };

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

    fn stop_of(length_ns: u64) -> Stops {
        Stops::join(vec![Stop {
            start_ns: 5,
            length_ns,
            messages: 1,
        }])
    }

    fn fell_short(unsent: u64, due: Option<u64>, missing_share: f64) -> Reason {
        Reason::LoadFellShort {
            broken: 1,
            connections: 100,
            unsent,
            due: due.unwrap_or(0),
            reopened: ReopenedConnections::default(),
            missing_share,
        }
    }

    /// A server that died and stayed away was suspect only: the messages missed since then were not unsent.
    #[test]
    fn a_server_that_never_comes_back_is_invalid_with_reconnects_too() {
        let of = |gone_share| {
            let (verdict, reasons) = verdict_of(|e| {
                (e.unsent, e.due) = (0, Some(100_000));
                e.reopened = ReopenedConnections {
                    ended: 100,
                    gone_share,
                    ..ReopenedConnections::default()
                };
            });
            assert!(matches!(reasons[..], [Reason::LoadFellShort { .. }]));
            verdict
        };
        assert_eq!(of(0.67), Verdict::Invalid);
        assert_eq!(of(0.05), Verdict::Suspect);
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
        assert_eq!(
            reasons,
            [Reason::NothingMeasured(NothingRight::NothingSent)]
        );
    }

    #[test]
    fn a_run_without_times_has_no_reasons_about_cores() {
        let (_, reasons) = verdict_of(|e| {
            (e.timed_messages, e.elapsed_s) = (0, 1.0);
            (e.busiest_thread, e.run_queue_wait) = (Some(0.99), Some(0.5));
            e.stops = stop_of(20_000_000);
            e.withheld.throttled_s = Some(0.5);
        });
        let nothing = Reason::NothingMeasured(NothingRight::NothingSent);
        assert_eq!(reasons, [nothing]);
        // A stop that takes most of the run may be why.
        let (_, reasons) = verdict_of(|e| {
            (e.timed_messages, e.elapsed_s) = (0, 1.0);
            e.stops = stop_of(8_720_000_000);
        });
        assert!(matches!(reasons[1], Reason::GeneratorStopped { .. }));
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
            (Verdict::Suspect, vec![fell_short(0, None, 0.01)])
        );
        assert_eq!(verdict_of(|e| e.broken_connections = 5).0, Verdict::Suspect);
        assert_eq!(verdict_of(|e| e.broken_connections = 6).0, Verdict::Invalid);
        for (unsent, verdict) in [(5, Verdict::Suspect), (6, Verdict::Invalid)] {
            let found = verdict_of(|e| {
                (e.broken_connections, e.unsent, e.due) = (1, unsent, Some(100));
            });
            let reason = fell_short(unsent, Some(100), unsent as f64 / 100.0);
            assert_eq!(found, (verdict, vec![reason]));
        }
        let (verdict, _) = verdict_of(|e| {
            (e.unsent, e.due, e.interrupted) = (90, Some(100), true);
        });
        assert_eq!(verdict, Verdict::Suspect, "the user's own doing");
    }

    #[test]
    fn a_server_that_refuses_or_sends_unknown_records_is_suspect() {
        let of = |error_replies, server_errors, unexpected| {
            verdict_of(|e| {
                e.records = RecordEvidence {
                    sent: 1_000,
                    matched: 990,
                    error_replies,
                    server_errors,
                    unexpected,
                };
            })
        };
        assert_eq!(of(0, 0, 0), (Verdict::Valid, vec![]));
        let refused = Reason::ErrorReplies {
            refused: 1,
            sent: 1_000,
        };
        assert_eq!(of(1, 0, 0), (Verdict::Suspect, vec![refused]));
        let errors = vec![Reason::ServerErrors(1)];
        assert_eq!(of(0, 1, 0), (Verdict::Suspect, errors));
        assert_eq!(of(0, 0, 10), (Verdict::Valid, vec![]), "1 % of the records");
        let unexpected = Reason::UnexpectedRecords {
            unexpected: 11,
            records: 1_001,
        };
        assert_eq!(of(0, 0, 11), (Verdict::Suspect, vec![unexpected]));
    }

    #[test]
    fn messages_that_the_server_sends_to_an_echo_are_no_fault() {
        let mut counts = MessageCounts {
            sent: 10,
            received: 10,
            unexpected: 90,
            ..MessageCounts::default()
        };
        assert_eq!(RecordEvidence::of(&counts), RecordEvidence::default());
        counts.scenario = Some(ScenarioCounts {
            error_reply: 10,
            ..ScenarioCounts::default()
        });
        assert_eq!(RecordEvidence::of(&counts).unexpected, 90);
        assert_eq!(NothingRight::of(&counts), NothingRight::AllRefused);
    }

    #[test]
    fn beyond_is_counted_to_the_nearest_message() {
        assert_eq!(messages_beyond(100_000, 0.99), 1_000);
        assert_eq!(messages_beyond(100_000, 0.999), 100);
        assert_eq!(messages_beyond(0, 0.99), 0);
        // Slightly above half a message in binary.
        assert_eq!(messages_beyond(50, 0.99), 0);
        assert_eq!(messages_beyond(500, 0.999), 0);
        assert_eq!(messages_beyond(51, 0.99), 1);
    }

    #[test]
    fn the_worst_reason_comes_first() {
        let (verdict, reasons) = verdict_of(|e| {
            e.timed_messages = 10;
            e.response.p50 = Some(9);
        });
        assert_eq!(verdict, Verdict::Invalid);
        assert!(matches!(reasons[0], Reason::Impossible { .. }));
        assert_eq!(reasons[1], Reason::ThinTail(0));
    }

    #[test]
    fn lateness_counts_by_its_part_of_the_response_time() {
        let of = |share, response_p99_ns| {
            let found = verdict_of(|e| {
                (e.response.p99, e.response.max) = (Some(response_p99_ns), Some(response_p99_ns));
                e.lateness = Some(SendLateness {
                    share_of_response_p99: Some(share),
                    ..SendLateness::default()
                });
            });
            found.0
        };
        assert_eq!(of(0.10, 3_000_000), Verdict::Valid);
        assert_eq!(of(0.11, 3_000_000), Verdict::Suspect);
        assert_eq!(of(0.51, 3_000_000), Verdict::Invalid);
        // Too small to matter when tuning: a fast server on an idle machine is not invalid.
        assert_eq!(of(0.99, 1_000_000), Verdict::Suspect);
    }

    #[test]
    fn a_stop_behind_the_last_message_was_said_to_delay_messages() {
        let of = |start_ns, messages| {
            verdict_of(|e| {
                e.elapsed_s = 10.0;
                e.stops = Stops {
                    count: 1,
                    total_ns: 20_000_000,
                    longest_ns: 20_000_000,
                    longest_at_ns: start_ns,
                    messages,
                };
            })
        };
        assert_eq!(of(10_000_000_000, 0), (Verdict::Valid, vec![]));
        for (start_ns, messages, wanted) in [(10_000_000_000, 1, true), (9_990_000_000, 0, false)] {
            let (_, reasons) = of(start_ns, messages);
            let [Reason::GeneratorStopped { only_reads, .. }] = reasons[..] else {
                panic!("{reasons:?}");
            };
            assert_eq!(only_reads, wanted);
        }
    }

    #[test]
    fn a_generator_that_stood_still_is_not_valid() {
        let (verdict, reasons) = verdict_of(|e| e.stops = stop_of(7));
        assert_eq!(verdict, Verdict::Suspect);
        assert!(matches!(reasons[..], [Reason::GeneratorStopped { .. }]));
        for (change, verdict) in [
            (
                (|e| e.withheld.suspended_s = Some(0.1)) as fn(&mut Evidence),
                Verdict::Suspect,
            ),
            (|e| e.withheld.throttled_s = Some(0.2), Verdict::Suspect),
            (|e| e.withheld.throttled_s = Some(0.05), Verdict::Valid),
            (|e| e.withheld.steal_s = Some(9.0), Verdict::Valid),
        ] {
            let of_ten_seconds = |e: &mut Evidence| {
                e.elapsed_s = 10.0;
                change(e);
            };
            assert_eq!(verdict_of(of_ten_seconds).0, verdict);
        }
    }

    #[test]
    fn no_more_than_a_full_window_can_be_in_flight_all_the_time() {
        let of = |spent_s, is_long| {
            verdict_of(|e| {
                e.time_in_flight = Some(TimeInFlight {
                    spent_s,
                    possible_s: 100.0,
                    is_long,
                });
            })
        };
        assert_eq!(of(100.1, true).0, Verdict::Invalid);
        assert_eq!(of(100.0, true), (Verdict::Valid, vec![]));
        assert_eq!(of(90.5, true).0, Verdict::Valid);
        assert_eq!(
            of(50.0, true),
            (Verdict::Suspect, vec![Reason::OwnTime(0.5)])
        );
        assert_eq!(
            of(50.0, false).0,
            Verdict::Valid,
            "a short run begins and ends"
        );
    }
}
