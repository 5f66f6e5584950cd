//! The flags of TLS, and the file that they name.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use measurement::plan::{CertificatePolicy, PlanError, ServerUrl, TargetServer};

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
    /// The server at `url`, with the verification of its certificate. `check_roots` rejects a PEM text without
    /// usable certificates.
    ///
    /// # Errors
    /// [`PlanError::NoCertificate`] when the server has no TLS; otherwise a file that cannot be read, or the
    /// error of `check_roots`.
    pub fn target<R, E>(
        &self,
        url: ServerUrl,
        check_roots: impl FnOnce(&[u8]) -> Result<R, E>,
    ) -> anyhow::Result<TargetServer>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if (self.insecure || self.ca_cert.is_some()) && !url.is_tls() {
            let url = url.as_str().to_owned();
            return Err(PlanError::NoCertificate(url).into());
        }
        let certificate_policy = match &self.ca_cert {
            Some(path) => {
                let context = || format!("cannot use the certificates of {}", path.display());
                let pem = std::fs::read(path).with_context(context)?;
                check_roots(&pem).with_context(context)?;
                CertificatePolicy::Roots(pem)
            }
            None if self.insecure => CertificatePolicy::Unchecked,
            None => CertificatePolicy::System,
        };
        Ok(TargetServer {
            certificate_policy,
            ..url.into()
        })
    }
}
