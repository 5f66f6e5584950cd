//! Intervals that were considered for the ratio of two paired series, beside the one that is used.
//!
//! Each pair of a statistic and a method is cut from the same draws of rounds. Of the pseudo-median the
//! resamples and the expanded interval are those of [`Bootstrap`] itself.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statistics::bootstrap::Bootstrap;
use statistics::normal::{normal_cdf, normal_quantile};
use statistics::order_statistics::{median, pseudo_median, quantile_of_sorted};
use statistics::paired::Pairs;
use statistics::ratio::Ratio;
use statistics::signed_rank::rank_bounds;

/// One number for two paired series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// The median of the one over the median of the other. Of an even number of rounds a median is the
    /// geometric mean of the two in the middle.
    RatioOfMedians,
    /// The median of the rounds' ratios.
    MedianOfRatios,
    /// The geometric mean of the rounds' ratios, the one mean of ratios that does not depend on which
    /// of them stands below the line (Fleming & Wallace, "How Not to Lie with Statistics", 1986).
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

/// Cut of an interval from the resampled statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Their quantiles (Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; percentile).
    Percentile,
    /// Bias-corrected and accelerated (Efron, "Better Bootstrap Confidence Intervals", 1987; DiCiccio
    /// & Efron, "Bootstrap Confidence Intervals", 1996): acceleration from the jackknife, and
    /// resamples equal to the estimate count half below it, as in SciPy.
    Bca,
    /// [`Bootstrap::expanded`].
    Expanded,
    /// [`Expanded`](Self::Expanded), and never narrower than the ranks of the rounds allow.
    Guarded,
}

impl Method {
    pub(crate) const ALL: [Self; 4] = [Self::Percentile, Self::Bca, Self::Expanded, Self::Guarded];
}

/// Two series of the same rounds, as logarithms and paired.
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

    /// The logarithm of the statistic for the rounds at these positions, which may repeat.
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

    /// The logarithm of the statistic in every resample, sorted.
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

    /// The shares at which BCa cuts.
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
        let z = normal_quantile(outside);
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
