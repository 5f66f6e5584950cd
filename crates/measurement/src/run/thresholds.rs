//! Conditions of `--fail-if` on figures of a run, such as `p99>10ms`. A CI job fails when one holds. Figures are in
//! `figure`. The figures that ws-compare compares servers by are in its `fail_if.rs`.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use super::condition_result::ConditionResult;
use super::summary::Summary;
use crate::plan::LoadDraft;

pub use between_servers::{BetweenServers, ConditionOutcome, Judgement};
pub use figure::RunFigure;

mod availability;
mod between_servers;
mod figure;

/// Reason why a condition cannot be parsed.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error("`{0}` compares nothing: use `>`, `>=`, `<`, `<=`, `==` or `!=` (example: p99>10ms)")]
    NoComparison(String),
    #[error("`{figure}` is not a figure of a run{}. The figures are {known}", in_brackets(.hint))]
    UnknownFigure {
        figure: String,
        /// Empty when nothing is like it.
        hint: String,
        known: String,
    },
    #[error(
        "`{term}` is not a figure of a server: write its name, a dot and a figure (servers here: {known})"
    )]
    UnknownRun { term: String, known: String },
    #[error("`{0}` cannot be held with confidence: use `>`, `>=`, `<` or `<=`")]
    Exact(String),
    #[error("`{left}` and `{right}` have different units")]
    Units { left: String, right: String },
    #[error("`{figure}` cannot be measured in this run: {reason}")]
    NotInPlan {
        figure: String,
        /// Part that the plan lacks, and advice.
        reason: &'static str,
    },
    #[error("`{value}` is not a value for `{figure}`: {wanted}")]
    Value {
        figure: String,
        value: String,
        wanted: &'static str,
    },
}

fn in_brackets(hint: &str) -> String {
    if hint.is_empty() {
        String::new()
    } else {
        format!(" ({hint})")
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy)]
struct ComparisonOperator {
    sign: &'static str,
    holds: fn(&f64, &f64) -> bool,
}

impl ComparisonOperator {
    const ALL: [Self; 6] = [
        Self::new(">=", f64::ge),
        Self::new("<=", f64::le),
        Self::new("==", f64::eq),
        Self::new("!=", f64::ne),
        Self::new(">", f64::gt),
        Self::new("<", f64::lt),
    ];

    const fn new(sign: &'static str, holds: fn(&f64, &f64) -> bool) -> Self {
        Self { sign, holds }
    }

    fn holds(self, found: f64, value: f64) -> bool {
        (self.holds)(&found, &value)
    }
}

/// A condition on the summary of a run: a figure, a comparison operator and a value.
///
/// Figures are percentiles and other figures of a time (`p99.9`, `max`), of the response time unless prefixed with
/// `service.`, `connect.` or another distribution; counts of messages (`lost`) and connections (`failed`); `throughput` in messages per
/// second; `error_rate` in percent.
#[derive(Debug, Clone)]
pub struct Condition {
    figure: RunFigure,
    comparison: ComparisonOperator,
    value_text: String,
    value: f64,
}

impl Summary {
    /// Adds the results of these conditions to the summary.
    #[must_use]
    pub fn with_conditions(mut self, conditions: &[Condition]) -> Self {
        self.conditions = conditions.iter().map(|c| c.check(&self)).collect();
        self
    }
}

impl Condition {
    /// Checks that a run of this load has the figure.
    ///
    /// # Errors
    /// [`ConditionError::NotInPlan`] naming the figure and what the plan lacks.
    pub fn check_load(&self, load: &LoadDraft) -> Result<(), ConditionError> {
        availability::check(self.figure.name(), load)
    }

    /// Checks that the memory of the server will be known, if the condition is on it. `missing`: the part that the run
    /// lacks for that, and advice; `None` when it will be known.
    ///
    /// # Errors
    /// [`ConditionError::NotInPlan`] naming the figure and `missing`.
    pub fn check_idle_memory(&self, missing: Option<&'static str>) -> Result<(), ConditionError> {
        match missing {
            Some(reason) if self.figure.name() == "idle_bytes" => Err(ConditionError::NotInPlan {
                figure: self.figure.name().to_owned(),
                reason,
            }),
            _ => Ok(()),
        }
    }

    /// Checks that a capacity is searched for, if the condition is on it.
    ///
    /// # Errors
    /// [`ConditionError::NotInPlan`] naming the figure and the flag.
    pub fn check_capacity(&self, is_searched: bool) -> Result<(), ConditionError> {
        let is_capacity = matches!(self.figure.name(), "capacity" | "capacity_low");
        if is_capacity && !is_searched {
            return Err(ConditionError::NotInPlan {
                figure: self.figure.name().to_owned(),
                reason: "it needs --find-capacity (example: --find-capacity 'p99<10ms')",
            });
        }
        Ok(())
    }

    /// The figure of the condition.
    pub(crate) fn figure(&self) -> &RunFigure {
        &self.figure
    }

    /// The comparison operator.
    pub(crate) fn sign(&self) -> &'static str {
        self.comparison.sign
    }

    /// The value that the figure is compared with: nanoseconds, bytes, a count, or a share.
    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    /// The value as typed.
    pub(crate) fn value_text(&self) -> &str {
        &self.value_text
    }

    /// Returns true when this value of the figure fulfils the condition.
    pub(crate) fn is_met_by(&self, found: f64) -> bool {
        self.comparison.holds(found, self.value)
    }

    /// Returns true when the condition has the same result for this value of the figure and for all larger ones.
    fn is_decided_from(&self, bound: f64) -> bool {
        let values = [bound, bound.max(self.value), f64::INFINITY];
        let results = values.map(|value| self.is_met_by(value));
        results == [results[0]; 3]
    }

    /// Checks the condition on a summary.
    pub fn check(&self, summary: &Summary) -> ConditionResult {
        let value = self.figure.of(summary);
        let is_bound = self.figure.is_lower_bound(summary);
        let is_open = |bound: f64| is_bound && !self.is_decided_from(bound);
        let inconclusive = value.is_some_and(is_open);
        ConditionResult {
            inconclusive,
            expression: self.to_string(),
            value,
            value_text: match value {
                Some(value) => self.figure.show_found(value, summary),
                None => self.figure.show_absent(summary).to_owned(),
            },
            held: inconclusive || value.is_none_or(|found| self.is_met_by(found)),
        }
    }
}

/// Splits a condition at its operator: text before, operator, text after. Spaces are removed.
fn split_at_operator(text: &str) -> Result<(String, ComparisonOperator, String), ConditionError> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    // The leftmost operator; of two at the same position, the longer one.
    let (at, comparison) = ComparisonOperator::ALL
        .into_iter()
        .filter_map(|comparison| Some((compact.find(comparison.sign)?, comparison)))
        .min_by_key(|(at, comparison)| (*at, Reverse(comparison.sign.len())))
        .ok_or_else(|| ConditionError::NoComparison(text.to_owned()))?;
    let (left, right) = (&compact[..at], &compact[at + comparison.sign.len()..]);
    Ok((left.to_owned(), comparison, right.to_owned()))
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let (figure, comparison, value_text) = split_at_operator(text)?;
        let figure = RunFigure::named(&figure)?;
        Ok(Self {
            value: figure.value(&value_text)?,
            figure,
            comparison,
            value_text,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}{}",
            self.figure.name(),
            self.comparison.sign,
            self.value_text
        )
    }
}

#[cfg(test)]
mod tests {
    //! Conditions on a summary with known figures.

    use super::*;
    use crate::run::capacity_summary::tests::capacity;
    use crate::run::tests::summary;
    use crate::run::{ConnectionMemory, IdleSummary, ReconnectSummary};
    use crate::run::{FanOutSummary, PushSummary, ShardsSummary};
    use crate::verdict::Latency;
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
    fn a_return_that_was_never_reached_holds() {
        let mut s = summary(100);
        s.reconnect = Some(ReconnectSummary {
            dropped: 100,
            back: 98,
            back_50_ns: Some(1_000_000_000),
            missed: 7,
            ..ReconnectSummary::default()
        });
        let check = |s: &Summary, text: &str| {
            let result = text.parse::<Condition>().unwrap().check(s);
            (result.held, result.value_text)
        };
        let never = (true, "never reached".to_owned());
        assert_eq!(check(&s, "back_99>5s"), never);
        assert_eq!(check(&s, "back_100<5s"), never);
        assert_eq!(check(&s, "back_50>2s"), (false, "1.00 s".to_owned()));
        assert_eq!(check(&s, "not_back>1"), (true, "2".to_owned()));
        assert_eq!(check(&s, "missed>=7"), (true, "7".to_owned()));
        assert_eq!(check(&s, "dropped==100"), (true, "100".to_owned()));
        s.reconnect = Some(ReconnectSummary::default());
        let unknown = (true, "not measured".to_owned());
        assert_eq!(check(&s, "reconnect.p99>1s"), unknown);
    }

    #[test]
    fn a_capacity_is_checked_where_it_is_searched_for() {
        let condition: Condition = "capacity<40_000".parse().unwrap();
        let refused = condition.check_capacity(false).unwrap_err().to_string();
        assert!(refused.contains("needs --find-capacity"), "{refused}");
        assert_eq!(condition.check_capacity(true), Ok(()));
        let other: Condition = "p99>1ms".parse().unwrap();
        assert_eq!(other.check_capacity(false), Ok(()));
        let mut s = summary(100);
        assert!(condition.check(&s).held, "not measured");
        s.capacity = Some(Box::new(capacity()));
        assert!(!condition.check(&s).held);
        let low: Condition = "capacity_low<40_000".parse().unwrap();
        assert_eq!(low.check(&s).value_text, "39,000 msg/s");
        assert!(low.check(&s).held);
        let own = s.capacity.as_mut().unwrap();
        (own.rate_per_s, own.low_per_s, own.high_per_s) = (Some(0.0), 0.0, 0.0);
        assert!(
            condition.check(&s).held,
            "a dead server has a capacity of 0"
        );
    }

    /// A lower bound of 30,000 was taken for a capacity below 40,000.
    #[test]
    fn a_lower_bound_that_does_not_decide_a_condition_is_inconclusive() {
        let mut s = summary(100);
        let mut own = capacity();
        (own.at_least, own.rate_per_s) = (true, Some(30_000.0));
        s.capacity = Some(Box::new(own));
        let check = |text: &str| {
            let result = text.parse::<Condition>().unwrap().check(&s);
            assert_eq!(result.value_text, "at least 30,000 msg/s");
            (result.held, result.inconclusive)
        };
        let (held, not_held, inconclusive) = ((true, false), (false, false), (true, true));
        for (text, expected) in [
            ("capacity<40_000", inconclusive),
            ("capacity<=30_000", inconclusive),
            ("capacity>40_000", inconclusive),
            ("capacity==40_000", inconclusive),
            ("capacity!=40_000", inconclusive),
            ("capacity<30_000", not_held),
            ("capacity<20_000", not_held),
            ("capacity==20_000", not_held),
            ("capacity>20_000", held),
            ("capacity>=30_000", held),
            ("capacity!=20_000", held),
        ] {
            assert_eq!(check(text), expected, "{text}");
        }
        // The lower limit of the interval is a number of its own.
        let low: Condition = "capacity_low<40_000".parse().unwrap();
        assert!(!low.check(&s).inconclusive && low.check(&s).held);
    }

    /// A run that lost no connection failed on `back_99>5s`, which was not measured.
    #[test]
    fn nothing_has_to_come_back_when_no_connection_was_lost() {
        let mut s = summary(100);
        s.reconnect = Some(ReconnectSummary::default());
        for figure in ["back_50", "back_90", "back_99", "back_100"] {
            let condition: Condition = format!("{figure}>5s").parse().unwrap();
            let result = condition.check(&s);
            assert_eq!((result.held, result.value), (false, Some(0.0)), "{figure}");
        }
    }

    #[test]
    fn memory_of_idle_connections_is_a_figure() {
        let mut s = summary(100);
        s.idle = Some(IdleSummary {
            memory: Some(ConnectionMemory {
                bytes_per_connection: 12_595.0,
                ..ConnectionMemory::default()
            }),
            ..IdleSummary::default()
        });
        let condition = "idle_bytes>12KiB".parse::<Condition>().unwrap();
        let result = condition.check(&s);
        assert_eq!(
            (result.held, result.value_text.as_str()),
            (true, "12.3 KiB")
        );
    }

    /// `idle_bytes` of a server that nobody watched held at the end of the run.
    #[test]
    fn memory_that_will_not_be_known_is_refused_before_the_run() {
        let refusal = |text: &str, missing| {
            let condition: Condition = text.parse().unwrap();
            condition
                .check_idle_memory(missing)
                .map_err(|e| e.to_string())
        };
        let missing = Some("it needs --server-pid");
        assert_eq!(
            refusal("idle_bytes>16KiB", missing).unwrap_err(),
            "`idle_bytes` cannot be measured in this run: it needs --server-pid"
        );
        assert_eq!(refusal("idle_bytes>16KiB", None), Ok(()));
        assert_eq!(refusal("p99>1ms", missing), Ok(()));
    }

    #[test]
    fn memory_is_shared_by_the_connections_of_a_time() {
        let mut s = summary(100);
        s.server.as_mut().unwrap().max_rss_bytes = Some(10_240);
        s.plan.clients = 10;
        // A hundred more replaced the first ten.
        s.connections.opened = 110;
        let condition = "memory_per_connection>1KiB".parse::<Condition>().unwrap();
        assert_eq!(condition.check(&s).value, Some(1_024.0));
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
    fn figures_of_deliveries_and_feeds_have_conditions() {
        let times = |p99| Latency {
            count: 10_000,
            p99: Some(p99),
            ..Latency::default()
        };
        let mut s = summary(100);
        let held = |s: &Summary, text: &str| text.parse::<Condition>().unwrap().check(s).held;
        let all = [
            "reach<100%",
            "missing>0",
            "first.p99>1ms",
            "median.p99>2ms",
            "last.p99>3ms",
            "delivery.p99>4ms",
            "gap.p99>5ms",
            "lateness.p99>6ms",
            "skew.p99>7ms",
            "ready.p99>1ms",
            "error_reply>0",
        ];
        for text in all {
            let result = text.parse::<Condition>().unwrap().check(&s);
            assert!(result.held && result.value.is_none(), "{text}");
        }
        s.fan_out = Some(FanOutSummary {
            reach: Some(0.999),
            missing: 3,
            duplicated: 2,
            reordered: Some(1),
            first_ns: times(1_000_000),
            median_ns: times(2_000_001),
            last_ns: times(3_000_001),
            delivery_time_ns: times(4_000_000),
            ..FanOutSummary::default()
        });
        for yes in [
            "reach<100%",
            "missing>2",
            "duplicated==2",
            "reordered==1",
            "first.p99>=1ms",
            "median.p99>2ms",
            "last.p99>3ms",
        ] {
            assert!(held(&s, yes), "{yes}");
        }
        for no in [
            "reach<99.8%",
            "missing>3",
            "first.p99>1ms",
            "delivery.p99>4ms",
        ] {
            assert!(!held(&s, no), "{no}");
        }
        s.fan_out = None;
        s.push = Some(PushSummary {
            missing: Some(4),
            gap_ns: times(5_000_001),
            late_ns: Some(times(6_000_000)),
            skew_ns: Some(times(7_000_001)),
            ..PushSummary::default()
        });
        for yes in ["missing==4", "gap.p99>5ms", "skew.p99>7ms"] {
            assert!(held(&s, yes), "{yes}");
        }
        assert!(!held(&s, "lateness.p99>6ms"));
    }

    #[test]
    fn a_value_of_reach_without_its_sign_is_refused() {
        for text in ["reach<1.0", "reach<99.9", "reach<1"] {
            let error = text.parse::<Condition>().unwrap_err().to_string();
            assert!(error.contains("a percentage with its sign"), "{error}");
        }
        let mut s = summary(100);
        s.fan_out = Some(FanOutSummary {
            reach: Some(1.0),
            deliveries_per_s: 5_100.0,
            ..FanOutSummary::default()
        });
        for (text, shown) in [
            ("reach<100%", "100 %"),
            ("deliveries_per_s<1", "5,100 deliveries/s"),
            ("throughput<1", "50 msg/s"),
        ] {
            let result = text.parse::<Condition>().unwrap().check(&s);
            assert_eq!(result.value_text, shown);
        }
    }

    #[test]
    fn a_condition_on_shards_is_that_on_one_process() {
        let one = summary(100);
        let mut merged = one.clone();
        merged.shards = Some(ShardsSummary {
            planned: 4,
            degraded: true,
            missing: vec![3],
            ..ShardsSummary::default()
        });
        for text in [
            "p99>999ns",
            "p99>1us",
            "lost>0",
            "throughput<50",
            "send_lag.p99>1m",
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(condition.check(&merged), condition.check(&one), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |text: &str| text.parse::<Condition>().unwrap_err().to_string();
        assert!(error("p99").contains("compares nothing"));
        assert!(error("p99=1ms").contains("compares nothing"));
        assert!(error("p98>1ms").contains("`p98` is not a figure"));
        assert!(error("losst>0").contains("did you mean `lost`?"));
        assert!(error("lst>0").contains("did you mean `lost`?"));
        assert!(error("troughput<5").contains("did you mean `throughput`?"));
        assert!(!error("nonsense>0").contains("did you mean"));
        let latency = error("latency>10ms");
        assert!(latency.contains("use p50, p99, mean or max"), "{latency}");
        assert!(latency.contains("service. or response."), "{latency}");
        assert!(!latency.contains("did you mean"), "{latency}");
        for negative in ["lost>-1", "throughput<-0", "error_rate>-1%", "p99>-1ms"] {
            assert!(error(negative).contains("is not a value for"), "{negative}");
        }
        assert!(error("p99>10").contains("a time with its unit"));
        assert!(error("lost>many").contains("a number"));
        assert!(error("lost>inf").contains("a number"));
        assert!(error(">5").contains("`` is not a figure"));
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
}
