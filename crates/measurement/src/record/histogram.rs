//! An HDR histogram of nanoseconds with exact minimum, maximum, mean and standard deviation.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

/// Highest value that quantiles distinguish: one hour in nanoseconds. Larger values count as this one in quantiles.
/// Minimum, maximum and mean stay exact.
pub const HIGHEST_TRACKABLE_NS: u64 = 3_600_000_000_000;

/// Significant decimal digits of a quantile: values within 0.1 % share a bucket.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// Upper bounds in nanoseconds of `bins` bins between two times. Bounds grow by a constant factor, and the last one is
/// `high`.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn log_bounds(low: u64, high: u64, bins: usize) -> Vec<u64> {
    let (from, to) = ((low.max(1)) as f64, high.max(1) as f64);
    (1..=bins)
        .map(|n| (from * (to / from).powf(n as f64 / bins as f64)).round() as u64)
        .collect()
}

/// Histogram of a time in nanoseconds.
///
/// Recording never allocates. Merging is exact: sums are integers, so the result does not depend on the order of values
/// or merges. One histogram takes about 270 KB.
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyHistogram {
    buckets: Histogram<u64>,
    min: u64,
    max: u64,
    sum: u128,
    sum_of_squares: u128,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl LatencyHistogram {
    /// An empty histogram.
    ///
    /// # Panics
    /// Never: the bounds are constants that HdrHistogram accepts.
    #[allow(clippy::expect_used)]
    pub fn new() -> Self {
        let buckets = Histogram::new_with_bounds(1, HIGHEST_TRACKABLE_NS, SIGNIFICANT_DIGITS)
            .expect("1 ns to 1 h with 3 digits is a valid histogram");
        Self {
            buckets,
            min: u64::MAX,
            max: 0,
            sum: 0,
            sum_of_squares: 0,
        }
    }

    /// Adds one value.
    #[inline]
    pub fn record(&mut self, nanoseconds: u64) {
        self.buckets.saturating_record(nanoseconds);
        self.min = self.min.min(nanoseconds);
        self.max = self.max.max(nanoseconds);
        self.sum += u128::from(nanoseconds);
        // Stamps that are not nanoseconds give times of decades, of which about a hundred squares overflow.
        let square = u128::from(nanoseconds) * u128::from(nanoseconds);
        self.sum_of_squares = self.sum_of_squares.saturating_add(square);
    }

    /// Adds everything that `other` holds.
    ///
    /// # Panics
    /// Never: all histograms have the same bounds.
    #[allow(clippy::expect_used)]
    pub fn merge(&mut self, other: &Self) {
        self.buckets
            .add(&other.buckets)
            .expect("equal bounds add up");
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.sum_of_squares = self.sum_of_squares.saturating_add(other.sum_of_squares);
    }

    /// Removes all values and keeps the memory.
    pub fn clear(&mut self) {
        self.buckets.reset();
        self.min = u64::MAX;
        self.max = 0;
        self.sum = 0;
        self.sum_of_squares = 0;
    }

    /// A histogram from an encoding of [`encode`](Self::encode). Minimum, maximum and sums come from the buckets, so they
    /// are only as accurate as quantiles.
    ///
    /// # Errors
    /// A text, when the bytes are not a histogram with these bounds.
    pub fn from_encoded(bytes: &[u8]) -> Result<Self, String> {
        let stored = decode_buckets(bytes)?;
        let buckets = stored.iter_recorded();
        Ok(Self::from_buckets(
            buckets.map(|b| (b.value_iterated_to(), b.count_at_value())),
        ))
    }

    /// A histogram of values and their counts, each the highest of its bucket. Minimum, maximum and sums are only as
    /// accurate as quantiles.
    pub(super) fn from_buckets(buckets: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut all = Self::new();
        for (value, count) in buckets {
            all.buckets.saturating_record_n(value, count);
            let (wide, count) = (u128::from(value), u128::from(count));
            all.min = all.min.min(value);
            all.max = all.max.max(value);
            all.sum += wide * count;
            all.sum_of_squares += wide * wide * count;
        }
        all
    }

    /// The buckets that are not empty: highest value and count, ascending.
    pub(super) fn bucket_counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.buckets.iter_recorded();
        buckets.map(|b| (b.value_iterated_to(), b.count_at_value()))
    }

    /// The exact sums of the values in nanoseconds and of their squares.
    pub(super) fn sums(&self) -> (u128, u128) {
        (self.sum, self.sum_of_squares)
    }

    /// A histogram from its stored parts: buckets from [`encode`](Self::encode), minimum and maximum, and sums.
    pub(super) fn from_stored(
        buckets: &[u8],
        (min, max): (u64, u64),
        (sum, sum_of_squares): (u128, u128),
    ) -> Result<Self, String> {
        let stored = decode_buckets(buckets)?;
        let mut all = Self::new();
        all.buckets
            .add(&stored)
            .map_err(|error| format!("the buckets have other bounds: {error:?}"))?;
        if all.count() > 0 {
            // Values beyond the range are in the last bucket.
            let agrees = |ns: u64, bucket: u64| {
                ns == 0 || ns > HIGHEST_TRACKABLE_NS || all.buckets.equivalent(bucket, ns)
            };
            let is_lowest = agrees(min, all.buckets.min_nz());
            if min > max || !is_lowest || !agrees(max, all.buckets.max()) {
                return Err(format!(
                    "minimum {min} and maximum {max} are not those of the buckets"
                ));
            }
            (all.min, all.max) = (min, max);
            (all.sum, all.sum_of_squares) = (sum, sum_of_squares);
        }
        Ok(all)
    }

    /// The HDR buckets without the exact figures.
    pub(crate) fn into_buckets(self) -> Histogram<u64> {
        self.buckets
    }

    /// Number of recorded values.
    pub fn count(&self) -> u64 {
        self.buckets.len()
    }

    /// The smallest value, exact; `None` when empty.
    pub fn min(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.min)
    }

    /// The largest value, exact; `None` when empty.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max)
    }

    /// The arithmetic mean, exact up to the division; `None` when empty.
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum as f64 / self.count() as f64)
    }

    /// The sum of all values in nanoseconds, exact up to the conversion.
    pub fn sum(&self) -> f64 {
        self.sum as f64
    }

    /// Number of values at or below each bound. Bounds are ascending, in nanoseconds, and accurate to three significant
    /// digits, like quantiles.
    pub fn counts_up_to(&self, bounds: &[u64]) -> Vec<u64> {
        let mut recorded = self.buckets.iter_recorded().peekable();
        let mut so_far = 0;
        bounds
            .iter()
            .map(|bound| {
                let below = |value| self.buckets.lowest_equivalent(value) <= *bound;
                while let Some(bucket) = recorded.next_if(|b| below(b.value_iterated_to())) {
                    so_far += bucket.count_since_last_iteration();
                }
                so_far
            })
            .collect()
    }

    /// The values recorded since an earlier state of the same histogram. Minimum and maximum come from the buckets, so
    /// they are only as accurate as quantiles.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut buckets = self.buckets.clone();
        // `subtract` fails only if `earlier` is not an earlier state of this histogram.
        if buckets.subtract(&earlier.buckets).is_err() || buckets.is_empty() {
            return Self::new();
        }
        Self {
            min: buckets.min(),
            max: buckets.max(),
            sum: self.sum.saturating_sub(earlier.sum),
            sum_of_squares: self.sum_of_squares.saturating_sub(earlier.sum_of_squares),
            buckets,
        }
    }

    /// The standard deviation of the recorded values (of the population); `None` when empty.
    pub fn stdev(&self) -> Option<f64> {
        let n = u128::from(self.count());
        (n > 0).then(|| {
            // n²·variance = n·Σx² − (Σx)², computed exactly in integers unless they overflow.
            let scaled = match (
                n.checked_mul(self.sum_of_squares),
                self.sum.checked_mul(self.sum),
            ) {
                (Some(a), Some(b)) => (a - b) as f64,
                _ => n as f64 * self.sum_of_squares as f64 - (self.sum as f64).powi(2),
            };
            scaled.max(0.0).sqrt() / n as f64
        })
    }

    /// The value at a quantile in [0, 1], to three significant digits and within
    /// [`min`](Self::min)..=[`max`](Self::max); `None` when empty.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.buckets.value_at_quantile(q).clamp(self.min, self.max))
    }

    /// The recorded values in HdrHistogram's V2 encoding, a few kilobytes. The timeline stores each second in this
    /// form.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[allow(clippy::expect_used)]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&self.buckets, &mut bytes)
            .expect("a histogram of fixed bounds serializes into memory");
        bytes
    }

    /// Adds the values of an encoding from [`encode`](Self::encode). Minimum, maximum and sums come from the buckets,
    /// so they are only as accurate as quantiles.
    ///
    /// # Panics
    /// Never on bytes from [`encode`](Self::encode).
    #[allow(clippy::expect_used)]
    pub(crate) fn merge_encoded(&mut self, bytes: &[u8]) {
        let other: Histogram<u64> = Deserializer::new()
            .deserialize(&mut std::io::Cursor::new(bytes))
            .expect("only our own encoding is read");
        self.buckets.add(&other).expect("equal bounds add up");
    }

    /// The quantile computed from the buckets alone, for a histogram built by `merge_encoded`.
    pub(crate) fn bucket_quantile(&self, q: f64) -> u64 {
        self.buckets.value_at_quantile(q)
    }
}

/// The buckets of a histogram in HdrHistogram's V2 encoding.
pub(super) fn decode_buckets(bytes: &[u8]) -> Result<Histogram<u64>, String> {
    Deserializer::new()
        .deserialize(&mut std::io::Cursor::new(bytes))
        .map_err(|error| format!("the buckets are not a histogram: {error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> LatencyHistogram {
        let mut d = LatencyHistogram::new();
        values.iter().for_each(|v| d.record(*v));
        d
    }

    #[test]
    fn nothing_recorded_is_nothing_known() {
        let d = LatencyHistogram::new();
        assert_eq!(
            (d.count(), d.min(), d.max(), d.quantile(0.5)),
            (0, None, None, None)
        );
        assert_eq!((d.mean(), d.stdev()), (None, None));
    }

    #[test]
    fn beyond_an_hour_only_the_quantiles_saturate() {
        let d = of(&[HIGHEST_TRACKABLE_NS * 3]);
        assert_eq!(d.max(), Some(HIGHEST_TRACKABLE_NS * 3));
        assert_eq!(d.count(), 1);
    }

    #[test]
    fn times_of_decades_do_not_overflow() {
        // One-way delays of a server whose stamps are milliseconds.
        let mut d = of(&[1_795_000_000_000_000_000; 200]);
        d.merge(&d.clone());
        assert_eq!(d.count(), 400);
        assert_eq!(d.mean(), Some(1.795e18));
        assert!(d.stdev().is_some_and(f64::is_finite));
    }

    #[test]
    fn bins_grow_by_the_same_factor() {
        assert_eq!(
            log_bounds(1_000, 1_000_000, 3),
            [10_000, 100_000, 1_000_000]
        );
        assert_eq!(log_bounds(0, 100, 2), [10, 100]);
        assert_eq!(log_bounds(7, 7, 2), [7, 7]);
        assert!(log_bounds(1, 2, 0).is_empty());
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut d = of(&[5, 7]);
        d.clear();
        assert_eq!((d.count(), d.max()), (0, None));
        d.record(3);
        assert_eq!((d.min(), d.max(), d.mean()), (Some(3), Some(3), Some(3.0)));
    }

    proptest! {
        #[test]
        fn figures_match_the_sorted_values(
            mut values in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 1..400),
            q in 0.0..=1.0_f64,
        ) {
            let d = of(&values);
            values.sort_unstable();
            let n = values.len() as f64;
            let mean = values.iter().map(|v| *v as f64).sum::<f64>() / n;
            let variance = values.iter().map(|v| (*v as f64 - mean).powi(2)).sum::<f64>() / n;
            prop_assert_eq!(d.min(), values.first().copied());
            prop_assert_eq!(d.max(), values.last().copied());
            prop_assert!((d.mean().unwrap() - mean).abs() <= 1e-9 * mean.max(1.0));
            prop_assert!((d.stdev().unwrap() - variance.sqrt()).abs() <= 1e-6 * variance.sqrt().max(1.0));
            // HdrHistogram's rank: the smallest value with at least q·n values at or below it.
            let rank = ((q * n).ceil() as usize).clamp(1, values.len());
            let (exact, found) = (values[rank - 1] as f64, d.quantile(q).unwrap() as f64);
            prop_assert!((found - exact).abs() <= exact * 1e-3 + 1.0, "{} for {}", found, exact);
        }

        #[test]
        fn merging_equals_recording_in_one(
            a in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 0..200),
            b in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 1..200),
        ) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let whole = of(&[a, b].concat());
            prop_assert_eq!(merged.stdev(), whole.stdev());
            prop_assert_eq!(merged.mean(), whole.mean());
            prop_assert_eq!((merged.min(), merged.max()), (whole.min(), whole.max()));
            prop_assert_eq!(merged.quantile(0.9), whole.quantile(0.9));
        }

        #[test]
        fn counts_up_to_a_bound_match_the_values(
            values in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 0..300),
            mut bounds in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 1..20),
        ) {
            bounds.sort_unstable();
            let counts = of(&values).counts_up_to(&bounds);
            for (bound, found) in bounds.iter().zip(counts) {
                let up_to = |limit: f64| values.iter().filter(|v| **v as f64 <= limit).count() as u64;
                prop_assert!(found >= up_to(*bound as f64), "{} up to {}", found, bound);
                prop_assert!(found <= up_to(*bound as f64 * 1.001 + 1.0), "{} up to {}", found, bound);
            }
        }

        #[test]
        fn what_came_since_is_what_was_recorded_since(
            before in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 0..100),
            after in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 0..100),
        ) {
            let earlier = of(&before);
            let mut now = earlier.clone();
            after.iter().for_each(|v| now.record(*v));
            let (since, wanted) = (now.since(&earlier), of(&after));
            prop_assert_eq!(since.count(), wanted.count());
            prop_assert_eq!(since.mean(), wanted.mean());
            for q in [0.0, 0.5, 0.99, 1.0] {
                let (found, exact) = (since.quantile(q), wanted.quantile(q));
                prop_assert_eq!(found.is_some(), exact.is_some());
                if let (Some(found), Some(exact)) = (found, exact) {
                    let exact = exact as f64;
                    prop_assert!((found as f64 - exact).abs() <= exact * 1e-3 + 1.0, "{} for {}", found, exact);
                }
            }
        }

        #[test]
        fn encoding_keeps_every_bucket(values in prop::collection::vec(0..HIGHEST_TRACKABLE_NS, 1..200)) {
            let whole = of(&values);
            let mut back = LatencyHistogram::new();
            back.merge_encoded(&whole.encode());
            prop_assert_eq!(back.count(), whole.count());
            for q in [0.0, 0.5, 0.99, 1.0] {
                let clamped = back.bucket_quantile(q).clamp(whole.min, whole.max);
                prop_assert_eq!(Some(clamped), whole.quantile(q));
            }
        }
    }
}
