//! The seconds of an interval log.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use measurement::record::{RowSeconds, RowSpan, TimelineRow};
use measurement::run::RunTimeline;

use super::cells::nanoseconds;
use super::hlog::IntervalLog;
use super::time_unit::TimeUnit;
use super::{ColumnRequest, Metric};
use crate::content::Content;
use crate::error::{Result, ResultsError};
use crate::histogram;

/// Longest interval that counts as a second.
const ABOUT_A_SECOND: f64 = 1.5;

/// Reads the seconds of a log. The request is used only for tags of other programs.
pub(super) fn read(log: &mut IntervalLog, request: &ColumnRequest) -> Result<RunTimeline> {
    let mut timeline = seconds_of(log, request, Metric::ServiceTime)?;
    if log.is_ours() && request.column.is_none() {
        let rows = &mut timeline.rows;
        let slower = seconds_of(log, request, Metric::ResponseTime)?.rows;
        let figures = |row: &TimelineRow| (row.service_p99_ns, row.max_ns);
        let differ = rows.iter().map(figures).ne(slower.iter().map(figures));
        timeline.is_open_loop = differ.then_some(true);
        let slower: BTreeMap<_, _> = slower.into_iter().map(|row| (row.second, row)).collect();
        for row in rows {
            let other = slower.get(&row.second);
            row.response_p99_ns = other.and_then(|other| other.service_p99_ns);
            row.max_ns = row.max_ns.max(other.and_then(|other| other.max_ns));
        }
        if let Some(part) = &log.partial {
            part.count_messages(&mut timeline);
        }
    }
    Ok(timeline)
}

/// The seconds of the intervals with one tag, and the end of the last interval if it was shorter than a second.
fn seconds_of(
    log: &mut IntervalLog,
    request: &ColumnRequest,
    metric: Metric,
) -> Result<RunTimeline> {
    let (tag, column) = log.select(request, metric)?;
    let mut timeline = RunTimeline::default();
    let mut running: Option<(RowSpan, Option<Histogram<u64>>)> = None;
    let mut is_coarse = false;
    let is_ours = log.is_ours();
    log.visit(&tag, &mut |interval, histogram| {
        let length = row_seconds(interval.length_s).filter(|_| is_ours);
        is_coarse |=
            length.is_none() && interval.length_s > ABOUT_A_SECOND && !histogram.is_empty();
        // Written to the millisecond.
        let at_s = (interval.start_s + 5e-4).max(0.0);
        // Whole, not negative, and it saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let second = at_s.floor() as u64;
        let before = running.as_ref().map(|(running, _)| running.seconds);
        let span = RowSpan {
            second,
            // The end of the run cuts the last one short.
            seconds: length.max(before.filter(|_| is_ours)).unwrap_or_default(),
        };
        let is_short = interval.length_s < span.seconds.get() as f64;
        timeline.ends_s = is_short.then_some(interval.start_s + interval.length_s);
        if let Some((done, sum)) = running.take_if(|(running, _)| running.second != second) {
            timeline.rows.extend(row_of(done, sum, column.unit));
        }
        let (_, sum) = running.get_or_insert((span, None));
        histogram::add(sum, histogram)
            .map_err(|source| ResultsError::damaged(column.place.clone(), source))
    })?;
    let last = running.and_then(|(span, sum)| row_of(span, sum, column.unit));
    timeline.rows.extend(last);
    let mut pairs = timeline.rows.windows(2);
    if is_coarse || !pairs.all(|pair| pair[0].second < pair[1].second) {
        return Err(ResultsError::Lacks(column.place.path, Content::Timeline));
    }
    Ok(timeline)
}

/// The length of an interval of one of our logs, which is written to the millisecond; `None` for one that is cut short.
fn row_seconds(length_s: f64) -> Option<RowSeconds> {
    let rounded = length_s.round();
    // Whole and not negative, and it saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = rounded as u64;
    let is_whole = (length_s - rounded).abs() < 1e-3;
    RowSeconds::try_from(seconds).ok().filter(|_| is_whole)
}

fn row_of(span: RowSpan, histogram: Option<Histogram<u64>>, unit: TimeUnit) -> Option<TimelineRow> {
    let histogram = histogram?;
    let ns = |value: u64| match unit {
        TimeUnit::Nanoseconds => value,
        // Exact up to 2^53.
        unit => nanoseconds(unit.to_ms(value as f64)),
    };
    let at = |q| (!histogram.is_empty()).then(|| ns(histogram.value_at_quantile(q)));
    Some(TimelineRow {
        second: span.second,
        seconds: span.seconds,
        received: histogram.len(),
        service_p50_ns: at(0.5),
        service_p99_ns: at(0.99),
        response_p99_ns: at(0.99),
        max_ns: at(1.0),
        ..TimelineRow::default()
    })
}
