//! Start of the steady state in a series of equal intervals, and detection of series without one.
//!
//! The cut is MSER-5 (White, "An Effective Truncation Heuristic for Bias Reduction in Simulation Output", 1997; White,
//! Cobb & Spratt, "A Comparison of Five Steady-State Truncation Heuristics for Simulation", 2000): intervals are
//! averaged in batches of five, and batches are cut at the front until the standard error of the mean of the rest is
//! smallest. A cut in the second half means that the series is too short or not steady.
//!
//! The rest is tested for a drift (Mann, "Nonparametric Tests Against Trend", 1945; Kendall, "Rank Correlation
//! Methods", 1975), whose size is Sen's slope ("Estimates of the Regression Coefficient Based on Kendall's Tau", 1968).
//! Adjacent intervals are correlated, which alone can look like a trend. The variance of the test is therefore
//! multiplied by (1 + r)/(1 − r), where r is their correlation after removal of the slope (Yue & Wang, "The
//! Mann-Kendall Test Modified by Effective Sample Size", 2004).
//!
//! Detections in 200 simulated series each, with 1 % noise (first number: independent; second: correlation 0.5 between
//! adjacent intervals):
//!
//! | intervals | noise alone, not steady | warm-up of 30 %, cut | last 30 % are 5 % off, detected | drift of 5 %,
//! detected |
//! |---|---|---|---|---|
//! | 10 | 0, 0 | 200, 199 | 12, 18 | 12, 19 |
//! | 20 | 0, 5 | 198, 190 | 191, 192 | 120, 103 |
//! | 50 | 0, 0 | 200, 199 | 198, 187 | 174, 135 |
//! | 100 | 0, 0 | 200, 200 | 200, 200 | 177, 154 |
//!
//! Ten intervals are enough to detect a warm-up, but hardly a later change. Use twenty or more.

use super::StatisticsError;
use super::mann_kendall::{rises, variance_of_rises};
use super::normal::normal_cdf;
use super::order_statistics::median;

/// Minimum number of intervals for a result.
pub const FEWEST: usize = 10;

/// Intervals per batch for series of at least [`BATCHED_FROM`]. Shorter series are not batched (MSER).
const BATCH: usize = 5;

/// Number of intervals from which on they are batched.
const BATCHED_FROM: usize = 100;

/// Maximum probability by chance of a drift that is reported.
const DRIFT_P: f64 = 0.01;

/// Minimum drift that is reported, as a share of the median. Smaller drifts are irrelevant.
const DRIFT_SHARE: f64 = 0.02;

/// Result of the search for a steady state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SteadyStateFinding {
    /// Number of intervals to cut at the front.
    pub cut: usize,
    /// Number of intervals in the series.
    pub intervals: usize,
    /// Drift of the rest from its first to its last interval, as a share of its median; negative when it falls.
    pub drift: f64,
    /// Probability of such a drift by chance.
    pub drift_p: f64,
    /// Resulting state.
    pub state: SteadyState,
}

/// Presence of a steady state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SteadyState {
    /// Steady after the cut.
    Steady,
    /// The best cut is in the second half: still warming up, or changed during the series.
    CutTooLate,
    /// The rest after the cut rises or falls.
    Drifting,
}

/// Searches for the steady state in the values of equal intervals, in order of time, such as throughput or mean service
/// time.
///
/// # Errors
/// Fewer than [`FEWEST`] intervals, or values that are not finite.
pub fn find_steady_state(values: &[f64]) -> Result<SteadyStateFinding, StatisticsError> {
    if values.len() < FEWEST {
        return Err(StatisticsError::TooFewIntervals {
            intervals: values.len(),
            needed: FEWEST,
        });
    }
    if let Some(interval) = values.iter().position(|v| !v.is_finite()) {
        return Err(StatisticsError::NoNumber { interval });
    }
    let batch = if values.len() >= BATCHED_FROM {
        BATCH
    } else {
        1
    };
    let means: Vec<f64> = values
        .chunks_exact(batch)
        .map(|b| b.iter().sum::<f64>() / batch as f64)
        .collect();
    let half = means.len() / 2;
    let last = if means.len() < 20 { 3 } else { 5 };
    let best = mser(&means, means.len() - last);
    // A late cut between equal values is chance.
    let too_late = best > half && differ(&means[..best], &means[best..]);
    let cut = if best > half && !too_late {
        mser(&means, half)
    } else {
        best
    };
    let rest = &means[cut..];
    let slope = sen_slope(rest);
    let middle = median(rest).unwrap_or(f64::NAN);
    let drift = if slope == 0.0 {
        0.0
    } else {
        slope * (rest.len() - 1) as f64 / middle.abs()
    };
    let drift_p = trend_p(rest, slope);
    let state = if too_late {
        SteadyState::CutTooLate
    } else if drift_p < DRIFT_P && drift.abs() >= DRIFT_SHARE {
        SteadyState::Drifting
    } else {
        SteadyState::Steady
    };
    Ok(SteadyStateFinding {
        cut: cut * batch,
        intervals: values.len(),
        drift,
        drift_p,
        state,
    })
}

/// Returns true when the values of two parts differ by more than chance (Mann & Whitney, "On a Test of Whether One of
/// Two Random Variables Is Stochastically Larger than the Other", 1947) and by a relevant amount.
fn differ(before: &[f64], after: &[f64]) -> bool {
    let (Some(old), Some(new)) = (median(before), median(after)) else {
        return false;
    };
    let larger: f64 = before
        .iter()
        .flat_map(|b| after.iter().map(move |a| sign(*b, *a)))
        .sum();
    let (m, n) = (before.len() as f64, after.len() as f64);
    // Standard deviation by chance of `larger`: pairs whose earlier value is larger, minus pairs whose later value is.
    let deviation = (m * n * (m + n + 1.0) / 3.0).sqrt();
    (new - old).abs() >= DRIFT_SHARE * new.abs()
        && 2.0 * normal_cdf(-larger.abs() / deviation) < DRIFT_P
}

/// Returns 1 when the first value is larger, −1 when the second is, 0 when they are equal.
fn sign(first: f64, second: f64) -> f64 {
    f64::from(i8::from(first > second) - i8::from(first < second))
}

/// Number of values to cut at the front, at most `at_most`, for the smallest squared standard error of the mean of the
/// rest, with White's divisor n². The smallest number, if several are equal.
fn mser(means: &[f64], at_most: usize) -> usize {
    let error = |cut: usize| {
        let rest = &means[cut..];
        let n = rest.len() as f64;
        let mean = rest.iter().sum::<f64>() / n;
        rest.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * n)
    };
    (0..=at_most)
        .map(|cut| (error(cut), cut))
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or(0, |(_, cut)| cut)
}

/// The median of the slopes between any two values, per interval.
fn sen_slope(values: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    for (at, first) in values.iter().enumerate() {
        for (steps, later) in values[at + 1..].iter().enumerate() {
            slopes.push((later - first) / (steps + 1) as f64);
        }
    }
    median(&slopes).unwrap_or(0.0)
}

/// The probability that values rise or fall this consistently by chance.
fn trend_p(values: &[f64], slope: f64) -> f64 {
    let n = values.len() as f64;
    let rises = rises(values);
    let independent = variance_of_rises(values);
    let residuals: Vec<f64> = values
        .iter()
        .enumerate()
        .map(|(at, v)| v - slope * at as f64)
        .collect();
    // Only correlations that exceed chance (1.64/√n) count. Negative ones are ignored, because they would make the test
    // report more drifts.
    let r = match neighbour_correlation(&residuals) {
        r if r * n.sqrt() > 1.64 => r.min(0.95),
        _ => 0.0,
    };
    let deviation = (independent * (1.0 + r) / (1.0 - r)).sqrt();
    let surplus = (f64::abs(rises) - 1.0).max(0.0);
    if surplus == 0.0 {
        1.0
    } else {
        2.0 * normal_cdf(-surplus / deviation)
    }
}

/// The correlation of each value with the next, corrected for its bias of about −(1 + 4r)/n from the estimated mean
/// (Kendall, "Note on Bias in the Estimation of Autocorrelation", 1954).
fn neighbour_correlation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let spread: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    if spread <= 0.0 || n <= 4.0 {
        return 0.0;
    }
    let along: f64 = values
        .windows(2)
        .map(|w| (w[0] - mean) * (w[1] - mean))
        .sum();
    (n * along / spread + 1.0) / (n - 4.0)
}

#[cfg(test)]
mod tests {
    //! Series with known transients.

    use super::*;
    use crate::normal::normal_quantile;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// A level of 1,000 with 1 % noise, correlated between neighbours, plus a share `on_top` of the level for each
    /// interval.
    fn series(
        intervals: usize,
        correlation: f64,
        seed: u64,
        on_top: impl Fn(usize) -> f64,
    ) -> Vec<f64> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut noise = 0.0;
        (0..intervals)
            .map(|i| {
                let z = normal_quantile(random.random_range(1e-9..1.0));
                noise = correlation * noise + (1.0_f64 - correlation * correlation).sqrt() * z;
                1_000.0 * (1.0 + 0.01 * noise + on_top(i))
            })
            .collect()
    }

    /// Number of series, of 50 with this length and correlation, whose finding is as `wanted`.
    fn count(
        (intervals, correlation): (usize, f64),
        on_top: impl Fn(usize) -> f64,
        wanted: impl Fn(&SteadyStateFinding) -> bool,
    ) -> usize {
        (0..50)
            .map(|seed| find_steady_state(&series(intervals, correlation, seed, &on_top)).unwrap())
            .filter(wanted)
            .count()
    }

    const SERIES: [(usize, f64); 8] = [
        (10, 0.0),
        (10, 0.5),
        (20, 0.0),
        (20, 0.5),
        (50, 0.0),
        (50, 0.5),
        (120, 0.0),
        (120, 0.5),
    ];

    #[test]
    fn noise_alone_is_steady() {
        for of in SERIES {
            let steady = count(of, |_| 0.0, |s| s.state == SteadyState::Steady);
            assert!(steady >= 47, "{of:?}: {steady} of 50");
        }
    }

    #[test]
    fn a_warm_up_is_cut() {
        for of in SERIES {
            // 30 % slow at first, decaying with a time constant of a twentieth of the series.
            let warm_up = of.0 / 20 + 1;
            let on_top = |i: usize| -0.3 * (-(i as f64) / warm_up as f64).exp();
            // After three time constants, 1.5 % are left.
            let found = count(of, on_top, |s| {
                s.state == SteadyState::Steady && s.cut >= warm_up && s.cut <= s.intervals / 2
            });
            assert!(found >= 45, "{of:?}: {found} of 50");
        }
    }

    #[test]
    fn a_change_on_the_way_is_not_steady() {
        for of in SERIES.into_iter().filter(|(intervals, _)| *intervals >= 20) {
            let slower = |i: usize| if i >= of.0 * 7 / 10 { -0.05 } else { 0.0 };
            let found = count(of, slower, |s| s.state != SteadyState::Steady);
            assert!(found >= 42, "{of:?}: {found} of 50");
        }
    }

    #[test]
    fn a_drift_is_not_steady() {
        for of in SERIES.into_iter().filter(|(intervals, _)| *intervals >= 20) {
            let found = count(
                of,
                |i| -0.1 * i as f64 / of.0 as f64,
                |s| s.state != SteadyState::Steady,
            );
            assert!(found >= 35, "{of:?}: {found} of 50");
        }
    }

    #[test]
    fn exactly_known_series() {
        let mut values = vec![100.0; 30];
        let flat = find_steady_state(&values).unwrap();
        assert_eq!((flat.cut, flat.drift, flat.drift_p), (0, 0.0, 1.0));
        assert_eq!(flat.state, SteadyState::Steady);
        values[..4].copy_from_slice(&[10.0, 40.0, 70.0, 90.0]);
        assert_eq!(find_steady_state(&values).unwrap().cut, 4);
        // With batches of five, a cut is between two batches.
        let mut values = vec![100.0; 100];
        values[..7].fill(50.0);
        assert_eq!(find_steady_state(&values).unwrap().cut, 10);
        // 100 … 129, a straight line.
        let line: Vec<f64> = (0..30).map(|i| 100.0 + f64::from(i)).collect();
        assert_ne!(find_steady_state(&line).unwrap().state, SteadyState::Steady);
        // Mann and Kendall by hand: 1 2 3 4 has 6 rises and no falls, and the variance is 4·3·13/18.
        let p = trend_p(&[1.0, 2.0, 3.0, 4.0], 1.0);
        assert!((p - 2.0 * normal_cdf(-5.0 / (156.0_f64 / 18.0).sqrt())).abs() < 1e-12);
        // Slopes 2, 0.5, 1, −1, 0.5, 2.
        assert_eq!(sen_slope(&[1.0, 3.0, 2.0, 4.0]), 0.75);
    }

    #[test]
    fn nothing_is_said_of_too_little() {
        assert_eq!(
            find_steady_state(&[1.0; 9]),
            Err(StatisticsError::TooFewIntervals {
                intervals: 9,
                needed: 10
            })
        );
        let mut hole = [1.0; 12];
        hole[3] = f64::NAN;
        let error = find_steady_state(&hole).unwrap_err();
        assert_eq!(
            error.to_string(),
            "interval 4 has no value that is a number"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_unit_changes_nothing(seed: u64, scale in -10_i32..10) {
            let values = series(40, 0.3, seed, |i| if i < 5 { -0.2 } else { 0.0 });
            // Scaling by a power of two is exact.
            let scaled: Vec<f64> = values.iter().map(|v| v * 2.0_f64.powi(scale)).collect();
            let (one, other) = (find_steady_state(&values).unwrap(), find_steady_state(&scaled).unwrap());
            prop_assert_eq!((one.cut, one.state, one.drift_p), (other.cut, other.state, other.drift_p));
            prop_assert!((one.drift - other.drift).abs() < 1e-9);
        }
    }
}
