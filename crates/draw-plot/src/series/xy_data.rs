//! Times against numbers: their order, their axis, their unit.

use super::Point;
use super::columns::ends_and_extremes;

/// The points from the smallest x to the largest; those of one x stay in their order.
pub(crate) fn sort_by_x(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut sorted: Vec<_> = points.collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted
}

/// True if the smallest of these numbers would overlap on a linear axis.
pub(crate) fn is_wide((low, high): (f64, f64)) -> bool {
    low > 0.0 && high / low >= 100.0
}

/// The range with a margin at both ends, which does not reach below zero unless a number does.
pub(crate) fn pad_range((low, high): (f64, f64)) -> (f64, f64) {
    // A single number needs an axis as well.
    let air = if high > low {
        0.03 * (high - low)
    } else {
        0.5 * low.abs().max(1.0)
    };
    let lowest = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    ((low - air).max(lowest), high + air)
}

/// The unit in which times up to this are written without many zeros, and its number in a millisecond.
pub(crate) fn latency_unit(largest_ms: f64) -> (&'static str, f64) {
    if largest_ms > 0.0 && largest_ms < 1.0 {
        ("µs", 1e3)
    } else {
        ("ms", 1.0)
    }
}

/// The first, the lowest, the highest and the last point of each column of pixels, through which a line looks
/// the same. Points are in the order of x.
pub(crate) fn thin_out(pixels: &[Point]) -> Vec<Point> {
    let mut kept = Vec::new();
    for column in pixels.chunk_by(|a, b| a.0.round() == b.0.round()) {
        let picked = ends_and_extremes(0..column.len(), |at| column[at].1);
        kept.extend(picked.into_iter().map(|at| column[at]));
    }
    kept
}

/// One of the points of each pixel. Points are in pixels and in the order of x.
pub(crate) fn one_per_pixel(pixels: &[Point]) -> Vec<Point> {
    let mut kept = Vec::new();
    for column in pixels.chunk_by(|a, b| a.0.round() == b.0.round()) {
        let mut column = column.to_vec();
        column.sort_by(|a, b| a.1.total_cmp(&b.1));
        column.dedup_by_key(|point| point.1.round());
        kept.extend(column);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::span;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_go_from_left_to_right() {
        let points = [(10.0, 1.0), (-1.0, 2.0), (10.0, 0.5), (2.0, 3.0)];
        assert_eq!(
            sort_by_x(points.iter().copied()),
            [(-1.0, 2.0), (2.0, 3.0), (10.0, 1.0), (10.0, 0.5)]
        );
        assert_eq!(span(points.iter().map(|p| p.0)), Some((-1.0, 10.0)));
        assert_eq!(span(std::iter::empty()), None);
    }

    #[test]
    fn a_hundredfold_above_zero_is_wide() {
        assert!(is_wide((1.0, 100.0)) && is_wide((0.5, 9_500.0)));
        assert!(!is_wide((1.0, 99.9)));
        assert!(!is_wide((0.0, 1e6)) && !is_wide((-1.0, 1e6)));
    }

    #[test]
    fn air_stays_on_the_side_of_zero_where_the_numbers_are() {
        assert_eq!(pad_range((100.0, 200.0)), (97.0, 203.0));
        assert_eq!(pad_range((1.0, 101.0)), (0.0, 104.0));
        assert_eq!(pad_range((0.0, 100.0)), (0.0, 103.0));
        assert_eq!(pad_range((-100.0, 0.0)), (-103.0, 3.0));
        assert_eq!(pad_range((8.0, 8.0)), (4.0, 12.0));
        assert_eq!(pad_range((0.0, 0.0)), (0.0, 0.5));
    }

    #[test]
    fn times_below_a_millisecond_are_in_microseconds() {
        assert_eq!(latency_unit(0.000_86), ("µs", 1e3));
        assert_eq!(latency_unit(0.99), ("µs", 1e3));
        assert_eq!(latency_unit(1.0), ("ms", 1.0));
        assert_eq!(latency_unit(0.0), ("ms", 1.0));
    }

    #[test]
    fn a_column_of_pixels_keeps_its_ends_and_extremes() {
        let pixels = [
            (0.6, 5.0),
            (0.8, 9.0),
            (1.0, 6.0),
            (1.1, 2.0),
            (1.4, 4.0),
            (2.0, 7.0),
        ];
        assert_eq!(
            thin_out(&pixels),
            [(0.6, 5.0), (0.8, 9.0), (1.1, 2.0), (1.4, 4.0), (2.0, 7.0)]
        );
        assert!(thin_out(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn a_thinned_line_is_short_and_as_high(
            points in prop::collection::vec((0.0..50.0_f64, 0.0..50.0_f64), 1..600),
        ) {
            let points = sort_by_x(points.iter().copied());
            let kept = thin_out(&points);
            prop_assert!(kept.len() <= 4 * 51);
            prop_assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[points.len() - 1]));
            prop_assert_eq!(span(kept.iter().map(|p| p.1)), span(points.iter().map(|p| p.1)));
            prop_assert!(kept.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }
    }

    #[test]
    fn a_pixel_has_one_of_its_points() {
        let pixels = [(1.0, 5.0), (1.2, 8.9), (1.4, 5.3), (1.6, 5.1), (1.9, 5.2)];
        assert_eq!(one_per_pixel(&pixels), [(1.0, 5.0), (1.2, 8.9), (1.6, 5.1)]);
    }
}
