//! The data of a picture.

use std::num::NonZeroUsize;
use std::ops::Deref;

use measurement::run::{Run, Summary};
use results::read::{Latencies, Metric, TimeColumn, TimedLatencies};

use crate::options::DEFAULT_WINDOW;

/// Kinds of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Time of each message in order of sending, and their moving average; or times against a column.
    Latency,
    /// Number of messages in logarithmic bins of their times.
    Histogram,
    /// Share of the messages that took at most each time.
    Cdf,
    /// HdrHistogram's spectrum: times over percentiles, each further nine as wide as the one before.
    Percentiles,
    /// Throughput and times of each second.
    Timeline,
    /// Number of messages by their times, over the time at which they were sent, or due.
    Heatmap,
    /// Delivery times of the first, the median and the last receiver over time, and the share of receivers reached.
    FanOut,
    /// Share of connections that are up over time, and attempts to reconnect and their failures per second.
    Storm,
    /// Response time over offered rate, and the capacity.
    LoadCurve,
}

/// Heading, quantity and unit of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The usual heading: server, clients and payload size of the run.
    pub title: String,
    /// Name of the times, without unit: `service time`.
    pub quantity: String,
    /// Noun of a time's row: `message`, `delivery` or `push`.
    pub noun: &'static str,
    /// True if neither the file nor the caller names the unit of the times; shown at the axis.
    pub unit_is_assumed: bool,
}

impl Default for Subject {
    /// Service times without a heading.
    fn default() -> Self {
        Self {
            title: String::new(),
            quantity: Metric::ServiceTime.name().to_owned(),
            noun: "message",
            unit_is_assumed: false,
        }
    }
}

/// A guess about a file, or a remark on how it was read.
#[derive(Debug, Clone)]
pub struct Notice {
    /// The notice as a sentence that begins in lowercase.
    pub text: String,
    /// True if neither the file nor the caller names the unit of the times, so that milliseconds are assumed.
    pub unit_is_assumed: bool,
}

/// Data of a file or run, and their name in the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled<T> {
    /// The name.
    pub label: String,
    /// The data.
    pub data: T,
}

impl<T> Labelled<T> {
    /// Data of this name.
    pub fn new(label: impl Into<String>, data: T) -> Self {
        let label = label.into();
        Self { label, data }
    }
}

impl<T> Deref for Labelled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// The times of a file, each with its name: one, or several that are drawn together.
pub(crate) type NamedTimes = Vec<Labelled<Latencies>>;

/// The data of a picture, of up to [`MAX_SERIES`](crate::MAX_SERIES) files or runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Times of messages in order of sending.
    Latency(Vec<Labelled<Latencies>>),
    /// Times against the numbers of a column: a marker for each row, and a line through the markers in the order of
    /// the numbers unless the markers have no room. Numbers over a factor of a hundred have a logarithmic axis. Times
    /// all below a millisecond are in microseconds.
    Xy {
        /// Name of the column of numbers.
        x_name: String,
        /// The columns of times, each with its numbers.
        files: Vec<Labelled<TimeColumn>>,
    },
    /// Times in ascending order, for histogram, distribution function and percentiles.
    Distributions(Vec<Labelled<NamedTimes>>),
    /// Seconds of runs.
    Timeline {
        /// The runs; only summaries and timelines are drawn.
        runs: Vec<Labelled<Run>>,
        /// The only time to draw; `None` for both.
        only: Option<Metric>,
    },
    /// Times and the moments at which they began.
    Heatmap(Vec<Labelled<TimedLatencies>>),
    /// Summaries of runs with deliveries.
    FanOut(Vec<Labelled<Summary>>),
    /// Summaries of runs with lost connections.
    Storm(Vec<Labelled<Summary>>),
    /// Summaries of capacity searches and sweeps.
    LoadCurve(Vec<Labelled<Summary>>),
}

/// The window of the moving average: the requested one, else [`DEFAULT_WINDOW`] or, if it is smaller, the number of
/// values of the shortest series.
pub fn window_for(asked: Option<NonZeroUsize>, series: &[Labelled<Latencies>]) -> NonZeroUsize {
    let counts = series.iter().map(|series| series.values_ms.len());
    let fewest = counts.min().and_then(NonZeroUsize::new);
    asked.unwrap_or_else(|| fewest.map_or(DEFAULT_WINDOW, |fewest| DEFAULT_WINDOW.min(fewest)))
}
