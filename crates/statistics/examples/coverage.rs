//! How often intervals hold the truth, and how often a difference of 5 % is told, by simulation; some
//! minutes of CPU time in release. `coverage intervals`, `coverage until-sure` or `coverage more-rounds` prints one
//! of its three tables. The table in the docs of `statistics` comes from here.
//!
//! Each server's rounds have log-normal noise of 2 % (half of its variance shared within a round); with
//! "wild" rounds, one in twenty slows one of the two by 30 %. On the logarithmic scale the size of the
//! noise only scales everything.

// A program that prints is what this is.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::cast_precision_loss)]

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statistics::bootstrap::{Bootstrap, Method};
use statistics::interval_levels::sequential_level;
use statistics::normal::normal_quantile;
use statistics::paired::{Pairs, Statistic};
use statistics::ratio_verdict::{Direction, RatioComparison, RatioVerdict};

const TRIES: u64 = 1_000;
const DIFFERENCE: f64 = 1.05;

/// A source of rounds.
struct Rounds {
    random: Xoshiro256PlusPlus,
    noise: f64,
    wild: bool,
}

impl Rounds {
    fn new(noise: f64, wild: bool) -> Self {
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(6),
            noise,
            wild,
        }
    }

    /// One round of two servers, the first of them faster by this factor.
    fn next(&mut self, faster: f64) -> (f64, f64) {
        let mut normal = || normal_quantile(self.random.random_range(1e-12..1.0));
        let part = self.noise * 0.5_f64.sqrt();
        let of_round = part * normal();
        let mut a = faster * (of_round + part * normal()).exp();
        let mut b = (of_round + part * normal()).exp();
        if self.wild && self.random.random_bool(0.05) {
            *if self.random.random() { &mut a } else { &mut b } *= 0.7;
        }
        (a, b)
    }

    fn pairs(&mut self, count: usize, faster: f64) -> Pairs {
        let (a, b): (Vec<_>, Vec<_>) = (0..count).map(|_| self.next(faster)).unzip();
        Pairs::new(&a, &b).unwrap()
    }
}

fn told(pairs: &Pairs, bootstrap: &Bootstrap) -> bool {
    let verdict = RatioComparison::new(pairs, Direction::HigherIsBetter, bootstrap).verdict;
    !matches!(verdict, RatioVerdict::CannotTell { .. })
}

fn percent(count: u64) -> f64 {
    100.0 * count as f64 / TRIES as f64
}

fn main() {
    let only = std::env::args().nth(1);
    for (name, table) in [
        ("intervals", intervals as fn()),
        ("until-sure", until_sure),
        ("more-rounds", more_rounds),
    ] {
        if only.as_ref().is_none_or(|only| only == name) {
            table();
        }
    }
}

fn intervals() {
    println!("statistic, method: interval holds the truth %, and 5 % told %, of {TRIES}\n");
    for wild in [false, true] {
        for statistic in [
            Statistic::RatioOfMedians,
            Statistic::MedianOfRatios,
            Statistic::GeometricMean,
            Statistic::PseudoMedian,
        ] {
            for method in [
                Method::Percentile,
                Method::Bca,
                Method::Expanded,
                Method::Guarded,
            ] {
                print!(
                    "{}{statistic:?} {method:?}",
                    if wild { "wild " } else { "" }
                );
                for count in [5, 6, 10, 20, 30] {
                    let mut rounds = Rounds::new(0.02, wild);
                    let (mut held, mut power) = (0, 0);
                    for seed in 0..TRIES {
                        let bootstrap = Bootstrap {
                            statistic,
                            method,
                            seed,
                            resamples: 499,
                            ..Bootstrap::default()
                        };
                        let pairs = rounds.pairs(count, DIFFERENCE);
                        let ratio = bootstrap.ratio(&pairs);
                        held += u64::from(ratio.low <= DIFFERENCE && DIFFERENCE <= ratio.high);
                        power += u64::from(told(&pairs, &bootstrap));
                    }
                    print!(" | {count}: {:.1} {:.1}", percent(held), percent(power));
                }
                println!();
            }
        }
    }
}

/// Rounds go on until the interval is narrow enough, which is looked at after each from the sixth to the sixtieth.
fn until_sure() {
    println!("\nuntil ± this: A against A cannot be told %, rounds on average (noise 2 %)");
    for level in [0.95, sequential_level(0.95)] {
        for (share, wild) in [(0.02, false), (0.01, false), (0.0075, false), (0.01, true)] {
            let mut rounds = Rounds::new(0.02, wild);
            let (mut same, mut needed) = (0, 0);
            for seed in 0..TRIES {
                let bootstrap = Bootstrap {
                    level,
                    seed,
                    resamples: 299,
                    ..Bootstrap::default()
                };
                let (mut a, mut b) = (Vec::new(), Vec::new());
                loop {
                    let (first, second) = rounds.next(1.0);
                    a.push(first);
                    b.push(second);
                    if a.len() < 6 {
                        continue;
                    }
                    let pairs = Pairs::new(&a, &b).unwrap();
                    if a.len() == 60 || bootstrap.ratio(&pairs).is_within(share) {
                        same += u64::from(!told(&pairs, &bootstrap));
                        needed += a.len();
                        break;
                    }
                }
            }
            println!(
                "level {level}, ±{} %{}: {:.1}, {:.1} rounds",
                100.0 * share,
                if wild { ", wild" } else { "" },
                percent(same),
                needed as f64 / TRIES as f64
            );
        }
    }
}

/// What the advised number of rounds brings, where ten could not tell 1 or 2 %.
fn more_rounds() {
    println!("\nafter ten rounds and as many more as advised: told %");
    for faster in [1.01, 1.02] {
        let mut rounds = Rounds::new(0.02, false);
        let (mut asked, mut enough, mut in_all) = (0_u64, 0_u64, 0_usize);
        for seed in 0..TRIES / 2 {
            let bootstrap = Bootstrap {
                seed,
                resamples: 299,
                ..Bootstrap::default()
            };
            let first = rounds.pairs(10, faster);
            let verdict =
                RatioComparison::new(&first, Direction::HigherIsBetter, &bootstrap).verdict;
            if let RatioVerdict::CannotTell {
                more_rounds: Some(more),
            } = verdict
                && more <= 90
            {
                let count = 10 + usize::try_from(more).unwrap();
                asked += 1;
                in_all += count;
                enough += u64::from(told(&rounds.pairs(count, faster), &bootstrap));
            }
        }
        println!(
            "{faster}: {enough} of {asked}, {:.0} rounds on average",
            in_all as f64 / asked as f64
        );
    }
}
