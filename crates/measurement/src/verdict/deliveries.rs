//! Reasons from deliveries, from messages that the server sends on its own, and from slow readers.

use super::delivery_evidence::SlowEvidence;
use super::evidence::Evidence;
use super::reason::{Reason, SLOW_READER_BUFFER_BYTES};

impl Evidence {
    /// Number of values on which the figures rest: service times, deliveries of messages that end with them, or messages
    /// of a feed.
    pub(super) fn measured(&self) -> u64 {
        self.timed_messages.max(self.delivered()).max(self.pushed())
    }

    /// Deliveries, if they end messages.
    fn delivered(&self) -> u64 {
        let fan_out = self.fan_out.as_ref().filter(|_| self.ends_with_deliveries);
        fan_out.map_or(0, |own| own.delivered)
    }

    /// Messages of a feed, if the generator sends none.
    pub(super) fn pushed(&self) -> u64 {
        let feed = self.push.filter(|_| self.records.sent == 0);
        feed.map_or(0, |feed| feed.received)
    }

    /// Returns true when a thread that is busy reads what others caused, so its times are too long.
    pub(super) fn reads_for_others(&self) -> bool {
        let delivered = self.fan_out.as_ref().map_or(0, |own| own.delivered);
        delivered > 0 || self.pushed() > 0
    }
}

/// The reason of a run without any figure.
pub(super) fn nothing_measured(evidence: &Evidence) -> Reason {
    let has_nothing_sent = evidence.records.sent == 0;
    if evidence.push.is_some() && has_nothing_sent {
        return Reason::NothingPushed {
            unexpected: evidence.records.unexpected,
        };
    }
    let ends_with_deliveries = evidence.ends_with_deliveries && !has_nothing_sent;
    let nothing = nothing_delivered(evidence).filter(|_| ends_with_deliveries);
    nothing.unwrap_or_else(|| Reason::NothingMeasured(evidence.nothing_right.clone()))
}

fn nothing_delivered(evidence: &Evidence) -> Option<Reason> {
    let own = evidence.fan_out.as_ref()?;
    // Messages with replies are measured without any receiver, too.
    let should_deliver = own.expected > 0 || evidence.ends_with_deliveries;
    let is_nothing = own.published > 0 && own.delivered == 0 && should_deliver;
    is_nothing.then_some(Reason::NothingDelivered {
        expected: own.expected,
        unexpected: evidence.records.unexpected,
    })
}

/// Reasons from deliveries, pushes and slow readers, beside those of all runs.
pub(super) fn delivery_reasons(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    // Without any figure, `nothing_measured` names the cause.
    if evidence.measured() > 0 {
        reasons.extend(nothing_delivered(evidence));
    }
    reasons.extend(fan_out(evidence));
    let ahead_ns = evidence.push.and_then(|feed| feed.clock_ahead_ns);
    reasons.extend(ahead_ns.map(Reason::ServerClockAhead));
    // A run that goes on may still fill the buffers.
    let slow_readers = evidence.slow.filter(|_| !evidence.goes_on);
    reasons.extend(slow_readers.and_then(slow));
    reasons
}

fn fan_out(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let Some(own) = evidence.fan_out.as_ref().filter(|own| own.delivered > 0) else {
        return reasons;
    };
    let missing = own.expected.saturating_sub(own.delivered);
    let reaches_others = own.delivered > own.own_copies || own.expected <= own.published;
    if !evidence.goes_on && !reaches_others {
        return vec![Reason::OnlyOwnCopies {
            own_copies: own.own_copies,
            expected: own.expected,
        }];
    }
    // Deliveries of messages in flight are not missing yet.
    if !evidence.goes_on && own.unreached > 0 {
        reasons.push(Reason::UnreachedReceivers {
            count: own.unreached,
            first: own.unreached_clients.clone(),
        });
    }
    if !evidence.goes_on && missing > 0 {
        reasons.push(Reason::MissingDeliveries {
            missing,
            expected: own.expected,
            none_complete: own.complete == 0,
        });
    }
    if own.misdirected > 0 {
        reasons.push(Reason::MisdirectedDeliveries(own.misdirected));
    }
    let delayed = own.delayed_share.map(Reason::DelayedAcknowledgements);
    reasons.extend(delayed.or(own.delayed_last_share.map(Reason::DelayedLastReceivers)));
    reasons
}

/// Slow readers that were sent too little to fill the buffers between them and the server.
fn slow(own: SlowEvidence) -> Option<Reason> {
    let limit_bytes = SLOW_READER_BUFFER_BYTES + own.read_bytes;
    (own.closed == 0 && own.sent_bytes < limit_bytes).then_some(Reason::SlowReadersNotFull {
        sent_bytes: own.sent_bytes,
        limit_bytes,
    })
}

#[cfg(test)]
mod tests {
    //! Each reason at its limit.

    use super::*;
    use crate::verdict::{
        Calibration, FanOutEvidence, Latency, NothingRight, PushEvidence, RecordEvidence, Stop,
        Stops, TimeInFlight, Verdict, judge,
    };

    fn room() -> Evidence {
        let times = Latency {
            count: 100_000,
            min: Some(5),
            p50: Some(10),
            p99: Some(20),
            mean: Some(11.0),
            max: Some(30),
            ..Latency::default()
        };
        Evidence {
            timed_messages: 100_000,
            service: times,
            response: times,
            answered_all: true,
            connections: 100,
            elapsed_s: 10.0,
            records: RecordEvidence {
                sent: 100_000,
                ..RecordEvidence::default()
            },
            ends_with_deliveries: true,
            fan_out: Some(FanOutEvidence {
                published: 100_000,
                expected: 1_000_000,
                delivered: 1_000_000,
                own_copies: 100_000,
                complete: 100_000,
                ..FanOutEvidence::default()
            }),
            ..Evidence::default()
        }
    }

    fn feed(received: u64) -> Evidence {
        Evidence {
            connections: 100,
            elapsed_s: 10.0,
            push: Some(PushEvidence {
                received,
                clock_ahead_ns: None,
            }),
            ..Evidence::default()
        }
    }

    fn reasons_of(evidence: &Evidence) -> (Verdict, Vec<Reason>) {
        let found = judge(evidence);
        (found.verdict, found.found)
    }

    fn of_room(change: impl FnOnce(&mut Evidence, &mut FanOutEvidence)) -> (Verdict, Vec<Reason>) {
        let mut evidence = room();
        let mut fan_out = evidence.fan_out.take().unwrap();
        change(&mut evidence, &mut fan_out);
        evidence.fan_out = Some(fan_out);
        reasons_of(&evidence)
    }

    #[test]
    fn a_room_and_a_feed_with_nothing_against_them_are_valid() {
        assert_eq!(of_room(|_, _| {}), (Verdict::Valid, vec![]));
        assert_eq!(reasons_of(&feed(100_000)), (Verdict::Valid, vec![]));
    }

    #[test]
    fn a_feed_that_pushed_nothing_is_invalid() {
        let mut evidence = feed(0);
        evidence.records.unexpected = 3;
        let nothing = Reason::NothingPushed { unexpected: 3 };
        let (verdict, reasons) = reasons_of(&evidence);
        assert_eq!((verdict, &reasons[0]), (Verdict::Invalid, &nothing));
    }

    #[test]
    fn a_feed_is_judged_on_its_generator_although_it_has_no_service_times() {
        let mut evidence = feed(100_000);
        evidence.stops = Stops::join(vec![Stop {
            start_ns: 5,
            length_ns: 20_000_000,
            messages: 0,
        }]);
        let (verdict, reasons) = reasons_of(&evidence);
        assert_eq!(verdict, Verdict::Suspect);
        assert!(matches!(
            reasons[0],
            Reason::GeneratorStopped {
                only_reads: true,
                ..
            }
        ));
        assert_eq!(
            reasons_of(&feed(99_900)),
            (Verdict::Suspect, vec![Reason::FewPushes(999)])
        );
    }

    #[test]
    fn a_server_whose_clock_is_ahead_makes_a_feed_invalid() {
        let mut evidence = feed(100_000);
        evidence.push.as_mut().unwrap().clock_ahead_ns = Some(5_000_000);
        let ahead = Reason::ServerClockAhead(5_000_000);
        assert_eq!(reasons_of(&evidence), (Verdict::Invalid, vec![ahead]));
    }

    #[test]
    fn nothing_delivered_is_invalid_with_and_without_replies() {
        let nothing = |expected| Reason::NothingDelivered {
            expected,
            unexpected: 0,
        };
        let without = of_room(|e, own| {
            (e.timed_messages, e.service, e.response) = Default::default();
            (own.expected, own.delivered) = (50, 0);
        });
        assert_eq!(without, (Verdict::Invalid, vec![nothing(50)]));
        let with_replies = of_room(|e, own| {
            e.ends_with_deliveries = false;
            (own.expected, own.delivered) = (50, 0);
        });
        assert_eq!(with_replies, (Verdict::Invalid, vec![nothing(50)]));
        let without_receivers = |ends_with_deliveries| {
            of_room(|e, own| {
                e.ends_with_deliveries = ends_with_deliveries;
                (own.expected, own.delivered) = (0, 0);
            })
        };
        assert_eq!(without_receivers(false), (Verdict::Valid, vec![]));
        let invalid = (Verdict::Invalid, vec![nothing(0)]);
        assert_eq!(without_receivers(true), invalid);
        // Nothing was published, so deliveries are not the cause.
        let nothing_sent = of_room(|e, own| {
            (e.timed_messages, e.records.sent) = (0, 0);
            *own = FanOutEvidence::default();
        });
        let cause = Reason::NothingMeasured(NothingRight::NothingSent);
        assert_eq!(nothing_sent, (Verdict::Invalid, vec![cause]));
    }

    #[test]
    fn one_unreached_receiver_does_not_make_a_room_unmeasured() {
        // No message reached all, so no message has a service time.
        let (verdict, reasons) = of_room(|e, own| {
            (e.timed_messages, e.answered_all) = (0, false);
            (e.service, e.response) = Default::default();
            own.delivered = 900_000;
            (own.unreached, own.unreached_clients) = (1, vec![7]);
            own.complete = 0;
        });
        assert_eq!(verdict, Verdict::Suspect);
        let unreached = Reason::UnreachedReceivers {
            count: 1,
            first: vec![7],
        };
        let missing = Reason::MissingDeliveries {
            missing: 100_000,
            expected: 1_000_000,
            none_complete: true,
        };
        assert_eq!(reasons, [unreached, missing]);
    }

    #[test]
    fn an_echo_server_was_judged_as_a_room_under_too_much_load() {
        let of = |delivered, own_copies, expected| {
            of_room(|e, own| {
                (e.timed_messages, e.answered_all) = (0, false);
                (e.service, e.response) = Default::default();
                (own.delivered, own.own_copies, own.expected) = (delivered, own_copies, expected);
                own.complete = 0;
            })
        };
        let only = Reason::OnlyOwnCopies {
            own_copies: 100_000,
            expected: 400_000,
        };
        let found = of(100_000, 100_000, 400_000);
        assert_eq!(found, (Verdict::Invalid, vec![only]));
        // Anything that reaches another client is the work of a room, and each client may be alone in its own.
        for (delivered, own_copies, expected) in
            [(100_001, 100_000, 400_000), (99_000, 99_000, 100_000)]
        {
            let (verdict, reasons) = of(delivered, own_copies, expected);
            assert_eq!(verdict, Verdict::Suspect);
            assert!(matches!(reasons[0], Reason::MissingDeliveries { .. }));
        }
    }

    #[test]
    fn messages_without_any_reply_are_unmeasured_although_they_were_delivered() {
        let (verdict, reasons) = of_room(|e, _| {
            (e.timed_messages, e.ends_with_deliveries) = (0, false);
            e.nothing_right = NothingRight::NoReply { unexpected: 0 };
        });
        assert_eq!(verdict, Verdict::Invalid);
        assert!(matches!(reasons[0], Reason::NothingMeasured(_)));
    }

    #[test]
    fn deliveries_in_flight_are_not_missing_while_the_run_goes_on() {
        let reasons = of_room(|e, own| {
            e.goes_on = true;
            (own.delivered, own.unreached) = (999_990, 1);
        });
        assert_eq!(reasons, (Verdict::Valid, vec![]));
    }

    #[test]
    fn deliveries_read_by_a_busy_thread_are_invalid() {
        let busy = |share| of_room(|e, _| e.busiest_thread = Some(share));
        assert_eq!(busy(0.90).0, Verdict::Valid);
        let late = Reason::DeliveriesReadLate(0.91);
        assert_eq!(busy(0.91), (Verdict::Invalid, vec![late.clone()]));
        let mut evidence = feed(100_000);
        evidence.busiest_thread = Some(0.91);
        assert_eq!(reasons_of(&evidence), (Verdict::Invalid, vec![late]));
    }

    #[test]
    fn deliveries_at_the_generators_own_limit_are_suspect() {
        let at = |ceiling_deliveries_per_s| {
            of_room(|e, own| {
                own.deliveries_per_s = 90_000.0;
                e.calibration = Some(Calibration {
                    floor_service_p50_ns: 1,
                    ceiling_messages_per_s: 1e6,
                    ceiling_deliveries_per_s,
                    took_s: 0.3,
                    longest_stop_ns: 0,
                });
            })
        };
        assert_eq!(at(None).0, Verdict::Valid);
        assert_eq!(at(Some(101_000.0)).0, Verdict::Valid);
        let near = Reason::NearDeliveryCeiling(90_000.0, 100_000.0);
        assert_eq!(at(Some(100_000.0)), (Verdict::Suspect, vec![near]));
    }

    #[test]
    fn misdirected_and_delayed_deliveries_are_suspect() {
        let (verdict, reasons) = of_room(|_, own| {
            (own.misdirected, own.delayed_share) = (4, Some(0.3));
        });
        assert_eq!(verdict, Verdict::Suspect);
        let wanted = [
            Reason::MisdirectedDeliveries(4),
            Reason::DelayedAcknowledgements(0.3),
        ];
        assert_eq!(reasons, wanted);
    }

    #[test]
    fn delayed_last_receivers_are_suspect_unless_all_deliveries_tell() {
        let found = |shares: (Option<f64>, Option<f64>)| {
            of_room(|_, own| (own.delayed_share, own.delayed_last_share) = shares)
        };
        let last = Reason::DelayedLastReceivers(0.9);
        assert_eq!(found((None, Some(0.9))), (Verdict::Suspect, vec![last]));
        let all = Reason::DelayedAcknowledgements(0.3);
        assert_eq!(found((Some(0.3), Some(0.9))), (Verdict::Suspect, vec![all]));
    }

    #[test]
    fn receivers_that_failed_to_connect_are_missing_load() {
        let (verdict, reasons) = of_room(|e, _| {
            (e.broken_connections, e.due) = (6, Some(100_000));
        });
        assert_eq!(verdict, Verdict::Invalid);
        let Reason::LoadFellShort { missing_share, .. } = reasons[0] else {
            panic!("{reasons:?}");
        };
        assert!((missing_share - 0.06).abs() < 1e-9);
    }

    #[test]
    fn messages_that_end_with_a_delivery_may_overlap_beyond_the_window() {
        // A sender goes on with its own copy, while others still wait for theirs.
        let (verdict, _) = of_room(|e, _| {
            e.time_in_flight = Some(TimeInFlight {
                spent_s: 2.0,
                possible_s: 1.0,
                is_long: true,
            });
        });
        assert_eq!(verdict, Verdict::Valid);
    }

    #[test]
    fn slow_readers_must_be_sent_more_than_buffers_hold() {
        let sent = |sent_bytes, closed| {
            of_room(|e, _| {
                e.slow = Some(SlowEvidence {
                    sent_bytes,
                    read_bytes: 100_000.0,
                    closed,
                });
            })
        };
        assert_eq!(sent(2_600_000.0, 0), (Verdict::Valid, vec![]));
        let (verdict, reasons) = sent(2_599_999.0, 0);
        assert_eq!(verdict, Verdict::Suspect);
        assert!(matches!(reasons[0], Reason::SlowReadersNotFull { .. }));
        // The server noticed them.
        assert_eq!(sent(1.0, 1), (Verdict::Valid, vec![]));
    }
}
