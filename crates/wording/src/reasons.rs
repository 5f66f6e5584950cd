//! Sentences for the reasons against a measurement: figure, limit, consequence, advice.

use measurement::run::Summary;
use measurement::verdict::{
    ACHIEVED_SHARE_LIMIT, FIRM_TAIL_MESSAGES, MISSING_LOAD_LIMIT, NothingRight, Reason,
    ReopenedConnections, SendConditions, UNEXPECTED_RECORDS_LIMIT,
};
use units::{counted, grouped, human_percent, human_time};

use crate::connection_reasons::on_connections;
use crate::delivery_reasons::on_deliveries;
use crate::drift_view;
use crate::generator_reasons::{generator, own_limit};
use crate::messages::messages_lie;
use crate::percent_beside::percent_beside;
use crate::search_advice;

/// Adds a sentence for each reason of the summary's verdict.
pub fn explain(summary: &mut Summary) {
    let mut validity = summary.validity.clone();
    // A search and a sweep refuse flags that others have.
    validity.explain(|found| search_advice::adapted(summary, reason(found)));
    summary.validity = validity;
}

/// The sentence for one reason.
fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NothingMeasured(cause) => nothing_measured(cause),
        Reason::NothingRecognized => "the server sends messages, but none contained what was sent within `--timeout`, so no echo was recognized; if the server changes messages, `--verify off` matches them by order".to_owned(),
        Reason::RecognizedLate => "the run ended early, because no message contained what was sent within `--timeout`; the first one that did came later; see the differences at `messages`".to_owned(),
        Reason::MatchedByOrder {
            messages,
            has_scenario: true,
            ..
        } => replies_matched_by_order(*messages),
        Reason::MatchedByOrder {
            messages,
            unverified,
            unexplained,
            has_scenario: false,
        } => matched_by_order(*messages, *unverified, *unexplained),
        Reason::ErrorReplies { refused, sent } => error_replies(*refused, *sent),
        Reason::ServerErrors(errors) => format!(
            "the server sent {} that the scenario marks with `error = true` (limit 0), so it may have failed under the load; read its log, or see one with `--try`",
            counted(*errors, "record")
        ),
        Reason::UnexpectedRecords {
            unexpected,
            records,
        } => unexpected_records(*unexpected, *records),
        Reason::Impossible { smaller, larger } => impossible(*smaller, *larger),
        Reason::RateNotKept {
            kept,
            answered_all,
            ended_with_connections,
            sending,
        } => format!(
            "{} {} (limit {}): {}",
            percent_beside(*kept, ACHIEVED_SHARE_LIMIT),
            if sending.has_missed_messages {
                "of what was due to connected clients was sent in time"
            } else {
                "of the offered rate was achieved"
            },
            human_percent(ACHIEVED_SHARE_LIMIT),
            rate_not_kept(*answered_all, *ended_with_connections, *sending)
        ),
        Reason::LoadFellShort {
            broken,
            connections,
            unsent,
            due,
            reopened,
            ..
        } => load_fell_short((*broken, *connections), (*unsent, *due), *reopened),
        Reason::ThinTail(beyond) => format!(
            "{} beyond p99 ({} needed), so p99 is uncertain; send more messages (`-m`, `-d`)",
            messages_lie(*beyond),
            grouped(FIRM_TAIL_MESSAGES)
        ),
        Reason::NothingPushed { .. }
        | Reason::NothingDelivered { .. }
        | Reason::FewPushes(_)
        | Reason::DeliveriesReadLate(_)
        | Reason::ServerClockAhead(_)
        | Reason::OnlyOwnCopies { .. }
        | Reason::UnreachedReceivers { .. }
        | Reason::MissingDeliveries { .. }
        | Reason::MisdirectedDeliveries(_)
        | Reason::DelayedAcknowledgements(_)
        | Reason::DelayedLastReceivers(_)
        | Reason::SlowReadersNotFull { .. } => on_deliveries(reason),
        Reason::ConnectLateness { .. }
        | Reason::ReconnectLateness(_)
        | Reason::AttemptsNotMade { .. } => on_connections(reason),
        Reason::Drift(change) => drift_view::reason(change),
        Reason::Interrupted => "the run was ended early by the user, so the plan was not completed; let it finish, or plan a shorter run (`-m`, `-d`)".to_owned(),
        Reason::NearFloor(..)
        | Reason::BelowFloor(..)
        | Reason::NearCeiling(..)
        | Reason::AboveCeiling(..)
        | Reason::NearDeliveryCeiling(..) => own_limit(reason),
        Reason::SendLateness { .. }
        | Reason::GeneratorStopped { .. }
        | Reason::GeneratorThrottled { .. }
        | Reason::OwnTime(_)
        | Reason::GeneratorBusy(_)
        | Reason::GeneratorWaited { .. } => generator(reason),
        Reason::StepsNotCounted {
            limited,
            steps,
            near,
        } => steps_not_counted(*limited, *steps, *near),
        Reason::OfReportedStep(own) => {
            format!("the step at the reported rate: {}", self::reason(own))
        }
    }
}

/// The sentence on steps in which the generator was late, of those that could decide a capacity.
fn steps_not_counted(limited: u64, steps: u64, near: Option<f64>) -> String {
    let place = near.map_or_else(String::new, |near| {
        format!(" within {} of the capacity", human_percent(near))
    });
    let verb = if limited == 1 { "was" } else { "were" };
    format!(
        "{} of {}{place} {verb} not counted, because the generator was late (limit half of them), so few steps decide the capacity; use more threads (`--threads`), several processes (`--shards`), or another machine for the generator",
        grouped(limited),
        counted(steps, "step")
    )
}

/// The sentence on error replies to a part of the messages sent.
fn error_replies(refused: u64, sent: u64) -> String {
    format!(
        "the server answered {} of {} with an error reply (limit 0), so the times describe only the others; see the error with `--try`, and whether it depends on the load with a lower `--rate`",
        grouped(refused),
        counted(sent, "message")
    )
}

/// The sentence on records that match no pattern, of all records.
fn unexpected_records(unexpected: u64, records: u64) -> String {
    // Exact for any realistic number of records.
    let share = unexpected as f64 / records.max(1) as f64;
    format!(
        "{} of {} matched no pattern of the scenario, {} (limit {}), so replies may be among them; see them with `--try`, and add patterns for them (`reply`, `[[on]]`, `--ignore`)",
        grouped(unexpected),
        counted(records, "record"),
        percent_beside(share, UNEXPECTED_RECORDS_LIMIT),
        human_percent(UNEXPECTED_RECORDS_LIMIT)
    )
}

/// Figures that contradict each other, each with its value in nanoseconds.
fn impossible(smaller: (&str, f64), larger: (&str, f64)) -> String {
    format!(
        "impossible figures: {} {} exceeds {} {}; please report this as a bug",
        smaller.0,
        human_time(smaller.1),
        larger.0,
        human_time(larger.1)
    )
}

/// The sentence on broken connections (of all), unsent messages (of all due), and connections that were opened again.
fn load_fell_short(
    connections: (u64, u64),
    messages: (u64, u64),
    reopened: ReopenedConnections,
) -> String {
    let part = |(part, of): (u64, u64), what: &str| {
        (part > 0).then(|| format!("{} of {} {what}", grouped(part), grouped(of)))
    };
    let away = reopened.any().then(|| lost_time(reopened));
    let missing = [
        part(connections, "connections failed or ended early"),
        part(messages, "messages that were due were never sent"),
        away,
    ];
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    let see = match (connections.0, reopened.any()) {
        (0, false) => "use a lower `--rate` or a larger `--window`",
        (0, true) => "see `lost` and `back after`",
        _ => "see the reasons at `connected`",
    };
    format!(
        "{} (limit {} of the load), so the load was less than planned; {see}",
        missing.join(", "),
        human_percent(MISSING_LOAD_LIMIT)
    )
}

/// Connections that were lost otherwise than by plan, and the time for which their clients were away.
fn lost_time(reopened: ReopenedConnections) -> String {
    let ended = counted(reopened.ended, "connection");
    let lost = match (reopened.ended, reopened.not_replaced) {
        (_, 0) => format!("the server ended {ended}, whose"),
        (0, n) => format!(
            "{} that ended by plan could not be replaced, whose",
            counted(n, "connection")
        ),
        (_, n) => format!(
            "the server ended {ended}, and {} could not be replaced, whose",
            grouped(n)
        ),
    };
    let back = if reopened.gone_share > 0.0 {
        let gone = percent_beside(reopened.gone_share, MISSING_LOAD_LIMIT);
        format!("and {gone} of all connections are not back")
    } else {
        "until all were back".to_owned()
    };
    let away = human_percent(reopened.away_share);
    format!("{lost} clients were away for {away} of the time {back}")
}

fn nothing_measured(cause: &NothingRight) -> String {
    let found = match cause {
        NothingRight::OnlyWarmup { echoes } => {
            let echoes = counted(*echoes, "echo");
            return format!(
                "nothing measured: only messages of the warm-up were answered in the measured phase ({echoes}); use a longer `-d`, a shorter `--warmup`, or a lower `--rate`"
            );
        }
        NothingRight::NothingSent => {
            "no message was sent in the measured phase; see `connected`. If the connections ended during the warm-up, use a shorter `--warmup`. If the run was too short, use a larger `-m` or `-d`"
        }
        NothingRight::NoEcho => {
            "no echo came back in the measured phase; see `connected`, and check that the server echoes at the path of the URL"
        }
        NothingRight::OtherType { sent, came } => {
            return format!(
                "nothing measured: every echo came back as {came}, and {sent} was sent; use `--{came}`. If those echoes come back as {sent}, the server swaps the types: use `--verify off`"
            );
        }
        NothingRight::WrongEchoes => {
            "every echo in the measured phase was wrong; the differences are listed at `messages`"
        }
        NothingRight::NoReply { unexpected: 0 } => {
            "no record came in the measured phase; see `connected`, and check the messages with `--try`"
        }
        NothingRight::NoReply { unexpected } => {
            let records = counted(*unexpected, "record");
            return format!(
                "nothing measured: no reply was recognised, and {records} matched no pattern of the scenario; compare `reply` and `error` with what comes: `--try` shows it"
            );
        }
        NothingRight::AllRefused => {
            "the server answered every message of the measured phase with an error reply; see it with `--try`"
        }
    };
    format!("nothing measured: {found}")
}

fn replies_matched_by_order(messages: u64) -> String {
    let replies = if messages == 1 {
        "1 reply was".to_owned()
    } else {
        format!("{} replies were", grouped(messages))
    };
    format!(
        "{replies} matched by order, because the pattern of the reply holds neither `${{id}}` nor `${{uid}}` and several messages waited; add one if the server returns it, or use `--window 1`"
    )
}

fn matched_by_order(messages: u64, unverified: bool, unexplained: u64) -> String {
    let cause = if unverified {
        "echoes were matched by order, and their content was not checked (`--verify off`)"
            .to_owned()
    } else {
        format!(
            "{} matched by order, because payloads below 16 bytes repeat within the window",
            if messages == 1 {
                "1 echo was".to_owned()
            } else {
                format!("{} echoes were", grouped(messages))
            }
        )
    };
    if unexplained == 0 {
        return cause;
    }
    let messages = counted(unexplained, "message");
    if unverified {
        return format!(
            "{cause}; {messages} came while no echo was awaited, so other messages of the server may have been taken for echoes; use `--verify full` if the server sends messages back unchanged"
        );
    }
    format!(
        "{cause}; {messages} came beside the echoes, so other messages of the server may have been taken for echoes; send 16 bytes or more (`-s`)"
    )
}

fn rate_not_kept(
    answered_all: bool,
    ended_with_connections: bool,
    sending: SendConditions,
) -> &'static str {
    match (answered_all, sending.sockets_full) {
        // Messages in flight on the ended connections are lost, so `answered_all` is ignored.
        (_, false) if ended_with_connections => {
            "connections failed or ended early, and their messages could not be sent; see the reasons at `connected`"
        }
        (true, false) if sending.has_broken_connections => {
            "the server answered everything that was sent, but connections failed or ended early, and messages of their clients were not sent in time; see the reasons at `connected`"
        }
        (true, false) if sending.replaces_connections => {
            "the server answered everything that was sent, so the generator or waits for replacement connections were the limit; see the connect response at `connected`, and use more `--threads` or a lower `--rate`"
        }
        (true, false) if sending.windowed => {
            "the server answered everything, so the generator or the `--window` was the limit; use more `--threads`, a larger `--window`, or a lower `--rate`"
        }
        (true, false) => {
            "the server answered everything, so the generator was the limit; use more `--threads` or a lower `--rate`"
        }
        (true, true) => {
            "the sockets were full at times, so the server read more slowly than this rate; use a lower `--rate`"
        }
        (false, _) => {
            "the server did not answer everything, so it cannot handle this rate; use a lower `--rate`"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::{Difference, DifferenceKind, MessageCounts};
    use measurement::verdict::{
        Calibration, Evidence, Latency, PushEvidence, SendLateness, Stop, Stops, Verdict, judge,
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

    /// Every piece of advice that names the rate or the length has another form for a search.
    #[test]
    fn reasons_in_a_search_name_no_flag_that_it_refuses() {
        let mut s = test_support::fixtures::closed_loop_summary(100);
        s.plan.find_capacity = Some(measurement::run::CapacityPlanSummary {
            conditions: vec!["p99<10ms".to_owned()],
            precision: 0.03,
            budget_s: 60.0,
        });
        let mut found = vec![
            Reason::ThinTail(12),
            Reason::Interrupted,
            Reason::NothingMeasured(NothingRight::NothingSent),
            Reason::NothingMeasured(NothingRight::OnlyWarmup { echoes: 5 }),
            Reason::FewPushes(3),
            Reason::DeliveriesReadLate(0.99),
            Reason::ErrorReplies {
                refused: 5,
                sent: 9,
            },
        ];
        for answered_all in [false, true] {
            for sockets_full in [false, true] {
                found.push(Reason::RateNotKept {
                    kept: 0.5,
                    answered_all,
                    ended_with_connections: false,
                    sending: SendConditions {
                        sockets_full,
                        windowed: true,
                        ..SendConditions::default()
                    },
                });
            }
        }
        for found in found {
            let single = reason(&found);
            let text = search_advice::adapted(&s, single.clone());
            assert_ne!(text, single);
            for refused in ["`-m`", "-d`", "--rate`"] {
                assert!(!text.contains(refused), "{text}");
            }
        }
    }

    #[test]
    fn a_reason_names_figure_limit_and_remedy() {
        assert_eq!(
            reason(&Reason::ThinTail(12)),
            "12 messages lie beyond p99 (1,000 needed), so p99 is uncertain; send more messages (`-m`, `-d`)"
        );
        assert_eq!(
            reason(&Reason::ErrorReplies {
                refused: 10,
                sent: 2_000
            }),
            "the server answered 10 of 2,000 messages with an error reply (limit 0), so the times describe only the others; see the error with `--try`, and whether it depends on the load with a lower `--rate`"
        );
        assert_eq!(
            reason(&Reason::UnexpectedRecords {
                unexpected: 50,
                records: 1_000
            }),
            "50 of 1,000 records matched no pattern of the scenario, 5 % (limit 1 %), so replies may be among them; see them with `--try`, and add patterns for them (`reply`, `[[on]]`, `--ignore`)"
        );
        assert!(reason(&Reason::ServerErrors(1)).starts_with("the server sent 1 record that"));
        assert!(reason(&Reason::GeneratorBusy(0.97)).contains("97 % of a core (limit 90 %)"));
    }

    fn rate_reason(change: impl FnOnce(&mut SendConditions)) -> String {
        let mut sending = SendConditions::default();
        change(&mut sending);
        reason(&Reason::RateNotKept {
            kept: 0.78,
            answered_all: true,
            ended_with_connections: false,
            sending,
        })
    }

    /// 105 connects had timed out, and the generator was called the limit.
    #[test]
    fn the_generator_is_not_the_limit_of_a_rate_when_connections_failed() {
        let said = rate_reason(|own| own.has_broken_connections = true);
        assert!(!said.contains("generator"), "{said}");
        assert!(said.contains("connections failed or ended early"), "{said}");
        let said = rate_reason(|own| own.replaces_connections = true);
        assert!(said.contains("waits for replacement connections"), "{said}");
        assert!(rate_reason(|_| {}).contains("so the generator was the limit"));
    }

    /// The share was that of what was due to connected clients, and was called one of the offered rate.
    #[test]
    fn the_share_of_a_rate_names_its_whole_when_messages_were_missed() {
        let said = rate_reason(|own| own.has_missed_messages = true);
        assert!(
            said.starts_with(
                "78 % of what was due to connected clients was sent in time (limit 95 %): "
            ),
            "{said}"
        );
        assert!(rate_reason(|_| {}).starts_with("78 % of the offered rate was achieved"));
    }

    /// All of 2,000 connections came back, and 2,000 of 4,000 were said to have failed or ended early.
    #[test]
    fn connections_that_came_back_are_not_counted_among_twice_as_many() {
        let fell_short = |broken, gone_share| {
            reason(&Reason::LoadFellShort {
                broken,
                connections: 2_000,
                unsent: 0,
                due: 0,
                reopened: ReopenedConnections {
                    ended: 2_000,
                    away_share: 0.026,
                    gone_share,
                    ..ReopenedConnections::default()
                },
                missing_share: 0.026,
            })
        };
        assert_eq!(
            fell_short(0, 0.0),
            "the server ended 2,000 connections, whose clients were away for 3 % of the time until all were back (limit 5 % of the load), so the load was less than planned; see `lost` and `back after`"
        );
        let gone = fell_short(0, 0.2);
        assert!(
            gone.contains("and 20 % of all connections are not back"),
            "{gone}"
        );
        let said = fell_short(3, 0.0);
        assert!(
            said.starts_with("3 of 2,000 connections failed or ended early, the server ended"),
            "{said}"
        );
    }

    fn late_by(share: f64) -> Option<SendLateness> {
        Some(SendLateness {
            share_of_response_p99: Some(share),
            ..SendLateness::default()
        })
    }

    #[test]
    fn the_generators_own_lateness_is_named_with_its_part_of_the_p99() {
        let said = |response_p99, busy_poll| {
            let (verdict, reasons) = verdict_of(|e| {
                (e.response.p99, e.response.max) = (Some(response_p99), Some(response_p99));
                e.lateness = late_by(0.75);
                e.sending.busy_poll = busy_poll;
            });
            (verdict, reason(&reasons[0]))
        };
        let (verdict, text) = said(4_000_000, false);
        assert_eq!(verdict, Verdict::Invalid);
        assert!(
            text.contains("lateness is 75 % of the response time p99 of 4.00 ms"),
            "{text}"
        );
        assert!(text.contains("`--busy-poll`"), "{text}");
        assert!(!said(4_000_000, true).1.contains("`--busy-poll`"));
        let (verdict, text) = said(200_000, false);
        assert_eq!(verdict, Verdict::Suspect);
        assert!(text.contains("it woke 150 µs late"), "{text}");
    }

    #[test]
    fn a_stop_is_named_with_its_time_and_what_it_touched() {
        let stop = |start_ns, length_ns| Stop {
            start_ns,
            length_ns,
            messages: 12,
        };
        let (_, reasons) = verdict_of(|e| {
            e.stops = Stops::join(vec![stop(1_200_000_000, 600_000_000)]);
            e.withheld.throttled_s = Some(0.5);
        });
        let text = reason(&reasons[0]);
        let begins = "the generator was stopped for 600 ms, from 1.20 s after the start of the measurement; 12 messages were in flight (during the measurement, the quota of its cgroup withheld 500 ms)";
        assert!(text.starts_with(begins), "{text}");
        let (_, reasons) = verdict_of(|e| {
            e.stops = Stops::join(vec![stop(0, 20_000_000), stop(50_000_000, 30_000_000)]);
        });
        let text = reason(&reasons[0]);
        assert!(
            text.contains(
                "for 30.0 ms, from 50.0 ms after the start of the measurement, the longest of 2 stops, 50.0 ms in all; 24 messages"
            ),
            "{text}"
        );
        let (_, reasons) = verdict_of(|e| {
            e.stops = Stops::join(vec![stop(0, 20_000_000)]);
            e.largest_payload = 17 << 20;
        });
        let text = reason(&reasons[0]);
        let own = "in flight (or was busy with messages of 17.0 MiB: use more `--threads` or fewer clients)";
        assert!(text.contains(own), "{text}");
    }

    #[test]
    fn a_stop_that_outlasts_the_run_is_dated_from_its_start() {
        let (_, reasons) = verdict_of(|e| {
            e.stops = Stops::join(vec![Stop {
                start_ns: 300_000_000,
                length_ns: 8_720_000_000,
                messages: 1,
            }]);
            e.elapsed_s = 1.0;
        });
        let text = reason(&reasons[0]);
        let begins = "the generator was stopped for 8.72 s, from 300 ms after the start of the measurement and beyond its end at 1.00 s; 1 message was in flight";
        assert!(text.starts_with(begins), "{text}");
    }

    #[test]
    fn a_stop_of_a_receiver_was_said_to_delay_what_it_sends() {
        let (_, reasons) = verdict_of(|e| {
            e.records.sent = 0;
            e.push = Some(PushEvidence {
                received: 1_000_000,
                clock_ahead_ns: None,
            });
            e.stops = Stops::join(vec![Stop {
                start_ns: 6_170_000_000,
                length_ns: 24_700_000,
                messages: 0,
            }]);
            e.elapsed_s = 1.0;
        });
        let text = reason(&reasons[0]);
        let wanted = "the generator was stopped for 24.7 ms, from 6.17 s after the start of the measurement, which ended at 1.00 s, so messages may have been read late;";
        assert!(text.starts_with(wanted), "{text}");
    }

    #[test]
    fn pinned_threads_are_not_advised_to_be_pinned() {
        let said = |pinned, busy_poll| {
            let (_, reasons) = verdict_of(|e| {
                e.run_queue_wait = Some(0.3);
                e.lateness = late_by(0.3);
                (e.sending.pinned, e.sending.busy_poll) = (pinned, busy_poll);
            });
            reasons.iter().map(reason).collect::<String>()
        };
        assert_eq!(said(false, true).matches("`taskset`, `--pin`").count(), 2);
        for busy_poll in [false, true] {
            let said = said(true, busy_poll);
            assert!(said.contains("something else uses its cores"), "{said}");
            assert!(
                !said.contains("`--pin`") && !said.contains("`taskset`"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_rate_that_was_not_kept_is_the_generators_fault_or_the_servers() {
        assert_eq!(
            verdict_of(|e| e.achieved_share = Some(0.95)).0,
            Verdict::Valid
        );
        let (verdict, reasons) = verdict_of(|e| e.achieved_share = Some(0.9499));
        assert_eq!(verdict, Verdict::Invalid);
        assert!(reason(&reasons[0]).contains("just under 95 % of the offered rate"));
        let lossy = |e: &mut Evidence| (e.achieved_share, e.answered_all) = (Some(0.5), false);
        assert_eq!(verdict_of(lossy).0, Verdict::Suspect);
        let text = reason(&verdict_of(lossy).1[0]);
        assert!(
            text.contains("the server did not answer everything"),
            "{text}"
        );
    }

    #[test]
    fn figures_at_the_generators_own_limits_are_suspect() {
        let own = |floor, ceiling| Calibration {
            floor_service_p50_ns: floor,
            ceiling_messages_per_s: ceiling,
            ceiling_deliveries_per_s: None,
            took_s: 0.3,
            longest_stop_ns: 0,
        };
        let mut evidence = good();
        evidence.calibration = Some(own(9, 1_112.0));
        assert_eq!(judge(&evidence).verdict, Verdict::Valid);
        evidence.calibration = Some(own(10, 2_000.0));
        assert_eq!(judge(&evidence).found, [Reason::NearFloor(10, 10)]);
        evidence.calibration = Some(own(1, 1_111.0));
        let found = judge(&evidence);
        assert_eq!(found.verdict, Verdict::Suspect);
        assert_eq!(found.found, [Reason::NearCeiling(1_000.0, 1_111.0)]);
        assert!(reason(&found.found[0]).contains("the generator's own limit"));
    }

    #[test]
    fn a_rate_that_ended_with_its_connections_is_not_blamed_on_the_generator() {
        let said = |broken| {
            let mut evidence = good();
            evidence.achieved_share = Some(0.3);
            evidence.broken_connections = broken;
            reason(&judge(&evidence).found[0])
        };
        assert!(said(0).contains("the generator was the limit"));
        // Five of a hundred connections do not account for seven tenths of the load.
        assert_eq!(said(5), said(0));
        let of_broken = said(80);
        assert!(of_broken.contains("connections failed or ended early"));
        assert!(!of_broken.contains("generator"), "{of_broken}");
    }

    #[test]
    fn a_rate_that_ended_with_its_connections_is_not_blamed_on_the_servers_capacity() {
        let (_, reasons) = verdict_of(|e| {
            (e.achieved_share, e.answered_all) = (Some(0.3), false);
            e.broken_connections = 80;
        });
        let said = reason(&reasons[0]);
        assert!(said.contains("connections failed or ended early"), "{said}");
    }

    #[test]
    fn a_figure_better_than_the_generators_own_says_that_its_calibration_was_disturbed() {
        let mut evidence = good();
        evidence.calibration = Some(Calibration {
            floor_service_p50_ns: 12,
            ceiling_messages_per_s: 900.0,
            ceiling_deliveries_per_s: None,
            took_s: 0.3,
            longest_stop_ns: 0,
        });
        let found = judge(&evidence);
        assert_eq!(found.verdict, Verdict::Suspect);
        assert_eq!(
            found.found,
            [
                Reason::BelowFloor(10, 12),
                Reason::AboveCeiling(1_000.0, 900.0)
            ]
        );
        for reason in found.found {
            let said = super::reason(&reason);
            assert!(said.contains("calibration was disturbed"), "{said}");
            assert!(!said.contains("within"), "{said}");
        }
    }

    #[test]
    fn what_was_done_already_is_not_advised() {
        let said = |windowed, busy_poll| {
            let (_, reasons) = verdict_of(|e| {
                e.lateness = late_by(0.3);
                e.achieved_share = Some(0.5);
                e.sending = SendConditions {
                    windowed,
                    busy_poll,
                    ..SendConditions::default()
                };
            });
            reasons[..2].iter().map(reason).collect::<String>()
        };
        let (plain, set) = (said(false, false), said(true, true));
        assert!(
            plain.contains("`--busy-poll`") && !plain.contains("`--window`"),
            "{plain}"
        );
        assert_eq!(set.matches("a larger `--window`").count(), 1, "{set}");
        assert!(!set.contains("`--busy-poll`"), "{set}");
        let (_, full) = verdict_of(|e| {
            e.achieved_share = Some(0.5);
            e.sending.sockets_full = true;
        });
        assert!(reason(&full[0]).contains("the sockets were full"));
    }

    #[test]
    fn echoes_of_another_type_are_met_with_the_flag_of_that_type() {
        let kind = DifferenceKind::Type {
            sent: "text".to_owned(),
            came: "binary".to_owned(),
        };
        let mut counts = MessageCounts {
            sent: 1,
            received: 1,
            differences: vec![Difference::new(kind, None, b"0")],
            ..MessageCounts::default()
        };
        let said = |counts: &_| reason(&Reason::NothingMeasured(NothingRight::of(counts)));
        assert_eq!(
            said(&counts),
            "nothing measured: every echo came back as binary, and text was sent; use `--binary`. If those echoes come back as text, the server swaps the types: use `--verify off`"
        );
        counts.received = 2;
        assert!(said(&counts).contains("every echo in the measured phase was wrong"));
        counts.received = 0;
        assert!(said(&counts).contains("no echo came back"));
        counts.warmup_echoes = 531;
        assert!(said(&counts).contains("only messages of the warm-up were answered"));
        assert!(said(&counts).contains("(531 echoes)"));
        counts.sent = 0;
        assert!(said(&counts).contains("no message was sent"));
    }

    #[test]
    fn a_run_that_recognized_an_echo_after_all_is_not_said_to_have_had_none() {
        let ended = |late, timed| {
            let (_, reasons) = verdict_of(|e| {
                (e.recognized_nothing, e.recognized_late) = (true, late);
                e.timed_messages = timed;
            });
            reasons.iter().map(reason).collect::<String>()
        };
        let nothing = "so no echo was recognized";
        assert!(ended(false, 0).contains(nothing));
        for (late, timed) in [(true, 0), (true, 9), (false, 9)] {
            let said = ended(late, timed);
            assert!(
                !said.contains(nothing) && said.contains("came later"),
                "{said}"
            );
        }
    }

    #[test]
    fn one_message_lies_and_several_lie() {
        let said = |beyond| reason(&Reason::ThinTail(beyond));
        assert!(said(1).starts_with("1 message lies beyond p99 "));
        assert!(said(2).starts_with("2 messages lie beyond p99 "));
    }

    #[test]
    fn what_is_beyond_a_limit_is_seen_to_be() {
        let said = |share| reason(&Reason::GeneratorBusy(share));
        assert!(said(0.97).contains("for 97 % of a core (limit 90 %)"));
        assert!(said(0.904).contains("for 90.4 % of a core (limit 90 %)"));
        assert!(said(0.9001).contains("for just over 90 % of a core"));
    }
}
