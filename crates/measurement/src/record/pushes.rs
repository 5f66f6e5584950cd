//! Figures of messages that a server sends on its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sampling::OfMessage;
use super::{BottomK, LazyHistogram};

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
    /// Arrival at the last client minus arrival at the first, of each number, in nanoseconds.
    pub skew: LazyHistogram,
    /// Arrival on this machine's wall clock minus the server's stamp, in nanoseconds.
    pub delay: LazyHistogram,
    /// Messages with a stamp later than their arrival.
    pub negative_delays: u64,
    /// Most that a stamp was later than the arrival, in nanoseconds.
    pub most_negative_delay_ns: u64,
    /// First and last arrival of each number, and the clients it reached, until the numbers of all threads are merged.
    pub arrivals: BTreeMap<u64, PushArrivals>,
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
        self.missing += other.missing;
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
            (&mut self.skew, &other.skew),
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
            skew: self.skew.clone(),
            delay: self.delay.clone(),
            negative_delays: self.negative_delays,
            most_negative_delay_ns: self.most_negative_delay_ns,
            arrivals: BTreeMap::new(),
            samples: Vec::new(),
        }
    }

    /// Keeps the choice of messages that fits into the budget, ordered by arrival.
    pub fn choose(&mut self, budget: &BottomK) {
        budget.choose(&mut self.samples);
        self.samples
            .sort_unstable_by_key(|one| (one.received_ns, one.client, one.seq));
    }
}
