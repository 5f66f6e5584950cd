//! Intervals of a picture of lost connections, each as long as several of those in the file.

use measurement::run::ReconnectRow;

use crate::number_format::fixed_decimals;
use crate::series::whole;

/// Intervals of the picture, which begin at multiples of their length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct StormBins {
    pub(crate) first: u64,
    pub(crate) count: u64,
    pub(crate) length_s: f64,
}

impl StormBins {
    /// Largest number of them.
    const MOST: f64 = 120.0;

    /// Pixels of the picture for each of them, at least.
    const WIDTH: f64 = 10.0;

    /// Bins of 1, 2, 5, 10, … of these intervals, over this time, in a picture of this width in pixels.
    pub(crate) fn over((from_s, to_s): (f64, f64), interval_s: f64, width: u32) -> Self {
        let most = (f64::from(width) / Self::WIDTH).min(Self::MOST);
        let mut multiples =
            (0..30).flat_map(|power| [1.0, 2.0, 5.0].map(|n| n * 10_f64.powi(power)));
        let fits = |multiple: &f64| (to_s - from_s) / (multiple * interval_s) <= most;
        let length_s = multiples.find(fits).unwrap_or(f64::MAX) * interval_s;
        let number = |at_s: f64| whole((at_s / length_s).max(0.0)) as u64;
        let first = number(from_s);
        Self {
            first,
            count: number(to_s) - first + 1,
            length_s,
        }
    }

    /// Length of a bin: `50 ms`, `2 s`, `2.56 s`
    pub(crate) fn length(&self) -> String {
        let length_s = self.length_s;
        if length_s < 1.0 {
            return format!("{} ms", fixed_decimals((1e3 * length_s).round(), 0));
        }
        let decimals = if length_s.fract() < 1e-9 { 0 } else { 2 };
        format!("{} s", fixed_decimals(length_s, decimals))
    }

    /// Start and end of a bin, by its number from 0.
    pub(crate) fn ends(&self, at: u64) -> (f64, f64) {
        let from = (self.first + at) as f64;
        (from * self.length_s, (from + 1.0) * self.length_s)
    }

    /// Number of events of each bin.
    pub(crate) fn counts(
        &self,
        rows: &[ReconnectRow],
        count: fn(&ReconnectRow) -> u64,
    ) -> Vec<u64> {
        let mut counts = vec![0; whole(self.count as f64)];
        for row in rows {
            // Starts of intervals are sums of decimal fractions, which are not exact.
            let number = whole(row.from_s / self.length_s + 1e-6) as u64;
            let at = number.checked_sub(self.first).map(|at| whole(at as f64));
            if let Some(bin) = at.and_then(|at| counts.get_mut(at)) {
                *bin += count(row);
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_storm_keeps_its_intervals_and_a_long_one_has_wider_ones() {
        let length = |to_s| StormBins::over((1.0, to_s), 0.01, 1280).length_s;
        assert!((length(1.2) - 0.01).abs() < 1e-12);
        assert!((length(3.4) - 0.02).abs() < 1e-12);
        assert!((length(301.0) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn bars_of_a_small_picture_were_thinner_than_it_can_show() {
        let bins = StormBins::over((1.0, 2.19), 0.01, 400);
        assert!((bins.length_s - 0.05).abs() < 1e-12, "{bins:?}");
    }

    proptest! {
        #[test]
        fn every_event_is_in_a_bin(
            starts in prop::collection::vec(0..100_000_u64, 1..50), doubled in 0..8_u32,
        ) {
            let width_s = 0.01 * f64::from(1 << doubled);
            let row = |start: &u64| ReconnectRow {
                from_s: *start as f64 * width_s,
                to_s: *start as f64 * width_s + width_s,
                attempts: 1,
                ..ReconnectRow::default()
            };
            let rows: Vec<_> = starts.iter().map(row).collect();
            let from_s = rows.iter().map(|row| row.from_s).fold(f64::MAX, f64::min);
            let to_s = rows.iter().map(|row| row.to_s).fold(0.0, f64::max);
            let bins = StormBins::over((from_s, to_s), width_s, 1280);
            let counts = bins.counts(&rows, |row| row.attempts);
            prop_assert_eq!(counts.iter().sum::<u64>(), rows.len() as u64);
            prop_assert!(bins.count <= 122);
        }
    }
}
