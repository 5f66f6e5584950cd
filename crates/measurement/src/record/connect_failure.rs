//! Reasons why a connection did not open.
//!
//! Failures are counted by their text, so no text contains a time or an address.

use std::io;

use super::setup_failure::SetupFailure;
use super::upgrade_failure::{AnswerDefect, ForeignAnswer, UpgradeRefusal};

/// An error of the operating system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{message}")]
pub struct IoFailure {
    /// Kind of the error.
    pub kind: io::ErrorKind,
    message: String,
    is_own: bool,
}

impl IoFailure {
    /// Returns true when this machine had no port, file or memory left, which says nothing about the server.
    pub fn is_own_exhaustion(&self) -> bool {
        self.is_own
    }
}

/// Returns true for an error that this machine's limits cause.
fn is_own_exhaustion(error: &io::Error) -> bool {
    // Numbers of ENFILE, EMFILE and ENOBUFS. All other systems have ranges of their own.
    const LINUX_LIMITS: [i32; 3] = [23, 24, 105];
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory
    ) || cfg!(target_os = "linux")
        && error
            .raw_os_error()
            .is_some_and(|n| LINUX_LIMITS.contains(&n))
}

impl From<&io::Error> for IoFailure {
    fn from(error: &io::Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            is_own: is_own_exhaustion(error),
        }
    }
}

/// Defect of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum CertificateDefect {
    /// Validity that is over.
    #[error("Expired (its validity is over)")]
    Expired,
    /// Validity that has not begun.
    #[error("NotValidYet (its validity has not begun)")]
    NotValidYet,
    /// Signed by an authority that is not trusted.
    #[error("UnknownIssuer (no trusted authority signed it)")]
    UnknownIssuer,
    /// Signed by an authority that has the name of a trusted one, but not its key.
    #[error("BadSignature (the trusted authority of that name did not sign it)")]
    BadSignature,
    /// The certificate of an authority, which the server uses as its own.
    #[error("CaUsedAsEndEntity (it signs other certificates: that of a server needs CA:FALSE)")]
    CaUsedAsEndEntity,
    /// Another defect, by the name that the TLS library gives it.
    #[error("{0}")]
    Other(String),
}

/// Reason why the handshake failed over the client certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ClientCertificateDefect {
    /// The server requires a client certificate, and the client has none.
    #[error("the server asks for a client certificate, and there is none")]
    Missing,
    /// The server refuses the client certificate. Holds the reason that the server gives.
    #[error("the server refuses the client certificate: {0}")]
    Refused(String),
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
    /// The server's certificate is for other hosts, named in the text.
    #[error("{0}")]
    CertificateHost(String),
    #[error(transparent)]
    ClientCertificate(ClientCertificateDefect),
    #[error("TLS: the server did not answer with TLS")]
    NotTls,
    #[error("TLS: the server closed the connection in the handshake")]
    TlsClosed,
    /// No common TLS version.
    #[error("TLS: the server speaks TLS below 1.2 only")]
    TlsVersion,
    /// No common protocol (ALPN).
    #[error("TLS: the server speaks HTTP/2 only and refuses HTTP/1.1 (ALPN)")]
    TlsNoHttp1,
    #[error("TLS: {0}")]
    Tls(String),
    #[error("no answer within the connect timeout")]
    Timeout,
    /// The load began before the connection was open.
    #[error("not open by the start of the load")]
    NotOpenAtStart,
    /// The server answered the upgrade with a status other than 101.
    #[error(transparent)]
    Refused(Box<UpgradeRefusal>),
    #[error("the server closed the connection without an answer to the upgrade")]
    NoAnswer,
    /// The answer to the upgrade is not HTTP.
    #[error(transparent)]
    NotHttp(ForeignAnswer),
    /// The answer to the upgrade is not valid.
    #[error(transparent)]
    Answer(AnswerDefect),
    #[error("the server accepted none of the subprotocols offered")]
    Subprotocol,
    /// Holds the subprotocol that the server chose.
    #[error("the server chose the subprotocol `{0}`, which was not offered")]
    SubprotocolNotOffered(String),
    #[error("the server uses the extension `{0}`, which was not offered")]
    Extension(String),
    /// A step of the scenario before the load failed. The connection was open.
    #[error("setup failed: {0}")]
    Setup(Box<SetupFailure>),
    /// Any other failure of the upgrade.
    #[error("the handshake failed: {0}")]
    Handshake(String),
}

impl ConnectFailure {
    /// The failure with another text in place of each text from the server in its answer to the upgrade.
    #[must_use]
    pub fn map_answer(self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(Box::new(refusal.map_texts(change))),
            Self::NotHttp(ForeignAnswer::Other(text)) => {
                Self::NotHttp(ForeignAnswer::Other(change(&text)))
            }
            Self::Answer(defect) => Self::Answer(defect.map_texts(change)),
            Self::SubprotocolNotOffered(text) => Self::SubprotocolNotOffered(change(&text)),
            Self::Extension(text) => Self::Extension(change(&text)),
            other => other,
        }
    }

    /// The failure without texts from the server, which may differ between connections.
    #[must_use]
    pub fn without_details(self) -> Self {
        let none = String::new;
        match self {
            Self::Refused(refusal) => Self::Refused(Box::new(refusal.without_details())),
            Self::NotHttp(ForeignAnswer::Other(_)) => Self::NotHttp(ForeignAnswer::Other(none())),
            Self::Answer(defect) => Self::Answer(defect.without_details()),
            Self::SubprotocolNotOffered(_) => Self::SubprotocolNotOffered(none()),
            Self::Extension(_) => Self::Extension(none()),
            Self::Setup(failure) => Self::Setup(Box::new(failure.without_details())),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::upgrade_failure::RefusalField;
    use super::*;

    /// The texts are keys in the files of a run, so they must not change.
    #[test]
    fn the_words_of_a_failure_stay() {
        use CertificateDefect as C;
        use ConnectFailure as F;
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "Connection refused");
        for (failure, words) in [
            (F::NoAddress, "the host has no address"),
            (F::Connect((&refused).into()), "Connection refused"),
            (F::Certificate(C::Expired), "certificate: Expired"),
            (F::Certificate(C::NotValidYet), "certificate: NotValidYet"),
            (
                F::Certificate(C::UnknownIssuer),
                "certificate: UnknownIssuer",
            ),
            (F::Certificate(C::BadSignature), "certificate: BadSignature"),
            (
                F::Certificate(C::CaUsedAsEndEntity),
                "certificate: CaUsedAsEndEntity",
            ),
            (
                F::Certificate(C::Other("Revoked".to_owned())),
                "certificate: Revoked",
            ),
            (F::CertificateHost("wrong host".to_owned()), "wrong host"),
            (F::NotTls, "TLS: the server did not answer with TLS"),
            (
                F::TlsClosed,
                "TLS: the server closed the connection in the handshake",
            ),
            (F::Tls("alert".to_owned()), "TLS: alert"),
            (F::Timeout, "no answer within the connect timeout"),
            (
                F::Refused(Box::new(UpgradeRefusal::new(404))),
                "the server answered the upgrade with HTTP 404",
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
            let text = failure.to_string();
            assert!(text.starts_with(words), "{text}");
        }
    }

    #[test]
    fn without_its_details_a_failure_is_the_same_for_every_connection() {
        let refused = |body: &str| {
            let refusal = UpgradeRefusal {
                reason: "Service Unavailable".to_owned(),
                fields: vec![RefusalField::new("Retry-After", "7")],
                body: body.to_owned(),
                ..UpgradeRefusal::new(503)
            };
            ConnectFailure::Refused(Box::new(refusal))
        };
        assert_ne!(refused("id 1"), refused("id 2"));
        let brief = refused("id 1").without_details();
        assert_eq!(brief, refused("id 2").without_details());
        assert_eq!(
            brief.to_string(),
            "the server answered the upgrade with HTTP 503"
        );
        let accept = |came: &str| ConnectFailure::Answer(AnswerDefect::Accept(came.to_owned()));
        assert_eq!(accept("x").without_details(), accept("y").without_details());
    }
}
