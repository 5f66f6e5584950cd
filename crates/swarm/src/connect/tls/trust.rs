//! Trusted certificates, and verification of the server's.

use std::sync::Arc;

use measurement::plan::CertificatePolicy;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::TrustError;
use super::failure::is_authority_as_server;

/// Counts the certificates in a PEM text. Private keys and other content are ignored.
///
/// # Errors
/// [`TrustError`] when the text contains no certificate, or one of them cannot be parsed.
pub fn count_roots(pem: &[u8]) -> Result<usize, TrustError> {
    roots_in(pem).map(|(roots, _)| roots.len())
}

/// The certificates in a PEM text, as authorities and in DER.
fn roots_in(pem: &[u8]) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TrustError> {
    let mut roots = RootCertStore::empty();
    let mut certificates = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let certificate = certificate.map_err(TrustError::Pem)?;
        roots
            .add(certificate.clone())
            .map_err(|source| TrustError::Certificate(index + 1, source))?;
        certificates.push(certificate);
    }
    if roots.is_empty() {
        return Err(TrustError::Empty);
    }
    Ok((roots, certificates))
}

/// Loads the system's trusted certificates. Unreadable ones are skipped.
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

/// Creates the verifier of this policy.
pub(super) fn verifier(
    policy: &CertificatePolicy,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    Ok(match policy {
        CertificatePolicy::Unchecked => {
            Arc::new(AnyCertificate(provider.signature_verification_algorithms))
        }
        CertificatePolicy::System => by_authorities(system_roots()?, provider)?,
        CertificatePolicy::Roots(pem) => {
            let (roots, certificates) = roots_in(pem)?;
            Arc::new(PinnedCertificates {
                authorities: by_authorities(roots, provider)?,
                certificates,
            })
        }
    })
}

fn by_authorities(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|e| TrustError::Config(rustls::Error::General(e.to_string())))
}

/// Verifier that accepts certificates signed by the given authorities, and the given certificates themselves.
///
/// Test servers often use a certificate from `openssl req -x509`, which is that of an authority, as their own. When it
/// is listed explicitly, this is as safe as any other certificate.
#[derive(Debug)]
struct PinnedCertificates {
    authorities: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for PinnedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.authorities
                .verify_server_cert(end_entity, intermediates, host, ocsp, now);
        match verified {
            // The validity period was verified before.
            Err(error)
                if is_authority_as_server(&error) && self.certificates.contains(end_entity) =>
            {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, host)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Verifier that accepts every certificate. Signatures are still verified, so the server must have the certificate's
/// key, and the handshake has the same cost.
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

#[cfg(test)]
mod tests {
    use super::super::failure::failure;
    use super::*;

    fn pem() -> String {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        made.cert.pem()
    }

    #[test]
    fn roots_are_all_certificates_of_a_file_and_nothing_else() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let file = format!("who knows\n{}{key}{}", pem(), pem());
        assert_eq!(count_roots(file.as_bytes()).unwrap(), 2);
        for empty in ["", "no PEM", &key] {
            let error = count_roots(empty.as_bytes()).unwrap_err();
            assert!(matches!(error, TrustError::Empty), "{empty}: {error}");
        }
        let file = pem() + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let error = count_roots(file.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Certificate(2, _)));
        let file = pem() + "-----BEGIN CERTIFICATE-----\nMIIB";
        let error = count_roots(file.as_bytes()).unwrap_err();
        assert!(matches!(error, TrustError::Pem(_)), "{error}");
    }

    /// A self-signed authority for these names, expired if `is_over`.
    fn authority(names: &[&str], is_over: bool) -> rcgen::Certificate {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut ca = rcgen::CertificateParams::new(names).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        if is_over {
            ca.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        ca.self_signed(&rcgen::KeyPair::generate().unwrap())
            .unwrap()
    }

    #[test]
    fn an_authority_is_a_server_only_where_its_own_certificate_is_named() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verify =
            |named: &rcgen::Certificate, shown: &rcgen::Certificate, host: &'static str| {
                let policy = CertificatePolicy::Roots(named.pem().into_bytes());
                let host = ServerName::try_from(host).unwrap();
                let shown = shown.der();
                let verifier = verifier(&policy, &provider).unwrap();
                let verified = verifier.verify_server_cert(shown, &[], &host, &[], UnixTime::now());
                verified
                    .map(drop)
                    .map_err(|error| failure(&error).to_string())
            };
        let (own, other) = (
            authority(&["localhost"], false),
            authority(&["localhost"], false),
        );
        assert_eq!(
            verify(&own, &own, "localhost"),
            Ok(()),
            "what openssl req -x509 makes"
        );
        let text = verify(&other, &own, "localhost").unwrap_err();
        assert!(
            text.starts_with("certificate: CaUsedAsEndEntity (") && text.contains("CA:FALSE"),
            "{text}"
        );
        let text = verify(&own, &own, "example.org").unwrap_err();
        assert!(text.contains("not valid for name"), "{text}");
        let over = authority(&["localhost"], true);
        let text = verify(&over, &over, "localhost").unwrap_err();
        assert!(text.starts_with("certificate: Expired"), "{text}");
    }
}
