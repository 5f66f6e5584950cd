//! What is drawn, as plain numbers: quantiles, bins, outlines. Knows neither files nor colours.
//! Moving averages come from [`measurement::moving`].
//!
//! | module | what lives there |
//! |---|---|
//! | here | messages in order of sending: quantiles, bins that keep the extremes |
//! | `sorted` | distributions: quantiles, shares, HdrHistogram's spectrum |
//! | `log_bins` | histograms of times' magnitudes |
//! | `seconds` | steps along the time axis |
//! | `cells` | time and magnitude together |
//!
//! A message's position counts from 0 here; the picture numbers messages from 1.

mod cells;
mod log_bins;
mod seconds;
mod sorted;
mod xy_data;

use std::num::NonZeroUsize;

pub use cells::{Cells, CountSteps, moment, rows_for, slice_for};
pub use log_bins::{LogBins, bins_for, histogram};
pub use seconds::{TimeStep, failures, lines, rates, steps, time_unit};
pub use sorted::{
    SortedTimes, even_places, log_places, quantile_at, shares, spectrum, spectrum_end,
};
pub(crate) use xy_data::{
    is_wide, latency_unit, one_per_pixel, pad_range, sort_by_x, span, thin_out,
};

/// The figures of a whole series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KeyFigures {
    /// Half of the values are at most this.
    pub p50: f64,
    /// Of a hundred values, ninety-nine are at most this.
    pub p99: f64,
    /// The largest value.
    pub max: f64,
    /// The smallest value above zero, where a logarithmic axis can begin.
    pub min_positive: Option<f64>,
}

impl KeyFigures {
    /// The figures of times in ascending order.
    #[must_use]
    pub fn of_sorted(sorted: &SortedTimes) -> Self {
        Self {
            p50: sorted.quantile(0.5),
            p99: sorted.quantile(0.99),
            max: sorted.max(),
            min_positive: sorted.min_positive(),
        }
    }

    /// `None` without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut scratch = values.to_vec();
        Some(Self {
            p50: quantile(&mut scratch, 0.5)?,
            p99: quantile(&mut scratch, 0.99)?,
            max: quantile(&mut scratch, 1.0)?,
            min_positive: values
                .iter()
                .copied()
                .filter(|v| *v > 0.0)
                .min_by(f64::total_cmp),
        })
    }
}

/// The smallest value that the share `q` of all values does not exceed, as HdrHistogram defines it.
/// Reorders the values.
fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    // A share of a length is at most that length.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = (q * values.len() as f64).ceil() as usize;
    let at = rank.max(1).min(values.len()).checked_sub(1)?;
    Some(*values.select_nth_unstable_by(at, f64::total_cmp).1)
}

/// What lies in the middle of many successive messages, and how far they range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Which group of columns, from 0.
    pub index: usize,
    /// How many messages.
    pub count: usize,
    /// The smallest and the largest value.
    pub extremes: (f64, f64),
    /// The middle 96 %.
    pub bulk: (f64, f64),
    /// The middle 90 %.
    pub body: (f64, f64),
}

/// Where one column of the picture ends and the next begins, when `span` positions share `columns`.
fn column_start(column: usize, span: usize, columns: NonZeroUsize) -> usize {
    (column.min(columns.get()) * span).div_ceil(columns.get())
}

/// The values that stand in each group of `wide` columns, as far as there are any.
fn groups(
    values: &[f64],
    span: usize,
    columns: NonZeroUsize,
    wide: usize,
) -> impl Iterator<Item = (usize, &[f64])> {
    let start = move |group: usize| column_start(group * wide, span, columns).min(values.len());
    (0..columns.get().div_ceil(wide.max(1)))
        .map(move |group| (group, &values[start(group)..start(group + 1)]))
        .filter(|(_, inside)| !inside.is_empty())
}

/// Cuts the picture's `span` positions into `columns` and tells how the values of each `wide`
/// columns lie.
#[must_use]
pub fn bins(values: &[f64], span: usize, columns: NonZeroUsize, wide: usize) -> Vec<Bin> {
    let mut scratch = Vec::new();
    groups(values, span, columns, wide)
        .filter_map(|(index, inside)| {
            scratch.clear();
            scratch.extend_from_slice(inside);
            let mut middle = |outside| {
                let low = quantile(&mut scratch, outside)?;
                Some((low, quantile(&mut scratch, 1.0 - outside)?))
            };
            Some(Bin {
                index,
                count: inside.len(),
                extremes: middle(0.0)?,
                bulk: middle(0.02)?,
                body: middle(0.05)?,
            })
        })
        .collect()
}

/// The smallest and the largest value of each column that has any: what no picture may leave out.
#[must_use]
pub fn extremes(values: &[f64], span: usize, columns: NonZeroUsize) -> Vec<(usize, f64, f64)> {
    groups(values, span, columns, 1)
        .filter_map(|(column, inside)| {
            let low = inside.iter().copied().min_by(f64::total_cmp)?;
            let high = inside.iter().copied().max_by(f64::total_cmp)?;
            Some((column, low, high))
        })
        .collect()
}

/// How far the values of one column range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnRange {
    /// Which column, from 0.
    pub column: usize,
    /// The smallest value.
    pub low: f64,
    /// The mean of all.
    pub mean: f64,
    /// The largest value.
    pub high: f64,
}

/// How far the values of each column reach, as far as there are any. The first value stands at
/// position `first`.
#[must_use]
pub fn column_ranges(
    values: &[f64],
    first: usize,
    span: usize,
    columns: NonZeroUsize,
) -> Vec<ColumnRange> {
    let start = |column| {
        let start = column_start(column, span, columns);
        start.saturating_sub(first).min(values.len())
    };
    (0..columns.get())
        .filter_map(|column| {
            let inside = &values[start(column)..start(column + 1)];
            Some(ColumnRange {
                column,
                low: inside.iter().copied().min_by(f64::total_cmp)?,
                mean: inside.iter().sum::<f64>() / inside.len() as f64,
                high: inside.iter().copied().max_by(f64::total_cmp)?,
            })
        })
        .collect()
}

/// A point of a line: position, counted from 0, and value.
pub type Point = (f64, f64);

/// The values as a line that looks the same as one through all of them: first, smallest, largest
/// and last of each column (M4: Jugel et al., VLDB'14). The first value stands at position `first`.
#[must_use]
pub fn outline(values: &[f64], first: usize, span: usize, columns: NonZeroUsize) -> Vec<Point> {
    let point = |at: usize| ((first + at) as f64, values[at]);
    if values.len() <= 2 * columns.get() {
        return (0..values.len()).map(point).collect();
    }
    let mut points = Vec::with_capacity(4 * columns.get());
    let mut start = 0;
    for column in 1..=columns.get() {
        let end = column_start(column, span, columns);
        let end = end.saturating_sub(first).min(values.len());
        if start >= end {
            continue;
        }
        let by_value = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let low = (start..end).min_by(by_value).unwrap_or(start);
        let high = (start..end).max_by(by_value).unwrap_or(start);
        let mut picked = [start, low, high, end - 1];
        picked.sort_unstable();
        let mut last = None;
        for at in picked {
            if last != Some(at) {
                points.push(point(at));
            }
            last = Some(at);
        }
        start = end;
    }
    points
}

/// The parts of a line that do not rise above `top`, cut where it crosses.
#[must_use]
pub fn below(points: &[Point], top: f64) -> Vec<Vec<Point>> {
    let mut parts = Vec::new();
    let mut part: Vec<Point> = Vec::new();
    let mut previous: Option<Point> = None;
    for &(x, y) in points {
        if let Some((px, py)) = previous
            && (py > top) != (y > top)
        {
            part.push((px + (x - px) * (top - py) / (y - py), top));
        }
        if y <= top {
            part.push((x, y));
        } else if !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        previous = Some((x, y));
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// Where a linear axis ends at the top.
///
/// One message of a second among a million of a millisecond must not press all others into a line
/// at the bottom. So when the largest value is more than three times the 99th percentile, the axis
/// ends at twice that percentile, or as high as the averages reach, up to four times; what lies
/// above is marked at the upper edge and counted.
#[must_use]
pub fn linear_top(digests: &[KeyFigures], largest_average: f64) -> f64 {
    let max = digests.iter().map(|d| d.max).fold(0.0, f64::max);
    let p99 = digests.iter().map(|d| d.p99).fold(0.0, f64::max);
    if p99 == 0.0 || max <= 3.0 * p99 {
        return max;
    }
    let averages = if largest_average <= 4.0 * p99 {
        largest_average
    } else {
        0.0
    };
    averages.max(2.0 * p99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nonzero(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

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

    #[test]
    fn bins_keep_the_extremes_and_the_body() {
        let mut values = vec![1.0; 1_000];
        values[512] = 99.0;
        values[513] = 0.25;
        let bins = bins(&values, 1_000, nonzero(20), 2);
        assert_eq!(bins.len(), 10);
        let spiked = bins[5];
        assert_eq!((spiked.index, spiked.count), (5, 100));
        assert_eq!(spiked.extremes, (0.25, 99.0));
        assert_eq!((spiked.bulk, spiked.body), ((1.0, 1.0), (1.0, 1.0)));
        assert_eq!(extremes(&values, 1_000, nonzero(10))[5], (5, 0.25, 99.0));
        assert_eq!(extremes(&values, 1_000, nonzero(10))[4], (4, 1.0, 1.0));
    }

    #[test]
    fn a_shorter_series_fills_its_share_of_the_columns() {
        let bins = bins(&vec![1.0; 250], 1_000, nonzero(100), 1);
        assert_eq!(bins.len(), 25);
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 250);
    }

    #[test]
    fn a_line_is_cut_where_it_leaves_the_picture() {
        let parts = below(&[(0.0, 0.0), (1.0, 4.0), (2.0, 0.0), (3.0, 1.0)], 2.0);
        let expected = vec![
            vec![(0.0, 0.0), (0.5, 2.0)],
            vec![(1.5, 2.0), (2.0, 0.0), (3.0, 1.0)],
        ];
        assert_eq!(parts, expected);
        assert!(below(&[(0.0, 3.0), (1.0, 4.0)], 2.0).is_empty());
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

    proptest! {
        #[test]
        fn no_message_is_lost_between_bins(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            longer in 0..300_usize,
            columns in 1..60_usize,
            wide in 1..5_usize,
        ) {
            let bins = bins(&values, values.len() + longer, nonzero(columns), wide);
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), values.len());
            let highest = values.iter().copied().fold(0.0, f64::max);
            prop_assert_eq!(bins.iter().map(|bin| bin.extremes.1).fold(0.0, f64::max), highest);
            let kept = extremes(&values, values.len() + longer, nonzero(columns));
            prop_assert_eq!(kept.iter().map(|(_, _, high)| *high).fold(0.0, f64::max), highest);
            for bin in &bins {
                let own = kept.iter().filter(|(column, ..)| column / wide == bin.index);
                prop_assert_eq!(own.map(|(_, _, high)| *high).fold(0.0, f64::max), bin.extremes.1);
                let Bin { extremes, bulk, body, .. } = bin;
                let ordered = [extremes.0, bulk.0, body.0, body.1, bulk.1, extremes.1];
                prop_assert!(ordered.is_sorted());
            }
        }

        #[test]
        fn each_value_is_within_the_reach_of_its_column(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            first in 0..50_usize,
            columns in 1..60_usize,
        ) {
            let span = first + values.len();
            let ranges = column_ranges(&values, first, span, nonzero(columns));
            prop_assert!(ranges.windows(2).all(|pair| pair[0].column < pair[1].column));
            let column = |at: usize| (first + at) * columns / span;
            for range in &ranges {
                let inside = (0..values.len()).filter(|at| column(*at) == range.column);
                let inside: Vec<f64> = inside.map(|at| values[at]).collect();
                let mean = inside.iter().sum::<f64>() / inside.len() as f64;
                prop_assert!((range.mean - mean).abs() < 1e-9);
                prop_assert_eq!(inside.iter().copied().fold(f64::INFINITY, f64::min), range.low);
                prop_assert_eq!(inside.iter().copied().fold(0.0, f64::max), range.high);
            }
            let of = |at: usize| ranges.iter().any(|range| range.column == column(at));
            prop_assert!((0..values.len()).all(of));
        }

        #[test]
        fn an_outline_keeps_ends_and_extremes_in_order(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            first in 0..50_usize,
            columns in 1..20_usize,
        ) {
            let points = outline(&values, first, first + values.len(), nonzero(columns));
            prop_assert!(points.len() <= (4 * columns).max(2 * columns));
            prop_assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert_eq!(points[0], (first as f64, values[0]));
            prop_assert_eq!(points[points.len() - 1].1, values[values.len() - 1]);
            let highest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
            prop_assert_eq!(
                highest(&mut points.iter().map(|p| p.1)),
                highest(&mut values.iter().copied())
            );
        }
    }
}
