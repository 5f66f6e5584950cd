//! Deliveries as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use super::percentile_table::percentiles_of;
use crate::record::{
    BucketCounts, FanOutRecord, FanOutSecond, LazyHistogram, ReceiverRecord, RowSeconds, RowSpan,
    SecondTimes,
};
use crate::verdict::Latency;

/// Number of receivers listed by number.
const MAX_LISTED: usize = 100;

/// Figures of messages that are delivered to several receivers. Delivery times count from the send time, response times
/// from the intended send time. Slow readers are in none of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct FanOutSummary {
    /// Messages published.
    pub published: u64,
    /// Deliveries that should have come: for each message, the receivers of its room that were ready before it was sent
    /// and whose connection had not ended by then.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// `expected - delivered`.
    pub missing: u64,
    /// First arrivals after the timeout. Part of `missing`.
    pub late: u64,
    /// Arrivals after the first.
    pub duplicated: u64,
    /// Deliveries with the identity of a message, but something else that does not agree.
    pub corrupted: u64,
    /// Deliveries to a client that should not get the message.
    pub unexpected: u64,
    /// Deliveries that arrived after that of a later message of the same publisher; `None` when there were too many pairs
    /// of publisher and receiver to keep their order.
    pub reordered: Option<u64>,
    /// `delivered / expected`; `None` when nothing was expected.
    pub reach: Option<f64>,
    /// Messages that reached all of their receivers within the timeout.
    pub complete: u64,
    /// Messages that did not.
    pub incomplete: u64,
    /// Receivers that should have got messages and got none at all.
    pub unreached: u64,
    /// Numbers of these receivers, the first hundred.
    pub unreached_clients: Vec<u32>,
    /// Times of all deliveries within the timeout.
    pub delivery_time_ns: Latency,
    pub delivery_response_ns: Latency,
    /// Delivery time of each complete message's first receiver. So are the following figures.
    pub first_ns: Latency,
    /// Delivery time of the median receiver, the lower one of two.
    pub median_ns: Latency,
    /// Delivery time of the last receiver.
    pub last_ns: Latency,
    /// Last minus first.
    pub spread_ns: Latency,
    pub first_response_ns: Latency,
    pub median_response_ns: Latency,
    pub last_response_ns: Latency,
    pub publishes_per_s: f64,
    pub deliveries_per_s: f64,
    /// One row per second in which something happened.
    pub timeline: Vec<FanOutRow>,
    /// The percentile table, with the percentiles of the service times' table when all messages ended.
    pub percentiles: Vec<FanOutPercentiles>,
}

/// Deliveries of one second, or of several in a long run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FanOutRow {
    /// Start of the second, in seconds since T0.
    pub second: u64,
    /// Messages published in this second.
    pub published: u64,
    /// Deliveries expected of these messages.
    pub expected: u64,
    /// Deliveries that arrived in this second.
    pub delivered: u64,
    /// Median over the messages that reached their last receiver in this second; `None` without any. The following figures
    /// are of the same messages.
    pub first_p50_ns: Option<u64>,
    pub median_p50_ns: Option<u64>,
    pub last_p50_ns: Option<u64>,
    pub last_p99_ns: Option<u64>,
    /// Median over the deliveries that arrived in this second.
    pub delivery_p50_ns: Option<u64>,
    pub delivery_p99_ns: Option<u64>,
    /// Length of the row in seconds; 1 in files of older versions.
    pub seconds: RowSeconds,
}

impl FanOutRow {
    /// The time of the row.
    pub fn span(&self) -> RowSpan {
        RowSpan {
            second: self.second,
            seconds: self.seconds,
        }
    }
}

impl From<&FanOutSecond> for FanOutRow {
    fn from(second: &FanOutSecond) -> Self {
        let decode = |times: &Option<SecondTimes>| times.as_ref().map(SecondTimes::counts);
        let quantile = |times: &Option<BucketCounts>, q| times.as_ref()?.quantile(q);
        let (last, delivery) = (decode(&second.last), decode(&second.delivery));
        Self {
            second: second.second,
            seconds: second.seconds,
            published: second.published,
            expected: second.expected,
            delivered: second.delivered,
            first_p50_ns: quantile(&decode(&second.first), 0.5),
            median_p50_ns: quantile(&decode(&second.median), 0.5),
            last_p50_ns: quantile(&last, 0.5),
            last_p99_ns: quantile(&last, 0.99),
            delivery_p50_ns: quantile(&delivery, 0.5),
            delivery_p99_ns: quantile(&delivery, 0.99),
        }
    }
}

/// One row of the percentile table of deliveries. Times are in nanoseconds; `None` without any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FanOutPercentiles {
    /// Between 0 and 100.
    pub percentile: f64,
    pub delivery_time_ns: Option<u64>,
    pub first_ns: Option<u64>,
    pub median_ns: Option<u64>,
    pub last_ns: Option<u64>,
}

impl FanOutSummary {
    /// The figures of a record whose measured phase took this long.
    pub fn new(record: &FanOutRecord, elapsed_s: f64) -> Self {
        let counts = &record.counts;
        let times = &record.times;
        let rate = |n: u64| {
            if elapsed_s > 0.0 {
                n as f64 / elapsed_s
            } else {
                0.0
            }
        };
        Self {
            published: counts.published,
            expected: counts.expected,
            delivered: counts.delivered,
            missing: counts.expected.saturating_sub(counts.delivered),
            late: counts.late,
            duplicated: counts.duplicated,
            corrupted: counts.corrupted,
            unexpected: counts.unexpected,
            reordered: (!record.order_is_unknown).then_some(counts.reordered),
            reach: reach(counts.delivered, counts.expected),
            complete: counts.complete,
            incomplete: counts.incomplete,
            unreached: record.unreached.len() as u64,
            unreached_clients: record.unreached.iter().copied().take(MAX_LISTED).collect(),
            delivery_time_ns: Latency::from_lazy(&times.delivery),
            delivery_response_ns: Latency::from_lazy(&times.delivery_response),
            first_ns: Latency::from_lazy(&times.first),
            median_ns: Latency::from_lazy(&times.median),
            last_ns: Latency::from_lazy(&times.last),
            spread_ns: Latency::from_lazy(&times.spread),
            first_response_ns: Latency::from_lazy(&times.first_response),
            median_response_ns: Latency::from_lazy(&times.median_response),
            last_response_ns: Latency::from_lazy(&times.last_response),
            publishes_per_s: rate(counts.published_in_time),
            deliveries_per_s: rate(counts.delivered_in_time),
            timeline: record.seconds.iter().map(FanOutRow::from).collect(),
            percentiles: percentiles_of(counts.published)
                .map(|p| percentiles(record, p))
                .collect(),
        }
    }
}

impl FanOutSummary {
    /// Returns true when any delivery is missing, was duplicated or reordered, or is not the one that was expected.
    pub fn any_failed(&self) -> bool {
        let reordered = self.reordered.unwrap_or(0);
        self.missing + self.duplicated + reordered + self.corrupted + self.unexpected > 0
    }
}

/// Share of the expected deliveries that came; `None` when nothing was expected.
pub(super) fn reach(delivered: u64, expected: u64) -> Option<f64> {
    (expected > 0).then(|| delivered as f64 / expected as f64)
}

fn percentiles(record: &FanOutRecord, percentile: f64) -> FanOutPercentiles {
    let of = |times: &LazyHistogram| times.get()?.quantile(percentile / 100.0);
    FanOutPercentiles {
        percentile,
        delivery_time_ns: of(&record.times.delivery),
        first_ns: of(&record.times.first),
        median_ns: of(&record.times.median),
        last_ns: of(&record.times.last),
    }
}

/// Deliveries to the clients of one role.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReceiverSummary {
    /// Deliveries that should have come.
    pub expected: u64,
    /// First arrivals within the timeout.
    pub delivered: u64,
    /// `expected - delivered`.
    pub missing: u64,
    pub delivery_time_ns: Latency,
    pub delivery_response_ns: Latency,
}

impl From<&ReceiverRecord> for ReceiverSummary {
    fn from(record: &ReceiverRecord) -> Self {
        Self {
            expected: record.expected,
            delivered: record.delivered,
            missing: record.expected.saturating_sub(record.delivered),
            delivery_time_ns: Latency::from_lazy(&record.delivery),
            delivery_response_ns: Latency::from_lazy(&record.delivery_response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deliveries_had_other_percentiles_than_the_service_times() {
        let mut record = FanOutRecord::default();
        record.counts.published = 1_000;
        let found = FanOutSummary::new(&record, 1.0).percentiles.into_iter();
        let found: Vec<_> = found.map(|row| row.percentile).collect();
        assert_eq!(found, percentiles_of(1_000).collect::<Vec<_>>());
        assert!(found.contains(&1.0) && !found.contains(&99.99));
    }
}
