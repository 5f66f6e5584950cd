//! The moving average of many times, at no more points than can be looked at.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

/// What successive times have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Position of the last of them, from 1.
    pub last: usize,
    /// The mean of the window that ends there; `None` before that is full.
    pub average: Option<f64>,
    /// The smallest.
    pub min: u64,
    /// The smallest that 99 of a hundred do not exceed, as HdrHistogram defines it; the largest of
    /// less than a hundred.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

/// Cuts the times into at most `most` groups of the same number of successive ones (the last may
/// have fewer), and takes the mean of the last `window` times at the end of each.
///
/// Sums are of whole numbers, so nothing drifts or cancels, and memory is a window and a group.
#[must_use]
pub fn groups(
    times: impl Iterator<Item = u64> + Clone,
    window: NonZeroUsize,
    most: NonZeroUsize,
) -> Vec<Group> {
    let count = times.clone().count();
    let size = count.div_ceil(most.get()).max(1);
    let mut groups = Vec::with_capacity(count.div_ceil(size));
    let mut recent = VecDeque::with_capacity(window.get());
    let mut sum = 0_u128;
    let mut group = Vec::with_capacity(size);
    for (at, time) in times.enumerate() {
        if recent.len() == window.get() {
            sum -= u128::from(recent.pop_front().unwrap_or(0));
        }
        recent.push_back(time);
        sum += u128::from(time);
        group.push(time);
        let last = at + 1;
        if group.len() < size && last < count {
            continue;
        }
        let is_full = recent.len() == window.get();
        if let (Some(&min), Some(&max)) = (group.iter().min(), group.iter().max()) {
            let rank = (group.len() * 99).div_ceil(100);
            let p99 = *group.select_nth_unstable(rank - 1).1;
            #[allow(clippy::cast_precision_loss)]
            let average = is_full.then(|| sum as f64 / window.get() as f64);
            groups.push(Group {
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
        let expected = |last, average, min, max| Group {
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
                // What the average means, word by word.
                let naive = group.last.checked_sub(window).map(|begin| {
                    let window = &times[begin..group.last];
                    window.iter().map(|t| u128::from(*t)).sum::<u128>() as f64 / window.len() as f64
                });
                prop_assert_eq!(group.average, naive);
            }
        }
    }
}
