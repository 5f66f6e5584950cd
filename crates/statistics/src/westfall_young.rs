//! Joint level of several figures of the same rounds.
//!
//! Throughput, median and CPU time of a server are not independent: a bad round is bad in all of them. With several 95
//! % intervals, equal servers are called different more often than once in twenty comparisons. Bonferroni's correction
//! ([`bonferroni_level`]) prevents this, but is stricter than necessary.
//!
//! The necessary level follows from the rounds themselves (Westfall & Young, "Resampling-Based Multiple Testing", 1993,
//! single-step min-p; Romano & Wolf, "Exact and Approximate Stepdown Methods for Multiple Hypothesis Testing", 2005).
//! When two servers are the same and their order within a round is random, a round is as likely with the signs of all
//! its logarithms of ratios flipped. Each choice of flipped rounds gives a p-value for every figure
//! ([`signed_rank`](super::signed_rank)). The level is chosen such that the smallest p-value is below it in no more
//! than the allowed share of choices.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::interval_levels::bonferroni_level;
use super::signed_rank::{RankSum, rounds_needed};

/// Maximum number of rounds for which all choices are computed. For more rounds, [`DRAWN`] choices are drawn, plus the
/// measured one (Phipson & Smyth, "Permutation P-values Should Never Be Zero", 2010).
const ALL_UP_TO: usize = 14;
const DRAWN: usize = 9_999;

/// Factor that puts a level between a p-value that must stay outside and the next smaller one. It exceeds the tolerance
/// for rounding when a level is turned into an interval ([`rank_bounds`](super::signed_rank::rank_bounds)).
const BELOW_A_STEP: f64 = 1.0 - 1e-6;

/// The level for the interval of each figure, such that in a share `level` of comparisons no equal figure is reported
/// as different. Each series is one figure. It contains, in the same order of rounds, the logarithm of the server's
/// value divided by the reference's; `None` for a round without a value.
///
/// Never below `level`. Equal to `level` for one figure, for equal figures and for none. With fewer rounds than a
/// verdict needs, the dependence of the figures is unknown, and the level is at least [`bonferroni_level`].
///
/// The level is exact for servers that are equal in all figures, and nearly exact when some figures differ. It applies
/// to verdicts, not to intervals: when servers differ in all figures, no verdict can be wrong, but the figures look
/// more alike than their errors are, and some interval misses the true value more often.
///
/// # Panics
/// Never: a series shorter than the others counts as having no values in the remaining rounds.
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
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let allowed = ((1.0 - level) * smallest.len() as f64 + 1e-9).floor() as usize;
    // This number of choices may have a smaller p-value, the next one must not.
    let next = smallest.get(allowed).copied().unwrap_or(1.0);
    let found = (1.0 - next * BELOW_A_STEP).max(level);
    if rounds < rounds_needed(found) {
        // The rounds are too few for a verdict by ranks, and too few to show the dependence of the figures.
        found.max(bonferroni_level(level, figures.len()))
    } else {
        found
    }
}

/// The smallest p-value over all figures, for each choice of flipped rounds.
fn smallest_of_each_choice(figures: &[RankedRounds], rounds: usize, seed: u64) -> Vec<f64> {
    let smallest = |turned: &[bool]| {
        let p_values = figures.iter().map(|figure| figure.p_value(turned));
        p_values.fold(1.0, f64::min)
    };
    let mut turned = vec![false; rounds];
    if rounds <= ALL_UP_TO {
        // Flipping the complement gives the same p-values, so the first round is never flipped.
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

/// A figure's rounds, ordered by the absolute value of their logarithms.
struct RankedRounds {
    /// Round, and true when its logarithm is positive, in ascending order of absolute value. `None` for zeros, which
    /// have a rank but count for neither side.
    ranked: Vec<(usize, Option<bool>)>,
    law: RankSum,
}

impl RankedRounds {
    /// Ranks the rounds; `None` when no round has a value.
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

    /// The p-value of the two-sided signed-rank test, with these rounds flipped.
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
        // The ranks of zeros count against both sides.
        (2.0 * self.law.at_most(all - above.max(below))).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval_levels::bonferroni_level;
    use crate::signed_rank::rank_bounds;

    /// Reproducible noise of a round.
    fn noise(round: usize, figure: usize) -> f64 {
        let seed = (round as u64) << 8 | figure as u64;
        Xoshiro256PlusPlus::seed_from_u64(seed).random::<f64>() - 0.5
    }

    fn series(rounds: usize, figures: usize, shared: f64, seed: usize) -> Vec<Vec<Option<f64>>> {
        let value = |round, figure| {
            let round = round + 1_000 * seed;
            shared * noise(round, 99) + (1.0 - shared) * noise(round, figure)
        };
        (0..figures)
            .map(|figure| {
                (0..rounds)
                    .map(|round| Some(value(round, figure)))
                    .collect()
            })
            .collect()
    }

    fn is_told(values: &[Option<f64>], level: f64) -> bool {
        let values: Vec<f64> = values.iter().flatten().copied().collect();
        rank_bounds(&values, level).is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }

    #[test]
    fn one_figure_has_the_whole_level() {
        assert_eq!(level_of_each(0.95, &[], 1), 0.95);
        assert_eq!(level_of_each(0.95, &series(10, 1, 0.0, 0), 1), 0.95);
        let with_an_empty_one = [series(10, 1, 0.0, 0), vec![vec![None; 10]]].concat();
        assert_eq!(level_of_each(0.95, &with_an_empty_one, 1), 0.95);
    }

    #[test]
    fn figures_that_say_the_same_are_one() {
        for rounds in [10, 30] {
            let one = series(rounds, 1, 0.0, 3);
            let three = [one.clone(), one.clone(), one].concat();
            // The remaining difference comes from the discrete steps of p-values.
            let level = level_of_each(0.95, &three, 1);
            assert!((0.95..0.96).contains(&level), "{rounds}: {level}");
        }
    }

    #[test]
    fn figures_of_their_own_cost_nearly_what_bonferroni_asks() {
        for rounds in [12, 30] {
            let apart = level_of_each(0.95, &series(rounds, 5, 0.0, 1), 1);
            assert!(
                apart > 0.98 && apart <= bonferroni_level(0.95, 5) + 0.002,
                "{apart}"
            );
            let alike = level_of_each(0.95, &series(rounds, 5, 0.9, 1), 1);
            assert!(alike < apart - 0.005, "{alike} {apart}");
        }
    }

    #[test]
    fn servers_that_are_the_same_are_told_apart_once_in_twenty() {
        // In 5 % of these comparisons of nine figures, some figure differs by chance.
        let times = 600;
        let of_each_figure = |seed: usize, level: f64| {
            let all = series(10, 9, 0.3, seed);
            all.iter().any(|values| is_told(values, level))
        };
        let joint = (0..times)
            .filter(|&seed| of_each_figure(seed, level_of_each(0.95, &series(10, 9, 0.3, seed), 1)))
            .count();
        let naive = (0..times)
            .filter(|&seed| of_each_figure(seed, 0.95))
            .count();
        // Three standard errors above 5 %.
        assert!(joint <= 46, "{joint} of {times}");
        assert!(
            joint >= 6,
            "{joint} of {times}: more is asked for than it takes"
        );
        assert!(naive > 100, "{naive} of {times}");
    }

    #[test]
    fn six_rounds_tell_what_all_figures_say_and_nothing_else() {
        let mut all_won = series(6, 9, 0.0, 2);
        for value in all_won.iter_mut().flatten().flatten() {
            *value = value.abs();
        }
        // By chance, all figures agree in all rounds once in 32 comparisons.
        assert!(is_told(&all_won[0], level_of_each(0.95, &all_won, 1)));
        // Now one figure has mixed results. The agreement of the others could be chance as well.
        all_won[8][1] = all_won[8][1].map(|value| -value);
        all_won[8][4] = all_won[8][4].map(|value| -value);
        let level = level_of_each(0.95, &all_won, 1);
        assert!(!is_told(&all_won[0], level), "{level}");
    }

    #[test]
    fn rounds_without_a_value_and_ties_with_zero_are_borne() {
        let mut some = series(10, 3, 0.0, 4);
        some[0][3] = None;
        some[1] = vec![Some(0.0); 10];
        some[2].truncate(7);
        let level = level_of_each(0.95, &some, 1);
        assert!((0.95..1.0).contains(&level));
        // A figure that is always zero gives no evidence.
        let nothing = RankedRounds::of(&some[1]).unwrap();
        assert_eq!(nothing.p_value(&[false; 10]), 1.0);
    }

    #[test]
    fn drawn_choices_agree_with_all_of_them() {
        let rounds = ALL_UP_TO;
        let mut longer = series(rounds, 4, 0.5, 5);
        let all = level_of_each(0.95, &longer, 1);
        // A round without values changes nothing, but makes the number of choices too large to compute all.
        longer.iter_mut().for_each(|values| values.push(None));
        let drawn = level_of_each(0.95, &longer, 1);
        assert!((all - drawn).abs() < 0.004, "{all} {drawn}");
        assert_eq!(drawn, level_of_each(0.95, &longer, 1));
    }

    /// Flipping rounds does not change the level. Each choice is therefore an equally good comparison of equal servers,
    /// and all of them can be counted.
    #[test]
    fn the_level_is_kept_in_every_step_of_the_p_values() {
        for (rounds, figures, level) in [
            (11, 2, 0.9975),
            (11, 9, 0.9975),
            (12, 9, 0.995),
            (12, 9, 0.9975),
            (12, 9, 0.99875),
        ] {
            let all = series(rounds, figures, 0.3, 6);
            let bonferroni_level = level_of_each(level, &all, 1);
            let turned = |choice: usize, values: &[Option<f64>]| -> Vec<Option<f64>> {
                let turn = |(round, value): (usize, &Option<f64>)| {
                    value.map(|v| if choice >> round & 1 == 1 { -v } else { v })
                };
                values.iter().enumerate().map(turn).collect()
            };
            let choices = 1_usize << rounds;
            let told = (0..choices)
                .filter(|&choice| {
                    all.iter()
                        .any(|values| is_told(&turned(choice, values), bonferroni_level))
                })
                .count();
            let share = told as f64 / choices as f64;
            assert!(
                share <= 1.0 - level + 1e-9,
                "{rounds} {figures} {level}: {share}"
            );
        }
    }

    #[test]
    fn too_few_rounds_for_a_verdict_have_the_level_that_always_holds() {
        for rounds in [2, 5, 6] {
            let level = level_of_each(0.95, &series(rounds, 9, 0.0, 1), 1);
            assert!(level >= bonferroni_level(0.95, 9), "{rounds}: {level}");
        }
    }
}
