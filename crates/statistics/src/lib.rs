//! What rounds say about servers: intervals, comparisons, steady state.
//!
//! In each round every server is measured once under the same load, in an order that is drawn
//! anew; so the data are paired by round. All is pure, and by its seed always the same.
//!
//! | module | what lives there |
//! |---|---|
//! | [`order_statistics`] | median, pseudo-median, MAD, quantiles of a few values |
//! | [`normal`] | the normal law and Student's |
//! | [`paired`] | two series of the same rounds |
//! | [`bootstrap`] | the interval of their ratio |
//! | [`signed_rank`] | what the ranks alone can tell: the guard, and how many rounds it takes |
//! | [`ratio`] | a ratio with its interval |
//! | [`ratio_verdict`] | the verdict on a figure, and how many more rounds would tell |
//! | [`interval_levels`] | several servers, and looking after each round |
//! | [`westfall_young`] | several figures of the same rounds |
//! | [`outliers`] | rounds that stand out |
//! | [`steady_state`] | where the steady state of a series begins, and whether there is one |
//! | [`latin_square`] | the order of the servers in each round |
//!
//! The interval that is used, and the study that it was chosen by, are in [`bootstrap`] and
//! `examples/coverage.rs`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod bootstrap;
pub mod interval_levels;
pub mod latin_square;
pub mod normal;
pub mod order_statistics;
pub mod outliers;
pub mod paired;
pub mod ratio;
pub mod ratio_verdict;
pub mod signed_rank;
pub mod steady_state;
pub mod westfall_young;

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
