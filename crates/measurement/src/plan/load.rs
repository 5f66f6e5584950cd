//! The load of a run: draft, check, and combination with a server.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use scenario::Scenario;
use serde::{Deserialize, Serialize};
use units::{ByteSize, Rate, SizeRange, grouped, human_duration};

use super::{
    Arrivals, CertificatePolicy, ConnectionRules, Endpoint, MAX_SOURCE_ADDRESSES, Plan, PlanError,
    RateProfile, Share, SlowReaders, TargetServer,
};

/// Maximum number of clients of one run: the client's number fills six hexadecimal digits of every payload.
pub const MAX_CLIENTS: u32 = 0xFF_FFFF;

/// Maximum number of messages per client: the message's number fills ten hexadecimal digits of every payload, and the
/// highest bit of these marks the warm-up.
pub const MAX_MESSAGES_PER_CLIENT: u64 = (1 << 39) - 1;

/// Default of the largest record in bytes, 16 MiB.
pub const DEFAULT_MAX_RECORD_BYTES: u64 = 16 << 20;

/// Largest payload in bytes, 1 GiB.
pub const MAX_PAYLOAD_BYTES: u64 = 1 << 30;

/// Largest in-flight window of a client.
pub const MAX_WINDOW: u32 = 65_536;

/// Longest allowed timeout, the range of the histograms.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Shortest measured time, lifetime of a connection, and time limit.
pub(super) const SHORTEST_TIME: Duration = Duration::from_millis(1);

/// Longest measured time, lifetime of a connection, and delay of a reconnect.
pub(super) const LONGEST_RUN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Headers that the handshake itself sets. Extensions are never offered because none is supported.
pub(super) const OWN_HEADERS: [HeaderName; 5] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// End of the measured phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After a number of messages per client.
    MessagesPerClient(NonZeroU64),
    /// After a time.
    Duration(Duration),
}

/// Closed or open loop: the event that triggers each send.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed loop: a client sends when an echo of its own arrives.
    Closed {
        /// Messages that each client keeps in flight.
        window: NonZeroU32,
    },
    /// Open loop: messages are sent on a schedule, however fast the server answers.
    Open {
        /// Messages per second over all clients.
        profile: RateProfile,
        /// Spacing of the messages.
        arrivals: Arrivals,
        /// Maximum number of messages in flight per client, beyond which a message waits; `None` = unbounded.
        window: Option<NonZeroU32>,
    },
}

impl Load {
    /// Closed loop, one message in flight per client.
    pub const PING_PONG: Self = Self::Closed {
        window: NonZeroU32::MIN,
    };

    /// Maximum number of messages in flight per client; `None` = unbounded.
    pub fn window(&self) -> Option<NonZeroU32> {
        match self {
            Self::Closed { window } => Some(*window),
            Self::Open { window, .. } => *window,
        }
    }

    /// The offered rate over time; `None` in closed loop.
    pub fn profile(&self) -> Option<&RateProfile> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { profile, .. } => Some(profile),
        }
    }
}

/// Comparison of an echo with the message sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// No verification: echoes are matched to messages by order.
    Off,
    /// Message type and length. The identity in the payload determines the message that an echo answers, as with
    /// `Full`.
    Length,
    /// Message type, length and every byte.
    Full,
}

/// The load of a run and the settings of its generator, not yet checked. See [`LoadSpec::new`].
#[derive(Debug, Clone)]
pub struct LoadDraft {
    /// Connections, each one client.
    pub clients: NonZeroU32,
    /// End of the measured phase.
    pub length: Length,
    /// Payload bytes of a message.
    pub payload: SizeRange,
    /// Text messages; otherwise binary.
    pub text: bool,
    /// Closed or open loop.
    pub load: Load,
    /// Connections opened per second; `None` = no limit.
    pub connect_rate: Option<Rate>,
    /// When connections open, end by plan, and open again.
    pub connections: ConnectionRules,
    /// Source addresses of the connections, all of one family; empty = the system chooses.
    pub source_addresses: Vec<IpAddr>,
    /// Time limit for opening one connection.
    pub connect_timeout: Duration,
    /// Time limit for one echo.
    pub timeout: Duration,
    /// Duration of the warm-up.
    pub warmup: Duration,
    /// Comparison of echoes with the messages sent.
    pub verify: Verify,
    /// Generator threads.
    pub threads: NonZeroUsize,
    /// Cores to pin the threads to, assigned in turn; empty = not pinned.
    pub pin: Vec<usize>,
    /// Threads never sleep: lower send lag, but each thread occupies a whole core.
    pub busy_poll: bool,
    /// Additional headers of the handshake, including `Origin` and offered subprotocols.
    pub headers: HeaderMap,
    /// Seed of all random choices.
    pub seed: u64,
    /// Maximum number of raw samples kept.
    pub max_samples: u64,
    /// Scenario of the clients; `None` = they expect an echo. The scenario decides `text` and `verify`. `payload` is the
    /// size that its `${pad}` fills.
    pub scenario: Option<Arc<Scenario>>,
    /// Largest record of a scenario, in bytes, from 1 to [`MAX_PAYLOAD_BYTES`]. A longer one ends the connection.
    pub max_record_bytes: u64,
    /// The clients of this process, of a run that several processes execute together. All other figures are those of
    /// the whole run, except `threads` and `pin`.
    pub share: Share,
    /// Rooms of the scenario. A client's room is its number within its role modulo this number.
    pub rooms: NonZeroU32,
    /// Receivers that turn slow; `None` = only roles that read slowly do. With it, a plain echo becomes the shipped scenario
    /// `echo`.
    pub slow: Option<SlowReaders>,
    /// The payload size was asked for, so a scenario whose messages cannot have it is refused.
    pub size_is_wanted: bool,
}

impl LoadDraft {
    /// A closed loop: 100 clients, 1,000 text messages of 125 B each, one in flight, one thread, no raw samples.
    /// Callers override the fields that differ.
    pub fn closed_loop() -> Self {
        const TEN_SECONDS: Duration = Duration::from_secs(10);
        Self {
            clients: NonZeroU32::MIN.saturating_add(99),
            length: Length::MessagesPerClient(NonZeroU64::MIN.saturating_add(999)),
            payload: SizeRange { min: 125, max: 125 },
            text: true,
            load: Load::PING_PONG,
            connect_rate: None,
            connections: ConnectionRules::default(),
            source_addresses: Vec::new(),
            connect_timeout: TEN_SECONDS,
            timeout: TEN_SECONDS,
            warmup: Duration::from_secs(1),
            verify: Verify::Full,
            threads: NonZeroUsize::MIN,
            pin: Vec::new(),
            busy_poll: false,
            headers: HeaderMap::new(),
            seed: 1,
            max_samples: 0,
            scenario: None,
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
            share: Share::WHOLE,
            rooms: NonZeroU32::MIN,
            slow: None,
            size_is_wanted: false,
        }
    }
}

/// A checked load without a server: made from a [`LoadDraft`], then combined with a server.
#[derive(Debug, Clone)]
pub struct LoadSpec(LoadDraft);

impl Deref for LoadSpec {
    type Target = LoadDraft;

    fn deref(&self) -> &LoadDraft {
        &self.0
    }
}

impl LoadSpec {
    /// Checks the range of every figure. Reduces the number of threads to the number of clients that send, or to the
    /// number of clients where receivers are measured. Drops repeated source addresses.
    ///
    /// # Errors
    /// [`PlanError::Range`] naming the first figure that is out of range, [`PlanError::OwnHeader`],
    /// [`PlanError::TooManyShares`], or the first fault of the scenario, of the slow readers or of the connection rules.
    pub fn new(mut draft: LoadDraft) -> Result<Self, PlanError> {
        draft.check_counts()?;
        draft.check_rates()?;
        draft.check_times()?;
        draft.check_slow()?;
        draft.check_scenario()?;
        draft.check_connections()?;
        draft.check_source_addresses()?;
        if let Some(name) = draft.headers.keys().find(|name| OWN_HEADERS.contains(name)) {
            return Err(PlanError::OwnHeader(name.to_string()));
        }
        let most = draft.most_threads()?;
        draft.threads = draft
            .threads
            .min(NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN));
        Ok(Self(draft))
    }

    /// Changes the seed, which every plan can have.
    pub(super) fn set_seed(&mut self, seed: u64) {
        self.0.seed = seed;
    }

    /// Changes the load and the length to those of a step that has been taken.
    pub(super) fn set_step(&mut self, load: Load, time: Duration) {
        self.0.load = load;
        self.0.length = Length::Duration(time);
    }

    /// The plan that runs this load against a server.
    ///
    /// # Errors
    /// [`PlanError::NoCertificate`] when a [`CertificatePolicy`] is set for a server without TLS.
    pub fn against(self, server: impl Into<TargetServer>) -> Result<Plan, PlanError> {
        self.against_all(vec![server.into()])
    }

    /// The plan that spreads the clients of this load evenly over several servers.
    ///
    /// # Errors
    /// Those of [`against`](Self::against), [`PlanError::NoServer`] without servers, and the refusals of a source
    /// address for one of the servers.
    pub fn against_all(self, servers: Vec<TargetServer>) -> Result<Plan, PlanError> {
        servers
            .iter()
            .try_for_each(|server| self.check_server(server))?;
        if servers.is_empty() {
            return Err(PlanError::NoServer);
        }
        let slow_readers = self.assigned_slow_readers()?.map(Arc::new);
        let dropped = self.chosen_drop();
        Ok(Plan {
            spec: self,
            servers,
            slow_readers,
            dropped,
        })
    }

    fn check_server(&self, server: &TargetServer) -> Result<(), PlanError> {
        let wants_tls = server.certificate_policy != CertificatePolicy::System
            || server.client_identity.is_some();
        if wants_tls && !server.url.is_tls() {
            return Err(PlanError::NoCertificate(server.url.masked()));
        }
        // They all have the same family.
        let Some(source) = self.source_addresses.first() else {
            return Ok(());
        };
        let Endpoint::Tcp { .. } = server.url.endpoint() else {
            return Err(PlanError::SourceOfUnixSocket(server.url.masked()));
        };
        // The family of a host name is known when it has been resolved.
        let host = server.url.certificate_host().unwrap_or_default();
        match host.parse::<IpAddr>() {
            Ok(host) if host.is_ipv4() != source.is_ipv4() => Err(PlanError::SourceFamily {
                source_address: *source,
                url: server.url.masked(),
            }),
            _ => Ok(()),
        }
    }
}

impl LoadDraft {
    fn check_counts(&self) -> Result<(), PlanError> {
        check("a number of clients", self.clients.get(), 1, MAX_CLIENTS)?;
        if let Length::MessagesPerClient(n) = self.length {
            let what = "a number of messages per client";
            check(what, n.get(), 1, MAX_MESSAGES_PER_CLIENT)?;
        }
        let SizeRange { min, max } = self.payload;
        let size = |what, bytes, least| {
            let [bytes, least, most] = [bytes, least, MAX_PAYLOAD_BYTES].map(ByteSize);
            check(what, bytes, least, most)
        };
        size("a payload size", min, 1)?;
        size("a payload size", max, min)?;
        size("the size of a record", self.max_record_bytes, 1)?;
        match self.load.window() {
            Some(window) => check("a window", window.get(), 1, MAX_WINDOW),
            None => Ok(()),
        }
    }

    /// Drops repeated source addresses, and checks the others.
    fn check_source_addresses(&mut self) -> Result<(), PlanError> {
        let mut seen = BTreeSet::new();
        self.source_addresses.retain(|one| seen.insert(*one));
        let count = self.source_addresses.len();
        check(
            "a number of source addresses",
            count,
            0,
            MAX_SOURCE_ADDRESSES,
        )?;
        let (Some(first), mut all) = (self.source_addresses.first(), self.source_addresses.iter())
        else {
            return Ok(());
        };
        match all.find(|one| one.is_ipv4() != first.is_ipv4()) {
            None => Ok(()),
            Some(other) => Err(PlanError::SourceFamilies(*first, *other)),
        }
    }

    fn check_rates(&self) -> Result<(), PlanError> {
        const SLOWEST: f64 = 1e-3;
        const FASTEST: f64 = 1e9;
        if let Some(rate) = self.connect_rate {
            check("a connect rate", rate.per_second(), SLOWEST, FASTEST)?;
        }
        match self.load.profile() {
            Some(profile) => check("a rate", profile.peak(), SLOWEST, FASTEST),
            None => Ok(()),
        }
    }

    fn check_times(&self) -> Result<(), PlanError> {
        if let Length::Duration(time) = self.length {
            check("a measured time", time, SHORTEST_TIME, LONGEST_RUN)?;
        }
        let connect = self.connect_timeout;
        check("a connect timeout", connect, SHORTEST_TIME, MAX_TIMEOUT)?;
        check("a timeout", self.timeout, SHORTEST_TIME, MAX_TIMEOUT)?;
        check("a warm-up", self.warmup, Duration::ZERO, MAX_TIMEOUT)
    }
}

/// A value that has a range.
pub(super) trait RangedValue: PartialOrd + Copy {
    /// The value as people write it.
    fn written(self) -> String;
}

impl RangedValue for u32 {
    fn written(self) -> String {
        grouped(self.into())
    }
}

impl RangedValue for u64 {
    fn written(self) -> String {
        grouped(self)
    }
}

impl RangedValue for usize {
    fn written(self) -> String {
        grouped(self as u64)
    }
}

impl RangedValue for ByteSize {
    fn written(self) -> String {
        self.to_string()
    }
}

impl RangedValue for Duration {
    fn written(self) -> String {
        human_duration(self)
    }
}

impl RangedValue for f64 {
    fn written(self) -> String {
        match self {
            // Exact below 2^53.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            whole if whole.fract() == 0.0 && (0.0..9e15).contains(&whole) => grouped(whole as u64),
            usual if (1e-6..1e15).contains(&usual) => usual.to_string(),
            other => format!("{other:e}"),
        }
    }
}

/// Checks that a value is in its range, both ends included.
pub(super) fn check<T: RangedValue>(
    what: &'static str,
    value: T,
    min: T,
    max: T,
) -> Result<(), PlanError> {
    if value < min || value > max {
        return Err(PlanError::Range {
            what,
            value: value.written(),
            range: format!("from {} to {}", min.written(), max.written()),
        });
    }
    Ok(())
}
