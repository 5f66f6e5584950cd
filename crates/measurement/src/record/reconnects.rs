//! Connections that were lost and opened again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ConnectFailure, LazyHistogram, ReconnectTimeline};

/// Figures of lost connections and of the attempts to open them again: those of one thread, or the sum over threads and
/// processes. Connections that were replaced by plan, because their lifetime or their messages were over, are not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReconnectRecord {
    /// Connections lost: dropped by plan, ended by the server, or without the replacement that was planned.
    pub dropped: u64,
    /// Lost connections that the server ended.
    pub by_server: u64,
    /// Lost connections whose planned replacement did not open.
    pub not_replaced: u64,
    /// Measured messages that were in flight when their connection was dropped by plan. They are not lost.
    pub in_flight: u64,
    /// Attempts to open a connection again.
    pub attempts: u64,
    /// Failed attempts.
    pub failed: FailedAttempts,
    /// Failed attempts for each reason, by its text.
    pub failures: BTreeMap<String, u64>,
    /// Clients that were ready again.
    pub back: u64,
    /// Times from the loss of a connection until its client was ready again, in nanoseconds.
    pub away: LazyHistogram,
    /// Total time that clients were away, also those that did not come back, in nanoseconds.
    pub away_ns: u64,
    /// Measured messages of an open loop that became due while their client was away. They are not sent.
    pub missed: u64,
    /// Total times of the attempts that opened a connection, in nanoseconds.
    pub connect: LazyHistogram,
    /// The same from the intended times of these attempts.
    pub connect_response: LazyHistogram,
    /// Actual minus intended start of each attempt, in nanoseconds.
    pub attempt_lag: LazyHistogram,
    /// Losses and attempts over time.
    pub timeline: ReconnectTimeline,
}

/// Failed attempts to open a connection again, by cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempts {
    /// Connection refused or reset before the handshake.
    pub refused: u64,
    /// No answer within the connect timeout.
    pub timed_out: u64,
    /// Handshakes of HTTP or TLS that failed, by the status of the answer as text, such as `503`, or `other`.
    pub handshake: BTreeMap<String, u64>,
    /// Clients whose setup failed.
    pub setup: u64,
    /// Attempts that this machine could not make: no port, file or memory left. They say nothing about the server.
    pub own: u64,
}

/// Cause of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptFailure {
    /// Connection refused or reset before the handshake.
    Refused,
    /// No answer within the connect timeout.
    TimedOut,
    /// Failed handshake, with the status of the answer if it was HTTP.
    Handshake(Option<u16>),
    /// Failed setup.
    Setup,
    /// This machine had no port, file or memory left.
    Own,
}

impl From<&ConnectFailure> for AttemptFailure {
    fn from(failure: &ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Connect(io) if io.is_own_exhaustion() => Self::Own,
            ConnectFailure::Connect(_) | ConnectFailure::NoAddress => Self::Refused,
            ConnectFailure::Timeout | ConnectFailure::NotOpenAtStart => Self::TimedOut,
            ConnectFailure::Refused(refusal) => Self::Handshake(Some(refusal.status)),
            ConnectFailure::Setup(_) => Self::Setup,
            _ => Self::Handshake(None),
        }
    }
}

impl FailedAttempts {
    /// Number of all of them.
    pub fn total(&self) -> u64 {
        self.refused + self.timed_out + self.handshakes() + self.setup + self.own
    }

    /// Number of failed handshakes.
    pub fn handshakes(&self) -> u64 {
        self.handshake.values().sum()
    }

    fn add(&mut self, cause: AttemptFailure) {
        match cause {
            AttemptFailure::Refused => self.refused += 1,
            AttemptFailure::TimedOut => self.timed_out += 1,
            AttemptFailure::Handshake(status) => {
                let status = status.map_or_else(|| "other".to_owned(), |status| status.to_string());
                *self.handshake.entry(status).or_default() += 1;
            }
            AttemptFailure::Setup => self.setup += 1,
            AttemptFailure::Own => self.own += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.setup += other.setup;
        self.own += other.own;
        add_counts(&mut self.handshake, &other.handshake);
    }
}

/// Maximum number of reasons that are kept. Further ones are counted without details.
const MAX_REASONS: usize = 32;

impl ReconnectRecord {
    /// Records a lost connection at this time after T0, in nanoseconds.
    pub fn lost(&mut self, at_ns: u64, by_server: bool) {
        self.dropped += 1;
        self.by_server += u64::from(by_server);
        self.timeline.at(at_ns).lost += 1;
    }

    /// Records a connection whose planned replacement did not open, at this time after T0, in nanoseconds.
    pub fn not_replaced(&mut self, at_ns: u64) {
        self.not_replaced += 1;
        self.lost(at_ns, false);
    }

    /// Records the start of an attempt, and its lag behind the intended time.
    pub fn attempt(&mut self, at_ns: u64, lag_ns: u64) {
        self.attempts += 1;
        self.attempt_lag.record(lag_ns);
        self.timeline.at(at_ns).attempts += 1;
    }

    /// Records an attempt that opened a connection. Times from its start and from its intended time.
    pub fn opened(&mut self, connect_ns: u64, connect_response_ns: u64) {
        self.connect.record(connect_ns);
        self.connect_response.record(connect_response_ns);
    }

    /// Records a failed attempt.
    pub fn failed(&mut self, at_ns: u64, failure: &ConnectFailure) {
        let cause = AttemptFailure::from(failure);
        self.failed.add(cause);
        self.timeline.at(at_ns).failed(cause);
        let mut reason = failure.to_string();
        if self.failures.len() >= MAX_REASONS && !self.failures.contains_key(&reason) {
            reason = failure.clone().without_details().to_string();
        }
        *self.failures.entry(reason).or_default() += 1;
    }

    /// Records a client that is ready again, this long after the loss of its connection.
    pub fn back(&mut self, at_ns: u64, away_ns: u64) {
        self.back += 1;
        self.away.record(away_ns);
        self.away_ns += away_ns;
        self.timeline.at(at_ns).back += 1;
    }

    /// Number of connections dropped by plan.
    pub fn by_plan(&self) -> u64 {
        self.dropped
            .saturating_sub(self.by_server + self.not_replaced)
    }

    /// Time until this share of all lost connections was back, in nanoseconds; `None` when it never was.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A share of a count.
    pub fn back_ns(&self, share: f64) -> Option<u64> {
        let rank = (share * self.dropped as f64 - 1e-9).ceil().max(1.0) as u64;
        if rank > self.back {
            return None;
        }
        let away = self.away.get()?;
        if rank == self.back {
            return away.max();
        }
        away.quantile((rank as f64 - 0.5) / self.back as f64)
    }

    /// Adds the figures of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        self.by_server += other.by_server;
        self.not_replaced += other.not_replaced;
        self.in_flight += other.in_flight;
        self.attempts += other.attempts;
        self.failed.merge(&other.failed);
        add_counts(&mut self.failures, &other.failures);
        self.back += other.back;
        self.away_ns += other.away_ns;
        self.missed += other.missed;
        for (all, one) in [
            (&mut self.away, &other.away),
            (&mut self.connect, &other.connect),
            (&mut self.connect_response, &other.connect_response),
            (&mut self.attempt_lag, &other.attempt_lag),
        ] {
            all.merge(one);
        }
        self.timeline.merge(&other.timeline);
    }

    /// All counts, to check a record that was read from a file.
    pub(crate) fn counts(&self) -> [u64; 9] {
        [
            self.dropped,
            self.by_server,
            self.not_replaced,
            self.in_flight,
            self.attempts,
            self.failed.total(),
            self.back,
            self.away_ns >> 20,
            self.missed,
        ]
    }
}

fn add_counts(all: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (key, count) in other {
        *all.entry(key.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::UpgradeRefusal;
    use std::io;

    #[test]
    fn times_until_shares_are_back_count_all_that_were_lost() {
        let mut record = ReconnectRecord::default();
        (0..100).for_each(|_| record.lost(0, false));
        (1..=98).for_each(|n| record.back(n, n * 1_000_000));
        let ms = |share| record.back_ns(share).map(|ns| (ns + 500_000) / 1_000_000);
        assert_eq!((ms(0.5), ms(0.9)), (Some(50), Some(90)));
        assert_eq!((ms(0.98), ms(0.99), ms(1.0)), (Some(98), None, None));
        (99..=100).for_each(|n| record.back(n, n * 1_000_000));
        assert_eq!(record.back_ns(1.0), Some(100_000_000));
    }

    #[test]
    fn failed_attempts_are_counted_by_cause() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused");
        let no_port = io::Error::new(io::ErrorKind::AddrNotAvailable, "no port");
        let busy = ConnectFailure::Refused(Box::new(UpgradeRefusal::new(503)));
        let mut record = ReconnectRecord::default();
        record.failed(0, &ConnectFailure::Connect((&refused).into()));
        record.failed(0, &ConnectFailure::Connect((&no_port).into()));
        record.failed(0, &busy);
        record.failed(0, &ConnectFailure::NoAnswer);
        record.failed(0, &ConnectFailure::Timeout);
        let failed = &record.failed;
        assert_eq!((failed.refused, failed.own, failed.timed_out), (1, 1, 1));
        let by_status: Vec<_> = failed
            .handshake
            .iter()
            .map(|(s, n)| (s.as_str(), *n))
            .collect();
        assert_eq!(by_status, [("503", 1), ("other", 1)]);
        assert_eq!(failed.total(), 5);
    }
}
