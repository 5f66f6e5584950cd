//! Conditions of a capacity, such as `p99<10ms`: what must hold at a rate that the server can take.

use std::fmt;
use std::str::FromStr;

use super::LoadSearchError;
use crate::plan::LoadDraft;
use crate::run::Summary;
use crate::run::thresholds::{Condition, ConditionError};
use crate::verdict::Latency;

/// A condition that must hold at a rate that counts as the server's capacity. The grammar is that of `--fail-if`
/// ([`Condition`]), read the other way round: a missing figure does not hold, and messages that were lost, late, corrupted
/// or never sent count as slower than any limit.
#[derive(Debug, Clone)]
pub struct CapacityCondition {
    condition: Condition,
    judge: ConditionJudge,
}

/// The data that decide whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ConditionJudge {
    /// At most a share of the messages has a response time of `limit_ns` or more.
    ResponseBeyond {
        /// The smallest time that is too long.
        limit_ns: u64,
        /// Allowed share of messages beyond the limit, between 0 and 1.
        allowed: f64,
    },
    /// The same for the service time.
    ServiceBeyond {
        /// The smallest time that is too long.
        limit_ns: u64,
        /// Allowed share of messages beyond the limit, between 0 and 1.
        allowed: f64,
    },
    /// At most a share of the messages fails.
    Failed {
        /// Allowed share of failed messages, between 0 and 1; 0 for `error_rate==0`.
        allowed: f64,
    },
    /// A figure of the whole step: [`CapacityCondition::holds`].
    WholeStep,
}

/// Times that are judged by the share of messages beyond a limit, and their quantiles.
const QUANTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

/// Share of the messages that must be answered for a step to hold at all. Otherwise a dead server would fulfil
/// `reordered==0` at any rate.
const LEAST_ANSWERED: f64 = 0.5;

impl CapacityCondition {
    /// The data that decide whether the condition holds.
    pub fn judged_by(&self) -> ConditionJudge {
        self.judge
    }

    /// Checks that a run of this load has the figure, and that its limit is not beyond the timeout.
    ///
    /// # Errors
    /// The figure and what the plan lacks, or the limit and the timeout.
    pub fn check_load(&self, load: &LoadDraft) -> Result<(), LoadSearchError> {
        self.condition.check_load(load)?;
        let timeout_ns = load.timeout.as_nanos() as f64;
        let is_message_time = matches!(
            self.condition.figure().time_name(),
            Some(("" | "response." | "service.", _))
        );
        if is_message_time && self.condition.value() > timeout_ns {
            return Err(LoadSearchError::BeyondTimeout {
                typed: self.to_string(),
                timeout: load.timeout,
            });
        }
        Ok(())
    }

    /// Returns true when the condition holds in a step with this summary.
    pub fn holds(&self, step: &Summary) -> bool {
        let figure = self.condition.figure();
        let value = match figure.time_name() {
            Some((prefix, time)) => {
                let failed = failed_share(prefix, step);
                figure
                    .distribution(step)
                    .and_then(|times| time_with_failures(times, time, failed))
            }
            None => figure.of(step),
        };
        let is_answered = failed_share("", step).is_some_and(|share| share <= 1.0 - LEAST_ANSWERED);
        is_answered && value.is_some_and(|value| self.condition.is_met_by(value))
    }

    /// The time in nanoseconds by which a step exceeds the limit, if nothing failed in it and no figure is missing; 0 or
    /// less when the condition holds. Delays of the generator can be the reason for nothing else.
    pub fn excess_ns(&self, step: &Summary) -> Option<f64> {
        let figure = self.condition.figure();
        let (prefix, _) = figure.time_name()?;
        let nothing_failed = ["", prefix].map(|of| failed_share(of, step) == Some(0.0));
        let time = figure.of(step).filter(|_| nothing_failed == [true; 2])?;
        Some(time - self.condition.value())
    }

    /// Returns true when both hold at the same rates: one figure, by any of its names, and one limit. `<` and `<=` differ by
    /// less than a clock can tell.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let (own, others) = (&self.condition, &other.condition);
        let (name, tolerance) = plain_name(own);
        name == plain_name(others).0 && (own.value() - others.value()).abs() <= tolerance
    }
}

/// The figure of a condition without its aliases, and the largest difference of equal limits.
fn plain_name(condition: &Condition) -> ((&str, &str), f64) {
    const SHARE: f64 = 1e-12;
    const NANOSECOND: f64 = 1.0;
    let figure = condition.figure();
    match (figure.time_name(), figure.name()) {
        (Some(("response.", time)), _) => (("", time), NANOSECOND),
        (Some(name), _) => (name, NANOSECOND),
        (None, "late") => (("", "timed_out"), SHARE),
        (None, name) => (("", name), SHARE),
    }
}

/// Share of the messages, or of the deliveries, that have no time of this distribution because they failed; `None` when
/// nothing was due.
fn failed_share(prefix: &str, step: &Summary) -> Option<f64> {
    let share = |part: u64, all: u64| (all > 0).then(|| part as f64 / all as f64);
    let m = &step.messages;
    let of_messages = || share(m.failed(), m.sent + m.unsent);
    match (prefix, &step.fan_out, &step.push) {
        ("delivery.", Some(own), _) => {
            let unsent = share(m.unsent, m.sent + m.unsent)?;
            let missing = share(own.missing, own.expected)?;
            Some(1.0 - (1.0 - unsent) * (1.0 - missing))
        }
        ("first." | "median." | "last." | "spread.", Some(own), _) => {
            share(own.incomplete + m.unsent, own.published + m.unsent)
        }
        ("gap." | "lateness." | "skew." | "delay.", _, Some(own)) => {
            let missing = own.missing.unwrap_or(0);
            share(missing, own.received + missing)
        }
        _ => of_messages(),
    }
}

/// A time of a distribution, if this share of all values is larger than any; `None` when the time then is one of these.
fn time_with_failures(times: &Latency, name: &str, failed: Option<f64>) -> Option<f64> {
    let failed = failed?;
    let Some((_, quantile)) = QUANTILES.iter().find(|(known, _)| *known == name) else {
        // The mean and the spread of values without limit have none themselves.
        let value = match name {
            "mean" => times.mean,
            _ => times.stdev,
        };
        return value.filter(|_| failed == 0.0);
    };
    // The rank among the values that are known.
    let rank = quantile / (1.0 - failed);
    if failed >= 1.0 || rank > 1.0 {
        return None;
    }
    let known = [
        (0.5, times.p50),
        (0.75, times.p75),
        (0.9, times.p90),
        (0.95, times.p95),
        (0.99, times.p99),
        (0.999, times.p99_9),
        (0.9999, times.p99_99),
        (1.0, times.max),
    ];
    let after = known.iter().position(|(at, _)| *at >= rank)?;
    let (high, high_ns) = known[after];
    let high_ns = high_ns? as f64;
    if after == 0 || high == rank {
        return Some(high_ns);
    }
    let (low, low_ns) = known[after - 1];
    let low_ns = low_ns? as f64;
    Some(low_ns + (high_ns - low_ns) * (rank - low) / (high - low))
}

/// The reason why a figure cannot be a condition of a capacity; `None` for one that gets worse with load.
fn not_for_capacity(condition: &Condition) -> Option<&'static str> {
    const BEFORE: &str = "connections are opened before the search";
    const NOT_WORSE: &str = "it does not get worse with load (examples: p99<10ms, error_rate<0.1%)";
    const LOST_ONES: &str = "it needs --drop or --reconnect, which a search does not have";
    const MEMORY: &str = "memory is not a limit of the rate (examples: p99<10ms, error_rate<0.1%)";
    let figure = condition.figure();
    if let Some((prefix, time)) = figure.time_name() {
        return match (prefix, time) {
            ("connect." | "connect_response." | "ready.", _) => Some(BEFORE),
            ("reconnect.", _) => Some(LOST_ONES),
            ("error_time.", _) => {
                Some("only error replies have this time (examples: p99<10ms, error_reply==0)")
            }
            (_, "min") => {
                Some("the fastest message says nothing about the load (example: p99<10ms)")
            }
            (_, "max") => Some(
                "it depends on the length of a step, because a longer one has more messages (write p99.99 in its place, example: p99.99<10ms)",
            ),
            _ => None,
        };
    }
    match figure.name() {
        "lost" | "corrupted" | "duplicated" | "reordered" | "timed_out" | "late" | "unexpected"
        | "abandoned" | "unsent" | "error_rate" | "closed_early" | "error_reply"
        | "server_errors" | "reach" | "missing" | "incomplete" | "unreached" => None,
        "failed" | "setup_failed" => Some(BEFORE),
        "send_lag.p50" | "send_lag.p99" | "send_lag.max" => {
            Some("it is a time of the generator, not of the server (example: p99<10ms)")
        }
        "memory_per_connection" | "idle_bytes" => Some(MEMORY),
        "back_50" | "back_90" | "back_99" | "back_100" | "missed" | "dropped" | "not_back" => {
            Some(LOST_ONES)
        }
        _ => Some(NOT_WORSE),
    }
}

/// The condition to write in place of one that is fulfilled by bad values.
fn instead(condition: &Condition) -> String {
    let figure = condition.figure();
    let name = figure.name();
    match (figure.time_name().is_some(), name) {
        (true, _) if condition.value() == 0.0 => format!("{name}<10ms"),
        (false, "reach") if condition.value() >= 1.0 => format!("{name}>=100%"),
        (false, "reach") => format!("{name}>{}", condition.value_text()),
        (false, _) if condition.value() == 0.0 || is_count(condition) => format!("{name}==0"),
        _ => format!("{name}<{}", condition.value_text()),
    }
}

/// Returns true for a number of messages, deliveries or connections.
fn is_count(condition: &Condition) -> bool {
    let figure = condition.figure();
    figure.time_name().is_none() && !matches!(figure.name(), "error_rate" | "reach")
}

/// Checks that the condition does not depend on the length of a step, which has as many more messages as it is longer.
fn check_count(condition: &Condition) -> Result<(), LoadSearchError> {
    let is_none = condition.value() == 0.0 && matches!(condition.sign(), "==" | "<=");
    if is_none || !is_count(condition) {
        return Ok(());
    }
    Err(LoadSearchError::CountOfStep {
        typed: condition.to_string(),
        instead: instead(condition),
    })
}

/// Checks that good values fulfil the condition, but not all values.
fn check_way(condition: &Condition) -> Result<(), LoadSearchError> {
    let (sign, value) = (condition.sign(), condition.value());
    let is_time = condition.figure().time_name().is_some();
    let is_reach = condition.figure().name() == "reach";
    let typed = || condition.to_string();
    let is_right_way = match sign {
        "<" | "<=" => !is_reach,
        ">" | ">=" => is_reach,
        "==" => !is_time && !is_reach && value == 0.0,
        _ => false,
    };
    if !is_right_way {
        return Err(LoadSearchError::WrongWay {
            typed: typed(),
            instead: instead(condition),
        });
    }
    let is_impossible = match sign {
        "<" => value == 0.0,
        "<=" => is_time && value == 0.0,
        ">" => value >= 1.0,
        ">=" => value > 1.0,
        _ => false,
    };
    if is_impossible {
        return Err(LoadSearchError::NeverHolds {
            typed: typed(),
            instead: instead(condition),
        });
    }
    let is_certain = match condition.figure().name() {
        "reach" => sign == ">=" && value == 0.0,
        "error_rate" => value > 1.0 || sign == "<=" && value == 1.0,
        _ => false,
    };
    if is_certain {
        return Err(LoadSearchError::AlwaysHolds(typed()));
    }
    Ok(())
}

/// The data that decide whether this condition holds.
fn judge(condition: &Condition) -> ConditionJudge {
    let value = condition.value();
    let figure = condition.figure();
    if figure.name() == "error_rate" {
        return ConditionJudge::Failed { allowed: value };
    }
    let Some((prefix, time)) = figure.time_name() else {
        return ConditionJudge::WholeStep;
    };
    let quantile = QUANTILES.iter().find(|(known, _)| *known == time);
    let Some((_, quantile)) = quantile else {
        return ConditionJudge::WholeStep;
    };
    // A time is not negative, and at most the range of the histograms.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let limit_ns = match condition.sign() {
        "<" => value.ceil() as u64,
        _ => (value.floor() as u64).saturating_add(1),
    };
    let allowed = 1.0 - quantile;
    match prefix {
        "" | "response." => ConditionJudge::ResponseBeyond { limit_ns, allowed },
        "service." => ConditionJudge::ServiceBeyond { limit_ns, allowed },
        _ => ConditionJudge::WholeStep,
    }
}

/// The error of a condition that cannot be parsed. That of `--fail-if` names figures and examples that a search refuses.
fn refusal_of(text: &str, error: ConditionError) -> LoadSearchError {
    match error {
        ConditionError::NoComparison(_) => LoadSearchError::NotACondition(text.to_owned()),
        ConditionError::UnknownFigure { figure, hint, .. } => {
            // The hint may name a figure that is refused, too.
            let named = hint.split('`').nth(1).unwrap_or_default();
            let is_possible = format!("{named}<1")
                .parse::<Condition>()
                .is_ok_and(|c| not_for_capacity(&c).is_none())
                || format!("{named}<1ms")
                    .parse::<Condition>()
                    .is_ok_and(|c| not_for_capacity(&c).is_none());
            let hint = match is_possible {
                true => format!(" ({hint})"),
                false => String::new(),
            };
            LoadSearchError::UnknownFigure { figure, hint }
        }
        other => other.into(),
    }
}

impl FromStr for CapacityCondition {
    type Err = LoadSearchError;

    fn from_str(text: &str) -> Result<Self, LoadSearchError> {
        let condition: Condition = text.parse().map_err(|error| refusal_of(text, error))?;
        if let Some(reason) = not_for_capacity(&condition) {
            return Err(LoadSearchError::NotForCapacity {
                figure: condition.figure().name().to_owned(),
                reason,
            });
        }
        check_way(&condition)?;
        check_count(&condition)?;
        Ok(Self {
            judge: judge(&condition),
            condition,
        })
    }
}

impl fmt::Display for CapacityCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::LatencyHistogram;
    use crate::run::tests::summary;
    use crate::run::{FanOutSummary, PushSummary};

    fn judged_by(text: &str) -> ConditionJudge {
        text.parse::<CapacityCondition>().unwrap().judged_by()
    }

    fn refusal(text: &str) -> String {
        text.parse::<CapacityCondition>().unwrap_err().to_string()
    }

    fn holds(text: &str, step: &Summary) -> bool {
        text.parse::<CapacityCondition>().unwrap().holds(step)
    }

    /// A step of which this number of messages was due and some failed. Times are 1 to 1,000 ms, equally often.
    fn step(due: u64, lost: u64, unsent: u64) -> Summary {
        let mut step = summary(100);
        let m = &mut step.messages;
        (m.sent, m.lost, m.unsent) = (due - unsent, lost, unsent);
        let mut times = LatencyHistogram::new();
        (1..=1_000).for_each(|ms| times.record(ms * 1_000_000));
        (step.response_time_ns, step.service_time_ns) = ((&times).into(), (&times).into());
        step
    }

    #[test]
    fn conditions_are_judged_by_shares_or_by_the_whole_step() {
        let share = |judge: ConditionJudge| match judge {
            ConditionJudge::ResponseBeyond { limit_ns, allowed } => ("response", limit_ns, allowed),
            ConditionJudge::ServiceBeyond { limit_ns, allowed } => ("service", limit_ns, allowed),
            ConditionJudge::Failed { allowed } => ("failed", 0, allowed),
            ConditionJudge::WholeStep => ("step", 0, 0.0),
        };
        for (text, kind, limit_ns, allowed) in [
            ("p99<10ms", "response", 10_000_000, 0.01),
            ("p99 <= 10ms", "response", 10_000_001, 0.01),
            ("response.p50<1us", "response", 1_000, 0.5),
            ("service.p99.9<5ms", "service", 5_000_000, 0.001),
            ("p99.99<=1s", "response", 1_000_000_001, 0.0001),
            ("error_rate<0.1%", "failed", 0, 0.001),
            ("error_rate==0", "failed", 0, 0.0),
            ("lost==0", "step", 0, 0.0),
            ("late<=0", "step", 0, 0.0),
            ("mean<1ms", "step", 0, 0.0),
            ("last.p99<50ms", "step", 0, 0.0),
            ("reach>=99.9%", "step", 0, 0.0),
        ] {
            let (found, found_ns, found_share) = share(judged_by(text));
            assert_eq!((found, found_ns), (kind, limit_ns), "{text}");
            assert!((found_share - allowed).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn a_condition_that_a_bad_server_fulfils_is_turned_round() {
        for (wrong, right) in [
            ("p99>10ms", "write `p99<10ms` in place of `p99>10ms`"),
            ("p99>=10ms", "write `p99<10ms`"),
            ("p99==10ms", "write `p99<10ms`"),
            ("p99!=10ms", "write `p99<10ms`"),
            ("lost>0", "write `lost==0`"),
            ("lost!=0", "write `lost==0`"),
            ("lost==3", "write `lost==0`"),
            ("lost>3", "write `lost==0`"),
            ("error_rate>0.1%", "write `error_rate<0.1%`"),
            ("reach<99.9%", "write `reach>99.9%`"),
            ("reach==100%", "write `reach>=100%`"),
        ] {
            let text = refusal(wrong);
            assert!(text.contains("unlike --fail-if"), "{wrong}: {text}");
            assert!(text.contains(right), "{wrong}: {text}");
        }
    }

    #[test]
    fn conditions_that_decide_nothing_are_refused() {
        for (wrong, expected) in [
            ("p99<0ms", "holds at no rate: write `p99<10ms`"),
            ("p99<=0ms", "holds at no rate"),
            ("lost<0", "holds at no rate: write `lost==0`"),
            ("reach>100%", "holds at no rate: write `reach>=100%`"),
            ("error_rate<200%", "holds at every rate"),
            ("error_rate<=100%", "holds at every rate"),
            ("reach>=0%", "holds at every rate"),
        ] {
            assert!(refusal(wrong).contains(expected), "{wrong}");
        }
    }

    /// A longer step has more lost messages and a longer maximum, so the capacity depended on the lengths of the steps.
    #[test]
    fn limits_that_depend_on_the_length_of_a_step_are_refused() {
        for wrong in ["lost<5", "corrupted<3", "late<=5", "lost<1", "missing<=2"] {
            let text = refusal(wrong);
            let advice = "because a longer one has more messages: write `";
            assert!(text.contains(advice), "{wrong}: {text}");
            assert!(text.contains("error_rate<0.1%"), "{wrong}: {text}");
        }
        assert!(refusal("lost<5").contains("`lost<5` depends"));
        assert!(refusal("lost<5").contains("write `lost==0`"));
        for wrong in ["max<10ms", "max>10ms", "service.max<=1s", "last.max<50ms"] {
            let text = refusal(wrong);
            assert!(text.contains("p99.99<10ms"), "{wrong}: {text}");
        }
        for right in ["lost==0", "lost<=0", "error_rate<0.1%", "reach>=99.9%"] {
            assert!(right.parse::<CapacityCondition>().is_ok(), "{right}");
        }
    }

    #[test]
    fn a_condition_is_the_same_by_any_name_and_comparison() {
        let is_same = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse::<CapacityCondition>().unwrap());
            assert_eq!(one.is_same_as(&other), other.is_same_as(&one));
            one.is_same_as(&other)
        };
        for (one, other) in [
            ("p99<10ms", "p99<10.0ms"),
            ("p99<10ms", "p99<=10ms"),
            ("p99<10ms", "response.p99<0.01s"),
            ("error_rate<0.1%", "error_rate<=0.001"),
            ("lost==0", "lost<=0"),
            ("late==0", "timed_out==0"),
            ("last.p99<50ms", "last.p99<=50000us"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("p99<10ms", "p99<11ms"),
            ("p99<10ms", "p99.9<10ms"),
            ("p99<10ms", "service.p99<10ms"),
            ("error_rate<0.1%", "error_rate<0.2%"),
            ("lost==0", "corrupted==0"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    /// The errors of `--fail-if` suggested figures and comparisons that were refused next.
    #[test]
    fn errors_suggest_nothing_that_a_search_refuses() {
        assert!(refusal("nonsense").contains("(examples: p99<10ms,"));
        for unknown in ["foo<10ms", "throughputt>5", "maxx<10ms"] {
            let text = refusal(unknown);
            for refused in [
                "throughput`",
                "connect.",
                "capacity_low",
                "send_lag",
                "max`",
            ] {
                assert!(!text.contains(refused), "{text}");
            }
        }
        let text = refusal("losst==0");
        assert!(text.contains("`lost`"), "{text}");
    }

    #[test]
    fn figures_that_do_not_get_worse_with_load_are_refused() {
        for (wrong, expected) in [
            ("throughput>5", "does not get worse with load"),
            ("sent>5", "does not get worse with load"),
            ("achieved_rate>5", "does not get worse with load"),
            ("messages_per_cpu_s>5", "does not get worse with load"),
            ("capacity>5", "does not get worse with load"),
            ("connect.p99<5ms", "opened before the search"),
            ("ready.p99<5ms", "opened before the search"),
            ("failed==0", "opened before the search"),
            ("reconnect.p99<5s", "--drop or --reconnect"),
            ("back_99<5s", "--drop or --reconnect"),
            ("missed==0", "--drop or --reconnect"),
            ("error_time.p99<5ms", "error_reply==0"),
            ("min<5ms", "the fastest message"),
            ("send_lag.p99<5ms", "of the generator"),
            ("idle_bytes<5KiB", "memory is not a limit"),
        ] {
            let text = refusal(wrong);
            assert!(
                text.contains("cannot be a condition of a capacity"),
                "{text}"
            );
            assert!(text.contains(expected), "{wrong}: {text}");
        }
        assert!(refusal("p99<10").contains("a time with its unit"));
        assert!(refusal("losst==0").contains("did you mean `lost`?"));
    }

    #[test]
    fn a_limit_beyond_the_timeout_is_refused() {
        let load = LoadDraft::closed_loop();
        let check = |text: &str| {
            let checked = text.parse::<CapacityCondition>().unwrap().check_load(&load);
            checked.map_err(|error| error.to_string())
        };
        assert_eq!(check("p99<10s"), Ok(()));
        let text = check("p99<11s").unwrap_err();
        assert!(text.contains("is longer than the timeout of 10s"), "{text}");
        let text = check("reach>=99%").unwrap_err();
        assert!(text.contains("cannot be measured in this run"), "{text}");
    }

    #[test]
    fn failed_messages_are_slower_than_any_limit() {
        let good = step(1_000, 0, 0);
        assert!(holds("p99<=1s", &good) && holds("stdev<1s", &good) && holds("mean<1s", &good));
        // Half a percent is lost or not sent: the p99 of the others is their p99.497.
        let some = step(1_000, 3, 2);
        assert!(holds("p99<1s", &some) && !holds("p99<992ms", &some));
        assert!(holds("p99<992ms", &good));
        assert!(!holds("stdev<2s", &some) && !holds("mean<2s", &some));
        // More than one percent.
        assert!(!holds("p99<60m", &step(1_000, 6, 6)) && holds("p90<2s", &step(1_000, 6, 6)));
    }

    /// Capacity of a dead server was infinite where a condition counts faults of answers.
    #[test]
    fn a_server_that_answers_nothing_fulfils_no_condition() {
        let mut dead = step(1_000, 1_000, 0);
        dead.response_time_ns = Latency::default();
        let silent = step(1_000, 0, 600);
        let idle = step(0, 0, 0);
        for condition in ["reordered==0", "corrupted==0", "p99<60m", "error_rate<99%"] {
            for step in [&dead, &silent, &idle] {
                assert!(!holds(condition, step), "{condition}");
            }
        }
        assert!(holds("reordered==0", &step(1_000, 400, 0)));
    }

    #[test]
    fn a_figure_that_is_missing_does_not_hold() {
        let step = step(1_000, 0, 0);
        for condition in [
            "last.p99<60m",
            "reach>=0.1%",
            "missing==0",
            "error_reply==0",
        ] {
            assert!(!holds(condition, &step), "{condition}");
        }
    }

    /// A room that delivers nothing was explained by a stop of the generator.
    #[test]
    fn only_a_time_without_failures_may_be_late() {
        let excess = |text: &str, step: &Summary| {
            let condition = text.parse::<CapacityCondition>().unwrap();
            condition.excess_ns(step)
        };
        let broken = |text: &str, step: &Summary| excess(text, step).is_some_and(|ns| ns > 0.0);
        let good = step(1_000, 0, 0);
        assert!(broken("mean<10ms", &good) && !broken("mean<2s", &good));
        let excess_ms = excess("mean<10ms", &good).unwrap() / 1e6;
        assert!((excess_ms - 490.5).abs() < 0.1, "{excess_ms}");
        assert_eq!(excess("mean<10ms", &step(1_000, 1, 0)), None);
        assert_eq!(excess("mean<10ms", &step(1_000, 0, 1)), None);
        assert_eq!(excess("last.p99<50ms", &good), None);
        assert_eq!(excess("reordered==0", &good), None);
        let mut room = good;
        let own = FanOutSummary {
            published: 1_000,
            complete: 1_000,
            last_ns: room.response_time_ns,
            ..FanOutSummary::default()
        };
        room.fan_out = Some(own.clone());
        assert!(broken("last.p99<50ms", &room));
        room.fan_out = Some(FanOutSummary {
            incomplete: 1,
            ..own
        });
        assert_eq!(excess("last.p99<50ms", &room), None);
    }

    #[test]
    fn deliveries_that_are_missing_are_slower_than_any_limit() {
        let mut step = step(1_000, 0, 0);
        let mut own = FanOutSummary {
            published: 1_000,
            expected: 50_000,
            delivered: 50_000,
            complete: 1_000,
            delivery_time_ns: step.response_time_ns,
            last_ns: step.response_time_ns,
            ..FanOutSummary::default()
        };
        step.fan_out = Some(own.clone());
        assert!(holds("delivery.p99<991ms", &step) && holds("last.p99<991ms", &step));
        (own.missing, own.incomplete) = (600, 20);
        step.fan_out = Some(own);
        assert!(!holds("delivery.p99<60m", &step) && !holds("last.p99<60m", &step));
        assert!(holds("delivery.p90<991ms", &step) && holds("last.p90<991ms", &step));
        step.push = Some(PushSummary {
            received: 50,
            missing: Some(50),
            gap_ns: step.response_time_ns,
            ..PushSummary::default()
        });
        assert!(!holds("gap.p75<60m", &step) && !holds("gap.p50<1s", &step));
    }

    proptest! {
        /// More failures never make a condition hold, and a wider limit never makes it fail.
        #[test]
        fn conditions_are_monotone(
            lost in 0..=1_000_u64, more in 0..=200_u64, unsent in 0..=100_u64, limit in 1..=1_100_u64, wider in 0..=200_u64,
            time in prop::sample::select(vec!["p50", "p75", "p90", "p95", "p99", "p99.9", "mean"]),
        ) {
            let condition = |limit: u64| format!("{time}<{limit}ms");
            let few = step(2_000, lost, unsent);
            let many = step(2_000, lost + more, unsent);
            prop_assert!(!holds(&condition(limit), &many) || holds(&condition(limit), &few));
            prop_assert!(!holds(&condition(limit), &few) || holds(&condition(limit + wider), &few));
        }

        /// Failures are counted as if they had come later than any other message.
        #[test]
        fn a_quantile_with_failures_is_that_of_all_messages(failed in 0..=99_u32, at in 0..3_usize) {
            let (name, quantile) = [("p50", 0.5), ("p75", 0.75), ("p90", 0.9)][at];
            let mut times = LatencyHistogram::new();
            (1..=1_000).for_each(|ms| times.record(ms * 1_000_000));
            let share = f64::from(failed) / (1_000.0 + f64::from(failed));
            let found = time_with_failures(&(&times).into(), name, Some(share)).unwrap();
            let exact = quantile * (1_000.0 + f64::from(failed)) * 1e6;
            prop_assert!((found / exact - 1.0).abs() < 0.005, "{} {}", found, exact);
        }

        #[test]
        fn a_condition_is_printed_as_typed(percent in 0.001..99.0_f64, ms in 1..10_000_u32) {
            for typed in [format!("p99<{ms}ms"), format!("error_rate<={percent}%"), "lost==0".to_owned()] {
                prop_assert_eq!(typed.parse::<CapacityCondition>().unwrap().to_string(), typed);
            }
        }
    }
}
