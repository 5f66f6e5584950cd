//! Errors of pictures.

use std::path::PathBuf;

use units::{counted, grouped};

/// Reasons why nothing was drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The file name does not have the ending of a picture.
    #[error("cannot tell the kind of picture from the name {}: use .png or .svg", .0.display())]
    UnknownEnding(PathBuf),
    /// There is nothing to draw, or more than there are colours.
    #[error("{0} series given: a picture has 1 to {max}", max = crate::MAX_SERIES)]
    SeriesCount(usize),
    /// The series of this name has no values.
    #[error("{0} has no values to draw")]
    NoValues(String),
    /// The run of this name has deliveries, but none arrived.
    #[error("nothing was delivered in {0}, so there is nothing to draw")]
    NothingDelivered(String),
    /// The run of this name reports lost connections, but none was lost.
    #[error("no connection was lost in {0}, so there is nothing to draw")]
    NothingLost(String),
    /// No message of the search or sweep of this name was answered.
    #[error("no step of {0} has a response time, so there is nothing to draw")]
    NothingAnswered(String),
    /// Series, number from 1, and a value that is not a time.
    #[error("value {} of {} is not a time: {}", grouped(*.1 as u64), .0, .2)]
    NotATime(String, usize, f64),
    /// Times and moments, or times and counts, of the series differ in number.
    #[error("the times of {0} do not have one moment or one count each")]
    Uneven(String),
    /// Series, position from 1, and a number that no horizontal axis reaches.
    #[error("number {} of {} is too large or too small for the horizontal axis: {}", grouped(*.1 as u64), .0, .2)]
    TooFar(String, usize, f64),
    /// Window of a moving average, and a series with its number of values, which are fewer.
    #[error("a moving average of {} messages is not possible: {} has {}", grouped(*.0), .1, counted(*.2, "message"))]
    WindowTooLarge(u64, String, u64),
    /// Zero cannot be drawn on a logarithmic axis.
    #[error("a logarithmic axis needs a time above zero, and all times are zero")]
    NothingAboveZero,
    /// Number of panels or rows, and a size in which they would be too low to be read.
    #[error("no room for {} in {} pixels: give fewer files or a larger size", counted(*.0 as u64, "panel"), .1)]
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
