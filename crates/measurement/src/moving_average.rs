//! Moving averages: the mean of each window of successive values.

use std::num::NonZeroUsize;
use std::ops::Add;

/// The sum of the last `window` values, updated with each value.
///
/// Values are cut into blocks of `window` values. Each window is the end of one block plus the beginning of the next
/// (van Herk 1992). Sums are only added to, never subtracted from, so rounding errors do not accumulate. Sums of
/// integers are exact. Memory is one window.
#[derive(Debug, Clone)]
struct MovingSum<S> {
    window: NonZeroUsize,
    /// The first `at` slots hold the values of the running block. Each later slot holds the sum of the last complete
    /// block from that slot to its end.
    block: Vec<S>,
    at: usize,
    /// Sum of the running block's values.
    beginning: S,
    is_full: bool,
}

impl<S: Copy + Default + Add<Output = S>> MovingSum<S> {
    fn new(window: NonZeroUsize) -> Self {
        Self {
            window,
            // Grows with the values, because a window may be far larger than their number.
            block: Vec::new(),
            at: 0,
            beginning: S::default(),
            is_full: false,
        }
    }

    fn push(&mut self, value: S) {
        if self.is_full {
            self.block[self.at] = value;
        } else {
            self.block.push(value);
        }
        self.at += 1;
        if self.at == self.window.get() {
            self.end_block();
        } else {
            self.beginning = self.beginning + value;
        }
    }

    /// The sum of the last `window` values; `None` before `window` values were added.
    fn sum(&self) -> Option<S> {
        self.is_full.then(|| self.block[self.at] + self.beginning)
    }

    fn end_block(&mut self) {
        let mut end = S::default();
        for slot in self.block.iter_mut().rev() {
            end = end + *slot;
            *slot = end;
        }
        self.at = 0;
        self.beginning = S::default();
        self.is_full = true;
    }
}

/// The mean of each `window` successive values. Returns `window` − 1 fewer averages than there are values.
pub fn averages(values: &[f64], window: NonZeroUsize) -> Vec<f64> {
    let Some(count) = (values.len() + 1).checked_sub(window.get()) else {
        return Vec::new();
    };
    let size = window.get() as f64;
    let mut sums = MovingSum::new(window);
    let mut averages = Vec::with_capacity(count);
    for value in values {
        sums.push(*value);
        averages.extend(sums.sum().map(|sum| sum / size));
    }
    averages
}

/// A group of successive times, summarized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MovingGroup {
    /// Position of the group's last time, from 1.
    pub last: usize,
    /// Mean of the window that ends at `last`; `None` before `window` times have come.
    pub average: Option<f64>,
    /// The group's smallest time.
    pub min: u64,
    /// The group's 99th percentile: the smallest time that at least 99 % of the group do not exceed, as HdrHistogram
    /// defines it. The largest time in a group of fewer than 100.
    pub p99: u64,
    /// The group's largest time.
    pub max: u64,
}

/// Cuts the times into at most `most` groups of equal size (the last may be smaller) and computes the mean of the last
/// `window` times at the end of each.
///
/// Sums are integers and therefore exact. Memory is one window and one group.
pub fn groups(
    times: impl Iterator<Item = u64> + Clone,
    window: NonZeroUsize,
    most: NonZeroUsize,
) -> Vec<MovingGroup> {
    let count = times.clone().count();
    let size = count.div_ceil(most.get()).max(1);
    let mut groups = Vec::with_capacity(count.div_ceil(size));
    let mut sums = MovingSum::new(window);
    let mut group = Vec::with_capacity(size);
    for (at, time) in times.enumerate() {
        sums.push(u128::from(time));
        group.push(time);
        let last = at + 1;
        if group.len() < size && last < count {
            continue;
        }
        if let (Some(&min), Some(&max)) = (group.iter().min(), group.iter().max()) {
            let rank = (group.len() * 99).div_ceil(100);
            let p99 = *group.select_nth_unstable(rank - 1).1;
            let average = sums.sum().map(|sum| sum as f64 / window.get() as f64);
            groups.push(MovingGroup {
                last,
                average,
                min,
                p99,
                max,
            });
        }
        group.clear();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nonzero(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    /// Reference implementation: the mean of each window, computed from its definition.
    fn naive_average(values: &[f64], window: usize) -> Vec<f64> {
        values
            .windows(window)
            .map(|w| w.iter().sum::<f64>() / window as f64)
            .collect()
    }

    fn is_close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn the_average_is_that_of_the_last_n_from_the_nth_on() {
        let of_three = averages(&[1.0, 2.0, 6.0, 3.0, 0.0], nonzero(3));
        assert_eq!(of_three, [3.0, 11.0 / 3.0, 3.0]);
        assert_eq!(averages(&[4.0, 5.0], nonzero(1)), [4.0, 5.0]);
        assert_eq!(averages(&[4.0, 6.0], nonzero(2)), [5.0]);
        assert!(averages(&[4.0, 5.0], NonZeroUsize::MAX).is_empty());
        assert!(averages(&[], nonzero(1)).is_empty());
    }

    #[test]
    fn a_million_values_do_not_make_it_drift() {
        // With a plain running sum, a spike of 1e12 leaves an error of 1e-4 in every later sum.
        let values: Vec<f64> = (0..1_000_000_u32)
            .map(|i| {
                if i % 100_003 == 7 {
                    1e12
                } else {
                    f64::from(i % 1013) * 1e-3 + 1e-3
                }
            })
            .collect();
        for window in [2, 50, 999] {
            let ours = averages(&values, nonzero(window));
            let naive = naive_average(&values, window);
            assert_eq!(ours.len(), naive.len());
            assert!(
                ours.iter().zip(&naive).all(|(a, b)| is_close(*a, *b)),
                "window {window}"
            );
        }
    }

    #[test]
    fn the_average_begins_with_the_first_full_window() {
        let times = [1, 2, 6, 3, 0];
        let of_three = groups(times.into_iter(), nonzero(3), nonzero(9));
        let averages: Vec<_> = of_three.iter().map(|g| g.average).collect();
        assert_eq!(
            averages,
            [None, None, Some(3.0), Some(11.0 / 3.0), Some(3.0)]
        );
        let halves = groups(times.into_iter(), nonzero(1), nonzero(2));
        let expected = |last, average, min, max| MovingGroup {
            last,
            average: Some(average),
            min,
            p99: max,
            max,
        };
        assert_eq!(halves, [expected(3, 6.0, 1, 6), expected(5, 0.0, 0, 3)]);
        assert!(groups([].into_iter(), nonzero(3), nonzero(2)).is_empty());
    }

    #[test]
    fn one_of_two_hundred_lies_beyond_the_p99() {
        let group = groups(1..=200, nonzero(50), nonzero(1))[0];
        assert_eq!((group.min, group.p99, group.max), (1, 198, 200));
    }

    proptest! {
        #[test]
        fn the_average_equals_the_naive_sum(
            values in prop::collection::vec(0.0..1e6_f64, 1..400),
            window in 1..400_usize,
        ) {
            let ours = averages(&values, nonzero(window));
            let naive = naive_average(&values, window);
            prop_assert_eq!(ours.len(), naive.len());
            for (a, b) in ours.iter().zip(&naive) {
                prop_assert!(is_close(*a, *b), "{} {}", a, b);
            }
        }

        #[test]
        fn groups_cover_all_times_once(
            times in prop::collection::vec(0..u64::MAX, 0..400),
            window in 1..60_usize,
            most in 1..60_usize,
        ) {
            let groups = groups(times.iter().copied(), nonzero(window), nonzero(most));
            prop_assert!(groups.len() <= most);
            prop_assert_eq!(groups.last().map_or(0, |g| g.last), times.len());
            let mut from = 0;
            for group in groups {
                let own = &times[from..group.last];
                from = group.last;
                prop_assert_eq!(Some(group.min), own.iter().copied().min());
                prop_assert_eq!(Some(group.max), own.iter().copied().max());
                let beyond = own.iter().filter(|t| **t > group.p99).count();
                let from_there = own.iter().filter(|t| **t >= group.p99).count();
                prop_assert!(beyond * 100 <= own.len() && own.len() < from_there * 100);
                // Reference: the mean computed from its definition.
                let naive = group.last.checked_sub(window).map(|begin| {
                    let window = &times[begin..group.last];
                    window.iter().map(|t| u128::from(*t)).sum::<u128>() as f64 / window.len() as f64
                });
                prop_assert_eq!(group.average, naive);
            }
        }
    }
}
