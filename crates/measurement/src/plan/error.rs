//! Refusals of a plan.

/// Why a plan is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The URL cannot be read.
    #[error("`{url}` is not a URL such as ws://127.0.0.1:8000/ws: {reason}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL has a scheme that is not spoken here.
    #[error("`{url}` has the scheme `{scheme}`: only ws://, wss:// and ws+unix: are supported")]
    Scheme {
        /// As it was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// The system has no Unix sockets.
    #[error("`{0}` names a Unix socket, which this system does not have: use ws:// or wss://")]
    NoUnixSockets(String),
    /// A certificate policy for a server without TLS.
    #[error("`{url}` has no TLS: only with wss:// is there a certificate to be checked or not")]
    NoCertificate {
        /// As it was given.
        url: String,
    },
    /// A header that is not the user's to set.
    #[error("the header `{0}` is set by the handshake itself")]
    OwnHeader(String),
    /// A figure is outside its range.
    #[error("{what} of {value} is out of range: {range}")]
    Range {
        /// Which figure.
        what: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        range: String,
    },
}
