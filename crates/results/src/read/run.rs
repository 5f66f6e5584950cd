//! A saved run without its samples.

use std::path::{Path, PathBuf};

use measurement::record::TimelineRow;
use measurement::run::{PercentileRow, Summary};

use super::cells::CellSource;
use super::hlog::IntervalLog;
use super::json::JsonRun;
use super::open::{self, OpenedFile};
use super::{Request, own_sheets, summary_sheet, timeline};
use crate::content::Content;
use crate::error::{DocumentKind, ResultsError};

/// A saved run without its samples: everything from `.json` and `.xlsx`, the seconds from `.csv` and `.hlog`.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedRun {
    /// The file.
    pub path: PathBuf,
    /// Its summary; `None` from `.csv` and `.hlog`.
    pub summary: Option<Summary>,
    /// The percentile table; empty where the file has none.
    pub percentiles: Vec<PercentileRow>,
    /// One row a second, without histograms; empty where the file has none.
    pub timeline: Vec<TimelineRow>,
    /// `sent` and `failed` of the seconds are known: a log holds only right echoes, and has 0 there.
    pub knows_sent: bool,
    /// Number of messages that there were at least, of a `.csv` whose rows are a random sample.
    pub chosen_from: Option<u64>,
}

/// Reads a saved run.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of a run.
pub fn read_run(path: &Path) -> Result<SavedRun, ResultsError> {
    match open::open(path)? {
        OpenedFile::Cells(mut source) if source.has_sheets() => of_workbook(path, source.as_mut()),
        OpenedFile::Cells(mut source) => {
            let counted = timeline::of_cells(path, source.as_mut());
            match counted {
                Err(ResultsError::Lacks { .. }) => Err(ResultsError::lacks(path, Content::Run)),
                // A choice of the rows is of a run as well; it only does not count anything.
                Err(ResultsError::ChosenRows { messages, .. }) => Ok(SavedRun {
                    chosen_from: Some(messages),
                    ..SavedRun::of_seconds(path, Vec::new(), true)
                }),
                counted => Ok(SavedRun::of_seconds(path, counted?.rows, true)),
            }
        }
        OpenedFile::Json(file) => {
            let document = JsonRun::read(path, file)?;
            Ok(SavedRun {
                path: path.to_owned(),
                summary: Some(document.summary),
                percentiles: document.details.percentiles.unwrap_or_default(),
                timeline: document.details.timeline.unwrap_or_default(),
                knows_sent: true,
                chosen_from: None,
            })
        }
        OpenedFile::Log(file) => {
            let log = IntervalLog::open(path, file)?;
            if !log.is_ours() {
                return Err(ResultsError::lacks(path, Content::Run));
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

fn of_workbook(path: &Path, source: &mut dyn CellSource) -> Result<SavedRun, ResultsError> {
    let Some(summary) = summary_sheet::read(source)? else {
        return Err(ResultsError::lacks(path, Content::Run));
    };
    let summary = serde_json::from_value(summary).map_err(|source| ResultsError::NotOurs {
        path: path.to_owned(),
        document: DocumentKind::Summary,
        source,
    })?;
    Ok(SavedRun {
        path: path.to_owned(),
        summary: Some(summary),
        percentiles: own_sheets::percentiles(path, source)?.unwrap_or_default(),
        timeline: own_sheets::timeline(path, source)?.unwrap_or_default(),
        knows_sent: true,
        chosen_from: None,
    })
}
