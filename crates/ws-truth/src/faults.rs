//! What can be wrong with a server, as plain data.

use std::time::Duration;

/// Which messages a fault befalls, counted over all connections from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Which {
    /// The last of every so many.
    Every(u64),
    /// Each with this probability, drawn from the server's seed.
    Probability(f64),
}

impl Which {
    fn befalls(self, message: u64, seed: u64) -> bool {
        match self {
            Self::Every(n) => (message + 1).is_multiple_of(n),
            Self::Probability(p) => uniform(message, seed) < p,
        }
    }
}

/// A uniform number in [0, 1) that belongs to a message.
#[allow(clippy::cast_precision_loss)]
fn uniform(message: u64, seed: u64) -> f64 {
    (measurement::record::message_hash(seed, 0, message) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A time in which the whole server neither reads nor answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// When the first begins, after the first message came.
    pub after: Duration,
    /// How long each lasts.
    pub lasts: Duration,
    /// From the beginning of one to that of the next; `None` = only one.
    pub every: Option<Duration>,
}

/// The law that an echo's delay follows. Each echo leaves so long after its message came, whatever the
/// others do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Law {
    /// Always the same.
    Constant(Duration),
    /// Any time between two, equally likely.
    Uniform(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// The first, or with this probability the second.
    TwoPoint(Duration, Duration, f64),
}

impl Law {
    /// The delay at a quantile in [0, 1).
    #[must_use]
    pub fn quantile(&self, q: f64) -> Duration {
        match *self {
            Self::Constant(time) => time,
            Self::Uniform(from, to) => from + (to.saturating_sub(from)).mul_f64(q),
            Self::Exponential(mean) => mean.mul_f64(-(1.0 - q).ln()),
            Self::TwoPoint(usual, rare, p) => {
                if q < 1.0 - p {
                    usual
                } else {
                    rare
                }
            }
        }
    }

    /// The delay of a message. The multiples of the golden ratio, less their whole parts, fill [0, 1)
    /// so evenly that n delays have the law's quantiles to about 1/n (Weyl's equidistribution).
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn delay(&self, message: u64) -> Duration {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        self.quantile((message as f64 * GOLDEN).fract())
    }
}

/// How the server answers a handshake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handshake {
    /// As it should.
    #[default]
    Right,
    /// With a key that does not belong to the client's.
    WrongAcceptKey,
    /// Not at all.
    Silent,
}

/// Everything that is wrong with a server; by default nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// It stands still.
    pub stall: Option<Stall>,
    /// It answers late.
    pub delay: Option<Law>,
    /// It does not answer.
    pub drop: Option<Which>,
    /// It answers twice.
    pub duplicate: Option<Which>,
    /// It answers after the answer to the connection's next message.
    pub reorder: Option<Which>,
    /// It changes a byte.
    pub corrupt: Option<Which>,
    /// It leaves the last byte out.
    pub truncate: Option<Which>,
    /// In place of answering a connection's message with this number, it closes with this code.
    pub close_at: Option<(u64, u16)>,
    /// It answers a connection's message with this number by half a frame, and is silent then.
    pub half_frame_at: Option<u64>,
    /// It masks the answer to a connection's message with this number.
    pub mask_at: Option<u64>,
    /// It reads at most so many bytes a second from each connection.
    pub bytes_per_s: Option<u64>,
    /// Whatever came of a connection, it spends this share of the time that it took once more in a loop that does nothing:
    /// 0.05 makes it slower by a twentieth of its work, whatever the machine, the wait for work apart.
    pub slower_by: Option<f64>,
    /// How it answers handshakes.
    pub handshake: Handshake,
    /// From which probabilities are drawn.
    pub seed: u64,
}

/// What the server did with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Sent it back.
    Echoed,
    /// Nothing.
    Dropped,
    /// Sent it back twice.
    Duplicated,
    /// Sent it back behind a later one.
    Reordered,
    /// Sent it back with a byte changed.
    Corrupted,
    /// Sent it back without its last byte.
    Truncated,
}

impl Faults {
    /// What is to be done with a message.
    #[must_use]
    pub fn fate(&self, message: u64) -> Did {
        let fates = [
            (self.drop, Did::Dropped),
            (self.duplicate, Did::Duplicated),
            (self.reorder, Did::Reordered),
            (self.corrupt, Did::Corrupted),
            (self.truncate, Did::Truncated),
        ];
        fates
            .into_iter()
            .zip(self.seed..)
            .find(|((which, _), seed)| which.is_some_and(|w| w.befalls(message, *seed)))
            .map_or(Did::Echoed, |((_, did), _)| did)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_the_quantiles_of_their_law() {
        let ms = Duration::from_millis;
        for law in [
            Law::Constant(ms(3)),
            Law::Uniform(ms(1), ms(9)),
            Law::Exponential(ms(5)),
            Law::TwoPoint(ms(1), ms(50), 0.02),
        ] {
            let mut delays: Vec<_> = (0..16_000).map(|n| law.delay(n)).collect();
            delays.sort_unstable();
            for q in [0.5, 0.99, 0.999] {
                let (found, exact) = (delays[(q * 16_000.0) as usize], law.quantile(q));
                assert!(
                    found.abs_diff(exact) <= exact / 50,
                    "{law:?} {q}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn fates_are_as_frequent_as_asked() {
        let faults = Faults {
            drop: Some(Which::Every(1_000)),
            corrupt: Some(Which::Probability(0.1)),
            ..Faults::default()
        };
        let fates: Vec<_> = (0..10_000).map(|n| faults.fate(n)).collect();
        let count = |did| fates.iter().filter(|f| **f == did).count();
        assert_eq!(count(Did::Dropped), 10);
        // A hundred standard deviations of 30 each side would be 3,000; four are enough.
        assert!(count(Did::Corrupted).abs_diff(1_000) < 120);
        assert_eq!(Faults::default().fate(7), Did::Echoed);
    }
}
