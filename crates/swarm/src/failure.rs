//! Reasons why a connection did not open, or ended before its client was done with it.
//!
//! Many connections share a reason, so no text holds a time of day or an address.

use std::io;

use websocket_wire::ProtocolError;

/// Close codes of RFC 6455, 7.4.1.
pub(crate) mod close_code {
    /// The run is over.
    pub(crate) const NORMAL: u16 = 1000;
    /// The server broke the protocol.
    pub(crate) const PROTOCOL_ERROR: u16 = 1002;
    /// The server's close frame had no code.
    pub(crate) const NO_CODE: u16 = 1005;
    /// The connection ended without a close frame.
    pub(crate) const ABNORMAL: u16 = 1006;
}

/// An error of the operating system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{message}")]
pub struct IoFailure {
    /// Kind of the error.
    pub kind: io::ErrorKind,
    message: String,
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

/// Defect of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum CertificateDefect {
    /// Its validity is over.
    #[error("Expired")]
    Expired,
    /// Its validity has not begun.
    #[error("NotValidYet")]
    NotValidYet,
    /// Signed by an authority that is not trusted.
    #[error("UnknownIssuer")]
    UnknownIssuer,
    /// Signed by an authority that has the name of a trusted one, but not its key.
    #[error("BadSignature")]
    BadSignature,
    /// Another defect, by the name that the TLS library gives it.
    #[error("{0}")]
    Other(String),
}

/// Reason why a connection did not open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ConnectFailure {
    /// The host name has no address.
    #[error("the host has no address")]
    NoAddress,
    /// The socket did not connect.
    #[error(transparent)]
    Connect(IoFailure),
    /// The server's certificate has a defect.
    #[error("certificate: {0}")]
    Certificate(CertificateDefect),
    /// The server's certificate is for other hosts, which the text names.
    #[error("{0}")]
    CertificateHost(String),
    /// The server does not speak TLS.
    #[error("TLS: the server answered in something else")]
    NotTls,
    /// The server hung up during the TLS handshake.
    #[error("TLS: the server closed the connection in the handshake")]
    TlsClosed,
    /// TLS failed otherwise.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connect timeout has passed.
    #[error("no answer within the connect timeout")]
    Timeout,
    /// The server refused the upgrade with this HTTP status.
    #[error("the server answered the upgrade with HTTP {0}")]
    Http(u16),
    /// The answer to the upgrade is not HTTP.
    #[error("the handshake failed: {0}")]
    NotHttp(String),
    /// The server chose no subprotocol of those offered.
    #[error("the server accepted none of the subprotocols offered")]
    Subprotocol,
    /// The server insists on an extension.
    #[error("the server uses the extension `{0}`, which was not offered")]
    Extension(String),
    /// The upgrade failed otherwise.
    #[error("the handshake failed: {0}")]
    Handshake(String),
}

/// End of a connection that had opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum ConnectionEnd {
    #[error(transparent)]
    Io(IoFailure),
    #[error("the server closed the connection without a close frame")]
    NoCloseFrame,
    #[error("the server closed with {0}")]
    ClosedByServer(u16),
    #[error("the server broke the protocol: {0}")]
    ProtocolViolation(ProtocolError),
    #[error("the server stopped reading for as long as the timeout")]
    StoppedReading,
    #[error("the server did not answer the close frame")]
    NoCloseAnswer,
}

impl ConnectionEnd {
    /// Close code of the connection (RFC 6455, 7.1.5).
    pub(crate) fn close_code(&self) -> u16 {
        match self {
            Self::ClosedByServer(code) => *code,
            Self::ProtocolViolation(_) => close_code::PROTOCOL_ERROR,
            Self::Io(_) | Self::NoCloseFrame | Self::StoppedReading | Self::NoCloseAnswer => {
                close_code::ABNORMAL
            }
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

    /// The texts are keys in the files of a run.
    #[test]
    fn the_words_of_a_failure_stay() {
        use ConnectFailure as F;
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused");
        for (failure, words) in [
            (F::NoAddress, "the host has no address"),
            (F::Connect((&refused).into()), "Connection refused"),
            (
                F::Certificate(CertificateDefect::Expired),
                "certificate: Expired",
            ),
            (
                F::Certificate(CertificateDefect::NotValidYet),
                "certificate: NotValidYet",
            ),
            (
                F::Certificate(CertificateDefect::UnknownIssuer),
                "certificate: UnknownIssuer",
            ),
            (
                F::Certificate(CertificateDefect::BadSignature),
                "certificate: BadSignature",
            ),
            (
                F::Certificate(CertificateDefect::Other("Revoked".to_owned())),
                "certificate: Revoked",
            ),
            (F::CertificateHost("wrong host".to_owned()), "wrong host"),
            (F::NotTls, "TLS: the server answered in something else"),
            (
                F::TlsClosed,
                "TLS: the server closed the connection in the handshake",
            ),
            (F::Tls("alert".to_owned()), "TLS: alert"),
            (F::Timeout, "no answer within the connect timeout"),
            (
                F::Http(404),
                "the server answered the upgrade with HTTP 404",
            ),
            (
                F::NotHttp("httparse error".to_owned()),
                "the handshake failed: httparse error",
            ),
            (
                F::Subprotocol,
                "the server accepted none of the subprotocols offered",
            ),
            (
                F::Extension("x".to_owned()),
                "the server uses the extension `x`, which was not offered",
            ),
            (
                F::Handshake("no key".to_owned()),
                "the handshake failed: no key",
            ),
        ] {
            assert_eq!(failure.to_string(), words);
        }
    }

    #[test]
    fn every_end_has_its_words_and_its_close_code() {
        use ConnectionEnd as E;
        let reset = io::Error::new(io::ErrorKind::ConnectionReset, "Connection reset by peer");
        for (end, code, words) in [
            (E::from(&reset), 1006, "Connection reset by peer"),
            (
                E::NoCloseFrame,
                1006,
                "the server closed the connection without a close frame",
            ),
            (E::ClosedByServer(1013), 1013, "the server closed with 1013"),
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
                (code, words.to_owned())
            );
        }
    }
}
