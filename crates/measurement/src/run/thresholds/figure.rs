//! Figures of a run, by the names used in conditions.

use super::ConditionError;
use crate::run::fan_out_summary::FanOutSummary;
use crate::run::push_summary::PushSummary;
use crate::run::reconnect_summary::ReconnectSummary;
use crate::run::summary::Summary;
use crate::verdict::Latency;
use ConditionUnit::{Bytes, Nanoseconds, Number, PerSecond, Percent, Share};
use statistics::ratio_verdict::Direction::{self, HigherIsBetter, LowerIsBetter};
use units::{ByteSize, grouped, human_bytes, human_reach, human_time, parse_nanoseconds};

/// Unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConditionUnit {
    Nanoseconds,
    Number,
    /// A number of these per second.
    PerSecond(&'static str),
    Share,
    /// A share that is written as a percentage only: `1` could be read as 1 % or as all.
    Percent,
    Bytes,
}

/// Accessor of one time of a distribution.
type Time = fn(&Latency) -> Option<f64>;

static TIMES: [(&str, Time); 11] = [
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

type Distributed = fn(&Summary) -> Option<&Latency>;

/// An entry of one of these tables.
type Named<T> = &'static (&'static str, T);

/// The distributions, by the prefix of a figure. Without a prefix, the response time.
static DISTRIBUTIONS: [(&str, Distributed); 18] = [
    ("", |s| Some(&s.response_time_ns)),
    ("response.", |s| Some(&s.response_time_ns)),
    ("service.", |s| Some(&s.service_time_ns)),
    ("connect.", |s| Some(&s.connect_ns.total)),
    ("connect_response.", |s| Some(&s.connect_response_ns)),
    ("reconnect.", |s| {
        Some(&s.reconnect.as_ref()?.connect_response_ns)
    }),
    ("ready.", |s| s.ready_ns.as_ref()),
    ("first_part.", |s| s.first_part_ns.as_ref()),
    ("error_time.", |s| s.error_time_ns.as_ref()),
    ("delivery.", |s| Some(&s.fan_out.as_ref()?.delivery_time_ns)),
    ("first.", |s| Some(&s.fan_out.as_ref()?.first_ns)),
    ("median.", |s| Some(&s.fan_out.as_ref()?.median_ns)),
    ("last.", |s| Some(&s.fan_out.as_ref()?.last_ns)),
    ("spread.", |s| Some(&s.fan_out.as_ref()?.spread_ns)),
    ("gap.", |s| Some(&s.push.as_ref()?.gap_ns)),
    ("lateness.", |s| s.push.as_ref()?.late_ns.as_ref()),
    ("skew.", |s| s.push.as_ref()?.skew_ns.as_ref()),
    ("delay.", |s| s.push.as_ref()?.delay_ns.as_ref()),
];

/// A figure that is not a time of a distribution.
#[derive(Debug)]
struct NamedFigure {
    name: &'static str,
    unit: ConditionUnit,
    direction: Direction,
    of: fn(&Summary) -> Option<f64>,
}

/// All figures that are not times of a distribution. `late` is the text summary's name for `timed_out`.
#[rustfmt::skip]
static FIGURES: [NamedFigure; 41] = {
    const fn figure(name: &'static str, unit: ConditionUnit, direction: Direction, of: fn(&Summary) -> Option<f64>) -> NamedFigure {
        NamedFigure { name, unit, direction, of }
    }
    [
        figure("lost", Number, LowerIsBetter, |s| Some(s.messages.lost as f64)),
        figure("corrupted", Number, LowerIsBetter, |s| Some(s.messages.corrupted? as f64 + of_deliveries(s, |own| own.corrupted))),
        figure("duplicated", Number, LowerIsBetter, |s| Some(s.messages.duplicated as f64 + of_deliveries(s, |own| own.duplicated) + of_feed(s, |own| own.duplicated))),
        figure("reordered", Number, LowerIsBetter, |s| Some(s.messages.reordered as f64 + of_deliveries(s, |own| own.reordered.unwrap_or(0)) + of_feed(s, |own| own.reordered))),
        figure("timed_out", Number, LowerIsBetter, |s| Some(s.messages.timed_out as f64)),
        figure("late", Number, LowerIsBetter, |s| Some(s.messages.timed_out as f64)),
        figure("unexpected", Number, LowerIsBetter, |s| Some(s.messages.unexpected as f64 + of_deliveries(s, |own| own.unexpected))),
        figure("abandoned", Number, LowerIsBetter, |s| Some(s.messages.abandoned as f64)),
        figure("unsent", Number, LowerIsBetter, |s| Some(s.messages.unsent as f64)),
        figure("sent", Number, HigherIsBetter, |s| Some(s.messages.sent as f64)),
        figure("received", Number, HigherIsBetter, |s| Some(s.messages.received as f64)),
        figure("error_rate", Share, LowerIsBetter, error_rate),
        figure("failed", Number, LowerIsBetter, |s| Some(s.connections.failed as f64)),
        figure("closed_early", Number, LowerIsBetter, |s| Some(s.connections.closed_early as f64)),
        figure("throughput", PerSecond("msg"), HigherIsBetter, |s| Some(s.throughput.messages_per_s)),
        figure("achieved_rate", PerSecond("msg"), HigherIsBetter, |s| s.achieved_rate_per_s),
        figure("send_lag.p50", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.p50)),
        figure("send_lag.p99", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.p99)),
        figure("send_lag.max", Nanoseconds, LowerIsBetter, |s| send_lag(s, s.send_lag_ns.max)),
        figure("messages_per_cpu_s", Number, HigherIsBetter, |s| s.server.as_ref()?.messages_per_cpu_s),
        figure("memory_per_connection", Bytes, LowerIsBetter, memory_per_connection),
        figure("error_reply", Number, LowerIsBetter, |s| Some(s.messages.scenario.as_ref()?.error_reply as f64)),
        figure("server_errors", Number, LowerIsBetter, |s| Some(s.messages.scenario.as_ref()?.server_errors as f64)),
        figure("parts", Number, HigherIsBetter, |s| Some(s.messages.scenario.as_ref()?.parts as f64)),
        figure("reach", Percent, HigherIsBetter, |s| s.fan_out.as_ref()?.reach),
        figure("missing", Number, LowerIsBetter, missing),
        figure("incomplete", Number, LowerIsBetter, |s| Some(s.fan_out.as_ref()?.incomplete as f64)),
        figure("unreached", Number, LowerIsBetter, |s| Some(s.fan_out.as_ref()?.unreached as f64)),
        figure("deliveries_per_s", PerSecond("deliveries"), HigherIsBetter, |s| Some(s.fan_out.as_ref()?.deliveries_per_s)),
        figure("pushes_per_s", PerSecond("pushes"), HigherIsBetter, |s| Some(s.push.as_ref()?.received_per_s)),
        figure("setup_failed", Number, LowerIsBetter, |s| Some(s.setup.as_ref()?.failed as f64)),
        figure("back_50", Nanoseconds, LowerIsBetter, |s| back(s, |own| own.back_50_ns)),
        figure("back_90", Nanoseconds, LowerIsBetter, |s| back(s, |own| own.back_90_ns)),
        figure("back_99", Nanoseconds, LowerIsBetter, |s| back(s, |own| own.back_99_ns)),
        figure("back_100", Nanoseconds, LowerIsBetter, |s| back(s, |own| own.back_100_ns)),
        figure("missed", Number, LowerIsBetter, |s| Some(s.reconnect.as_ref()?.missed as f64)),
        figure("dropped", Number, LowerIsBetter, |s| Some(s.reconnect.as_ref()?.dropped as f64)),
        figure("not_back", Number, LowerIsBetter, |s| Some(s.reconnect.as_ref()?.not_back() as f64)),
        figure("idle_bytes", Bytes, LowerIsBetter, |s| Some(s.idle.as_ref()?.memory.as_ref()?.bytes_per_connection)),
        figure("capacity", PerSecond("msg"), HigherIsBetter, |s| s.capacity.as_ref()?.rate_per_s),
        figure("capacity_low", PerSecond("msg"), HigherIsBetter, |s| { let own = s.capacity.as_ref()?; own.rate_per_s.map(|_| own.low_per_s) }),
    ]
};

/// A count of deliveries; 0 without them.
fn of_deliveries(s: &Summary, count: fn(&FanOutSummary) -> u64) -> f64 {
    s.fan_out.as_ref().map_or(0, count) as f64
}

/// A count of a feed; 0 without one, and where its messages have no numbers.
fn of_feed(s: &Summary, count: fn(&PushSummary) -> Option<u64>) -> f64 {
    s.push.as_ref().and_then(count).unwrap_or(0) as f64
}

/// Deliveries that did not come, or numbers of a feed that were left out; `None` for a run with neither.
fn missing(s: &Summary) -> Option<f64> {
    let deliveries = s.fan_out.as_ref().map(|own| own.missing);
    let pushes = s.push.as_ref().and_then(|own| own.missing);
    let known = deliveries.is_some() || pushes.is_some();
    known.then(|| (deliveries.unwrap_or(0) + pushes.unwrap_or(0)) as f64)
}

/// A time until lost connections were back: 0 when none was lost, `None` when it was never reached.
fn back(s: &Summary, time: fn(&ReconnectSummary) -> Option<u64>) -> Option<f64> {
    let own = s.reconnect.as_ref()?;
    match own.dropped {
        0 => Some(0.0),
        _ => time(own).map(|ns| ns as f64),
    }
}

/// Maximum resident memory of the server, per connection open at a time.
fn memory_per_connection(s: &Summary) -> Option<f64> {
    let resident = s.server.as_ref()?.max_rss_bytes?;
    let opened = s.connections.opened.min(s.plan.connections_at_once());
    (opened > 0).then(|| resident as f64 / opened as f64)
}

/// Send lag in nanoseconds; `None` in closed loop, which has no schedule.
fn send_lag(s: &Summary, ns: Option<u64>) -> Option<f64> {
    s.offered_rate_per_s.and(ns).map(|ns| ns as f64)
}

/// Share of the due messages without a correct echo in time.
fn error_rate(s: &Summary) -> Option<f64> {
    let m = &s.messages;
    let due = m.sent + m.unsent;
    let wrong = m.failed();
    (due > 0).then(|| wrong as f64 / due as f64)
}

/// A figure of a run, found by its name: `throughput`, `p99` (of the response time), `service.p99.9`, `lost`.
#[derive(Debug, Clone)]
pub struct RunFigure {
    name: String,
    source: FigureSource,
}

impl RunFigure {
    /// Finds the figure of this name.
    ///
    /// # Errors
    /// An unknown figure. The message suggests the one with the most similar name.
    pub fn named(name: &str) -> Result<Self, ConditionError> {
        let other = FIGURES.iter().find(|figure| figure.name == name);
        let time = || {
            let ((_, distribution), (_, time)) = time_of_distribution(name)?;
            Some(FigureSource::Time(*distribution, *time))
        };
        let source = other.map(FigureSource::Other).or_else(time);
        Ok(Self {
            source: source.ok_or_else(|| unknown(name))?,
            name: name.to_owned(),
        })
    }

    /// The name of the figure.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Prefix of the distribution and name of the time, such as `service.` and `p99`; `None` for other figures.
    pub(crate) fn time_name(&self) -> Option<(&'static str, &'static str)> {
        let is_time = matches!(self.source, FigureSource::Time(..));
        let ((prefix, _), (time, _)) = time_of_distribution(&self.name).filter(|_| is_time)?;
        Some((prefix, time))
    }

    /// The distribution of which the figure is a time; `None` for other figures, and when the run does not have it.
    pub(crate) fn distribution<'s>(&self, summary: &'s Summary) -> Option<&'s Latency> {
        match self.source {
            FigureSource::Time(distribution, _) => distribution(summary),
            FigureSource::Other(_) => None,
        }
    }

    /// The figure's value: nanoseconds, bytes, a count, or a share; `None` when the run does not have the figure.
    pub fn of(&self, summary: &Summary) -> Option<f64> {
        match self.source {
            FigureSource::Time(distribution, time) => distribution(summary).and_then(time),
            FigureSource::Other(figure) => (figure.of)(summary),
        }
    }

    /// Text of the value of a run, which may be a lower bound.
    pub(super) fn show_found(&self, value: f64, summary: &Summary) -> String {
        let shown = self.show(value);
        if self.is_lower_bound(summary) {
            format!("at least {shown}")
        } else {
            shown
        }
    }

    /// Returns true when the value of a run is a lower bound of the figure.
    pub(super) fn is_lower_bound(&self, summary: &Summary) -> bool {
        let search = summary.capacity.as_ref();
        self.name == "capacity" && search.is_some_and(|search| search.at_least)
    }

    /// Text in place of the value of a run that does not have the figure.
    pub(super) fn show_absent(&self, summary: &Summary) -> &'static str {
        let reconnect = summary.reconnect.as_ref();
        let any_lost = reconnect.is_some_and(|own| own.dropped > 0);
        if any_lost && self.name.starts_with("back_") {
            "never reached"
        } else {
            "not measured"
        }
    }

    /// Returns the direction in which values are better.
    pub fn direction(&self) -> Direction {
        match self.source {
            FigureSource::Time(..) => LowerIsBetter,
            FigureSource::Other(figure) => figure.direction,
        }
    }

    /// Returns true for a count of faults, which is exact: one fault is a fact, not noise. The share of deliveries that
    /// came counts the others.
    pub(super) fn is_fault(&self) -> bool {
        match self.unit() {
            Share | Percent => true,
            Number => self.direction() == LowerIsBetter,
            Nanoseconds | Bytes | PerSecond(_) => false,
        }
    }

    fn unit(&self) -> ConditionUnit {
        match self.source {
            FigureSource::Time(..) => Nanoseconds,
            FigureSource::Other(figure) => figure.unit,
        }
    }

    /// Returns true when both figures have the same unit.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.unit() == other.unit()
    }

    /// Formats a value for display.
    pub fn show(&self, value: f64) -> String {
        match self.unit() {
            Nanoseconds => human_time(value),
            Bytes => human_bytes(value),
            Share => format!("{:.3} %", value * 100.0),
            Percent => human_reach(value),
            PerSecond(what) => format!("{} {what}/s", number(value)),
            Number => number(value),
        }
    }

    /// Parses a value of this figure.
    pub(super) fn value(&self, text: &str) -> Result<f64, ConditionError> {
        let (value, wanted) = match self.unit() {
            Nanoseconds => (
                parse_nanoseconds(text),
                "a time with its unit (examples: 250us, 1.5ms, 2s)",
            ),
            Number | PerSecond(_) => (
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
            Percent => (
                text.strip_suffix('%')
                    .and_then(parse_number)
                    .map(|n| n / 100.0),
                "a percentage with its sign, not below zero (example: 99.9%)",
            ),
            Bytes => (
                text.parse().ok().map(|ByteSize(bytes)| bytes as f64),
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

/// The distribution and the time that a name such as `service.p99` has; `None` for other names.
fn time_of_distribution(name: &str) -> Option<(Named<Distributed>, Named<Time>)> {
    DISTRIBUTIONS.iter().find_map(|distribution| {
        let rest = name.strip_prefix(distribution.0)?;
        let time = TIMES.iter().find(|(known, _)| *known == rest)?;
        Some((distribution, time))
    })
}

/// A count or a rate, which is never negative.
fn number(value: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    if value >= 100.0 || value.fract() == 0.0 {
        grouped(value.round() as u64)
    } else {
        format!("{value:.2}")
    }
}

/// Returns true for the name of a time of a distribution, such as `p99` or `max`.
pub(super) fn is_time(name: &str) -> bool {
    TIMES.iter().any(|(known, _)| *known == name)
}

/// Source of a figure in the summary.
#[derive(Debug, Clone, Copy)]
enum FigureSource {
    Time(Distributed, Time),
    Other(&'static NamedFigure),
}

/// Words for a time that name no figure of its distribution.
const NOT_A_FIGURE_OF_TIME: [&str; 10] = [
    "latency",
    "time",
    "rtt",
    "delay",
    "duration",
    "service",
    "response",
    "service_time",
    "response_time",
    "connect",
];

fn unknown(figure: &str) -> ConditionError {
    /// Minimum similarity of names to be taken for a typing mistake.
    const ALIKE: f64 = 0.75;
    let times = TIMES.iter().map(|(name, _)| *name);
    let known: Vec<_> = times.chain(FIGURES.iter().map(|f| f.name)).collect();
    let likeness = known.iter().map(|name| (strsim::jaro(name, figure), *name));
    let nearest = likeness
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name);
    let prefixes = DISTRIBUTIONS.iter().map(|(prefix, _)| *prefix);
    let prefixes: Vec<_> = prefixes.filter(|prefix| !prefix.is_empty()).collect();
    let is_time = NOT_A_FIGURE_OF_TIME.contains(&figure.to_ascii_lowercase().as_str());
    let hint = match (is_time, nearest) {
        (true, _) => {
            "for a time use p50, p99, mean or max, with service. or response. before it".to_owned()
        }
        (false, Some(nearest)) => format!("did you mean `{nearest}`?"),
        (false, None) => String::new(),
    };
    ConditionError::UnknownFigure {
        figure: figure.to_owned(),
        hint,
        known: format!(
            "{}; a time may begin with one of {}",
            known.join(", "),
            prefixes.join(", ")
        ),
    }
}

/// Parses a non-negative number. No figure is negative, so a condition with a negative number would be meaningless.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    let number: f64 = digits.parse().ok()?;
    // Rust parses `inf` and `nan` as numbers, which are useless in a comparison. `-0` is negative to a reader.
    (number.is_finite() && number.is_sign_positive()).then_some(number)
}
