//! Statistics over rounds: intervals, comparisons, steady state.
//!
//! In each round, every server is measured once under the same load, in random order, so the data are paired by round.
//! All functions are pure, and the same seed gives the same result.
//!
//! | module | contents |
//! |---|---|
//! | [`order_statistics`] | median, pseudo-median, MAD, quantiles of a few values |
//! | [`normal`] | the normal distribution and Student's |
//! | [`paired`] | two series from the same rounds |
//! | [`bootstrap`] | interval of the ratio of two series |
//! | [`block_bootstrap`] | interval of the ratio of quantiles of two times of one run |
//! | [`capacity_ratio`] | ratio of two capacities over a few rounds |
//! | [`capacity_search`] | search for the highest rate at which conditions hold |
//! | [`signed_rank`] | interval from ranks alone, and minimum number of rounds |
//! | [`ratio`] | a ratio and its interval |
//! | [`ratio_verdict`] | verdict on a figure, and additional rounds needed for one |
//! | [`interval_levels`] | levels for several servers, and for a check after each round |
//! | [`westfall_young`] | levels for several figures of the same rounds |
//! | [`outliers`] | detection of outlying rounds |
//! | [`growth_slope`] | slope of a quantity that grows in steps |
//! | [`steady_state`] | start of the steady state of a series |
//! | [`trend`] | drift of a figure over a long run |
//! | [`latin_square`] | order of the servers in each round |
//!
//! The interval in use is described in [`bootstrap`]. The simulation study behind its choice is `examples/coverage.rs`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )
)]

pub mod block_bootstrap;
pub mod bootstrap;
pub mod capacity_ratio;
pub mod capacity_search;
pub mod growth_slope;
pub mod interval_levels;
pub mod latin_square;
mod mann_kendall;
pub mod normal;
pub mod order_statistics;
pub mod outliers;
pub mod paired;
pub mod ratio;
pub mod ratio_verdict;
pub mod signed_rank;
pub mod steady_state;
pub mod trend;
pub mod variance_components;
pub mod westfall_young;

/// Input without a statistical result.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    #[error("{measured} rounds of one server cannot be paired with {reference} of the other")]
    Unpaired { measured: usize, reference: usize },
    #[error("{rounds} rounds say nothing: it takes {needed}")]
    TooFewRounds { rounds: usize, needed: usize },
    #[error("{value} in round {} has no ratio: it is not a number above zero", round + 1)]
    NoRatio {
        /// Index of the round, from 0.
        round: usize,
        value: f64,
    },
    #[error("{intervals} intervals do not show where a steady state begins: it takes {needed}")]
    TooFewIntervals { intervals: usize, needed: usize },
    #[error("interval {} has no value that is a number", interval + 1)]
    NoNumber {
        /// Index of the interval, from 0.
        interval: usize,
    },
}
