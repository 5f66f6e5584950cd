//! Whom the clients of a run trust, and how they do TLS: one configuration for all of them.
//!
//! Sessions are never resumed: every handshake of a run is a whole one and costs the same.

use std::sync::Arc;

use measurement::plan::CertificatePolicy;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InvalidMessage, RootCertStore,
    SignatureScheme,
};

/// The only protocol that is spoken inside.
const ALPN: &[u8] = b"http/1.1";

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The PEM text is damaged.
    #[error("it is no PEM file")]
    Pem(#[source] pem::Error),
    /// The PEM text has no certificate in it.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate cannot be read.
    #[error("certificate {number} in it cannot be read")]
    Certificate {
        /// Which one, from 1.
        number: usize,
        /// Why.
        source: rustls::Error,
    },
    /// The system has no certificates that it trusts.
    #[error("the system has no trusted certificates: name one with a file of its own{reason}")]
    NoSystem {
        /// What was found instead.
        reason: String,
    },
    /// The TLS library refuses the configuration.
    #[error("the TLS library refuses its configuration")]
    Config(#[source] rustls::Error),
}

/// How many certificates in a PEM text can be trusted; private keys and whatever else is in it are
/// passed over.
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
            .map_err(|source| TrustError::Certificate {
                number: index + 1,
                source,
            })?;
    }
    if roots.is_empty() {
        return Err(TrustError::Empty);
    }
    Ok(roots)
}

/// The certificates that the system trusts; those that cannot be read are passed over.
fn system_roots() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (readable, _) = roots.add_parsable_certificates(found.certs);
    if readable == 0 {
        let reason = found.errors.first();
        return Err(TrustError::NoSystem {
            reason: reason.map_or_else(String::new, |e| format!(" ({e})")),
        });
    }
    Ok(roots)
}

/// How the clients of a run do TLS.
///
/// # Errors
/// [`TrustError`] when nobody can be trusted as asked.
pub fn client_config(trust: &CertificatePolicy) -> Result<Arc<ClientConfig>, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        CertificatePolicy::Unchecked => Arc::new(Unchecked(Arc::clone(&provider))),
        CertificatePolicy::System => checked(system_roots()?, &provider)?,
        CertificatePolicy::Roots(pem) => checked(roots_in(pem)?, &provider)?,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Config)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn checked(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|e| TrustError::Config(rustls::Error::General(e.to_string())))?;
    Ok(verifier)
}

/// Takes every certificate, as the user has asked for. Signatures are still checked: whoever
/// answers holds the key of the certificate that was shown, and the handshake costs what it costs.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
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
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Why a handshake failed, in words that many connections share: no times of day, no addresses.
pub(crate) fn reason(error: &rustls::Error) -> String {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            C::Expired | C::ExpiredContext { .. } => "certificate: Expired".to_owned(),
            C::NotValidYet | C::NotValidYetContext { .. } => "certificate: NotValidYet".to_owned(),
            C::NotValidForNameContext { .. } => certificate.to_string(),
            other => format!("certificate: {}", name(other)),
        },
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "TLS: the server answered in something else".to_owned()
        }
        other => format!("TLS: {other}"),
    }
}

/// The name of what is wrong with a certificate, without the bytes that some of them hold.
fn name(error: &CertificateError) -> String {
    let name = match error {
        CertificateError::Other(other) => other.to_string(),
        other => format!("{other:?}"),
    };
    match name.split(['(', '{', ' ']).next() {
        // What `openssl req -x509` makes unless told otherwise.
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
        assert!(matches!(error, TrustError::Certificate { number: 2, .. }));
        let file = pem() + "-----BEGIN CERTIFICATE-----\nMIIB";
        let error = roots_in(file.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Pem(_)), "{error}");
    }

    #[test]
    fn a_certificate_that_signs_others_is_no_servers_own() {
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
        let text = reason(&error);
        assert!(
            text.starts_with("certificate: CaUsedAsEndEntity (") && text.contains("CA:FALSE"),
            "{text}"
        );
    }

    #[test]
    fn every_handshake_is_a_whole_one_and_speaks_of_http() {
        let config = client_config(&CertificatePolicy::Roots(pem().into_bytes())).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        assert!(!config.enable_early_data);
    }

    #[test]
    fn reasons_hold_no_time_of_day() {
        let at = |s| UnixTime::since_unix_epoch(Duration::from_secs(s));
        let expired = |time| {
            reason(&rustls::Error::InvalidCertificate(
                CertificateError::ExpiredContext {
                    time: at(time),
                    not_after: at(1),
                },
            ))
        };
        assert_eq!(expired(5), expired(6));
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        assert_eq!(reason(&unknown), "certificate: UnknownIssuer");
        let bytes = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: vec![6],
            public_key_algorithm_id: vec![8],
        };
        let reason = reason(&rustls::Error::InvalidCertificate(bytes));
        assert_eq!(
            reason,
            "certificate: UnsupportedSignatureAlgorithmForPublicKeyContext"
        );
    }
}
