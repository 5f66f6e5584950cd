//! Errors that prevent a run.

use std::io;
use std::sync::Arc;

use measurement::plan::PlanError;
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
    Plan(#[source] PlanError),
    /// The plan does not fit the addresses of a server.
    #[error(transparent)]
    Unreachable(PlanError),
    /// The common start with other generators failed.
    #[error("cannot start together with the other shards")]
    Start(#[source] crate::common_start::StartError),
    /// Another process of a load in steps failed.
    #[error("a shard cannot take its steps")]
    Steps(#[source] crate::common_start::StartError),
    /// No connection opened, or no client was ready for its scenario.
    #[error("0 of {attempted} {}: {}", not_reached(servers, cause, others), causes(*attempted, servers, cause, others))]
    NothingConnected {
        /// Number of connections planned or attempted.
        attempted: u64,
        /// The most frequent failure.
        cause: ConnectFailure,
        /// All other failures with their counts, the most frequent first.
        others: Box<[(ConnectFailure, u64)]>,
        /// Servers with failures, in the order of the plan.
        servers: Box<[UnreachedServer]>,
        /// The scenario of the run.
        scenario: Option<Arc<Scenario>>,
    },
}

/// A server to which no connection opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreachedServer {
    /// URL of the server, without secrets.
    pub url: String,
    /// Number of failures.
    pub failed: u64,
    /// The most frequent failure.
    pub cause: ConnectFailure,
}

/// Maximum number of causes in the text of an error.
const SHOWN_CAUSES: usize = 3;

/// The state that no connection has reached. Before a failed setup, its connection was open.
fn not_reached(
    servers: &[UnreachedServer],
    cause: &ConnectFailure,
    others: &[(ConnectFailure, u64)],
) -> String {
    let server = match servers {
        [server] => server.url.clone(),
        all => counted(all.len() as u64, "URL"),
    };
    let mut causes = others.iter().map(|(other, _)| other).chain([cause]);
    if causes.any(|cause| matches!(cause, ConnectFailure::Setup(_))) {
        format!("clients of {server} were ready")
    } else {
        format!("connections to {server} opened")
    }
}

/// The causes as text: those of each server, or the only one as it is, or the most frequent ones with their counts.
fn causes(
    attempted: u64,
    servers: &[UnreachedServer],
    cause: &ConnectFailure,
    others: &[(ConnectFailure, u64)],
) -> String {
    if servers.len() > 1 {
        let shown = servers.iter().take(SHOWN_CAUSES);
        let shown =
            shown.map(|one| format!("{}: {} × {}", one.url, grouped(one.failed), one.cause));
        return with_rest(shown.collect(), servers.len(), "more URL");
    }
    if others.is_empty() {
        return cause.to_string();
    }
    let of_others: u64 = others.iter().map(|(_, n)| n).sum();
    let first = (cause, attempted.saturating_sub(of_others));
    let all = [first].into_iter();
    let all = all.chain(others.iter().map(|(other, n)| (other, *n)));
    let shown = all.take(SHOWN_CAUSES);
    let texts = shown.map(|(cause, n)| format!("{} × {cause}", grouped(n)));
    with_rest(texts.collect(), 1 + others.len(), "more cause")
}

/// The first texts of a list, and the number of the others.
fn with_rest(mut shown: Vec<String>, all: usize, others: &str) -> String {
    let rest = all.saturating_sub(shown.len());
    if rest > 0 {
        shown.push(counted(rest as u64, others));
    }
    shown.join("; ")
}

impl SwarmError {
    /// The most frequent failure, the URL of a server that it happened at, and the scenario, when no connection opened.
    pub fn connect_failure(&self) -> Option<(&ConnectFailure, &str, Option<&Scenario>)> {
        match self {
            Self::NothingConnected {
                cause,
                servers,
                scenario,
                ..
            } => {
                let has_cause = |server: &&UnreachedServer| server.cause == *cause;
                let server = servers.iter().find(has_cause).or(servers.first());
                let url = server.map_or("", |server| server.url.as_str());
                Some((cause, url, scenario.as_deref()))
            }
            _ => None,
        }
    }
}
