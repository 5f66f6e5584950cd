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
    /// Time since the connection began to open.
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
    /// Nothing answers messages of this kind.
    NotAnswered,
    /// The reply came, but something known does not agree.
    Corrupted,
    /// The server refused.
    ErrorReply,
    /// No reply came within this time.
    Missing(Duration),
}

/// Result of the trial of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrialOutcome {
    /// The step that failed.
    pub setup_failure: Option<SetupFailure>,
    /// Kind and end of every message.
    pub messages: Vec<(Option<String>, MessageEnd)>,
    /// Records of no pattern.
    pub unexpected: u64,
    /// Second replies.
    pub duplicates: u64,
    /// Records that are errors of the server.
    pub server_errors: u64,
    /// Text of the connection's early end.
    pub ended: Option<String>,
}

impl TrialOutcome {
    /// Returns true when everything was as the scenario says.
    pub fn all_matched(&self) -> bool {
        let is_fine = |(_, end): &(_, MessageEnd)| {
            matches!(end, MessageEnd::Matched | MessageEnd::NotAnswered)
        };
        self.setup_failure.is_none()
            && self.ended.is_none()
            && self.unexpected + self.duplicates + self.server_errors == 0
            && self.messages.iter().all(is_fine)
    }
}
