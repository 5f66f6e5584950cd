//! Writing a run, or a comparison of servers, into files, each in the format that its name's ending asks for.

mod comparison;
mod csv;
mod hlog;
mod json;
mod xlsx;

use std::path::{Path, PathBuf};

use measurement::record::{Sample, TimelineRow};
use measurement::run::{ClientRow, PercentileRow, Summary};

use crate::ResultsError;
use crate::whole::WholeFile;

pub use comparison::{ComparisonFormat, comparison_to_json, write_comparison};
pub use json::to_json;

/// A finished run, as plain data.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it found.
    pub summary: &'a Summary,
    /// The samples kept, ordered by send time.
    pub samples: &'a [Sample],
    /// The percentile table.
    pub percentiles: &'a [PercentileRow],
    /// One row a second.
    pub timeline: &'a [TimelineRow],
    /// One row a client.
    pub clients: &'a [ClientRow],
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A workbook with everything: `.xlsx`.
    Xlsx,
    /// The samples: `.csv`.
    Csv,
    /// The summary: `.json`.
    Json,
    /// A histogram a second: `.hlog`.
    Hlog,
}

impl Format {
    /// The format that a file name's ending asks for.
    ///
    /// # Errors
    /// [`ResultsError::UnknownEnding`] for any other ending.
    pub fn of(path: &Path) -> Result<Self, ResultsError> {
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        match ending.as_ref().and_then(|e| e.to_str()) {
            Some("xlsx") => Ok(Self::Xlsx),
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("hlog") => Ok(Self::Hlog),
            _ => Err(ResultsError::UnknownEnding {
                path: path.to_owned(),
                known: ".xlsx, .csv, .json or .hlog",
            }),
        }
    }

    /// Whether it holds raw samples.
    #[must_use]
    pub fn has_samples(self) -> bool {
        matches!(self, Self::Xlsx | Self::Csv)
    }
}

/// A file that a run will be written into, created before the run so that nothing is lost to a
/// name that cannot be written.
#[derive(Debug)]
pub struct Output {
    format: Format,
    file: WholeFile,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub path: PathBuf,
    /// Raw samples in it; `None` when its format has none.
    pub rows: Option<usize>,
}

impl Output {
    /// Creates the file; it has its name only when [`write`](Self::write) is through.
    ///
    /// # Errors
    /// [`ResultsError::UnknownEnding`], or [`ResultsError::Write`] when it cannot be created.
    pub fn create(path: &Path) -> Result<Self, ResultsError> {
        Ok(Self {
            format: Format::of(path)?,
            file: WholeFile::create(path)?,
        })
    }

    /// What it will hold.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The name it has while it is unfinished.
    #[must_use]
    pub fn unfinished_path(&self) -> &Path {
        self.file.unfinished_path()
    }

    /// Writes the run and gives the file its name.
    ///
    /// # Errors
    /// [`ResultsError::Write`] or [`ResultsError::Workbook`].
    pub fn write(mut self, run: &Run<'_>) -> Result<Written, ResultsError> {
        let path = self.file.path().to_owned();
        let file = self.file.content();
        let failed = |source| ResultsError::Write {
            path: path.clone(),
            source,
        };
        match self.format {
            Format::Xlsx => xlsx::write(run, file).map_err(|source| ResultsError::Workbook {
                path: path.clone(),
                source: Box::new(source),
            })?,
            Format::Csv => csv::write(run, file).map_err(failed)?,
            Format::Json => json::write(run, file).map_err(failed)?,
            Format::Hlog => hlog::write(run, file).map_err(failed)?,
        }
        self.file.publish()?;
        Ok(Written {
            path,
            rows: self.format.has_samples().then_some(run.samples.len()),
        })
    }
}

/// Nanoseconds as milliseconds, which every sheet uses for times that people compare.
#[allow(clippy::cast_precision_loss)]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Nanoseconds as seconds, for times since T0.
#[allow(clippy::cast_precision_loss)]
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests;
