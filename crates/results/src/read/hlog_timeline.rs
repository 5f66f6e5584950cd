//! The seconds of an interval log.

use std::collections::BTreeMap;
use std::path::Path;

use hdrhistogram::Histogram;
use measurement::record::TimelineRow;
use measurement::run::RunTimeline;

use super::cells::nanoseconds;
use super::hlog::{IntervalLog, SelectedTag};
use super::time_unit::TimeUnit;
use super::{ColumnRequest, Metric};
use crate::content::Content;
use crate::error::{Place, ResultsError};

/// Longest interval that passes for a second.
const ABOUT_A_SECOND: f64 = 1.5;

/// Reads the seconds of a log; the request matters only for tags that are not ours.
pub(super) fn read(
    path: &Path,
    log: &mut IntervalLog,
    request: &ColumnRequest,
) -> Result<RunTimeline, ResultsError> {
    let is_ours = log.is_ours();
    let service = log.select(request, Metric::ServiceTime)?;
    let seconds = LogSeconds::read(path, log, &service)?;
    let mut is_open_loop = None;
    let mut rows: Vec<_> = seconds.rows;
    if is_ours && request.column.is_none() {
        let response = log.select(request, Metric::ResponseTime)?;
        let slower = LogSeconds::read(path, log, &response)?.rows;
        let differ = rows.len() != slower.len()
            || rows
                .iter()
                .zip(&slower)
                .any(|(a, b)| (a.service_p99_ns, a.max_ns) != (b.service_p99_ns, b.max_ns));
        is_open_loop = differ.then_some(true);
        let slower: BTreeMap<_, _> = slower.into_iter().map(|row| (row.second, row)).collect();
        for row in &mut rows {
            let other = slower.get(&row.second);
            row.response_p99_ns = other.and_then(|other| other.service_p99_ns);
            row.max_ns = row.max_ns.max(other.and_then(|other| other.max_ns));
        }
    }
    Ok(RunTimeline {
        rows,
        knows_sent: false,
        ends_s: seconds.ends_s,
        is_open_loop,
    })
}

/// The seconds of the intervals with one tag.
struct LogSeconds {
    rows: Vec<TimelineRow>,
    /// End of the last interval, if it was cut short.
    ends_s: Option<f64>,
}

impl LogSeconds {
    fn read(
        path: &Path,
        log: &mut IntervalLog,
        chosen: &SelectedTag,
    ) -> Result<Self, ResultsError> {
        let mut all = Self {
            rows: Vec::new(),
            ends_s: None,
        };
        let mut running: Option<(u64, Histogram<u64>)> = None;
        let mut is_coarse = false;
        log.visit(&chosen.tag, &mut |interval| {
            is_coarse |= interval.length_s > ABOUT_A_SECOND && !interval.histogram.is_empty();
            // Written to the millisecond.
            let at_s = (interval.start_s + 5e-4).max(0.0);
            // Whole, not negative, and it saturates.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let second = at_s.floor() as u64;
            let is_short = interval.length_s < 1.0;
            all.ends_s = is_short.then_some(interval.start_s + interval.length_s);
            match &mut running {
                Some((same, sum)) if *same == second => {
                    sum.add(&interval.histogram)
                        .map_err(|e| ResultsError::damaged(Place::file(path), e))?;
                }
                _ => {
                    let mut first = interval.histogram;
                    first.auto(true);
                    if let Some(done) = running.replace((second, first)) {
                        all.rows.push(row_of(&done, chosen.unit));
                    }
                }
            }
            Ok(())
        })?;
        all.rows
            .extend(running.map(|done| row_of(&done, chosen.unit)));
        let is_ascending = all
            .rows
            .windows(2)
            .all(|pair| pair[0].second < pair[1].second);
        if is_coarse || !is_ascending {
            return Err(ResultsError::lacks(path, Content::Timeline));
        }
        Ok(all)
    }
}

fn row_of((second, histogram): &(u64, Histogram<u64>), unit: TimeUnit) -> TimelineRow {
    let ns = |value: u64| match unit {
        TimeUnit::Nanoseconds => value,
        // Exact up to 2^53.
        unit => nanoseconds(unit.to_ms(value as f64)),
    };
    let at = |q| (!histogram.is_empty()).then(|| ns(histogram.value_at_quantile(q)));
    TimelineRow {
        second: *second,
        received: histogram.len(),
        service_p50_ns: at(0.5),
        service_p99_ns: at(0.99),
        response_p99_ns: at(0.99),
        max_ns: at(1.0),
        ..TimelineRow::default()
    }
}
