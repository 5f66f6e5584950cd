//! The plan: everything that one run needs, already valid.
//!
//! | module | what lives there |
//! |---|---|
//! | `server_url` | [`ServerUrl`]: where the server is |
//! | `certificate_policy` | [`CertificatePolicy`]: verification of its certificate |
//! | `rate_profile` | [`RateProfile`]: the offered rate over time |
//! | `schedule` | [`Schedule`]: when each message of an open loop is due |

mod certificate_policy;
mod error;
mod rate_profile;
mod schedule;
mod server_url;

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Deref;
use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};

use units::{Rate, SizeRange};

pub use certificate_policy::CertificatePolicy;
pub use error::PlanError;
pub use rate_profile::{RateProfile, Stage};
pub use schedule::{Arrivals, Schedule, ScheduleCursor, Until};
pub use server_url::{Endpoint, MASK, ServerUrl, mask_url};

/// Most clients of one run: a client's number is six hexadecimal digits of every payload.
pub const MAX_CLIENTS: u32 = 0xFF_FFFF;

/// Most messages per client: a message's number is ten hexadecimal digits of every payload, of
/// which the highest bit marks the warm-up.
pub const MAX_MESSAGES_PER_CLIENT: u64 = (1 << 39) - 1;

/// Largest payload in bytes, 1 GiB.
pub const MAX_PAYLOAD_BYTES: u64 = 1 << 30;

/// Largest in-flight window of a client.
pub const MAX_WINDOW: u32 = 65_536;

/// Longest time that any limit may be set to, the range of the histograms.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Headers that the handshake itself sets; extensions are never offered because none is spoken.
const OWN_HEADERS: [HeaderName; 5] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
];

/// When the measured phase ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After so many messages of every client.
    MessagesPerClient(NonZeroU64),
    /// After so long.
    Duration(Duration),
}

/// What decides when a message is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// Closed loop: the echo of an earlier message.
    Closed {
        /// Messages that each client keeps in flight.
        window: NonZeroU32,
    },
    /// Open loop: the clock, whatever the server does.
    Open {
        /// Messages per second over all clients.
        profile: RateProfile,
        /// How they are spaced.
        arrivals: Arrivals,
        /// Most messages in flight per client, beyond which a message waits; `None` = unbounded.
        window: Option<NonZeroU32>,
    },
}

impl Load {
    /// Closed loop, one message in flight per client.
    pub const PING_PONG: Self = Self::Closed {
        window: NonZeroU32::MIN,
    };

    /// Most messages in flight per client; `None` = unbounded.
    #[must_use]
    pub fn window(&self) -> Option<NonZeroU32> {
        match self {
            Self::Closed { window } => Some(*window),
            Self::Open { window, .. } => *window,
        }
    }

    /// The offered rate over time; `None` in closed loop.
    #[must_use]
    pub fn profile(&self) -> Option<&RateProfile> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { profile, .. } => Some(profile),
        }
    }
}

/// How an echo is compared with what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Not at all: echoes are matched to messages by order.
    Off,
    /// Message type and length.
    Length,
    /// Message type, length and every byte.
    Full,
}

/// What a plan is made of, before it is checked. See [`Plan::new`].
#[derive(Debug, Clone)]
pub struct PlanDraft {
    /// The server.
    pub server_url: ServerUrl,
    /// Verification of its certificate.
    pub certificate_policy: CertificatePolicy,
    /// Name of the server inside this process, if it is there.
    pub embedded: Option<String>,
    /// Connections, each one client.
    pub clients: NonZeroU32,
    /// When the measured phase ends.
    pub length: Length,
    /// Payload bytes of a message.
    pub payload: SizeRange,
    /// Text messages; otherwise binary.
    pub text: bool,
    /// What decides when a message is sent.
    pub load: Load,
    /// Connections opened per second; `None` = as fast as it goes.
    pub connect_rate: Option<Rate>,
    /// Limit for one connection to open.
    pub connect_timeout: Duration,
    /// Limit for one echo.
    pub timeout: Duration,
    /// Load before measuring.
    pub warmup: Duration,
    /// How an echo is compared with what was sent.
    pub verify: Verify,
    /// Generator threads.
    pub threads: NonZeroUsize,
    /// Cores to pin the threads to, one a thread in turn; empty = the system decides.
    pub pin: Vec<usize>,
    /// The threads never sleep: less lag, for a whole core each.
    pub busy_poll: bool,
    /// Further headers of the handshake, `Origin` and offered subprotocols among them.
    pub headers: HeaderMap,
    /// From which every random choice follows.
    pub seed: u64,
    /// Raw samples kept at most.
    pub max_samples: u64,
}

impl PlanDraft {
    /// A closed loop of the defaults against this server: 100 clients, 1,000 text messages of 125 B each, one in
    /// flight, one thread, no raw samples. Change what differs.
    #[must_use]
    pub fn closed_loop(server_url: ServerUrl) -> Self {
        const TEN_SECONDS: Duration = Duration::from_secs(10);
        Self {
            server_url,
            certificate_policy: CertificatePolicy::System,
            embedded: None,
            clients: NonZeroU32::MIN.saturating_add(99),
            length: Length::MessagesPerClient(NonZeroU64::MIN.saturating_add(999)),
            payload: SizeRange { min: 125, max: 125 },
            text: true,
            load: Load::PING_PONG,
            connect_rate: None,
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
        }
    }
}

/// A valid plan: built once from a [`PlanDraft`], never changed, read like one.
#[derive(Debug, Clone)]
pub struct Plan(PlanDraft);

impl Deref for Plan {
    type Target = PlanDraft;

    fn deref(&self) -> &PlanDraft {
        &self.0
    }
}

impl Plan {
    /// Checks every figure's range; more threads than clients are reduced to one a client.
    ///
    /// # Errors
    /// [`PlanError::Range`] naming the first figure that is out of range,
    /// [`PlanError::NoCertificate`] when [`CertificatePolicy`] is set without TLS, [`PlanError::OwnHeader`].
    pub fn new(mut draft: PlanDraft) -> Result<Self, PlanError> {
        fn check<T: PartialOrd + Copy + fmt::Debug>(
            what: &'static str,
            value: T,
            min: T,
            max: T,
        ) -> Result<(), PlanError> {
            if value < min || value > max {
                return Err(PlanError::Range {
                    what,
                    value: format!("{value:?}"),
                    range: format!("from {min:?} to {max:?}"),
                });
            }
            Ok(())
        }
        const SLOWEST: f64 = 1e-3;
        const FASTEST: f64 = 1e9;
        if let Some(rate) = draft.connect_rate {
            check("a connect rate", rate.per_second(), SLOWEST, FASTEST)?;
        }
        const SHORTEST: Duration = Duration::from_millis(1);
        check("a number of clients", draft.clients.get(), 1, MAX_CLIENTS)?;
        match draft.length {
            Length::MessagesPerClient(n) => check(
                "a number of messages per client",
                n.get(),
                1,
                MAX_MESSAGES_PER_CLIENT,
            )?,
            Length::Duration(time) => check(
                "a measured time",
                time,
                SHORTEST,
                Duration::from_secs(30 * 24 * 3600),
            )?,
        }
        check("a payload size", draft.payload.min, 1, MAX_PAYLOAD_BYTES)?;
        check(
            "a payload size",
            draft.payload.max,
            draft.payload.min,
            MAX_PAYLOAD_BYTES,
        )?;
        if let Some(window) = draft.load.window() {
            check("a window", window.get(), 1, MAX_WINDOW)?;
        }
        if let Some(profile) = draft.load.profile() {
            check("a rate", profile.peak(), SLOWEST, FASTEST)?;
        }
        check(
            "a connect timeout",
            draft.connect_timeout,
            SHORTEST,
            MAX_TIMEOUT,
        )?;
        check("a timeout", draft.timeout, SHORTEST, MAX_TIMEOUT)?;
        check("a warm-up", draft.warmup, Duration::ZERO, MAX_TIMEOUT)?;
        if draft.certificate_policy != CertificatePolicy::System && !draft.server_url.is_tls() {
            let url = draft.server_url.as_str().to_owned();
            return Err(PlanError::NoCertificate { url });
        }
        if let Some(name) = draft.headers.keys().find(|name| OWN_HEADERS.contains(name)) {
            return Err(PlanError::OwnHeader(name.to_string()));
        }
        let clients = usize::try_from(draft.clients.get()).unwrap_or(usize::MAX);
        if let Some(at_most) = NonZeroUsize::new(clients) {
            draft.threads = draft.threads.min(at_most);
        }
        Ok(Self(draft))
    }

    /// Messages planned over all clients; `None` when a time is planned.
    #[must_use]
    pub fn planned_messages(&self) -> Option<u64> {
        match self.length {
            Length::MessagesPerClient(n) => {
                Some(n.get().saturating_mul(u64::from(self.clients.get())))
            }
            Length::Duration(_) => None,
        }
    }

    /// Messages that the plan offers per second of its sending, on average; `None` in closed loop.
    #[must_use]
    pub fn offered_rate(&self) -> Option<f64> {
        let sending_s = self.sending_s()?;
        let profile = self.load.profile()?;
        Some(profile.count_in(sending_s) / sending_s)
    }

    /// How long the plan sends for, in seconds; `None` where the server decides.
    #[must_use]
    pub fn sending_s(&self) -> Option<f64> {
        match (self.length, self.load.profile()) {
            (Length::Duration(time), _) => Some(time.as_secs_f64()),
            // Counts are exact up to 2^53.
            #[allow(clippy::cast_precision_loss)]
            (Length::MessagesPerClient(_), Some(profile)) => {
                Some(profile.seconds_for(self.planned_messages()? as f64))
            }
            (Length::MessagesPerClient(_), None) => None,
        }
    }

    /// Messages that are due at least, so long after T0; `None` in closed loop and where a number of
    /// messages is planned, whose end is not known beforehand.
    ///
    /// Random arrivals get four standard deviations of slack, √n each (Poisson).
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss
    )]
    pub fn due_by(&self, elapsed_s: f64) -> Option<u64> {
        let Load::Open {
            profile, arrivals, ..
        } = &self.load
        else {
            return None;
        };
        let time_s = self.measured_time()?.as_secs_f64();
        let mean = profile.count_in(elapsed_s.min(time_s));
        let slack = match arrivals {
            Arrivals::Constant => 0.0,
            Arrivals::Poisson => 4.0 * mean.sqrt(),
        };
        Some((mean - slack).max(0.0) as u64)
    }

    /// The measured time; `None` when a number of messages is planned.
    #[must_use]
    pub fn measured_time(&self) -> Option<Duration> {
        match self.length {
            Length::MessagesPerClient(_) => None,
            Length::Duration(time) => Some(time),
        }
    }

    /// The clients of one thread, spread as evenly as can be: threads take turns.
    pub fn clients_of(&self, thread: usize) -> impl ExactSizeIterator<Item = u32> + use<> {
        // There are no more threads than clients, so both fit.
        #[allow(clippy::cast_possible_truncation)]
        let (first, step) = (thread as u32, self.threads.get());
        (first..self.clients.get()).step_by(step)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! What a plan takes and what it refuses.

    use super::*;
    use proptest::prelude::*;

    pub(crate) fn draft() -> PlanDraft {
        PlanDraft {
            threads: NonZeroUsize::MIN.saturating_add(1),
            max_samples: 1_000_000,
            ..PlanDraft::closed_loop(ServerUrl::parse("ws://127.0.0.1:8000/ws").unwrap())
        }
    }

    #[test]
    fn figures_out_of_range_are_named() {
        let error = |change: fn(&mut PlanDraft)| {
            let mut d = draft();
            change(&mut d);
            Plan::new(d).map(|_| ()).unwrap_err().to_string()
        };
        assert!(error(|d| d.timeout = Duration::ZERO).contains("a timeout of 0ns"));
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
            .contains("a rate of 1000000000000.0")
        );
        assert!(error(|d| d.connect_rate = Rate::new(1e-300)).contains("connect rate"));
        assert!(error(|d| d.clients = NonZeroU32::MAX).contains("clients"));
        assert!(error(|d| d.length = Length::Duration(Duration::ZERO)).contains("measured time"));
    }

    #[test]
    fn trust_needs_a_certificate() {
        let plan = |url: &str, trust: CertificatePolicy| {
            let target = ServerUrl::parse(url).unwrap();
            Plan::new(PlanDraft {
                server_url: target,
                certificate_policy: trust,
                ..draft()
            })
            .map(|_| ())
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
    fn the_handshake_keeps_its_own_headers() {
        let mut d = draft();
        d.headers.insert(header::HOST, "other".parse().unwrap());
        assert!(Plan::new(d.clone()).is_ok());
        d.headers.insert(header::UPGRADE, "h2c".parse().unwrap());
        assert_eq!(
            Plan::new(d).map(|_| ()),
            Err(PlanError::OwnHeader("upgrade".into()))
        );
    }

    proptest! {
        #[test]
        fn every_client_has_one_thread_and_shares_differ_by_one(clients in 1..500_u32, threads in 1..40_usize) {
            let plan = Plan::new(PlanDraft {
                clients: NonZeroU32::new(clients).unwrap(),
                threads: NonZeroUsize::new(threads).unwrap(),
                ..draft()
            }).unwrap();
            let shares: Vec<Vec<u32>> = (0..plan.threads.get()).map(|t| plan.clients_of(t).collect()).collect();
            let mut all = shares.concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..clients).collect::<Vec<_>>());
            let sizes = shares.iter().map(Vec::len);
            prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }
}
