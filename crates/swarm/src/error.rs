//! What can keep a run from taking place.

use std::io;

use crate::hint;

/// Why a run did not take place. A connection or a message that fails is no error but a count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwarmError {
    /// The host name has no address.
    #[error("cannot find the address of `{host}`")]
    Lookup {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The handshake's request cannot be made.
    #[error("cannot make an upgrade request for {url}")]
    Request {
        /// The URL.
        url: String,
        /// Why.
        source: http::Error,
    },
    /// The host cannot stand in a certificate.
    #[error("`{host}` is no name that a certificate can be for")]
    ServerName {
        /// The host.
        host: String,
    },
    /// Nobody can be trusted about the server's certificate.
    #[error("cannot check the server's certificate")]
    CertificatePolicy(#[from] crate::tls::TrustError),
    /// The system refuses a generator thread, or what it cannot do without.
    #[error("generator thread {thread} cannot run")]
    Thread {
        /// Number of the thread, from 0.
        thread: usize,
        /// Why.
        source: io::Error,
    },
    /// A generator thread ended without its result.
    #[error("a generator thread ended without a result; please report this as a bug")]
    ThreadEnded,
    /// The reference echo, which the generator is calibrated with, cannot be started.
    #[error("cannot start the reference echo for the calibration")]
    Reference(#[source] io::Error),
    /// The calibration's plan is impossible.
    #[error("cannot plan the calibration")]
    Plan(#[source] measurement::plan::PlanError),
    /// Not one connection opened.
    #[error("0 of {attempted} connections to {url} opened: {reason}{hint}", hint = hinted(url, reason))]
    NothingConnected {
        /// The URL.
        url: String,
        /// Connections tried.
        attempted: u64,
        /// The most frequent reason.
        reason: String,
    },
}

/// What to do, behind the reason; the reason itself is counted as well, and stays as short as it is.
fn hinted(url: &str, reason: &str) -> String {
    hint::of(url, reason).map_or_else(String::new, |hint| format!(" · {hint}"))
}
