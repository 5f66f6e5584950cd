//! doc
pub mod bootstrap;
pub mod comparison;
pub mod law;
pub mod levels;
pub mod order;
pub mod outliers;
pub mod pairs;
pub mod ranks;
pub mod ratio;
pub mod steady;
pub mod turns;

/// Figures of which nothing can be said.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// As many values of the one as of the other make pairs.
    #[error("{measured} rounds of one server cannot be paired with {reference} of the other")]
    Unpaired {
        /// Values of the measured server.
        measured: usize,
        /// Values of the reference.
        reference: usize,
    },
    /// Too little was measured.
    #[error("{rounds} rounds say nothing: it takes {needed}")]
    TooFewRounds {
        /// How many there are.
        rounds: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Only numbers above zero have a ratio.
    #[error("{value} in round {} has no ratio: it is no number above zero", round + 1)]
    NoRatio {
        /// The round, from 0.
        round: usize,
        /// What was measured in it.
        value: f64,
    },
    /// Too short a series.
    #[error("{intervals} intervals do not show where a steady state begins: it takes {needed}")]
    TooFewIntervals {
        /// How many there are.
        intervals: usize,
        /// How many it takes.
        needed: usize,
    },
    /// A series with a hole in it.
    #[error("interval {} has no value that is a number", interval + 1)]
    NoNumber {
        /// The interval, from 0.
        interval: usize,
    },
}
