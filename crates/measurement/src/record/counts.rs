//! What became of the messages, counted.

use serde::{Deserialize, Serialize};

use super::difference::{Difference, add_difference};

/// Counts of measured messages.
///
/// `sent = received + lost + abandoned`. Of those received, `corrupted`, `timed_out` and
/// `reordered` count those that were not as they should be. Messages from the server between T0 and the end of the
/// drain are `received + duplicated + unexpected + undecided + warmup_echoes`, and second echoes of warm-up messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MessageCounts {
    /// Messages the plan asks for; `None` when it asks for a time.
    pub planned: Option<u64>,
    /// Messages sent.
    pub sent: u64,
    /// Messages whose echo came, right or wrong, in time or late.
    pub received: u64,
    /// Messages without an echo by the end of the drain, or whose connection ended first.
    pub lost: u64,
    /// Messages whose echo was rejected by verification; `None` when echoes are not verified.
    pub corrupted: Option<u64>,
    /// Echoes beyond the first of a message.
    pub duplicated: u64,
    /// Messages whose echo came after the echo of a later message.
    pub reordered: u64,
    /// Messages whose echo came later than the timeout.
    pub timed_out: u64,
    /// Messages in flight when the user ended the run: neither received nor lost.
    pub abandoned: u64,
    /// Messages from the server that are not an echo.
    pub unexpected: u64,
    /// Messages of an open loop that were due but could not be sent by the end of the drain: a full
    /// window or a full socket held them back. Not among those `sent`.
    #[serde(default)]
    pub unsent: u64,
    /// Messages matched by order, because nothing in the echo said which of several it answers.
    #[serde(default)]
    pub matched_by_order: u64,
    /// Differences between corrupted echoes and what was sent, at most eight.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// Messages from the server that carry no identity, and that came while a message was in flight that
    /// became `abandoned`: its damaged echo, or the server's own.
    #[serde(default)]
    pub undecided: u64,
    /// Part of `unexpected`: possibly further echoes of messages that had one. Their digits are too few to tell, or
    /// nothing in them is looked at.
    #[serde(default)]
    pub ambiguous: u64,
    /// Right or wrong echoes of warm-up messages that came after T0: the server's backlog of the warm-up.
    #[serde(default)]
    pub warmup_echoes: u64,
}

impl MessageCounts {
    /// Whether any message did not come back as it should.
    pub fn any_failed(&self) -> bool {
        self.failed() + self.duplicated + self.reordered > 0
    }

    /// Messages without a right echo in time: lost, corrupted, late, or never sent.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.lost + self.corrupted.unwrap_or(0) + self.timed_out + self.unsent
    }

    /// Counts a message whose echo was rejected.
    pub(super) fn add_corrupted(&mut self, messages: u64) {
        *self.corrupted.get_or_insert(0) += messages;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        if let Some(corrupted) = other.corrupted {
            self.add_corrupted(corrupted);
        }
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.timed_out += other.timed_out;
        self.abandoned += other.abandoned;
        self.unexpected += other.unexpected;
        self.unsent += other.unsent;
        self.matched_by_order += other.matched_by_order;
        self.undecided += other.undecided;
        self.ambiguous += other.ambiguous;
        self.warmup_echoes += other.warmup_echoes;
        for difference in &other.differences {
            self.add_difference(difference.clone());
        }
    }

    /// Adds echoes that differ from what was sent; their list ends after eight kinds.
    pub fn add_difference(&mut self, difference: Difference) {
        add_difference(&mut self.differences, difference);
    }
}
