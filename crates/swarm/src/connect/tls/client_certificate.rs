//! The client's own certificate, for servers that ask for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use measurement::plan::ClientIdentity;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Reason why the client's certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate file is not valid PEM.
    #[error("the client certificate is no PEM file")]
    Certificate(#[source] pem::Error),
    /// The PEM text contains no certificate.
    #[error("there is no client certificate in it")]
    NoCertificate,
    /// The PEM text contains no unencrypted key.
    #[error("there is no private key without a password in it")]
    Key(#[source] pem::Error),
    /// The key does not match the certificate, or has an unsupported type.
    #[error("the client certificate and its key cannot be used together")]
    Pair(#[source] rustls::Error),
}

fn certified_key(
    identity: &ClientIdentity,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, IdentityError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<_, _>>()
        .map_err(IdentityError::Certificate)?;
    if chain.is_empty() {
        return Err(IdentityError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(IdentityError::Key)?;
    CertifiedKey::from_der(chain, key, provider).map_err(IdentityError::Pair)
}

/// The certificate of all clients, and whether the server has asked for it.
#[derive(Debug)]
pub(super) struct ClientCertificate {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl ClientCertificate {
    pub(super) fn new(
        identity: Option<&ClientIdentity>,
        provider: &CryptoProvider,
    ) -> Result<Self, IdentityError> {
        let key = identity.map(|identity| certified_key(identity, provider));
        Ok(Self {
            key: key.transpose()?.map(Arc::new),
            asked: AtomicBool::new(false),
        })
    }

    /// Returns true when the server has asked for a certificate on any connection.
    pub(super) fn was_asked_for(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for ClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}
