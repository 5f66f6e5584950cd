//! Reasons why a connection did not open.
//!
//! Many connections share a reason, so no text holds a time of day or an address.

use std::io;

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
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ConnectFailure {
    #[error("the host has no address")]
    NoAddress,
    #[error(transparent)]
    Connect(IoFailure),
    #[error("certificate: {0}")]
    Certificate(CertificateDefect),
    /// The server's certificate is for other hosts, which the text names.
    #[error("{0}")]
    CertificateHost(String),
    #[error("TLS: the server answered in something else")]
    NotTls,
    #[error("TLS: the server closed the connection in the handshake")]
    TlsClosed,
    #[error("TLS: {0}")]
    Tls(String),
    #[error("no answer within the connect timeout")]
    Timeout,
    #[error("the server answered the upgrade with HTTP {0}")]
    Http(u16),
    /// The answer to the upgrade is not HTTP.
    #[error("the handshake failed: {0}")]
    NotHttp(String),
    #[error("the server accepted none of the subprotocols offered")]
    Subprotocol,
    #[error("the server uses the extension `{0}`, which was not offered")]
    Extension(String),
    /// The upgrade failed otherwise.
    #[error("the handshake failed: {0}")]
    Handshake(String),
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
}
