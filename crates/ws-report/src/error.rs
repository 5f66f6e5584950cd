//! Errors of a report.

use std::path::PathBuf;

use results::ResultsError;

/// An error that leaves no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file name has an ending that is not the one of a page.
    #[error("cannot tell the kind of report from {}: use .html or .md", .0.display())]
    UnknownEnding(PathBuf),
    /// The report would take the place of a file that it is made from.
    #[error("{} is read: give the report another name with -o", .0.display())]
    OverInput(PathBuf),
    /// No file at all.
    #[error("a report needs at least one file")]
    NoFiles,
    /// More runs than can be told apart in a picture.
    #[error("{0} runs given: at most {max} can be told apart", max = draw_plot::MAX_SERIES)]
    TooManyRuns(usize),
    /// A file cannot be read, or the report cannot be written.
    #[error(transparent)]
    File(#[from] ResultsError),
    /// The page cannot be put together.
    #[error("cannot put the page together")]
    Page(#[from] askama::Error),
}
