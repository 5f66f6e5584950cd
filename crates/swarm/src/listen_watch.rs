//! Overflows of listen queues during a run, where a server is on this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use host::listen_queue::{ListenOverflows, is_own_address};
use measurement::run::RunContext;

use crate::progress::Phase;

/// Readings of the counter of overflows.
#[derive(Debug, Default)]
pub(crate) struct ListenWatch {
    /// Before the first connection.
    begun: Option<ListenOverflows>,
    /// At T0.
    measured: Option<ListenOverflows>,
}

impl ListenWatch {
    /// Reads the counter at the start of a phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        match phase {
            Phase::Connect => self.begun = ListenOverflows::now(),
            Phase::Measure => self.measured = ListenOverflows::now(),
            _ => {}
        }
    }

    /// Sets the overflows until now; they are unknown when no connection was opened to this machine.
    pub(crate) fn end(&self, context: &mut RunContext) {
        if !has_own_address(&context.connections.addresses) {
            return;
        }
        let now = ListenOverflows::now();
        let since = |earlier: Option<ListenOverflows>| Some(now?.since(earlier?));
        context.connections.listen_overflows = since(self.begun);
        context.listen_overflows = since(self.measured);
    }
}

/// Returns true when one of these addresses, `ADDR:PORT`, belongs to this machine.
fn has_own_address(addresses: &BTreeMap<String, u64>) -> bool {
    let mut parsed = addresses.keys().filter_map(|text| text.parse().ok());
    parsed.any(|address: SocketAddr| is_own_address(address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(addresses: &[&str]) -> RunContext {
        let mut context = RunContext::default();
        let all = addresses.iter().map(|text| ((*text).to_owned(), 1));
        context.connections.addresses = all.collect();
        context
    }

    fn overflows(watch: &ListenWatch, addresses: &[&str]) -> (bool, bool) {
        let mut context = context(addresses);
        watch.end(&mut context);
        let whole = context.connections.listen_overflows;
        (whole.is_some(), context.listen_overflows.is_some())
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn overflows_are_known_where_a_server_is_on_this_machine() {
        let mut watch = ListenWatch::default();
        watch.enter(Phase::Connect);
        assert_eq!(overflows(&watch, &["127.0.0.1:80"]), (true, false));
        watch.enter(Phase::Measure);
        assert_eq!(overflows(&watch, &["[::1]:80"]), (true, true));
        assert_eq!(
            overflows(&watch, &["192.0.2.1:80", "127.0.0.1:80"]),
            (true, true)
        );
    }

    #[test]
    fn overflows_of_another_machine_are_unknown() {
        let mut watch = ListenWatch::default();
        watch.enter(Phase::Connect);
        watch.enter(Phase::Measure);
        assert_eq!(
            overflows(&watch, &["192.0.2.1:80", "[2001:db8::1]:80"]),
            (false, false)
        );
        // A Unix socket has no address.
        assert_eq!(overflows(&watch, &[]), (false, false));
    }
}
