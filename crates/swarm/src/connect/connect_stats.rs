//! Times and failures of the connections of one thread.

use std::collections::BTreeMap;

use measurement::record::{ConnectFailure, ConnectHistograms, SetupFailure};
use measurement::run::SetupSummary;

use super::opening::OpenedConnection;
use crate::clock::nanoseconds;

/// Maximum number of distinct failures kept with texts from the server.
const MAX_DETAILED: usize = 8;

/// Results of the connections that a thread tried to open.
#[derive(Debug, Default)]
pub(crate) struct ConnectStats {
    /// Times of the connections that opened.
    pub(crate) times: ConnectHistograms,
    /// Connections that did not open, or whose client was not ready for its scenario.
    pub(crate) failures: BTreeMap<ConnectFailure, u64>,
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
        let times = &mut self.times;
        times.tcp.record(nanoseconds(timings.tcp));
        if let Some(tls) = timings.tls {
            times.tls.record(nanoseconds(tls));
        }
        times.upgrade.record(nanoseconds(timings.upgrade));
        times.total.record(nanoseconds(timings.total()));
    }

    /// Counts a failure. Texts from the server may differ between connections, so only the first ones are kept.
    pub(crate) fn record_failure(&mut self, failure: ConnectFailure) {
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
        self.times.opened() - self.in_setup - self.unready
    }

    /// Records the end of a client's setup: the time until it was ready, in nanoseconds, or its failure.
    pub(crate) fn end_setup(&mut self, result: Result<u64, SetupFailure>) {
        self.in_setup = self.in_setup.saturating_sub(1);
        match result {
            Ok(ready_ns) => self.times.ready.record(ready_ns),
            Err(failure) => {
                self.unready += 1;
                self.record_failure(ConnectFailure::Setup(Box::new(failure)));
            }
        }
    }

    /// Setup of the clients of a scenario.
    pub(crate) fn setup(&self) -> SetupSummary {
        let failures = self.failures.iter();
        let failures = failures.filter_map(|(failure, count)| match failure {
            ConnectFailure::Setup(failure) => Some((SetupFailure::clone(failure), *count)),
            _ => None,
        });
        SetupSummary::new(self.times.ready.count(), failures)
    }

    /// Adds the results of another thread.
    pub(crate) fn add(&mut self, thread: &Self) {
        self.times.merge(&thread.times);
        self.in_setup += thread.in_setup;
        self.unready += thread.unready;
        for (failure, count) in &thread.failures {
            *self.failures.entry(failure.clone()).or_default() += count;
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
