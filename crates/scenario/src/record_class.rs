//! Meanings of records, and what the caller knows of its messages.

/// A message that a client has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMessage {
    /// Index in [`Scenario::messages`](crate::Scenario::messages).
    pub kind: usize,
    /// Number within the client.
    pub number: u64,
    /// Id, where the kind holds one.
    pub id: u64,
}

/// The key of a message in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKey {
    /// Number of the message, from `${uid}`.
    Content(u64),
    /// Id of the message, from `${id}`.
    Id(u64),
    /// The oldest message of this kind that waits.
    Order(usize),
}

/// The state of the message that a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentState {
    /// The message waits for its reply.
    Waiting(SentMessage),
    /// The message was answered or given up.
    Over,
    /// No such message was sent, or none waits.
    Unknown,
}

/// The messages of one client, kept by the caller.
pub trait SentMessages {
    /// Looks a message up.
    fn find(&self, key: MessageKey) -> SentState;
}

/// Part that a record plays for its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyRole {
    /// The server refuses.
    Error,
    /// The answer.
    Reply,
    /// Belongs to the message but does not end it.
    Part,
}

/// Meaning of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordClass {
    /// Belongs to an own message that waits.
    Own {
        /// The message.
        message: SentMessage,
        /// Part of the record.
        role: ReplyRole,
        /// False when something known does not agree: the message is corrupted.
        agrees: bool,
        /// Feature of the message by which it was found.
        by: FoundBy,
    },
    /// Belongs to an own message that is over.
    Duplicate {
        /// Index of the kind whose pattern matched.
        kind: usize,
        /// Part of the record.
        role: ReplyRole,
        /// The key.
        key: MessageKey,
    },
    /// A message of some client has reached this one.
    Delivery {
        /// Index of its kind.
        kind: usize,
        /// Number of the sender.
        client: u32,
        /// Number of the message within the sender.
        number: u64,
        /// False when something known does not agree.
        agrees: bool,
    },
    /// A message of the server's own.
    Push {
        /// Number of the record, if it has one.
        seq: Option<u64>,
        /// Time on the server's wall clock in nanoseconds since 1970, if it has one.
        stamp_ns: Option<u64>,
    },
    /// Index of the rule in [`Scenario::on`](crate::Scenario::on). Its captures are in the scratch memory.
    On(usize),
    /// Nothing of the scenario.
    Unexpected,
}

/// Feature by which a message was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// `${uid}`.
    Content,
    /// `${id}`.
    Id,
    /// Neither: the oldest that waits.
    Order,
}

/// Meaning of a record during setup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupClass {
    /// The step is complete; captures are stored in the client's state.
    Expected,
    /// The step has failed.
    Refused,
    /// Index of the rule in [`Scenario::on`](crate::Scenario::on). Its captures are in the scratch memory.
    On(usize),
    /// Nothing of the step, shown if the step fails.
    Skipped,
}

/// A complete record of a connection.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedRecord<'a> {
    /// All bytes of the record.
    pub bytes: &'a [u8],
    /// True when it came in a binary frame.
    pub is_binary: bool,
}
