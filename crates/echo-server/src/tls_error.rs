//! Errors of certificates and keys.

use rustls::pki_types::pem;

/// An error of a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file cannot be read, or a part of it is not PEM.
    #[error("cannot read {0}")]
    Read(String, #[source] pem::Error),
    /// The file is PEM, but contains no certificate.
    #[error("{0} holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate(String),
    /// Certificate and key do not match, or have an unsupported type.
    #[error("{0} and {1} cannot be used together")]
    Pair(String, String, #[source] rustls::Error),
    /// The certificate with this number, from 1, cannot be an authority for clients.
    #[error("certificate {1} of {0} cannot be trusted")]
    ClientCa(String, usize, #[source] rustls::Error),
    /// The TLS library rejects the authorities for clients.
    #[error("the clients of {0} cannot be verified: {1}")]
    ClientVerifier(String, String),
}
