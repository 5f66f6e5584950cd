//! Why a run did not take place.

use std::io;
use std::path::PathBuf;

use measurement::plan::PlanError;
use swarm::SwarmError;
use swarm::tls::TrustError;

use crate::preflight::Shortage;

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
    /// Open files or ports are short.
    #[error(transparent)]
    Short(#[from] Shortage),
    /// The system does not show its processes.
    #[error("processes cannot be sampled here")]
    Processes(#[source] io::Error),
    /// There is no such process, or it cannot be seen.
    #[error("there is no process {pid} to sample")]
    NoProcess {
        /// Its number.
        pid: u32,
    },
    /// The generator could not run.
    #[error(transparent)]
    Swarm(#[from] SwarmError),
}
