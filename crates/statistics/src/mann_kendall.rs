//! The statistic of Mann and Kendall: how consistently the values of a series rise.
//!
//! Mann, "Nonparametric tests against trend", Econometrica 1945; Kendall, "Rank Correlation Methods", 1948, with the
//! correction for ties.

/// Pairs whose later value is larger, minus pairs whose earlier value is.
pub(crate) fn rises(values: &[f64]) -> f64 {
    let mut rises = 0_i64;
    for (at, first) in values.iter().enumerate() {
        for later in &values[at + 1..] {
            rises += i64::from(later > first) - i64::from(later < first);
        }
    }
    rises as f64
}

/// Variance of [`rises`] for independent values in random order.
pub(crate) fn variance_of_rises(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|same| same.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    ((n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0).max(0.0)
}
