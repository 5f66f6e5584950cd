//! Each reason at its limit.

use super::*;

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
    (found.verdict, found.reasons)
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
fn a_reason_names_figure_limit_and_remedy() {
    assert_eq!(
        Reason::ThinTail(12).to_string(),
        "12 messages lie beyond p99 (limit 1,000): the tail is not firm; send more (`-m`, `-d`)"
    );
    assert!(
        Reason::GeneratorBusy(0.97)
            .to_string()
            .contains("97 % of a core (limit 90 %)")
    );
}

#[test]
fn a_generator_later_than_the_server_is_invalid() {
    assert_eq!(
        verdict_of(|e| e.send_lag_p99_ns = Some(10)).0,
        Verdict::Valid
    );
    let (verdict, reasons) = verdict_of(|e| e.send_lag_p99_ns = Some(11));
    assert_eq!(verdict, Verdict::Invalid);
    let text = reasons[0].to_string();
    assert!(text.contains("send lag p99 of 11 ns (limit: the service time p50, 10 ns)"));
}

#[test]
fn a_rate_that_was_not_kept_is_the_generators_fault_or_the_servers() {
    assert_eq!(verdict_of(|e| e.kept_rate = Some(0.95)).0, Verdict::Valid);
    let (verdict, reasons) = verdict_of(|e| e.kept_rate = Some(0.9499));
    assert_eq!(verdict, Verdict::Invalid);
    assert!(
        reasons[0]
            .to_string()
            .contains("just under 95 % of the offered rate")
    );
    let lossy = |e: &mut Evidence| (e.kept_rate, e.answered_all) = (Some(0.5), false);
    assert_eq!(verdict_of(lossy).0, Verdict::Suspect);
    let text = verdict_of(lossy).1[0].to_string();
    assert!(text.contains("the server did not answer all"), "{text}");
}

#[test]
fn figures_at_the_generators_own_limits_are_suspect() {
    let own = |floor, ceiling| Calibration {
        floor_service_p50_ns: floor,
        ceiling_messages_per_s: ceiling,
        took_s: 0.3,
    };
    let mut evidence = good();
    evidence.calibration = Some(own(9, 1_112.0));
    assert_eq!(judge(&evidence).verdict, Verdict::Valid);
    evidence.calibration = Some(own(10, 2_000.0));
    assert_eq!(judge(&evidence).reasons, [Reason::NearFloor(10, 10)]);
    evidence.calibration = Some(own(1, 1_111.0));
    let found = judge(&evidence);
    assert_eq!(found.verdict, Verdict::Suspect);
    assert_eq!(found.reasons, [Reason::NearCeiling(1_000.0, 1_111.0)]);
    assert!(
        found.reasons[0]
            .to_string()
            .contains("you are measuring the tool")
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
        sending: Sending::default(),
    };
    assert_eq!(reasons, [lag, Reason::ThinTail(0)]);
}

#[test]
fn a_rate_that_ended_with_its_connections_is_not_blamed_on_the_generator() {
    let said = |broken| {
        let mut evidence = good();
        evidence.kept_rate = Some(0.3);
        evidence.broken_connections = broken;
        judge(&evidence).reasons[0].to_string()
    };
    assert!(said(0).contains("the generator held back"));
    // Five of a hundred connections do not carry seven tenths of the load.
    assert_eq!(said(5), said(0));
    let of_broken = said(80);
    assert!(of_broken.contains("connections failed or ended early"));
    assert!(!of_broken.contains("generator"), "{of_broken}");
}

#[test]
fn a_figure_better_than_the_generators_own_says_that_its_calibration_was_disturbed() {
    let mut evidence = good();
    evidence.calibration = Some(Calibration {
        floor_service_p50_ns: 12,
        ceiling_messages_per_s: 900.0,
        took_s: 0.3,
    });
    let found = judge(&evidence);
    assert_eq!(found.verdict, Verdict::Suspect);
    assert_eq!(
        found.reasons,
        [
            Reason::BelowFloor(10, 12),
            Reason::AboveCeiling(1_000.0, 900.0)
        ]
    );
    for reason in found.reasons {
        let said = reason.to_string();
        assert!(said.contains("calibration was disturbed"), "{said}");
        assert!(!said.contains("within"), "{said}");
    }
}

#[test]
fn what_was_done_already_is_not_advised() {
    let said = |windowed, busy_poll| {
        let (_, reasons) = verdict_of(|e| {
            e.send_lag_p99_ns = Some(11);
            e.kept_rate = Some(0.5);
            e.sending = Sending {
                windowed,
                busy_poll,
                sockets_full: false,
            };
        });
        reasons[..2]
            .iter()
            .map(ToString::to_string)
            .collect::<String>()
    };
    let (plain, set) = (said(false, false), said(true, true));
    assert!(
        plain.contains("`--busy-poll`") && !plain.contains("`--window`"),
        "{plain}"
    );
    assert_eq!(set.matches("a wider `--window`").count(), 2, "{set}");
    assert!(!set.contains("`--busy-poll`"), "{set}");
    let (_, full) = verdict_of(|e| {
        e.send_lag_p99_ns = Some(11);
        e.sending.sockets_full = true;
    });
    assert!(full[0].to_string().contains("the sockets were full"));
}

#[test]
fn one_message_lies_and_several_lie() {
    let said = |beyond| Reason::ThinTail(beyond).to_string();
    assert!(said(1).starts_with("1 message lies beyond p99 "));
    assert!(said(2).starts_with("2 messages lie beyond p99 "));
}

#[test]
fn what_is_beyond_a_limit_is_seen_to_be() {
    let said = |share| Reason::GeneratorBusy(share).to_string();
    assert!(said(0.97).contains("for 97 % of a core (limit 90 %)"));
    assert!(said(0.904).contains("for 90.4 % of a core (limit 90 %)"));
    assert!(said(0.9001).contains("for just over 90 % of a core"));
}
