//! Times of opening connections, as histograms.

use serde::{Deserialize, Serialize};

use super::{ConnectSeconds, LazyHistogram};

/// Times of opening connections, in nanoseconds. Empty histograms take no memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectHistograms {
    /// TCP handshakes.
    pub tcp: LazyHistogram,
    /// TLS handshakes; empty without TLS.
    pub tls: LazyHistogram,
    /// HTTP upgrades.
    pub upgrade: LazyHistogram,
    /// Total times of opening.
    pub total: LazyHistogram,
    /// Times until clients of a scenario were ready.
    pub ready: LazyHistogram,
    /// Total times of opening, from the intended times.
    #[serde(default)]
    pub response: LazyHistogram,
    /// The generator's own lateness: actual start of each opening minus the time from which it could be begun, which is its
    /// intended time, or the end of the client's connection before.
    #[serde(default)]
    pub lateness: LazyHistogram,
    /// Response times less this lateness.
    #[serde(default)]
    pub punctual: LazyHistogram,
    /// Openings of each second.
    #[serde(default)]
    pub seconds: ConnectSeconds,
}

impl ConnectHistograms {
    /// Adds everything that `other` holds.
    pub fn merge(&mut self, other: &Self) {
        self.tcp.merge(&other.tcp);
        self.tls.merge(&other.tls);
        self.upgrade.merge(&other.upgrade);
        self.total.merge(&other.total);
        self.ready.merge(&other.ready);
        self.response.merge(&other.response);
        self.lateness.merge(&other.lateness);
        self.punctual.merge(&other.punctual);
        self.seconds.merge(&other.seconds);
    }

    /// Number of connections that opened.
    pub fn opened(&self) -> u64 {
        self.total.count()
    }
}
