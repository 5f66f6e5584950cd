//! The figures of a run by the names that conditions use.

use std::fmt;

use super::ConditionError;
use crate::run::summary::Summary;
use crate::verdict::Latency;
use ConditionUnit::{Bytes, Nanoseconds, Number, Share};
use statistics::ratio_verdict::Direction::{self, HigherIsBetter, LowerIsBetter};
use units::{ByteSize, grouped, human_bytes, human_time, parse_nanoseconds};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConditionUnit {
    Nanoseconds,
    Number,
    Share,
    Bytes,
}

/// A time of one of the distributions.
type Time = fn(&Latency) -> Option<f64>;

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
struct NamedFigure {
    name: &'static str,
    unit: ConditionUnit,
    direction: Direction,
    /// Counts what went wrong: one such is a fact, not noise.
    is_fault: bool,
    of: fn(&Summary) -> Option<f64>,
}

impl NamedFigure {
    const fn new(
        name: &'static str,
        unit: ConditionUnit,
        direction: Direction,
        of: fn(&Summary) -> Option<f64>,
    ) -> Self {
        Self {
            name,
            unit,
            direction,
            is_fault: false,
            of,
        }
    }

    const fn fault(
        name: &'static str,
        unit: ConditionUnit,
        of: fn(&Summary) -> Option<f64>,
    ) -> Self {
        Self {
            is_fault: true,
            ..Self::new(name, unit, LowerIsBetter, of)
        }
    }
}

/// The figures that are no times, by name. `late` is `timed_out` as the text summary calls it.
#[rustfmt::skip]
static FIGURES: [NamedFigure; 21] = [
    NamedFigure::fault("lost", Number, |s| Some(s.messages.lost as f64)),
    NamedFigure::fault("corrupted", Number, |s| Some(s.messages.corrupted as f64)),
    NamedFigure::fault("duplicated", Number, |s| Some(s.messages.duplicated as f64)),
    NamedFigure::fault("reordered", Number, |s| Some(s.messages.reordered as f64)),
    NamedFigure::fault("timed_out", Number, |s| Some(s.messages.timed_out as f64)),
    NamedFigure::fault("late", Number, |s| Some(s.messages.timed_out as f64)),
    NamedFigure::fault("unexpected", Number, |s| Some(s.messages.unexpected as f64)),
    NamedFigure::fault("abandoned", Number, |s| Some(s.messages.abandoned as f64)),
    NamedFigure::fault("unsent", Number, |s| Some(s.messages.unsent as f64)),
    NamedFigure::new("sent", Number, HigherIsBetter, |s| Some(s.messages.sent as f64)),
    NamedFigure::new("received", Number, HigherIsBetter, |s| Some(s.messages.received as f64)),
    NamedFigure::fault("error_rate", Share, error_rate),
    NamedFigure::fault("failed", Number, |s| Some(s.connections.failed as f64)),
    NamedFigure::fault("closed_early", Number, |s| Some(s.connections.closed_early as f64)),
    NamedFigure::new("throughput", Number, HigherIsBetter, |s| Some(s.throughput.messages_per_s)),
    NamedFigure::new("achieved_rate", Number, HigherIsBetter, |s| s.achieved_rate_per_s),
    NamedFigure::new("send_lag.p50", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.p50)),
    NamedFigure::new("send_lag.p99", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.p99)),
    NamedFigure::new("send_lag.max", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.max)),
    NamedFigure::new("messages_per_cpu_s", Number, HigherIsBetter, |s| s.server.as_ref()?.messages_per_cpu_s),
    NamedFigure::new("memory_per_connection", Bytes, LowerIsBetter, memory_per_connection),
];

/// The most memory that the server had resident, for each connection that opened.
fn memory_per_connection(s: &Summary) -> Option<f64> {
    let resident = s.server.as_ref()?.max_rss_bytes?;
    let opened = s.connections.opened;
    (opened > 0).then(|| resident as f64 / opened as f64)
}

/// Only an open loop has a schedule to be late for.
fn send_lag(s: &Summary, ns: Option<u64>) -> Option<f64> {
    s.offered_rate_per_s.and(ns).map(|ns| ns as f64)
}

/// The share of the messages due that did not come back right and in time.
fn error_rate(s: &Summary) -> Option<f64> {
    let m = &s.messages;
    let due = m.sent + m.unsent;
    let wrong = m.lost + m.corrupted + m.timed_out + m.unsent;
    (due > 0).then(|| wrong as f64 / due as f64)
}

/// A figure of a run, found by its name: `throughput`, `p99` (of the response time), `service.p99.9`,
/// `lost`.
#[derive(Debug, Clone)]
pub struct RunFigure {
    name: String,
    source: FigureSource,
}

impl PartialEq for RunFigure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl RunFigure {
    /// Finds the figure of this name.
    ///
    /// # Errors
    /// When no run has such a figure; the message names the one that is spelt most like it.
    pub fn named(name: &str) -> Result<Self, ConditionError> {
        Ok(Self {
            source: FigureSource::named(name).ok_or_else(|| unknown(name))?,
            name: name.to_owned(),
        })
    }

    /// The name that it was found by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value: nanoseconds, bytes, a count, or a share; `None` when the run has no such figure.
    pub fn of(&self, summary: &Summary) -> Option<f64> {
        match self.source {
            FigureSource::Time(distribution, time) => time(distribution(summary)),
            FigureSource::Other(figure) => (figure.of)(summary),
        }
    }

    /// Returns which of two values is the better one.
    pub fn direction(&self) -> Direction {
        match self.source {
            FigureSource::Time(..) => LowerIsBetter,
            FigureSource::Other(figure) => figure.direction,
        }
    }

    /// Whether it counts what went wrong.
    pub fn is_fault(&self) -> bool {
        matches!(self.source, FigureSource::Other(figure) if figure.is_fault)
    }

    fn unit(&self) -> ConditionUnit {
        match self.source {
            FigureSource::Time(..) => Nanoseconds,
            FigureSource::Other(figure) => figure.unit,
        }
    }

    /// Whether both are counted in the same unit.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.unit() == other.unit()
    }

    /// A value of it for a person.
    pub fn show(&self, value: f64) -> String {
        print(self.unit(), value)
    }

    /// Reads a value of it.
    pub(super) fn value(&self, text: &str) -> Result<f64, ConditionError> {
        let (value, wanted) = match self.unit() {
            Nanoseconds => (
                parse_nanoseconds(text),
                "a time with its unit (examples: 250us, 1.5ms, 2s)",
            ),
            Number => (
                parse_number(text),
                "a number, not below zero (example: 50_000)",
            ),
            Share => (
                match text.strip_suffix('%') {
                    Some(percent) => parse_number(percent).map(|n| n / 100.0),
                    None => parse_number(text),
                },
                "a percentage or a share, not below zero (examples: 0.1%, 0.001)",
            ),
            Bytes => (
                parse_bytes(text),
                "a size with its unit, or bytes (examples: 64KiB, 65_536)",
            ),
        };
        value.ok_or_else(|| ConditionError::Value {
            figure: self.name.clone(),
            value: text.to_owned(),
            wanted,
        })
    }
}

fn print(unit: ConditionUnit, value: f64) -> String {
    match unit {
        Nanoseconds => human_time(value),
        Bytes => human_bytes(value),
        Share => format!("{:.3} %", value * 100.0),
        // A count or a rate, never negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Number if value >= 100.0 || value.fract() == 0.0 => grouped(value.round() as u64),
        Number => format!("{value:.2}"),
    }
}

/// Where a summary holds a figure.
#[derive(Clone, Copy)]
enum FigureSource {
    Time(Distributed, Time),
    Other(&'static NamedFigure),
}

impl fmt::Debug for FigureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time(..) => "a time",
            Self::Other(figure) => figure.name,
        })
    }
}

impl FigureSource {
    fn named(name: &str) -> Option<Self> {
        if let Some(figure) = FIGURES.iter().find(|figure| figure.name == name) {
            return Some(Self::Other(figure));
        }
        DISTRIBUTIONS.iter().find_map(|(prefix, distribution)| {
            let rest = name.strip_prefix(prefix)?;
            let (_, time) = TIMES.iter().find(|(known, _)| *known == rest)?;
            Some(Self::Time(*distribution, *time))
        })
    }
}

fn unknown(figure: &str) -> ConditionError {
    /// Below it, names have less in common than a slip of the finger leaves.
    const ALIKE: f64 = 0.75;
    let names = || {
        TIMES
            .iter()
            .map(|(name, _)| *name)
            .chain(FIGURES.iter().map(|figure| figure.name))
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

/// No figure is below zero: a condition with such a number would say nothing about the run.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let number: f64 = digits.parse().ok()?;
    // `inf` and `nan` are numbers to Rust, but none to compare with; `-0` is below zero to a reader.
    (number.is_finite() && number.is_sign_positive()).then_some(number)
}

/// A whole number of bytes, typed as a size.
fn parse_bytes(text: &str) -> Option<f64> {
    text.parse().ok().map(|ByteSize(bytes)| bytes as f64)
}
