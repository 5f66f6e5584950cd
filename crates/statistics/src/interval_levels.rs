//! At which level each of many intervals has to be made, so that all that is said together is right.
//!
//! Corrections change the level of the intervals, not a separate p-value: what is printed as an
//! interval and what the verdict says cannot disagree, which after Holm's steps they could.

/// The level of each of a number of intervals, so that all of them hold the truth at `level`, however
/// they depend on each other (Bonferroni; Dunn, "Multiple Comparisons among Means", 1961). Servers
/// compared with one reference do depend on each other: its bad round is in each ratio.
///
/// It is for what nothing more is known of. The figures of a server come from the same rounds, and
/// how they depend on each other can be seen in them: [`westfall_young`](super::westfall_young).
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

/// The level of the interval that is looked at after each round until it is narrow enough
/// ([`Ratio::is_within`](super::ratio::Ratio::is_within)), so that the one at which rounds end holds the truth at
/// `level`.
///
/// Ending at a fixed width (Chow & Robbins, "On the Asymptotic Theory of Fixed-Width Sequential
/// Confidence Intervals for the Mean", 1965) does not look at where the interval lies, and so does
/// not wait for a difference to show; that would need the error to be spent over the looks. What is
/// left is that rounds end early where they happen to agree too well: looked at after each
/// round from the 6th to the 60th, intervals of 95 % held 92.3 to 95.6 % (`cargo run --release -p
/// statistics --example coverage`). Half the error for each interval makes up for it: 97.5 % and more
/// held, at a third more rounds.
///
/// ```
/// assert_eq!(statistics::interval_levels::sequential_level(0.95), 0.975);
/// ```
pub fn sequential_level(level: f64) -> f64 {
    f64::midpoint(1.0, level)
}
