//! Reasons for the end of an opened connection.

use std::{fmt, io};

use measurement::record::IoFailure;
use scenario::RecordError;
use websocket_wire::ProtocolError;

/// Close codes of RFC 6455, 7.4.1.
pub(crate) mod close_code {
    /// The run is over.
    pub(crate) const NORMAL: u16 = 1000;
    /// The client goes away.
    pub(crate) const GOING_AWAY: u16 = 1001;
    /// The server violated the protocol.
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    /// The server sent a record that is too long.
    pub(crate) const TOO_LONG: u16 = 1009;
    /// The server's close frame had no code.
    pub(crate) const NO_CODE: u16 = 1005;
    /// The connection ended without a close frame.
    pub(crate) const ABNORMAL: u16 = 1006;
}

/// A close frame from the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServerClose {
    /// Close code; `None` for a frame without one.
    pub(crate) code: Option<u16>,
    /// Close reason, escaped; often empty.
    pub(crate) reason: String,
}

impl std::error::Error for ServerClose {}

impl fmt::Display for ServerClose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "the server closed with {code}")?,
            None => f.write_str("the server closed without a code")?,
        }
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        Ok(())
    }
}

/// Reason for the end of an opened connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    #[error(transparent)]
    Io(IoFailure),
    #[error("the server closed the connection without a close frame")]
    NoCloseFrame,
    #[error(transparent)]
    ClosedByServer(ServerClose),
    #[error("the server broke the protocol: {0}")]
    ProtocolViolation(ProtocolError),
    #[error("the server's records cannot be read: {0}")]
    Records(RecordError),
    #[error("a step before the load failed")]
    SetupFailed,
    #[error("the server stopped reading for as long as the timeout")]
    StoppedReading,
    #[error("the server did not answer the close frame")]
    NoCloseAnswer,
    #[error("the user did not wait for the server's close frame")]
    CloseNotAwaited,
}

impl ConnectionEnd {
    /// Close code of the connection (RFC 6455, 7.1.5); `None` when unknown.
    pub(crate) fn close_code(&self) -> Option<u16> {
        match self {
            Self::ClosedByServer(close) => Some(close.code.unwrap_or(close_code::NO_CODE)),
            Self::ProtocolViolation(_) => Some(close_code::PROTOCOL_ERROR),
            Self::Io(_) | Self::NoCloseFrame | Self::StoppedReading | Self::NoCloseAnswer => {
                Some(close_code::ABNORMAL)
            }
            Self::Records(RecordError::TooLong { .. }) => Some(close_code::TOO_LONG),
            Self::Records(_) => Some(close_code::PROTOCOL_ERROR),
            Self::CloseNotAwaited | Self::SetupFailed => None,
        }
    }
}

impl From<&io::Error> for ConnectionEnd {
    fn from(error: &io::Error) -> Self {
        Self::Io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_words_and_its_close_code() {
        use ConnectionEnd as E;
        let closed = |code, reason: &str| {
            let reason = reason.to_owned();
            E::ClosedByServer(ServerClose { code, reason })
        };
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "Connection reset by peer");
        for (end, code, words) in [
            (E::from(&reset), 1006, "Connection reset by peer"),
            (
                E::NoCloseFrame,
                1006,
                "the server closed the connection without a close frame",
            ),
            (closed(Some(1013), ""), 1013, "the server closed with 1013"),
            (
                closed(Some(1012), "restart, come back in 5 s"),
                1012,
                "the server closed with 1012: restart, come back in 5 s",
            ),
            (closed(None, ""), 1005, "the server closed without a code"),
            (
                E::ProtocolViolation(ProtocolError::ReservedBits),
                1002,
                "the server broke the protocol: a reserved bit is set",
            ),
            (
                E::StoppedReading,
                1006,
                "the server stopped reading for as long as the timeout",
            ),
            (
                E::NoCloseAnswer,
                1006,
                "the server did not answer the close frame",
            ),
        ] {
            assert_eq!(
                (end.close_code(), end.to_string()),
                (Some(code), words.to_owned())
            );
        }
        assert_eq!(E::CloseNotAwaited.close_code(), None);
    }
}
