//! What can go wrong with a picture.

use std::path::PathBuf;

use units::grouped;

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The file name has an ending that is no picture.
    #[error("cannot tell the kind of picture from {}: use .png or .svg", path.display())]
    UnknownEnding {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to draw, or more than there are colours.
    #[error(
        "{found} series given: between 1 and {} can be told apart",
        crate::MAX_SERIES
    )]
    SeriesCount {
        /// How many.
        found: usize,
    },
    /// A series without values.
    #[error("{label} has no values")]
    NoValues {
        /// The series.
        label: String,
    },
    /// A value that is no time.
    #[error("value {number} of {label} is no time: {value}")]
    NotATime {
        /// The series.
        label: String,
        /// Which value, from 1.
        number: usize,
        /// What it is.
        value: f64,
    },
    /// Times and moments, or times and counts, that are not as many.
    #[error("{label} has not as many moments or counts as times")]
    Uneven {
        /// The file or run.
        label: String,
    },
    /// A number to draw against that no axis reaches.
    #[error("number {number} of {label} is too large or too small to draw against: {value}")]
    TooFar {
        /// The curve.
        label: String,
        /// Which number, from 1.
        number: usize,
        /// What it is.
        value: f64,
    },
    /// The moving average needs more values than there are.
    #[error("a window of {} is too large: {label} has {} values", grouped(*window), grouped(*count))]
    WindowTooLarge {
        /// The window that was asked for.
        window: u64,
        /// The series.
        label: String,
        /// Its values.
        count: u64,
    },
    /// Zero cannot be drawn on a logarithmic axis.
    #[error("a logarithmic axis needs a value above zero, and there is none")]
    NothingAboveZero,
    /// The panels of a picture would be too low to be read.
    #[error("{panels} panels have no room in {size}: give fewer files or a larger size")]
    NoRoom {
        /// How many.
        panels: usize,
        /// Of the picture.
        size: crate::Size,
    },
    /// The picture cannot be painted.
    #[error("cannot paint the picture")]
    Paint {
        /// What the painter says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file cannot be read, or the picture cannot be written.
    #[error(transparent)]
    Results(#[from] results::ResultsError),
}

impl DrawError {
    pub(crate) fn paint(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Paint {
            source: Box::new(source),
        }
    }
}
