//! Errors of a report.

use std::path::PathBuf;

use results::ResultsError;

/// Reasons why no report was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file name has an ending that is not the one of a page.
    #[error("cannot tell the kind of report from the name {}: use .html or .md", .0.display())]
    UnknownEnding(PathBuf),
    /// The report would replace one of its input files.
    #[error("{} is an input file: name another file for the report with -o", .0.display())]
    OverInput(PathBuf),
    /// No file was given.
    #[error("a report needs at least one file")]
    NoFiles,
    /// More runs than colours in a picture.
    #[error("{0} runs given: at most {max} have colours of their own", max = draw_plot::MAX_SERIES)]
    TooManyRuns(usize),
    /// A file cannot be read, or the report cannot be written.
    #[error(transparent)]
    File(#[from] ResultsError),
    /// The template of the page failed.
    #[error("cannot build the page")]
    Page(#[from] askama::Error),
}
