//! Refusals of a plan.

/// Why a plan is impossible.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("`{url}` is not a URL such as ws://127.0.0.1:8000/ws: {reason}")]
    Url { url: String, reason: String },
    #[error("`{url}` has the scheme `{scheme}`: only ws://, wss:// and ws+unix: are supported")]
    Scheme { url: String, scheme: String },
    #[error("`{0}` names a Unix socket, which this system does not have: use ws:// or wss://")]
    NoUnixSockets(String),
    #[error("`{0}` has no TLS: only with wss:// is there a certificate to be checked or not")]
    NoCertificate(String),
    #[error("the header `{0}` is set by the handshake itself")]
    OwnHeader(String),
    #[error("{what} of {value} is out of range: {range}")]
    Range {
        what: &'static str,
        value: String,
        range: String,
    },
}
