//! The server's log of its actions.

use crate::delivery_log::{BlockedSocket, RoomMessage, TickLogEntry};
use crate::faults::Fate;

/// One message and its fate. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FaultLogEntry {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    /// Time of the look at the sockets before the one that found this message: it came after that.
    pub(crate) looked_ns: u64,
    /// Time at which it was read.
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
    /// Share of the server's life that it waited for its core.
    pub(crate) waited_share: Option<f64>,
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

    /// Times from arrival to answer in nanoseconds, sorted, of a server that never sleeps.
    pub(crate) fn stays_ns(&self) -> Vec<u64> {
        let entries = self.entries.iter().zip(self.unread_ns());
        let mut times: Vec<_> = entries
            .filter_map(|(e, unread_ns)| Some(e.answered_ns? - e.received_ns + unread_ns))
            .collect();
        times.sort_unstable();
        times
    }

    /// Times from arrival to reading in nanoseconds, in the order of the entries, of a server that never sleeps. Messages that
    /// one look at the sockets found count as arrived evenly since the look before.
    pub(crate) fn unread_ns(&self) -> Vec<u64> {
        let mut times = Vec::with_capacity(self.entries.len());
        for found in self.entries.chunk_by(|a, b| a.looked_ns == b.looked_ns) {
            for (place, entry) in found.iter().enumerate() {
                let since_look_ns = entry.received_ns.saturating_sub(entry.looked_ns) as f64;
                let share = 1.0 - (place as f64 + 0.5) / found.len() as f64;
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                times.push((since_look_ns * share) as u64);
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_read_after_a_stop_may_have_come_at_its_begin() {
        let entry = |looked_ns, received_ns| FaultLogEntry {
            connection: 0,
            looked_ns,
            received_ns,
            answered_ns: Some(received_ns + 1_000),
            fate: Fate::Echoed,
        };
        let log = FaultLog {
            // The look after a stop of 8,000 ns finds four messages, the next one the last.
            entries: vec![
                entry(0, 8_000),
                entry(0, 8_000),
                entry(0, 8_000),
                entry(0, 8_000),
                entry(8_000, 8_200),
            ],
            ..FaultLog::default()
        };
        assert_eq!(log.unread_ns(), [7_000, 5_000, 3_000, 1_000, 100]);
        assert_eq!(log.stays_ns(), [1_100, 2_000, 4_000, 6_000, 8_000]);
    }
}
