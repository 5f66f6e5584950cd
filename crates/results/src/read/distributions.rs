//! Times and how often each occurred.

use std::path::Path;

use hdrhistogram::Histogram;

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::json::JsonRun;
use super::open::{self, OpenedFile};
use super::run_origin::RunOrigin;
use super::time_unit::TimeUnit;
use super::times::{self, TimeColumn};
use super::{Metric, Request};
use crate::content::Content;
use crate::error::{Place, ResultsError};
use crate::histogram::RunHistograms;
use crate::schema::LatencyColumn;

/// Times with how often each occurred: what a distribution is drawn from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Ascending, in milliseconds; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// As many; empty when each stands for itself.
    pub counts: Vec<u64>,
}

impl Spread {
    fn of(mut values_ms: Vec<f64>) -> Self {
        values_ms.sort_unstable_by(f64::total_cmp);
        Self {
            values_ms,
            counts: Vec::new(),
        }
    }

    /// How many times it stands for.
    #[must_use]
    pub fn count(&self) -> u64 {
        if self.counts.is_empty() {
            self.values_ms.len() as u64
        } else {
            self.counts.iter().sum()
        }
    }
}

/// A distribution and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedSpread {
    /// `service time`, or the column's name without the unit.
    pub name: String,
    /// Which of the two times it is, where that is known.
    pub metric: Option<Metric>,
    /// The times.
    pub spread: Spread,
}

/// The distributions that a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// Where they were found.
    pub place: Place,
    /// The run, when the file is ours and says so.
    pub run: Option<RunOrigin>,
    /// One, or service and response time in this order.
    pub times: Vec<NamedSpread>,
    /// Rows left out because no right echo came.
    pub skipped: u64,
    /// From how many times these were chosen at random; `None` when they are all, or nothing tells.
    pub chosen_from: Option<u64>,
    /// TimeUnit of the numbers in the file.
    pub unit: TimeUnit,
    /// Nothing told the unit: neither the request nor the file.
    pub unit_is_assumed: bool,
    /// The column's name in the file; its letter where it has none. Of a log the tag.
    pub column: String,
    /// Nobody named the column, and the file is not ours.
    pub column_is_guessed: bool,
}

/// Reads the distribution of the time asked for; with `both`, of service and response time where the file
/// has both and they differ.
///
/// From histograms (`.json`, `.hlog`) come the largest values of their buckets, as HdrHistogram's
/// quantiles are, and never more than the largest time where the file tells it.
///
/// # Errors
/// [`ResultsError`] as [`read_times`](super::read_times) has it, and when the file holds no times.
pub fn read_distributions(
    path: &Path,
    request: &Request,
    both: bool,
) -> Result<Distributions, ResultsError> {
    match open::open(path)? {
        OpenedFile::Cells(mut source) => of_cells(path, source.as_mut(), request, both),
        OpenedFile::Json(file) => of_json(path, &JsonRun::read(path, file)?, request, both),
        OpenedFile::Log(file) => of_log(IntervalLog::open(path, file)?, request, both),
    }
}

/// The metric asked for, or both of them.
fn wanted(request: &Request, both: bool) -> &[Metric] {
    if both {
        &[Metric::ServiceTime, Metric::ResponseTime]
    } else {
        std::slice::from_ref(&request.metric)
    }
}

fn of_cells(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
    both: bool,
) -> Result<Distributions, ResultsError> {
    if both && request.column.is_none() {
        let service = Request {
            metric: Metric::ServiceTime,
            ..request.clone()
        };
        let beside = (LatencyColumn::ResponseTime, TimeUnit::Milliseconds);
        if let Some(mut times) = times::read_beside(path, source, &service, beside)? {
            let response = times.xs.take().filter(|xs| xs.values != times.values_ms);
            let mut all = of_times(times);
            all.times
                .extend(response.map(|xs| named(Metric::ResponseTime, Spread::of(xs.values))));
            return Ok(all);
        }
    }
    let request = Request {
        x: None,
        ..request.clone()
    };
    times::read_from(path, source, &request).map(of_times)
}

fn of_times(times: TimeColumn) -> Distributions {
    Distributions {
        place: times.place,
        run: times.run,
        times: vec![NamedSpread {
            name: times.name,
            metric: times.metric,
            spread: Spread::of(times.values_ms),
        }],
        skipped: times.skipped,
        chosen_from: times.chosen_from,
        unit: times.unit,
        unit_is_assumed: times.unit_is_assumed,
        column: times.column,
        column_is_guessed: times.column_is_guessed,
    }
}

fn named(metric: Metric, spread: Spread) -> NamedSpread {
    NamedSpread {
        name: metric.name().to_owned(),
        metric: Some(metric),
        spread,
    }
}

/// The values of a histogram, within what is known to be the smallest and the largest of them.
fn of_histogram(histogram: &Histogram<u64>, unit: TimeUnit, (min, max): (u64, u64)) -> Spread {
    let mut spread = Spread::default();
    for bucket in histogram.iter_recorded() {
        let value = bucket.value_iterated_to().min(max).max(min);
        // Exact up to 2^53: 104 days of nanoseconds.
        #[allow(clippy::cast_precision_loss)]
        spread.values_ms.push(unit.to_ms(value as f64));
        spread.counts.push(bucket.count_at_value());
    }
    spread
}

fn of_json(
    path: &Path,
    document: &JsonRun,
    request: &Request,
    both: bool,
) -> Result<Distributions, ResultsError> {
    let RunHistograms { service, response } = document
        .histograms(path)?
        .ok_or_else(|| ResultsError::lacks(path, Content::Distribution))?;
    let summary = &document.summary;
    let mut times = Vec::new();
    for metric in wanted(request, both) {
        let (histogram, figures) = match (metric, &response) {
            (Metric::ServiceTime, _) => (&service, &summary.service_time_ns),
            (Metric::ResponseTime, Some(response)) => (response, &summary.response_time_ns),
            // In closed loop they are the same.
            (Metric::ResponseTime, None) if both => continue,
            (Metric::ResponseTime, None) => (&service, &summary.response_time_ns),
        };
        let ends = (figures.min.unwrap_or(0), figures.max.unwrap_or(u64::MAX));
        times.push(named(
            *metric,
            of_histogram(histogram, TimeUnit::Nanoseconds, ends),
        ));
    }
    let place = Place::file(path);
    if service.is_empty() {
        return Err(ResultsError::NoValues {
            place,
            column: "histograms".to_owned(),
            x: None,
            rows: 0,
        });
    }
    Ok(Distributions {
        place,
        run: Some(summary.into()),
        times,
        skipped: summary.messages.sent.saturating_sub(service.len()),
        chosen_from: None,
        unit: TimeUnit::Nanoseconds,
        unit_is_assumed: false,
        column: "histograms".to_owned(),
        column_is_guessed: false,
    })
}

fn of_log(
    mut log: IntervalLog,
    request: &Request,
    both: bool,
) -> Result<Distributions, ResultsError> {
    let both = both && request.column.is_none() && log.is_ours();
    let mut times: Vec<NamedSpread> = Vec::new();
    let mut first = None;
    for metric in wanted(request, both) {
        let chosen = log.select(request, *metric)?;
        let histogram = log.whole(&chosen)?;
        let spread = of_histogram(&histogram, chosen.unit, (0, u64::MAX));
        // In closed loop they are the same.
        if times.iter().all(|other| other.spread != spread) {
            times.push(NamedSpread {
                name: chosen.name(),
                metric: chosen.metric,
                spread,
            });
        }
        first.get_or_insert(chosen);
    }
    // At least one metric is wanted.
    let chosen = match first {
        Some(chosen) => chosen,
        None => log.select(request, request.metric)?,
    };
    Ok(Distributions {
        place: log.place(),
        run: None,
        times,
        skipped: 0,
        chosen_from: None,
        unit: chosen.unit,
        unit_is_assumed: chosen.unit_is_assumed,
        column: chosen.label().to_owned(),
        column_is_guessed: chosen.is_guessed,
    })
}
