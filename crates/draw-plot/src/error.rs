//! Errors of pictures.

use std::path::PathBuf;

use units::grouped;

/// The reason why nothing was drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The file name does not have the ending of a picture.
    #[error("cannot tell the kind of picture from {}: use .png or .svg", .0.display())]
    UnknownEnding(PathBuf),
    /// There is nothing to draw, or more than there are colours.
    #[error("{0} series given: between 1 and {max} can be told apart", max = crate::MAX_SERIES)]
    SeriesCount(usize),
    /// The series of this name has no values.
    #[error("{0} has no values")]
    NoValues(String),
    /// A value that is not a time.
    #[error("value {number} of {label} is no time: {value}")]
    NotATime {
        /// The series.
        label: String,
        /// Number of the value, from 1.
        number: usize,
        /// The value.
        value: f64,
    },
    /// Times and moments, or times and counts, of the series differ in number.
    #[error("{0} has not as many moments or counts as times")]
    Uneven(String),
    /// A number to draw against that no axis reaches.
    #[error("number {number} of {label} is too large or too small to draw against: {value}")]
    TooFar {
        /// The series.
        label: String,
        /// Position of the number, from 1.
        number: usize,
        /// The number.
        value: f64,
    },
    /// The moving average needs more values than there are.
    #[error("a window of {} is too large: {label} has {} values", grouped(*window), grouped(*count))]
    WindowTooLarge {
        /// The window that was asked for.
        window: u64,
        /// The series.
        label: String,
        /// The number of its values.
        count: u64,
    },
    /// Zero cannot be drawn on a logarithmic axis.
    #[error("a logarithmic axis needs a value above zero, and there is none")]
    NothingAboveZero,
    /// The panels of a picture would be too low to be read.
    #[error("{panels} panels have no room in {size}: give fewer files or a larger size")]
    NoRoom {
        /// Number of panels.
        panels: usize,
        /// Size of the picture.
        size: crate::Size,
    },
    /// The picture cannot be painted.
    #[error("cannot paint the picture")]
    Paint(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file cannot be read, or the picture cannot be written.
    #[error(transparent)]
    Results(#[from] results::ResultsError),
}

impl DrawError {
    pub(crate) fn paint(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Paint(Box::new(source))
    }
}
