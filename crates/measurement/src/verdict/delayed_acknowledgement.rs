//! Detection of a server whose deliveries wait for delayed acknowledgements.
//!
//! Without `TCP_NODELAY`, Nagle's algorithm holds a small segment back until the one before is acknowledged. Linux
//! delays the acknowledgement by 40 ms, so the times of many deliveries lie just above 40 ms.

use crate::record::LatencyHistogram;

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;

/// Times of deliveries that waited for a delayed acknowledgement: from the first bound up to the second, in nanoseconds.
const WAITED_NS: (u64, u64) = (38 * MS, 45 * MS);

/// Lower bound of the range below, and upper bound of the range above, to which that range is compared.
const BESIDE_NS: (u64, u64) = (30 * MS, 60 * MS);

/// Minimum share of all times that must lie in the range.
pub const DELAYED_ACKNOWLEDGEMENT_SHARE: f64 = 0.10;

/// Minimum density of times in the range, as a multiple of the densities just below and above it.
const PEAK: f64 = 2.0;

/// Times of last deliveries that waited for the rest of a delayed acknowledgement, from the first bound up to the second.
/// Messages that follow the first unacknowledged one a few milliseconds later wait less than 40 ms.
const LAST_WAITED_NS: (u64, u64) = (29 * MS, 45 * MS);

/// Lower bound of the range below, and upper bound of the range above, to which that range is compared.
const BESIDE_LAST_NS: (u64, u64) = (13 * MS, 61 * MS);

/// Delivery time up to which half of the receivers of most messages did not wait. A server that sends to one receiver
/// after the other needs half of the last one's time for them.
const NOT_WAITED_NS: u64 = 10 * MS;

/// Minimum share of all last deliveries that must lie in their range.
pub const DELAYED_LAST_SHARE: f64 = 0.50;

/// Minimum number of times. Fewer form a peak by chance.
const ENOUGH: u64 = 100;

/// Returns the share of times between 38 and 45 ms, when it is large and denser than the ranges beside it; `None`
/// otherwise.
pub(crate) fn delayed_acknowledgements(times: &LatencyHistogram) -> Option<f64> {
    peak(times, WAITED_NS, BESIDE_NS, DELAYED_ACKNOWLEDGEMENT_SHARE)
}

/// Returns the share of messages that reached their last receiver after 29 to 45 ms, when it is large and denser than the
/// ranges beside it, and most messages reached half of the receivers soon; `None` otherwise.
pub(crate) fn delayed_last(last: &LatencyHistogram, median: &LatencyHistogram) -> Option<f64> {
    let soon = median.counts_up_to(&[NOT_WAITED_NS])[0];
    let share = peak(last, LAST_WAITED_NS, BESIDE_LAST_NS, DELAYED_LAST_SHARE);
    share.filter(|_| soon * 2 > median.count())
}

/// Returns the share of times within `range`, when it is at least `min_share` and denser than on both sides, from the first
/// bound of `beside` and up to the second.
fn peak(
    times: &LatencyHistogram,
    range: (u64, u64),
    beside: (u64, u64),
    min_share: f64,
) -> Option<f64> {
    let bounds = [beside.0, range.0, range.1, beside.1];
    let up_to = times.counts_up_to(&bounds);
    let within = |from: usize| up_to[from + 1] - up_to[from];
    // Exact for any realistic number of values.
    let density = |from: usize| within(from) as f64 / (bounds[from + 1] - bounds[from]) as f64;
    let share = within(1) as f64 / times.count().max(1) as f64;
    let is_peak = density(1) > PEAK * density(0).max(density(2));
    let is_sure = times.count() >= ENOUGH && share >= min_share;
    (is_peak && is_sure).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn histogram(times_us: impl IntoIterator<Item = u64>) -> LatencyHistogram {
        let mut all = LatencyHistogram::new();
        times_us
            .into_iter()
            .for_each(|us| all.record(us.saturating_mul(1_000)));
        all
    }

    #[test]
    fn deliveries_that_pile_up_at_40_ms_are_detected() {
        let fast = (0..800).map(|n| 1_000 + n);
        let late = (0..200).map(|n| 40_000 + 10 * n);
        let share = delayed_acknowledgements(&histogram(fast.chain(late))).unwrap();
        assert!((share - 0.2).abs() < 1e-9, "{share}");
    }

    #[test]
    fn a_small_share_at_40_ms_is_no_pile() {
        let fast = (0..910).map(|n| 1_000 + n);
        let late = (0..90).map(|n| 40_000 + 10 * n);
        assert_eq!(delayed_acknowledgements(&histogram(fast.chain(late))), None);
    }

    #[test]
    fn times_spread_evenly_over_100_ms_are_no_pile() {
        let even = (0..100_000).collect::<Vec<_>>();
        assert_eq!(delayed_acknowledgements(&histogram(even)), None);
    }

    #[test]
    fn times_spread_evenly_around_40_ms_are_no_pile() {
        assert_eq!(delayed_acknowledgements(&histogram(30_000..60_000)), None);
    }

    #[test]
    fn times_that_fall_from_30_ms_on_are_no_pile() {
        let falling = (0..2_000).map(|n: u64| 30_000 + n * n / 200);
        assert_eq!(delayed_acknowledgements(&histogram(falling)), None);
    }

    #[test]
    fn nothing_and_few_times_are_no_pile() {
        assert_eq!(delayed_acknowledgements(&LatencyHistogram::new()), None);
        assert_eq!(delayed_acknowledgements(&histogram([41_000; 99])), None);
    }

    /// Last and median receiver as measured with Action Cable: one or two of ten receivers are held at a time.
    #[test]
    fn last_receivers_that_are_held_for_the_rest_of_40_ms_are_detected() {
        let last = (0..900).map(|n| 31_000 + 10 * n);
        let late = (0..100).map(|n| 41_000 + 300 * n);
        let last = histogram(last.chain(late));
        let share = delayed_last(&last, &histogram((0..1_000).map(|n| 1_000 + 2 * n))).unwrap();
        assert!((0.9..0.95).contains(&share), "{share}");
        assert_eq!(delayed_acknowledgements(&last), None);
    }

    #[test]
    fn a_server_that_sends_to_one_receiver_after_the_other_holds_none() {
        let last = histogram((0..1_000).map(|n| 35_000 + n));
        let median = histogram((0..1_000).map(|n| 17_500 + n));
        assert_eq!(delayed_last(&last, &median), None);
    }

    proptest! {
        #[test]
        fn last_receivers_spread_evenly_around_40_ms_are_not_held(below in 0_u64..13_000, above in 61_000_u64..500_000) {
            let last = histogram((below..above).step_by(20));
            prop_assert_eq!(delayed_last(&last, &histogram([1_000; 100])), None);
        }

        #[test]
        fn an_even_spread_over_any_range_around_40_ms_is_no_pile(below in 0_u64..30_000, above in 60_000_u64..500_000) {
            let even = (below..above).step_by(20);
            prop_assert_eq!(delayed_acknowledgements(&histogram(even)), None);
        }

        #[test]
        fn times_outside_of_the_range_are_no_pile(times in prop::collection::vec(0_u64..37_900, 0..500)) {
            prop_assert_eq!(delayed_acknowledgements(&histogram(times)), None);
        }
    }
}
