//! Refusals of a plan.

use std::net::IpAddr;

use scenario::ScenarioError;

/// Reason why a plan is impossible. `corrected` is a URL to type in place of the refused one. Words in capitals in it,
/// such as `HOST`, are placeholders. Neither URL contains a password.
#[allow(missing_docs)]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("`{url}` is not a URL such as ws://127.0.0.1:8000/ws: {reason}; write {corrected}")]
    Url {
        url: String,
        reason: String,
        corrected: String,
    },
    #[error(
        "`{url}` has a user name or a password in it, which is not supported; write {corrected}"
    )]
    UserInfo { url: String, corrected: String },
    #[error(
        "`{url}` has the scheme `{scheme}`: only ws://, wss:// and ws+unix: are supported; write {corrected}"
    )]
    Scheme {
        url: String,
        scheme: String,
        corrected: String,
    },
    #[error("`{0}` names a Unix socket, which this system does not have: use ws:// or wss://")]
    NoUnixSockets(String),
    #[error("`{0}` has no TLS: only with wss:// is there a certificate to be checked or not")]
    NoCertificate(String),
    #[error(
        "{shards} shards need at least {shards} clients that send, and there are {senders}: use more clients or fewer shards"
    )]
    TooManyShares { shards: u32, senders: u32 },
    #[error("a plan needs a server")]
    NoServer,
    #[error("`{text}`: {reason}")]
    SourceAddress { text: String, reason: &'static str },
    #[error(
        "the source addresses {0} and {1} are of different families: use only IPv4 or only IPv6"
    )]
    SourceFamilies(IpAddr, IpAddr),
    #[error(
        "the source address {source_address} cannot reach `{url}`: one is IPv4, the other IPv6"
    )]
    SourceFamily { source_address: IpAddr, url: String },
    #[error("`{0}` names a Unix socket, which has no source address: omit --source-address")]
    SourceOfUnixSocket(String),
    #[error("the header `{0}` is set by the handshake itself")]
    OwnHeader(String),
    #[error(transparent)]
    Scenario(Box<ScenarioError>),
    #[error("{place}: {what}, which this version cannot measure")]
    UnsupportedScenario {
        /// Place in the scenario's file.
        place: String,
        what: &'static str,
    },
    #[error("{what} of {value} is out of range: {range}")]
    Range {
        what: &'static str,
        value: String,
        range: String,
    },
}

impl From<ScenarioError> for PlanError {
    fn from(error: ScenarioError) -> Self {
        Self::Scenario(Box::new(error))
    }
}
