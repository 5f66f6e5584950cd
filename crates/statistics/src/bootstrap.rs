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
    #[must_use]
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
    #[must_use]
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

    #[allow(clippy::cast_precision_loss)]
    fn expanded(&self, pairs: &Pairs, sorted: &[f64]) -> (f64, f64) {
        let n = pairs.rounds() as f64;
        let t = student_quantile(self.outside(), n - 1.0);
        let below = normal_cdf((n / (n - 1.0)).sqrt() * t);
        between(sorted, below, 1.0 - below)
    }

    /// The shares at which BCa cuts.
    #[allow(clippy::cast_precision_loss)]
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
#[path = "bootstrap_tests.rs"]
mod tests;
