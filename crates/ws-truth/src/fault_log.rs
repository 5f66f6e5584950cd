//! The server's log of its actions.

use crate::delivery_log::{BlockedSocket, RoomMessage, TickLogEntry};
use crate::faults::Fate;

/// One message and its fate. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultLogEntry {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) received_ns: u64,
    /// Time just before the (first) answer was written; `None` without an answer.
    pub(crate) answered_ns: Option<u64>,
    pub(crate) fate: Fate,
}

/// The log of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultLog {
    /// One entry per message, in order of arrival.
    pub(crate) entries: Vec<FaultLogEntry>,
    /// Begin and end of the stall.
    pub(crate) stall_ns: Option<(u64, u64)>,
    /// Messages of the server's own, each sent on the arrival of a message.
    pub(crate) pushed: u64,
    /// Connections that the server accepted.
    pub(crate) admitted: usize,
    /// Handshakes that the server refused.
    pub(crate) refused: u64,
    /// Messages to rooms, in order of arrival.
    pub(crate) room: Vec<RoomMessage>,
    /// Copies that went to the publisher of the message, which should not get it.
    pub(crate) returned_copies: u64,
    /// Ticks of the feed that were sent, in this order.
    pub(crate) ticks: Vec<TickLogEntry>,
    /// Sockets of receivers that once took no more.
    pub(crate) blocked: Vec<BlockedSocket>,
}

impl FaultLog {
    pub(crate) fn count(&self, fate: Fate) -> u64 {
        self.entries.iter().filter(|e| e.fate == fate).count() as u64
    }

    /// Length of the stall in milliseconds; 0 without one.
    pub(crate) fn stall_ms(&self) -> f64 {
        self.stall_ns
            .map_or(0.0, |(begin, end)| (end - begin) as f64 / 1e6)
    }

    /// Times from arrival to answer in nanoseconds, sorted.
    pub(crate) fn held_ns(&self) -> Vec<u64> {
        let times = self.entries.iter();
        let mut times: Vec<_> = times
            .filter_map(|e| Some(e.answered_ns? - e.received_ns))
            .collect();
        times.sort_unstable();
        times
    }
}
