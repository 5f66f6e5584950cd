//! Conditions on a run's figures, such as `p99>10ms`: what makes a gate in CI fail.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::summary::Summary;

pub use between::{Between, Judgement, Outcome};
pub use figure::Figure;

mod between;
mod figure;

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
    /// A run that is not among the compared ones.
    #[error(
        "`{term}` is no figure of a server: write its name, a dot and a figure (servers here: {known})"
    )]
    UnknownRun {
        /// As it was given.
        term: String,
        /// Every name there is.
        known: String,
    },
    /// What measured noise never is.
    #[error("`{0}` cannot be held with confidence: use `>`, `>=`, `<` or `<=`")]
    Exact(String),
    /// Two figures that have nothing in common.
    #[error("`{left}` and `{right}` are not counted in the same unit")]
    Units {
        /// The one figure.
        left: String,
        /// The other.
        right: String,
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

/// A condition that a run's summary may fulfil. Read from text: a figure, a comparison, a value.
///
/// Figures are percentiles and the other figures of a time (`p99.9`, `max`), of the response time
/// unless `service.` or `connect.` stands before them; counts of messages (`lost`) and connections
/// (`failed`); `throughput` in messages per second; `error_rate` in percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    figure: Figure,
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
        let value = self.figure.of(summary);
        ConditionResult {
            expression: self.to_string(),
            value,
            value_text: value.map_or_else(|| "not measured".to_owned(), |v| self.figure.show(v)),
            held: value.is_none_or(|found| self.comparison.holds(found, self.value)),
        }
    }
}

/// Cuts a condition at its comparison: what stands before it, the comparison, what stands after it.
/// Without spaces.
fn halves(text: &str) -> Result<(String, &'static str, Comparison, String), ConditionError> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    // The leftmost sign; of two at the same place the longer one.
    let (at, (sign, comparison)) = Comparison::ALL
        .iter()
        .filter_map(|entry| Some((compact.find(entry.0)?, *entry)))
        .min_by_key(|(at, (sign, _))| (*at, std::cmp::Reverse(sign.len())))
        .ok_or_else(|| ConditionError::NoComparison(text.to_owned()))?;
    let (left, right) = (&compact[..at], &compact[at + sign.len()..]);
    Ok((left.to_owned(), sign, comparison, right.to_owned()))
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let (figure, sign, comparison, value_text) = halves(text)?;
        let figure = Figure::named(&figure)?;
        Ok(Self {
            value: figure.value(&value_text)?,
            figure,
            sign,
            comparison,
            value_text,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.figure.name(), self.sign, self.value_text)
    }
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
