//! Types of messages and frames.

/// Maximum payload of a ping, pong or close frame, in bytes.
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;

/// Type of a data message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    /// The name: `text` or `binary`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// Type of a frame that a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A complete text message.
    Text = 0x1,
    /// A complete binary message.
    Binary = 0x2,
    /// Close frame.
    Close = 0x8,
    /// Answer to a ping.
    Pong = 0xA,
}

impl From<MessageKind> for Opcode {
    #[inline]
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => Self::Text,
            MessageKind::Binary => Self::Binary,
        }
    }
}
