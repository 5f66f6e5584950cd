//! What happened in each second of a run.

use std::collections::BTreeMap;
use std::path::Path;

use hdrhistogram::Histogram;
use measurement::record::TimelineRow;
use measurement::run::StageSummary;
use serde_json::Value;

use super::hlog::{Chosen, Log};
use super::json::Document;
use super::sheet::{self, nanoseconds};
use super::source::{self, Opened, Source};
use super::{Metric, Part, Place, Request, RunInfo, Unit, messages, summary};
use crate::error::ResultsError;
use crate::schema;

/// One row a second, and what the plan says about the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTimeline {
    /// Where it was found.
    pub place: Place,
    /// The run, when the file says so.
    pub run: Option<RunInfo>,
    /// Ascending, without histograms.
    pub rows: Vec<TimelineRow>,
    /// Whether `sent` and `failed` are known: a log tells only of right echoes, and has 0 there.
    pub knows_sent: bool,
    /// Warm-up before T0, in seconds.
    pub warmup_s: Option<f64>,
    /// The stages of the offered rate, if it has any.
    pub stages: Vec<StageSummary>,
    /// Length of the measured phase in seconds: the last row may be less than a second. Of a `.csv` until the last
    /// sending or echo.
    pub elapsed_s: Option<f64>,
    /// Whether the run was an open loop, where that is known.
    pub is_open_loop: Option<bool>,
}

impl RunTimeline {
    /// With what the run's summary tells.
    fn new(place: Place, rows: Vec<TimelineRow>, summary: Option<&Value>) -> Self {
        let at = |path| summary.and_then(|summary| summary.pointer(path));
        let number = |path| at(path).and_then(Value::as_f64);
        Self {
            place,
            run: summary.and_then(RunInfo::of),
            rows,
            knows_sent: true,
            warmup_s: number("/plan/warmup_s"),
            stages: at("/plan/stages")
                .and_then(|stages| serde_json::from_value(stages.clone()).ok())
                .unwrap_or_default(),
            elapsed_s: number("/elapsed_s"),
            is_open_loop: summary
                .filter(|summary| summary.get("elapsed_s").is_some())
                .map(|_| number("/offered_rate_per_s").is_some()),
        }
    }
}

/// Reads the timeline of a run. Of a `.csv` the rows are counted; of a log, where the request matters only
/// for tags that are not ours, the echoes, from which `max_ns` is no closer than a bucket.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or does not tell what happened in each second.
pub fn read_timeline(path: &Path, request: &Request) -> Result<RunTimeline, ResultsError> {
    match source::open(path)? {
        Opened::Cells(mut source) => of_cells(path, source.as_mut()),
        Opened::Json(file) => of_json(path, Document::read(path, file)?),
        Opened::Log(file) => of_log(path, Log::open(path, file)?, request),
    }
}

pub(super) fn of_cells(path: &Path, source: &mut dyn Source) -> Result<RunTimeline, ResultsError> {
    if source.has_sheets() {
        let rows = sheet::timeline(path, source)?.ok_or_else(|| Part::Timeline.missing_in(path))?;
        let place = Place {
            path: path.to_owned(),
            sheet: Some(schema::TIMELINE_SHEET.to_owned()),
        };
        let summary = summary::read(source)?;
        return Ok(RunTimeline::new(place, rows, summary.as_ref()));
    }
    let sheets = source.sheets();
    let only = sheets.first().map_or("", String::as_str);
    let counted =
        messages::count(path, source, only)?.ok_or_else(|| Part::Timeline.missing_in(path))?;
    Ok(RunTimeline {
        // A run in which every message was sent when it was due may be either.
        is_open_loop: counted.is_open_loop.then_some(true),
        elapsed_s: Some(counted.ends_s),
        ..RunTimeline::new(place_of(path), counted.rows, None)
    })
}

fn of_json(path: &Path, document: Document) -> Result<RunTimeline, ResultsError> {
    let rows = document
        .rest
        .timeline
        .ok_or_else(|| Part::Timeline.missing_in(path))?;
    let summary = serde_json::to_value(&document.summary).ok();
    Ok(RunTimeline::new(place_of(path), rows, summary.as_ref()))
}

fn place_of(path: &Path) -> Place {
    Place {
        path: path.to_owned(),
        sheet: None,
    }
}

/// Longest interval that passes for a second.
const ABOUT_A_SECOND: f64 = 1.5;

pub(super) fn of_log(
    path: &Path,
    mut log: Log,
    request: &Request,
) -> Result<RunTimeline, ResultsError> {
    let is_ours = log.is_ours();
    let service = log.choose(request, Metric::ServiceTime)?;
    let seconds = Seconds::read(path, &mut log, &service)?;
    let mut is_open_loop = None;
    let mut rows: Vec<_> = seconds.rows;
    if is_ours && request.column.is_none() {
        let response = log.choose(request, Metric::ResponseTime)?;
        let slower = Seconds::read(path, &mut log, &response)?.rows;
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
        ..RunTimeline::new(place_of(path), rows, None)
    })
}

/// What the intervals of one tag tell of each second.
struct Seconds {
    rows: Vec<TimelineRow>,
    /// Where the last interval ends, if it was cut short there.
    ends_s: Option<f64>,
}

impl Seconds {
    fn read(path: &Path, log: &mut Log, chosen: &Chosen) -> Result<Self, ResultsError> {
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
                        .map_err(|e| ResultsError::DamagedText {
                            path: path.to_owned(),
                            source: std::io::Error::other(e),
                        })?;
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
            return Err(Part::Timeline.missing_in(path));
        }
        Ok(all)
    }
}

fn row_of((second, histogram): &(u64, Histogram<u64>), unit: Unit) -> TimelineRow {
    let ns = |value: u64| match unit {
        Unit::Nanoseconds => value,
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
