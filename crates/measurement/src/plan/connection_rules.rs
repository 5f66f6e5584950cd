//! Life of the connections: when they open, when they end by plan, and when they open again.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use units::{UnitError, parse_duration, typed_duration};

use super::Arrivals;
use crate::record::{message_hash, unit_interval};

/// Time between a failed attempt and the next one where the law names none.
pub const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Rules of the connections besides their number. The default opens each connection once and keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConnectionRules {
    /// Spacing of the first connections, with a connect rate.
    pub arrivals: Arrivals,
    /// Lifetime of a connection, from its intended time; `None` = as long as the run.
    pub lifetime: Option<Lifetime>,
    /// Messages after which a connection is replaced; `None` = no limit.
    pub messages_per_connection: Option<NonZeroU64>,
    /// Connections that the clients end at once; `None` = none.
    pub drop: Option<ConnectionDrop>,
    /// Times at which clients open a lost connection again; `None` = they stay away.
    pub reconnect: Option<ReconnectLaw>,
    /// Connections besides those of the clients, which stay silent.
    pub idle: u32,
}

impl ConnectionRules {
    /// Returns true when a client can have several connections one after the other.
    pub fn replaces_connections(&self) -> bool {
        self.lifetime.is_some()
            || self.messages_per_connection.is_some()
            || self.reconnect.is_some()
    }

    /// Returns true when a client can open its next connection while the one before is being closed.
    pub fn overlaps_connections(&self) -> bool {
        let is_closed = self
            .drop
            .is_some_and(|drop| drop.method == DropMethod::Close);
        self.lifetime.is_some()
            || self.messages_per_connection.is_some()
            || is_closed && self.reconnect.is_some()
    }

    /// Returns true when the figures of lost connections are reported.
    pub fn reports_reconnects(&self) -> bool {
        self.drop.is_some() || self.reconnect.is_some()
    }
}

/// Lifetime of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// The same for all.
    Fixed(Duration),
    /// Exponentially distributed, with this mean.
    Exponential(Duration),
}

impl Lifetime {
    /// Lifetime of a client's connection, by its number among those of the client, from 0.
    pub fn of(self, seed: u64, client: u32, connection: u64) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Exponential(mean) => {
                let uniform = unit_interval(seed ^ LIFETIME_SEED, client, connection);
                mean.mul_f64(-(1.0 - uniform).ln())
            }
        }
    }

    /// The lifetime, or its mean.
    pub fn mean(self) -> Duration {
        match self {
            Self::Fixed(time) | Self::Exponential(time) => time,
        }
    }
}

impl fmt::Display for Lifetime {
    /// The text as typed: `30s`, `exp:30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(time) => f.write_str(&typed_duration(*time)),
            Self::Exponential(mean) => write!(f, "exp:{}", typed_duration(*mean)),
        }
    }
}

impl FromStr for Lifetime {
    type Err = UnitError;

    /// Parses `30s` or `exp:30s`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        match text.strip_prefix("exp:") {
            Some(mean) => parse_duration(mean).map(Self::Exponential),
            None => parse_duration(text).map(Self::Fixed),
        }
    }
}

/// Connections that the clients end at one time of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConnectionDrop {
    /// Time after T0.
    pub after: Duration,
    /// Share of the connections, above 0 and at most 1. The seed chooses them.
    pub share: f64,
    /// The way in which they end.
    pub method: DropMethod,
}

impl ConnectionDrop {
    /// The connections that are dropped, of `connections` in all.
    pub fn choose(&self, seed: u64, connections: u32) -> DroppedConnections {
        // At most the number of connections.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = (f64::from(connections) * self.share).round().max(1.0) as usize;
        let seed = seed ^ DROP_SEED;
        let mut hashes: Vec<_> = (0..connections).map(|n| message_hash(seed, n, 0)).collect();
        let count = count.min(hashes.len());
        let last = count.checked_sub(1).map(|last| {
            let (_, last, _) = hashes.select_nth_unstable(last);
            *last
        });
        DroppedConnections { seed, last, count }
    }
}

/// The connections that a [`ConnectionDrop`] chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedConnections {
    seed: u64,
    /// Largest hash of a chosen connection. No two connections have the same.
    last: Option<u64>,
    count: usize,
}

impl DroppedConnections {
    /// Returns true when the connection of this number is dropped.
    pub fn contains(&self, connection: u32) -> bool {
        let hash = message_hash(self.seed, connection, 0);
        self.last.is_some_and(|last| hash <= last)
    }

    /// Number of dropped connections.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// The way in which dropped connections end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DropMethod {
    /// Reset of the TCP connection, without a close frame.
    #[default]
    Reset,
    /// Close frame with code 1001.
    Close,
}

impl DropMethod {
    /// The word used in flags and files: `reset`, `close`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close => "close",
        }
    }
}

/// Times at which a client opens a lost connection again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReconnectLaw {
    /// At once. A failed attempt is repeated after [`RETRY_DELAY`].
    Now,
    /// At a random time of this interval, uniformly distributed. So is the time between a failed attempt and the next one.
    Spread(Duration),
    /// Exponential back-off with full jitter: the delay before attempt k, from 0, is uniformly distributed between 0 and
    /// `first · 2ᵏ`, at most `cap`. The first delay counts from the loss, each further one from the failure before.
    Backoff {
        /// Largest delay before the first attempt.
        first: Duration,
        /// Largest delay of all.
        cap: Duration,
    },
}

impl ReconnectLaw {
    /// Delay before an attempt: the `attempt`-th, from 0, after the `loss`-th lost connection of a client, from 0.
    ///
    /// Source of full jitter: Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    pub fn delay(self, seed: u64, client: u32, loss: u32, attempt: u32) -> Duration {
        let number = (u64::from(loss) << 32) | u64::from(attempt);
        let uniform = unit_interval(seed ^ RECONNECT_SEED, client, number);
        match self {
            Self::Now if attempt == 0 => Duration::ZERO,
            Self::Now => RETRY_DELAY,
            Self::Spread(interval) => interval.mul_f64(uniform),
            Self::Backoff { first, cap } => {
                let doubled = first.checked_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
                doubled.map_or(cap, |delay| delay.min(cap)).mul_f64(uniform)
            }
        }
    }
}

impl fmt::Display for ReconnectLaw {
    /// The text as typed: `now`, `spread:5s`, `backoff:100ms..30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Spread(interval) => write!(f, "spread:{}", typed_duration(*interval)),
            Self::Backoff { first, cap } => write!(
                f,
                "backoff:{}..{}",
                typed_duration(*first),
                typed_duration(*cap)
            ),
        }
    }
}

/// Due times of the first connections of a run with a connect rate.
#[derive(Debug, Clone)]
pub struct ConnectSchedule {
    per_second: f64,
    arrivals: Arrivals,
    seed: u64,
    next: u32,
    /// Due time of `next`, in gaps of the mean length.
    position: f64,
}

impl ConnectSchedule {
    /// The schedule of connections at this mean rate. The first one is due at once.
    pub fn new(per_second: f64, arrivals: Arrivals, seed: u64) -> Self {
        Self {
            per_second,
            arrivals,
            seed: seed ^ CONNECT_SEED,
            next: 0,
            position: 0.0,
        }
    }

    /// Due time of a connection after that of the first one. Connections must be asked for in ascending order.
    pub fn due(&mut self, connection: u32) -> Duration {
        match self.arrivals {
            Arrivals::Constant => self.position = f64::from(connection),
            Arrivals::Poisson => {
                for before in self.next..connection {
                    self.position -= (1.0 - unit_interval(self.seed, before, 0)).ln();
                }
            }
        }
        self.next = connection;
        Duration::from_secs_f64(self.position / self.per_second)
    }
}

/// Seeds of random choices differ, so that the choices are independent.
const LIFETIME_SEED: u64 = 0x6c69_6665_7469_6d65;
const DROP_SEED: u64 = 0x6472_6f70_7065_6421;
const RECONNECT_SEED: u64 = 0x7265_636f_6e6e_6563;
const CONNECT_SEED: u64 = 0x636f_6e6e_6563_7421;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_of_the_connections_is_chosen_exactly() {
        let drop = |share| ConnectionDrop {
            after: Duration::ZERO,
            share,
            method: DropMethod::Reset,
        };
        for (connections, share, expected) in
            [(2_000, 1.0, 2_000), (2_001, 0.5, 1_001), (3, 0.01, 1)]
        {
            let dropped = drop(share).choose(7, connections);
            let chosen = (0..connections).filter(|n| dropped.contains(*n)).count();
            assert_eq!((dropped.count(), chosen), (expected, expected));
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let law = ReconnectLaw::Backoff {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(1),
        };
        for (attempt, most_ms) in [(0, 100), (1, 200), (3, 800), (4, 1_000), (40, 1_000)] {
            let delays: Vec<_> = (0..4_000)
                .map(|c| law.delay(3, c, 0, attempt).as_secs_f64() * 1e3)
                .collect();
            let most = f64::from(most_ms);
            assert!(delays.iter().all(|ms| *ms < most));
            let mean = delays.iter().sum::<f64>() / 4_000.0;
            assert!(
                (mean / most - 0.5).abs() < 0.03,
                "{attempt}: {mean} of {most}"
            );
        }
    }

    #[test]
    fn connection_k_is_due_at_k_over_the_rate() {
        let mut even = ConnectSchedule::new(200.0, Arrivals::Constant, 1);
        assert_eq!(even.due(0), Duration::ZERO);
        assert_eq!(even.due(300), Duration::from_millis(1_500));
        let mut random = ConnectSchedule::new(200.0, Arrivals::Poisson, 1);
        assert_eq!(random.due(0), Duration::ZERO);
        let last_s = random.due(20_000).as_secs_f64();
        // Five standard deviations of the sum.
        assert!(
            (last_s - 100.0).abs() < 5.0 * 20_000_f64.sqrt() / 200.0,
            "{last_s}"
        );
    }

    proptest! {
        #[test]
        fn threads_agree_about_the_due_times(seed: u64, poisson: bool) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let mut all = ConnectSchedule::new(50.0, arrivals, seed);
            let all: Vec<_> = (0..60).map(|n| all.due(n)).collect();
            let mut some = ConnectSchedule::new(50.0, arrivals, seed);
            for n in (1..60).step_by(3) {
                prop_assert_eq!(some.due(n), all[n as usize]);
            }
            prop_assert!(all.is_sorted());
        }

        #[test]
        fn exponential_lifetimes_have_their_mean(seed: u64) {
            let lifetime = Lifetime::Exponential(Duration::from_secs(10));
            let all = (0..10_000).map(|n| lifetime.of(seed, n, 1).as_secs_f64());
            let mean = all.sum::<f64>() / 10_000.0;
            prop_assert!((mean - 10.0).abs() < 0.5, "{}", mean);
        }
    }
}
