//! Candidate intervals for the ratio of two paired series, for comparison with the one in use.
//!
//! Each pair of a statistic and a method uses the same resampled rounds. For the pseudo-median, the resamples and the
//! expanded interval are those of [`Bootstrap`] itself.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statistics::bootstrap::Bootstrap;
use statistics::normal::{normal_cdf, normal_quantile};
use statistics::order_statistics::{median, pseudo_median, quantile_of_sorted};
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::signed_rank::rank_bounds;

/// A statistic that summarizes two paired series in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// Ratio of the two medians. The median of an even number of rounds is the geometric mean of the two middle values.
    RatioOfMedians,
    /// The median of the rounds' ratios.
    MedianOfRatios,
    /// The geometric mean of the rounds' ratios, the only mean of ratios for which swapping the servers gives the
    /// inverse (Fleming & Wallace, "How Not to Lie with Statistics", 1986).
    GeometricMean,
    /// The pseudo-median of the rounds' ratios, see [`pseudo_median`].
    PseudoMedian,
}

impl Statistic {
    pub(crate) const ALL: [Self; 4] = [
        Self::RatioOfMedians,
        Self::MedianOfRatios,
        Self::GeometricMean,
        Self::PseudoMedian,
    ];
}

/// Method to compute an interval from the resampled statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Quantiles of the resamples (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile).
    Percentile,
    /// Bias-corrected and accelerated (Efron, "Better Bootstrap Confidence Intervals", 1987; DiCiccio & Efron,
    /// "Bootstrap Confidence Intervals", 1996). The acceleration comes from the jackknife. Half of the resamples equal
    /// to the estimate count as below it, as in SciPy.
    Bca,
    /// [`Bootstrap::expanded`].
    Expanded,
    /// [`Expanded`](Self::Expanded), but never narrower than the rank interval of the rounds.
    Guarded,
}

impl Method {
    pub(crate) const ALL: [Self; 4] = [Self::Percentile, Self::Bca, Self::Expanded, Self::Guarded];
}

/// Two series of the same rounds, as logarithms.
pub(crate) struct Rounds {
    pub(crate) measured: Vec<f64>,
    pub(crate) reference: Vec<f64>,
    pub(crate) pairs: Pairs,
}

impl Rounds {
    pub(crate) fn new(measured: &[f64], reference: &[f64]) -> Self {
        let logarithms = |values: &[f64]| values.iter().map(|v| v.ln()).collect();
        Self {
            measured: logarithms(measured),
            reference: logarithms(reference),
            pairs: Pairs::new(measured, reference).unwrap(),
        }
    }

    /// The logarithm of the statistic for the rounds at these indices, which may repeat.
    fn log_statistic(&self, statistic: Statistic, at: &[usize]) -> f64 {
        let of = |values: &[f64]| at.iter().map(|&round| values[round]).collect::<Vec<_>>();
        let ratios = of(self.pairs.log_ratios());
        let found = match statistic {
            Statistic::RatioOfMedians => median(&of(&self.measured))
                .zip(median(&of(&self.reference)))
                .map(|(above, below)| above - below),
            Statistic::MedianOfRatios => median(&ratios),
            Statistic::GeometricMean => Some(ratios.iter().sum::<f64>() / ratios.len() as f64),
            Statistic::PseudoMedian => Some(pseudo_median(&ratios, &mut Vec::new())),
        };
        found.unwrap()
    }

    fn log_estimate(&self, statistic: Statistic) -> f64 {
        let all: Vec<usize> = (0..self.pairs.rounds()).collect();
        self.log_statistic(statistic, &all)
    }

    /// The logarithm of the statistic in every resample, ascending.
    pub(crate) fn resampled(&self, statistic: Statistic, bootstrap: &Bootstrap) -> Vec<f64> {
        if statistic == Statistic::PseudoMedian {
            return bootstrap.resampled(&self.pairs);
        }
        let rounds = self.pairs.rounds();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(bootstrap.seed);
        let mut drawn = vec![0; rounds];
        let mut all: Vec<f64> = (0..bootstrap.resamples)
            .map(|_| {
                drawn.fill_with(|| random.random_range(0..rounds));
                self.log_statistic(statistic, &drawn)
            })
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    /// The statistic of all rounds with its interval.
    pub(crate) fn ratio(
        &self,
        statistic: Statistic,
        method: Method,
        bootstrap: &Bootstrap,
    ) -> Ratio {
        let sorted = self.resampled(statistic, bootstrap);
        let estimate = self.log_estimate(statistic);
        let rounds = self.pairs.rounds();
        let outside = (1.0 - bootstrap.level) / 2.0;
        let (low, high) = match method {
            Method::Percentile => between(&sorted, outside, 1.0 - outside),
            Method::Bca => {
                let (below, above) = self.corrected(statistic, &sorted, estimate, outside);
                between(&sorted, below, above)
            }
            Method::Expanded => bootstrap.expanded(&sorted, rounds),
            Method::Guarded => {
                let (low, high) = bootstrap.expanded(&sorted, rounds);
                let ranked =
                    rank_bounds(self.pairs.log_ratios(), bootstrap.level).unwrap_or((low, high));
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
            level: bootstrap.level,
            rounds,
        }
    }

    /// The quantiles at which BCa cuts.
    fn corrected(
        &self,
        statistic: Statistic,
        sorted: &[f64],
        estimate: f64,
        outside: f64,
    ) -> (f64, f64) {
        let all: Vec<usize> = (0..self.pairs.rounds()).collect();
        let smaller = sorted.partition_point(|v| *v < estimate);
        let not_larger = sorted.partition_point(|v| *v <= estimate);
        let bias = normal_quantile((smaller + not_larger) as f64 / (2 * sorted.len()) as f64);
        let without_one: Vec<f64> = all
            .iter()
            .map(|left_out| {
                let rest: Vec<usize> = all.iter().copied().filter(|r| r != left_out).collect();
                self.log_statistic(statistic, &rest)
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
        // All jackknife values are equal, so there is no acceleration.
        let acceleration = if spread > 0.0 {
            moment(3) / (6.0 * spread)
        } else {
            0.0
        };
        let share = |z: f64| {
            let shifted = bias + z;
            normal_cdf(bias + shifted / (1.0 - acceleration * shifted))
        };
        let z = normal_quantile(outside);
        (share(z), share(-z))
    }
}

/// Two quantiles of sorted values.
fn between(sorted: &[f64], below: f64, above: f64) -> (f64, f64) {
    (
        quantile_of_sorted(sorted, below),
        quantile_of_sorted(sorted, above),
    )
}
