//! Verification of the server's certificate.

/// Certificate verification policy. Ignored without TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CertificatePolicy {
    /// Verify against the roots that the system trusts.
    #[default]
    System,
    /// Verify against the certificates of this PEM file only.
    Roots(Vec<u8>),
    /// Do not verify.
    Unchecked,
}
