//! Conditions between servers whose rounds are known.

use super::*;
use proptest::prelude::*;

/// Ten rounds around these values, off by −2 … 2.5 %; the first server's go the other way.
fn judge_rounds(text: &str, a: f64, b: f64, rounds: u32) -> Judgement {
    let around = |value: f64, turn: f64| {
        (0..rounds)
            .map(|r| Some(value * (1.0 + turn * (f64::from(r % 10) - 4.0) / 200.0)))
            .collect::<Vec<_>>()
    };
    let bootstrap = Bootstrap {
        resamples: 499,
        ..Bootstrap::default()
    };
    Between::parse(text, &["a", "b"])
        .unwrap()
        .judge(
            |server, _| {
                if server == 0 {
                    around(a, -1.0)
                } else {
                    around(b, 1.0)
                }
            },
            &bootstrap,
        )
        .unwrap()
}

fn judge(text: &str, a: f64, b: f64) -> Outcome {
    judge_rounds(text, a, b, 10).outcome
}

#[test]
fn the_whole_interval_has_to_lie_on_that_side() {
    use Outcome::{CannotTell, Held, NotHeld};
    for (text, a, b, wanted) in [
        ("b.p99 > 1.1 * a.p99", 1e6, 1.2e6, Held),
        ("b.p99 > 1.1 * a.p99", 1e6, 1.1e6, CannotTell),
        ("b.p99 > 1.1 * a.p99", 1e6, 1e6, NotHeld),
        ("b.p99 < 1.1 * a.p99", 1e6, 1.2e6, NotHeld),
        ("b.p99 < 1.1 * a.p99", 1e6, 1e6, Held),
        ("a.p99 > b.p99", 1.2e6, 1e6, Held),
        ("b.throughput<0.9*a.throughput", 100.0, 80.0, Held),
        ("b.p99 > 10ms", 1.0, 11e6, Held),
        ("b.p99 > 10ms", 1.0, 10.05e6, CannotTell),
        ("b.p99 > 10ms", 1.0, 9e6, NotHeld),
        ("b.throughput < 50_000", 1.0, 45_000.0, Held),
        ("b.service.p99.9 >= 2 * a.response.p50", 1.0, 3.0, Held),
        ("b.memory_per_connection > 64KiB", 1.0, 70_000.0, Held),
    ] {
        assert_eq!(judge(text, a, b), wanted, "{text} {a} {b}");
    }
}

#[test]
fn what_cannot_be_told_leaves_the_gate_open_and_what_was_not_measured_shuts_it() {
    let open = judge_rounds("b.p99 > a.p99", 1.0, 1.0, 10);
    assert_eq!((open.outcome, open.held), (Outcome::CannotTell, false));
    let few = judge_rounds("b.p99 > a.p99", 1.0, 2.0, 5);
    assert_eq!((few.outcome, few.held), (Outcome::CannotTell, false));
    assert_eq!(
        judge_rounds("b.p99 > a.p99", 1.0, 2.0, 1).outcome,
        Outcome::CannotTell
    );
    let condition = Between::parse("b.p99>a.p99", &["a", "b"]).unwrap();
    let nothing = condition
        .judge(
            |server, _| vec![(server == 0).then_some(1.0); 10],
            &Bootstrap::default(),
        )
        .unwrap();
    assert_eq!(
        (nothing.outcome, nothing.held, nothing.rounds),
        (Outcome::NotMeasured, true, 0)
    );
}

#[test]
fn rounds_that_one_of_them_missed_are_left_out() {
    let condition = Between::parse("b.p99 > a.p99", &["a", "b"]).unwrap();
    let values = |server: usize, _: &Figure| -> Vec<Option<f64>> {
        (0..12)
            .map(|r| {
                (r != 5 || server == 0)
                    .then_some(f64::from(r + 1) * if server == 0 { 1.0 } else { 2.0 })
            })
            .collect()
    };
    let judged = condition.judge(values, &Bootstrap::default()).unwrap();
    assert_eq!((judged.rounds, judged.outcome), (11, Outcome::Held));
    assert!((judged.ratio.unwrap().estimate - 2.0).abs() < 1e-12);
}

#[test]
fn a_fault_is_a_fact() {
    let once = |text: &str| {
        Between::parse(text, &["a", "b"])
            .unwrap()
            .judge(
                |server, _| {
                    (0..10)
                        .map(|r| Some(f64::from(u8::from(server == 1 && r == 7))))
                        .collect()
                },
                &Bootstrap::default(),
            )
            .unwrap()
            .outcome
    };
    assert_eq!(once("b.lost > 0"), Outcome::Held);
    assert_eq!(once("a.lost > 0"), Outcome::NotHeld);
    assert_eq!(once("b.lost > 1"), Outcome::NotHeld);
    // Once in ten rounds does not say that b loses more than a does, but that it loses no fewer.
    assert_eq!(once("b.lost > a.lost"), Outcome::CannotTell);
    assert_eq!(once("b.lost < a.lost"), Outcome::NotHeld);
    assert_eq!(once("b.lost >= a.lost"), Outcome::Held);
}

#[test]
fn zeros_are_judged_by_their_differences() {
    assert_eq!(
        judge("b.throughput > a.throughput", 0.0, 5.0),
        Outcome::Held
    );
    assert_eq!(
        judge("b.throughput < a.throughput", 0.0, 5.0),
        Outcome::NotHeld
    );
    assert_eq!(
        judge_rounds("b.throughput > a.throughput", 0.0, 5.0, 5).outcome,
        Outcome::CannotTell
    );
    assert_eq!(judge("b.throughput > 0", 1.0, 5.0), Outcome::Held);
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = |text: &str| {
        Between::parse(text, &["a", "b", "b.p99"])
            .unwrap_err()
            .to_string()
    };
    assert!(error("b.p50").contains("compares nothing"));
    assert!(error("p50>1ms").contains("servers here: a, b, b.p99"));
    assert!(error("c.p50>a.p50").contains("`c.p50` is no figure of a server"));
    assert!(error("b.p50>2*c.p50").contains("`c.p50` is no figure of a server"));
    assert!(error("b.p98>a.p99").contains("`p98` is no figure"));
    assert!(error("b.p50==a.p50").contains("`==` cannot be held with confidence"));
    assert!(error("b.p50>a.throughput").contains("not counted in the same unit"));
    assert!(error("b.p50>-1*a.p50").contains("a factor is a number above zero"));
    assert!(error("b.p50>0*a.p50").contains("a factor is a number above zero"));
    assert!(error("b.p50>10").contains("a time with its unit"));
    // The longest name wins.
    let dotted = Between::parse("b.p99.p50 > a.p50", &["a", "b", "b.p99"]).unwrap();
    assert_eq!(dotted.left.server, 2);
    assert_eq!(dotted.to_string(), "b.p99.p50>a.p50");
    let spaced = Between::parse("my server.p50 > 1ms", &["my server"]).unwrap();
    assert_eq!(spaced.left.server, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn opposite_conditions_never_both_hold(factor in 0.5..2.0_f64) {
        let above = judge(&format!("b.p50 > {factor} * a.p50"), 1.0, 1.1);
        let below = judge(&format!("b.p50 <= {factor} * a.p50"), 1.0, 1.1);
        let wanted = match above {
            Outcome::Held => Outcome::NotHeld,
            Outcome::NotHeld => Outcome::Held,
            other => other,
        };
        prop_assert_eq!(below, wanted);
    }

    #[test]
    fn nothing_typed_makes_it_panic(text in "[ab.p0-9*<>= ]{0,20}|.{0,30}") {
        let _ = Between::parse(&text, &["a", "b"]);
    }
}
