//! Times, each with its number of occurrences.

use std::path::Path;

use hdrhistogram::Histogram;
use measurement::run::{RunHistograms, Summary};

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::json::{self, JsonRun};
use super::json_table::ForeignObject;
use super::open::{self, OpenedFile};
use super::percentile_table::CountedTimes;
use super::remark::Remark;
use super::time_column::{Latencies, TimeColumn};
use super::time_unit::TimeUnit;
use super::{ColumnRequest, Metric, foreign};
use crate::content::Content;
use crate::error::{Place, Result, ResultsError};
use crate::schema::LatencyColumn;

/// Reads the distribution of the requested time, its values ascending; with `both`, those of service and response time
/// in this order if the file has both and they differ.
///
/// A value from a histogram (`.json`, `.hlog`) is the largest one of its bucket, like a quantile of HdrHistogram, and
/// at most the largest time if the file has that.
///
/// # Errors
/// [`ResultsError`] as of [`read_times`](super::read_times), and when the file holds no times.
pub fn read_distribution(
    path: &Path,
    request: &ColumnRequest,
    both: bool,
) -> Result<Vec<TimeColumn>> {
    let decoded = |mut all: Vec<TimeColumn>, encoding: Option<&'static str>| {
        for times in &mut all {
            times.remarks.extend(encoding.map(Remark::Encoding));
        }
        all
    };
    match open::open(path)? {
        OpenedFile::Cells(mut source) => of_cells(source.as_mut(), request, both),
        OpenedFile::Json(mut text) => {
            if json::may_be_ours(path, &mut text)? {
                let encoding = text.encoding;
                let run = JsonRun::read(path, text)?;
                return Ok(decoded(of_json(path, &run, request, both)?, encoding));
            }
            match ForeignObject::of_object(path, text)? {
                ForeignObject::Table(mut table) => of_cells(&mut table, request, both),
                ForeignObject::Distribution(table) => Ok(vec![of_percentiles(&table, request)]),
            }
        }
        OpenedFile::Log(text) => {
            let log = IntervalLog::open(path, text.file)?;
            Ok(decoded(of_log(log, request, both)?, text.encoding))
        }
        OpenedFile::Percentiles(table) => Ok(vec![of_percentiles(&table, request)]),
    }
}

fn wanted(request: &ColumnRequest, both: bool) -> &[Metric] {
    if both {
        &Metric::ALL
    } else {
        std::slice::from_ref(&request.metric)
    }
}

fn of_cells(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    both: bool,
) -> Result<Vec<TimeColumn>> {
    let mut request = request.clone();
    request.x = None;
    let mut all = Vec::new();
    if both && request.column.is_none() {
        let service = ColumnRequest {
            metric: Metric::ServiceTime,
            ..request.clone()
        };
        let ours = foreign::read_beside(source, &service, LatencyColumn::ResponseTime)?;
        if let Some(mut times) = ours {
            let x = times.x.take();
            if let Some(x) = x.filter(|x| x.values != times.times.values_ms) {
                let service = std::mem::replace(&mut times.times.values_ms, x.values);
                all.push(TimeColumn {
                    metric: Some(Metric::ResponseTime),
                    name: Metric::ResponseTime.name().to_owned(),
                    column: x.column,
                    ..times.clone()
                });
                times.times.values_ms = service;
            }
            all.insert(0, times);
        }
    }
    if all.is_empty() {
        all.push(foreign::read_times_of(source, &request, false)?);
    }
    for times in &mut all {
        times.times.sort();
    }
    Ok(all)
}

/// The values of a histogram, clamped to the known smallest and largest time.
fn of_histogram(histogram: &Histogram<u64>, unit: TimeUnit, (min, max): (u64, u64)) -> Latencies {
    let mut times = Latencies::default();
    for bucket in histogram.iter_recorded() {
        let value = bucket.value_iterated_to().min(max).max(min);
        // Exact up to 2^53: 104 days of nanoseconds.
        times.values_ms.push(unit.to_ms(value as f64));
        times.counts.push(bucket.count_at_value());
    }
    times
}

fn of_json(
    path: &Path,
    run: &JsonRun,
    request: &ColumnRequest,
    both: bool,
) -> Result<Vec<TimeColumn>> {
    if run.summary.service_time_ns.count == 0 {
        let messages = &run.summary.messages;
        return Err(ResultsError::NoCorrectEcho {
            place: Place::file(path),
            messages: messages.sent,
            corrupted: messages.corrupted.unwrap_or(0),
        });
    }
    let times = run
        .histograms(path)?
        .ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::Distribution))?;
    // In closed loop the two are the same.
    let distinct = wanted(request, both)
        .iter()
        .filter(|metric| !both || **metric == Metric::ServiceTime || times.response.is_some());
    Ok(distinct
        .map(|metric| of_metric(path, &run.summary, &times, *metric))
        .collect())
}

/// Key of the histograms in a document.
const HISTOGRAMS: &str = "histograms";

fn of_metric(path: &Path, summary: &Summary, times: &RunHistograms, metric: Metric) -> TimeColumn {
    let response = times.response.as_ref().unwrap_or(&times.service);
    let (histogram, figures) = match metric {
        Metric::ServiceTime => (&times.service, &summary.service_time_ns),
        Metric::ResponseTime => (response, &summary.response_time_ns),
    };
    let ends = (figures.min.unwrap_or(0), figures.max.unwrap_or(u64::MAX));
    TimeColumn {
        place: Place::file(path),
        run: Some(summary.into()),
        column: HISTOGRAMS.to_owned(),
        name: metric.name().to_owned(),
        metric: Some(metric),
        unit: TimeUnit::Nanoseconds,
        unit_is_assumed: false,
        column_is_guessed: false,
        runner_up: None,
        remarks: Vec::new(),
        x: None,
        times: Latencies {
            skipped: summary.messages.sent.saturating_sub(times.service.len()),
            ..of_histogram(histogram, TimeUnit::Nanoseconds, ends)
        },
    }
}

fn of_percentiles(table: &CountedTimes, request: &ColumnRequest) -> TimeColumn {
    let unit = request.unit.or(table.unit);
    let to_ms = |value: f64| unit.unwrap_or_default().to_ms(value);
    let values = table.values.iter();
    TimeColumn {
        place: Place::file(&table.path),
        run: None,
        column: "Value".to_owned(),
        name: "time".to_owned(),
        metric: None,
        unit: unit.unwrap_or_default(),
        unit_is_assumed: unit.is_none(),
        column_is_guessed: false,
        runner_up: None,
        remarks: table
            .encoding
            .map(Remark::Encoding)
            .into_iter()
            .chain(table.resolution.clone())
            .collect(),
        x: None,
        times: Latencies {
            values_ms: values.clone().map(|(value, _)| to_ms(*value)).collect(),
            counts: values.map(|(_, count)| *count).collect(),
            ..Latencies::default()
        },
    }
}

fn of_log(mut log: IntervalLog, request: &ColumnRequest, both: bool) -> Result<Vec<TimeColumn>> {
    let both = both && request.column.is_none() && log.is_ours();
    let mut all: Vec<TimeColumn> = Vec::new();
    for metric in wanted(request, both) {
        let (tag, column) = log.select(request, *metric)?;
        let times = of_histogram(&log.whole(&tag)?, column.unit, (0, u64::MAX));
        // In closed loop they are the same.
        if all.iter().all(|other| other.times != times) {
            all.push(TimeColumn { times, ..column });
        }
    }
    Ok(all)
}
