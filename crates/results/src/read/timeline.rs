//! The timeline of a run: one row a second.

use std::collections::BTreeMap;
use std::path::Path;

use hdrhistogram::Histogram;
use measurement::record::TimelineRow;
use measurement::run::{StageSummary, Summary};

use super::cells::{CellSource, nanoseconds};
use super::hlog::{IntervalLog, SelectedTag};
use super::json::JsonRun;
use super::open::{self, OpenedFile};
use super::run_origin::RunOrigin;
use super::time_unit::TimeUnit;
use super::{Metric, Request, csv_timeline, own_sheets, summary_sheet};
use crate::content::Content;
use crate::error::{Place, ResultsError};
use crate::schema::TIMELINE_SHEET;

/// One row a second, and the part of the plan that belongs on the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTimeline {
    /// The file and sheet.
    pub place: Place,
    /// The run, when the file says so.
    pub run: Option<RunOrigin>,
    /// Ascending, without histograms.
    pub rows: Vec<TimelineRow>,
    /// `sent` and `failed` are known: a log holds only right echoes, and has 0 there.
    pub knows_sent: bool,
    /// Warm-up before T0, in seconds.
    pub warmup_s: Option<f64>,
    /// The stages of the offered rate, if it has any.
    pub stages: Vec<StageSummary>,
    /// Length of the measured phase in seconds: the last row may be less than a second. Of a `.csv` until the last
    /// sending or echo.
    pub elapsed_s: Option<f64>,
    /// The run was an open loop; `None` when that is not known.
    pub is_open_loop: Option<bool>,
}

impl RunTimeline {
    /// A timeline with what the run's summary adds.
    fn new(place: Place, rows: Vec<TimelineRow>, summary: Option<&Summary>) -> Self {
        Self {
            place,
            run: summary.map(RunOrigin::from),
            rows,
            knows_sent: true,
            warmup_s: summary.map(|s| s.plan.warmup_s),
            stages: summary.map_or_else(Vec::new, |s| s.plan.stages.clone()),
            elapsed_s: summary.map(|s| s.elapsed_s),
            is_open_loop: summary.map(|s| s.offered_rate_per_s.is_some()),
        }
    }
}

/// Reads the timeline of a run. Of a `.csv` the rows are counted; of a log, where the request matters only
/// for tags that are not ours, the echoes, from which `max_ns` is no closer than a bucket.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or does not tell what happened in each second.
pub fn read_timeline(path: &Path, request: &Request) -> Result<RunTimeline, ResultsError> {
    match open::open(path)? {
        OpenedFile::Cells(mut source) => of_cells(path, source.as_mut()),
        OpenedFile::Json(file) => of_json(path, JsonRun::read(path, file)?),
        OpenedFile::Log(file) => of_log(path, IntervalLog::open(path, file)?, request),
    }
}

pub(super) fn of_cells(
    path: &Path,
    source: &mut dyn CellSource,
) -> Result<RunTimeline, ResultsError> {
    let lacks = || ResultsError::lacks(path, Content::Timeline);
    if source.has_sheets() {
        let rows = own_sheets::timeline(path, source)?.ok_or_else(lacks)?;
        let place = Place::sheet(path, TIMELINE_SHEET);
        let sheet = summary_sheet::read(source)?;
        let run = sheet.as_ref().and_then(RunOrigin::of_sheet);
        let summary = sheet.and_then(|sheet| serde_json::from_value(sheet).ok());
        return Ok(RunTimeline {
            run,
            ..RunTimeline::new(place, rows, summary.as_ref())
        });
    }
    let sheets = source.sheets();
    let only = sheets.first().map_or("", String::as_str);
    let counted = csv_timeline::count(path, source, only)?.ok_or_else(lacks)?;
    Ok(RunTimeline {
        // A run in which every message was sent when it was due may be either.
        is_open_loop: counted.is_open_loop.then_some(true),
        elapsed_s: Some(counted.ends_s),
        ..RunTimeline::new(Place::file(path), counted.rows, None)
    })
}

fn of_json(path: &Path, run: JsonRun) -> Result<RunTimeline, ResultsError> {
    let rows = run
        .details
        .timeline
        .ok_or_else(|| ResultsError::lacks(path, Content::Timeline))?;
    Ok(RunTimeline::new(
        Place::file(path),
        rows,
        Some(&run.summary),
    ))
}

/// Longest interval that passes for a second.
const ABOUT_A_SECOND: f64 = 1.5;

pub(super) fn of_log(
    path: &Path,
    mut log: IntervalLog,
    request: &Request,
) -> Result<RunTimeline, ResultsError> {
    let is_ours = log.is_ours();
    let service = log.select(request, Metric::ServiceTime)?;
    let seconds = LogSeconds::read(path, &mut log, &service)?;
    let mut is_open_loop = None;
    let mut rows: Vec<_> = seconds.rows;
    if is_ours && request.column.is_none() {
        let response = log.select(request, Metric::ResponseTime)?;
        let slower = LogSeconds::read(path, &mut log, &response)?.rows;
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
        knows_sent: false,
        elapsed_s: seconds.ends_s,
        is_open_loop,
        ..RunTimeline::new(Place::file(path), rows, None)
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
