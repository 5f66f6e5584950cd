//! The stored part of a received message.

use websocket_wire::MessageKind;

/// Number of bytes stored from the beginning of a message, for reports.
pub(crate) const BEGINNING_LEN: usize = 32;

/// Type, length and beginning of a message from the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceivedMessage {
    pub(crate) kind: MessageKind,
    /// Payload bytes.
    pub(crate) length: u64,
    beginning: [u8; BEGINNING_LEN],
}

impl ReceivedMessage {
    /// A message of `length` bytes. `beginning` is valid up to that length.
    pub(crate) fn new(kind: MessageKind, length: u64, beginning: [u8; BEGINNING_LEN]) -> Self {
        Self {
            kind,
            length,
            beginning,
        }
    }

    /// The first bytes of the message.
    pub(crate) fn beginning(&self) -> &[u8] {
        let length = usize::try_from(self.length).unwrap_or(BEGINNING_LEN);
        &self.beginning[..length.min(BEGINNING_LEN)]
    }
}
