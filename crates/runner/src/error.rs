//! Why a run did not take place.

use std::io;
use std::path::PathBuf;

use measurement::plan::PlanError;
use swarm::tls::TrustError;

/// Why a run did not take place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// What was typed is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file of certificates to trust cannot be read.
    #[error("cannot use the certificates of {}", path.display())]
    ReadCertificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of certificates to trust holds none that can be used.
    #[error("cannot use the certificates of {}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
}
