//! Results of the clients of one thread.

use std::collections::BTreeMap;

use measurement::run::ClientRow;

use crate::connection_end::{ConnectionEnd, ServerClose};
use crate::message::pacing::Pacing;
use crate::returning_client::ConnectRequest;

/// Maximum number of distinct close reasons. Further close frames are counted without their reason.
const MAX_CLOSE_REASONS: usize = 32;

/// Counts and rows of the clients of a thread.
#[derive(Debug, Default)]
pub(crate) struct ClientStats {
    /// Clients that have not completed their part of the plan.
    pub(crate) busy: usize,
    /// Clients that only listen and answer, from the start of the load until they are closed.
    pub(crate) listening: usize,
    /// First connections whose client is neither ready nor has failed.
    pub(crate) opening: usize,
    /// Rows of clients whose connection has ended or never opened.
    pub(crate) rows: Vec<ClientRow>,
    /// Reasons of connections that ended early, with their counts.
    pub(crate) early_ends: BTreeMap<ConnectionEnd, u64>,
    /// Close frames that the server sent first, with their counts.
    pub(crate) closes: BTreeMap<ServerClose, u64>,
    /// Number of ended connections for each close code.
    pub(crate) close_codes: BTreeMap<u16, u64>,
    /// Connections that were replaced by plan.
    pub(crate) replaced: u64,
    /// Idle connections.
    pub(crate) idle: IdleCounts,
    /// Time after T0 at which the last client stopped sending, in nanoseconds.
    pub(crate) sending_until_ns: u64,
    /// Writes that found the socket full.
    pub(crate) blocked_writes: u64,
    /// True when a client whose connection has ended had recognized an echo.
    pub(crate) recognized: bool,
    /// Clients without a connection whose schedule is unfinished: position in it, and messages sent.
    pub(crate) unfinished: Vec<(Pacing, u64)>,
    /// Connections that have ended and can be opened again before the next step of a load. Their clients are among `rows`, and
    /// their schedules among `unfinished`.
    pub(crate) lost: Vec<ConnectRequest>,
    /// Connections that are being opened again between two steps.
    pub(crate) reopening: usize,
    /// Clients that stay away after the loss of their connection, in the same form.
    pub(crate) missed: Vec<(Pacing, u64)>,
    /// Times at which connections were lost that are never opened again, on the thread's clock.
    pub(crate) away_from_ns: Vec<u64>,
}

/// Counts of idle connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IdleCounts {
    /// First connections that opened, setup included.
    pub(crate) opened: u64,
    /// Connections that the server ended.
    pub(crate) closed_early: u64,
    /// Messages of the server.
    pub(crate) received: u64,
}

impl ClientStats {
    /// Returns true while a client of the thread has messages to send or to answer.
    pub(crate) fn is_at_work(&self) -> bool {
        self.busy + self.listening > 0
    }

    /// Counts a connection that has ended; without a row that of an idle connection. `early`: its client had not finished. `by_server`: its client had not
    /// started to close it.
    pub(crate) fn add_ended(
        &mut self,
        row: Option<ClientRow>,
        end: ConnectionEnd,
        early: bool,
        by_server: bool,
    ) {
        self.idle.closed_early += u64::from(row.is_none() && early);
        self.rows.extend(row);
        self.count_end(end, early, by_server);
    }

    /// Counts a connection that the server has ended and that is opened again.
    pub(crate) fn add_lost(&mut self, is_idle: bool, end: ConnectionEnd, early: bool) {
        self.idle.closed_early += u64::from(is_idle && early);
        self.count_end(end, early, true);
    }

    fn count_end(&mut self, mut end: ConnectionEnd, early: bool, by_server: bool) {
        if let ConnectionEnd::ClosedByServer(close) = &mut end
            && by_server
        {
            if self.closes.len() >= MAX_CLOSE_REASONS && !self.closes.contains_key(close) {
                close.reason = "another reason".to_owned();
            }
            *self.closes.entry(close.clone()).or_default() += 1;
        }
        if early {
            *self.early_ends.entry(end).or_default() += 1;
        }
    }

    /// Counts a client whose connection opened, but whose setup failed. `pacing`: its position in the schedule, if it sends.
    pub(crate) fn add_unready(&mut self, row: Option<ClientRow>, pacing: Option<Pacing>) {
        self.opening -= 1;
        self.busy -= usize::from(row.is_some());
        self.unfinished.extend(pacing.map(|pacing| (pacing, 0)));
        self.rows.extend(row);
    }

    /// Counts a client whose connection did not open. `pacing`: its position in the schedule, if it sends.
    pub(crate) fn add_failed(&mut self, client: u32, is_idle: bool, pacing: Option<Pacing>) {
        let row = ClientRow {
            client,
            ..ClientRow::default()
        };
        self.add_unready((!is_idle).then_some(row), pacing);
    }
}
