//! Intervals of known pairs, for all statistics and methods of the study.

// Tests panic on unexpected results, and rounds are few.
#![allow(clippy::unwrap_used)]

#[path = "../examples/alternatives/mod.rs"]
mod alternatives;

use alternatives::{Method, Rounds, Statistic};
use proptest::prelude::*;
use statistics::bootstrap::Bootstrap;

fn quick(seed: u64) -> Bootstrap {
    Bootstrap {
        seed,
        resamples: 199,
        ..Bootstrap::default()
    }
}

#[test]
fn estimates_by_hand() {
    let rounds = Rounds::new(&[2.0, 8.0, 32.0], &[1.0, 2.0, 2.0]);
    for (statistic, wanted) in [
        (Statistic::RatioOfMedians, 4.0),
        (Statistic::MedianOfRatios, 4.0),
        // 2 · 4 · 16 = 2⁷.
        (Statistic::GeometricMean, 2.0_f64.powf(7.0 / 3.0)),
        // Exponents 1 2 4; means of two: 1, 1.5, 2, 2.5, 3, 4.
        (Statistic::PseudoMedian, 2.0_f64.powf(2.25)),
    ] {
        let ratio = rounds.ratio(statistic, Method::Percentile, &quick(1));
        assert!((ratio.estimate - wanted).abs() < 1e-12, "{statistic:?}");
    }
}

#[test]
fn two_rounds_have_three_resamples() {
    // Both rounds are the first with probability ¼, one of each ½, both the second ¼. The bounds at 80 % are the two
    // rounds.
    let rounds = Rounds::new(&[2.0, 8.0], &[1.0, 1.0]);
    let bootstrap = Bootstrap {
        level: 0.8,
        ..quick(3)
    };
    let ratio = rounds.ratio(Statistic::GeometricMean, Method::Percentile, &bootstrap);
    for (found, wanted) in [(ratio.estimate, 4.0), (ratio.low, 2.0), (ratio.high, 8.0)] {
        assert!((found - wanted).abs() < 1e-12);
    }
}

#[test]
fn rounds_that_agree_leave_no_doubt() {
    let rounds = Rounds::new(&[3.0; 8], &[2.0; 8]);
    for (statistic, method) in Statistic::ALL.into_iter().zip(Method::ALL) {
        let ratio = rounds.ratio(statistic, method, &quick(1));
        for found in [ratio.low, ratio.estimate, ratio.high] {
            assert!((found - 1.5).abs() < 1e-12, "{statistic:?} {method:?}");
        }
    }
}

#[test]
fn the_guarded_pseudo_median_is_the_interval_in_use() {
    let rounds = Rounds::new(&[3.0, 5.0, 4.0, 7.0, 6.0, 3.5, 4.5], &[2.0; 7]);
    let ratio = rounds.ratio(Statistic::PseudoMedian, Method::Guarded, &quick(1));
    assert_eq!(ratio, quick(1).ratio(&rounds.pairs));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn swapping_the_servers_inverts(
        pairs in prop::collection::vec((1.0..100.0_f64, 1.0..100.0_f64), 2..15), seed: u64,
        statistic in prop::sample::select(&Statistic::ALL[..]),
        method in prop::sample::select(&Method::ALL[..])
    ) {
        let (a, b): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let ratio = Rounds::new(&a, &b).ratio(statistic, method, &quick(seed));
        let inverse = Rounds::new(&b, &a).ratio(statistic, method, &quick(seed)).inverse();
        for (one, other) in [(ratio.estimate, inverse.estimate), (ratio.low, inverse.low), (ratio.high, inverse.high)] {
            prop_assert!((one / other - 1.0).abs() < 1e-9, "{:?} {:?}", ratio, inverse);
        }
    }
}
