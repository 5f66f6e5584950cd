//! Figures of messages that a server sends on its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sampling::OfMessage;
use super::{BottomK, LazyHistogram};

/// Maximum number of numbers whose arrivals are kept.
const MAX_ARRIVALS: usize = 1 << 16;

/// A number that follows from this one alone and is spread evenly over all (Steele, Lea and Flood, `SplitMix`, 2014).
fn number_hash(seq: u64) -> u64 {
    let mut hash = seq.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}

/// Figures of a feed: those of one thread, or the sum over threads and processes. Only what arrived between T0 and the
/// end of the measured phase counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PushRecord {
    /// Messages that arrived.
    pub received: u64,
    /// Numbers left out, over all clients; 0 without numbers.
    pub missing: u64,
    /// Messages whose number had come before.
    pub duplicated: u64,
    /// Messages that arrived after one with a higher number.
    pub reordered: u64,
    /// Clients that received a message.
    pub clients: u64,
    /// True when every message had a number.
    pub is_numbered: bool,
    /// Times between two messages of a client, in nanoseconds.
    pub gap: LazyHistogram,
    /// Arrival minus the time at which the feed's own interval has the message due, in nanoseconds.
    pub lateness: LazyHistogram,
    /// Most that a lateness is understated, because a client's earliest message came after others were recorded, in
    /// nanoseconds.
    pub lateness_error_ns: u64,
    /// Arrival on this machine's wall clock minus the server's stamp, in nanoseconds.
    pub delay: LazyHistogram,
    /// Messages with a stamp later than their arrival.
    pub negative_delays: u64,
    /// Most that a stamp was later than the arrival, in nanoseconds.
    pub most_negative_delay_ns: u64,
    /// First and last arrival of each number, and the clients it reached. Of more numbers than memory is planned for, a
    /// choice that is the same for all threads and processes.
    pub arrivals: BTreeMap<u64, PushArrivals>,
    /// Numbers whose hash is lower are not in `arrivals`.
    pub arrivals_from: u64,
    /// Highest number that a client received before T0; `None` when none came.
    pub before_t0: Option<u64>,
    /// Messages of the choice that is kept, ordered by arrival.
    pub samples: Vec<PushSample>,
}

/// Arrivals of the message with one number at several clients. Times are nanoseconds since T0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushArrivals {
    /// Arrival at the first client.
    pub first_ns: u64,
    /// Arrival at the last client.
    pub last_ns: u64,
    /// Clients that it reached.
    pub clients: u32,
}

impl PushArrivals {
    fn merge(&mut self, other: &Self) {
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        self.clients = self.clients.saturating_add(other.clients);
    }
}

/// One message of a feed at one client. Times are nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushSample {
    /// Client that received it.
    pub client: u32,
    /// Number of the message: its own, or its place among those of the client.
    pub seq: u64,
    /// Arrival since T0.
    pub received_ns: u64,
    /// Time since the client's message before; `None` for its first.
    pub gap_ns: Option<u64>,
    /// Lateness against the feed's interval; `None` without an interval.
    pub late_ns: Option<u64>,
    /// Arrival minus stamp, negative when the server's clock is ahead; `None` without a stamp.
    pub delay_ns: Option<i64>,
}

impl OfMessage for PushSample {
    fn message_key(&self) -> (u32, u64) {
        (self.client, self.seq)
    }

    fn sent_ns(&self) -> u64 {
        self.received_ns
    }
}

impl PushRecord {
    /// Adds the figures of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        self.is_numbered = match (self.received, other.received) {
            (0, _) => other.is_numbered,
            (_, 0) => self.is_numbered,
            _ => self.is_numbered && other.is_numbered,
        };
        self.received += other.received;
        self.missing = self.missing.saturating_add(other.missing);
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.clients += other.clients;
        self.negative_delays += other.negative_delays;
        self.lateness_error_ns = self.lateness_error_ns.max(other.lateness_error_ns);
        self.most_negative_delay_ns = self
            .most_negative_delay_ns
            .max(other.most_negative_delay_ns);
        for (all, one) in [
            (&mut self.gap, &other.gap),
            (&mut self.lateness, &other.lateness),
            (&mut self.delay, &other.delay),
        ] {
            all.merge(one);
        }
        for (seq, arrivals) in &other.arrivals {
            self.arrivals
                .entry(*seq)
                .and_modify(|all| all.merge(arrivals))
                .or_insert(*arrivals);
        }
        self.before_t0 = self.before_t0.max(other.before_t0);
        self.keep_from(self.arrivals_from.max(other.arrivals_from));
        self.limit_arrivals();
        self.samples.extend_from_slice(&other.samples);
    }

    /// Figures so far, without arrivals and samples.
    pub fn so_far(&self) -> Self {
        Self {
            received: self.received,
            missing: self.missing,
            duplicated: self.duplicated,
            reordered: self.reordered,
            clients: self.clients,
            is_numbered: self.is_numbered,
            gap: self.gap.clone(),
            lateness: self.lateness.clone(),
            lateness_error_ns: self.lateness_error_ns,
            delay: self.delay.clone(),
            negative_delays: self.negative_delays,
            most_negative_delay_ns: self.most_negative_delay_ns,
            arrivals: BTreeMap::new(),
            arrivals_from: 0,
            before_t0: self.before_t0,
            samples: Vec::new(),
        }
    }

    /// Notes a number that a client received before T0. Its skew is unknown.
    pub fn came_before(&mut self, seq: u64) {
        self.before_t0 = self.before_t0.max(Some(seq));
    }

    /// Notes the first arrival of a number at a client, in nanoseconds since T0.
    pub fn arrived(&mut self, seq: u64, received_ns: u64) {
        if number_hash(seq) < self.arrivals_from {
            return;
        }
        let here = PushArrivals {
            first_ns: received_ns,
            last_ns: received_ns,
            clients: 1,
        };
        self.arrivals
            .entry(seq)
            .and_modify(|all| all.merge(&here))
            .or_insert(here);
        self.limit_arrivals();
    }

    /// Drops numbers until the rest fits.
    fn limit_arrivals(&mut self) {
        while self.arrivals.len() > MAX_ARRIVALS {
            self.keep_from(self.arrivals_from + (u64::MAX - self.arrivals_from) / 2);
        }
    }

    /// Drops the numbers with a lower hash.
    fn keep_from(&mut self, hash: u64) {
        self.arrivals_from = hash;
        self.arrivals.retain(|seq, _| number_hash(*seq) >= hash);
    }

    /// Arrival at the last client minus arrival at the first, in nanoseconds, of each number that several clients
    /// received.
    ///
    /// A number that came to one of them before T0, or may have come after the end, is left out. One that came to all did not.
    pub fn skew(&self) -> LazyHistogram {
        let all = || {
            let numbers = self.arrivals.iter();
            let whole =
                numbers.filter(|(seq, one)| one.clients > 1 && Some(**seq) > self.before_t0);
            whole.map(|(_, one)| one)
        };
        let skew_ns = |one: &PushArrivals| one.last_ns - one.first_ns;
        let longest_ns = all().map(skew_ns).max().unwrap_or(0);
        let arrivals = self.arrivals.values();
        let end_ns = arrivals.map(|one| one.last_ns).max().unwrap_or(0);
        let mut times = LazyHistogram::default();
        let came_to_all = |one: &PushArrivals| u64::from(one.clients) == self.clients;
        all()
            .filter(|one| came_to_all(one) || one.first_ns.saturating_add(longest_ns) <= end_ns)
            .for_each(|one| times.record(skew_ns(one)));
        times
    }

    /// All counts, to check those of a file.
    pub(crate) fn counts(&self) -> [u64; 6] {
        [
            self.received,
            self.missing,
            self.duplicated,
            self.reordered,
            self.clients,
            self.negative_delays,
        ]
    }

    /// Checks the arrivals of a record that was read from a file.
    ///
    /// # Errors
    /// A text, when one is impossible.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self
            .arrivals
            .iter()
            .find(|(_, one)| one.last_ns < one.first_ns)
        {
            Some((seq, _)) => Err(format!(
                "number {seq} came to the last client before the first"
            )),
            None => Ok(()),
        }
    }

    /// Keeps the choice of messages that fits into the budget, ordered by arrival.
    pub fn choose(&mut self, budget: &BottomK) {
        budget.choose(&mut self.samples);
        self.samples
            .sort_unstable_by_key(|one| (one.received_ns, one.client, one.seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LatencyHistogram;
    use proptest::prelude::*;

    fn skews(record: &PushRecord) -> (u64, Option<u64>, Option<u64>) {
        let times = record.skew();
        let of = |of: fn(&LatencyHistogram) -> Option<u64>| times.get().and_then(of);
        (
            times.count(),
            of(LatencyHistogram::min),
            of(LatencyHistogram::max),
        )
    }

    #[test]
    fn skew_is_that_of_numbers_that_all_could_receive() {
        let mut threads = [PushRecord::default(), PushRecord::default()];
        // Client k receives number n at 100 n + 10 k. Number 3 came to client 0 before T0, and only client 0 received
        // number 9 before the end.
        threads[0].came_before(3);
        for n in 3..9 {
            for client in 0..4_u64 {
                if (n, client) != (3, 0) {
                    threads[usize::from(client > 1)].arrived(n, 100 * n + 10 * client);
                }
            }
        }
        threads[0].arrived(9, 900);
        threads[0].arrived(9, 910);
        let [mut all, other] = threads;
        all.merge(&other);
        assert_eq!(skews(&all), (5, Some(30), Some(30)));
        assert_eq!(all.so_far().skew().count(), 0);
    }

    #[test]
    fn the_last_number_of_a_feed_has_a_skew_when_it_came_to_all() {
        let mut record = PushRecord {
            clients: 2,
            ..PushRecord::default()
        };
        for (seq, at_ns) in [(1, 10), (1, 50), (2, 100), (2, 110)] {
            record.arrived(seq, at_ns);
        }
        assert_eq!(skews(&record), (2, Some(10), Some(40)));
        record.clients = 3;
        assert_eq!(skews(&record), (1, Some(40), Some(40)));
    }

    #[test]
    fn a_number_of_one_client_has_no_skew() {
        let mut record = PushRecord::default();
        record.arrived(1, 10);
        record.arrived(2, 20);
        assert_eq!(skews(&record), (0, None, None));
    }

    #[test]
    fn memory_for_arrivals_is_bounded_and_threads_keep_the_same_numbers() {
        let mut threads = [PushRecord::default(), PushRecord::default()];
        for n in 0..150_000 {
            threads[0].arrived(n, n);
            if n % 2 == 0 {
                threads[1].arrived(n, n + 7);
            }
        }
        let [mut all, other] = threads;
        assert!(all.arrivals.len() <= MAX_ARRIVALS && other.arrivals.len() <= MAX_ARRIVALS);
        all.merge(&other);
        let (count, min, max) = skews(&all);
        assert_eq!((min, max), (Some(7), Some(7)));
        let pairs = all.arrivals.keys().filter(|n| *n % 2 == 0).count() as u64;
        // The last one ends the time in which all could have received a number.
        assert!(count == pairs || count + 1 == pairs, "{count} of {pairs}");
        assert!(pairs > 10_000, "{pairs}");
        assert!(
            all.arrivals
                .iter()
                .all(|(n, one)| one.clients == 2 - (n % 2) as u32)
        );
    }

    proptest! {
        #[test]
        fn skew_does_not_depend_on_the_distribution_over_threads(
            arrivals in prop::collection::vec((0..20_u64, 0..1000_u64, any::<bool>()), 0..200)
        ) {
            let mut one = PushRecord::default();
            let mut threads = [PushRecord::default(), PushRecord::default()];
            for (seq, at_ns, second) in arrivals {
                one.arrived(seq, at_ns);
                threads[usize::from(second)].arrived(seq, at_ns);
            }
            let [mut all, other] = threads;
            all.merge(&other);
            prop_assert_eq!(all, one);
        }
    }
}
