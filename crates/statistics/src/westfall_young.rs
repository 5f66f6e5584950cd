//! One statement about several figures of the same rounds.
//!
//! Throughput, median and CPU of a server are hardly three figures: when a round is a bad one, it is bad
//! in all of them. So many intervals of 95 % tell servers apart that are the same more often than once in
//! twenty, but Bonferroni's correction ([`bonferroni_level`]) asks for more than it takes.
//! How much it takes follows from the rounds themselves (Westfall & Young, "Resampling-Based Multiple
//! Testing", 1993, single-step min-p; Romano & Wolf, "Exact and Approximate Stepdown Methods for Multiple
//! Hypothesis Testing", 2005): when two servers are the same and chance alone says which of them a
//! round calls the first, the round is as likely with all its logarithms of ratios turned round. Each
//! choice of rounds that are turned gives the p-value of every figure ([`signed_rank`](super::signed_rank)), and the smallest
//! of them undercuts the level that is looked for in no more than the allowed share of choices.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::interval_levels::bonferroni_level;
use super::signed_rank::{RankSum, rounds_needed};

/// Up to so many rounds every choice is looked at; beyond, [`DRAWN`] of them are drawn, and the one that was
/// measured is counted as well (Phipson & Smyth, "Permutation P-values Should Never Be Zero", 2010).
const ALL_UP_TO: usize = 14;
const DRAWN: usize = 9_999;

/// How a level is put between a p-value that is too large for it and the next smaller one: by more than what is
/// allowed for rounding where a level becomes an interval ([`rank_bounds`](super::signed_rank::rank_bounds)).
const BELOW_A_STEP: f64 = 1.0 - 1e-6;

/// The level of each figure's interval, so that in a share `level` of comparisons no figure is told in which the
/// servers are the same. Each series is a figure: by round, in the same order, the logarithm of the server's value
/// over the reference's, `None` where a round has no such value. Never below `level`; of one figure, of equal
/// figures and of none it is `level`. Of fewer rounds than a verdict at the level takes, nothing is known of how
/// the figures depend on each other, and it is at least [`bonferroni_level`].
///
/// Exact for servers that are the same in everything, and as good as exact where they differ in some figures. It
/// is a promise of verdicts, not of intervals: where servers differ in all figures there is nothing to be told
/// wrongly, the figures look more alike than their errors are, and some interval misses the truth more often.
///
/// # Panics
/// Never: a series that is shorter than others counts as having no further values.
#[must_use]
pub fn level_of_each(level: f64, series: &[Vec<Option<f64>>], seed: u64) -> f64 {
    let figures: Vec<_> = series
        .iter()
        .filter_map(|values| RankedRounds::of(values))
        .collect();
    let rounds = series.iter().map(Vec::len).max().unwrap_or(0);
    if figures.len() < 2 {
        return level;
    }
    let mut smallest = smallest_of_each_choice(&figures, rounds, seed);
    smallest.sort_unstable_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    let allowed = ((1.0 - level) * smallest.len() as f64 + 1e-9).floor() as usize;
    // So many may undercut it; the next must not.
    let next = smallest.get(allowed).copied().unwrap_or(1.0);
    let found = (1.0 - next * BELOW_A_STEP).max(level);
    if rounds < rounds_needed(found) {
        // No figure can be told by its ranks, nor can they show how the figures depend on each other.
        found.max(bonferroni_level(level, figures.len()))
    } else {
        found
    }
}

/// The smallest p-value over the figures, for each choice of rounds that are turned.
fn smallest_of_each_choice(figures: &[RankedRounds], rounds: usize, seed: u64) -> Vec<f64> {
    let smallest = |turned: &[bool]| {
        let bonferroni_level = figures.iter().map(|figure| figure.p_value(turned));
        bonferroni_level.fold(1.0, f64::min)
    };
    let mut turned = vec![false; rounds];
    if rounds <= ALL_UP_TO {
        // Turning the others instead changes nothing: so the first round stays as it is.
        (0..1_u32 << rounds.saturating_sub(1))
            .map(|choice| {
                for (bit, turned) in turned.iter_mut().skip(1).enumerate() {
                    *turned = choice >> bit & 1 == 1;
                }
                smallest(&turned)
            })
            .collect()
    } else {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let as_measured = smallest(&turned);
        std::iter::once(as_measured)
            .chain((0..DRAWN).map(|_| {
                turned.fill_with(|| random.random());
                smallest(&turned)
            }))
            .collect()
    }
}

/// A figure's rounds by the size of their logarithms.
struct RankedRounds {
    /// Round, and whether its logarithm is above zero, from the smallest in size. Of zeros there is
    /// nothing to turn: they have a rank and speak for neither.
    ranked: Vec<(usize, Option<bool>)>,
    law: RankSum,
}

impl RankedRounds {
    /// `None` when no round has a value.
    fn of(values: &[Option<f64>]) -> Option<Self> {
        let mut there: Vec<(usize, f64)> = values
            .iter()
            .enumerate()
            .filter_map(|(round, value)| Some((round, (*value)?)))
            .collect();
        there.sort_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
        let sign = |value: f64| (value != 0.0).then_some(value > 0.0);
        (!there.is_empty()).then(|| Self {
            law: RankSum::of(there.len()),
            ranked: there
                .into_iter()
                .map(|(round, value)| (round, sign(value)))
                .collect(),
        })
    }

    /// Of the two-sided signed-rank test.
    fn p_value(&self, turned: &[bool]) -> f64 {
        let (mut above, mut below) = (0, 0);
        for (rank, (round, is_above)) in (1..).zip(&self.ranked) {
            match is_above {
                None => {}
                Some(is_above) if *is_above != turned[*round] => above += rank,
                Some(_) => below += rank,
            }
        }
        let all = self.ranked.len() * (self.ranked.len() + 1) / 2;
        // What speaks for neither speaks against both.
        (2.0 * self.law.at_most(all - above.max(below))).min(1.0)
    }
}

#[cfg(test)]
#[path = "westfall_young_tests.rs"]
mod tests;
