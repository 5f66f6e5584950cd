//! Messages in order of sending, by the columns of pixels that they share.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::Point;
use super::key_figures::quantile;

/// The middle and the extremes of many successive messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bin {
    /// Number of the group of columns, from 0.
    pub(crate) index: usize,
    /// Number of messages.
    pub(crate) count: usize,
    pub(crate) extremes: (f64, f64),
    /// The middle 96 %.
    pub(crate) bulk: (f64, f64),
    /// The middle 90 %.
    pub(crate) body: (f64, f64),
}

/// Positions of successive values in a picture, from 0 and ascending.
#[derive(Debug, Clone, Copy)]
pub enum Positions<'p> {
    /// One after the other, the first value at this position.
    From(usize),
    /// The position of each value.
    Each(&'p [u32]),
}

impl Positions<'_> {
    /// The position of the value with this index.
    pub(crate) fn at(self, index: usize) -> usize {
        match self {
            Self::From(first) => first + index,
            Self::Each(all) => all.get(index).map_or(usize::MAX, |at| *at as usize),
        }
    }

    /// The index of the first value at this position or behind it; it can be one of no value.
    fn first_from(self, position: usize) -> usize {
        match self {
            Self::From(first) => position.saturating_sub(first),
            Self::Each(all) => all.partition_point(|at| (*at as usize) < position),
        }
    }

    /// The index of the value at this position; `None` where no value stands there. It can be one of no value.
    pub(crate) fn index_at(self, position: usize) -> Option<usize> {
        let index = self.first_from(position);
        let stands_there = match self {
            Self::From(first) => position >= first,
            Self::Each(all) => index < all.len() && self.at(index) == position,
        };
        stands_there.then_some(index)
    }

    /// The positions without those of the first values.
    pub(crate) fn skip(self, values: usize) -> Self {
        match self {
            Self::From(first) => Self::From(first + values),
            Self::Each(all) => Self::Each(all.get(values..).unwrap_or_default()),
        }
    }
}

/// The values of each group of `wide` columns that has any, when the picture's `span` positions share
/// `columns`.
fn groups(
    count: usize,
    positions: Positions<'_>,
    span: usize,
    columns: NonZeroUsize,
    wide: usize,
) -> impl Iterator<Item = (usize, Range<usize>)> {
    let start = move |group: usize| {
        let column = (group * wide).min(columns.get());
        let position = (column * span).div_ceil(columns.get());
        positions.first_from(position).min(count)
    };
    (0..columns.get().div_ceil(wide.max(1)))
        .map(move |group| (group, start(group)..start(group + 1)))
        .filter(|(_, inside)| !inside.is_empty())
}

/// The bins of each `wide` columns, when the picture's `span` positions share `columns`.
pub(crate) fn bins(
    values: &[f64],
    positions: Positions<'_>,
    span: usize,
    columns: NonZeroUsize,
    wide: usize,
) -> Vec<Bin> {
    let mut scratch = Vec::new();
    groups(values.len(), positions, span, columns, wide)
        .filter_map(|(index, inside)| {
            scratch.clear();
            scratch.extend_from_slice(&values[inside]);
            let mut middle = |outside| {
                let low = quantile(&mut scratch, outside)?;
                Some((low, quantile(&mut scratch, 1.0 - outside)?))
            };
            Some(Bin {
                index,
                extremes: middle(0.0)?,
                bulk: middle(0.02)?,
                body: middle(0.05)?,
                count: scratch.len(),
            })
        })
        .collect()
}

/// The range of the values of one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnRange {
    /// Number of the column, from 0.
    pub column: usize,
    /// The smallest value.
    pub low: f64,
    /// The mean value.
    pub mean: f64,
    /// The largest value.
    pub high: f64,
}

/// The range of the values of each column that has any, when the picture's `span` positions share `columns`.
pub fn column_ranges(
    values: &[f64],
    positions: Positions<'_>,
    span: usize,
    columns: NonZeroUsize,
) -> Vec<ColumnRange> {
    groups(values.len(), positions, span, columns, 1)
        .filter_map(|(column, inside)| {
            let inside = &values[inside];
            Some(ColumnRange {
                column,
                low: inside.iter().copied().min_by(f64::total_cmp)?,
                mean: inside.iter().sum::<f64>() / inside.len() as f64,
                high: inside.iter().copied().max_by(f64::total_cmp)?,
            })
        })
        .collect()
}

/// The values as a line that looks the same as one through all of them: first, smallest, largest
/// and last of each column (M4: Jugel et al., VLDB'14), when the picture's `span` positions share `columns`.
pub fn outline(
    values: &[f64],
    positions: Positions<'_>,
    span: usize,
    columns: NonZeroUsize,
) -> Vec<Point> {
    let point = |at: usize| (positions.at(at) as f64, values[at]);
    if values.len() <= 2 * columns.get() {
        return (0..values.len()).map(point).collect();
    }
    groups(values.len(), positions, span, columns, 1)
        .flat_map(|(_, inside)| ends_and_extremes(inside, |at| values[at]))
        .map(point)
        .collect()
}

/// The positions of the first, the smallest, the largest and the last value; each once, in order.
pub(super) fn ends_and_extremes(range: Range<usize>, value: impl Fn(usize) -> f64) -> Vec<usize> {
    let by_value = |a: &usize, b: &usize| value(*a).total_cmp(&value(*b));
    let low = range.clone().min_by(by_value);
    let high = range.clone().max_by(by_value);
    let ends = [range.clone().next(), range.last()];
    let mut picked: Vec<_> = ends.into_iter().chain([low, high]).flatten().collect();
    picked.sort_unstable();
    picked.dedup();
    picked
}

/// The parts of a line that do not rise above `top`, cut where it crosses.
pub(crate) fn clip_below(points: &[Point], top: f64) -> Vec<Vec<Point>> {
    let (mut parts, mut part) = (Vec::new(), Vec::new());
    let mut previous = points.first().copied().unwrap_or_default();
    for &(x, y) in points {
        let (px, py) = std::mem::replace(&mut previous, (x, y));
        if (py > top) != (y > top) {
            part.push((px + (x - px) * (top - py) / (y - py), top));
        }
        if y <= top {
            part.push((x, y));
        } else {
            parts.push(std::mem::take(&mut part));
        }
    }
    parts.push(part);
    parts.retain(|part: &Vec<Point>| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Column, smallest and largest value.
    fn extremes(values: &[f64], span: usize, columns: NonZeroUsize) -> Vec<(usize, f64, f64)> {
        let ranges = column_ranges(values, Positions::From(0), span, columns).into_iter();
        ranges
            .map(|range| (range.column, range.low, range.high))
            .collect()
    }

    fn nonzero(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn bins_keep_the_extremes_and_the_body() {
        let mut values = vec![1.0; 1_000];
        values[512] = 99.0;
        values[513] = 0.25;
        let bins = bins(&values, Positions::From(0), 1_000, nonzero(20), 2);
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
        let bins = bins(&vec![1.0; 250], Positions::From(0), 1_000, nonzero(100), 1);
        assert_eq!(bins.len(), 25);
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<usize>(), 250);
    }

    #[test]
    fn values_stand_at_their_own_positions() {
        let (values, rows) = ([1.0, 9.0, 2.0], [0, 5, 9]);
        let positions = Positions::Each(&rows);
        let ranges = column_ranges(&values, positions, 10, nonzero(5));
        let found: Vec<_> = ranges.iter().map(|one| (one.column, one.high)).collect();
        assert_eq!(found, [(0, 1.0), (2, 9.0), (4, 2.0)]);
        let points = outline(&values, positions, 10, nonzero(5));
        assert_eq!(points, [(0.0, 1.0), (5.0, 9.0), (9.0, 2.0)]);
        assert_eq!(positions.index_at(5), Some(1));
        assert_eq!([4, 10].map(|at| positions.index_at(at)), [None, None]);
        assert_eq!(positions.skip(1).at(0), 5);
        assert_eq!(Positions::From(2).index_at(1), None);
        assert_eq!(Positions::From(2).index_at(4), Some(2));
        assert_eq!(Positions::From(2).skip(3).at(0), 5);
    }

    #[test]
    fn a_line_is_cut_where_it_leaves_the_picture() {
        let parts = clip_below(&[(0.0, 0.0), (1.0, 4.0), (2.0, 0.0), (3.0, 1.0)], 2.0);
        let expected = vec![
            vec![(0.0, 0.0), (0.5, 2.0)],
            vec![(1.5, 2.0), (2.0, 0.0), (3.0, 1.0)],
        ];
        assert_eq!(parts, expected);
        assert!(clip_below(&[(0.0, 3.0), (1.0, 4.0)], 2.0).is_empty());
    }

    proptest! {
        #[test]
        fn no_message_is_lost_between_bins(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            longer in 0..300_usize,
            columns in 1..60_usize,
            wide in 1..5_usize,
        ) {
            let bins = bins(&values, Positions::From(0), values.len() + longer, nonzero(columns), wide);
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
            let ranges = column_ranges(&values, Positions::From(first), span, nonzero(columns));
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
        fn the_positions_of_each_value_are_those_from_the_first(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            first in 0..50_u32,
            columns in 1..60_usize,
        ) {
            let all: Vec<u32> = (first..).take(values.len()).collect();
            let (from, each) = (Positions::From(first as usize), Positions::Each(&all));
            let (span, columns) = (first as usize + values.len(), nonzero(columns));
            prop_assert_eq!(
                column_ranges(&values, from, span, columns),
                column_ranges(&values, each, span, columns)
            );
            prop_assert_eq!(
                outline(&values, from, span, columns),
                outline(&values, each, span, columns)
            );
        }

        #[test]
        fn an_outline_keeps_ends_and_extremes_in_order(
            values in prop::collection::vec(0.0..100.0_f64, 1..500),
            first in 0..50_usize,
            columns in 1..20_usize,
        ) {
            let points = outline(&values, Positions::From(first), first + values.len(), nonzero(columns));
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
