//! Bootstrap interval for the ratio of two paired series.
//!
//! Rounds are drawn with replacement. The values of a round stay together, so that effects of a round on both servers
//! cancel (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, 8.3). All computation uses logarithms: the
//! interval of B over A is exactly the inverse of that of A over B.
//!
//! The interval is expanded to correct for few rounds (Hesterberg, "What Teachers Should Know About the Bootstrap",
//! 2015, 5.3): its tail probability is Φ(−√(n/(n−1)) · t) instead of α/2, where t is the quantile of Student's
//! distribution with n − 1 degrees of freedom.
//!
//! The interval is never narrower than the rank interval of the rounds ([`rank_bounds`]). When the two servers are the
//! same and their order within a round is random, 1 therefore lies outside at most as often as the level allows,
//! whatever the distribution of the noise. With fewer rounds than the ranks need
//! ([`rounds_needed`](super::signed_rank::rounds_needed)), this guard does not apply, and a
//! [`RatioComparison`](super::ratio_verdict::RatioComparison) gives no verdict.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::normal::{normal_cdf, student_quantile};
use super::order_statistics::{pseudo_median, quantile_of_sorted};
use super::paired::Pairs;
use super::ratio::Ratio;
use super::signed_rank::rank_bounds;

/// Settings of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Share of such intervals that contain the true value, between 0 and 1. Default 0.95.
    pub level: f64,
    /// Number of resamples. Default 9,999, so that level × (resamples + 1) is an integer.
    pub resamples: usize,
    /// Seed of the resampling.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            level: 0.95,
            resamples: 9_999,
            seed: 1,
        }
    }
}

impl Bootstrap {
    /// The [pseudo-median](pseudo_median) of the rounds' ratios and its interval.
    pub fn ratio(&self, pairs: &Pairs) -> Ratio {
        let log_ratios = pairs.log_ratios();
        let estimate = pseudo_median(log_ratios, &mut Vec::new());
        let (low, high) = self.expanded(&self.resampled(pairs), pairs.rounds());
        let ranked = rank_bounds(log_ratios, self.level).unwrap_or((low, high));
        Ratio {
            estimate: estimate.exp(),
            low: low.min(ranked.0).min(estimate).exp(),
            high: high.max(ranked.1).max(estimate).exp(),
            level: self.level,
            rounds: pairs.rounds(),
        }
    }

    /// The logarithm of the ratio in every resample, ascending. [`ratio`](Self::ratio) computes its interval from
    /// these.
    pub fn resampled(&self, pairs: &Pairs) -> Vec<f64> {
        let log_ratios = pairs.log_ratios();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut drawn = vec![0.0; log_ratios.len()];
        let mut scratch = Vec::new();
        let mut all: Vec<f64> = (0..self.resamples.max(1))
            .map(|_| {
                drawn.fill_with(|| log_ratios[random.random_range(0..log_ratios.len())]);
                pseudo_median(&drawn, &mut scratch)
            })
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    /// The interval without the guard, computed from the sorted resamples of `rounds` rounds.
    pub fn expanded(&self, sorted: &[f64], rounds: usize) -> (f64, f64) {
        let n = rounds as f64;
        let t = student_quantile((1.0 - self.level) / 2.0, n - 1.0);
        let below = normal_cdf((n / (n - 1.0)).sqrt() * t);
        (
            quantile_of_sorted(sorted, below),
            quantile_of_sorted(sorted, 1.0 - below),
        )
    }
}

#[cfg(test)]
mod tests {
    //! Intervals of known pairs. `tests/scipy_check.py` compares more with SciPy.

    use super::*;
    use crate::normal::normal_quantile;
    use crate::ratio_verdict::{Direction, RatioComparison, RatioVerdict};
    use crate::signed_rank::rounds_needed;
    use proptest::prelude::*;

    fn quick(seed: u64) -> Bootstrap {
        Bootstrap {
            seed,
            resamples: 199,
            ..Bootstrap::default()
        }
    }

    #[test]
    fn the_estimate_by_hand() {
        let pairs = Pairs::new(&[2.0, 8.0, 32.0], &[1.0, 2.0, 2.0]).unwrap();
        // Exponents 1 2 4; means of two: 1, 1.5, 2, 2.5, 3, 4.
        let wanted = 2.0_f64.powf(2.25);
        assert!((quick(1).ratio(&pairs).estimate - wanted).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        let error = |a: &[f64], b: &[f64]| Pairs::new(a, b).unwrap_err().to_string();
        assert!(error(&[1.0, 2.0], &[1.0]).contains("cannot be paired"));
        assert!(error(&[1.0], &[1.0]).contains("it takes 2"));
        assert!(error(&[1.0, 0.0], &[1.0, 1.0]).contains("0 in round 2 has no ratio"));
        assert!(error(&[1.0, 1.0], &[f64::NAN, 1.0]).contains("round 1"));
    }

    #[test]
    fn rounds_that_agree_leave_no_doubt() {
        let pairs = Pairs::new(&[3.0; 8], &[2.0; 8]).unwrap();
        let ratio = quick(1).ratio(&pairs);
        for found in [ratio.low, ratio.estimate, ratio.high] {
            assert!((found - 1.5).abs() < 1e-12, "{ratio:?}");
        }
    }

    /// Rounds with 2 % noise for each server. In one round in twenty, a server is off by 30 %.
    fn rounds(count: usize, faster: f64, random: &mut Xoshiro256PlusPlus) -> Pairs {
        let mut one = |factor: f64| {
            let noise = 0.02 * normal_quantile(random.random_range(1e-9..1.0));
            let disturbed = if random.random_bool(0.05) { 0.7 } else { 1.0 };
            factor * noise.exp() * disturbed
        };
        let (a, b): (Vec<f64>, Vec<f64>) = (0..count).map(|_| (one(faster), one(1.0))).unzip();
        Pairs::new(&a, &b).unwrap()
    }

    #[test]
    fn a_against_a_cannot_be_told_and_5_percent_can() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
        let mut told = |faster: f64, count: usize| {
            (0..200)
                .map(|seed| {
                    let pairs = rounds(count, faster, &mut random);
                    let bootstrap = quick(seed);
                    RatioComparison::new(&pairs, Direction::HigherIsBetter, &bootstrap).verdict
                })
                .filter(|verdict| !matches!(verdict, RatioVerdict::CannotTell { .. }))
                .count()
        };
        for count in [6, 10] {
            // The expected number is 10 (5 %). 19 is three standard deviations above it.
            let wrong = told(1.0, count);
            assert!(wrong <= 19, "{count} rounds: {wrong} of 200");
        }
        assert_eq!(told(1.5, 5), 0, "five rounds tell nothing");
        let right = told(1.05, 10);
        assert!(right >= 120, "{right} of 200");
    }

    fn series() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        prop::collection::vec((1.0..100.0_f64, 1.0..100.0_f64), 2..15)
            .prop_map(|pairs| pairs.into_iter().unzip())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn swapping_the_servers_inverts(
            (a, b) in series(), seed: u64
        ) {
            let bootstrap = quick(seed);
            let ratio = bootstrap.ratio(&Pairs::new(&a, &b).unwrap());
            let inverse = bootstrap.ratio(&Pairs::new(&b, &a).unwrap()).inverse();
            for (one, other) in [(ratio.estimate, inverse.estimate), (ratio.low, inverse.low), (ratio.high, inverse.high)] {
                prop_assert!((one / other - 1.0).abs() < 1e-9, "{:?} {:?}", ratio, inverse);
            }
        }

        #[test]
        fn the_unit_changes_nothing((a, b) in series(), seed: u64, power in -20_i32..20) {
            let bootstrap = quick(seed);
            let scaled = |v: &[f64]| v.iter().map(|v| v * 2.0_f64.powi(power)).collect::<Vec<_>>();
            let one = bootstrap.ratio(&Pairs::new(&a, &b).unwrap());
            let both = bootstrap.ratio(&Pairs::new(&scaled(&a), &scaled(&b)).unwrap());
            let first = bootstrap.ratio(&Pairs::new(&scaled(&a), &b).unwrap());
            for (one, both, first) in [(one.low, both.low, first.low), (one.high, both.high, first.high)] {
                prop_assert!((one / both - 1.0).abs() < 1e-9);
                prop_assert!((one * 2.0_f64.powi(power) / first - 1.0).abs() < 1e-9);
            }
        }

        #[test]
        fn an_interval_holds_its_estimate_and_is_within_the_rounds((a, b) in series(), seed: u64) {
            let pairs = Pairs::new(&a, &b).unwrap();
            let ratio = quick(seed).ratio(&pairs);
            prop_assert!(ratio.low <= ratio.estimate && ratio.estimate <= ratio.high);
            let ratios = pairs.log_ratios().iter().map(|ratio| ratio.exp());
            let least = ratios.clone().fold(f64::INFINITY, f64::min);
            let most = ratios.fold(0.0, f64::max);
            prop_assert!(least <= ratio.low * (1.0 + 1e-12) && ratio.high <= most * (1.0 + 1e-12));
            let (low, high) = quick(seed).expanded(&quick(seed).resampled(&pairs), pairs.rounds());
            prop_assert!(ratio.low <= low.exp() && high.exp() <= ratio.high);
        }

        #[test]
        fn the_seed_says_it_all((a, b) in series(), seed: u64) {
            let pairs = Pairs::new(&a, &b).unwrap();
            let bootstrap = quick(seed);
            prop_assert_eq!(bootstrap.ratio(&pairs), bootstrap.ratio(&pairs));
        }

        #[test]
        fn a_higher_level_is_wider((a, b) in series(), seed: u64) {
            prop_assume!(a.len() >= rounds_needed(0.95));
            let pairs = Pairs::new(&a, &b).unwrap();
            let at = |level| Bootstrap { level, ..quick(seed) }.ratio(&pairs);
            let (narrow, wide) = (at(0.8), at(0.95));
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }
    }

    #[test]
    fn another_seed_draws_other_rounds() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
        let pairs = rounds(12, 1.0, &mut random);
        let resampled = |seed| quick(seed).resampled(&pairs);
        assert_ne!(resampled(1), resampled(2));
    }
}
