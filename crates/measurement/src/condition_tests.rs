//! Conditions on a summary of known figures.

use super::*;
use crate::summary::tests::summary;
use proptest::prelude::*;

fn held(text: &str) -> bool {
    text.parse::<Condition>().unwrap().check(&summary(100)).held
}

#[test]
fn conditions_are_looked_at() {
    // 100 messages of 1,000 ns each in two seconds, none lost.
    for yes in [
        "p99>999ns",
        "p99 >= 1us",
        "service.p99.9 < 1.5us",
        "max==1us",
        "response.mean<=1us",
        "lost==0",
        "throughput<50_000",
        "throughput!=49",
        "error_rate<=0.1%",
        "sent>99",
        "late==0",
    ] {
        assert!(held(yes), "{yes}");
    }
    for no in [
        "p99>1us",
        "lost>0",
        "throughput<50",
        "error_rate>0",
        "p50!=1us",
    ] {
        assert!(!held(no), "{no}");
    }
}

#[test]
fn what_was_not_measured_holds() {
    let nothing = summary(0);
    let closed = "send_lag.p99>1m".parse::<Condition>().unwrap();
    assert!(
        closed.check(&summary(100)).held,
        "a closed loop has no schedule"
    );
    for text in ["p99>10ms", "p99<10ms", "error_rate>1%"] {
        let result = text.parse::<Condition>().unwrap().check(&nothing);
        assert!(result.held && result.value.is_none(), "{text}");
        assert_eq!(result.value_text, "not measured");
    }
    assert!(held("connect.p99>1ms"), "no connection was timed");
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
    assert!(error("p99").contains("compares nothing"));
    assert!(error("p99=1ms").contains("compares nothing"));
    assert!(error("p98>1ms").contains("`p98` is no figure"));
    assert!(error("losst>0").contains("did you mean `lost`?"));
    assert!(error("lst>0").contains("did you mean `lost`?"));
    assert!(error("troughput<5").contains("did you mean `throughput`?"));
    assert!(!error("nonsense>0").contains("did you mean"));
    for negative in ["lost>-1", "throughput<-0", "error_rate>-1%", "p99>-1ms"] {
        assert!(error(negative).contains("is no value for"), "{negative}");
    }
    assert!(error("p99>10").contains("a time with its unit"));
    assert!(error("lost>many").contains("a number"));
    assert!(error("lost>inf").contains("a number"));
    assert!(error(">5").contains("`` is no figure"));
}

#[test]
fn a_result_shows_its_figure() {
    let result = "p99>10ms"
        .parse::<Condition>()
        .unwrap()
        .check(&summary(100));
    assert_eq!(result.expression, "p99>10ms");
    assert_eq!(
        (result.value, &*result.value_text),
        (Some(1_000.0), "1.00 µs")
    );
}

proptest! {
    #[test]
    fn exactly_one_of_above_equal_below_holds(value in 0_u64..2_000) {
        let count = [">", "==", "<"].iter().filter(|sign| held(&format!("p50{sign}{value}ns"))).count();
        prop_assert_eq!(count, 1);
    }

    #[test]
    fn nothing_typed_makes_it_panic(text in ".{0,30}") {
        let _ = text.parse::<Condition>();
    }
}
