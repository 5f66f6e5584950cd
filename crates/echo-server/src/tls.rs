//! TLS for `wss://`: a certificate and its key.

use std::{path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio_rustls::TlsAcceptor;

/// An error of a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read, or a part of it is not PEM.
    #[error("cannot read {0}")]
    Read(String, #[source] pem::Error),
    /// The file is PEM, but holds no certificate.
    #[error("{0} holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate(String),
    /// The files of certificate and key do not belong together, or are of a kind that is not supported.
    #[error("{0} and {1} cannot be used together")]
    Pair(String, String, #[source] rustls::Error),
}

/// A certificate chain and its key, ready for use.
#[derive(Clone)]
pub struct TlsIdentity(Arc<ServerConfig>);

impl TlsIdentity {
    /// Reads the chain, the server's own certificate first, and the key (PKCS#8, PKCS#1 or SEC1), both in
    /// PEM.
    ///
    /// TLS 1.2 and 1.3 are supported, and `http/1.1` is the only protocol offered by ALPN, since an upgrade
    /// to a WebSocket is one of HTTP/1.1.
    ///
    /// # Errors
    /// [`TlsError`] when a file cannot be read or the two do not fit.
    pub fn from_pem(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let (certificate_path, key_path) =
            (certificate.display().to_string(), key.display().to_string());
        let unreadable = |path: &str| {
            let path = path.to_owned();
            move |source| TlsError::Read(path, source)
        };
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(unreadable(&certificate_path))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate_path));
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable(&key_path))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|source| TlsError::Pair(certificate_path, key_path, source))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

impl std::fmt::Debug for TlsIdentity {
    /// Leaves out the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsIdentity").finish_non_exhaustive()
    }
}

/// Equal only if it is the same object.
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
