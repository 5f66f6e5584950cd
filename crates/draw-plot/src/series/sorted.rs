//! Times in ascending order: their quantiles, and the number of times up to a value.

use results::read::Latencies;

use super::whole;

/// Times in ascending order, each with its number of occurrences; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct SortedTimes<'v> {
    values: &'v [f64],
    /// Number of times up to each value and with it; empty when each occurred once.
    up_to: Vec<u64>,
}

impl<'v> SortedTimes<'v> {
    /// Returns latencies in ascending order; `None` without any, and if counts and values differ in number.
    pub fn of(times: &'v Latencies) -> Option<Self> {
        Self::new(&times.values_ms, &times.counts)
    }

    pub(super) fn new(values: &'v [f64], counts: &[u64]) -> Option<Self> {
        debug_assert!(values.is_sorted());
        let mut total = 0_u64;
        let up_to = counts.iter().map(|count| {
            total = total.saturating_add(*count);
            total
        });
        let up_to: Vec<u64> = up_to.collect();
        let sorted = Self { values, up_to };
        let is_whole = counts.is_empty() || counts.len() == values.len();
        (is_whole && sorted.count() > 0).then_some(sorted)
    }

    /// True if the values come with counts, as from a histogram.
    pub fn is_counted(&self) -> bool {
        !self.up_to.is_empty()
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        let counted = self.up_to.last().copied();
        counted.unwrap_or(self.values.len() as u64)
    }

    /// The smallest value that the share `q` of all does not exceed (`inverted_cdf` in NumPy).
    pub fn quantile(&self, q: f64) -> f64 {
        let rank = whole((q * self.count() as f64).ceil()) as u64;
        self.at_rank(rank.clamp(1, self.count()))
    }

    /// The time of this rank, from 1 to the number of times.
    fn at_rank(&self, rank: u64) -> f64 {
        let at = if self.is_counted() {
            self.up_to.partition_point(|up_to| *up_to < rank)
        } else {
            usize::try_from(rank - 1).unwrap_or(usize::MAX)
        };
        self.values[at.min(self.values.len() - 1)]
    }

    /// The number of times of at most `value`.
    pub fn at_most(&self, value: f64) -> u64 {
        self.first(self.values.partition_point(|other| *other <= value))
    }

    pub(crate) fn below(&self, value: f64) -> u64 {
        self.first(self.values.partition_point(|other| *other < value))
    }

    fn first(&self, values: usize) -> u64 {
        match values.checked_sub(1) {
            None => 0,
            Some(last) => self.up_to.get(last).copied().unwrap_or(values as u64),
        }
    }

    /// The largest time.
    pub fn max(&self) -> f64 {
        self.quantile(1.0)
    }

    /// The smallest time above zero, where a logarithmic axis can begin.
    pub(crate) fn min_positive(&self) -> Option<f64> {
        let zeros = self.at_most(0.0);
        (zeros < self.count()).then(|| self.at_rank(zeros + 1))
    }
}

/// The share of the times, from 0 to 1, of at most each of the `places`.
pub fn shares(sorted: &SortedTimes<'_>, places: &[f64]) -> Vec<f64> {
    let count = sorted.count() as f64;
    let share = |place: &f64| sorted.at_most(*place) as f64 / count;
    places.iter().map(share).collect()
}

/// HdrHistogram's spectrum: the quantile at each of the `places`, which are 1/(1 − q).
pub fn spectrum(sorted: &SortedTimes<'_>, places: &[f64]) -> Vec<f64> {
    let quantile = |place: &f64| sorted.quantile(quantile_at(*place));
    places.iter().map(quantile).collect()
}

/// The quantile whose 1/(1 − q) is `place`.
pub fn quantile_at(place: f64) -> f64 {
    1.0 - 1.0 / place.max(1.0)
}

/// The end of the axis of the spectrum of `count` times: beyond the last of them, the largest is drawn.
pub fn spectrum_end(count: u64) -> f64 {
    1.25 * count.max(1) as f64
}

/// `steps` + 1 places from `low` to `high`, at equal distances.
pub fn even_places(low: f64, high: f64, steps: usize) -> Vec<f64> {
    let steps = steps.max(1);
    let place = |step| low + (high - low) * (step as f64 / steps as f64);
    (0..=steps).map(place).collect()
}

/// `steps` + 1 places from `low`, which is above zero, to `high`, each the same factor further.
pub fn log_places(low: f64, high: f64, steps: usize) -> Vec<f64> {
    let logs = even_places(low.ln(), high.ln(), steps);
    logs.into_iter().map(f64::exp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=1_000).map(f64::from).collect();
        let each = SortedTimes::new(&values, &[]).unwrap();
        let quantiles = [0.0, 0.5, 0.99, 0.999, 0.9991, 1.0].map(|q| each.quantile(q));
        assert_eq!(quantiles, [1.0, 500.0, 990.0, 999.0, 1_000.0, 1_000.0]);
        // 0, 0, 0, 2, 5, 5
        let counted = SortedTimes::new(&[0.0, 2.0, 5.0], &[3, 1, 2]).unwrap();
        let quantiles = [0.0, 0.5, 0.51, 0.67, 1.0].map(|q| counted.quantile(q));
        assert_eq!(quantiles, [0.0, 0.0, 2.0, 5.0, 5.0]);
        assert_eq!((counted.count(), counted.max()), (6, 5.0));
        assert_eq!(counted.min_positive(), Some(2.0));
    }

    #[test]
    fn nothing_is_no_distribution() {
        assert_eq!(SortedTimes::new(&[], &[]), None);
        assert_eq!(SortedTimes::new(&[1.0, 2.0], &[0, 0]), None);
        assert_eq!(SortedTimes::new(&[1.0, 2.0], &[1]), None);
        assert_eq!(
            SortedTimes::new(&[0.0], &[]).and_then(|s| s.min_positive()),
            None
        );
    }

    #[test]
    fn shares_and_spectrum_of_a_known_law() {
        // Uniform on 1..=100.
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let uniform = SortedTimes::new(&values, &[]).unwrap();
        let found = shares(&uniform, &[0.5, 1.0, 50.0, 50.5, 99.0, 1e9]);
        assert_eq!(found, [0.0, 0.01, 0.5, 0.5, 0.99, 1.0]);
        let places = [1.0, 2.0, 10.0, 100.0, spectrum_end(100)];
        let found = spectrum(&uniform, &places);
        assert_eq!(found, [1.0, 50.0, 90.0, 99.0, 100.0]);
    }

    #[test]
    fn places_reach_both_ends() {
        assert_eq!(even_places(0.0, 4.0, 4), [0.0, 1.0, 2.0, 3.0, 4.0]);
        let places = log_places(1.0, 1_000.0, 3);
        let expected = [1.0, 10.0, 100.0, 1_000.0];
        assert!(
            places
                .iter()
                .zip(expected)
                .all(|(a, b)| (a / b - 1.0).abs() < 1e-12)
        );
    }

    proptest! {
        #[test]
        fn counts_stand_for_values_written_out(
            pairs in prop::collection::vec((0_u32..50, 0_u64..4), 1..60),
            q in 0.0..=1.0_f64,
            place in -1.0..60.0_f64,
        ) {
            let mut pairs = pairs;
            pairs.sort_by_key(|(value, _)| *value);
            let out: Vec<f64> = pairs
                .iter()
                .flat_map(|(value, count)| std::iter::repeat_n(f64::from(*value), *count as usize))
                .collect();
            let (values, counts): (Vec<f64>, Vec<u64>) =
                pairs.iter().map(|(value, count)| (f64::from(*value), *count)).unzip();
            let counted = SortedTimes::new(&values, &counts);
            prop_assert_eq!(counted.is_some(), !out.is_empty());
            if let (Some(counted), Some(each)) = (counted, SortedTimes::new(&out, &[])) {
                prop_assert_eq!(counted.count(), each.count());
                prop_assert_eq!(counted.quantile(q), each.quantile(q));
                prop_assert_eq!(counted.at_most(place), each.at_most(place));
                prop_assert_eq!(counted.below(place), each.below(place));
                prop_assert_eq!(counted.min_positive(), each.min_positive());
                let smallest = out.iter().copied().find(|value| {
                    out.iter().filter(|other| *other <= value).count() as f64 >= q * out.len() as f64
                });
                prop_assert_eq!(Some(each.quantile(q)), smallest);
            }
        }
    }
}
