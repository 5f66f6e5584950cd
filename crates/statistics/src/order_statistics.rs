//! Order statistics of a few values, such as rounds. For messages, use `measurement`'s `LatencyHistogram`.

/// The quantile `q` in \[0, 1\] of sorted values, with linear interpolation: type 7 of Hyndman & Fan, "Sample Quantiles
/// in Statistical Packages" (1996), the default of NumPy and SciPy.
///
/// # Panics
/// When there are no values.
pub fn quantile_of_sorted(sorted: &[f64], q: f64) -> f64 {
    let position = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    // Between 0 and the last index.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = position as usize;
    let low = sorted[below];
    let part = position - position.floor();
    // Avoids zero times infinity, which is NaN, and an index beyond the last value.
    if part > 0.0 {
        low + part * (sorted[below + 1] - low)
    } else {
        low
    }
}

/// The median; of an even number of values, the mean of the two middle ones. `None` without values.
///
/// ```
/// use statistics::order_statistics::median;
///
/// assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
/// assert_eq!(median(&[]), None);
/// ```
pub fn median(values: &[f64]) -> Option<f64> {
    median_in_place(&mut values.to_vec())
}

/// The median. Reorders the values.
pub(crate) fn median_in_place(values: &mut [f64]) -> Option<f64> {
    let count = values.len();
    if count == 0 {
        return None;
    }
    let (lower, upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    let upper = *upper;
    if count % 2 == 1 {
        return Some(upper);
    }
    let lower = lower.iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

/// The median of the means of any two values, including each value with itself; NaN without values. `scratch` is
/// overwritten.
///
/// For logarithms of ratios, it is the pseudo-median of the ratios (Hodges & Lehmann, "Estimates of Location Based on
/// Rank Tests", 1963): nearly as efficient as the mean, nearly as robust against outliers as the median.
pub fn pseudo_median(values: &[f64], scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend(means_of_two(values));
    median_in_place(scratch).unwrap_or(f64::NAN)
}

/// The means of any two values, including each value with itself.
pub(crate) fn means_of_two(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().enumerate().flat_map(|(at, first)| {
        let others = values[at..].iter();
        others.map(|second| f64::midpoint(*first, *second))
    })
}

/// The median absolute deviation from the median, in the unit of the values, not scaled to a standard deviation
/// (Hampel, "The Influence Curve and its Role in Robust Estimation", 1974). `None` without values.
pub fn mad(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let mut distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    median_in_place(&mut distances)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
        // Distances from the median 2: 1, 1, 0, 0, 2, 4, 7.
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(mad(&[]), None);
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (q, wanted) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            let found = quantile_of_sorted(&sorted, q);
            assert!((found - wanted).abs() < 1e-12, "{q}: {found}");
        }
        assert_eq!(quantile_of_sorted(&[1.0, f64::INFINITY], 0.0), 1.0);
    }

    proptest! {
        #[test]
        fn the_median_is_the_quantile_in_the_middle(mut values in prop::collection::vec(-1e9..1e9_f64, 1..40)) {
            let found = median(&values).unwrap();
            values.sort_by(f64::total_cmp);
            prop_assert!((found - quantile_of_sorted(&values, 0.5)).abs() <= 1e-6);
        }
    }
}
