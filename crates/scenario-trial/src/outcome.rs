//! Lines and result of a trial.

use std::time::Duration;

use measurement::record::SetupFailure;
use scenario::{FoundBy, NearMiss};

/// Direction of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialDirection {
    /// Client to server.
    Sent,
    /// Server to client.
    Received,
}

/// A frame, or a record of a message that holds several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialLine {
    /// Time since the trial began.
    pub at: Duration,
    /// Direction.
    pub direction: TrialDirection,
    /// Bytes, with `***` in place of secrets.
    pub bytes: Vec<u8>,
    /// Meaning.
    pub meaning: TrialMeaning,
    /// The value that kept a JSON pattern from matching, with `***` in place of secrets.
    pub near_miss: Option<NearMiss>,
}

/// Meaning of a frame or of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialMeaning {
    /// Message of a setup step, numbered from 1.
    SetupMessage {
        /// Number of the step.
        step: usize,
    },
    /// Record that a setup step waited for.
    Expected {
        /// Number of the step.
        step: usize,
    },
    /// Record that makes a setup step fail.
    Refused {
        /// Number of the step.
        step: usize,
    },
    /// Record that means nothing before the load.
    Skipped,
    /// Message of the load.
    Message {
        /// Name of its kind.
        kind: Option<String>,
    },
    /// Reply to a message.
    Reply {
        /// Feature by which the message was found.
        by: FoundBy,
        /// Time since the message was sent.
        after: Duration,
        /// False when something known does not agree.
        agrees: bool,
    },
    /// Reply that refuses.
    ErrorReply {
        /// Time since the message was sent.
        after: Duration,
    },
    /// Part of a reply.
    Part,
    /// Second reply to a message.
    Duplicate,
    /// Record of an `[[on]]` rule.
    On {
        /// Name of the rule.
        name: Option<String>,
        /// The record is an error of the server.
        is_error: bool,
    },
    /// Answer of an `[[on]]` rule.
    Answer,
    /// Message of a client of the trial that has reached this one.
    Delivery {
        /// Number of the sender.
        sender: u32,
        /// Number of the message within the sender.
        number: u64,
        /// Time since the message was sent.
        after: Duration,
    },
    /// Message that has reached this client, but of which something known does not agree.
    CorruptedDelivery {
        /// Number of the sender.
        sender: u32,
        /// Number of the message within the sender.
        number: u64,
    },
    /// Message that has reached this client, or one receiver, before.
    RepeatedDelivery {
        /// Number of the sender.
        sender: u32,
        /// Number of the message within the sender.
        number: u64,
    },
    /// Message that this client should not get, or that no client of the trial has sent.
    StrayDelivery {
        /// Number of the sender.
        sender: u32,
        /// Number of the message within the sender.
        number: u64,
    },
    /// Answer to a delivery.
    DeliveryAnswer,
    /// Message of the server's own.
    Push {
        /// Number of the message, if it has one.
        seq: Option<u64>,
    },
    /// Record of no pattern.
    Unexpected,
    /// Message before the end.
    Goodbye,
    /// Record that answers the goodbye.
    GoodbyeAnswered,
    /// A WebSocket message of several records, or of a part of one.
    SeveralRecords {
        /// Number of records that it completes.
        records: usize,
    },
    /// Ping frame.
    Ping,
    /// Pong frame.
    Pong,
    /// Close frame.
    Close {
        /// Close code; `None` without one.
        code: Option<u16>,
    },
}

/// The end of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageEnd {
    /// The reply came.
    Matched,
    /// The message reached all of its receivers, and nothing answers messages of this kind.
    Delivered,
    /// The reply came, but something known does not agree.
    Corrupted,
    /// The server refused.
    ErrorReply,
    /// No reply came within this time.
    Missing(Duration),
    /// The message did not reach all receivers within this time.
    Undelivered {
        /// Receivers that did not get it.
        missing: Vec<u32>,
        /// Number of receivers that should have got it.
        wanted: usize,
        /// Time limit.
        within: Duration,
    },
}

/// Result of the trial of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialOutcome {
    /// The step that failed.
    pub setup_failure: Option<SetupFailure>,
    /// Kind and end of every message.
    pub messages: Vec<(Option<String>, MessageEnd)>,
    /// Messages of clients of the trial that reached this one.
    pub deliveries: u64,
    /// Deliveries of which something known does not agree.
    pub corrupted_deliveries: u64,
    /// Deliveries that should not have come here.
    pub stray_deliveries: u64,
    /// Messages of the server's own.
    pub pushes: u64,
    /// Senders of the messages that should have reached this client, but did not, ascending.
    pub undelivered: Vec<u32>,
    /// No record came after the setup.
    pub is_silent: bool,
    /// Time within which a message of the server's own should have come, but did not.
    pub no_push_within: Option<Duration>,
    /// Records of no pattern.
    pub unexpected: u64,
    /// Second replies, and repeated deliveries.
    pub duplicates: u64,
    /// Records that are errors of the server.
    pub server_errors: u64,
    /// Text of the connection's early end.
    pub ended: Option<String>,
}

impl TrialOutcome {
    /// Returns true when everything was as the scenario says.
    pub fn all_matched(&self) -> bool {
        let is_fine =
            |(_, end): &(_, MessageEnd)| matches!(end, MessageEnd::Matched | MessageEnd::Delivered);
        self.setup_failure.is_none()
            && self.ended.is_none()
            && self.no_push_within.is_none()
            && self.undelivered.is_empty()
            && self.unexpected + self.duplicates + self.server_errors == 0
            && self.corrupted_deliveries + self.stray_deliveries == 0
            && self.messages.iter().all(is_fine)
    }
}
