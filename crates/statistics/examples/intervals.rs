//! Prints intervals of known pairs and quantiles of the distributions as JSON, for `tests/scipy_check.py`.

// This program prints its results.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod alternatives;

use alternatives::{Method, Rounds, Statistic};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use statistics::bootstrap::Bootstrap;
use statistics::normal::{normal_cdf, normal_quantile, student_quantile};
use statistics::signed_rank::rank_bounds;
use statistics::steady_state::find_steady_state;

/// Number of resamples for which the Monte-Carlo error of a bound is well below the width of its interval.
const RESAMPLES: usize = 199_999;

/// Number of resamples small enough to print, so that SciPy can compute its interval from the same resamples.
const FEW: usize = 999;

fn main() {
    println!(
        "{}",
        json!({ "laws": laws(), "cases": cases(), "trends": trends() })
    );
}

fn laws() -> Vec<Value> {
    let mut all = Vec::new();
    for p in [1e-9, 1e-4, 0.001_25, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999] {
        all.push(json!({"law": "norm.ppf", "at": [p], "value": normal_quantile(p)}));
        // The t quantile is less exact further out, and not needed there.
        for freedom in [1.0, 2.0, 4.0, 9.0, 19.0, 29.0, 199.0] {
            if p < 1e-4 {
                continue;
            }
            all.push(json!({
                "law": "t.ppf", "at": [p, freedom], "value": student_quantile(p, freedom)
            }));
        }
    }
    for z in [-6.0, -3.2, -1.96, -0.1, 0.0, 0.7, 2.0, 5.0] {
        all.push(json!({"law": "norm.cdf", "at": [z], "value": normal_cdf(z)}));
    }
    all
}

fn cases() -> Vec<Value> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(20);
    let mut all = Vec::new();
    for (rounds, disturbed) in [(5, false), (10, false), (10, true), (20, true), (31, false)] {
        let noise =
            |random: &mut Xoshiro256PlusPlus| normal_quantile(random.random_range(1e-9..1.0));
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            let of_round = 0.02 * noise(&mut random);
            let off = if disturbed && round % 9 == 4 {
                0.7
            } else {
                1.0
            };
            a.push(1_050.0 * off * (of_round + 0.02 * noise(&mut random)).exp());
            b.push(1_000.0 * (of_round + 0.02 * noise(&mut random)).exp());
        }
        let paired = Rounds::new(&a, &b);
        for level in [0.9, 0.95, 0.99] {
            let statistics = [
                "ratio_of_medians",
                "median_of_ratios",
                "geometric_mean",
                "pseudo_median",
            ];
            let intervals: Vec<Value> = statistics
                .into_iter()
                .zip(Statistic::ALL)
                // Skipped for 31 rounds, because the pseudo-median takes too long for this many resamples.
                .filter(|(_, statistic)| rounds <= 20 || *statistic != Statistic::PseudoMedian)
                .flat_map(|(name, statistic)| {
                    let methods = ["percentile", "BCa", "expanded"]
                        .into_iter()
                        .zip(Method::ALL);
                    let paired = &paired;
                    methods.map(move |(method_name, method)| {
                        let of = |resamples| Bootstrap {
                            level,
                            resamples,
                            seed: 1,
                        };
                        let (many, few) = (
                            paired.ratio(statistic, method, &of(RESAMPLES)),
                            paired.ratio(statistic, method, &of(FEW)),
                        );
                        json!({
                            "statistic": name, "method": method_name, "estimate": many.estimate,
                            "low": many.low, "high": many.high,
                            "distribution": paired.resampled(statistic, &of(FEW)),
                            "from_distribution": [few.low, few.high]
                        })
                    })
                })
                .collect();
            all.push(json!({
                "a": paired.measured, "b": paired.reference, "level": level, "intervals": intervals,
                "ranks": rank_bounds(paired.pairs.log_ratios(), level)
            }));
        }
    }
    all
}

fn trends() -> Vec<Value> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    (0..20)
        .map(|i| {
            let values: Vec<f64> = (0..30)
                .map(|t| 100.0 + 0.02 * f64::from(i * t) + random.random_range(-3.0..3.0))
                .collect();
            let found = find_steady_state(&values).unwrap();
            json!({"values": values, "cut": found.cut, "drift": found.drift})
        })
        .collect()
}
