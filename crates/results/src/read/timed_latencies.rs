//! Latencies with the moments at which they began.

use std::path::Path;

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::open::{self, OpenedFile};
use super::remark::Remark;
use super::time_column::{Latencies, TimeColumn};
use super::time_slices::{MOST_SLICED, TimeSlices};
use super::{ColumnRequest, Metric, foreign};
use crate::content::Content;
use crate::error::{Result, ResultsError};
use crate::schema::LatencyColumn;

/// The event that a timestamp belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampOf {
    /// Sending of the message, at which the service time begins.
    Sent,
    /// Intended sending of the message, at which the response time begins.
    Due,
    /// Arrival of the echo.
    Echoed,
}

/// Latencies with the moment at which each began: the data of a heatmap.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedLatencies {
    /// The latencies.
    pub column: TimeColumn,
    /// The moment at which each time began, in seconds since T0: the send time for a service time, the intended send time
    /// for a response time. From a log, the begin of the slice in which the echo arrived.
    pub at_s: Vec<f64>,
    /// The event at these moments.
    pub timestamp_of: TimestampOf,
    /// Length in seconds of the slices to which a log rounds arrival times; `None` for exact moments.
    pub slice_s: Option<f64>,
}

/// Reads the requested times together with their moments.
///
/// # Errors
/// [`ResultsError`] as of [`read_times`](super::read_times), and when the file does not hold the
/// moments.
pub fn read_timed_latencies(path: &Path, request: &ColumnRequest) -> Result<TimedLatencies> {
    let timed = match open::open(path)? {
        OpenedFile::Cells(mut source) => of_cells(source.as_mut(), request)?,
        OpenedFile::Log(text) => {
            let mut timed = of_log(IntervalLog::open(path, text.file)?, request)?;
            let encoding = text.encoding.map(Remark::Encoding);
            timed.column.remarks.extend(encoding);
            Some(timed)
        }
        OpenedFile::Json(_) | OpenedFile::Percentiles(_) => None,
    };
    timed.ok_or_else(|| ResultsError::Lacks(path.to_owned(), Content::SendTimes))
}

/// Reads a file of cells; `None` if another program wrote it.
fn of_cells(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
) -> Result<Option<TimedLatencies>> {
    let (beside, timestamp_of) = match request.metric {
        Metric::ServiceTime => (LatencyColumn::Sent, TimestampOf::Sent),
        Metric::ResponseTime => (LatencyColumn::Intended, TimestampOf::Due),
    };
    let column = foreign::read_beside(source, request, beside)?;
    Ok(column.map(|mut column| TimedLatencies {
        at_s: column.x.take().map(|x| x.values).unwrap_or_default(),
        column,
        timestamp_of,
        slice_s: None,
    }))
}

fn of_log(mut log: IntervalLog, request: &ColumnRequest) -> Result<TimedLatencies> {
    let (tag, mut column) = log.select(request, request.metric)?;
    let mut sliced = TimeSlices::new(MOST_SLICED);
    log.visit(&tag, &mut |interval, histogram| {
        // The last one may be cut short, and a quiet one may stand for many.
        if !histogram.is_empty() {
            sliced.lengthen(interval.length_s);
        }
        for bucket in histogram.iter_recorded() {
            let (value, count) = (bucket.value_iterated_to(), bucket.count_at_value());
            sliced.push(interval.start_s, value, count);
        }
        Ok(())
    })?;
    let entries = || sliced.entries.iter();
    if sliced.entries.is_empty() {
        return Err(ResultsError::empty_histograms(column.place, &column.column));
    }
    column.times = Latencies {
        // Exact up to 2^53: 104 days of nanoseconds.
        values_ms: entries()
            .map(|(_, value, _)| column.unit.to_ms(*value as f64))
            .collect(),
        counts: entries().map(|(.., count)| *count).collect(),
        ..Latencies::default()
    };
    Ok(TimedLatencies {
        at_s: entries().map(|(at, ..)| *at).collect(),
        column,
        timestamp_of: TimestampOf::Echoed,
        slice_s: Some(sliced.length_s),
    })
}
