//! The flags of TLS, and the files that they refer to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use measurement::plan::{CertificatePolicy, ClientIdentity, PlanError, ServerUrl, TargetServer};

use crate::headings::CONNECTION;

/// The flags of `wss://`.
#[derive(Debug, Clone, Args)]
pub struct TlsFlags {
    /// Certificates to trust, with wss:// [default: those that the system trusts] (example: cert.pem)
    ///
    /// They replace those of the system. The file may be the server's own certificate, as `openssl req -x509` creates it.
    #[arg(long, value_name = "PEM", help_heading = CONNECTION)]
    pub ca_cert: Option<PathBuf>,

    /// Do not verify the server's certificate (test machines only)
    #[arg(long, conflicts_with = "ca_cert", help_heading = CONNECTION)]
    pub insecure: bool,

    /// Client certificate, for servers that require one (mutual TLS) (example: client.pem)
    ///
    /// The client's own certificate comes first, followed by those that signed it.
    #[arg(long, value_name = "PEM", requires = "client_key", help_heading = CONNECTION)]
    pub client_cert: Option<PathBuf>,

    /// Private key of the client certificate, without a password (example: client.key)
    #[arg(long, value_name = "PEM", requires = "client_cert", help_heading = CONNECTION)]
    pub client_key: Option<PathBuf>,
}

impl TlsFlags {
    /// The server at `url`, as with [`targets`](Self::targets).
    ///
    /// # Errors
    /// Those of [`targets`](Self::targets).
    pub fn target<R, E>(
        &self,
        url: ServerUrl,
        check_roots: impl FnOnce(&[u8]) -> Result<R, E>,
        check_identity: impl FnOnce(&ClientIdentity) -> Result<(), E>,
    ) -> anyhow::Result<TargetServer>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let targets = self.targets(vec![url], check_roots, check_identity)?;
        let first = targets.into_iter().next();
        Ok(first.ok_or(PlanError::NoServer)?)
    }

    /// The servers at `urls`. Those with TLS have the certificate policy and the client certificate of the flags. `check_roots` rejects a PEM text
    /// without usable certificates. `check_identity` rejects a certificate and a key that do not match.
    ///
    /// # Errors
    /// [`PlanError::NoCertificate`] when the flags are given and no server has TLS. Otherwise a file that cannot be read, or the error of a
    /// check.
    pub fn targets<R, E>(
        &self,
        urls: Vec<ServerUrl>,
        check_roots: impl FnOnce(&[u8]) -> Result<R, E>,
        check_identity: impl FnOnce(&ClientIdentity) -> Result<(), E>,
    ) -> anyhow::Result<Vec<TargetServer>>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let wants_tls = self.insecure || self.ca_cert.is_some() || self.client_cert.is_some();
        if let Some(first) = urls.first()
            && wants_tls
            && !urls.iter().any(ServerUrl::is_tls)
        {
            return Err(PlanError::NoCertificate(first.masked()).into());
        }
        let certificate_policy = match &self.ca_cert {
            Some(path) => {
                let context = || format!("cannot use the certificates of {}", path.display());
                let pem = fs::read(path).with_context(context)?;
                check_roots(&pem).with_context(context)?;
                CertificatePolicy::Roots(pem)
            }
            None if self.insecure => CertificatePolicy::Unchecked,
            None => CertificatePolicy::System,
        };
        let client_identity = match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => {
                Some(client_identity(certificate, key, check_identity)?)
            }
            // clap requires both or none.
            _ => None,
        };
        let target = |url: ServerUrl| {
            if !url.is_tls() {
                return url.into();
            }
            TargetServer {
                certificate_policy: certificate_policy.clone(),
                client_identity: client_identity.clone(),
                ..url.into()
            }
        };
        Ok(urls.into_iter().map(target).collect())
    }
}

fn client_identity<E>(
    certificate: &Path,
    key: &Path,
    check: impl FnOnce(&ClientIdentity) -> Result<(), E>,
) -> anyhow::Result<ClientIdentity>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let identity = ClientIdentity {
        certificate: read(certificate)?,
        key: read(key)?,
    };
    let (certificate, key) = (certificate.display(), key.display());
    check(&identity).with_context(|| format!("cannot use {certificate} with the key {key}"))?;
    Ok(identity)
}
