//! Times and failures of the connections of one thread.

use std::collections::BTreeMap;

use measurement::plan::ClientSpread;
use measurement::record::{ConnectFailure, ConnectHistograms, RowRule, SetupFailure};
use measurement::run::SetupSummary;

use super::opening::OpenedConnection;
use crate::clock::nanoseconds;

/// Maximum number of distinct failures kept with texts from the server.
const MAX_DETAILED: usize = 8;

/// Times of an opening, in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpeningTimes {
    /// Time of its end since the first connection was due.
    pub(crate) at_ns: u64,
    /// Time from the intended to the actual start.
    pub(crate) waited_ns: u64,
    /// The generator's own part of it.
    pub(crate) lateness_ns: u64,
}

/// Results of the connections that a thread tried to open.
#[derive(Debug, Default)]
pub(crate) struct ConnectStats {
    /// Times of the connections that opened.
    pub(crate) times: ConnectHistograms,
    spread: ClientSpread,
    /// Connections and failures by the index of their server; empty without any.
    servers: BTreeMap<usize, ServerConnects>,
    /// Connections that did not open, or whose client was not ready for its scenario.
    pub(crate) failures: BTreeMap<ConnectFailure, u64>,
    /// Open connections whose client does the steps before the load.
    pub(crate) in_setup: u64,
    /// Open connections whose setup has failed.
    unready: u64,
}

/// Connections to one server.
#[derive(Debug, Default, Clone)]
pub(crate) struct ServerConnects {
    /// Number of connections that are ready for the load.
    pub(crate) opened: u64,
    /// Failures, kept like [`ConnectStats::failures`].
    failures: BTreeMap<ConnectFailure, u64>,
}

impl ServerConnects {
    /// The most frequent failure, and the number of all failures; `None` without any.
    pub(crate) fn main_failure(&self) -> Option<(&ConnectFailure, u64)> {
        let most = self.failures.iter().max_by_key(|(_, count)| **count)?;
        Some((most.0, self.failures.values().sum()))
    }
}

impl ConnectStats {
    /// Stats of clients that are spread over servers like this, with this rule for the rows of their openings.
    pub(crate) fn new(spread: ClientSpread, rows: RowRule) -> Self {
        let mut stats = Self {
            spread,
            ..Self::default()
        };
        stats.times.seconds.set_rows(rows);
        stats
    }

    fn server_of(&mut self, client: u32) -> &mut ServerConnects {
        let server = self.spread.server(client);
        self.servers.entry(server).or_default()
    }

    /// Connections to each server, by its index.
    pub(crate) fn servers(&self) -> &BTreeMap<usize, ServerConnects> {
        &self.servers
    }

    /// Records the begin of a client's connection, in nanoseconds since the first connection was due. `lateness_ns`: time by
    /// which the generator itself began it late.
    pub(crate) fn begin(&mut self, at_ns: u64, lateness_ns: u64) {
        self.times.seconds.attempt(at_ns);
        self.times.lateness.record(lateness_ns);
    }

    /// Records a client's connection, or its failure.
    pub(crate) fn record(
        &mut self,
        client: u32,
        result: &Result<OpenedConnection, ConnectFailure>,
        times: OpeningTimes,
    ) {
        let timings = match result {
            Ok(opened) => opened.timings,
            Err(failure) => {
                self.times.seconds.failed(times.at_ns);
                return self.record_failure(client, failure.clone());
            }
        };
        let total_ns = nanoseconds(timings.total());
        let response_ns = total_ns.saturating_add(times.waited_ns);
        let punctual_ns = response_ns.saturating_sub(times.lateness_ns);
        self.times.response.record(response_ns);
        self.times.punctual.record(punctual_ns);
        let seconds = &mut self.times.seconds;
        seconds.opened(times.at_ns, total_ns, response_ns);
        self.server_of(client).opened += 1;
        let times = &mut self.times;
        times.tcp.record(nanoseconds(timings.tcp));
        if let Some(tls) = timings.tls {
            times.tls.record(nanoseconds(tls));
        }
        times.upgrade.record(nanoseconds(timings.upgrade));
        times.total.record(total_ns);
    }

    /// Counts a failure. Texts from the server may differ between connections, so only the first ones are kept.
    pub(crate) fn record_failure(&mut self, client: u32, failure: ConnectFailure) {
        let is_kept = self.failures.contains_key(&failure) || self.failures.len() < MAX_DETAILED;
        let failure = if is_kept {
            failure
        } else {
            failure.without_details()
        };
        let of_server = &mut self.server_of(client).failures;
        *of_server.entry(failure.clone()).or_default() += 1;
        *self.failures.entry(failure).or_default() += 1;
    }

    /// Number of connections that are ready for the load.
    pub(crate) fn opened(&self) -> u64 {
        self.times.opened() - self.in_setup - self.unready
    }

    /// Records the beginning of a client's setup, on an open connection.
    pub(crate) fn begin_setup(&mut self, client: u32) {
        self.in_setup += 1;
        let of_server = self.server_of(client);
        of_server.opened = of_server.opened.saturating_sub(1);
    }

    /// Records the end of a client's setup: the time until it was ready, in nanoseconds, or its failure.
    pub(crate) fn end_setup(&mut self, client: u32, result: Result<u64, SetupFailure>) {
        self.in_setup = self.in_setup.saturating_sub(1);
        match result {
            Ok(ready_ns) => {
                self.times.ready.record(ready_ns);
                self.server_of(client).opened += 1;
            }
            Err(failure) => {
                self.unready += 1;
                self.record_failure(client, ConnectFailure::Setup(Box::new(failure)));
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
        for (server, connects) in &thread.servers {
            let sum = self.servers.entry(*server).or_default();
            sum.opened += connects.opened;
            for (failure, count) in &connects.failures {
                *sum.failures.entry(failure.clone()).or_default() += count;
            }
        }
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
            stats.record(
                n,
                &Err(ConnectFailure::Refused(Box::new(refusal))),
                OpeningTimes::default(),
            );
        }
        assert_eq!(stats.failures.len(), MAX_DETAILED + 1);
        assert_eq!(stats.failures.values().sum::<u64>(), 1_000);
    }

    #[test]
    fn failures_are_kept_for_each_server() {
        let mut threads =
            [0, 1].map(|_| ConnectStats::new(ClientSpread::new(2, 0), RowRule::default()));
        for client in [0, 2, 3, 4] {
            let failure = if client == 4 {
                ConnectFailure::NoAnswer
            } else {
                ConnectFailure::Timeout
            };
            threads[client as usize % 2].record(client, &Err(failure), OpeningTimes::default());
        }
        let mut all = ConnectStats::default();
        threads.iter().for_each(|thread| all.add(thread));
        let failures = all.servers().values().map(|one| one.failures.clone());
        let expected = [
            BTreeMap::from([(ConnectFailure::Timeout, 2), (ConnectFailure::NoAnswer, 1)]),
            BTreeMap::from([(ConnectFailure::Timeout, 1)]),
        ];
        assert_eq!(failures.collect::<Vec<_>>(), expected);
        let first = all.servers()[&0].main_failure();
        assert_eq!(first, Some((&ConnectFailure::Timeout, 3)));
    }
}
