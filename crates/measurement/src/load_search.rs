//! Rules of a capacity search and of a sweep: conditions, precision, budget and rates.
//!
//! A search finds the highest offered rate at which conditions hold. A sweep offers several rates, one after the other.
//! The steps are chosen by `statistics::capacity_search`; results are in [`CapacitySummary`](crate::run::CapacitySummary).

use std::time::Duration;

use crate::run::thresholds::ConditionError;

pub use capacity_condition::{CapacityCondition, ConditionJudge};
pub use capacity_rules::{CapacityRules, parse_precision};
pub use sweep_rules::SweepRules;

mod capacity_condition;
mod capacity_rules;
mod sweep_rules;

/// Reason why the rules of a search or a sweep cannot be parsed.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadSearchError {
    #[error(transparent)]
    Condition(#[from] ConditionError),
    #[error(
        "`{0}` is not a condition of a capacity: a figure, `<` or another comparison, and a limit (examples: p99<10ms, error_rate<0.1%)"
    )]
    NotACondition(String),
    #[error("`{figure}` is not a figure that a capacity can depend on{}: use a time (p99, service.p99.9, last.p99, mean), error_rate, or a count (lost==0)", .hint)]
    UnknownFigure {
        figure: String,
        /// A figure that is like it, after a blank and in brackets; empty without one.
        hint: String,
    },
    #[error(
        "a condition of a capacity says what must hold, unlike --fail-if: write `{instead}` in place of `{typed}`"
    )]
    WrongWay { typed: String, instead: String },
    #[error("`{figure}` cannot be a condition of a capacity: {reason}")]
    NotForCapacity {
        figure: String,
        /// The cause, and advice.
        reason: &'static str,
    },
    #[error("`{typed}` holds at no rate: write `{instead}`")]
    NeverHolds { typed: String, instead: String },
    #[error(
        "`{typed}` depends on the length of a step, because a longer one has more messages: write `{instead}`, or a share of the messages (error_rate<0.1%)"
    )]
    CountOfStep { typed: String, instead: String },
    #[error("`{0}` holds at every rate: write a smaller limit (example: error_rate<0.1%)")]
    AlwaysHolds(String),
    #[error("the limit of `{typed}` is longer than the timeout of {}, after which every message counts as failed: use a larger --timeout, or a smaller limit", units::human_duration(*.timeout))]
    BeyondTimeout { typed: String, timeout: Duration },
    #[error("`{0}` is not a precision: a percentage from 0.1% to 50% (example: 3%)")]
    Precision(String),
    #[error("`{typed}` is a precision without a unit: write `{instead}`")]
    WithoutPercent { typed: String, instead: String },
    #[error("`{0}` is not a budget: a time from 10s to 24h (examples: 2m, 90s)")]
    Budget(String),
    #[error(
        "`{0}` is not a range of rates: the lowest and the highest, and perhaps the number of points (examples: 1000..100_000, 1000..100_000:12)"
    )]
    Sweep(String),
    #[error("`{rate}` in `{typed}` is not a rate: it must be above 0 (example: 1000..100_000)")]
    NotAboveZero { rate: String, typed: String },
    #[error(
        "the rates of `{0}` do not rise: write the lower rate first, or use --rate for a single one"
    )]
    NotRising(String),
    #[error("`{points}` is not a number of points: from 2 to 200 (example: {example})")]
    Points { points: String, example: String },
    #[error(
        "`{typed}` has {points} points, but only {distinct} rates of three digits: use fewer points, or a wider range"
    )]
    TooClose {
        typed: String,
        points: usize,
        distinct: usize,
    },
}
