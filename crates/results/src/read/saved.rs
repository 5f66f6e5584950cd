//! What a saved run says of itself.

use std::path::{Path, PathBuf};

use measurement::percentiles::PercentileRow;
use measurement::summary::Summary;
use measurement::timeline::TimelineRow;

use super::source::{self, Opened, Source};
use super::{Part, sheet, summary};
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
}

/// Reads a saved run.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or is not that of a run.
pub fn read_run(path: &Path) -> Result<SavedRun, ResultsError> {
    match source::open(path)? {
        Opened::Cells(mut source) => of_cells(path, source.as_mut()),
        Opened::Json(_) | Opened::Log(_) => Err(Part::Run.missing_in(path)),
    }
}

fn of_cells(path: &Path, source: &mut dyn Source) -> Result<SavedRun, ResultsError> {
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
    })
}
