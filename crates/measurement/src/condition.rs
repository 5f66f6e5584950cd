//! Conditions on a run's figures, such as `p99>10ms`: what makes a gate in CI fail.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::summary::{Latency, Summary};
use crate::units::{grouped, human_time, parse_nanoseconds};

/// A condition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// No comparison in it.
    #[error("`{0}` compares nothing: use `>`, `>=`, `<`, `<=`, `==` or `!=` (example: p99>10ms)")]
    NoComparison(String),
    /// A figure that no summary has.
    #[error("`{figure}` is no figure of a run{}; known are {known}", nearest.map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
    UnknownFigure {
        /// As it was given.
        figure: String,
        /// The figure that is spelt most like it, if any is.
        nearest: Option<&'static str>,
        /// Every figure there is.
        known: String,
    },
    /// A value that does not fit the figure.
    #[error("`{value}` is no value for `{figure}`: {wanted}")]
    Value {
        /// The figure.
        figure: String,
        /// As it was given.
        value: String,
        /// What it has to be.
        wanted: &'static str,
    },
}

/// How a figure is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
}

impl Comparison {
    /// The longer signs first, so that `>=` is not taken for `>`.
    const ALL: [(&'static str, Self); 6] = [
        (">=", Self::AtLeast),
        ("<=", Self::AtMost),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        (">", Self::Above),
        ("<", Self::Below),
    ];

    fn holds(self, found: f64, value: f64) -> bool {
        match self {
            Self::Above => found > value,
            Self::AtLeast => found >= value,
            Self::Below => found < value,
            Self::AtMost => found <= value,
            #[allow(clippy::float_cmp)]
            Self::Equal => found == value,
            #[allow(clippy::float_cmp)]
            Self::Unequal => found != value,
        }
    }
}

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Nanoseconds,
    Number,
    Share,
}

/// A time of one of the distributions.
type Time = fn(&Latency) -> Option<f64>;

#[allow(clippy::cast_precision_loss)]
const TIMES: [(&str, Time); 11] = [
    ("min", |l| l.min.map(|ns| ns as f64)),
    ("mean", |l| l.mean),
    ("stdev", |l| l.stdev),
    ("p50", |l| l.p50.map(|ns| ns as f64)),
    ("p75", |l| l.p75.map(|ns| ns as f64)),
    ("p90", |l| l.p90.map(|ns| ns as f64)),
    ("p95", |l| l.p95.map(|ns| ns as f64)),
    ("p99", |l| l.p99.map(|ns| ns as f64)),
    ("p99.9", |l| l.p99_9.map(|ns| ns as f64)),
    ("p99.99", |l| l.p99_99.map(|ns| ns as f64)),
    ("max", |l| l.max.map(|ns| ns as f64)),
];

type Distributed = fn(&Summary) -> &Latency;

/// The distributions, by the prefix of a figure; without one it is the response time.
const DISTRIBUTIONS: [(&str, Distributed); 4] = [
    ("", |s| &s.response_time_ns),
    ("response.", |s| &s.response_time_ns),
    ("service.", |s| &s.service_time_ns),
    ("connect.", |s| &s.connect_ns.total),
];

/// A figure that is no time of a distribution.
type Figure = fn(&Summary) -> Option<f64>;

#[allow(clippy::cast_precision_loss)]
const OTHERS: [(&str, Unit, Figure); 20] = [
    ("lost", Unit::Number, |s| Some(s.messages.lost as f64)),
    ("corrupted", Unit::Number, |s| {
        Some(s.messages.corrupted as f64)
    }),
    ("duplicated", Unit::Number, |s| {
        Some(s.messages.duplicated as f64)
    }),
    ("reordered", Unit::Number, |s| {
        Some(s.messages.reordered as f64)
    }),
    ("timed_out", Unit::Number, |s| {
        Some(s.messages.timed_out as f64)
    }),
    // As the text summary calls them.
    ("late", Unit::Number, |s| Some(s.messages.timed_out as f64)),
    ("unexpected", Unit::Number, |s| {
        Some(s.messages.unexpected as f64)
    }),
    ("abandoned", Unit::Number, |s| {
        Some(s.messages.abandoned as f64)
    }),
    ("unsent", Unit::Number, |s| Some(s.messages.unsent as f64)),
    ("sent", Unit::Number, |s| Some(s.messages.sent as f64)),
    ("received", Unit::Number, |s| {
        Some(s.messages.received as f64)
    }),
    ("error_rate", Unit::Share, error_rate),
    ("failed", Unit::Number, |s| {
        Some(s.connections.failed as f64)
    }),
    ("closed_early", Unit::Number, |s| {
        Some(s.connections.closed_early as f64)
    }),
    ("throughput", Unit::Number, |s| {
        Some(s.throughput.messages_per_s)
    }),
    ("achieved_rate", Unit::Number, |s| s.achieved_rate_per_s),
    ("send_lag.p50", Unit::Nanoseconds, |s| {
        send_lag(s, s.send_lag_ns.p50)
    }),
    ("send_lag.p99", Unit::Nanoseconds, |s| {
        send_lag(s, s.send_lag_ns.p99)
    }),
    ("send_lag.max", Unit::Nanoseconds, |s| {
        send_lag(s, s.send_lag_ns.max)
    }),
    ("messages_per_cpu_s", Unit::Number, |s| {
        s.server.as_ref()?.messages_per_cpu_s
    }),
];

/// Only an open loop has a schedule to be late for.
#[allow(clippy::cast_precision_loss)]
fn send_lag(s: &Summary, ns: Option<u64>) -> Option<f64> {
    s.offered_rate_per_s.and(ns).map(|ns| ns as f64)
}

/// The share of the messages due that did not come back right and in time.
#[allow(clippy::cast_precision_loss)]
fn error_rate(s: &Summary) -> Option<f64> {
    let m = &s.messages;
    let due = m.sent + m.unsent;
    let wrong = m.lost + m.corrupted + m.timed_out + m.unsent;
    (due > 0).then(|| wrong as f64 / due as f64)
}

/// A condition that a run's summary may fulfil. Read from text: a figure, a comparison, a value.
///
/// Figures are percentiles and the other figures of a time (`p99.9`, `max`), of the response time
/// unless `service.` or `connect.` stands before them; counts of messages (`lost`) and connections
/// (`failed`); `throughput` in messages per second; `error_rate` in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    figure: String,
    sign: &'static str,
    comparison: Comparison,
    value_text: String,
    value: f64,
}

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionResult {
    /// The condition as it was typed, without spaces.
    pub expression: String,
    /// The figure's value: nanoseconds, a count, or a share; `None` when the run has no such figure.
    pub value: Option<f64>,
    /// The same for a person.
    pub value_text: String,
    /// It held. A condition on a figure that the run does not have holds: a gate that cannot be
    /// looked at must not stand open.
    pub held: bool,
}

impl Condition {
    /// Looks whether the summary fulfils it.
    #[must_use]
    pub fn check(&self, summary: &Summary) -> ConditionResult {
        // The figure was found when the condition was read.
        let (unit, value) =
            lookup(&self.figure).map_or((Unit::Number, None), |(unit, of)| (unit, of.of(summary)));
        ConditionResult {
            expression: self.to_string(),
            value,
            value_text: value.map_or_else(|| "not measured".to_owned(), |v| print(unit, v)),
            held: value.is_none_or(|found| self.comparison.holds(found, self.value)),
        }
    }
}

fn print(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Nanoseconds => human_time(value),
        Unit::Share => format!("{:.3} %", value * 100.0),
        // A count or a rate, never negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Unit::Number if value >= 100.0 || value.fract() == 0.0 => grouped(value.round() as u64),
        Unit::Number => format!("{value:.2}"),
    }
}

/// How the figure of a name is found.
#[derive(Clone, Copy)]
enum Lookup {
    Time(Distributed, Time),
    Other(Figure),
}

impl Lookup {
    fn of(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::Time(distribution, time) => time(distribution(summary)),
            Self::Other(figure) => figure(summary),
        }
    }
}

fn lookup(name: &str) -> Option<(Unit, Lookup)> {
    let other = OTHERS.iter().find(|(known, ..)| *known == name);
    if let Some((_, unit, figure)) = other {
        return Some((*unit, Lookup::Other(*figure)));
    }
    DISTRIBUTIONS.iter().find_map(|(prefix, distribution)| {
        let rest = name.strip_prefix(prefix)?;
        let (_, time) = TIMES.iter().find(|(known, _)| *known == rest)?;
        Some((Unit::Nanoseconds, Lookup::Time(*distribution, *time)))
    })
}

fn unknown(figure: &str) -> ConditionError {
    /// Below it, names have less in common than a slip of the finger leaves.
    const ALIKE: f64 = 0.75;
    let names = || {
        TIMES
            .iter()
            .map(|(name, _)| *name)
            .chain(OTHERS.iter().map(|(name, ..)| *name))
    };
    let nearest = names()
        .map(|name| (strsim::jaro(name, figure), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name);
    let known: Vec<_> = names().collect();
    ConditionError::UnknownFigure {
        figure: figure.to_owned(),
        nearest,
        known: format!(
            "{}, the times also with service., response. or connect. before them",
            known.join(", ")
        ),
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        // The leftmost sign; of two at the same place the longer one.
        let (at, (sign, comparison)) = Comparison::ALL
            .iter()
            .filter_map(|entry| Some((compact.find(entry.0)?, *entry)))
            .min_by_key(|(at, (sign, _))| (*at, std::cmp::Reverse(sign.len())))
            .ok_or_else(|| ConditionError::NoComparison(text.to_owned()))?;
        let (figure, value_text) = (&compact[..at], &compact[at + sign.len()..]);
        let (unit, _) = lookup(figure).ok_or_else(|| unknown(figure))?;
        let (value, wanted) = match unit {
            Unit::Nanoseconds => (
                parse_nanoseconds(value_text),
                "a time with its unit (examples: 250us, 1.5ms, 2s)",
            ),
            Unit::Number => (
                parse_number(value_text),
                "a number, not below zero (example: 50_000)",
            ),
            Unit::Share => (
                match value_text.strip_suffix('%') {
                    Some(percent) => parse_number(percent).map(|n| n / 100.0),
                    None => parse_number(value_text),
                },
                "a percentage or a share, not below zero (examples: 0.1%, 0.001)",
            ),
        };
        Ok(Self {
            figure: figure.to_owned(),
            sign,
            comparison,
            value: value.ok_or_else(|| ConditionError::Value {
                figure: figure.to_owned(),
                value: value_text.to_owned(),
                wanted,
            })?,
            value_text: value_text.to_owned(),
        })
    }
}

/// No figure is below zero: a condition with such a number would say nothing about the run.
fn parse_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let number: f64 = digits.parse().ok()?;
    // `inf` and `nan` are numbers to Rust, but none to compare with; `-0` is below zero to a reader.
    (number.is_finite() && number.is_sign_positive()).then_some(number)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.figure, self.sign, self.value_text)
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
