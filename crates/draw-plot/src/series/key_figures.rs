//! The figures that describe a whole series, and the axis that fits them.

use super::{SortedTimes, span, whole};

/// The figures of a whole series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct KeyFigures {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
    /// The smallest value above zero, at which a logarithmic axis can begin.
    pub(crate) min_positive: Option<f64>,
}

impl KeyFigures {
    pub(crate) fn of_sorted(sorted: &SortedTimes<'_>) -> Self {
        Self {
            p50: sorted.quantile(0.5),
            p99: sorted.quantile(0.99),
            max: sorted.max(),
            min_positive: sorted.min_positive(),
        }
    }

    /// The smallest value above zero and the largest one.
    pub(crate) fn positive_ends(&self) -> impl Iterator<Item = f64> + use<> {
        self.min_positive.into_iter().chain([self.max])
    }

    /// Computes the figures of values in any order; `None` without values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut scratch = values.to_vec();
        Some(Self {
            p50: quantile(&mut scratch, 0.5)?,
            p99: quantile(&mut scratch, 0.99)?,
            max: quantile(&mut scratch, 1.0)?,
            min_positive: span(values.iter().copied().filter(|v| *v > 0.0)).map(|(low, _)| low),
        })
    }
}

/// The smallest value that the share `q` of all values does not exceed, as HdrHistogram defines it.
/// Reorders the values.
pub(super) fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    let rank = whole((q * values.len() as f64).ceil());
    let at = rank.max(1).min(values.len()).checked_sub(1)?;
    Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
}

/// The top of a linear axis, which one outlier among a million messages must not stretch: when the largest
/// value is more than three times the 99th percentile, the axis ends at twice that percentile, or as high as
/// the averages reach, up to four times. The values above are marked at the upper edge and counted.
pub(crate) fn linear_top(digests: &[KeyFigures], largest_average: f64) -> f64 {
    let max = digests.iter().map(|d| d.max).fold(0.0, f64::max);
    let p99 = digests.iter().map(|d| d.p99).fold(0.0, f64::max);
    if p99 == 0.0 || max <= 3.0 * p99 {
        return max;
    }
    let averages = Some(largest_average).filter(|average| *average <= 4.0 * p99);
    averages.unwrap_or(0.0).max(2.0 * p99)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (0..1_000).rev().map(f64::from).map(|v| v + 1.0).collect();
        let digest = KeyFigures::of(&values).unwrap();
        assert_eq!(
            (digest.p50, digest.p99, digest.max),
            (500.0, 990.0, 1_000.0)
        );
        assert_eq!(KeyFigures::of(&[0.0, 0.5]).unwrap().min_positive, Some(0.5));
        assert_eq!(KeyFigures::of(&[0.0]).unwrap().min_positive, None);
        assert!(KeyFigures::of(&[]).is_none());
    }

    fn digest(p99: f64, max: f64) -> KeyFigures {
        KeyFigures {
            p50: 1.0,
            p99,
            max,
            min_positive: Some(1.0),
        }
    }

    #[test]
    fn outliers_do_not_flatten_the_picture() {
        assert_eq!(linear_top(&[digest(2.0, 5.0)], 1.0), 5.0);
        assert_eq!(linear_top(&[digest(2.0, 1_000.0)], 1.0), 4.0);
        assert_eq!(linear_top(&[digest(2.0, 1_000.0)], 7.0), 7.0);
        assert_eq!(linear_top(&[digest(2.0, 1_000.0)], 21.0), 4.0);
        assert_eq!(
            linear_top(&[digest(2.0, 5.0), digest(20.0, 30.0)], 1.0),
            30.0
        );
        assert_eq!(linear_top(&[digest(0.0, 9.0)], 1.0), 9.0);
    }
}
