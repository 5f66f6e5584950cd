//! The plan: everything that one run needs, already valid.
//!
//! | module | contents |
//! |---|---|
//! | `client_handshake` | [`ClientHandshake`]: URL and headers of one client |
//! | `client_spread` | [`ClientSpread`]: server and source address of each client |
//! | `connection_check` | checks of the rules of connections that need the load |
//! | `connection_rules` | [`ConnectionRules`]: when connections open, end by plan, and open again |
//! | `division` | the clients of a load, divided into roles, rooms, processes and threads |
//! | `load` | [`LoadSpec`]: the load, checked without a server and then aimed at one |
//! | `local_ports` | [`LocalPorts`]: local port of each connection |
//! | `partition` | [`ClientPartition`]: clients divided into rooms, processes and threads |
//! | `mask`, `secret_headers` | [`mask_url`], [`mask_header_values`]: URLs and texts without secrets |
//! | `server_url` | [`ServerUrl`]: address of the server |
//! | `slow_readers` | [`SlowReaders`]: clients that read slowly |
//! | `source_addresses` | [`AddressList`]: source addresses as typed |
//! | `url_refusal` | refusals of a URL, and the corrected URL |
//! | `rate_profile` | [`RateProfile`]: the offered rate over time |
//! | `scenario_check` | checks of a scenario that need the load |
//! | `share` | [`Share`]: the clients of one of several processes |
//! | `schedule` | [`Schedule`]: due times of the messages of an open loop |

mod client_handshake;
mod client_spread;
mod connection_check;
mod connection_rules;
mod division;
mod error;
mod load;
mod local_ports;
mod mask;
mod partition;
mod rate_profile;
mod scenario_check;
mod schedule;
mod secret_headers;
mod server_url;
mod share;
mod slow_readers;
mod source_addresses;
mod url_refusal;

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ::scenario::{ClientState, RoleAssignment, Scenario};
use units::Rate;

pub use client_handshake::{ClientHandshake, HandshakeFault};
pub use client_spread::ClientSpread;
pub use connection_rules::{
    ConnectSchedule, ConnectionDrop, ConnectionRules, DropMethod, DroppedConnections, Lifetime,
    RETRY_DELAY, ReconnectLaw,
};
pub use error::PlanError;
pub use load::{
    DEFAULT_MAX_RECORD_BYTES, Length, Load, LoadDraft, LoadSpec, MAX_CLIENTS,
    MAX_MESSAGES_PER_CLIENT, MAX_PAYLOAD_BYTES, MAX_TIMEOUT, MAX_WINDOW, Verify,
};
pub use local_ports::LocalPorts;
pub use mask::{MASK, mask_url};
pub use partition::ClientPartition;
pub use rate_profile::{RateProfile, Stage};
pub use schedule::{Arrivals, Schedule, ScheduleCursor};
pub use secret_headers::{
    is_secret_header, mask_header_values, mask_values, secret_handshake_values,
    secret_header_values,
};
pub use server_url::{Endpoint, ServerUrl};
pub use share::Share;
pub use slow_readers::{
    DEFAULT_SLOW_READ_BYTES_PER_S, ReadPlan, SLOW_READ_BUFFER_BYTES, SlowAssignment, SlowCount,
    SlowReaders,
};
pub use source_addresses::{AddressList, MAX_SOURCE_ADDRESSES};

/// A server that a plan runs against.
#[derive(Debug, Clone)]
pub struct TargetServer {
    /// URL of the server.
    pub url: ServerUrl,
    /// Verification of the server's certificate.
    pub certificate_policy: CertificatePolicy,
    /// Client certificate, for a server that asks for one.
    pub client_identity: Option<ClientIdentity>,
    /// Name of the embedded server that runs inside this process; `None` for any other server.
    pub embedded: Option<String>,
}

/// Certificate verification policy. Ignored without TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CertificatePolicy {
    /// Verify against the roots that the system trusts.
    #[default]
    System,
    /// Verify against the certificates of this PEM file only.
    Roots(Vec<u8>),
    /// Do not verify.
    Unchecked,
}

/// A client certificate and its private key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The client's certificate, followed by those that signed it.
    pub certificate: Vec<u8>,
    /// Private key of that certificate.
    pub key: Vec<u8>,
}

impl fmt::Debug for ClientIdentity {
    /// Omits certificate and key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").finish_non_exhaustive()
    }
}

impl From<ServerUrl> for TargetServer {
    /// An external server without client certificate, its own certificate verified against the system's roots.
    fn from(url: ServerUrl) -> Self {
        Self {
            url,
            certificate_policy: CertificatePolicy::System,
            client_identity: None,
            embedded: None,
        }
    }
}

/// A valid plan: a checked load and its servers. Dereferences to [`LoadDraft`].
#[derive(Debug, Clone)]
pub struct Plan {
    spec: LoadSpec,
    /// At least one.
    servers: Vec<TargetServer>,
    slow_readers: Option<Arc<SlowAssignment>>,
    dropped: Option<DroppedConnections>,
}

impl Deref for Plan {
    type Target = LoadDraft;

    fn deref(&self) -> &LoadDraft {
        &self.spec
    }
}

impl Plan {
    /// The same plan with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.spec.set_seed(seed);
        self.dropped = self.chosen_drop();
        self
    }

    /// The plan of one step of this plan, at a constant rate.
    #[must_use]
    pub fn offering(mut self, rate: Rate, time: Duration) -> Self {
        let (arrivals, window) = match self.load {
            Load::Open {
                arrivals, window, ..
            } => (arrivals, window),
            Load::Closed { .. } => (Arrivals::default(), None),
        };
        let profile = RateProfile::constant(rate);
        let load = Load::Open {
            profile,
            arrivals,
            window,
        };
        self.spec.set_step(load, time);
        self
    }

    /// The first server.
    pub fn server(&self) -> &TargetServer {
        &self.servers[0]
    }

    /// All servers. The clients are spread evenly over them.
    pub fn servers(&self) -> &[TargetServer] {
        &self.servers
    }

    /// Distribution of the clients over servers and source addresses.
    pub fn spread(&self) -> ClientSpread {
        ClientSpread::new(self.servers.len(), self.source_addresses.len())
    }

    /// The server of a client.
    pub fn server_of(&self, client: u32) -> &TargetServer {
        &self.servers[self.spread().server(client)]
    }

    /// Source address of a client's connection; `None` when the system chooses.
    pub fn source_of(&self, client: u32) -> Option<IpAddr> {
        let index = self.spread().address(client);
        self.source_addresses.get(index).copied()
    }

    /// The scenario; `None` when clients expect an echo.
    pub fn scenario(&self) -> Option<&Arc<Scenario>> {
        self.scenario.as_ref()
    }

    /// Clients of each role of the scenario; `None` without a scenario.
    pub fn roles(&self) -> Option<RoleAssignment> {
        // The roles were checked with the load.
        self.assigned_roles()
    }

    /// State of a client or of an idle connection at its beginning; `None` without a scenario.
    pub fn client_state(&self, roles: &RoleAssignment, connection: u32) -> Option<ClientState> {
        scenario_check::state_of(self.scenario()?, roles, connection, self.rooms)
    }

    /// Connections that the clients end at once, by `--drop`; `None` without any.
    pub fn dropped(&self) -> Option<DroppedConnections> {
        self.dropped
    }

    /// Room of a client: its number within its role modulo the number of rooms. 0 without a scenario.
    pub fn room_of(&self, client: u32) -> u32 {
        match self.scenario() {
            Some(_) => self.partition().room_of(client),
            None => 0,
        }
    }

    /// The clients that read slowly; `None` without any.
    pub fn slow_readers(&self) -> Option<&Arc<SlowAssignment>> {
        self.slow_readers.as_ref()
    }

    /// Limit of a client's reading; `None` for one that reads at full speed.
    pub fn read_limit_of(&self, client: u32) -> Option<ReadPlan> {
        self.slow_readers()?.read_limit_of(client)
    }

    /// Returns true for a client that reads slowly at some time of the run.
    pub fn is_slow(&self, client: u32) -> bool {
        self.read_limit_of(client).is_some()
    }

    /// Number of slow readers among the clients that send the load.
    pub fn slow_senders(&self) -> u32 {
        let (Some(slow), Some(roles)) = (self.slow_readers(), self.roles()) else {
            return 0;
        };
        let sends = |client: &u32| roles.sender(*client).is_some() && slow.is_slow(*client);
        u32::try_from((0..self.clients.get()).filter(sends).count()).unwrap_or(u32::MAX)
    }

    /// URL of the first server.
    pub fn server_url(&self) -> &ServerUrl {
        &self.server().url
    }

    /// Planned number of messages over all clients; `None` when a duration is planned.
    pub fn planned_messages(&self) -> Option<u64> {
        match self.length {
            Length::MessagesPerClient(n) => Some(n.get().saturating_mul(u64::from(self.senders()))),
            Length::Duration(_) => None,
        }
    }

    /// Messages per second that the plan offers, averaged over the sending time; `None` in closed loop.
    pub fn offered_rate(&self) -> Option<f64> {
        let sending_s = self.sending_s()?;
        let profile = self.load.profile()?;
        Some(profile.count_in(sending_s) / sending_s)
    }

    /// Planned sending time in seconds; `None` where it depends on the server.
    pub fn sending_s(&self) -> Option<f64> {
        if let Some(time) = self.measured_time() {
            return Some(time.as_secs_f64());
        }
        // Counts are exact up to 2^53.
        let messages = self.planned_messages()? as f64;
        Some(self.load.profile()?.seconds_for(messages))
    }

    /// Minimum number of messages due by a time after T0, without those of slow readers. `None` in closed loop, and when a number of messages is
    /// planned, because the end is then not known in advance.
    ///
    /// Random arrivals get four standard deviations of slack, √n each (Poisson).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn due_by(&self, elapsed_s: f64) -> Option<u64> {
        let Load::Open {
            profile, arrivals, ..
        } = &self.load
        else {
            return None;
        };
        let time_s = self.measured_time()?.as_secs_f64();
        let slow = f64::from(self.slow_senders()) / f64::from(self.senders().max(1));
        let mean = profile.count_in(elapsed_s.min(time_s)) * (1.0 - slow);
        let slack = match arrivals {
            Arrivals::Constant => 0.0,
            Arrivals::Poisson => 4.0 * mean.sqrt(),
        };
        Some((mean - slack).max(0.0) as u64)
    }

    /// Planned duration of the measured phase; `None` when a number of messages is planned.
    pub fn measured_time(&self) -> Option<Duration> {
        match self.length {
            Length::MessagesPerClient(_) => None,
            Length::Duration(time) => Some(time),
        }
    }

    /// The clients of one thread of this process, in the order of their numbers. They are assigned to the threads in
    /// turn, so the numbers of clients of the threads differ by at most one.
    pub fn clients_of(&self, thread: usize) -> impl ExactSizeIterator<Item = u32> + use<> {
        let threads = self.threads.get();
        self.partition().of_thread(self.share, thread, threads)
    }

    /// Numbers of the idle connections of one thread of this process, in ascending order. They follow the numbers of the
    /// clients. Each number has one owner, and the numbers of connections of the threads differ by at most one.
    pub fn idle_of(&self, thread: usize) -> impl Iterator<Item = u32> + use<> {
        let own = self.share.numbers(self.clients.get()..self.connections());
        let threads = self.threads.get();
        // The turn goes on where that of the clients ends.
        let first = (thread + threads - self.own_clients() as usize % threads) % threads;
        own.skip(first).step_by(threads)
    }

    /// Planned number of messages of this process; `None` when a duration is planned.
    pub fn own_planned_messages(&self) -> Option<u64> {
        match self.length {
            Length::MessagesPerClient(n) => {
                let senders = self.partition().senders_of(self.share);
                Some(n.get().saturating_mul(u64::from(senders)))
            }
            Length::Duration(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Plans that are accepted and plans that are refused.

    use super::*;
    use http::header;
    use proptest::prelude::*;
    use std::num::{NonZeroU32, NonZeroUsize};
    use units::Rate;

    fn refused(change: fn(&mut LoadDraft)) -> PlanError {
        let mut draft = LoadDraft::closed_loop();
        change(&mut draft);
        LoadSpec::new(draft).unwrap_err()
    }

    #[test]
    fn figures_out_of_range_are_named() {
        let error = |change: fn(&mut LoadDraft)| refused(change).to_string();
        assert!(error(|d| d.timeout = Duration::ZERO).contains("a timeout of 0s"));
        assert!(error(|d| d.payload.max = MAX_PAYLOAD_BYTES + 1).contains("payload size"));
        assert!(
            error(|d| d.load = Load::Closed {
                window: NonZeroU32::MAX
            })
            .contains("window")
        );
        assert!(
            error(|d| d.load = Load::Open {
                profile: RateProfile::constant(Rate::new(1e12).unwrap()),
                arrivals: Arrivals::Constant,
                window: None,
            })
            .contains("a rate of 1,000,000,000,000 ")
        );
        // Not with 300 zeros.
        let slow = error(|d| d.connect_rate = Rate::new(1e-300));
        let range = "a connect rate of 1e-300 is out of range: from 0.001 to 1,000,000,000";
        assert_eq!(slow, range);
        assert!(error(|d| d.clients = NonZeroU32::MAX).contains("clients"));
        assert!(error(|d| d.length = Length::Duration(Duration::ZERO)).contains("measured time"));
    }

    #[test]
    fn trust_needs_a_certificate() {
        let plan = |url: &str, certificate_policy: CertificatePolicy| {
            let server = TargetServer {
                certificate_policy,
                ..ServerUrl::parse(url).unwrap().into()
            };
            let spec = LoadSpec::new(LoadDraft::closed_loop()).unwrap();
            spec.against(server).map(|_| ())
        };
        for trust in [
            CertificatePolicy::Unchecked,
            CertificatePolicy::Roots(vec![1]),
        ] {
            let error = plan("ws://a/", trust.clone()).unwrap_err();
            assert!(error.to_string().contains("`ws://a/` has no TLS"));
            assert_eq!(plan("wss://a/", trust), Ok(()));
        }
        assert_eq!(plan("ws://a/", CertificatePolicy::System), Ok(()));
    }

    #[test]
    fn clients_take_turns_at_servers_and_source_addresses() {
        let servers = ["ws://a/1", "ws://b/2"].map(|url| ServerUrl::parse(url).unwrap().into());
        let address = |n| IpAddr::from([127, 0, 0, n]);
        let draft = LoadDraft {
            source_addresses: vec![address(2), address(3), address(2)],
            ..LoadDraft::closed_loop()
        };
        let plan = LoadSpec::new(draft).unwrap();
        let plan = plan.against_all(servers.to_vec()).unwrap();
        let of = |client| (plan.server_of(client).url.as_str(), plan.source_of(client));
        assert_eq!(of(0), ("ws://a/1", Some(address(2))));
        assert_eq!(of(1), ("ws://b/2", Some(address(2))));
        assert_eq!(of(2), ("ws://a/1", Some(address(3))));
        assert_eq!(of(7), ("ws://b/2", Some(address(3))));
        let alone = LoadSpec::new(LoadDraft::closed_loop()).unwrap();
        assert_eq!(
            alone.clone().against_all(Vec::new()).unwrap_err(),
            PlanError::NoServer
        );
        let plan = alone.against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
        assert_eq!(plan.source_of(5), None);
    }

    #[test]
    fn a_source_address_that_cannot_reach_a_server_is_refused() {
        let refusal = |sources: &[&str], url: &str| {
            let draft = LoadDraft {
                source_addresses: sources.iter().map(|one| one.parse().unwrap()).collect(),
                ..LoadDraft::closed_loop()
            };
            let url = ServerUrl::parse(url).unwrap();
            let plan = LoadSpec::new(draft).and_then(|load| load.against(url));
            plan.map_or_else(|e| e.to_string(), |_| String::new())
        };
        let families = refusal(&["127.0.0.1", "::1"], "ws://a/");
        assert!(families.contains("127.0.0.1 and ::1"), "{families}");
        let family = refusal(&["::1"], "ws://127.0.0.1/");
        assert!(
            family.contains("::1 cannot reach `ws://127.0.0.1/`"),
            "{family}"
        );
        assert!(!refusal(&["127.0.0.1"], "ws://[::1]/").is_empty());
        #[cfg(unix)]
        {
            let unix = refusal(&["127.0.0.1"], "ws+unix:a.sock");
            assert!(unix.contains("`ws+unix:a.sock`"), "{unix}");
        }
        assert_eq!(refusal(&["127.0.0.1"], "ws://localhost/"), "");
        assert_eq!(refusal(&["::1"], "ws://[::1]/"), "");
    }

    #[test]
    fn the_handshake_keeps_its_own_headers() {
        let mut d = LoadDraft::closed_loop();
        d.headers.insert(header::HOST, "other".parse().unwrap());
        assert!(LoadSpec::new(d.clone()).is_ok());
        d.headers.insert(header::UPGRADE, "h2c".parse().unwrap());
        assert_eq!(
            LoadSpec::new(d).unwrap_err(),
            PlanError::OwnHeader("upgrade".into())
        );
    }

    #[test]
    fn another_seed_drops_other_connections() {
        let drop = ConnectionDrop {
            after: Duration::ZERO,
            share: 0.5,
            method: DropMethod::Reset,
        };
        let draft = LoadDraft {
            connections: ConnectionRules {
                drop: Some(drop),
                idle: 100,
                ..ConnectionRules::default()
            },
            ..LoadDraft::closed_loop()
        };
        let spec = LoadSpec::new(draft).unwrap();
        let plan = spec.against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
        let first = plan.dropped().unwrap();
        assert_eq!(first.count(), 100);
        let second = plan.with_seed(2).dropped();
        assert_eq!(second, Some(drop.choose(2, 200)));
        assert_ne!(second, Some(first));
    }

    proptest! {
        #[test]
        fn every_client_has_one_thread_and_shares_differ_by_one(
            clients in 1..500_u32, threads in 1..40_usize, count in 1..20_u32,
        ) {
            prop_assume!(count <= clients);
            let plan = |index| LoadSpec::new(LoadDraft {
                clients: NonZeroU32::new(clients).unwrap(),
                threads: NonZeroUsize::new(threads).unwrap(),
                share: Share { index, count: NonZeroU32::new(count).unwrap() },
                ..LoadDraft::closed_loop()
            }).unwrap().against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
            let mut shares: Vec<Vec<u32>> = Vec::new();
            for plan in (0..count).map(plan) {
                let own: Vec<Vec<u32>> = (0..plan.threads.get()).map(|t| plan.clients_of(t).collect()).collect();
                prop_assert_eq!(own.concat().len(), plan.own_clients() as usize);
                prop_assert!(own.iter().all(|thread| !thread.is_empty()));
                shares.extend(own);
            }
            let mut all = shares.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..clients).collect::<Vec<_>>());
            let sizes = shares.iter().map(Vec::len);
            prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }

        #[test]
        fn every_idle_connection_has_one_thread_and_shares_differ_by_one(
            clients in 1..100_u32, idle in 0..300_u32, threads in 1..9_usize, count in 1..9_u32,
        ) {
            prop_assume!(count <= clients);
            let plan = |index| LoadSpec::new(LoadDraft {
                clients: NonZeroU32::new(clients).unwrap(),
                connections: ConnectionRules { idle, ..ConnectionRules::default() },
                threads: NonZeroUsize::new(threads).unwrap(),
                share: Share { index, count: NonZeroU32::new(count).unwrap() },
                ..LoadDraft::closed_loop()
            }).unwrap().against(ServerUrl::parse("ws://a/").unwrap()).unwrap();
            let (mut all, mut of_processes) = (Vec::new(), Vec::new());
            for plan in (0..count).map(plan) {
                prop_assert_eq!(plan.connections(), clients + idle);
                let threads = 0..plan.threads.get();
                let own: Vec<Vec<u32>> = threads.clone().map(|t| plan.idle_of(t).collect()).collect();
                prop_assert!(own.iter().all(|thread| thread.is_sorted()));
                prop_assert_eq!(own.concat().len(), plan.own_idle() as usize);
                let connections = threads.map(|t| plan.clients_of(t).len() + own[t].len());
                prop_assert!(connections.clone().max().unwrap() - connections.clone().min().unwrap() <= 1);
                prop_assert_eq!(connections.sum::<usize>(), plan.own_connections() as usize);
                of_processes.push(plan.own_connections());
                all.extend(own.concat());
            }
            all.sort_unstable();
            prop_assert_eq!(all, (clients..clients + idle).collect::<Vec<_>>());
            prop_assert!(of_processes.iter().max().unwrap() - of_processes.iter().min().unwrap() <= 1);
            let most = plan(0).most_connections(NonZeroU32::new(count).unwrap());
            prop_assert_eq!(of_processes.iter().max(), Some(&most));
        }
    }
}
