//! Coverage of the interval of [`growth_slope`] on simulated growth, in percent, and its mean half width.
//!
//! `cargo run --release -p statistics --example growth_coverage`

#![allow(clippy::print_stdout)]

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statistics::growth_slope::growth_slope;
use statistics::normal::normal_quantile;

/// Positions of the readings end here. The true slope is 1.
const END: f64 = 1000.0;

/// Simulated series for each law and number of readings.
const SERIES: u32 = 2_000;

/// Values at these positions.
type Law = fn(&[f64], &mut Xoshiro256PlusPlus) -> Vec<f64>;

const LAWS: [(&str, Law); 13] = [
    ("random walk", |at, random| {
        walk(at, |distance| {
            distance + 3.0 * distance.sqrt() * normal(random)
        })
    }),
    ("exponential sizes", |at, random| {
        sizes(at, random, exponential)
    }),
    ("walk seen three readings late", late_walk),
    ("4 equal blocks", |at, random| blocks(at, random, 4.0)),
    ("12 equal blocks", |at, random| blocks(at, random, 12.0)),
    ("50 equal blocks", |at, random| blocks(at, random, 50.0)),
    ("40 random blocks", random_blocks),
    ("independent noise", |at, random| noise(at, random, 0.0)),
    ("autoregressive 0.5", |at, random| noise(at, random, 0.5)),
    ("autoregressive 0.9", |at, random| noise(at, random, 0.9)),
    ("30 random jumps", |at, random| jumps(at, random, 30.0)),
    ("8 random jumps", |at, random| jumps(at, random, 8.0)),
    ("8 equal blocks and a walk", |at, random| {
        let steps = blocks(at, random, 8.0);
        let walk = walk(at, |distance| distance.sqrt() * normal(random));
        steps.iter().zip(walk).map(|(a, b)| a + b).collect()
    }),
];

fn main() {
    let counts = [12, 30, 60, 150, 750];
    print!("{:30}", "readings");
    counts.iter().for_each(|count| print!("{count:>15}"));
    println!();
    for (name, law) in LAWS {
        print!("{name:30}");
        for count in counts {
            let (covered, width) = coverage(count, law);
            print!("{covered:>7.1} {width:>7.4}");
        }
        println!();
    }
}

fn coverage(count: usize, law: Law) -> (f64, f64) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(count as u64);
    let (mut covered, mut width) = (0, 0.0);
    for _ in 0..SERIES {
        let at = positions(count, &mut random);
        let values = law(&at, &mut random);
        let readings: Vec<_> = at.into_iter().zip(values).collect();
        if let Some((low, high)) = growth_slope(&readings, 0.95).and_then(|slope| slope.interval) {
            covered += u32::from(low <= 1.0 && 1.0 <= high);
            width += (high - low) / 2.0;
        }
    }
    let series = f64::from(SERIES);
    (100.0 * f64::from(covered) / series, width / series)
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    normal_quantile(random.random_range(1e-12..1.0))
}

fn exponential(random: &mut Xoshiro256PlusPlus) -> f64 {
    -random.random_range(1e-12_f64..1.0).ln()
}

/// Positions at distances that differ by up to 80 %.
fn positions(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let distance = END / (count - 1) as f64;
    let mut all: Vec<f64> = (0..count).map(|n| n as f64 * distance).collect();
    for at in &mut all[1..count - 1] {
        *at += random.random_range(-0.4..0.4) * distance;
    }
    all
}

/// A walk with an increment for each distance.
fn walk(at: &[f64], mut increment: impl FnMut(f64) -> f64) -> Vec<f64> {
    let mut values = vec![0.0];
    for pair in at.windows(2) {
        values.push(values[values.len() - 1] + increment(pair[1] - pair[0]));
    }
    values
}

/// Memory of 1,000 connections, each with a size of its own.
fn sizes(
    at: &[f64],
    random: &mut Xoshiro256PlusPlus,
    size: fn(&mut Xoshiro256PlusPlus) -> f64,
) -> Vec<f64> {
    let (mut opened, mut memory) = (0.0, 0.0);
    let grown = at.iter().map(|at| {
        while opened + 1.0 <= *at {
            opened += 1.0;
            memory += size(random);
        }
        memory
    });
    grown.collect()
}

fn late_walk(at: &[f64], random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut last = [normal(random), normal(random), normal(random)];
    walk(at, |distance| {
        last = [last[1], last[2], normal(random)];
        distance + distance.sqrt() * last.iter().sum::<f64>()
    })
}

fn blocks(at: &[f64], random: &mut Xoshiro256PlusPlus, count: f64) -> Vec<f64> {
    let block = END / count;
    let phase = random.random_range(0.0..block);
    at.iter()
        .map(|at| ((at + phase) / block).floor() * block)
        .collect()
}

fn random_blocks(at: &[f64], random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut reserved = 0.0;
    let grown = at.iter().map(|at| {
        while reserved < *at {
            reserved += END / 20.0 * random.random_range(0.0..1.0);
        }
        reserved
    });
    grown.collect()
}

fn noise(at: &[f64], random: &mut Xoshiro256PlusPlus, coefficient: f64) -> Vec<f64> {
    let mut noise = 20.0 * normal(random);
    let innovation = 20.0 * (1.0 - coefficient * coefficient).sqrt();
    let noisy = at.iter().map(|at| {
        noise = coefficient * noise + innovation * normal(random);
        at + noise
    });
    noisy.collect()
}

fn jumps(at: &[f64], random: &mut Xoshiro256PlusPlus, count: f64) -> Vec<f64> {
    let distance = END / count;
    let (mut next, mut memory) = (distance * exponential(random), 0.0);
    let grown = at.iter().map(|at| {
        while next <= *at {
            memory += distance * exponential(random);
            next += distance * exponential(random);
        }
        memory
    });
    grown.collect()
}
