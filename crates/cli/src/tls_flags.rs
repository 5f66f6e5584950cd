//! The flags of TLS, and the file that they name.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use measurement::plan::CertificatePolicy;

use crate::headings::CONNECTION;

/// The flags of `wss://`.
#[derive(Debug, Clone, Args)]
pub struct TlsFlags {
    /// Trust the certificates in this file [default: those that the system trusts] (example: cert.pem)
    ///
    /// Only with wss://. They take the place of the system's.
    #[arg(long, value_name = "PEM", help_heading = CONNECTION)]
    pub ca_cert: Option<PathBuf>,

    /// Take whatever certificate the server shows, as on a test machine; only with wss://
    #[arg(long, conflicts_with = "ca_cert", help_heading = CONNECTION)]
    pub insecure: bool,
}

impl TlsFlags {
    /// Reads the certificate policy. `check_roots` rejects a PEM text without usable certificates.
    ///
    /// # Errors
    /// A file that cannot be read, or the error of `check_roots`.
    pub fn read<R, E>(
        &self,
        check_roots: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> anyhow::Result<CertificatePolicy>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let Some(path) = &self.ca_cert else {
            return Ok(if self.insecure {
                CertificatePolicy::Unchecked
            } else {
                CertificatePolicy::System
            });
        };
        let context = || format!("cannot use the certificates of {}", path.display());
        let pem = std::fs::read(path).with_context(context)?;
        check_roots(&pem).with_context(context)?;
        Ok(CertificatePolicy::Roots(pem))
    }
}
