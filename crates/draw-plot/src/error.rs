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
    /// Series, number from 1, and a value that is not a time.
    #[error("value {1} of {0} is not a time: {2}")]
    NotATime(String, usize, f64),
    /// Times and moments, or times and counts, of the series differ in number.
    #[error("{0} has not as many moments or counts as times")]
    Uneven(String),
    /// Series, position from 1, and a number to draw against that no axis reaches.
    #[error("number {1} of {0} is too large or too small to draw against: {2}")]
    TooFar(String, usize, f64),
    /// Window of a moving average, and a series with its number of values, which are fewer.
    #[error("a window of {} is too large: {} has {} values", grouped(*.0), .1, grouped(*.2))]
    WindowTooLarge(u64, String, u64),
    /// Zero cannot be drawn on a logarithmic axis.
    #[error("a logarithmic axis needs a value above zero, and there is none")]
    NothingAboveZero,
    /// Number of panels, which would be too low to be read in a picture of this size.
    #[error("{0} panels have no room in {1}: give fewer files or a larger size")]
    NoRoom(usize, crate::Size),
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
