//! What happened in each second of a run.

use std::path::Path;

use measurement::summary::StageSummary;
use measurement::timeline::TimelineRow;
use serde_json::Value;

use super::source::{self, Opened, Source};
use super::{Part, Place, Request, RunInfo, sheet, summary};
use crate::error::ResultsError;
use crate::schema;

/// One row a second, and what the plan says about the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct RunTimeline {
    /// Where it was found.
    pub place: Place,
    /// The run, when the file says so.
    pub run: Option<RunInfo>,
    /// From second 0 on; without histograms.
    pub rows: Vec<TimelineRow>,
    /// Whether `sent` and `failed` are known: a log tells only of echoes, and has 0 there.
    pub knows_sent: bool,
    /// Warm-up before T0, in seconds.
    pub warmup_s: Option<f64>,
    /// The stages of the offered rate, if it has any.
    pub stages: Vec<StageSummary>,
    /// Length of the measured phase in seconds: the last row may be less than a second.
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

/// Reads the timeline of a run.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or does not tell what happened in each second.
pub fn read_timeline(path: &Path, _request: &Request) -> Result<RunTimeline, ResultsError> {
    match source::open(path)? {
        Opened::Cells(mut source) => of_cells(path, source.as_mut()),
        Opened::Json(_) | Opened::Log(_) => Err(Part::Timeline.missing_in(path)),
    }
}

fn of_cells(path: &Path, source: &mut dyn Source) -> Result<RunTimeline, ResultsError> {
    let rows = sheet::timeline(path, source)?.ok_or_else(|| Part::Timeline.missing_in(path))?;
    let place = Place {
        path: path.to_owned(),
        sheet: Some(schema::TIMELINE_SHEET.to_owned()),
    };
    Ok(RunTimeline::new(
        place,
        rows,
        summary::read(source)?.as_ref(),
    ))
}
