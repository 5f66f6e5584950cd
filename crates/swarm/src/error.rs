//! Errors that prevent a run.

use std::io;
use std::sync::Arc;

use measurement::record::ConnectFailure;
use scenario::Scenario;
use units::{counted, grouped};

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
    /// The common start with other generators failed.
    #[error("cannot start together with the other shards")]
    Start(#[source] crate::common_start::StartError),
    /// No connection opened, or no client was ready for its scenario.
    #[error("0 of {attempted} {}: {}", not_reached(url, cause, others), causes(*attempted, cause, others))]
    NothingConnected {
        /// URL of the server.
        url: String,
        /// Number of connections planned or attempted.
        attempted: u64,
        /// The most frequent failure.
        cause: ConnectFailure,
        /// All other failures with their counts, the most frequent first.
        others: Box<[(ConnectFailure, u64)]>,
        /// The scenario of the run.
        scenario: Option<Arc<Scenario>>,
    },
}

/// Maximum number of causes in the text of an error.
const SHOWN_CAUSES: usize = 3;

/// The state that no connection has reached. Before a failed setup, its connection was open.
fn not_reached(url: &str, cause: &ConnectFailure, others: &[(ConnectFailure, u64)]) -> String {
    let mut causes = others.iter().map(|(other, _)| other).chain([cause]);
    if causes.any(|cause| matches!(cause, ConnectFailure::Setup(_))) {
        format!("clients of {url} were ready")
    } else {
        format!("connections to {url} opened")
    }
}

/// The causes as text: the only one as it is, of several the most frequent ones with their counts.
fn causes(attempted: u64, cause: &ConnectFailure, others: &[(ConnectFailure, u64)]) -> String {
    if others.is_empty() {
        return cause.to_string();
    }
    let of_others: u64 = others.iter().map(|(_, n)| n).sum();
    let first = (cause, attempted.saturating_sub(of_others));
    let all = [first].into_iter();
    let all = all.chain(others.iter().map(|(other, n)| (other, *n)));
    let shown = all.take(SHOWN_CAUSES);
    let mut texts: Vec<_> = shown
        .map(|(cause, n)| format!("{} × {cause}", grouped(n)))
        .collect();
    let rest = (1 + others.len()).saturating_sub(SHOWN_CAUSES);
    if rest > 0 {
        texts.push(counted(rest as u64, "more cause"));
    }
    texts.join("; ")
}

impl SwarmError {
    /// The most frequent failure, the URL and the scenario, when no connection opened.
    pub fn connect_failure(&self) -> Option<(&ConnectFailure, &str, Option<&Scenario>)> {
        match self {
            Self::NothingConnected {
                cause,
                url,
                scenario,
                ..
            } => Some((cause, url, scenario.as_deref())),
            _ => None,
        }
    }
}
