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
//! | [`variance_components`] | variance between rounds, and of slices within them |
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
pub mod variance_components;
pub mod westfall_young;

/// Figures of which nothing can be said.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    #[error("{measured} rounds of one server cannot be paired with {reference} of the other")]
    Unpaired { measured: usize, reference: usize },
    #[error("{rounds} rounds say nothing: it takes {needed}")]
    TooFewRounds { rounds: usize, needed: usize },
    #[error("{value} in round {} has no ratio: it is not a number above zero", round + 1)]
    NoRatio {
        /// From 0.
        round: usize,
        value: f64,
    },
    #[error("{intervals} intervals do not show where a steady state begins: it takes {needed}")]
    TooFewIntervals { intervals: usize, needed: usize },
    #[error("interval {} has no value that is a number", interval + 1)]
    NoNumber {
        /// From 0.
        interval: usize,
    },
}
