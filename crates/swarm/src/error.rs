//! Errors that prevent a run.

use std::io;

use measurement::record::ConnectFailure;

/// Error that prevents a run. Failures of single connections or messages are counted instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwarmError {
    /// The host name has no address.
    #[error("cannot find the address of `{0}`")]
    Lookup(String, #[source] io::Error),
    /// The host cannot be the subject of a certificate.
    #[error("`{0}` is not a name that a certificate can be for")]
    ServerName(String),
    /// The trusted certificates or the client's own cannot be loaded.
    #[error("cannot set up TLS")]
    Roots(#[from] crate::tls::TrustError),
    /// The system refused the generator thread with this number, from 0, or a resource that it needs.
    #[error("generator thread {0} cannot run")]
    Thread(usize, #[source] io::Error),
    /// A generator thread ended without its result.
    #[error("a generator thread ended without a result; please report this as a bug")]
    ThreadEnded,
    /// The reference server for the calibration cannot be started.
    #[error("cannot start the reference echo for the calibration")]
    Reference(#[source] io::Error),
    /// The plan of the calibration is impossible.
    #[error("cannot plan the calibration")]
    Plan(#[source] measurement::plan::PlanError),
    /// No connection opened.
    #[error("0 of {attempted} {}: {cause}", not_reached(url, cause))]
    NothingConnected {
        /// URL of the server.
        url: String,
        /// Number of connections planned or attempted.
        attempted: u64,
        /// The most frequent failure.
        cause: ConnectFailure,
    },
}

/// The state that no connection has reached. After a failed setup, its connection was open.
fn not_reached(url: &str, cause: &ConnectFailure) -> String {
    match cause {
        ConnectFailure::Setup(_) => format!("clients of {url} were ready"),
        _ => format!("connections to {url} opened"),
    }
}

impl SwarmError {
    /// The most frequent failure and the URL, when no connection opened.
    pub fn connect_failure(&self) -> Option<(&ConnectFailure, &str)> {
        match self {
            Self::NothingConnected { cause, url, .. } => Some((cause, url)),
            _ => None,
        }
    }
}
