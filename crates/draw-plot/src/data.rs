//! What is drawn, as plain data.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use measurement::record::TimelineRow;
use measurement::run::StageSummary;
use results::read::{Metric, TimestampOf};

use crate::options::DEFAULT_WINDOW;
use crate::series::{Point, SortedTimes};

/// Kinds of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Time of each message in order of sending, and their moving average.
    Latency,
    /// How many messages took how long, in logarithmic bins.
    Histogram,
    /// Which share of the messages took at most how long.
    Cdf,
    /// HdrHistogram's spectrum: times over percentiles, each further nine as wide as the one before.
    Percentiles,
    /// Throughput and times of each second.
    Timeline,
    /// How many messages took how long, over the time at which they were sent, or due.
    Heatmap,
}

/// What a picture is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The usual heading. See [`run_title`](crate::run_title).
    pub title: String,
    /// What the times are, without unit: `service time`.
    pub quantity: String,
    /// The unit that the times were taken for without anything saying so; shown at the axis.
    pub unit_is_assumed: bool,
}

impl Default for Subject {
    /// Service times without a heading.
    fn default() -> Self {
        Self {
            title: String::new(),
            quantity: "service time".to_owned(),
            unit_is_assumed: false,
        }
    }
}

impl Subject {
    /// The heading of an axis of times: `service time (ms)`.
    pub(crate) fn heading(&self, unit: &str) -> String {
        let assumed = if self.unit_is_assumed {
            ", assumed"
        } else {
            ""
        };
        format!("{} ({unit}{assumed})", self.quantity)
    }
}

/// What a picture shows; each kind of up to [`MAX_SERIES`](crate::MAX_SERIES) files or runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'v> {
    /// For [`PictureKind::Latency`].
    Latency(Vec<Series<'v>>),
    /// Times against the numbers of a column, as a line through each curve's points in the order of
    /// the numbers; more points than have room for markers of their own, whose numbers are in no order,
    /// are not joined. Numbers above zero that reach over a factor of a hundred have a logarithmic
    /// axis; times that are all below a millisecond are shown in microseconds.
    Xy {
        /// The column's name.
        x_name: String,
        /// One for each file.
        curves: Vec<XySeries<'v>>,
    },
    /// For [`PictureKind::Histogram`].
    Histogram(Vec<Distribution>),
    /// For [`PictureKind::Cdf`].
    Cdf(Vec<Distribution>),
    /// For [`PictureKind::Percentiles`].
    Percentiles(Vec<Distribution>),
    /// For [`PictureKind::Timeline`].
    Timeline(Vec<Course>),
    /// For [`PictureKind::Heatmap`].
    Heatmap(Vec<Moments<'v>>),
}

/// How the times of a file or run are distributed.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Its name in the legend.
    pub label: String,
    /// One, or several that are drawn beside each other, as service and response time.
    pub times: Vec<NamedTimes>,
    /// Messages that have no time, which the subtitle counts.
    pub skipped: u64,
    /// How many messages these were chosen from at random; `None` when they are all there are.
    pub chosen_from: Option<u64>,
}

/// Times and what they are.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTimes {
    /// `service time`.
    pub name: String,
    /// In milliseconds; finite and not below zero.
    pub sorted: SortedTimes,
}

/// What happened in each second of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// Its name in the legend.
    pub label: String,
    /// One a second in ascending order; histograms are not looked at.
    pub rows: Vec<TimelineRow>,
    /// Whether `sent` and `failed` of the rows are known.
    pub knows_sent: bool,
    /// Length of the warm-up before second 0, which is not in the rows, in seconds.
    pub warmup_s: Option<f64>,
    /// The stages of the offered rate from second 0 on.
    pub stages: Vec<StageSummary>,
    /// Length of the measured phase in seconds; what comes later came in the drain.
    pub elapsed_s: Option<f64>,
    /// Response times may differ from service times.
    pub is_open_loop: bool,
    /// Only this time; `None` for both.
    pub only: Option<Metric>,
}

/// Times and when they began.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments<'v> {
    /// Its name above its panel.
    pub label: String,
    /// Seconds since the start of the measured phase, not below zero; in any order.
    pub at_s: Cow<'v, [f64]>,
    /// As many times in milliseconds; finite and not below zero.
    pub values_ms: Cow<'v, [f64]>,
    /// How often each occurred; empty when each occurred once.
    pub counts: Cow<'v, [u64]>,
    /// What the moments are those of.
    pub when: TimestampOf,
    /// How exactly the moments are known, in seconds; `None` for exactly.
    pub slice_s: Option<f64>,
    /// Messages that have no time, which the subtitle counts.
    pub skipped: u64,
    /// How many messages these were chosen from at random; `None` when they are all there are.
    pub chosen_from: Option<u64>,
}

/// One line of a picture of latencies with its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'v> {
    /// Its name in the legend.
    pub label: String,
    /// Times in milliseconds, in order of sending; finite and not below zero.
    pub values_ms: Cow<'v, [f64]>,
    /// Messages that have no time, which the subtitle counts.
    pub skipped: u64,
    /// How many messages these were chosen from at random; `None` when they are all there are.
    pub chosen_from: Option<u64>,
}

/// One line of a picture of times against numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct XySeries<'v> {
    /// Its name in the legend.
    pub label: String,
    /// Numbers and their times in milliseconds, in any order; the times finite and not below zero.
    pub points: Cow<'v, [Point]>,
    /// Rows that have not both, which the subtitle counts.
    pub skipped: u64,
    /// How many points these were chosen from at random; `None` when they are all there are.
    pub chosen_from: Option<u64>,
}

/// The window of the moving average: what was asked for, else [`DEFAULT_WINDOW`] as far as each of
/// the series has values for it.
#[must_use]
pub fn window_for(asked: Option<NonZeroUsize>, series: &[Series<'_>]) -> NonZeroUsize {
    let counts = series.iter().map(|series| series.values_ms.len());
    let fewest = counts.min().and_then(NonZeroUsize::new);
    asked.unwrap_or_else(|| fewest.map_or(DEFAULT_WINDOW, |fewest| DEFAULT_WINDOW.min(fewest)))
}
