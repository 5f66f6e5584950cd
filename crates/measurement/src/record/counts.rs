//! What became of the messages, counted.

use serde::{Deserialize, Serialize};

/// Counts of measured messages.
///
/// `sent = received + lost + abandoned`. Of those received, `corrupted`, `timed_out` and
/// `reordered` tell how many were not as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCounts {
    /// Messages the plan asks for; `None` when it asks for a time.
    pub planned: Option<u64>,
    /// Messages sent.
    pub sent: u64,
    /// Messages whose echo came, right or wrong, in time or late.
    pub received: u64,
    /// Messages without an echo by the end of the drain, or whose connection ended first.
    pub lost: u64,
    /// Messages whose echo was rejected by verification.
    pub corrupted: u64,
    /// Echoes beyond the first of a message.
    pub duplicated: u64,
    /// Messages whose echo came after the echo of a later message.
    pub reordered: u64,
    /// Messages whose echo came later than the timeout.
    pub timed_out: u64,
    /// Messages in flight when the user ended the run: neither received nor lost.
    pub abandoned: u64,
    /// Messages from the server that echo nothing of ours.
    pub unexpected: u64,
    /// Messages of an open loop that were due but could not be sent by the end of the drain: a full
    /// window or a full socket held them back. Not among those `sent`.
    #[serde(default)]
    pub unsent: u64,
}

impl MessageCounts {
    /// Whether any message did not come back as it should.
    pub fn any_failed(&self) -> bool {
        let ended_badly = self.lost + self.corrupted + self.timed_out + self.unsent;
        ended_badly + self.duplicated + self.reordered > 0
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.corrupted += other.corrupted;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.timed_out += other.timed_out;
        self.abandoned += other.abandoned;
        self.unexpected += other.unexpected;
        self.unsent += other.unsent;
    }
}
