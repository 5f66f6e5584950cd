//! A histogram of times, drawn with characters.

use measurement::record::{LatencyHistogram, log_bounds};
use units::human_time;

/// Bars of one eighth, two eighths, … of a row.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Times in bins of equal width on a logarithmic axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistogramBars {
    /// Name of the time: `service time` or `response time`.
    pub(crate) name: &'static str,
    /// Number of messages in each bin. A bin is one column.
    pub(crate) counts: Vec<u64>,
    /// The smallest and the largest time as text.
    pub(crate) ends: [String; 2],
    /// Column and name of each percentile.
    pub(crate) marks: Vec<(usize, &'static str)>,
}

impl HistogramBars {
    /// Counts the times in `columns` bins from the smallest to the largest; `None` without times.
    pub(crate) fn new(
        times: &LatencyHistogram,
        name: &'static str,
        columns: usize,
    ) -> Option<Self> {
        let (low, high) = times.min().zip(times.max())?;
        let bounds = log_bounds(low, high, columns);
        let mut below = 0;
        let counts = times.counts_up_to(&bounds).into_iter().map(|up_to| {
            let count = up_to - below;
            below = up_to;
            count
        });
        let counts = counts.collect();
        let mark = |(q, mark)| {
            let value = times.quantile(q)?;
            let column = bounds.iter().position(|bound| value <= *bound)?;
            Some((column, mark))
        };
        let ends = [low, high].map(|ns| human_time(ns as f64));
        Some(Self {
            name,
            counts,
            ends,
            marks: [(0.5, "p50"), (0.99, "p99")]
                .into_iter()
                .filter_map(mark)
                .collect(),
        })
    }

    /// The bars in `rows` rows, from top to bottom. A non-empty bin is always visible.
    #[allow(clippy::cast_possible_truncation)]
    pub(crate) fn rows(&self, rows: usize) -> Vec<String> {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let eighths = |count: u64| {
            let whole = u128::from(count) * 8 * rows as u128 / u128::from(most);
            // At most eight times the number of rows of a screen.
            (whole as usize).max(usize::from(count > 0))
        };
        let row = |row: usize| {
            let below = 8 * (rows - 1 - row);
            let glyph = |count: &u64| match eighths(*count).saturating_sub(below) {
                0 => ' ',
                n => EIGHTHS[n.min(8) - 1],
            };
            self.counts.iter().map(glyph).collect()
        };
        (0..rows).map(row).collect()
    }

    /// The two rows below the bars: percentiles at their columns, and the ends.
    pub(crate) fn axis(&self) -> [String; 2] {
        let columns = self.counts.len();
        let mut marks = vec![' '; columns];
        // The first label is to the left of its column and the others to the right, if they fit.
        let mut free = 0;
        for (column, name) in &self.marks {
            let (left, right) = (format!("{name}╵"), format!("╵{name}"));
            let length = right.chars().count();
            let before = (column + 1).checked_sub(length).filter(|at| *at >= free);
            let after = Some(*column).filter(|at| *at >= free && at + length <= columns);
            let place = match (before, after) {
                (Some(at), _) if free == 0 => Some((at, left)),
                (_, Some(at)) => Some((at, right)),
                (Some(at), None) => Some((at, left)),
                // The label does not fit.
                (None, None) => None,
            };
            if let Some((at, text)) = place {
                free = at + length;
                for (slot, letter) in marks.iter_mut().skip(at).zip(text.chars()) {
                    *slot = letter;
                }
            }
        }
        let [low, high] = &self.ends;
        let room = columns.saturating_sub(low.chars().count());
        [marks.into_iter().collect(), format!("{low}{high:>room$}")]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn bars(counts: &[u64]) -> HistogramBars {
        HistogramBars {
            name: "service time",
            counts: counts.to_vec(),
            ends: ["1.00 µs".to_owned(), "1.00 ms".to_owned()],
            marks: vec![(2, "p50"), (4, "p99")],
        }
    }

    #[test]
    fn every_message_is_in_one_bin() {
        let mut times = LatencyHistogram::new();
        for n in 0..10_000_u64 {
            times.record(50_000 + n * n);
        }
        let bars = HistogramBars::new(&times, "service time", 40).unwrap();
        assert_eq!(bars.counts.iter().sum::<u64>(), 10_000);
        assert_eq!(bars.counts.len(), 40);
        let (p50, p99) = (bars.marks[0].0, bars.marks[1].0);
        // Half of the times are below 25 ms of 100 ms: 0.82 of the axis from 50 µs on a logarithmic scale.
        assert_eq!(p50, 32);
        assert_eq!(p99, 39);
        assert_eq!(
            HistogramBars::new(&LatencyHistogram::new(), "service time", 40),
            None
        );
    }

    #[test]
    fn a_single_value_is_a_single_bar() {
        let mut times = LatencyHistogram::new();
        times.record(5_000_000);
        let bars = HistogramBars::new(&times, "service time", 8).unwrap();
        assert_eq!(bars.counts.iter().sum::<u64>(), 1);
    }

    #[test]
    fn bars_are_as_high_as_their_counts_and_the_smallest_is_seen() {
        assert_eq!(bars(&[0, 1, 8, 16, 100_000]).rows(1), [" ▁▁▁█"]);
        assert_eq!(bars(&[4, 8, 16]).rows(2), ["  █", "▄██"]);
        assert_eq!(bars(&[0, 0]).rows(2), ["  ", "  "]);
        assert!(bars(&[1]).rows(0).is_empty());
    }

    #[test]
    fn marks_do_not_hide_each_other() {
        let axis = |columns, p50, p99| {
            let bars = HistogramBars {
                marks: vec![(p50, "p50"), (p99, "p99")],
                ..bars(&vec![1; columns])
            };
            bars.axis()[0].clone()
        };
        assert_eq!(axis(20, 5, 12), "  p50╵      ╵p99    ");
        assert_eq!(axis(20, 5, 6), "  p50╵╵p99          ");
        assert_eq!(axis(20, 15, 19), "            p50╵p99╵");
        assert_eq!(axis(20, 0, 19), "╵p50            p99╵");
        // If both do not fit, the first one is kept.
        assert_eq!(axis(20, 18, 19), "               p50╵ ");
        assert_eq!(axis(3, 1, 2), "   ");
        assert_eq!(bars(&[1; 20]).axis()[1], "1.00 µs      1.00 ms");
    }
}
