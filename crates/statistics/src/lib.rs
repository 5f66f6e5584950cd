//! What rounds say about servers: intervals, comparisons, steady state.
//!
//! In each round every server is measured once under the same load, in an order that is drawn
//! anew; so the data are paired by round. All is pure, and by its seed always the same.
//!
//! | module | what lives there |
//! |---|---|
//! | [`order_statistics`] | median, MAD, quantiles of a few values |
//! | [`normal`] | the normal law and Student's |
//! | [`paired`] | two series of the same rounds, and the statistics of their ratio |
//! | [`bootstrap`] | intervals of that ratio: percentile, BCa, expanded, guarded |
//! | [`signed_rank`] | what the ranks alone can tell: the guard, and how many rounds it takes |
//! | [`ratio`] | a ratio with its interval |
//! | [`ratio_verdict`] | the verdict on a figure, and how many more rounds would tell |
//! | [`interval_levels`] | several servers, and looking after each round |
//! | [`westfall_young`] | several figures of the same rounds |
//! | [`outliers`] | rounds that stand out |
//! | [`steady_state`] | where the steady state of a series begins, and whether there is one |
//! | [`latin_square`] | the order of the servers in each round |
//!
//! # Which interval
//!
//! How often an interval of 95 % held the truth, of 1,000 simulated comparisons, and in brackets how
//! often a difference of 5 % was told; log-normal noise of 2 %, one round in twenty with one of the
//! two servers slowed by 30 % (`cargo run --release -p statistics --example coverage`; without such
//! rounds all keep their word a little better, and from 6 rounds on 95 of 100 are told):
//!
//! | statistic and method | 5 rounds | 6 | 10 | 20 | 30 |
//! |---|---|---|---|---|---|
//! | ratio of medians, percentile | 94.0 | 94.5 (83) | 95.5 (97) | 96.9 (100) | 97.1 (100) |
//! | ratio of medians, BCa | 86.4 | 88.4 (86) | 91.8 (97) | 94.6 (100) | 94.9 (100) |
//! | ratio of medians, expanded | 94.0 | 96.7 (81) | 98.1 (96) | 98.1 (100) | 97.9 (100) |
//! | median of ratios, percentile | 94.0 | 93.4 (84) | 93.1 (97) | 93.1 (100) | 93.7 (100) |
//! | median of ratios, expanded | 94.0 | 96.5 (82) | 95.8 (96) | 94.7 (100) | 95.1 (100) |
//! | geometric mean, BCa | 81.7 | 82.3 (85) | 81.8 (77) | 79.0 (65) | 77.9 (71) |
//! | geometric mean, expanded | 91.7 | 92.3 (84) | 93.1 (77) | 91.8 (63) | 90.3 (82) |
//! | pseudo-median, percentile | 86.8 | 87.1 (84) | 90.5 (96) | 92.2 (99) | 93.4 (100) |
//! | pseudo-median, expanded | 93.6 | 93.6 (84) | 95.5 (82) | 94.2 (98) | 94.9 (100) |
//! | **pseudo-median, guarded** | 93.6 | 96.8 (81) | 95.7 (77) | 94.6 (98) | 95.3 (100) |
//!
//! The counts have a standard error of 0.7. BCa, the better method for many rounds, is the worse one
//! for few: its acceleration is a guess from as many numbers as there are rounds. The default is
//! [`Guarded`](bootstrap::Method::Guarded) on the [`PseudoMedian`](paired::Statistic::PseudoMedian).
//! Its intervals are from a fifth to a third narrower than those of the ratio of medians where the
//! servers share a round's noise (ten rounds or more, none wild), wild rounds do not make it blind as
//! they do the geometric mean, and that a server beside itself is told apart at most once in twenty
//! need not be simulated but follows
//! ([`signed_rank`]). What that costs is told at ten rounds with a wild one. Five rounds cannot keep 95 % by
//! any of these: no verdict is given below [`rounds_needed`](signed_rank::rounds_needed).

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
