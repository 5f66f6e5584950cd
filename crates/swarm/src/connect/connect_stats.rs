//! Times and failures of the connections of one thread.

use std::collections::BTreeMap;

use measurement::record::{ConnectFailure, LatencyHistogram, LazyHistogram, SetupFailure};
use measurement::run::SetupSummary;
use measurement::verdict::{ConnectTimes, Latency};

use super::opening::OpenedConnection;
use crate::clock::nanoseconds;

/// Maximum number of distinct failures kept with texts from the server.
const MAX_DETAILED: usize = 8;

/// Results of the connections that a thread tried to open.
#[derive(Debug, Default)]
pub(crate) struct ConnectStats {
    tcp: LatencyHistogram,
    /// TLS handshakes; empty without TLS.
    tls: LatencyHistogram,
    upgrade: LatencyHistogram,
    total: LatencyHistogram,
    /// Connections that did not open, or whose client was not ready for its scenario.
    pub(crate) failures: BTreeMap<ConnectFailure, u64>,
    /// Times until clients of a scenario were ready.
    ready: LazyHistogram,
    /// Open connections whose client does the steps before the load.
    pub(crate) in_setup: u64,
    /// Open connections whose setup has failed.
    unready: u64,
}

impl ConnectStats {
    pub(crate) fn record(&mut self, result: &Result<OpenedConnection, ConnectFailure>) {
        let timings = match result {
            Ok(opened) => opened.timings,
            Err(failure) => return self.record_failure(failure.clone()),
        };
        self.tcp.record(nanoseconds(timings.tcp));
        if let Some(tls) = timings.tls {
            self.tls.record(nanoseconds(tls));
        }
        self.upgrade.record(nanoseconds(timings.upgrade));
        self.total.record(nanoseconds(timings.total()));
    }

    /// Counts a failure. Texts from the server may differ between connections, so only the first ones are kept.
    fn record_failure(&mut self, failure: ConnectFailure) {
        let is_kept = self.failures.contains_key(&failure) || self.failures.len() < MAX_DETAILED;
        let failure = if is_kept {
            failure
        } else {
            failure.without_details()
        };
        *self.failures.entry(failure).or_default() += 1;
    }

    /// Number of connections that are ready for the load.
    pub(crate) fn opened(&self) -> u64 {
        self.total.count() - self.in_setup - self.unready
    }

    /// Records the end of a client's setup: the time until it was ready, in nanoseconds, or its failure.
    pub(crate) fn end_setup(&mut self, result: Result<u64, SetupFailure>) {
        self.in_setup = self.in_setup.saturating_sub(1);
        match result {
            Ok(ready_ns) => self.ready.record(ready_ns),
            Err(failure) => {
                self.unready += 1;
                self.record_failure(ConnectFailure::Setup(Box::new(failure)));
            }
        }
    }

    /// Times until clients of a scenario were ready.
    pub(crate) fn ready(&self) -> Latency {
        self.ready.get().map(Latency::from).unwrap_or_default()
    }

    /// Setup of the clients of a scenario.
    pub(crate) fn setup(&self) -> SetupSummary {
        let failures = self.failures.iter();
        let failures = failures.filter_map(|(failure, count)| match failure {
            ConnectFailure::Setup(failure) => Some((SetupFailure::clone(failure), *count)),
            _ => None,
        });
        SetupSummary::new(self.ready().count, failures)
    }

    /// Adds the results of another thread.
    pub(crate) fn add(&mut self, thread: &Self) {
        self.tcp.merge(&thread.tcp);
        self.tls.merge(&thread.tls);
        self.upgrade.merge(&thread.upgrade);
        self.total.merge(&thread.total);
        self.ready.merge(&thread.ready);
        self.in_setup += thread.in_setup;
        self.unready += thread.unready;
        for (failure, count) in &thread.failures {
            *self.failures.entry(failure.clone()).or_default() += count;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::UpgradeRefusal;

    #[test]
    fn a_server_with_a_thousand_excuses_fills_no_memory() {
        let mut stats = ConnectStats::default();
        for n in 0..1_000 {
            let refusal = UpgradeRefusal {
                body: format!("request {n}"),
                ..UpgradeRefusal::new(503)
            };
            stats.record(&Err(ConnectFailure::Refused(Box::new(refusal))));
        }
        assert_eq!(stats.failures.len(), MAX_DETAILED + 1);
        assert_eq!(stats.failures.values().sum::<u64>(), 1_000);
    }
}
