//! Conversion of TLS errors to reasons why a connection did not open.

use std::io::{self, ErrorKind};

use measurement::record::{CertificateDefect, ConnectFailure};
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

/// The failure of a TLS handshake.
pub(crate) fn io_failure(error: &io::Error) -> ConnectFailure {
    match error.get_ref().and_then(|e| e.downcast_ref()) {
        Some(cause) => failure(cause),
        None if is_closed(error) => ConnectFailure::TlsClosed,
        None => ConnectFailure::Tls(error.to_string()),
    }
}

/// Returns true when the peer closed the connection, regularly or not.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}

/// The failure of a TLS session.
pub fn failure(error: &rustls::Error) -> ConnectFailure {
    use AlertDescription as A;
    use PeerIncompatible as P;
    match error {
        rustls::Error::InvalidCertificate(certificate) => certificate_failure(certificate),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => ConnectFailure::NotTls,
        rustls::Error::AlertReceived(A::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => ConnectFailure::TlsNoHttp1,
        rustls::Error::AlertReceived(A::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            P::ServerDoesNotSupportTls12Or13
            | P::ServerTlsVersionIsDisabledByOurConfig
            | P::Tls12NotOffered
            | P::Tls12NotOfferedOrEnabled,
        ) => ConnectFailure::TlsVersion,
        rustls::Error::AlertReceived(A::UnrecognisedName) => {
            ConnectFailure::Tls("the server does not know this host name".to_owned())
        }
        rustls::Error::AlertReceived(A::HandshakeFailure) => ConnectFailure::Tls(
            "the server found no common parameters (alert HandshakeFailure)".to_owned(),
        ),
        other => ConnectFailure::Tls(other.to_string()),
    }
}

fn certificate_failure(certificate: &CertificateError) -> ConnectFailure {
    use CertificateError as C;
    ConnectFailure::Certificate(match certificate {
        C::Expired | C::ExpiredContext { .. } => CertificateDefect::Expired,
        C::NotValidYet | C::NotValidYetContext { .. } => CertificateDefect::NotValidYet,
        C::UnknownIssuer => CertificateDefect::UnknownIssuer,
        C::BadSignature => CertificateDefect::BadSignature,
        C::NotValidForNameContext { .. } => {
            return ConnectFailure::CertificateHost(certificate.to_string());
        }
        other if cause(other) == Some(&webpki::Error::CaUsedAsEndEntity) => {
            CertificateDefect::CaUsedAsEndEntity
        }
        other => CertificateDefect::Other(defect_name(other)),
    })
}

/// Returns true when the server uses the certificate of an authority as its own.
pub(super) fn is_authority_as_server(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(certificate)
        if cause(certificate) == Some(&webpki::Error::CaUsedAsEndEntity))
}

/// The verifier's own error, where the TLS library has no equivalent.
fn cause(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(other) => other.0.downcast_ref(),
        _ => None,
    }
}

/// Name of a certificate's defect, without the bytes that some errors contain. For some errors, the library offers only
/// a text.
fn defect_name(error: &CertificateError) -> String {
    let name = match error {
        CertificateError::Other(other) => other.to_string(),
        other => format!("{other:?}"),
    };
    let short = name.split(['(', '{', ' ']).next().unwrap_or_default();
    short.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::UnixTime;
    use std::time::Duration;

    #[test]
    fn reasons_hold_no_time_of_day() {
        let at = |s| UnixTime::since_unix_epoch(Duration::from_secs(s));
        let expired = |time| {
            failure(&rustls::Error::InvalidCertificate(
                CertificateError::ExpiredContext {
                    time: at(time),
                    not_after: at(1),
                },
            ))
        };
        assert_eq!(expired(5), expired(6));
        let bytes = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6],
            public_key_algorithm_id: vec![8],
        };
        let reason = failure(&rustls::Error::InvalidCertificate(bytes));
        assert_eq!(
            reason.to_string(),
            "certificate: UnsupportedSignatureAlgorithmForPublicKeyContext"
        );
    }

    #[test]
    fn what_the_server_speaks_instead_is_named() {
        let alert = |alert| failure(&rustls::Error::AlertReceived(alert));
        assert_eq!(
            alert(AlertDescription::NoApplicationProtocol),
            ConnectFailure::TlsNoHttp1
        );
        assert_eq!(
            alert(AlertDescription::ProtocolVersion),
            ConnectFailure::TlsVersion
        );
    }
}
