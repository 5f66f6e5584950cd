//! Conditions between servers that were compared round by round, such as `b.p99 > 1.1 * a.p99`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::figure::parse_number;
use super::{Comparison, ConditionError, Figure, halves};
use statistics::StatisticsError;
use statistics::bootstrap::Bootstrap;
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::signed_rank::{rank_bounds, rounds_needed};

/// A condition on the figures of compared servers: NAME.FIGURE, a comparison, and then a value or,
/// with or without a factor before it, another NAME.FIGURE. It says what the gate is shut by: `b.p99 >
/// 1.1 * a.p99`, `b.throughput < 50000`.
#[derive(Debug, Clone, PartialEq)]
pub struct Between {
    text: String,
    comparison: Comparison,
    left: Term,
    right: Right,
}

/// A figure of a server.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    server: usize,
    figure: Figure,
}

#[derive(Debug, Clone, PartialEq)]
enum Right {
    Value(f64),
    Times(f64, Term),
}

/// What became of a condition, as far as the rounds can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole interval fulfils it.
    Held,
    /// The whole interval does not.
    NotHeld,
    /// A part of the interval fulfils it, or there were too few rounds to tell anything.
    CannotTell,
    /// No round has all of its figures.
    NotMeasured,
}

/// A condition and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The condition as it was typed, without spaces.
    pub expression: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether the gate is shut. What cannot be told leaves it open, and has to be said; a figure that
    /// was not measured shuts it: a gate that cannot be looked at must not stand open.
    pub held: bool,
    /// The left figure over the right one, or over the value, without the factor; `None` where there
    /// is no ratio: a figure was 0, or a fault was counted.
    pub ratio: Option<Ratio>,
    /// In how many rounds it was looked at.
    pub rounds: usize,
}

impl Between {
    /// Reads a condition on servers of these names.
    ///
    /// # Errors
    /// When there is no comparison in it, or one that noise never fulfils exactly (`==`, `!=`); when a
    /// name or a figure is not known; when a value does not fit its figure, or two figures each other.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        let (left_text, sign, comparison, right_text) = halves(text)?;
        if matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            return Err(ConditionError::Exact(sign.to_owned()));
        }
        let left = Term::parse(&left_text, names)?;
        let (factor, right) = match right_text.split_once('*') {
            Some((factor, right)) => (factor_of(&left_text, factor)?, Some(right)),
            None => (1.0, server_of(&right_text, names).map(|_| &*right_text)),
        };
        let right = match right {
            Some(right) => Right::Times(factor, Term::parse(right, names)?),
            None => Right::Value(left.figure.value(&right_text)?),
        };
        if let Right::Times(_, right) = &right
            && !right.figure.is_like(&left.figure)
        {
            return Err(ConditionError::Units {
                left: left_text,
                right: right_text,
            });
        }
        Ok(Self {
            text: format!("{left_text}{sign}{right_text}"),
            comparison,
            left,
            right,
        })
    }

    /// The figures in it, each with its server, numbered as the names were.
    pub fn terms(&self) -> impl Iterator<Item = (usize, &Figure)> {
        let right = match &self.right {
            Right::Value(_) => None,
            Right::Times(_, term) => Some(term),
        };
        let terms = std::iter::once(&self.left).chain(right);
        terms.map(|term| (term.server, &term.figure))
    }

    /// Judges it by the rounds: `values` tells a server's figure in each of them, servers numbered as
    /// their names were. Rounds without a value on either side are left out.
    ///
    /// A ratio of two figures, or of a figure and a value, is judged by its interval from `bootstrap`,
    /// as a verdict is, and with as many rounds. Where a figure was 0 there is no ratio, and the
    /// differences are judged by their ranks. A fault beside a value is a fact: it holds when it held
    /// in any round.
    ///
    /// # Errors
    /// When a value is below zero or no number.
    pub fn judge(
        &self,
        values: impl Fn(usize, &Figure) -> Vec<Option<f64>>,
        bootstrap: &Bootstrap,
    ) -> Result<Judgement, StatisticsError> {
        let left = values(self.left.server, &self.left.figure);
        let (factor, right) = match &self.right {
            Right::Value(value) => (1.0, vec![Some(*value); left.len()]),
            Right::Times(factor, term) => (*factor, values(term.server, &term.figure)),
        };
        let (left, right): (Vec<f64>, Vec<f64>) = left
            .into_iter()
            .zip(right)
            .filter_map(|(left, right)| left.zip(right))
            .unzip();
        let (outcome, ratio) = if left.is_empty() {
            (Outcome::NotMeasured, None)
        } else if matches!(self.right, Right::Value(_)) && self.left.figure.is_fault() {
            let any = left
                .iter()
                .zip(&right)
                .any(|(l, r)| self.comparison.holds(*l, *r));
            (if any { Outcome::Held } else { Outcome::NotHeld }, None)
        } else if left.len() < Pairs::FEWEST {
            (Outcome::CannotTell, None)
        } else if left.iter().chain(&right).all(|v| *v > 0.0) {
            let ratio = bootstrap.ratio(&Pairs::new(&left, &right)?);
            (
                self.outcome((ratio.low, ratio.high), factor, &ratio),
                Some(ratio),
            )
        } else {
            (
                self.by_differences(&left, &right, factor, bootstrap.level)?,
                None,
            )
        };
        Ok(Judgement {
            expression: self.text.clone(),
            outcome,
            held: matches!(outcome, Outcome::Held | Outcome::NotMeasured),
            ratio,
            rounds: left.len(),
        })
    }

    fn outcome(&self, (low, high): (f64, f64), than: f64, of: &Ratio) -> Outcome {
        if of.rounds < rounds_needed(of.level) {
            return Outcome::CannotTell;
        }
        self.whole(low, high, than)
    }

    /// Whether both ends, and so all between them, fulfil it.
    fn whole(&self, low: f64, high: f64, than: f64) -> Outcome {
        match [low, high].map(|end| self.comparison.holds(end, than)) {
            [true, true] => Outcome::Held,
            [false, false] => Outcome::NotHeld,
            _ => Outcome::CannotTell,
        }
    }

    fn by_differences(
        &self,
        left: &[f64],
        right: &[f64],
        factor: f64,
        level: f64,
    ) -> Result<Outcome, StatisticsError> {
        let mut differences = Vec::with_capacity(left.len());
        for (round, (l, r)) in left.iter().zip(right).enumerate() {
            if let Some(value) = [*l, *r].into_iter().find(|v| !v.is_finite() || *v < 0.0) {
                return Err(StatisticsError::NoRatio { round, value });
            }
            differences.push(l - factor * r);
        }
        Ok(
            rank_bounds(&differences, level).map_or(Outcome::CannotTell, |(low, high)| {
                self.whole(low, high, 0.0)
            }),
        )
    }
}

/// As it was typed, without spaces.
impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn factor_of(figure: &str, text: &str) -> Result<f64, ConditionError> {
    let factor = parse_number(text).filter(|factor| *factor > 0.0);
    factor.ok_or_else(|| ConditionError::Value {
        figure: figure.to_owned(),
        value: text.to_owned(),
        wanted: "a factor is a number above zero (example: 1.1 * a.p99)",
    })
}

/// The server whose name and a dot begin the text, and the figure that follows; of several the one
/// with the longest name, for names may have dots in them.
fn server_of<'a>(text: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    names
        .iter()
        .enumerate()
        .filter_map(|(server, name)| {
            // The text has lost its spaces.
            let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
            let figure = text.strip_prefix(&name)?.strip_prefix('.')?;
            Some((server, figure))
        })
        .min_by_key(|(_, figure)| figure.len())
}

impl Term {
    fn parse(text: &str, names: &[&str]) -> Result<Self, ConditionError> {
        let (server, figure) =
            server_of(text, names).ok_or_else(|| ConditionError::UnknownRun {
                term: text.to_owned(),
                known: names.join(", "),
            })?;
        Ok(Self {
            server,
            figure: Figure::named(figure)?,
        })
    }
}

#[cfg(test)]
#[path = "between_tests.rs"]
mod tests;
