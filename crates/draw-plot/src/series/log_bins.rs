//! Logarithmic bins of a histogram.

use super::sorted::SortedTimes;

/// Adjacent bins of equal factor, the same number in each tenfold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBins {
    per_decade: u32,
    /// Number of the first edge, which is ten to the power of `first / per_decade`.
    first: i32,
    count: usize,
}

impl LogBins {
    /// Bins from `low`, which is above zero, to `high`, both included.
    pub fn covering(low: f64, high: f64, per_decade: u32) -> Self {
        // Times are far within 10^±300.
        #[allow(clippy::cast_possible_truncation)]
        let place = |value: f64| (value.log10() * f64::from(per_decade)).floor() as i32;
        let (mut first, mut last) = (place(low), place(high) + 1);
        // A logarithm is off by a hair where the value is an edge.
        while edge(first, per_decade) > low {
            first -= 1;
        }
        while edge(last, per_decade) <= high {
            last += 1;
        }
        Self {
            per_decade,
            first,
            count: usize::try_from(last - first).unwrap_or(1),
        }
    }

    /// The edges in ascending order, one more than bins. A bin holds its lower edge, not its upper one.
    pub fn edges(self) -> Vec<f64> {
        let edges = (self.first..).map(|number| edge(number, self.per_decade));
        edges.take(self.count + 1).collect()
    }
}

fn edge(number: i32, per_decade: u32) -> f64 {
    10_f64.powf(f64::from(number) / f64::from(per_decade))
}

/// Largest number of bins; more would be too narrow to see.
const MOST_BINS: f64 = 300.0;

/// Bins for a histogram: fine enough to show the shape between the first and the 99th percentile, coarse enough that
/// each holds several messages and is wide enough to see. `None` without a time above zero.
pub fn bins_for(all: &[&SortedTimes<'_>]) -> Option<LogBins> {
    let lowest = all.iter().filter_map(|sorted| sorted.min_positive());
    let low = lowest.min_by(f64::total_cmp)?;
    let high = all.iter().map(|sorted| sorted.max()).fold(low, f64::max);
    let quantiles = |q: f64| all.iter().map(move |sorted| sorted.quantile(q).max(low));
    let body_low = quantiles(0.01).fold(high, f64::min);
    let body_high = quantiles(0.99).fold(low, f64::max);
    let decades = |low: f64, high: f64| (high / low).log10();
    let fewest = all.iter().map(|sorted| sorted.count()).min().unwrap_or(1);
    // Rice's rule, within what is worth looking at.
    let wanted = (2.0 * (fewest as f64).cbrt()).clamp(10.0, 60.0);
    // A bucket of HdrHistogram is up to 0.1 % wide: finer bins would show the buckets.
    let is_counted = all.iter().any(|sorted| sorted.is_counted());
    let finest = if is_counted { 100 } else { 1_000 };
    let steps = [1_000, 500, 200, 100, 50, 20, 10, 5, 2, 1];
    let per_decade = steps.into_iter().find(|step| {
        let bins = |low, high| decades(low, high) * f64::from(*step);
        *step <= finest && bins(low, high) <= MOST_BINS && bins(body_low, body_high) <= wanted
    });
    Some(LogBins::covering(low, high, per_decade.unwrap_or(1)))
}

/// The number of times in each bin.
pub fn histogram(sorted: &SortedTimes<'_>, edges: &[f64]) -> Vec<u64> {
    let below: Vec<u64> = edges.iter().map(|edge| sorted.below(*edge)).collect();
    below.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_divide_tenfolds_evenly() {
        let bins = LogBins::covering(1.0, 100.0, 2);
        let edges = bins.edges();
        assert_eq!(edges.len(), 6);
        assert_eq!((edges[0], edges[2], edges[4]), (1.0, 10.0, 100.0));
        assert!((edges[1] - 10_f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn each_time_is_counted_once() {
        let sorted = SortedTimes::new(&[0.0, 1.0, 3.0, 9.99, 10.0, 99.0, 100.0], &[]).unwrap();
        let edges = LogBins::covering(1.0, 100.0, 1).edges();
        assert_eq!(edges, [1.0, 10.0, 100.0, 1_000.0]);
        assert_eq!(histogram(&sorted, &edges), [3, 2, 1]);
        let counted = SortedTimes::new(&[2.0, 20.0], &[5, 7]).unwrap();
        assert_eq!(histogram(&counted, &edges), [5, 7, 0]);
    }

    #[test]
    fn the_body_shows_its_shape_beside_an_outlier() {
        // 1.00 to 1.99 ms and one of 1 s.
        let mut values: Vec<f64> = (0..100_000)
            .map(|i| 1.0 + f64::from(i % 100) / 100.0)
            .collect();
        values.sort_by(f64::total_cmp);
        values.push(1_000.0);
        let sorted = SortedTimes::new(&values, &[]).unwrap();
        let bins = bins_for(&[&sorted]).unwrap();
        assert_eq!(bins.per_decade, 100);
        let filled = histogram(&sorted, &bins.edges());
        assert_eq!(filled.iter().filter(|count| **count > 0).count(), 31);
        assert_eq!(filled.iter().sum::<u64>(), 100_001);
    }

    #[test]
    fn one_value_has_one_bin_and_zeros_have_none() {
        let one = SortedTimes::new(&[2.5; 9], &[]).unwrap();
        assert_eq!(histogram(&one, &bins_for(&[&one]).unwrap().edges()), [9]);
        let zeros = SortedTimes::new(&[0.0; 9], &[]).unwrap();
        assert_eq!(bins_for(&[&zeros]), None);
    }

    proptest! {
        #[test]
        fn bins_hold_all_that_is_above_zero(
            values in prop::collection::vec(prop_oneof![Just(0.0), 1e-6..1e9_f64, 1.0..2.0_f64], 1..300),
        ) {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            let positive = values.iter().filter(|value| **value > 0.0).count() as u64;
            let sorted = SortedTimes::new(&values, &[]).unwrap();
            match bins_for(&[&sorted]) {
                None => prop_assert_eq!(positive, 0),
                Some(bins) => {
                    let edges = bins.edges();
                    prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
                    prop_assert!(edges.len() <= 310, "{}", edges.len());
                    prop_assert_eq!(histogram(&sorted, &edges).iter().sum::<u64>(), positive);
                }
            }
        }
    }
}
