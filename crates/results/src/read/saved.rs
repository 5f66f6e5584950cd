//! What a saved run says of itself.

use std::path::{Path, PathBuf};

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, Summary};

use super::hlog::Log;
use super::json::Document;
use super::source::{self, Opened, Source};
use super::{Part, Request, sheet, summary, timeline};
use crate::error::ResultsError;

/// All that a saved run says of itself beside its samples: everything from `.json` and `.xlsx`, from
/// `.csv` and `.hlog` what they carry.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedRun {
    /// The file.
    pub path: PathBuf,
    /// What it found; `None` from `.csv` and `.hlog`.
    pub summary: Option<Summary>,
    /// The percentile table; empty where the file has none.
    pub percentiles: Vec<PercentileRow>,
    /// One row a second, without histograms; empty where the file has none.
    pub timeline: Vec<TimelineRow>,
    /// Whether `sent` and `failed` of the seconds are known: a log tells only of right echoes, and has 0 there.
    pub knows_sent: bool,
    /// Of a `.csv` whose rows are a choice: how many messages there were at least.
    pub chosen_from: Option<u64>,
}

/// Reads a saved run.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of a run.
pub fn read_run(path: &Path) -> Result<SavedRun, ResultsError> {
    match source::open(path)? {
        Opened::Cells(mut source) if source.has_sheets() => of_workbook(path, source.as_mut()),
        Opened::Cells(mut source) => {
            let counted = timeline::of_cells(path, source.as_mut());
            match counted {
                Err(ResultsError::Lacks { .. }) => Err(Part::Run.missing_in(path)),
                // A choice of the rows is of a run as well; it only does not count anything.
                Err(ResultsError::ChosenRows { messages, .. }) => Ok(SavedRun {
                    chosen_from: Some(messages),
                    ..SavedRun::of_seconds(path, Vec::new(), true)
                }),
                counted => Ok(SavedRun::of_seconds(path, counted?.rows, true)),
            }
        }
        Opened::Json(file) => {
            let document = Document::read(path, file)?;
            Ok(SavedRun {
                path: path.to_owned(),
                summary: Some(document.summary),
                percentiles: document.rest.percentiles.unwrap_or_default(),
                timeline: document.rest.timeline.unwrap_or_default(),
                knows_sent: true,
                chosen_from: None,
            })
        }
        Opened::Log(file) => {
            let log = Log::open(path, file)?;
            if !log.is_ours() {
                return Err(Part::Run.missing_in(path));
            }
            let seconds = timeline::of_log(path, log, &Request::default())?;
            Ok(SavedRun::of_seconds(path, seconds.rows, seconds.knows_sent))
        }
    }
}

impl SavedRun {
    fn of_seconds(path: &Path, timeline: Vec<TimelineRow>, knows_sent: bool) -> Self {
        Self {
            path: path.to_owned(),
            summary: None,
            percentiles: Vec::new(),
            timeline,
            knows_sent,
            chosen_from: None,
        }
    }
}

fn of_workbook(path: &Path, source: &mut dyn Source) -> Result<SavedRun, ResultsError> {
    let Some(summary) = summary::read(source)? else {
        return Err(Part::Run.missing_in(path));
    };
    let summary = serde_json::from_value(summary).map_err(|source| ResultsError::NotASummary {
        path: path.to_owned(),
        source,
    })?;
    Ok(SavedRun {
        path: path.to_owned(),
        summary: Some(summary),
        percentiles: sheet::percentiles(path, source)?.unwrap_or_default(),
        timeline: sheet::timeline(path, source)?.unwrap_or_default(),
        knows_sent: true,
        chosen_from: None,
    })
}
