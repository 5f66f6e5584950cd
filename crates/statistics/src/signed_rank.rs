//! Intervals from the ranks of the rounds alone, without assumptions about the distribution of the noise.
//!
//! When two servers are the same and their order within a round is random, each round's logarithm of the ratio is as
//! likely d as −d, whatever the distribution of the noise. Wilcoxon's signed-rank test ("Individual Comparisons by
//! Ranking Methods", 1945) is then exact. So is its inversion, an interval between order statistics of the means of any
//! two rounds, whose median is the [pseudo-median](super::order_statistics::pseudo_median) (Tukey, "The Simplest
//! Signed-Rank Tests", 1949; Hollander, Wolfe & Chicken, "Nonparametric Statistical Methods", 2014, 3.3).

use super::normal::{normal_cdf, normal_quantile};
use super::order_statistics::means_of_two;

/// Number of rounds above which the exact distribution of the rank sum is replaced by the normal one. From there on,
/// the two differ by less than 0.0001.
const COUNTED_OUT: usize = 100;

/// Minimum number of rounds for a verdict at this level without assumptions about the noise. Even if one server is
/// better in every round, this happens by chance once in 2^(rounds − 1) comparisons. 6 at 95 %, 8 at 99 %.
///
/// ```
/// use statistics::signed_rank::rounds_needed;
///
/// assert_eq!(rounds_needed(0.95), 6);
/// ```
pub fn rounds_needed(level: f64) -> usize {
    let mut rounds = 1;
    let mut by_chance = 1.0;
    // A level of 1 or more cannot be reached, so the bound ends the search.
    while by_chance > 1.0 - level + 1e-12 && rounds < 64 {
        rounds += 1;
        by_chance /= 2.0;
    }
    rounds
}

/// The interval of the centre of symmetry of these values, by inversion of the signed-rank test. Its coverage is at
/// least the level. `None` with fewer than [`rounds_needed`] values.
pub fn rank_bounds(values: &[f64], level: f64) -> Option<(f64, f64)> {
    let cut_off = means_beyond(values.len(), (1.0 - level) / 2.0)?;
    let mut means: Vec<f64> = means_of_two(values).collect();
    means.sort_unstable_by(f64::total_cmp);
    Some((means[cut_off], means[means.len() - 1 - cut_off]))
}

/// Number of the smallest means of two below the interval: the largest rank sum w with P(W ≤ w) ≤ outside.
fn means_beyond(rounds: usize, outside: f64) -> Option<usize> {
    RankSum::of(rounds).largest_within(outside)
}

/// The distribution of W, the sum of those of the ranks 1 … rounds that are each included with probability ½.
#[derive(Debug, Clone)]
pub(super) enum RankSum {
    /// Exact P(W ≤ w), indexed by w.
    Counted(Vec<f64>),
    /// The normal distribution with the same mean and standard deviation, before the continuity correction.
    Normal { mean: f64, deviation: f64 },
}

impl RankSum {
    pub(super) fn of(rounds: usize) -> Self {
        if rounds > COUNTED_OUT {
            Self::normal(rounds)
        } else {
            Self::counted(rounds)
        }
    }

    fn normal(rounds: usize) -> Self {
        let n = rounds as f64;
        Self::Normal {
            mean: n * (n + 1.0) / 4.0,
            deviation: (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt(),
        }
    }

    fn counted(rounds: usize) -> Self {
        let most = rounds * (rounds + 1) / 2;
        let mut law = vec![0.0_f64; most + 1];
        law[0] = 1.0;
        for rank in 1..=rounds {
            for sum in (0..=most).rev() {
                let with = if sum >= rank { law[sum - rank] } else { 0.0 };
                law[sum] = f64::midpoint(law[sum], with);
            }
        }
        let mut below = 0.0;
        for p in &mut law {
            below += *p;
            *p = below;
        }
        Self::Counted(law)
    }

    /// The largest w with P(W ≤ w) ≤ outside.
    fn largest_within(&self, outside: f64) -> Option<usize> {
        match self {
            Self::Counted(at_most) => at_most
                .partition_point(|p| *p <= outside + 1e-12)
                .checked_sub(1),
            // Saturates at 0 for levels so high that no rank sum is outside.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Normal { mean, deviation } => {
                let below = mean + normal_quantile(outside) * deviation - 0.5;
                Some(below.floor() as usize)
            }
        }
    }

    /// Returns P(W ≤ sum).
    pub(super) fn at_most(&self, sum: usize) -> f64 {
        match self {
            Self::Counted(at_most) => at_most.get(sum).copied().unwrap_or(1.0),
            Self::Normal { mean, deviation } => normal_cdf((sum as f64 + 0.5 - mean) / deviation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Critical values of the two-sided test from Hollander, Wolfe & Chicken, table A.4: 0 for 6 rounds, 8 for 10, 52
    /// for 20 and 137 for 30.
    #[test]
    fn critical_values_of_the_tables() {
        for (rounds, wanted) in [
            (5, None),
            (6, Some(0)),
            (7, Some(2)),
            (10, Some(8)),
            (20, Some(52)),
            (30, Some(137)),
        ] {
            assert_eq!(means_beyond(rounds, 0.025), wanted, "{rounds}");
        }
        assert_eq!(means_beyond(8, 0.005), Some(0));
        assert_eq!(means_beyond(7, 0.005), None);
    }

    #[test]
    fn a_verdict_takes_as_many_rounds_as_the_ranks_need() {
        for level in [0.9, 0.95, 0.975, 0.9875, 0.99, 0.995] {
            let needed = rounds_needed(level);
            assert!(
                means_beyond(needed, (1.0 - level) / 2.0).is_some(),
                "{level}"
            );
            assert!(
                means_beyond(needed - 1, (1.0 - level) / 2.0).is_none(),
                "{level}"
            );
        }
        assert_eq!([0.95, 0.975, 0.99, 0.995].map(rounds_needed), [6, 7, 8, 9]);
    }

    #[test]
    fn the_normal_law_takes_over_where_it_fits() {
        let (counted, normal) = (RankSum::counted(COUNTED_OUT), RankSum::normal(COUNTED_OUT));
        for outside in [0.025, 0.005, 0.001] {
            let exact = counted.largest_within(outside).unwrap();
            let taken = normal.largest_within(outside).unwrap();
            assert!(exact.abs_diff(taken) <= 20, "{outside}: {exact} {taken}");
        }
        for sum in 0..=COUNTED_OUT * (COUNTED_OUT + 1) / 2 {
            let difference = counted.at_most(sum) - normal.at_most(sum);
            assert!(difference.abs() < 1e-3, "{sum}: {difference}");
        }
    }

    #[test]
    fn bounds_by_hand() {
        // With six values at 95 %, the interval is from the smallest to the largest.
        let values = [0.3, -0.1, 0.2, 0.5, 0.4, 0.1];
        assert_eq!(rank_bounds(&values, 0.95), Some((-0.1, 0.5)));
        assert_eq!(rank_bounds(&values[..5], 0.95), None);
    }
}
