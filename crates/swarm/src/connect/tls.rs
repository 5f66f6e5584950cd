//! TLS configuration of a run, and the certificates that it trusts.
//!
//! Sessions are never resumed: every handshake of a run is a full one and costs the same.

use std::sync::Arc;

use measurement::plan::CertificatePolicy;
use measurement::record::{CertificateDefect, ConnectFailure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore,
    SignatureScheme,
};

/// Error of the certificates to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The PEM text is damaged.
    #[error("it is no PEM file")]
    Pem(#[source] pem::Error),
    /// The PEM text has no certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// The certificate of this number, from 1, cannot be read.
    #[error("certificate {0} in it cannot be read")]
    Certificate(usize, #[source] rustls::Error),
    /// The system has no certificates that it trusts. Holds the first error of the search, if any.
    #[error("the system has no trusted certificates: name one with a file of its own{0}")]
    NoSystem(String),
    /// The TLS library refuses the configuration.
    #[error("the TLS library refuses its configuration")]
    Config(#[source] rustls::Error),
}

/// Counts the certificates in a PEM text; private keys and other content are ignored.
///
/// # Errors
/// [`TrustError`] when there is none, or one of them cannot be read.
pub fn count_roots(pem: &[u8]) -> Result<usize, TrustError> {
    roots_in(pem).map(|roots| roots.len())
}

fn roots_in(pem: &[u8]) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(TrustError::Pem)?;
        roots
            .add(certificate)
            .map_err(|source| TrustError::Certificate(index + 1, source))?;
    }
    if roots.is_empty() {
        return Err(TrustError::Empty);
    }
    Ok(roots)
}

/// Loads the certificates that the system trusts; unreadable ones are skipped.
fn system_roots() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (readable, _) = roots.add_parsable_certificates(found.certs);
    if readable == 0 {
        let reason = found.errors.first().map(|e| format!(" ({e})"));
        return Err(TrustError::NoSystem(reason.unwrap_or_default()));
    }
    Ok(roots)
}

/// Builds the TLS configuration of all clients of a run.
///
/// # Errors
/// [`TrustError`] when the certificates to trust cannot be loaded.
pub fn client_config(trust: &CertificatePolicy) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        CertificatePolicy::Unchecked => {
            Arc::new(AnyCertificate(provider.signature_verification_algorithms))
        }
        CertificatePolicy::System => checked(system_roots()?, &provider)?,
        CertificatePolicy::Roots(pem) => checked(roots_in(pem)?, &provider)?,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Config)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn checked(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map(|verifier| verifier as _)
        .map_err(|e| TrustError::Config(rustls::Error::General(e.to_string())))
}

/// Verifier that accepts every certificate. Signatures are still verified: the server holds the key of the
/// certificate that it shows, and the handshake costs the same.
#[derive(Debug)]
struct AnyCertificate(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

pub(crate) fn failure(error: &rustls::Error) -> ConnectFailure {
    use CertificateError as C;
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            return ConnectFailure::NotTls;
        }
        other => return ConnectFailure::Tls(other.to_string()),
    };
    ConnectFailure::Certificate(match certificate {
        C::Expired | C::ExpiredContext { .. } => CertificateDefect::Expired,
        C::NotValidYet | C::NotValidYetContext { .. } => CertificateDefect::NotValidYet,
        C::UnknownIssuer => CertificateDefect::UnknownIssuer,
        C::BadSignature => CertificateDefect::BadSignature,
        C::NotValidForNameContext { .. } => {
            return ConnectFailure::CertificateHost(certificate.to_string());
        }
        other => CertificateDefect::Other(defect_name(other)),
    })
}

/// Name of a certificate's defect, without the bytes that some errors hold. The library has nothing but
/// its text for some of them.
fn defect_name(error: &CertificateError) -> String {
    let name = match error {
        CertificateError::Other(other) => other.to_string(),
        other => format!("{other:?}"),
    };
    match name.split(['(', '{', ' ']).next() {
        // The default of `openssl req -x509`.
        Some("CaUsedAsEndEntity") => {
            "CaUsedAsEndEntity (it is one to sign others with: the server's own has to have CA:FALSE)"
                .to_owned()
        }
        Some(short) => short.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn roots_are_all_certificates_of_a_file_and_nothing_else() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let file = format!("who knows\n{}{key}{}", pem(), pem());
        assert_eq!(roots_in(file.as_bytes()).unwrap().len(), 2);
        for empty in ["", "no PEM", &key] {
            let error = roots_in(empty.as_bytes()).unwrap_err();
            assert!(matches!(error, TrustError::Empty), "{empty}: {error}");
        }
        let file = pem() + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let error = roots_in(file.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Certificate(2, _)));
        let file = pem() + "-----BEGIN CERTIFICATE-----\nMIIB";
        let error = roots_in(file.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Pem(_)), "{error}");
    }

    #[test]
    fn a_certificate_authority_is_not_a_server_certificate() {
        let mut ca = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = ca.self_signed(&key).unwrap();
        let roots = roots_in(ca.pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let host = ServerName::try_from("localhost").unwrap();
        let error = checked(roots, &provider)
            .unwrap()
            .verify_server_cert(ca.der(), &[], &host, &[], UnixTime::now())
            .unwrap_err();
        let text = failure(&error).to_string();
        assert!(
            text.starts_with("certificate: CaUsedAsEndEntity (") && text.contains("CA:FALSE"),
            "{text}"
        );
    }

    #[test]
    fn every_handshake_is_a_full_one_with_alpn_http() {
        let config = client_config(&CertificatePolicy::Roots(pem().into_bytes())).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        assert!(!config.enable_early_data);
    }

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
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(failure(&unknown).to_string(), "certificate: UnknownIssuer");
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
}
