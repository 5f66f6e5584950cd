//! Advice for a run of which no connection opened.

use std::io::ErrorKind;

use measurement::record::{CertificateDefect, ConnectFailure};

/// Advice on the failure of every connection to this URL; `None` where its text says what to do.
pub fn connect_advice(failure: &ConnectFailure, url: &str) -> Option<&'static str> {
    match failure {
        ConnectFailure::Connect(failure) if failure.kind == ErrorKind::ConnectionRefused => {
            Some("is the server running?")
        }
        ConnectFailure::Http(404 | 200) => Some("is the path right? that of our servers is /ws"),
        ConnectFailure::NotHttp(_) if url.starts_with("ws://") => {
            Some("does the server speak TLS? try wss://")
        }
        ConnectFailure::Certificate(
            CertificateDefect::UnknownIssuer | CertificateDefect::BadSignature,
        ) => Some("--ca-cert FILE trusts one certificate more, --insecure any"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_depends_on_the_failure_and_the_url() {
        use ConnectFailure as F;
        let unknown = F::Certificate(CertificateDefect::UnknownIssuer);
        let trust = "--ca-cert FILE trusts one certificate more, --insecure any";
        assert_eq!(connect_advice(&unknown, "wss://a/"), Some(trust));
        let expired = F::Certificate(CertificateDefect::Expired);
        assert_eq!(connect_advice(&expired, "wss://a/"), None);
        let path = "is the path right? that of our servers is /ws";
        assert_eq!(connect_advice(&F::Http(404), "ws://a/"), Some(path));
        assert_eq!(connect_advice(&F::Http(503), "ws://a/"), None);
        let bytes = F::NotHttp("httparse error".to_owned());
        assert!(connect_advice(&bytes, "ws://a/").is_some());
        assert_eq!(connect_advice(&bytes, "wss://a/"), None);
        for (kind, is_advised) in [
            (ErrorKind::ConnectionRefused, true),
            (ErrorKind::NotFound, false),
        ] {
            let error = std::io::Error::from(kind);
            let failure = F::Connect((&error).into());
            assert_eq!(connect_advice(&failure, "ws://a/").is_some(), is_advised);
        }
    }
}
