//! Refusals of a plan.

use std::net::IpAddr;
use std::time::Duration;

use scenario::ScenarioError;
use units::human_duration;

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
    #[error(
        "{shards} shards need at least {shards} clients, and there are {clients}: use more clients or fewer shards"
    )]
    TooManyReceiverShares { shards: u32, clients: u32 },
    #[error(
        "a room and all of its receivers belong to one shard, so {shards} shards (--shards) need at least {shards} rooms, \
         and --rooms is {rooms}: use more --rooms or fewer --shards"
    )]
    TooFewRooms { rooms: u32, shards: u32 },
    #[error(
        "--rooms is {rooms}, but the clients that {activity} fill only {filled}: use at most --rooms {filled}, or more of \
         these clients (--clients, --roles)"
    )]
    EmptyRooms {
        rooms: u32,
        /// `send` or `receive`.
        activity: &'static str,
        filled: u64,
    },
    #[error(
        "{place}: `to = \"all\"` reaches the clients of all shards, which cannot be used with {shards} shards (--shards): \
         use one process with more --threads"
    )]
    ShardedToAll { place: String, shards: u32 },
    #[error(
        "a rate (--rate, --stages) cannot be used with a scenario that only receives ([push]): nothing is sent; leave it out, and use \
         --duration"
    )]
    PushOnlyRate,
    #[error(
        "--messages cannot be used with a scenario that only receives ([push]): nothing is sent; use --duration"
    )]
    PushOnlyMessages,
    #[error(
        "--slow needs a role that receives and has no `read` of its own: the scenario has none"
    )]
    NobodyToSlow,
    #[error(
        "--slow makes {slow} of {receivers} receivers slow, so no receiver shows what they do to the others: use a smaller \
         --slow, or more clients"
    )]
    AllSlow { slow: u32, receivers: u32 },
    #[error(
        "--slow-after is {}, but the measured time is {}: use a shorter --slow-after, or a longer --duration",
        human_duration(*.after), human_duration(*.time)
    )]
    SlowAfterEnd { after: Duration, time: Duration },
    #[error(
        "--slow cannot be used with --verify {verify}: echoes of slow readers are matched by all of their bytes; leave \
         --verify out"
    )]
    SlowWithoutVerification { verify: &'static str },
    #[error(
        "{slow} cannot be used with {flag}: slow readers are measured on connections that stay open; leave one of them out"
    )]
    SlowWithConnectionRules {
        /// `--slow`, or the key of a scenario.
        slow: &'static str,
        flag: &'static str,
    },
    #[error(
        "{clients} clients (--clients) and {idle} idle connections (--idle) are more than the {limit} connections of a \
         run: use fewer of them"
    )]
    TooManyConnections { clients: u32, idle: u32, limit: u32 },
    #[error(
        "--drop is at {}, but the measured time (--duration) is {}: use an earlier --drop, or a longer --duration",
        human_duration(*.after), human_duration(*.time)
    )]
    DropAfterEnd { after: Duration, time: Duration },
    #[error(
        "--messages-per-connection cannot be used with a scenario that only receives ([push]): nothing is sent; use --lifetime"
    )]
    PushOnlyMessagesPerConnection,
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
    #[error("{place}: {what}")]
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
