//! Slope of a quantity that grows in steps, such as a server's memory over its connections, and its interval.
//!
//! The slope is that of least squares. Neighbouring residuals depend on each other, so the textbook interval of a
//! regression is far too narrow. Two kinds of residuals occur. A deviation that is made good later, such as the unused rest
//! of a block of the allocator, stays within bounds. A deviation that is not, because connections differ in size or a
//! garbage collector keeps what it once took, accumulates: the residuals are a random walk, and the slope is hardly more
//! certain than the difference of the ends (Canjels & Watson, "Estimating Deterministic Trends in the Presence of
//! Serially Correlated Errors", 1997).
//!
//! The readings decide between the two, as in Perron & Yabu, "Estimating deterministic trends with an integrated or
//! stationary noise component" (2009). Residuals count as a random walk unless the test of Dickey & Fuller (1979) rejects it
//! at [`REJECTED_BELOW`]. Then they count as autoregressive. In both cases, the variance of the least-squares slope follows
//! from the law of the residuals, and the interval from Student's distribution. A block bootstrap was not chosen: blocks of
//! residuals lose the dependence of a random walk, and blocks of increments lose the bounds of the steps.
//!
//! At most [`MAX_POINTS`] readings are used, evenly over the growth, so that what happens within a few readings counts as
//! one increment.
//!
//! Percentage of 2,000 simulated series in which a 95 % interval contained the true slope and, in brackets, half the mean
//! width of the interval in percent of the slope (`examples/growth_coverage.rs`; the standard error is 0.5):
//!
//! | growth | 12 readings | 30 | 150 | 750 |
//! |---|---|---|---|---|
//! | random walk | 95.2 (22) | 96.0 (22) | 95.3 (21) | 96.3 (21) |
//! | 1,000 connections of exponentially distributed size | 95.4 (7.4) | 95.0 (7.2) | 95.8 (7.1) | 95.0 (7.1) |
//! | random walk, seen three readings late | 81.1 (14) | 88.5 (17) | 92.6 (18) | 95.5 (20) |
//! | 4 blocks of equal size | 100 (53) | 100 (104) | 100 (106) | 100 (106) |
//! | 12 blocks of equal size | 99.8 (23) | 99.8 (3.1) | 100 (2.3) | 100 (2.3) |
//! | 50 blocks of equal size | 100 (5.6) | 98.3 (2.8) | 99.5 (0.7) | 100 (0.7) |
//! | 40 blocks of random size | 98.5 (11) | 95.7 (4.7) | 97.8 (1.1) | 97.0 (1.0) |
//! | straight line, independent noise | 99.0 (19) | 96.0 (10) | 95.7 (1.9) | 96.0 (1.9) |
//! | straight line, autoregressive noise, 0.9 | 97.3 (7.5) | 100 (12) | 99.3 (23) | 94.6 (4.4) |
//! | 30 jumps of random size at random places | 94.3 (61) | 92.7 (58) | 92.9 (56) | 93.5 (56) |
//! | 8 jumps of random size at random places | 85.5 (108) | 85.0 (101) | 86.0 (101) | 86.8 (102) |
//! | 8 blocks of equal size and a weak random walk | 99.3 (43) | 82.2 (5.8) | 83.8 (5.9) | 85.0 (5.8) |
//!
//! The interval is too narrow in the last two rows: a few jumps do not show their distribution, and large regular steps
//! hide a weak random walk.

use super::normal::student_quantile;

/// Least number of readings for an interval.
pub const MIN_READINGS: usize = 10;

/// Largest number of readings that are used.
pub const MAX_POINTS: usize = 60;

/// Test statistic of Dickey & Fuller below which residuals do not count as a random walk. The bound of the usual 1 % test is
/// −3.96. With that one, the intervals of random walks have a coverage of 92 % only.
pub const REJECTED_BELOW: f64 = -5.0;

/// Number of neighbouring increments of a random walk that may depend on each other (Newey & West, 1987).
const LAGS: usize = 3;

/// Growth per unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthSlope {
    /// Slope of least squares.
    pub estimate: f64,
    /// Bounds of its confidence interval; `None` with fewer than [`MIN_READINGS`] readings.
    pub interval: Option<(f64, f64)>,
    /// Number of readings that were used.
    pub readings: usize,
}

/// The slope of readings, each a position and a value, in order of time. Of several readings at one position, the last one
/// counts. Readings at a position behind a later one that was already reached do not count. `level` is the confidence level,
/// between 0 and 1. `None` with fewer than two positions.
pub fn growth_slope(readings: &[(f64, f64)], level: f64) -> Option<GrowthSlope> {
    let points = evenly_spaced(&ascending(readings));
    if points.len() < 2 {
        return None;
    }
    let fit = LineFit::new(&points);
    let half_width = (points.len() >= MIN_READINGS).then(|| fit.half_width(&points, level));
    Some(GrowthSlope {
        estimate: fit.slope,
        interval: half_width.map(|half| (fit.slope - half, fit.slope + half)),
        readings: points.len(),
    })
}

/// The last reading at each position, without steps back.
fn ascending(readings: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = Vec::new();
    for reading in readings {
        match all.last_mut() {
            Some(last) if last.0 >= reading.0 => {
                if last.0 <= reading.0 {
                    *last = *reading;
                }
            }
            _ => all.push(*reading),
        }
    }
    all
}

/// At most [`MAX_POINTS`] of these readings: the first one at or behind each of as many evenly spaced positions.
fn evenly_spaced(readings: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return Vec::new();
    };
    if readings.len() <= MAX_POINTS {
        return readings.to_vec();
    }
    // The tolerance keeps the last position reachable.
    let spacing = (last.0 - first.0) / (MAX_POINTS - 1) as f64 * (1.0 - 1e-9);
    let mut next = first.0;
    let mut chosen = Vec::with_capacity(MAX_POINTS);
    for reading in readings.iter().filter(|_| spacing > 0.0) {
        if reading.0 >= next {
            chosen.push(*reading);
            let passed = ((reading.0 - first.0) / spacing).floor();
            next = first.0 + (passed + 1.0) * spacing;
        }
    }
    chosen
}

/// A line fitted by least squares.
struct LineFit {
    slope: f64,
    /// Contribution of each value to the slope.
    weights: Vec<f64>,
    residuals: Vec<f64>,
}

impl LineFit {
    /// The points are at different positions, at least two.
    fn new(points: &[(f64, f64)]) -> Self {
        let count = points.len() as f64;
        let middle = points.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / count;
        let spread: f64 = points.iter().map(|(at, _)| (at - middle).powi(2)).sum();
        let weights: Vec<f64> = points
            .iter()
            .map(|(at, _)| (at - middle) / spread)
            .collect();
        let parts = weights.iter().zip(points);
        let slope = parts
            .map(|(weight, (_, value))| weight * (value - mean))
            .sum();
        let residual = |(at, value): &(f64, f64)| value - mean - slope * (at - middle);
        Self {
            slope,
            weights,
            residuals: points.iter().map(residual).collect(),
        }
    }

    /// Half the width of the slope's interval.
    fn half_width(&self, points: &[(f64, f64)], level: f64) -> f64 {
        let count = points.len() as f64;
        let (variance, freedom) = match self.autoregression() {
            Some(coefficient) => (self.variance_of_bounded(coefficient), count - 3.0),
            None => (self.variance_of_walk(points), count - 2.0),
        };
        student_quantile(f64::midpoint(1.0, level), freedom) * variance.sqrt()
    }

    /// Dependence of a residual on the one before, between 0 and 1; `None` when the residuals may be a random walk.
    fn autoregression(&self) -> Option<f64> {
        let count = self.residuals.len() as f64;
        let pairs = self.residuals.windows(2);
        let products: f64 = pairs.map(|pair| pair[0] * pair[1]).sum();
        let squares: f64 = self.residuals.iter().rev().skip(1).map(|r| r * r).sum();
        let fitted = products / squares;
        let error = (self.squared_innovations(fitted) / (count - 2.0) / squares).sqrt();
        // Beside a fitted line, the coefficient is too small by this on average.
        let coefficient = fitted + (2.0 + 4.0 * fitted) / count;
        let is_rejected = (fitted - 1.0) / error < REJECTED_BELOW;
        (is_rejected && coefficient < 1.0).then_some(coefficient.max(0.0))
    }

    /// Sum of squares of the parts of the residuals that do not follow from the one before.
    fn squared_innovations(&self, coefficient: f64) -> f64 {
        let pairs = self.residuals.windows(2);
        pairs
            .map(|pair| (pair[1] - coefficient * pair[0]).powi(2))
            .sum()
    }

    /// Variance of the slope with autoregressive residuals.
    fn variance_of_bounded(&self, coefficient: f64) -> f64 {
        let count = self.residuals.len() as f64;
        let innovation = self.squared_innovations(coefficient) / (count - 3.0);
        // Sum over all pairs of values: product of their weights times the correlation of their residuals. `so_far` is
        // the part of the values before.
        let (mut sum, mut so_far) = (0.0, 0.0);
        for weight in &self.weights {
            sum += weight * (weight + 2.0 * so_far);
            so_far = coefficient * (so_far + weight);
        }
        sum * innovation / (1.0 - coefficient * coefficient)
    }

    /// Variance of the slope with residuals that are a random walk, whose variance grows with the position.
    fn variance_of_walk(&self, points: &[(f64, f64)]) -> f64 {
        let count = points.len() as f64;
        let (first, last) = (points[0], points[points.len() - 1]);
        let drift = (last.1 - first.1) / (last.0 - first.0);
        let increments = points.windows(2).map(|pair| {
            let distance = pair[1].0 - pair[0].0;
            (pair[1].1 - pair[0].1 - drift * distance) / distance.sqrt()
        });
        let per_unit = long_run_variance(&increments.collect::<Vec<_>>()) / (count - 2.0);
        // An increment adds to all values behind it.
        let (mut sum, mut behind) = (0.0, 0.0);
        for (weight, pair) in self.weights.iter().skip(1).zip(points.windows(2)).rev() {
            behind += weight;
            sum += behind * behind * (pair[1].0 - pair[0].0);
        }
        sum * per_unit
    }
}

/// The sum of squares of increments, plus what the dependence of neighbours adds. Dependence that makes it smaller is
/// ignored.
fn long_run_variance(increments: &[f64]) -> f64 {
    let products = |lag: usize| -> f64 {
        let pairs = increments.iter().zip(&increments[lag..]);
        pairs.map(|(one, other)| one * other).sum()
    };
    let squares = products(0);
    let of_neighbours = (1..=LAGS).map(|lag| {
        let weight = 1.0 - lag as f64 / (LAGS + 1) as f64;
        2.0 * weight * products(lag)
    });
    squares + of_neighbours.sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normal::normal_quantile;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    /// Positions of the simulated readings end here. The true slope is 1.
    const END: f64 = 1000.0;

    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        normal_quantile(random.random_range(1e-12..1.0))
    }

    fn exponential(random: &mut Xoshiro256PlusPlus) -> f64 {
        -random.random_range(1e-12_f64..1.0).ln()
    }

    fn positions(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        let distance = END / (count - 1) as f64;
        let mut all: Vec<f64> = (0..count).map(|n| n as f64 * distance).collect();
        for at in &mut all[1..count - 1] {
            *at += random.random_range(-0.4..0.4) * distance;
        }
        all
    }

    /// Percentage of 400 intervals that hold the true slope, and their mean half width.
    fn coverage(
        count: usize,
        mut values: impl FnMut(&[f64], &mut Xoshiro256PlusPlus) -> Vec<f64>,
    ) -> (f64, f64) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(19);
        let (mut covered, mut width) = (0, 0.0);
        for _ in 0..400 {
            let at = positions(count, &mut random);
            let values = values(&at, &mut random);
            let readings: Vec<_> = at.into_iter().zip(values).collect();
            let (low, high) = growth_slope(&readings, 0.95).unwrap().interval.unwrap();
            covered += u32::from(low <= 1.0 && 1.0 <= high);
            width += (high - low) / 2.0;
        }
        (f64::from(covered) / 4.0, width / 400.0)
    }

    /// A walk whose increments have this mean and distribution per unit of position.
    fn walk(at: &[f64], mut increment: impl FnMut(f64) -> f64) -> Vec<f64> {
        let mut values = vec![0.0];
        for pair in at.windows(2) {
            values.push(values[values.len() - 1] + increment(pair[1] - pair[0]));
        }
        values
    }

    #[test]
    fn the_slope_of_a_random_walk_is_covered() {
        for count in [12, 30, 150, 750] {
            let (covered, _) = coverage(count, |at, random| {
                walk(at, |distance| {
                    distance + 3.0 * distance.sqrt() * normal(random)
                })
            });
            // The standard deviation of the percentage is 1.1.
            assert!(
                (92.0..=99.0).contains(&covered),
                "{count} readings: {covered} %"
            );
        }
    }

    #[test]
    fn connections_of_different_sizes_are_covered() {
        for count in [30, 150] {
            let (covered, _) = coverage(count, |at, random| {
                let (mut opened, mut memory) = (0.0, 0.0);
                let grown = at.iter().map(|at| {
                    while opened + 1.0 <= *at {
                        opened += 1.0;
                        memory += exponential(random);
                    }
                    memory
                });
                grown.collect()
            });
            assert!(
                (92.0..=99.0).contains(&covered),
                "{count} readings: {covered} %"
            );
        }
    }

    #[test]
    fn blocks_of_equal_size_are_covered_and_narrow() {
        for (blocks, count, widest) in [(50.0, 150, 0.02), (12.0, 150, 0.06), (12.0, 750, 0.06)] {
            let (covered, width) = coverage(count, |at, random| {
                let block = END / blocks;
                let phase = random.random_range(0.0..block);
                at.iter()
                    .map(|at| ((at + phase) / block).floor() * block)
                    .collect()
            });
            assert!(
                covered >= 94.0,
                "{blocks} blocks, {count} readings: {covered} %"
            );
            assert!(width < widest, "{blocks} blocks: {width}");
        }
    }

    #[test]
    fn few_large_blocks_leave_much_doubt() {
        let (covered, width) = coverage(150, |at, _| {
            at.iter().map(|at| (at / 250.0).ceil() * 250.0).collect()
        });
        assert!(covered >= 94.0 && width > 0.5, "{covered} %, {width}");
    }

    #[test]
    fn blocks_of_random_sizes_are_covered_and_narrow() {
        for count in [30, 150, 750] {
            let (covered, width) = coverage(count, |at, random| {
                let mut reserved = 0.0;
                let grown = at.iter().map(|at| {
                    while reserved < *at {
                        reserved += END / 20.0 * random.random_range(0.0..1.0);
                    }
                    reserved
                });
                grown.collect()
            });
            assert!(covered >= 93.0, "{count} readings: {covered} %");
            assert!(width < 0.08, "{count} readings: {width}");
        }
    }

    #[test]
    fn noise_around_a_line_is_covered() {
        for coefficient in [0.0_f64, 0.5, 0.9] {
            let (covered, _) = coverage(300, |at, random| {
                let mut noise = 20.0 * normal(random);
                let innovation = 20.0 * (1.0 - coefficient * coefficient).sqrt();
                let noisy = at.iter().map(|at| {
                    noise = coefficient * noise + innovation * normal(random);
                    at + noise
                });
                noisy.collect()
            });
            assert!(covered >= 92.0, "{coefficient}: {covered} %");
        }
    }

    #[test]
    fn a_straight_line_leaves_no_doubt() {
        let line: Vec<_> = (0..40)
            .map(|n| (f64::from(n), 7.0 + 3.0 * f64::from(n)))
            .collect();
        let slope = growth_slope(&line, 0.95).unwrap();
        let (low, high) = slope.interval.unwrap();
        assert!((slope.estimate - 3.0).abs() < 1e-12);
        assert!(low <= slope.estimate && high - low < 1e-9, "{slope:?}");
        assert_eq!(slope.readings, 40);
    }

    #[test]
    fn few_readings_have_no_interval() {
        let line = |count: u32| -> Vec<_> {
            (0..count)
                .map(|n| (f64::from(n), f64::from(n % 3)))
                .collect()
        };
        assert_eq!(growth_slope(&[], 0.95), None);
        assert_eq!(growth_slope(&line(1), 0.95), None);
        assert_eq!(growth_slope(&[(5.0, 1.0), (5.0, 2.0)], 0.95), None);
        assert_eq!(growth_slope(&line(9), 0.95).unwrap().interval, None);
        assert!(growth_slope(&line(10), 0.95).unwrap().interval.is_some());
    }

    #[test]
    fn readings_at_one_position_count_once() {
        // Ten readings while no connection opens are one.
        let mut readings = vec![(0.0, 5.0); 10];
        readings.extend([
            (0.0, 7.0),
            (3.0, 9.0),
            (2.0, 100.0),
            (4.0, 15.0),
            (4.0, 11.0),
        ]);
        assert_eq!(ascending(&readings), [(0.0, 7.0), (3.0, 9.0), (4.0, 11.0)]);
        assert_eq!(growth_slope(&readings, 0.95).unwrap().readings, 3);
    }

    #[test]
    fn many_readings_are_thinned_evenly() {
        // The first half of the readings is within a hundredth of the growth.
        let dense = (0..500).map(|n| f64::from(n) / 50.0);
        let all: Vec<_> = dense
            .chain((1..500).map(|n| 10.0 + f64::from(n) * 2.0))
            .map(|at| (at, at))
            .collect();
        let chosen = evenly_spaced(&all);
        assert_eq!((chosen[0], chosen.last()), (all[0], all.last()));
        assert!(
            (MAX_POINTS - 2..=MAX_POINTS).contains(&chosen.len()),
            "{}",
            chosen.len()
        );
        let widest = chosen
            .windows(2)
            .map(|pair| pair[1].0 - pair[0].0)
            .fold(0.0, f64::max);
        assert!(widest < 22.0, "{widest}");
    }

    /// Readings at ascending positions.
    fn readings() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::vec((1.0..50.0_f64, -100.0..100.0_f64), 2..120).prop_map(|steps| {
            let mut at = 0.0;
            let placed = steps.into_iter().map(|(distance, value)| {
                at += distance;
                (at, value)
            });
            placed.collect()
        })
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_estimate(readings in readings()) {
            let slope = growth_slope(&readings, 0.95).unwrap();
            prop_assert!(slope.estimate.is_finite() && slope.readings <= MAX_POINTS);
            prop_assert_eq!(slope.interval.is_some(), slope.readings >= MIN_READINGS);
            if let Some((low, high)) = slope.interval {
                prop_assert!(low <= slope.estimate && slope.estimate <= high);
                let (wide_low, wide_high) = growth_slope(&readings, 0.99).unwrap().interval.unwrap();
                prop_assert!(wide_low <= low && high <= wide_high);
            }
        }

        #[test]
        fn units_and_a_steady_growth_change_nothing(readings in readings(), growth in -9.0..9.0_f64) {
            let changed: Vec<_> = readings
                .iter()
                .map(|(at, value)| (at * 4.0, (value + growth * at + 1e3) * 1024.0))
                .collect();
            let (one, other) = (growth_slope(&readings, 0.95).unwrap(), growth_slope(&changed, 0.95).unwrap());
            let back = |slope: f64| slope / 256.0 - growth;
            prop_assert!((one.estimate - back(other.estimate)).abs() < 1e-6);
            if let (Some(one), Some(other)) = (one.interval, other.interval) {
                prop_assert!((one.0 - back(other.0)).abs() < 1e-5, "{:?} {:?}", one, other);
                prop_assert!((one.1 - back(other.1)).abs() < 1e-5);
            }
        }
    }
}
