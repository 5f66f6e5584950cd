//! Lost connections as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{ReconnectRecord, ReconnectTimeline};
use crate::verdict::{Latency, SendLag};

/// Connections that were lost, and the attempts to open them again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReconnectSummary {
    /// Times at which clients open a lost connection again, as typed: `now`, `spread:5s`, `backoff:100ms..30s`; `None` when
    /// they stay away.
    pub law: Option<String>,
    /// Time after T0 of the planned drop, in seconds; `None` without one.
    pub drop_at_s: Option<f64>,
    /// Connections lost: dropped by plan, ended by the server, or without the replacement that was planned.
    pub dropped: u64,
    /// Lost connections that the server ended. They are in `connections.closed_early` too.
    pub by_server: u64,
    /// Lost connections whose planned replacement did not open. They are in `connections.failed` too.
    pub not_replaced: u64,
    /// Measured messages in flight when their connection was dropped by plan.
    pub in_flight: u64,
    pub attempts: u64,
    /// Attempts that had neither failed nor brought their client back by the end of the run.
    pub open_at_end: u64,
    /// Attempts refused or reset before the handshake.
    pub refused: u64,
    /// Attempts without an answer within the connect timeout.
    pub timed_out: u64,
    /// Failed handshakes by the status of the answer, such as `503`, or `other`.
    pub handshake_failed: BTreeMap<String, u64>,
    pub setup_failed: u64,
    /// Attempts that the generator's machine could not make: no port, file or memory left.
    pub own_failed: u64,
    /// Failed attempts for each reason.
    pub failures: BTreeMap<String, u64>,
    /// Clients that were ready again.
    pub back: u64,
    /// Time from the loss until half of all dropped connections were back, setup included; `None` when they never were.
    pub back_50_ns: Option<u64>,
    pub back_90_ns: Option<u64>,
    pub back_99_ns: Option<u64>,
    pub back_100_ns: Option<u64>,
    /// Total time that clients were away, in client-seconds.
    pub away_client_s: f64,
    /// Messages that became due while their client was away. They were not sent.
    pub missed: u64,
    /// Durations of the attempts that opened a connection.
    pub connect_ns: Latency,
    /// The same from the intended times of the attempts.
    pub connect_response_ns: Latency,
    /// Actual minus intended start of the attempts.
    pub attempt_lag_ns: SendLag,
    /// Overflows of listen queues on the server's machine from T0 to the end; `None` where it is another machine.
    pub listen_overflows: Option<u64>,
    /// Events over time. Intervals without an event are left out.
    pub timeline: Vec<ReconnectRow>,
}

/// Events of one interval, and clients away at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ReconnectRow {
    /// Start of the interval, in seconds after T0.
    pub from_s: f64,
    /// End of the interval, in seconds after T0.
    pub to_s: f64,
    pub lost: u64,
    pub attempts: u64,
    pub refused: u64,
    pub timed_out: u64,
    pub handshake_failed: u64,
    pub setup_failed: u64,
    pub own_failed: u64,
    pub back: u64,
    /// Clients away at the end of the interval.
    pub away: u64,
}

impl ReconnectSummary {
    /// The figures of a record.
    pub fn new(record: &ReconnectRecord, law: Option<String>, drop_at_s: Option<f64>) -> Self {
        let failed = &record.failed;
        let own = Self {
            law,
            drop_at_s,
            dropped: record.dropped,
            by_server: record.by_server,
            not_replaced: record.not_replaced,
            in_flight: record.in_flight,
            attempts: record.attempts,
            open_at_end: 0,
            refused: failed.refused,
            timed_out: failed.timed_out,
            handshake_failed: failed.handshake.clone(),
            setup_failed: failed.setup,
            own_failed: failed.own,
            failures: record.failures.clone(),
            back: record.back,
            back_50_ns: record.back_ns(0.5),
            back_90_ns: record.back_ns(0.9),
            back_99_ns: record.back_ns(0.99),
            back_100_ns: record.back_ns(1.0),
            away_client_s: record.away_ns as f64 / 1e9,
            missed: record.missed,
            connect_ns: Latency::from_lazy(&record.connect),
            connect_response_ns: Latency::from_lazy(&record.connect_response),
            attempt_lag_ns: record
                .attempt_lag
                .get()
                .map(SendLag::from)
                .unwrap_or_default(),
            listen_overflows: None,
            timeline: rows(&record.timeline),
        };
        let ended = own.failed() + own.back;
        Self {
            open_at_end: own.attempts.saturating_sub(ended),
            ..own
        }
    }

    /// Time that clients were away, as a share of the time of all of this number of connections.
    pub fn away_share(&self, connections: u64, elapsed_s: f64) -> f64 {
        // Exact far beyond any number of connections.
        let possible_s = connections as f64 * elapsed_s;
        if possible_s > 0.0 {
            (self.away_client_s / possible_s).min(1.0)
        } else {
            0.0
        }
    }

    /// Number of failed handshakes.
    pub fn handshakes_failed(&self) -> u64 {
        self.handshake_failed.values().sum()
    }

    /// Number of lost connections that were not opened again.
    pub fn not_back(&self) -> u64 {
        self.dropped.saturating_sub(self.back)
    }

    /// Number of connections dropped by plan.
    pub fn by_plan(&self) -> u64 {
        self.dropped
            .saturating_sub(self.by_server + self.not_replaced)
    }

    /// Number of failed attempts.
    pub fn failed(&self) -> u64 {
        self.refused
            + self.timed_out
            + self.handshakes_failed()
            + self.setup_failed
            + self.own_failed
    }
}

fn rows(timeline: &ReconnectTimeline) -> Vec<ReconnectRow> {
    // One division of an integer each: a sum of two fractions may print as 3.0199999999999996.
    let seconds = |ns: u64| ns as f64 / 1e9;
    let mut away = 0_u64;
    let rows = timeline.intervals().map(|(from_ns, events)| {
        away = (away + events.lost).saturating_sub(events.back);
        ReconnectRow {
            from_s: seconds(from_ns),
            to_s: seconds(from_ns.saturating_add(timeline.width_ns())),
            lost: events.lost,
            attempts: events.attempts,
            refused: events.refused,
            timed_out: events.timed_out,
            handshake_failed: events.handshake_failed,
            setup_failed: events.setup_failed,
            own_failed: events.own_failed,
            back: events.back,
            away,
        }
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 495 attempts, 0 failed and 432 back did not add up: 63 were under way when the run ended.
    #[test]
    fn attempts_that_are_open_at_the_end_complete_the_sum() {
        let mut record = ReconnectRecord {
            attempts: 495,
            back: 432,
            ..ReconnectRecord::default()
        };
        let of = |record: &ReconnectRecord| ReconnectSummary::new(record, None, None);
        assert_eq!(of(&record).open_at_end, 63);
        record.failed.refused = 60;
        assert_eq!(of(&record).open_at_end, 3);
        record.failed.refused = 70;
        assert_eq!(of(&record).open_at_end, 0);
    }

    #[test]
    fn the_share_of_the_time_away_is_at_most_all_of_it() {
        let own = ReconnectSummary {
            away_client_s: 26.0,
            ..ReconnectSummary::default()
        };
        assert_eq!(own.away_share(100, 10.0), 0.026);
        assert_eq!(own.away_share(1, 10.0), 1.0);
        assert_eq!(own.away_share(100, 0.0), 0.0);
    }

    #[test]
    fn the_end_of_an_interval_printed_as_3_0199999999999996() {
        let mut record = ReconnectRecord::default();
        (0..1_000).for_each(|n| record.lost(n * 10_000_000, false));
        let rows = rows(&record.timeline);
        assert_eq!((rows[301].from_s, rows[301].to_s), (3.01, 3.02));
        for row in rows {
            for at_s in [row.from_s, row.to_s] {
                assert!(at_s.to_string().len() <= 4, "{at_s}");
            }
        }
    }
}
