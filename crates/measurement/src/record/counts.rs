//! Counts of messages by outcome.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::difference::{Difference, add_difference};

/// Counts of measured messages.
///
/// `sent = received + lost + incomplete + abandoned`. `corrupted`, `timed_out` and `reordered` count received messages whose echo
/// was wrong, late or out of order. Messages from the server between T0 and the end of the drain are `received +
/// duplicated + unexpected + undecided + warmup_echoes`, and second echoes of warm-up messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct MessageCounts {
    /// Planned number of messages; `None` when a duration is planned.
    pub planned: Option<u64>,
    /// Messages sent.
    pub sent: u64,
    /// Messages whose echo or reply arrived, whether correct or not, in time or late.
    pub received: u64,
    /// Messages without an echo by the end of the drain or of their connection.
    pub lost: u64,
    /// Messages whose echo was rejected by verification; `None` when echoes are not verified.
    pub corrupted: Option<u64>,
    /// Echoes of a message after its first.
    pub duplicated: u64,
    /// Messages whose echo arrived after the echo of a later message.
    pub reordered: u64,
    /// Messages whose echo arrived after the timeout.
    pub timed_out: u64,
    /// Messages in flight when the user interrupted the run. Neither received nor lost.
    pub abandoned: u64,
    /// Messages from the server that are not an echo of any message.
    pub unexpected: u64,
    /// Messages of an open loop that were due but not sent by the end of the drain, because the window or the socket
    /// was full. Not included in `sent`.
    #[serde(default)]
    pub unsent: u64,
    /// Messages matched by order, because the echo did not identify which of several messages it answers.
    #[serde(default)]
    pub matched_by_order: u64,
    /// Differences between corrupted echoes and the messages sent, at most eight kinds.
    #[serde(default)]
    pub differences: Vec<Difference>,
    /// Messages from the server without an identity that arrived while a message was in flight that was later
    /// `abandoned`. Each is either a damaged echo or a message of the server's own.
    #[serde(default)]
    pub undecided: u64,
    /// Part of `unexpected` that may be duplicate echoes: their digits are too few to identify a message, or payloads
    /// are not examined.
    #[serde(default)]
    pub ambiguous: u64,
    /// Correct or wrong echoes of warm-up messages that arrived after T0.
    #[serde(default)]
    pub warmup_echoes: u64,
    /// Messages without a reply that did not reach all of their receivers within the timeout.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incomplete: u64,
    /// Counts of a scenario; `None` without one.
    #[serde(flatten)]
    pub scenario: Option<ScenarioCounts>,
}

/// Counts of a scenario, besides those of every load. Records are counted from T0 to the end of the drain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ScenarioCounts {
    /// Messages that the server refused. Part of `received`; not timed.
    pub error_reply: u64,
    /// Records that belong to a message but do not end it.
    pub parts: u64,
    /// Records of `[[on]]` rules with `error = true`.
    pub server_errors: u64,
    /// Records of `[[on]]` rules without answer, by the rule's name.
    #[serde(default)]
    pub ignored: BTreeMap<String, u64>,
    /// Answers of `[[on]]` rules, by the rule's name.
    #[serde(default)]
    pub answered: BTreeMap<String, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature that serde calls.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl MessageCounts {
    /// Returns true when any message failed, was duplicated or was reordered.
    pub fn any_failed(&self) -> bool {
        // Servers may answer the requests of a scenario in any order.
        let reordered = if self.scenario.is_some() {
            0
        } else {
            self.reordered
        };
        self.failed() + self.duplicated + reordered > 0
    }

    /// Messages without a correct echo in time: lost, refused, corrupted, late, not
    /// delivered to all, or never sent.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let refused = self.scenario.as_ref().map_or(0, |s| s.error_reply);
        let arrived_wrong = self.corrupted.unwrap_or(0) + self.timed_out + refused;
        self.lost + self.incomplete + arrived_wrong + self.unsent
    }

    /// Counts a message whose echo was rejected.
    pub(super) fn add_corrupted(&mut self, messages: u64) {
        *self.corrupted.get_or_insert(0) += messages;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.lost += other.lost;
        self.incomplete += other.incomplete;
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

    /// Adds a kind of difference between echoes and messages sent. The list is limited to eight kinds.
    pub fn add_difference(&mut self, difference: Difference) {
        add_difference(&mut self.differences, difference);
    }
}
