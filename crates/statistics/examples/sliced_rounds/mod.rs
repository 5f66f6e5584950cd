//! A machine that drifts and has bursts, on which two servers are measured in slices.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use statistics::normal::normal_quantile;

/// Slices of each server in a round.
const SLICES: usize = 40;

/// Noise of a single slice.
const OF_SLICE: f64 = 0.05;

/// Drift of the machine: the standard deviation of its logarithmic speed, and the share of it that the next slice keeps.
const DRIFT: f64 = 0.10;
const KEPT: f64 = 0.98;

/// Share of slices with which a burst begins, and the share with which it ends; the machine has half of its speed
/// meanwhile.
const BURST_BEGINS: f64 = 0.02;
const BURST_ENDS: f64 = 0.10;

pub(crate) struct SlicedRounds {
    random: Xoshiro256PlusPlus,
    /// Standard deviation between the processes of different rounds.
    between: f64,
    drift: f64,
    burst: bool,
}

impl SlicedRounds {
    pub(crate) fn new(between: f64) -> Self {
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(8),
            between,
            drift: 0.0,
            burst: false,
        }
    }

    fn normal(&mut self) -> f64 {
        normal_quantile(self.random.random_range(1e-12..1.0))
    }

    /// Logarithmic speed of the machine in the next slice.
    fn machine(&mut self) -> f64 {
        self.drift = KEPT * self.drift + DRIFT * (1.0 - KEPT * KEPT).sqrt() * self.normal();
        let changes = if self.burst { BURST_ENDS } else { BURST_BEGINS };
        self.burst ^= self.random.random_bool(changes);
        self.drift + if self.burst { 0.5_f64.ln() } else { 0.0 }
    }

    /// Throughput of two servers in one round, the first of them faster by this factor: in slices in turn, or one
    /// after the other.
    pub(crate) fn next(&mut self, faster: f64, in_turn: bool) -> (f64, f64) {
        let of_process = [0, 1].map(|_| self.between * self.normal());
        let mut sums = [0.0; 2];
        for slice in 0..2 * SLICES {
            // Both orders equally often.
            let swapped = usize::from(in_turn && slice / 2 % 2 == 1);
            let server = if in_turn {
                (slice + swapped) % 2
            } else {
                slice / SLICES
            };
            let noise = OF_SLICE * self.normal();
            sums[server] += (of_process[server] + self.machine() + noise).exp();
        }
        (faster * sums[0], sums[1])
    }
}
