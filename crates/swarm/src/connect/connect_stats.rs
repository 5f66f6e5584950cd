//! Times and failures of the connections of one thread.

use std::collections::BTreeMap;

use measurement::record::{ConnectFailure, LatencyHistogram};
use measurement::verdict::{ConnectTimes, Latency};

use super::opening::OpenedConnection;
use crate::clock::nanoseconds;

/// Results of the connections that a thread tried to open.
#[derive(Debug, Default)]
pub(crate) struct ConnectStats {
    tcp: LatencyHistogram,
    /// Empty without TLS.
    tls: LatencyHistogram,
    upgrade: LatencyHistogram,
    total: LatencyHistogram,
    /// Connections that did not open.
    pub(crate) failures: BTreeMap<ConnectFailure, u64>,
}

impl ConnectStats {
    pub(crate) fn record(&mut self, result: &Result<OpenedConnection, ConnectFailure>) {
        let timings = match result {
            Ok(opened) => opened.timings,
            Err(failure) => return *self.failures.entry(failure.clone()).or_default() += 1,
        };
        self.tcp.record(nanoseconds(timings.tcp));
        if let Some(tls) = timings.tls {
            self.tls.record(nanoseconds(tls));
        }
        self.upgrade.record(nanoseconds(timings.upgrade));
        self.total.record(nanoseconds(timings.total()));
    }

    pub(crate) fn opened(&self) -> u64 {
        self.total.count()
    }

    /// Adds the times of another thread.
    pub(crate) fn add(&mut self, thread: &Self) {
        self.tcp.merge(&thread.tcp);
        self.tls.merge(&thread.tls);
        self.upgrade.merge(&thread.upgrade);
        self.total.merge(&thread.total);
    }

    pub(crate) fn times(&self) -> ConnectTimes {
        ConnectTimes {
            tcp: Latency::from(&self.tcp),
            tls: (self.tls.count() > 0).then(|| Latency::from(&self.tls)),
            upgrade: Latency::from(&self.upgrade),
            total: Latency::from(&self.total),
        }
    }
}
