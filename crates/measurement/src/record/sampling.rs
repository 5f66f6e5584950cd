//! Uniform random sample of messages, for runs with too many messages to keep all.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::sample::{Sample, message_hash};

/// A record that is kept or dropped together with its message.
pub trait OfMessage {
    /// Client that sent the message, and the number of the message within it.
    fn message_key(&self) -> (u32, u64);

    /// Time at which the message was sent, in nanoseconds since T0.
    fn sent_ns(&self) -> u64;

    /// Order among the records of one message.
    fn place_in_message(&self) -> (u32, u64) {
        (0, 0)
    }
}

impl OfMessage for Sample {
    fn message_key(&self) -> (u32, u64) {
        (self.client, self.message)
    }

    fn sent_ns(&self) -> u64 {
        self.sent_ns
    }
}

/// Shared state of all threads of a run, used to keep about `limit` samples in total.
///
/// Every sample has a random key ([`message_hash`]). The run keeps the samples with the `limit` smallest keys. This is
/// a uniform random sample without replacement (bottom-k sampling, Cohen and Kaplan, PODC'07), independent of the
/// distribution of messages over threads. During the run, all threads drop samples above a common, decreasing
/// threshold.
#[derive(Debug)]
pub struct BottomK {
    limit: u64,
    seed: u64,
    threshold: AtomicU64,
    /// Estimated number of reported samples below the threshold. The exact number would need a query of every thread.
    kept: Mutex<u64>,
}

/// Samples that a thread adds between two reports.
const REPORT_EVERY: usize = 1024;

impl BottomK {
    /// Room for `limit` samples at the end. During the run, about 1.5 times as many are kept.
    pub fn new(limit: u64, seed: u64) -> Self {
        Self {
            limit,
            // Different from the seed of the payload sizes, so that the choice does not depend on size.
            seed: !seed,
            threshold: AtomicU64::new(u64::MAX),
            kept: Mutex::new(0),
        }
    }

    fn key(&self, sample: &impl OfMessage) -> u64 {
        let (client, message) = sample.message_key();
        message_hash(self.seed, client, message)
    }

    /// Keeps at most `limit` of these samples, in any order. A choice from the choices of parts of a run is that from the
    /// whole run.
    pub fn choose(&self, samples: &mut Vec<impl OfMessage>) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if samples.len() > limit {
            samples.select_nth_unstable_by_key(limit, |s| (self.key(s), s.place_in_message()));
            samples.truncate(limit);
        }
    }

    fn high_water(&self) -> u64 {
        self.limit
            .saturating_add(self.limit / 2)
            .saturating_add(16 * REPORT_EVERY as u64)
    }

    /// Adds `added` samples below the threshold, lowers the threshold when there are too many, and returns it.
    fn report(&self, added: u64) -> u64 {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept += added;
        let mut threshold = self.threshold.load(Ordering::Relaxed);
        if *kept > self.high_water() {
            // Keys are uniform: four fifths of the range contain four fifths of the samples, at least a fifth more than
            // the limit.
            threshold = threshold / 5 * 4;
            *kept = *kept / 5 * 4;
            self.threshold.store(threshold, Ordering::Relaxed);
        }
        threshold
    }
}

/// The samples that one thread keeps.
#[derive(Debug)]
pub struct ThreadSamples<T = Sample> {
    samples: Vec<T>,
    /// Number of `samples` reported to the budget.
    reported: usize,
    /// The budget's threshold when `samples` was last cut down to it.
    threshold: u64,
}

impl<T> Default for ThreadSamples<T> {
    fn default() -> Self {
        Self {
            samples: Vec::new(),
            reported: 0,
            threshold: u64::MAX,
        }
    }
}

impl<T: OfMessage + Clone> ThreadSamples<T> {
    /// An empty store with memory allocated for `expected` samples, so that recording does not allocate. Pages that are
    /// never written to use no physical memory.
    pub fn new(expected: usize) -> Self {
        Self {
            samples: Vec::with_capacity(expected),
            reported: 0,
            threshold: u64::MAX,
        }
    }

    /// Keeps the sample unless its key is above the run's threshold.
    #[inline]
    pub fn push(&mut self, budget: &BottomK, sample: T) {
        let threshold = budget.threshold.load(Ordering::Relaxed);
        if budget.limit == 0 || (threshold != u64::MAX && budget.key(&sample) > threshold) {
            return;
        }
        self.samples.push(sample);
        if self.samples.len() - self.reported >= REPORT_EVERY {
            self.report(budget);
        }
    }

    #[cold]
    fn report(&mut self, budget: &BottomK) {
        let now = budget.threshold.load(Ordering::Relaxed);
        let added = self.samples[self.reported..]
            .iter()
            .filter(|s| budget.key(*s) <= now)
            .count();
        let threshold = budget.report(added as u64);
        if threshold != self.threshold {
            self.threshold = threshold;
            self.samples.retain(|s| budget.key(s) <= threshold);
        }
        self.reported = self.samples.len();
    }

    /// Merges the samples of all threads: at most `limit` samples, ordered by send time.
    pub fn merge(stores: Vec<Self>, budget: &BottomK) -> Vec<T> {
        let mut all = Vec::new();
        for store in stores {
            if all.is_empty() {
                all = store.samples;
            } else {
                all.extend_from_slice(&store.samples);
            }
        }
        // Other threads may have dropped more than this one, and records of other types share the budget.
        let threshold = budget.threshold.load(Ordering::Relaxed);
        all.retain(|s| budget.key(s) <= threshold);
        budget.choose(&mut all);
        all.sort_unstable_by_key(|s| (s.sent_ns(), s.message_key()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;

    fn sample(client: u32, message: u64) -> Sample {
        Sample::echoed(client, message, 0, message, message + 10, Outcome::Ok)
    }

    /// Distributes the messages of `clients` clients over `threads` stores and merges them.
    fn kept(clients: u32, messages: u64, threads: usize, limit: u64) -> Vec<Sample> {
        let budget = BottomK::new(limit, 7);
        let mut stores: Vec<_> = (0..threads).map(|_| ThreadSamples::new(0)).collect();
        for message in 0..messages {
            for client in 0..clients {
                stores[client as usize % threads].push(&budget, sample(client, message));
            }
        }
        ThreadSamples::merge(stores, &budget)
    }

    #[test]
    fn below_the_limit_every_sample_is_kept_in_send_order() {
        let all = kept(10, 100, 3, 1_000);
        assert_eq!(all.len(), 1_000);
        assert!(all.is_sorted_by_key(|s| s.sent_ns));
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        assert!(kept(3, 10, 1, 0).is_empty());
    }

    #[test]
    fn past_the_limit_exactly_so_many_are_kept_whatever_the_threads() {
        let one = kept(50, 4_000, 1, 10_000);
        assert_eq!(one.len(), 10_000);
        assert_eq!(one, kept(50, 4_000, 4, 10_000));
    }

    #[test]
    fn a_thread_that_ends_early_does_not_cost_samples() {
        // The first thread finishes before the threshold first decreases, so it never drops a sample of its own.
        let budget = BottomK::new(20_000, 3);
        let mut stores = vec![ThreadSamples::new(0), ThreadSamples::new(0)];
        for message in 0..30_000 {
            stores[0].push(&budget, sample(0, message));
        }
        for message in 0..1_000_000 {
            stores[1].push(&budget, sample(1, message));
        }
        assert_eq!(ThreadSamples::merge(stores, &budget).len(), 20_000);
    }

    #[test]
    fn memory_stays_near_the_limit() {
        let budget = BottomK::new(5_000, 1);
        let mut store = ThreadSamples::new(0);
        for message in 0..2_000_000 {
            store.push(&budget, sample(0, message));
            // The budget only estimates how many samples remain below a lower threshold. A twentieth is 16 standard
            // deviations.
            let at_most = budget.high_water() * 21 / 20 + REPORT_EVERY as u64;
            assert!(store.samples.len() as u64 <= at_most);
        }
    }

    #[test]
    fn the_choice_is_uniform() {
        // 100 blocks of equal size should each keep 100 of 10,000 samples. Chi-squared with 99 degrees of freedom
        // exceeds 149 for one seed in a thousand, and this seed is fixed.
        let mut blocks = [0.0_f64; 100];
        for s in kept(1, 1_000_000, 2, 10_000) {
            blocks[usize::try_from(s.message / 10_000).unwrap()] += 1.0;
        }
        let chi_squared: f64 = blocks.iter().map(|n| (n - 100.0).powi(2) / 100.0).sum();
        assert!(chi_squared < 149.0, "{chi_squared}");
    }
}
