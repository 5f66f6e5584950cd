//! Latencies with the moments at which they began.

use std::path::Path;

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::open::{self, OpenedFile};
use super::run_origin::RunOrigin;
use super::time_slices::{MOST_SLICED, TimeSlices};
use super::time_unit::TimeUnit;
use super::times;
use super::{Metric, Request};
use crate::content::Content;
use crate::error::{Place, ResultsError};
use crate::schema::LatencyColumn;

/// The event that a timestamp belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampOf {
    /// Messages were sent, as service times begin.
    Sent,
    /// Messages were due, as response times begin.
    Due,
    /// Echoes came.
    Echoed,
}

/// Latencies with the moment at which each began: the data of a heatmap.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedLatencies {
    /// The file and sheet.
    pub place: Place,
    /// The run, when the file is ours and says so.
    pub run: Option<RunOrigin>,
    /// `service time` or `response time`.
    pub name: String,
    /// The moment at which each time began, in seconds since T0: a service time with the sending of its message,
    /// a response time when it was due. From a log, the begin of the slice in which its echo came.
    pub at_s: Vec<f64>,
    /// The event at these moments.
    pub timestamp_of: TimestampOf,
    /// As many times, in milliseconds; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// As many; empty when each stands for itself.
    pub counts: Vec<u64>,
    /// Length in seconds of the slices to which a log rounds the moments at which echoes came; `None` = exact.
    pub slice_s: Option<f64>,
    /// Rows left out because no right echo came.
    pub skipped: u64,
    /// Number of times from which these were chosen at random; `None` when they are all, or it is not known.
    pub chosen_from: Option<u64>,
}

/// Reads the times asked for together with their moments.
///
/// # Errors
/// [`ResultsError`] as [`read_times`](super::read_times) has it, and when the file does not tell the
/// moments.
pub fn read_timed_latencies(
    path: &Path,
    request: &Request,
) -> Result<TimedLatencies, ResultsError> {
    match open::open(path)? {
        OpenedFile::Cells(mut source) => of_cells(path, source.as_mut(), request),
        OpenedFile::Log(file) => of_log(IntervalLog::open(path, file)?, request),
        OpenedFile::Json(_) => Err(ResultsError::lacks(path, Content::SendTimes)),
    }
}

fn of_cells(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
) -> Result<TimedLatencies, ResultsError> {
    // Seconds stay seconds: the unit is only that of a check.
    let (column, timestamp_of) = match request.metric {
        Metric::ServiceTime => (LatencyColumn::Sent, TimestampOf::Sent),
        Metric::ResponseTime => (LatencyColumn::Intended, TimestampOf::Due),
    };
    let beside = (column, TimeUnit::Milliseconds);
    let times = times::read_beside(path, source, request, beside)?
        .ok_or_else(|| ResultsError::lacks(path, Content::SendTimes))?;
    Ok(TimedLatencies {
        place: times.place,
        run: times.run,
        name: times.name,
        at_s: times.xs.map(|xs| xs.values).unwrap_or_default(),
        timestamp_of,
        values_ms: times.values_ms,
        counts: Vec::new(),
        slice_s: None,
        skipped: times.skipped,
        chosen_from: times.chosen_from,
    })
}

fn of_log(mut log: IntervalLog, request: &Request) -> Result<TimedLatencies, ResultsError> {
    let chosen = log.select(request, request.metric)?;
    let mut sliced = TimeSlices::new(MOST_SLICED);
    log.visit(&chosen.tag, &mut |interval| {
        // The last one may be cut short, and a quiet one may stand for many.
        if !interval.histogram.is_empty() {
            sliced.lengthen(interval.length_s);
        }
        for bucket in interval.histogram.iter_recorded() {
            sliced.push(
                interval.start_s,
                bucket.value_iterated_to(),
                bucket.count_at_value(),
            );
        }
        Ok(())
    })?;
    if sliced.entries.is_empty() {
        return Err(ResultsError::NoValues {
            place: log.place(),
            column: chosen.label().to_owned(),
            x: None,
            rows: 0,
        });
    }
    Ok(TimedLatencies {
        place: log.place(),
        run: None,
        name: chosen.name(),
        at_s: sliced.entries.iter().map(|(at, ..)| *at).collect(),
        timestamp_of: TimestampOf::Echoed,
        values_ms: sliced
            .entries
            .iter()
            // Exact up to 2^53: 104 days of nanoseconds.
            .map(|(_, value, _)| chosen.unit.to_ms(*value as f64))
            .collect(),
        counts: sliced.entries.iter().map(|(.., count)| *count).collect(),
        slice_s: Some(sliced.length_s),
        skipped: 0,
        chosen_from: None,
    })
}
