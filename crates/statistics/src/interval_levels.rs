//! Levels of several intervals, chosen so that all statements together hold at one level.
//!
//! The corrections change the level of the intervals, not a separate p-value. The printed interval and the verdict can
//! therefore not contradict each other, as they could with Holm's procedure.

/// The level of each of several intervals such that all of them contain the true value at `level`, however they depend
/// on each other (Bonferroni; Dunn, "Multiple Comparisons among Means", 1961). Servers compared with one reference do
/// depend on each other, because a bad round of the reference affects every ratio.
///
/// Use it when nothing else is known about the dependence. The figures of a server come from the same rounds, which
/// show their dependence: [`westfall_young`](super::westfall_young).
///
/// ```
/// use statistics::interval_levels::bonferroni_level;
///
/// assert_eq!(bonferroni_level(0.95, 1), 0.95);
/// assert_eq!(bonferroni_level(0.95, 5), 0.99);
/// ```
pub fn bonferroni_level(level: f64, comparisons: usize) -> f64 {
    let share = comparisons.max(1) as f64;
    1.0 - (1.0 - level) / share
}

/// The level for an interval that is checked after each round until it is narrow enough
/// ([`Ratio::is_within`](super::ratio::Ratio::is_within)), such that the final interval contains the true value at
/// `level`.
///
/// Stopping at a fixed width (Chow & Robbins, "On the Asymptotic Theory of Fixed-Width Sequential Confidence Intervals
/// for the Mean", 1965) ignores the position of the interval, so it does not wait for a difference to appear. Waiting
/// for a difference would need the error to be spread over the checks. The remaining bias is that measurements stop
/// early when rounds agree too well by chance. Checked after each round from the 6th to the 60th, 95 % intervals had
/// 92.3 to 95.6 % coverage (`cargo run --release -p statistics --example coverage`). Half the error for each interval
/// compensates for this: coverage was 97.5 % and more, at the cost of a third more rounds.
///
/// ```
/// assert_eq!(statistics::interval_levels::sequential_level(0.95), 0.975);
/// ```
pub fn sequential_level(level: f64) -> f64 {
    f64::midpoint(1.0, level)
}
