//! Bootstrap intervals for the ratio of two paired series.
//!
//! Rounds are drawn with replacement and a round's values stay together, so that what a round did to
//! both servers cancels (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, 8.3). All is
//! worked out on logarithms: the interval of B over A is exactly the inverse of that of A over B.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::normal::{normal_cdf, normal_quantile, student_quantile};
use super::order_statistics::quantile_of_sorted;
use super::paired::{Pairs, Statistic};
use super::ratio::Ratio;
use super::signed_rank::rank_bounds;

/// How an interval is cut from the resampled statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Method {
    /// Their quantiles (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile).
    Percentile,
    /// Bias-corrected and accelerated (Efron, "Better Bootstrap Confidence Intervals", 1987; DiCiccio
    /// & Efron, "Bootstrap Confidence Intervals", 1996): acceleration from the jackknife, and
    /// resamples equal to the estimate count half below it, as in SciPy.
    Bca,
    /// Percentiles at a level that makes up for what few rounds lack (Hesterberg, "What Teachers
    /// Should Know About the Bootstrap", 2015, 5.3): Φ(−√(n/(n−1)) · t) in place of α/2, where t is
    /// the quantile of Student's law with n − 1 degrees.
    Expanded,
    /// [`Expanded`](Self::Expanded), and never narrower than the ranks of the rounds allow
    /// ([`rank_bounds`]): when the two servers are the same and their order within a round is random,
    /// 1 lies outside at most as often as the level says, whatever the noise is like. With too few
    /// rounds for the ranks to say anything ([`rounds_needed`](super::signed_rank::rounds_needed)) it is `Expanded`
    /// alone, and a [`RatioComparison`](super::ratio_verdict::RatioComparison) gives no verdict.
    #[default]
    Guarded,
}

/// The settings of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// What the interval is of.
    pub statistic: Statistic,
    /// How it is cut.
    pub method: Method,
    /// Share of such intervals that hold the truth, between 0 and 1: 0.95.
    pub level: f64,
    /// How often rounds are drawn: 9,999, so that level × (resamples + 1) is whole.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            statistic: Statistic::default(),
            method: Method::default(),
            level: 0.95,
            resamples: 9_999,
            seed: 1,
        }
    }
}

impl Bootstrap {
    /// The statistic of all rounds with its interval.
    pub fn ratio(&self, pairs: &Pairs) -> Ratio {
        let sorted = self.resampled(pairs);
        let estimate = self.statistic.log_estimate(pairs);
        let (low, high) = match self.method {
            Method::Percentile => between(&sorted, self.outside(), 1.0 - self.outside()),
            Method::Bca => {
                let (below, above) = self.corrected(pairs, &sorted, estimate);
                between(&sorted, below, above)
            }
            Method::Expanded => self.expanded(pairs, &sorted),
            Method::Guarded => {
                let (low, high) = self.expanded(pairs, &sorted);
                let ranked = rank_bounds(&pairs.log_ratios(), self.level).unwrap_or((low, high));
                (
                    low.min(ranked.0).min(estimate),
                    high.max(ranked.1).max(estimate),
                )
            }
        };
        Ratio {
            estimate: estimate.exp(),
            low: low.exp(),
            high: high.exp(),
            level: self.level,
            rounds: pairs.rounds(),
        }
    }

    /// The share beyond each end of the interval.
    fn outside(&self) -> f64 {
        (1.0 - self.level) / 2.0
    }

    /// The logarithm of the ratio in every resample, sorted: what [`ratio`](Self::ratio) cuts its
    /// interval from.
    pub fn resampled(&self, pairs: &Pairs) -> Vec<f64> {
        let rounds = pairs.rounds();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut drawn = vec![0; rounds];
        let mut scratch = Vec::new();
        let mut all: Vec<f64> = (0..self.resamples.max(1))
            .map(|_| {
                drawn.fill_with(|| random.random_range(0..rounds));
                self.statistic.of(pairs, &drawn, &mut scratch)
            })
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    fn expanded(&self, pairs: &Pairs, sorted: &[f64]) -> (f64, f64) {
        let n = pairs.rounds() as f64;
        let t = student_quantile(self.outside(), n - 1.0);
        let below = normal_cdf((n / (n - 1.0)).sqrt() * t);
        between(sorted, below, 1.0 - below)
    }

    /// The shares at which BCa cuts.
    fn corrected(&self, pairs: &Pairs, sorted: &[f64], estimate: f64) -> (f64, f64) {
        let all: Vec<usize> = (0..pairs.rounds()).collect();
        let mut scratch = Vec::new();
        let smaller = sorted.partition_point(|v| *v < estimate);
        let not_larger = sorted.partition_point(|v| *v <= estimate);
        let bias = normal_quantile((smaller + not_larger) as f64 / (2 * sorted.len()) as f64);
        let without_one: Vec<f64> = all
            .iter()
            .map(|left_out| {
                let rest: Vec<usize> = all.iter().copied().filter(|r| r != left_out).collect();
                self.statistic.of(pairs, &rest, &mut scratch)
            })
            .collect();
        let mean = without_one.iter().sum::<f64>() / without_one.len() as f64;
        let moment = |power| {
            without_one
                .iter()
                .map(|v| (mean - v).powi(power))
                .sum::<f64>()
        };
        let spread = moment(2).powf(1.5);
        // Leaving out any round changes nothing: there is nothing to accelerate.
        let acceleration = if spread > 0.0 {
            moment(3) / (6.0 * spread)
        } else {
            0.0
        };
        let share = |z: f64| {
            let shifted = bias + z;
            normal_cdf(bias + shifted / (1.0 - acceleration * shifted))
        };
        let z = normal_quantile(self.outside());
        (share(z), share(-z))
    }
}

/// The quantiles of sorted values.
fn between(sorted: &[f64], below: f64, above: f64) -> (f64, f64) {
    (
        quantile_of_sorted(sorted, below),
        quantile_of_sorted(sorted, above),
    )
}

#[cfg(test)]
mod tests {
    //! Intervals of known pairs; against SciPy see `tests/beside_scipy.py`.

    use super::*;
    use crate::ratio_verdict::{Direction, RatioComparison, RatioVerdict};
    use crate::signed_rank::rounds_needed;
    use proptest::prelude::*;

    const METHODS: [Method; 4] = [
        Method::Percentile,
        Method::Bca,
        Method::Expanded,
        Method::Guarded,
    ];
    const STATISTICS: [Statistic; 4] = [
        Statistic::RatioOfMedians,
        Statistic::MedianOfRatios,
        Statistic::GeometricMean,
        Statistic::PseudoMedian,
    ];

    fn quick(statistic: Statistic, method: Method, seed: u64) -> Bootstrap {
        Bootstrap {
            statistic,
            method,
            seed,
            resamples: 199,
            ..Bootstrap::default()
        }
    }

    #[test]
    fn estimates_by_hand() {
        let pairs = Pairs::new(&[2.0, 8.0, 32.0], &[1.0, 2.0, 2.0]).unwrap();
        let estimate = |statistic| {
            quick(statistic, Method::Percentile, 1)
                .ratio(&pairs)
                .estimate
        };
        for (statistic, wanted) in [
            (Statistic::RatioOfMedians, 4.0),
            (Statistic::MedianOfRatios, 4.0),
            // 2 · 4 · 16 = 2⁷.
            (Statistic::GeometricMean, 2.0_f64.powf(7.0 / 3.0)),
            // Exponents 1 2 4; means of two: 1, 1.5, 2, 2.5, 3, 4.
            (Statistic::PseudoMedian, 2.0_f64.powf(2.25)),
        ] {
            assert!(
                (estimate(statistic) - wanted).abs() < 1e-12,
                "{statistic:?}"
            );
        }
    }

    #[test]
    fn two_rounds_have_three_resamples() {
        // ¼ both the first, ½ one of each, ¼ both the second: of 80 % the bounds are the two rounds.
        let pairs = Pairs::new(&[2.0, 8.0], &[1.0, 1.0]).unwrap();
        let bootstrap = Bootstrap {
            level: 0.8,
            ..quick(Statistic::GeometricMean, Method::Percentile, 3)
        };
        let ratio = bootstrap.ratio(&pairs);
        for (found, wanted) in [(ratio.estimate, 4.0), (ratio.low, 2.0), (ratio.high, 8.0)] {
            assert!((found - wanted).abs() < 1e-12);
        }
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
        for (statistic, method) in STATISTICS.into_iter().zip(METHODS) {
            let ratio = quick(statistic, method, 1).ratio(&pairs);
            for found in [ratio.low, ratio.estimate, ratio.high] {
                assert!(
                    (found - 1.5).abs() < 1e-12,
                    "{statistic:?} {method:?}: {ratio:?}"
                );
            }
        }
    }

    /// Rounds with noise of 2 % for each server, and one in twenty in which a server is 30 % off.
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
                    let bootstrap = quick(Statistic::PseudoMedian, Method::Guarded, seed);
                    RatioComparison::new(&pairs, Direction::HigherIsBetter, &bootstrap).verdict
                })
                .filter(|verdict| !matches!(verdict, RatioVerdict::CannotTell { .. }))
                .count()
        };
        for count in [6, 10] {
            // 5 % are 10; three deviations more are 19.
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
            (a, b) in series(), seed: u64, statistic in prop::sample::select(&STATISTICS[..]),
            method in prop::sample::select(&METHODS[..])
        ) {
            let bootstrap = quick(statistic, method, seed);
            let ratio = bootstrap.ratio(&Pairs::new(&a, &b).unwrap());
            let inverse = bootstrap.ratio(&Pairs::new(&b, &a).unwrap()).inverse();
            for (one, other) in [(ratio.estimate, inverse.estimate), (ratio.low, inverse.low), (ratio.high, inverse.high)] {
                prop_assert!((one / other - 1.0).abs() < 1e-9, "{:?} {:?}", ratio, inverse);
            }
        }

        #[test]
        fn the_unit_changes_nothing((a, b) in series(), seed: u64, power in -20_i32..20) {
            let bootstrap = quick(Statistic::PseudoMedian, Method::Guarded, seed);
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
            let ratio = quick(Statistic::PseudoMedian, Method::Guarded, seed).ratio(&pairs);
            prop_assert!(ratio.low <= ratio.estimate && ratio.estimate <= ratio.high);
            let ratios = pairs.ratios();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            prop_assert!(least <= ratio.low * (1.0 + 1e-12) && ratio.high <= most * (1.0 + 1e-12));
            let plain = quick(Statistic::PseudoMedian, Method::Expanded, seed).ratio(&pairs);
            prop_assert!(ratio.low <= plain.low && plain.high <= ratio.high);
        }

        #[test]
        fn the_seed_says_it_all((a, b) in series(), seed: u64) {
            let pairs = Pairs::new(&a, &b).unwrap();
            let bootstrap = quick(Statistic::RatioOfMedians, Method::Bca, seed);
            prop_assert_eq!(bootstrap.ratio(&pairs), bootstrap.ratio(&pairs));
        }

        #[test]
        fn a_higher_level_is_wider((a, b) in series(), seed: u64) {
            prop_assume!(a.len() >= rounds_needed(0.95));
            let pairs = Pairs::new(&a, &b).unwrap();
            let at = |level| Bootstrap { level, ..quick(Statistic::PseudoMedian, Method::Guarded, seed) }.ratio(&pairs);
            let (narrow, wide) = (at(0.8), at(0.95));
            prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
        }
    }

    #[test]
    fn another_seed_draws_other_rounds() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(9);
        let pairs = rounds(12, 1.0, &mut random);
        let low = |seed| {
            quick(Statistic::GeometricMean, Method::Percentile, seed)
                .ratio(&pairs)
                .low
        };
        assert_ne!(low(1), low(2));
    }
}
