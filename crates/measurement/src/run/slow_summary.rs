//! Slow readers as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fan_out_summary::reach;
use crate::record::{NeighbourRecord, SlowRecord};
use crate::verdict::Latency;

/// Figures of slow readers, and of the other receivers before and after they turned slow.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct SlowSummary {
    /// Slow readers that were ready for the load.
    pub clients: u64,
    /// Time after T0 at which they turned slow, in seconds.
    pub after_s: f64,
    /// Bytes per second that one of them was to read; 0 = none at all; `None` when they differ.
    pub planned_read_bytes_per_s: Option<u64>,
    /// Bytes per second that one of them did read while it was slow and connected, on average.
    pub read_bytes_per_s: f64,
    /// Connections of slow readers that the server ended. None of them is in `connections.closed_early`.
    pub closed: u64,
    /// Number of these connections for each close code. 1006 = without a close frame.
    pub close_codes: BTreeMap<u16, u64>,
    /// Time after T0 at which their clients noticed it. Without those that noticed it only after the run, behind what they had
    /// not read; `None` when no client noticed it in the run.
    pub closed_after_ns: Option<Latency>,
    /// Deliveries that slow readers should have got, and did not get within the timeout.
    pub missing: u64,
    /// The other receivers, of messages sent before slow readers turned slow.
    pub before: NeighbourSummary,
    /// The other receivers, of messages sent after.
    pub after: NeighbourSummary,
    /// `after` over `before`, with intervals.
    pub ratios: Vec<NeighbourRatio>,
    /// Growth of the server's memory per slow reader from the time before to its maximum after, in bytes, on average;
    /// `None` when the server was not watched. Negative when it shrank.
    pub server_bytes_per_client: Option<i64>,
}

/// The other receivers in one phase of a run with slow readers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NeighbourSummary {
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// `expected - delivered`.
    pub missing: u64,
    /// `delivered / expected`; `None` when nothing was expected.
    pub reach: Option<f64>,
    pub first_ns: Latency,
    pub median_ns: Latency,
    pub last_ns: Latency,
    pub delivery_ns: Latency,
    /// Service time of messages with a reply or an echo.
    pub service_time_ns: Latency,
}

impl From<&NeighbourRecord> for NeighbourSummary {
    fn from(record: &NeighbourRecord) -> Self {
        Self {
            expected: record.expected,
            delivered: record.delivered,
            missing: record.expected.saturating_sub(record.delivered),
            reach: reach(record.delivered, record.expected),
            first_ns: Latency::from_lazy(&record.first),
            median_ns: Latency::from_lazy(&record.median),
            last_ns: Latency::from_lazy(&record.last),
            delivery_ns: Latency::from_lazy(&record.delivery),
            service_time_ns: Latency::from_lazy(&record.service),
        }
    }
}

/// A figure after slow readers turned slow, as a multiple of the one before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct NeighbourRatio {
    /// Name of the figure: `last.p50`, `last.p99`, `delivery.p50`, `delivery.p99`, `service.p50`, `service.p99`.
    pub figure: String,
    /// The ratio.
    pub ratio: f64,
    /// Bounds of its 95 % confidence interval, by a bootstrap over seconds; `None` with too few of them.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
}

impl SlowSummary {
    /// Adds the growth of the server's memory, in bytes, if it is known.
    pub(super) fn with_server_growth(mut self, growth_bytes: Option<i64>) -> Self {
        let clients = i64::try_from(self.clients.max(1)).unwrap_or(i64::MAX);
        self.server_bytes_per_client = growth_bytes.map(|bytes| bytes / clients);
        self
    }

    /// The figures of a record. Ratios and memory are not known from it.
    pub fn new(record: &SlowRecord, after_s: f64, planned_read_bytes_per_s: Option<u64>) -> Self {
        let reading_s = record.reading_ns as f64 / 1e9;
        Self {
            clients: record.clients,
            after_s,
            planned_read_bytes_per_s,
            read_bytes_per_s: if reading_s > 0.0 {
                record.read_bytes as f64 / reading_s
            } else {
                0.0
            },
            closed: record.closed,
            close_codes: record.close_codes.clone(),
            closed_after_ns: Some(Latency::from_lazy(&record.closed_after))
                .filter(|times| times.count > 0),
            missing: record
                .receivers
                .expected
                .saturating_sub(record.receivers.delivered),
            before: NeighbourSummary::from(&record.before),
            after: NeighbourSummary::from(&record.after),
            ratios: Vec::new(),
            server_bytes_per_client: None,
        }
    }
}
