//! Figures of a run with slow readers: theirs, and those of the other receivers before and after they turned slow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::delivery::CompleteMessage;
use super::fan_out::ReceiverRecord;
use super::{KindRecord, LazyHistogram};

/// Figures of slow readers and of their neighbours: those of one thread, or the sum over threads and processes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowRecord {
    /// Time after T0 at which they turn slow, in nanoseconds.
    pub after_ns: u64,
    /// Slow readers that were ready for the load.
    pub clients: u64,
    /// Bytes that slow readers took from their sockets while they were slow.
    pub read_bytes: u64,
    /// Total time that slow readers were slow and connected, in nanoseconds.
    pub reading_ns: u64,
    /// Connections of slow readers that the server ended.
    pub closed: u64,
    /// Number of these connections for each close code. 1006 = without a close frame.
    pub close_codes: BTreeMap<u16, u64>,
    /// Times after T0 at which the clients noticed it, in nanoseconds. Without those that noticed it only after the run, because
    /// the end lay behind what they had not read.
    pub closed_after: LazyHistogram,
    /// Deliveries to slow readers.
    pub receivers: ReceiverRecord,
    /// Messages that slow readers sent. They are in no other figure.
    pub messages: KindRecord,
    /// The other receivers, of messages sent before slow readers turned slow.
    pub before: NeighbourRecord,
    /// The other receivers, of messages sent after.
    pub after: NeighbourRecord,
}

impl SlowRecord {
    /// An empty record of slow readers that turn slow at this time after T0, in nanoseconds.
    pub fn new(after_ns: u64) -> Self {
        Self {
            after_ns,
            ..Self::default()
        }
    }

    /// The figures of the other receivers for a message sent at this time after T0.
    pub fn neighbours(&mut self, sent_ns: u64) -> &mut NeighbourRecord {
        if sent_ns < self.after_ns {
            &mut self.before
        } else {
            &mut self.after
        }
    }

    /// Counts a connection that the server ended. `after_ns`: time after T0; `None` when the client noticed it only after the
    /// run, behind what it had not read.
    pub fn closed(&mut self, close_code: Option<u16>, after_ns: Option<u64>) {
        self.closed += 1;
        if let Some(code) = close_code {
            *self.close_codes.entry(code).or_default() += 1;
        }
        if let Some(after_ns) = after_ns {
            self.closed_after.record(after_ns);
        }
    }

    /// Adds the figures of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        self.after_ns = self.after_ns.max(other.after_ns);
        self.clients += other.clients;
        self.read_bytes += other.read_bytes;
        self.reading_ns += other.reading_ns;
        self.closed += other.closed;
        for (code, count) in &other.close_codes {
            *self.close_codes.entry(*code).or_default() += count;
        }
        self.closed_after.merge(&other.closed_after);
        self.receivers.merge(&other.receivers);
        self.messages.merge(&other.messages);
        self.before.merge(&other.before);
        self.after.merge(&other.after);
    }
}

/// Times of one phase of a run with slow readers, of the other receivers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighbourRecord {
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// Delivery time of the first receiver of each message, in nanoseconds.
    pub first: LazyHistogram,
    /// Delivery time of the median receiver of each message, in nanoseconds.
    pub median: LazyHistogram,
    /// Delivery time of the last receiver of each message, in nanoseconds.
    pub last: LazyHistogram,
    /// Received minus sent time of each delivery, in nanoseconds.
    pub delivery: LazyHistogram,
    /// Service times of messages with a reply or an echo, in nanoseconds.
    pub service: LazyHistogram,
}

impl NeighbourRecord {
    /// Records a message that has reached all of its receivers.
    pub fn complete(&mut self, message: &CompleteMessage) {
        self.first.record(message.first_ns);
        self.median.record(message.median_ns);
        self.last.record(message.last_ns);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        for (all, one) in [
            (&mut self.first, &other.first),
            (&mut self.median, &other.median),
            (&mut self.last, &other.last),
            (&mut self.delivery, &other.delivery),
            (&mut self.service, &other.service),
        ] {
            all.merge(one);
        }
    }
}
