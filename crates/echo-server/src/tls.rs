//! TLS for `wss://`: a certificate and its key.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use crate::{client_verifier::client_verifier, tls_error::TlsError};

/// A certificate chain and its key, ready for use.
#[derive(Clone)]
pub struct TlsIdentity(Arc<ServerConfig>);

impl TlsIdentity {
    /// Loads the chain (the server's own certificate first) and the key (PKCS#8, PKCS#1 or SEC1), both in PEM.
    ///
    /// TLS 1.2 and 1.3 are supported. ALPN offers only `http/1.1`, because WebSocket upgrades are part of HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read, or certificate and key do not match.
    pub fn from_pem(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::load(certificate, key, None)
    }

    /// Like [`from_pem`](Self::from_pem), with the certificates of the authorities that signed those of the clients. A
    /// client without such a certificate is refused. A certificate in that file is also accepted as a client's own.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read, or certificate and key do not match.
    pub fn with_client_ca(
        certificate: &Path,
        key: &Path,
        client_ca: &Path,
    ) -> Result<Self, TlsError> {
        Self::load(certificate, key, Some(client_ca))
    }

    fn load(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Self, TlsError> {
        let (certificate_path, key_path) =
            (certificate.display().to_string(), key.display().to_string());
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|source| TlsError::Read(key_path.clone(), source))?;
        let provider = Arc::new(ring::default_provider());
        let verifier = match client_ca {
            Some(path) => client_verifier(path, certificates(path)?, &provider)?,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_client_cert_verifier(verifier)
                    .with_single_cert(chain, key)
            })
            .map_err(|source| TlsError::Pair(certificate_path, key_path, source))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

/// The certificates in a PEM file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let name = || path.display().to_string();
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::Read(name(), source))?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate(name()));
    }
    Ok(found)
}

impl std::fmt::Debug for TlsIdentity {
    /// Omits certificate and key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// Two identities are equal only if they are the same object.
impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TlsIdentity {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> (tempfile::TempDir, String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        (folder, made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn load(folder: &Path, certificate: &str, key: &str) -> Result<TlsIdentity, String> {
        let (c, k) = (folder.join("c.pem"), folder.join("k.pem"));
        std::fs::write(&c, certificate).unwrap();
        std::fs::write(&k, key).unwrap();
        TlsIdentity::from_pem(&c, &k).map_err(|e| e.to_string())
    }

    #[test]
    fn a_certificate_and_its_key_are_read_and_nothing_else() {
        let (folder, certificate, key) = pem();
        let folder = folder.path();
        assert!(load(folder, &certificate, &key).is_ok());
        let (_other, _, other_key) = pem();
        let error = load(folder, &certificate, &other_key).unwrap_err();
        assert!(error.contains("cannot be used together"), "{error}");
        let error = load(folder, &key, &key).unwrap_err();
        assert!(error.contains("c.pem holds no certificate"), "{error}");
        let error = load(folder, &certificate, "no key").unwrap_err();
        assert!(error.contains("k.pem"), "{error}");
        let error = TlsIdentity::from_pem(&folder.join("none"), &folder.join("k.pem")).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
