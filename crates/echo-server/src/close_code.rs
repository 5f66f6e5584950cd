//! Close codes of RFC 6455, and the server's reasons to close.

/// Code reported for a close frame without a code.
pub(crate) const NO_STATUS: u16 = 1005;
/// Code reported for a connection that ended without a close frame.
pub(crate) const ABNORMAL: u16 = 1006;

/// A server's reason to close a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The server stops.
    GoingAway,
    /// The peer was silent for the idle timeout.
    Silent,
    /// The peer violated the protocol.
    Protocol,
    /// A text message is not UTF-8.
    NotUtf8,
    /// A message is longer than the limit.
    TooLarge,
    /// The peer reads more slowly than its room sends.
    TooSlow,
}

impl CloseReason {
    /// The close code.
    pub fn code(self) -> u16 {
        match self {
            Self::GoingAway | Self::Silent => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooLarge => 1009,
            Self::TooSlow => 1013,
        }
    }

    /// The reason text sent with the code.
    pub fn text(self) -> &'static str {
        match self {
            Self::GoingAway => "the server is shutting down",
            Self::Silent => "nothing was heard for the idle timeout",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooLarge => "message too large",
            Self::TooSlow => "the queue of unread messages is full",
        }
    }
}
