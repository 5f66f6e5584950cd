//! Results of the clients of one thread.

use std::collections::BTreeMap;

use measurement::run::ClientRow;

use crate::connection_end::ConnectionEnd;
use crate::message::pacing::Pacing;

/// Counts and rows of the clients of a thread.
#[derive(Debug, Default)]
pub(crate) struct ClientStats {
    /// Clients that have not completed the plan.
    pub(crate) busy: usize,
    /// Rows of the clients whose connection is over, or never opened.
    pub(crate) rows: Vec<ClientRow>,
    /// Reasons of the connections that closed early.
    pub(crate) early_ends: BTreeMap<ConnectionEnd, u64>,
    /// Time after T0 at which the last client stopped sending, in nanoseconds.
    pub(crate) sending_until_ns: u64,
    /// Writes that found the socket full.
    pub(crate) blocked_writes: u64,
    /// Schedules of the clients whose connection ended while they were sending.
    pub(crate) unfinished: Vec<Pacing>,
}

impl ClientStats {
    /// Counts a connection that is over; `early` when its client was not done with it.
    pub(crate) fn add_ended(&mut self, row: ClientRow, end: ConnectionEnd, early: bool) {
        self.rows.push(row);
        if early {
            *self.early_ends.entry(end).or_default() += 1;
        }
    }

    /// Counts a client whose connection did not open.
    pub(crate) fn add_failed(&mut self, client: u32) {
        self.busy -= 1;
        self.rows.push(ClientRow {
            client,
            connect_ns: None,
            messages: 0,
            failed: 0,
            close_code: None,
        });
    }
}
