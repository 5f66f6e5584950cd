//! Sentences for the reasons against a measurement: figure, limit, consequence, advice.

use measurement::run::Summary;
use measurement::verdict::{
    ACHIEVED_SHARE_LIMIT, BUSY_THREAD_LIMIT, FINE_LATENESS_NS, FIRM_TAIL_MESSAGES,
    INVALID_LATENESS_SHARE, MISSING_LOAD_LIMIT, NothingRight, OWN_LIMIT_MARGIN, OWN_TIME_LIMIT,
    RUN_QUEUE_WAIT_LIMIT, Reason, SUSPECT_LATENESS_SHARE, SUSPENSION_LIMIT_S, SendConditions,
    Stops, THROTTLED_LIMIT, Verdict, WithheldTime,
};
use units::{counted, grouped, human_bytes, human_percent, human_rate, human_time};

/// Adds a sentence for each reason of the summary's verdict.
pub fn explain(summary: &mut Summary) {
    summary.validity.explain(reason);
}

/// A number of messages with its verb: `1 message lies`, `2 messages lie`.
pub(crate) fn messages_lie(beyond: u64) -> String {
    let verb = if beyond == 1 { "lies" } else { "lie" };
    format!("{} {verb}", counted(beyond, "message"))
}

/// The sentence for one reason.
fn reason(reason: &Reason) -> String {
    let time = |ns: &u64| human_time(*ns as f64);
    let margin = || human_percent(OWN_LIMIT_MARGIN);
    match reason {
        Reason::NothingMeasured(cause) => nothing_measured(cause),
        Reason::NothingRecognized => "the server answers, but with nothing that was sent: not one message in a whole `--timeout` carried what a message of this run begins with; if that is what the server does, `--verify off` times whatever comes, in order".to_owned(),
        Reason::RecognizedLate => "ended early: in a whole `--timeout` not one message carried what a message of this run begins with, and the first that did came later; how the others differ stands at `messages`".to_owned(),
        Reason::MatchedByOrder { messages, unverified, unexplained } => matched_by_order(*messages, *unverified, *unexplained),
        Reason::Impossible { smaller, larger } => format!(
            "impossible figures: {} {} exceeds {} {}; please report this as a bug",
            smaller.0,
            human_time(smaller.1),
            larger.0,
            human_time(larger.1)
        ),
        Reason::SendLateness {
            share,
            response_p99_ns,
            busy_poll,
        } => {
            let limit = match reason.verdict() {
                Verdict::Invalid => INVALID_LATENESS_SHARE,
                _ => SUSPECT_LATENESS_SHARE,
            };
            send_lateness((*share, limit), *response_p99_ns as f64, *busy_poll)
        }
        Reason::GeneratorStopped {
            stops,
            withheld,
            largest_payload,
        } => stopped(stops, withheld, *largest_payload),
        Reason::GeneratorThrottled {
            throttled_s,
            elapsed_s,
        } => format!(
            "a CPU quota of the generator's cgroup throttled it for {} of {} (limit {}), and the times include this wait; raise the quota, or run the generator outside of it",
            seconds(*throttled_s),
            seconds(*elapsed_s),
            human_percent(THROTTLED_LIMIT)
        ),
        Reason::OwnTime(share) => format!(
            "the generator took {} of the time between an echo and the next message (limit {}), so the throughput is below what the server can do; use more `--threads` or a larger `--window`",
            percent_beside(*share, OWN_TIME_LIMIT),
            human_percent(OWN_TIME_LIMIT)
        ),
        Reason::RateNotKept {
            kept,
            answered_all,
            ended_with_connections,
            sending,
        } => format!(
            "{} of the offered rate was achieved (limit {}): {}",
            percent_beside(*kept, ACHIEVED_SHARE_LIMIT),
            human_percent(ACHIEVED_SHARE_LIMIT),
            rate_not_kept(*answered_all, *ended_with_connections, *sending)
        ),
        Reason::NearFloor(found, floor) => format!(
            "the service time p50 of {} is within {} of the generator's own limit ({}), so it says little about the server; use larger messages or more load",
            time(found),
            margin(),
            time(floor)
        ),
        Reason::BelowFloor(found, floor) => format!(
            "the service time p50 of {} is below the generator's own limit ({}): the calibration was disturbed, so that limit is unknown; repeat on an idle machine, or use `--busy-poll`",
            time(found),
            time(floor)
        ),
        Reason::NearCeiling(found, ceiling) => format!(
            "{} msg/s is within {} of the generator's own limit ({} msg/s), so it says little about the server; use more `--threads` if cores are free",
            human_rate(*found),
            margin(),
            human_rate(*ceiling)
        ),
        Reason::AboveCeiling(found, ceiling) => format!(
            "{} msg/s is above the generator's own limit ({} msg/s): the calibration was disturbed, so that limit is unknown; repeat on an idle machine",
            human_rate(*found),
            human_rate(*ceiling)
        ),
        Reason::GeneratorBusy(share) => format!(
            "a generator thread was busy for {} of a core (limit {}), so it may have been slower than the server; use more `--threads` if cores are free, else fewer clients",
            percent_beside(*share, BUSY_THREAD_LIMIT),
            human_percent(BUSY_THREAD_LIMIT)
        ),
        Reason::GeneratorWaited(share) => format!(
            "the generator waited for a core {} of the time (limit {}), and the times include this wait; give generator and server separate cores (`taskset`, `--pin`) or machines",
            percent_beside(*share, RUN_QUEUE_WAIT_LIMIT),
            human_percent(RUN_QUEUE_WAIT_LIMIT)
        ),
        Reason::ThinTail(beyond) => format!(
            "{} beyond p99 ({} needed): p99 is uncertain; send more (`-m`, `-d`)",
            messages_lie(*beyond),
            grouped(FIRM_TAIL_MESSAGES)
        ),
        Reason::LoadFellShort {
            broken,
            connections,
            unsent,
            due,
            ..
        } => load_fell_short((*broken, *connections), (*unsent, *due)),
        Reason::Interrupted => "ended early by the user, so the plan was not completed; let it finish, or plan less (`-m`, `-d`)".to_owned(),
    }
}

/// The sentence on broken connections (of all) and unsent messages (of all due).
fn load_fell_short(connections: (u64, u64), messages: (u64, u64)) -> String {
    let part = |(part, of): (u64, u64), what: &str| {
        (part > 0).then(|| format!("{} of {} {what}", grouped(part), grouped(of)))
    };
    let missing = [
        part(connections, "connections failed or ended early"),
        part(messages, "messages that were due were never sent"),
    ];
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    let see = if connections.0 > 0 {
        "see the reasons at `connected`"
    } else {
        "use a lower `--rate` or a larger `--window`"
    };
    format!(
        "{} (limit {} of the load), so the load was less than planned; {see}",
        missing.join(", "),
        human_percent(MISSING_LOAD_LIMIT)
    )
}

fn nothing_measured(cause: &NothingRight) -> String {
    let found = match cause {
        NothingRight::NothingSent => {
            "no message was sent in the measured phase; see `connected`. Connections that end during the warm-up need a shorter `--warmup`, a short run a larger `-m` or `-d`"
        }
        NothingRight::NoEcho => {
            "no echo came back in the measured phase; see `connected`, and check that the URL's path echoes"
        }
        NothingRight::OtherType { sent, came } => {
            return format!(
                "nothing measured: every echo came back as {came}, and {sent} was sent; use `--{came}`"
            );
        }
        NothingRight::WrongEchoes => {
            "every echo in the measured phase was wrong; the differences are listed at `messages`"
        }
    };
    format!("nothing measured: {found}")
}

fn matched_by_order(messages: u64, unverified: bool, unexplained: u64) -> String {
    let cause = if unverified {
        "echoes were matched by order and nothing in them was checked (`--verify off`)".to_owned()
    } else {
        format!(
            "{} matched by order, because payloads below 16 bytes repeat within the window",
            counted(messages, "message")
        )
    };
    if unexplained == 0 {
        return cause;
    }
    let messages = counted(unexplained, "message");
    if unverified {
        return format!(
            "{cause}: {messages} came while no echo was awaited, and others like that may have taken the place of an echo; `--verify full` tells them apart where the server sends back what it was sent"
        );
    }
    format!(
        "{cause}: {messages} came beside the echoes, and others like that may have taken the place of an echo; send 16 bytes or more (`-s`)"
    )
}

fn seconds(s: f64) -> String {
    human_time(s * 1e9)
}

/// The sentence on the generator's own lateness: its share, and the limit that it exceeds.
fn send_lateness((share, limit): (f64, f64), response_p99_ns: f64, busy_poll: bool) -> String {
    let own_ns = share * response_p99_ns;
    let found = format!(
        "{} of the response time p99 of {} is the generator's own lateness (limit {})",
        percent_beside(share, limit),
        human_time(response_p99_ns),
        human_percent(limit)
    );
    let spin = if busy_poll { "" } else { " `--busy-poll`," };
    if own_ns <= FINE_LATENESS_NS {
        let way_out = if busy_poll {
            "use a separate core (`taskset`, `--pin`)"
        } else {
            "`--busy-poll` keeps it awake"
        };
        return format!("{found}: it woke {} late; {way_out}", human_time(own_ns));
    }
    format!(
        "{found}: it sent later than planned; use{spin} a separate core (`taskset`, `--pin`), or a lower `--rate`"
    )
}

/// Minimum message size for which the generator's own work may take longer than a stop, in bytes.
const LARGE_PAYLOAD: u64 = 1 << 20;

fn stopped(stops: &Stops, withheld: &WithheldTime, largest_payload: u64) -> String {
    let mut found = Vec::new();
    if stops.count > 0 {
        let length = human_time(stops.longest_ns as f64);
        let at = human_time(stops.longest_at_ns as f64);
        let others = match stops.count {
            1 => String::new(),
            n => format!(
                ", the longest of {}, {} in all",
                counted(n, "stop"),
                human_time(stops.total_ns as f64)
            ),
        };
        let verb = if stops.messages == 1 { "was" } else { "were" };
        found.push(format!(
            "the generator was stopped for {length}, {at} after T0{others}; {} {verb} in flight",
            counted(stops.messages, "message")
        ));
    }
    if let Some(s) = withheld.suspended_s.filter(|s| *s > SUSPENSION_LIMIT_S) {
        found.push(format!("the machine was suspended for {}", seconds(s)));
    }
    let causes = [
        (withheld.throttled_s, "the quota of its cgroup withheld"),
        (withheld.steal_s, "the hypervisor took"),
        (withheld.pressure_s, "other threads waited for a core for"),
    ];
    let causes = causes.into_iter().filter_map(|(time, what)| {
        // The precision of the counters.
        let time = time.filter(|s| *s >= 0.01)?;
        Some(format!("{what} {}", seconds(time)))
    });
    let causes: Vec<_> = causes.collect();
    // A message of this size takes about a millisecond of CPU time, and each client has one.
    let own_work = stops.count > 0 && causes.is_empty() && largest_payload >= LARGE_PAYLOAD;
    let causes = if own_work {
        format!(
            " (or was busy with messages of {}: use more `--threads` or fewer clients)",
            human_bytes(largest_payload as f64)
        )
    } else if causes.is_empty() {
        String::new()
    } else {
        format!(" ({} meanwhile)", causes.join(", "))
    };
    format!(
        "{}{causes}: the longest times may be the generator's own; repeat on an idle machine",
        found.join("; ")
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
            "connections failed or ended early, and what was due on them could not be sent; see the reasons at `connected`"
        }
        (true, false) if sending.windowed => {
            "the server answered everything, so the generator or its `--window` was the limit; use more `--threads`, a larger `--window`, or a lower `--rate`"
        }
        (true, false) => {
            "the server answered everything, so the generator was the limit; use more `--threads` or a lower `--rate`"
        }
        (true, true) => {
            "the sockets were full at times, so the server read more slowly than this rate; use a lower `--rate`"
        }
        (false, _) => {
            "the server did not answer everything, so this rate is more than it can handle; use a lower `--rate`"
        }
    }
}

/// A share beyond its limit, with enough digits to see the difference.
fn percent_beside(share: f64, limit: f64) -> String {
    let whole = human_percent(share);
    if whole != human_percent(limit) {
        return whole;
    }
    let tenths = format!("{:.1} %", share * 100.0);
    if tenths == format!("{:.1} %", limit * 100.0) {
        let side = if share > limit { "over" } else { "under" };
        return format!("just {side} {whole}");
    }
    tenths
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::{Difference, DifferenceKind, MessageCounts};
    use measurement::verdict::{
        Calibration, Evidence, Latency, SendConditions, SendLateness, Stop, Verdict, judge,
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

    #[test]
    fn a_reason_names_figure_limit_and_remedy() {
        assert_eq!(
            reason(&Reason::ThinTail(12)),
            "12 messages lie beyond p99 (1,000 needed): p99 is uncertain; send more (`-m`, `-d`)"
        );
        assert!(reason(&Reason::GeneratorBusy(0.97)).contains("97 % of a core (limit 90 %)"));
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
            text.contains("75 % of the response time p99 of 4.00 ms"),
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
        let begins = "the generator was stopped for 600 ms, 1.20 s after T0; 12 messages were in flight (the quota of its cgroup withheld 500 ms meanwhile)";
        assert!(text.starts_with(begins), "{text}");
        let (_, reasons) = verdict_of(|e| {
            e.stops = Stops::join(vec![stop(0, 20_000_000), stop(50_000_000, 30_000_000)]);
        });
        let text = reason(&reasons[0]);
        assert!(
            text.contains(
                "for 30.0 ms, 50.0 ms after T0, the longest of 2 stops, 50.0 ms in all; 24 messages"
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
                    sockets_full: false,
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
            "nothing measured: every echo came back as binary, and text was sent; use `--binary`"
        );
        counts.received = 2;
        assert!(said(&counts).contains("every echo in the measured phase was wrong"));
        counts.received = 0;
        assert!(said(&counts).contains("no echo came back"));
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
        let nothing = "with nothing that was sent";
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
