//! TLS configuration of a run: trusted certificates and the client's own certificate.
//!
//! Sessions are never resumed, so every handshake of a run is a full one with the same cost.
//!
//! | module | contents |
//! |---|---|
//! | `trust` | trusted certificates, and verification of the server's |
//! | `client_certificate` | the client's own certificate |
//! | `failure` | conversion of TLS errors to reasons why a connection did not open |

mod client_certificate;
mod failure;
mod trust;

use std::sync::Arc;

use measurement::plan::{ClientIdentity, TargetServer};
use measurement::record::{ClientCertificateDefect, ConnectFailure, UpgradeRefusal};
use rustls::ClientConfig;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::pem;

pub use client_certificate::IdentityError;
pub use failure::failure;
pub(crate) use failure::{io_failure, is_closed};
pub use trust::count_roots;

use client_certificate::ClientCertificate;

/// Reason why the trusted certificates or the client's own cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The file is not valid PEM.
    #[error("it is no PEM file")]
    Pem(#[source] pem::Error),
    /// The PEM text contains no certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// The certificate with this number, from 1, cannot be parsed.
    #[error("certificate {0} in it cannot be read")]
    Certificate(usize, #[source] rustls::Error),
    /// The system has no trusted certificates. Holds the first error of the search, if any.
    #[error("the system has no trusted certificates{0}")]
    NoSystem(String),
    /// The client's own certificate cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The TLS library rejects the configuration.
    #[error("the TLS library refuses its configuration")]
    Config(#[source] rustls::Error),
}

impl TrustError {
    /// Returns true when the system has no trusted certificates.
    pub fn has_no_roots(&self) -> bool {
        matches!(self, Self::NoSystem(_))
    }
}

/// Checks that a client's certificate and key match.
///
/// # Errors
/// [`TrustError::Identity`] when they cannot be used.
pub fn check_identity(identity: &ClientIdentity) -> Result<(), TrustError> {
    let provider = rustls::crypto::ring::default_provider();
    Ok(ClientCertificate::new(Some(identity), &provider).map(drop)?)
}

/// The TLS configuration of all clients of a run.
#[derive(Debug, Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    certificate: Arc<ClientCertificate>,
}

impl ClientTls {
    /// Builds the configuration from the server's certificate policy and client identity.
    ///
    /// # Errors
    /// [`TrustError`] when the certificates to trust, or the client's own, cannot be loaded.
    pub fn new(server: &TargetServer) -> Result<Self, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let identity = server.client_identity.as_ref();
        let certificate = Arc::new(ClientCertificate::new(identity, &provider)?);
        let resolver: Arc<dyn ResolvesClientCert> = certificate.clone();
        let verifier = trust::verifier(&server.certificate_policy, &provider)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TrustError::Config)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            certificate,
        })
    }

    /// Configuration of the sessions.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Replaces a failure by its likely cause when the server had asked for a client certificate. A server that misses
    /// or rejects the certificate ends the connection, with or without an alert.
    pub fn explain(&self, failure: ConnectFailure) -> ConnectFailure {
        use ConnectFailure as F;
        if !self.certificate.was_asked_for() {
            return failure;
        }
        let has_one = self.certificate.has_certs();
        match failure {
            F::Refused(refusal) if !has_one => F::Refused(Box::new(UpgradeRefusal {
                wants_client_certificate: true,
                ..*refusal
            })),
            F::NoAnswer | F::TlsClosed | F::Tls(_) | F::Handshake(_) => {
                F::ClientCertificate(if has_one {
                    let reason = match failure {
                        F::Tls(reason) | F::Handshake(reason) => reason,
                        _ => "it closes the connection".to_owned(),
                    };
                    ClientCertificateDefect::Refused(reason)
                } else {
                    ClientCertificateDefect::Missing
                })
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::plan::{CertificatePolicy, ServerUrl};

    #[test]
    fn every_handshake_is_a_full_one_with_alpn_http() {
        let server = TargetServer {
            certificate_policy: CertificatePolicy::Unchecked,
            ..ServerUrl::parse("wss://localhost/").unwrap().into()
        };
        let tls = ClientTls::new(&server).unwrap();
        assert_eq!(tls.config().alpn_protocols, [b"http/1.1"]);
        assert!(!tls.config().enable_early_data);
    }
}
