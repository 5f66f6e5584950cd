//! Whom to trust about the server's certificate: the flags, and the file that they name.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use measurement::plan::{PlanError, Target, Trust};

use crate::cli::CONNECTION;

/// The flags of `wss://`.
#[derive(Debug, Clone, Args)]
pub(crate) struct TrustArgs {
    /// Trust the certificates in this file [default: those that the system trusts] (example: cert.pem)
    ///
    /// Only with wss://. They take the place of the system's.
    #[arg(long, value_name = "PEM", requires = "url", help_heading = CONNECTION)]
    pub(crate) ca_cert: Option<PathBuf>,

    /// Take whatever certificate the server shows, as on a test machine; only with wss://
    #[arg(long, requires = "url", conflicts_with = "ca_cert", help_heading = CONNECTION)]
    pub(crate) insecure: bool,
}

impl TrustArgs {
    /// Whom to trust about this server; reads the file.
    ///
    /// # Errors
    /// [`PlanError::NoCertificate`] when the server has none to show; otherwise a file that cannot be read
    /// or holds no certificate, with its path.
    pub(crate) fn read(&self, target: &Target) -> anyhow::Result<Trust> {
        if (self.insecure || self.ca_cert.is_some()) && !target.is_tls() {
            let url = target.url().to_owned();
            return Err(PlanError::NoCertificate { url }.into());
        }
        let Some(path) = &self.ca_cert else {
            return Ok(if self.insecure {
                Trust::Unchecked
            } else {
                Trust::System
            });
        };
        let unusable = || format!("cannot use the certificates of {}", path.display());
        let pem = std::fs::read(path).with_context(unusable)?;
        swarm::tls::count_roots(&pem).with_context(unusable)?;
        Ok(Trust::Roots(pem))
    }
}
