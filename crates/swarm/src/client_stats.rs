//! Results of the clients of one thread.

use std::collections::BTreeMap;

use measurement::run::ClientRow;

use crate::connection_end::{ConnectionEnd, ServerClose};
use crate::message::pacing::Pacing;

/// Distinct close reasons that are kept; the reasons of further ones are not.
const MAX_CLOSE_REASONS: usize = 32;

/// Counts and rows of the clients of a thread.
#[derive(Debug, Default)]
pub(crate) struct ClientStats {
    /// Clients that have not completed the plan.
    pub(crate) busy: usize,
    /// Rows of the clients whose connection is over, or never opened.
    pub(crate) rows: Vec<ClientRow>,
    /// Reasons of the connections that closed early.
    pub(crate) early_ends: BTreeMap<ConnectionEnd, u64>,
    /// Close frames that came before ours.
    pub(crate) closes: BTreeMap<ServerClose, u64>,
    /// Time after T0 at which the last client stopped sending, in nanoseconds.
    pub(crate) sending_until_ns: u64,
    /// Writes that found the socket full.
    pub(crate) blocked_writes: u64,
    /// A client whose connection is over had recognized an echo.
    pub(crate) recognized: bool,
    /// Clients that have no connection and owe the rest of their schedule: place in it, and messages sent.
    pub(crate) unfinished: Vec<(Pacing, u64)>,
}

impl ClientStats {
    /// Counts a connection that is over; `early` when its client was not done with it, `by_server` when the
    /// client had not begun to close it.
    pub(crate) fn add_ended(
        &mut self,
        row: ClientRow,
        mut end: ConnectionEnd,
        early: bool,
        by_server: bool,
    ) {
        self.rows.push(row);
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

    /// Counts a client whose connection did not open.
    pub(crate) fn add_failed(&mut self, client: u32) {
        self.busy -= 1;
        self.unfinished.push((Pacing::unstarted(client), 0));
        self.rows.push(ClientRow {
            client,
            connect_ns: None,
            messages: 0,
            failed: 0,
            close_code: None,
        });
    }
}
