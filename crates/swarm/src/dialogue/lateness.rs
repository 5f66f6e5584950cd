//! Lateness of a feed at one client against the feed's own interval.
//!
//! A message is due at t₀ + k · interval, with t₀ = min over k of (arrival − k · interval). The minimum is known only at the
//! end, so the first offsets (arrival − k · interval) are kept and recorded later. The following ones are recorded against
//! the minimum so far.

use measurement::record::LazyHistogram;

/// Offsets of the messages of one client from their place in the feed.
#[derive(Debug, Default)]
pub(crate) struct FeedLateness {
    /// Offsets that are not recorded yet, in nanoseconds.
    offsets: Vec<i64>,
    /// The least offset so far.
    least: Option<i64>,
    /// The largest minimum against which an offset was recorded.
    used: Option<i64>,
}

impl FeedLateness {
    /// Takes the offset of the next message. At most `limit` offsets are kept.
    pub(crate) fn push(&mut self, offset_ns: i64, limit: usize, times: &mut LazyHistogram) {
        self.least = Some(self.least.map_or(offset_ns, |least| least.min(offset_ns)));
        if self.used.is_none() && self.offsets.len() < limit {
            self.offsets.push(offset_ns);
            return;
        }
        self.flush(times);
        self.record(offset_ns, times);
    }

    /// Records the offsets that are kept.
    pub(crate) fn flush(&mut self, times: &mut LazyHistogram) {
        for offset_ns in std::mem::take(&mut self.offsets) {
            self.record(offset_ns, times);
        }
    }

    fn record(&mut self, offset_ns: i64, times: &mut LazyHistogram) {
        if let Some(least) = self.least {
            self.used.get_or_insert(least);
            times.record(offset_ns.abs_diff(least));
        }
    }

    /// The least offset: the time at which message 0 is due, in nanoseconds since T0. `None` before the first.
    pub(crate) fn origin_ns(&self) -> Option<i64> {
        self.least
    }

    /// Most that a recorded lateness is understated, in nanoseconds.
    pub(crate) fn error_ns(&self) -> u64 {
        match (self.used, self.least) {
            (Some(used), Some(least)) => used.abs_diff(least),
            _ => 0,
        }
    }
}

/// Offset of a message that arrived at this time after T0, `steps` intervals behind message 0.
pub(crate) fn offset_ns(received_ns: u64, steps: i128, interval_ns: u64) -> i64 {
    let offset_ns =
        i128::from(received_ns).saturating_sub(steps.saturating_mul(interval_ns.into()));
    // Only a numbering that has nothing to do with the interval gets that far.
    i64::try_from(offset_ns).unwrap_or(if offset_ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::LatencyHistogram;
    use proptest::prelude::*;

    fn recorded(offsets: &[i64], limit: usize) -> (FeedLateness, LazyHistogram) {
        let (mut lateness, mut times) = (FeedLateness::default(), LazyHistogram::default());
        for offset_ns in offsets {
            lateness.push(*offset_ns, limit, &mut times);
        }
        lateness.flush(&mut times);
        (lateness, times)
    }

    #[test]
    fn the_earliest_message_is_punctual_wherever_it_stands() {
        let (lateness, times) = recorded(&[50, 70, 30, 45], 10);
        let times = times.get().unwrap();
        assert_eq!(
            (times.min(), times.max(), times.count()),
            (Some(0), Some(40), 4)
        );
        assert_eq!((lateness.origin_ns(), lateness.error_ns()), (Some(30), 0));
    }

    #[test]
    fn a_minimum_behind_the_kept_offsets_is_the_error_of_those_before() {
        let (lateness, times) = recorded(&[50, 70, 30, 45], 2);
        let times = times.get().unwrap();
        // 50 and 70 less the 30 that made them be recorded, then 30 and 45 less 30.
        assert_eq!((times.max(), lateness.error_ns()), (Some(40), 0));
        let (lateness, times) = recorded(&[50, 70, 60, 30], 2);
        assert_eq!(times.get().unwrap().max(), Some(20));
        assert_eq!(lateness.error_ns(), 20);
    }

    #[test]
    fn offsets_of_absurd_numbers_do_not_overflow() {
        assert_eq!(offset_ns(5, i128::from(u64::MAX), u64::MAX), i64::MIN);
        assert_eq!(offset_ns(5, -i128::from(u64::MAX), u64::MAX), i64::MAX);
        assert_eq!(offset_ns(250, 2, 100), 50);
        let (lateness, _) = recorded(&[i64::MAX, i64::MIN], 1);
        assert_eq!(lateness.error_ns(), 0);
    }

    proptest! {
        #[test]
        fn lateness_is_understated_by_the_error_at_most(
            offsets in prop::collection::vec(-1_000_000..1_000_000_i64, 1..100), limit in 1..120_usize,
        ) {
            let (lateness, times) = recorded(&offsets, limit);
            let least = *offsets.iter().min().unwrap();
            let exact = offsets.iter().map(|offset| offset.abs_diff(least));
            let exact_sum: u64 = exact.clone().sum();
            let times = times.get().unwrap();
            prop_assert_eq!(times.count(), offsets.len() as u64);
            prop_assert_eq!(lateness.origin_ns(), Some(least));
            let max = exact.max().unwrap();
            prop_assert!(times.max().unwrap() <= max);
            prop_assert!(times.max().unwrap() + lateness.error_ns() >= max);
            let sum = times.mean().unwrap() * times.count() as f64;
            let most = lateness.error_ns() * times.count();
            prop_assert!(sum <= exact_sum as f64 + 1.0 && sum + most as f64 + 1.0 >= exact_sum as f64);
            if limit >= offsets.len() {
                prop_assert_eq!(lateness.error_ns(), 0);
                let mut all = LatencyHistogram::new();
                offsets.iter().for_each(|offset| all.record(offset.abs_diff(least)));
                prop_assert_eq!(times, &all);
            }
        }
    }
}
