//! Messages that a server sends on its own, as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use crate::record::PushRecord;
use crate::verdict::Latency;

/// Figures of a feed. Only what arrived between T0 and the end of the measured phase counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct PushSummary {
    /// Messages that arrived.
    pub received: u64,
    pub received_per_s: f64,
    /// Clients that received a message.
    pub clients: u64,
    /// Numbers left out, over all clients; `None` when the messages have no numbers. So are the next two.
    pub missing: Option<u64>,
    /// Messages whose number had come before.
    pub duplicated: Option<u64>,
    /// Messages that arrived after one with a higher number.
    pub reordered: Option<u64>,
    /// Time between two messages of a client.
    pub gap_ns: Latency,
    /// Arrival minus the time at which the feed's own interval has the message due; `None` without an interval. The
    /// earliest message of each client counts as punctual.
    pub late_ns: Option<Latency>,
    /// Most that a lateness is understated, because a client's earliest message came after others were recorded.
    pub late_error_ns: u64,
    /// True when lateness is counted by the place of a message among those of its client, because it has no number.
    pub late_by_count: bool,
    /// Arrival at the last client minus arrival at the first, of each number; `None` without numbers. Without meaning when
    /// the server numbers the messages of each connection on its own: it then contains the differences between the times at
    /// which the clients became ready.
    pub skew_ns: Option<Latency>,
    /// Arrival on the generator's wall clock minus the server's stamp; `None` without stamps.
    pub delay_ns: Option<Latency>,
    /// Messages with a stamp later than their arrival. Their delays are not in `delay_ns`.
    pub negative_delays: u64,
    /// Least difference between the clocks of server and generator that explains all delays: the server's is ahead by at
    /// least this much; `None` when no delay is negative.
    pub server_clock_ahead_ns: Option<u64>,
}

impl PushSummary {
    /// The figures of a record whose measured phase took this long. `has_interval`: the scenario names the feed's interval.
    pub fn new(record: &PushRecord, has_interval: bool, elapsed_s: f64) -> Self {
        let numbered = |n: u64| record.is_numbered.then_some(n);
        let delay = Latency::from_lazy(&record.delay);
        let skew = Latency::from_lazy(&record.skew());
        Self {
            received: record.received,
            received_per_s: if elapsed_s > 0.0 {
                record.received as f64 / elapsed_s
            } else {
                0.0
            },
            clients: record.clients,
            missing: numbered(record.missing),
            duplicated: numbered(record.duplicated),
            reordered: numbered(record.reordered),
            gap_ns: Latency::from_lazy(&record.gap),
            late_ns: has_interval.then(|| Latency::from_lazy(&record.lateness)),
            late_error_ns: record.lateness_error_ns,
            late_by_count: has_interval && !record.is_numbered && record.received > 0,
            skew_ns: (skew.count > 0).then_some(skew),
            delay_ns: (delay.count > 0).then_some(delay),
            negative_delays: record.negative_delays,
            server_clock_ahead_ns: (record.negative_delays > 0)
                .then_some(record.most_negative_delay_ns),
        }
    }
}

impl PushSummary {
    /// Returns true when any number was left out, came twice or came after a higher one.
    pub fn any_failed(&self) -> bool {
        let counts = [self.missing, self.duplicated, self.reordered];
        counts.into_iter().flatten().any(|n| n > 0)
    }
}
