//! Response times and capacity of a queue with one server, from its logged service times.
//!
//! The wait of the next message is max(0, wait + service − time to the next arrival) (Lindley, 1952). The recursion runs
//! over many messages at several rates at once, with the same random numbers for all of them, so that the share of slow
//! messages grows with the rate in every run. Service times are those of the server's log, replayed in blocks from random
//! places, so that neighbouring delays stay together.

use measurement::plan::Arrivals;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Rates of one pass.
const LANES: usize = 16;

/// Batches of one pass, by which its error is known. One more comes before them and is not counted.
const BATCHES: usize = 50;

/// Passes of a search for a rate. Each divides the interval by `LANES` − 1.
const PASSES: usize = 3;

/// Logged service times that are replayed in one piece.
const BLOCK: usize = 1_000;

/// Half-width of an interval of 95 % in standard errors.
const TWO_SIDED_95: f64 = 1.96;

/// A queue with one server, as its clients see it.
#[derive(Debug, Clone, Copy)]
pub struct QueueModel<'a> {
    /// Service times in seconds, in the order of the log. Not empty.
    pub services_s: &'a [f64],
    /// Spacing of the arrivals.
    pub arrivals: Arrivals,
    /// Time in seconds that each response takes besides wait and service.
    pub path_s: f64,
    /// Messages of one pass.
    pub messages: usize,
    /// Seed of all random numbers.
    pub seed: u64,
}

/// The rate at which a share of the messages is slower than a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueCapacity {
    /// Messages per second.
    pub per_s: f64,
    /// Half-width of an interval of 95 %, from the differences of the batches.
    pub error_per_s: f64,
}

/// Shares of slow messages in each batch, at each rate.
type BatchShares = Vec<[f64; LANES]>;

impl QueueModel<'_> {
    /// Mean service time in seconds.
    pub fn mean_service_s(&self) -> f64 {
        self.services_s.iter().sum::<f64>() / self.services_s.len() as f64
    }

    /// The highest rate at which at most this share of the responses takes `limit_s` or longer, in a steady state.
    pub fn capacity(&self, limit_s: f64, allowed: f64) -> TrueCapacity {
        let highest = 1.0 / self.mean_service_s();
        // Beyond the highest rate the queue grows without an end, and so do the shares.
        let mut rates = grid(highest * 0.001, highest * 1.01);
        let mut capacity = TrueCapacity {
            per_s: 0.0,
            error_per_s: 0.0,
        };
        for _ in 0..PASSES {
            let batches = self.shares(&rates, limit_s);
            let shares = means(&batches);
            let Some(above) = shares.iter().position(|share| *share > allowed) else {
                return capacity;
            };
            if above == 0 {
                capacity.per_s = rates[0];
                return capacity;
            }
            let (low, high) = (rates[above - 1], rates[above]);
            let part = part_to(shares[above - 1], shares[above], allowed);
            let slope = (shares[LANES - 1] - shares[0]) / (rates[LANES - 1] - rates[0]);
            capacity = TrueCapacity {
                per_s: low + (high - low) * part,
                error_per_s: TWO_SIDED_95 * standard_error(&batches, above) / slope,
            };
            rates = grid(low, high);
        }
        capacity
    }

    /// Shares of responses that take `limit_s` or longer, in batches.
    fn shares(&self, rates: &[f64; LANES], limit_s: f64) -> BatchShares {
        let gaps = rates.map(f64::recip);
        let stay_limit_s = limit_s - self.path_s;
        let mut random = self.random();
        let mut services = ServiceReplay::new(self.services_s);
        let mut waits = [0.0_f64; LANES];
        let per_batch = (self.messages / BATCHES).max(1);
        let mut batches = Vec::with_capacity(BATCHES);
        for batch in 0..=BATCHES {
            let mut slow = [0_u32; LANES];
            for _ in 0..per_batch {
                let service = services.next(&mut random);
                let spacing = self.spacing(&mut random);
                for lane in 0..LANES {
                    let stay = waits[lane] + service;
                    slow[lane] += u32::from(stay >= stay_limit_s);
                    waits[lane] = (stay - spacing * gaps[lane]).max(0.0);
                }
            }
            if batch > 0 {
                batches.push(slow.map(|n| f64::from(n) / per_batch as f64));
            }
        }
        batches
    }

    /// Quantiles of the response time in seconds at this rate, each with the half-width of its interval of 95 %, which is
    /// infinite where quantiles of batches are. In a steady state.
    pub fn quantiles(&self, per_s: f64, quantiles: &[f64]) -> Vec<(f64, f64)> {
        let batches = self.batches_of(per_s, self.messages / BATCHES, BATCHES, 1);
        let mut all = batches.concat();
        let quantile = |q: &f64| {
            let of_batches = batches
                .clone()
                .into_iter()
                .map(|mut b| quantile(&mut b, *q));
            let error = TWO_SIDED_95 * standard_error_of(&of_batches.collect::<Vec<_>>());
            (quantile(&mut all, *q), error)
        };
        quantiles.iter().map(quantile).collect()
    }

    /// The same quantile of the response times in many short runs at this rate, sorted. Each begins with an empty queue
    /// and messages that are not counted.
    pub fn quantile_of_runs(&self, per_s: f64, run: ShortRun, q: f64) -> Vec<f64> {
        let mut all: Vec<f64> = Vec::with_capacity(run.runs);
        for number in 0..run.runs {
            let model = QueueModel {
                seed: self.seed + number as u64,
                ..*self
            };
            let settled = model
                .responses(per_s, run.settle + run.judged)
                .split_off(run.settle);
            all.push(quantile(&mut settled.into_boxed_slice(), q));
        }
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    /// Response times in seconds in batches, without the first `skipped` ones of these.
    fn batches_of(&self, per_s: f64, each: usize, batches: usize, skipped: usize) -> Vec<Vec<f64>> {
        let all = self.responses(per_s, each * (batches + skipped));
        all.chunks_exact(each)
            .skip(skipped)
            .map(<[f64]>::to_vec)
            .collect()
    }

    /// Response times in seconds of the first messages, from an empty queue on.
    fn responses(&self, per_s: f64, messages: usize) -> Vec<f64> {
        let mut random = self.random();
        let mut services = ServiceReplay::new(self.services_s);
        let mut wait = 0.0_f64;
        let mut response = || {
            let stay = wait + services.next(&mut random);
            wait = (stay - self.spacing(&mut random) / per_s).max(0.0);
            stay + self.path_s
        };
        (0..messages).map(|_| response()).collect()
    }

    fn random(&self) -> Xoshiro256PlusPlus {
        Xoshiro256PlusPlus::seed_from_u64(self.seed)
    }

    /// Time to the next arrival, as a multiple of its mean.
    fn spacing(&self, random: &mut Xoshiro256PlusPlus) -> f64 {
        match self.arrivals {
            Arrivals::Constant => 1.0,
            Arrivals::Poisson => -(1.0 - random.random::<f64>()).ln(),
        }
    }
}

/// Lengths of short runs in messages, and their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortRun {
    /// Messages at the beginning of a run that are not counted.
    pub settle: usize,
    /// Messages after them.
    pub judged: usize,
    /// Number of runs.
    pub runs: usize,
}

/// Logged service times, replayed in blocks from random places.
struct ServiceReplay<'a> {
    services_s: &'a [f64],
    next: usize,
    left: usize,
}

impl<'a> ServiceReplay<'a> {
    fn new(services_s: &'a [f64]) -> Self {
        Self {
            services_s,
            next: 0,
            left: 0,
        }
    }

    fn next(&mut self, random: &mut Xoshiro256PlusPlus) -> f64 {
        if self.left == 0 {
            self.next = random.random_range(0..self.services_s.len());
            self.left = BLOCK;
        }
        let service_s = self.services_s[self.next];
        self.left -= 1;
        self.next += 1;
        if self.next == self.services_s.len() {
            self.next = 0;
        }
        service_s
    }
}

/// Evenly spaced rates, with both ends.
fn grid(low: f64, high: f64) -> [f64; LANES] {
    std::array::from_fn(|lane| low + (high - low) * lane as f64 / (LANES - 1) as f64)
}

fn means(batches: &[[f64; LANES]]) -> [f64; LANES] {
    let sum = |lane: usize| batches.iter().map(|batch| batch[lane]).sum::<f64>();
    std::array::from_fn(|lane| sum(lane) / batches.len() as f64)
}

/// Part of the way from `low` to `high` at which a share is reached. Shares grow exponentially with the rate.
fn part_to(low: f64, high: f64, share: f64) -> f64 {
    if low > 0.0 {
        (share / low).ln() / (high / low).ln()
    } else {
        share / high
    }
}

fn standard_error(batches: &[[f64; LANES]], lane: usize) -> f64 {
    let shares: Vec<_> = batches.iter().map(|batch| batch[lane]).collect();
    standard_error_of(&shares)
}

/// Standard error of the mean.
fn standard_error_of(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

/// The quantile of unsorted values, with the rank of HdrHistogram; NaN without values.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn quantile(values: &mut [f64], q: f64) -> f64 {
    let rank = ((q * values.len() as f64).ceil() as usize).max(1) - 1;
    if values.is_empty() {
        return f64::NAN;
    }
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed_service_queue::{highest_load, waits_at_most};

    const S: f64 = 0.0005;

    fn model(services_s: &[f64], arrivals: Arrivals) -> QueueModel<'_> {
        QueueModel {
            services_s,
            arrivals,
            path_s: 0.0,
            messages: 1_000_000,
            seed: 1,
        }
    }

    #[test]
    fn waits_are_those_of_the_exact_formula() {
        let model = model(&[S], Arrivals::Poisson);
        let loads = [0.2, 0.5, 0.7, 0.85, 0.9, 0.95];
        let rates = std::array::from_fn(|lane| loads[lane % loads.len()] / S);
        for services in [0.5, 1.0, 2.3, 5.0, 10.0, 19.0] {
            // The response includes the service, which is one more service time.
            let batches = model.shares(&rates, (services + 1.0) * S);
            let shares = means(&batches);
            for (lane, load) in loads.iter().enumerate() {
                let exact = 1.0 - waits_at_most(*load, services);
                let error = 4.5 * standard_error(&batches, lane) + 2e-5;
                assert!(
                    (shares[lane] - exact).abs() <= error,
                    "{load} {services}: {} {exact} ± {error}",
                    shares[lane]
                );
            }
        }
    }

    #[test]
    fn the_capacity_is_that_of_the_exact_formula() {
        let model = model(&[S], Arrivals::Poisson);
        let exact = highest_load(19.0, 0.01) / S;
        let capacity = model.capacity(0.01, 0.01);
        assert!(capacity.error_per_s / exact < 0.01, "{capacity:?}");
        let off = (capacity.per_s - exact).abs();
        assert!(off < 2.0 * capacity.error_per_s, "{capacity:?} {exact}");
    }

    #[test]
    fn the_path_counts_towards_the_limit() {
        let with_path = QueueModel {
            path_s: 2.0 * S,
            ..model(&[S], Arrivals::Poisson)
        };
        let exact = highest_load(17.0, 0.01) / S;
        let capacity = with_path.capacity(0.01, 0.01);
        let off = (capacity.per_s - exact).abs();
        assert!(off < 2.0 * capacity.error_per_s, "{capacity:?} {exact}");
        let slower_than_the_limit = with_path.capacity(2.5 * S, 0.01);
        assert!(slower_than_the_limit.per_s < 0.01 / S);
    }

    #[test]
    fn constant_arrivals_fill_the_server() {
        let services_s: Vec<_> = (0..5_000)
            .map(|k| S * if k % 2 == 0 { 0.9 } else { 1.1 })
            .collect();
        let capacity = model(&services_s, Arrivals::Constant).capacity(0.01, 0.01);
        assert!((capacity.per_s * S - 1.0).abs() < 1e-3, "{capacity:?}");
    }

    #[test]
    fn quantiles_are_those_of_the_exact_formula() {
        let model = model(&[S], Arrivals::Poisson);
        let quantiles = model.quantiles(0.8 / S, &[0.5, 0.99]);
        for ((found, error), q) in quantiles.iter().zip([0.5, 0.99]) {
            assert!(*error < 0.05 * found, "{found} ± {error}");
            let services = |shift: f64| (found + shift * error) / S - 1.0;
            let low = waits_at_most(0.8, services(-2.5));
            let high = waits_at_most(0.8, services(2.5));
            assert!(low < q && q < high, "{q}: {found} ± {error}: {low} {high}");
        }
    }

    #[test]
    fn short_runs_scatter_around_the_quantile() {
        let run = ShortRun {
            settle: 500,
            judged: 5_000,
            runs: 60,
        };
        let model = model(&[S], Arrivals::Poisson);
        let runs = model.quantile_of_runs(0.8 / S, run, 0.99);
        let steady = model.quantiles(0.8 / S, &[0.99])[0].0;
        assert!(runs[5] < steady && steady < runs[55], "{steady} {runs:?}");
    }

    #[test]
    fn disturbed_services_lower_the_capacity() {
        let mut services_s = vec![S; 20_000];
        for block in services_s.chunks_mut(4_000) {
            block[0] = 0.02;
        }
        let disturbed = model(&services_s, Arrivals::Poisson).capacity(0.01, 0.01);
        let undisturbed = model(&[S], Arrivals::Poisson).capacity(0.01, 0.01);
        assert!(disturbed.per_s < 0.98 * undisturbed.per_s);
    }
}
