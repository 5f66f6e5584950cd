//! Series whose transient is known.

use super::*;
use crate::normal::normal_quantile;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A level of 1,000 with noise of 1 %, its neighbours correlated, and a share on top for each interval.
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

/// In how many of 50 such series of so many intervals something is found.
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
        // 30 % slow at first, and a third of that for each twentieth of the time.
        let warm_up = of.0 / 20 + 1;
        #[allow(clippy::cast_precision_loss)]
        let on_top = |i: usize| -0.3 * (-(i as f64) / warm_up as f64).exp();
        // What is left of it after three such times is 1.5 %.
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
    #[allow(clippy::cast_precision_loss)]
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
    // In batches of five a cut falls between two of them.
    let mut values = vec![100.0; 100];
    values[..7].fill(50.0);
    assert_eq!(find_steady_state(&values).unwrap().cut, 10);
    // 100 … 129, a straight line: from the cut c on it rises by 29 − c.
    let line: Vec<f64> = (0..30).map(|i| 100.0 + f64::from(i)).collect();
    assert_ne!(find_steady_state(&line).unwrap().state, SteadyState::Steady);
    // Mann and Kendall by hand: 1 2 3 4 has 6 rises and no fall, the variance is 4·3·13/18.
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
        // A power of two scales without rounding.
        let scaled: Vec<f64> = values.iter().map(|v| v * 2.0_f64.powi(scale)).collect();
        let (one, other) = (find_steady_state(&values).unwrap(), find_steady_state(&scaled).unwrap());
        prop_assert_eq!((one.cut, one.state, one.drift_p), (other.cut, other.state, other.drift_p));
        prop_assert!((one.drift - other.drift).abs() < 1e-9);
    }
}
