//! Whom to trust about the server's certificate: the flags, and the file that they name.

use std::path::PathBuf;

use clap::Args;
use measurement::plan::{CertificatePolicy, PlanError, ServerUrl};

use crate::error::RunError;
use crate::load::CONNECTION;

/// The flags of `wss://`.
#[derive(Debug, Clone, Args)]
pub struct TrustArgs {
    /// CertificatePolicy the certificates in this file [default: those that the system trusts] (example: cert.pem)
    ///
    /// Only with wss://. They take the place of the system's.
    #[arg(long, value_name = "PEM", help_heading = CONNECTION)]
    pub ca_cert: Option<PathBuf>,

    /// Take whatever certificate the server shows, as on a test machine; only with wss://
    #[arg(long, conflicts_with = "ca_cert", help_heading = CONNECTION)]
    pub insecure: bool,
}

impl TrustArgs {
    /// Whom to trust about this server; reads the file.
    ///
    /// # Errors
    /// [`PlanError::NoCertificate`] when the server has none to show; otherwise a file that cannot be read
    /// or holds no certificate.
    pub fn read(&self, target: &ServerUrl) -> Result<CertificatePolicy, RunError> {
        if (self.insecure || self.ca_cert.is_some()) && !target.is_tls() {
            let url = target.as_str().to_owned();
            return Err(PlanError::NoCertificate { url }.into());
        }
        let Some(path) = &self.ca_cert else {
            return Ok(if self.insecure {
                CertificatePolicy::Unchecked
            } else {
                CertificatePolicy::System
            });
        };
        let pem = std::fs::read(path).map_err(|source| RunError::ReadCertificates {
            path: path.clone(),
            source,
        })?;
        swarm::tls::count_roots(&pem).map_err(|source| RunError::Certificates {
            path: path.clone(),
            source,
        })?;
        Ok(CertificatePolicy::Roots(pem))
    }
}
