//! Writing of a run, or of a comparison of servers, into files, each in the format of its name's ending.

mod comparison;
mod csv;
mod growing_log;
mod hlog;
mod json;
mod json_schema;
mod xlsx;

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use measurement::record::{
    DeliverySample, LoggedSecond, Outcome, PublicationSample, PushSample, Sample, TimelineRow,
};
use measurement::run::{
    ClientRow, PercentileRow, Run, RunHistograms, Summary, TaggedHistogram, Tool,
};

use crate::atomic_file::AtomicFile;
use crate::error::{Result, ResultsError};
use crate::partial_name::is_partial_log;

pub use comparison::{ComparisonFormat, comparison_to_json, write_comparison};
pub use growing_log::GrowingLog;
pub use json::to_json;
pub use json_schema::{COMPARISON_SCHEMA, RUN_SCHEMA};

/// A run, borrowed, whose missing parts are left out of files.
#[derive(Debug, Clone, Copy)]
struct RunView<'a> {
    summary: &'a Summary,
    samples: &'a [Sample],
    percentiles: &'a [PercentileRow],
    timeline: &'a [TimelineRow],
    histograms: Option<&'a RunHistograms>,
    clients: &'a [ClientRow],
    publications: &'a [PublicationSample],
    deliveries: &'a [DeliverySample],
    pushes: &'a [PushSample],
    tagged: &'a [TaggedHistogram],
}

/// The publications of a run by client and message.
type Publications<'a> = HashMap<(u32, u64), &'a PublicationSample>;

impl<'a> RunView<'a> {
    fn of(run: &'a Run) -> io::Result<Self> {
        let summary = run.summary.as_ref();
        Ok(Self {
            summary: summary.ok_or_else(|| io::Error::other("the run has no summary"))?,
            samples: run.samples.as_ref().map_or(&[], |samples| &samples.rows),
            percentiles: run.percentiles.as_deref().unwrap_or_default(),
            timeline: run.timeline.as_ref().map_or(&[], |timeline| &timeline.rows),
            histograms: run.histograms.as_ref(),
            clients: run.clients.as_deref().unwrap_or_default(),
            publications: &run.publications,
            deliveries: &run.deliveries,
            pushes: &run.pushes,
            tagged: &run.tagged,
        })
    }

    /// Names of the kinds of messages; empty without a scenario.
    fn kinds(&self) -> &'a [String] {
        let scenario = self.summary.scenario.as_ref();
        scenario.map_or(&[], |scenario| &scenario.kinds)
    }

    /// The publications by client and message; `None` for a run without deliveries.
    fn publications(&self) -> Option<Publications<'a>> {
        self.summary.fan_out.as_ref()?;
        let all = self.publications.iter();
        Some(all.map(|one| ((one.client, one.message), one)).collect())
    }
}

/// Formats of a run's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunFormat {
    /// A workbook with all parts of the run: `.xlsx`.
    Xlsx,
    /// The samples: `.csv`.
    Csv,
    /// The summary: `.json`.
    Json,
    /// A log with a histogram per second, and with one per kind of message of a scenario: `.hlog`.
    Hlog,
}

impl RunFormat {
    /// The format of a file name's ending.
    ///
    /// # Errors
    /// [`ResultsError::UnknownEnding`] for any other ending, [`ResultsError::PartialName`] for that of a log that grows.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|e| e.to_ascii_lowercase());
        match ending.as_ref().and_then(|e| e.to_str()) {
            Some("xlsx") => Ok(Self::Xlsx),
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("hlog") => Ok(Self::Hlog),
            _ if is_partial_log(path) => Err(ResultsError::PartialName(path.to_owned())),
            _ => Err(ResultsError::UnknownEnding(path.to_owned())),
        }
    }

    /// Returns `true` when the format holds raw samples.
    pub fn has_samples(self) -> bool {
        matches!(self, Self::Xlsx | Self::Csv)
    }
}

/// An output file of a run. It is created before the run, so that a name that cannot be written is detected early.
#[derive(Debug)]
pub struct Output {
    format: RunFormat,
    file: AtomicFile,
    growing: Option<GrowingLog>,
}

/// A written file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Name of the file.
    pub path: PathBuf,
    /// Number of raw samples in the file; `None` when its format has none.
    pub rows: Option<usize>,
}

impl Output {
    /// Creates the file, which gets its name when [`write`](Self::write) returns.
    ///
    /// # Errors
    /// Those of [`RunFormat::of`], or [`ResultsError::Write`] when the file cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            format: RunFormat::of(path)?,
            file: AtomicFile::create(path)?,
            growing: None,
        })
    }

    /// Makes an `.hlog` grow during the run, as `.hlog.partial`. Other formats are not changed.
    ///
    /// # Errors
    /// [`ResultsError::Write`] when the file cannot be created.
    pub fn growing(mut self, tool: &Tool) -> Result<Self> {
        if self.format == RunFormat::Hlog {
            self.growing = Some(GrowingLog::create(self.file.path(), tool.clone())?);
        }
        Ok(self)
    }

    /// Name of the log that grows; `None` without one.
    pub fn growing_path(&self) -> Option<&Path> {
        self.growing.as_ref().map(GrowingLog::path)
    }

    /// Appends a second to the log that grows, if there is one. A failure is returned by [`write`](Self::write).
    pub fn append(&mut self, second: &LoggedSecond) {
        if let Some(log) = &mut self.growing {
            log.append(second);
        }
    }

    /// The temporary name of the unfinished file.
    pub fn unfinished_path(&self) -> &Path {
        self.file.unfinished_path()
    }

    /// Writes the run and gives the file its name. Then removes the log that grew, which stays if the file cannot be
    /// written.
    ///
    /// # Errors
    /// [`ResultsError::Write`], also for a run without a summary, and for a second that could not be appended.
    pub fn write(mut self, run: &Run) -> Result<Written> {
        let path = self.file.path().to_owned();
        let failed = |source| ResultsError::write(&path, source);
        let run = RunView::of(run).map_err(failed)?;
        let file = self.file.content();
        match self.format {
            RunFormat::Xlsx => xlsx::write(&run, file),
            RunFormat::Csv => csv::write(&run, file),
            RunFormat::Json => json::text_of(&run).and_then(|text| file.write_all(text.as_bytes())),
            RunFormat::Hlog => hlog::write(&run, file),
        }
        .map_err(failed)?;
        self.file.publish()?;
        self.growing.map_or(Ok(()), GrowingLog::discard)?;
        Ok(Written {
            path,
            rows: self.format.has_samples().then_some(run.samples.len()),
        })
    }
}

/// The word for the outcome of a message: `incomplete` for one that was answered, but not delivered to all.
fn outcome_name(sample: &Sample, publication: Option<&PublicationSample>) -> &'static str {
    let is_complete = publication.is_none_or(|one| one.delivered >= one.expected);
    match sample.outcome {
        Outcome::Ok if !is_complete => Outcome::Incomplete.name(),
        outcome => outcome.name(),
    }
}

/// Nanoseconds as milliseconds, which every sheet uses for times that people compare.
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Nanoseconds as seconds, for times since T0.
fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests;
