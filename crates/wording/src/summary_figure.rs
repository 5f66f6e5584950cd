//! Figures of a run as text, and the lines and groups that they form.

use measurement::verdict::Latency;
use units::{grouped, human_time};

use crate::Tone;

pub use units::human_reach as reach;

/// Text of an unknown figure.
pub const UNKNOWN: &str = "–";

/// A line with a label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelledRow {
    /// Label of the line.
    pub label: &'static str,
    /// Figures as text.
    pub text: String,
    /// Meaning of the text.
    pub tone: Tone,
    /// Items of a list below the line.
    pub points: Vec<String>,
}

/// Figures that belong together.
#[derive(Debug, Clone)]
pub struct FigureGroup {
    /// Heading of the group. Adjacent groups may have the same.
    pub title: &'static str,
    /// Figures in order. Those that only some runs have come last.
    pub figures: Vec<SummaryFigure>,
}

/// A figure of a run.
#[derive(Debug, Clone)]
pub struct SummaryFigure {
    /// Name in a table.
    pub name: &'static str,
    /// Value in a table; `None` when the run does not have it.
    pub value: Option<String>,
    /// Text in a line; `None` when it is omitted there.
    pub(crate) phrase: Option<String>,
}

impl SummaryFigure {
    pub(crate) fn said(self, phrase: Option<String>) -> Self {
        Self { phrase, ..self }
    }
}

/// A figure for tables only.
pub fn in_table(name: &'static str, value: Option<String>) -> SummaryFigure {
    SummaryFigure {
        name,
        value,
        phrase: None,
    }
}

/// A figure for tables and lines. `{}` in the phrase is replaced by its value.
pub(crate) fn figure(name: &'static str, value: Option<String>, phrase: &str) -> SummaryFigure {
    let phrase = value.as_ref().map(|value| phrase.replace("{}", value));
    in_table(name, value).said(phrase)
}

/// A count that is always shown, with the same name in tables and lines.
pub(crate) fn count(name: &'static str, n: u64) -> SummaryFigure {
    figure(name, Some(grouped(n)), &format!("{{}} {name}"))
}

/// A count that is shown in lines only if it is not zero.
pub(crate) fn unusual(name: &'static str, n: u64) -> SummaryFigure {
    if n > 0 {
        count(name, n)
    } else {
        in_table(name, None)
    }
}

/// The texts of the figures that a line shows.
pub(crate) fn joined(figures: &[SummaryFigure]) -> String {
    let phrases: Vec<_> = figures.iter().filter_map(|f| f.phrase.as_deref()).collect();
    phrases.join(" · ")
}

pub(crate) fn known_time(ns: Option<u64>) -> Option<String> {
    ns.map(|ns| human_time(ns as f64))
}

/// Names of the quantiles of a time, p50 and p99.
pub(crate) type QuantileNames = [&'static str; 2];

/// p50 and p99 of these times, for tables that have a row for each.
pub(crate) fn quantiles(names: QuantileNames, times: &Latency) -> [SummaryFigure; 2] {
    let [p50, p99] = names;
    [
        in_table(p50, known_time(times.p50)),
        in_table(p99, known_time(times.p99)),
    ]
}
