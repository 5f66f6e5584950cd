//! The faults of a server, as plain data.

use std::time::Duration;

/// The messages with a fault, counted over all connections from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Selection {
    /// The last of every N messages.
    Every(u64),
    /// Each message with this probability, drawn from the server's seed.
    Probability(f64),
}

impl Selection {
    pub(crate) fn includes(self, message: u64, seed: u64) -> bool {
        match self {
            Self::Every(n) => (message + 1).is_multiple_of(n),
            Self::Probability(p) => uniform(message, seed) < p,
        }
    }
}

/// A uniform number in [0, 1) that belongs to a message.
fn uniform(message: u64, seed: u64) -> f64 {
    (measurement::record::message_hash(seed, 0, message) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A time in which the whole server neither reads nor answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// Time from the first message to the stall.
    pub after: Duration,
    /// Length of the stall.
    pub lasts: Duration,
}

/// The distribution of the delays of echoes. The delay of one echo does not depend on other messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DelayLaw {
    /// Uniform between two times.
    Uniform(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// The first time, or with this probability the second.
    TwoPoint(Duration, Duration, f64),
}

impl DelayLaw {
    /// The delay at a quantile in [0, 1).
    pub fn quantile(&self, q: f64) -> Duration {
        match *self {
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

    /// The delay of a message. The multiples of the golden ratio, less their whole parts, fill [0, 1) so
    /// evenly that n delays have the law's quantiles to about 1/n (Weyl's equidistribution).
    pub fn delay(&self, message: u64) -> Duration {
        const GOLDEN: f64 = 0.618_033_988_749_894_9;
        self.quantile((message as f64 * GOLDEN).fract())
    }
}

/// The server's answer to a handshake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Handshake {
    /// A correct answer.
    #[default]
    Correct,
    /// An accept key that does not belong to the client's key.
    WrongAcceptKey,
    /// No answer.
    Silent,
}

/// All faults of a server; by default none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Time in which the server neither reads nor answers.
    pub stall: Option<Stall>,
    /// Delay of the echoes.
    pub delay: Option<DelayLaw>,
    /// Messages without an answer.
    pub drop: Option<Selection>,
    /// Messages with two answers.
    pub duplicate: Option<Selection>,
    /// Messages answered after the next message of their connection.
    pub reorder: Option<Selection>,
    /// Messages echoed with a changed byte.
    pub corrupt: Option<Selection>,
    /// Messages echoed without their last byte.
    pub truncate: Option<Selection>,
    /// Messages echoed as the other type, text or binary.
    pub retype: Option<Selection>,
    /// Messages echoed with [`PREFIX`] in front.
    pub prefix: Option<Selection>,
    /// Messages answered with [`ACKNOWLEDGEMENT`] in place of an echo.
    pub replace: Option<Selection>,
    /// Text sent with the answer to the handshake, before the first message.
    pub greeting: Option<&'static str>,
    /// Text that is sent on the arrival of a connection's first message, before its answer.
    pub late_greeting: Option<&'static str>,
    /// Messages on whose arrival the server sends a text of its own.
    pub push_text: Option<Selection>,
    /// Messages on whose arrival the server sends a binary message of its own.
    pub push_binary: Option<Selection>,
    /// Number of a connection's message that is answered with a close, and the close code.
    pub close_at: Option<(u64, u16)>,
    /// Number of the first connections that are closed with the answer to their handshake, and the close code.
    pub close_first: Option<(usize, u16)>,
    /// Reason in all close frames.
    pub close_reason: &'static str,
    /// Number of a connection's message that is answered with half a frame, followed by silence.
    pub half_frame_at: Option<u64>,
    /// Number of a connection's message whose answer is masked.
    pub mask_at: Option<u64>,
    /// Largest number of bytes per second read from each connection.
    pub bytes_per_s: Option<u64>,
    /// Extra work as a share of the work on each connection, spent in an empty loop. 0.05 makes the server
    /// slower by a twentieth of its work on any machine.
    pub slower_by: Option<f64>,
    /// Maximum number of connections. Further handshakes are refused with HTTP 503.
    pub admit: Option<usize>,
    /// Messages are calls with an id, which decides about their answer (`CallAnswer`).
    pub calls: bool,
    /// The answer to handshakes.
    pub handshake: Handshake,
    /// The seed of the probabilities.
    pub seed: u64,
}

/// The fate of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Echoed,
    Dropped,
    Duplicated,
    /// Sent back after a later message of the connection.
    Reordered,
    /// Sent back with a byte changed.
    Corrupted,
    /// Sent back without its last byte.
    Truncated,
    /// Sent back as the other type.
    Retyped,
    /// Sent back with [`PREFIX`] in front.
    Prefixed,
    /// Answered with [`ACKNOWLEDGEMENT`].
    Replaced,
    /// Answered with an error.
    Refused,
}

/// The answer to a call, which follows from its id: `{"id":N,"params":TEXT}`. By the last digit of the id: 3 is never
/// answered, 5 with an error, 7 with the last byte changed, 9 twice; all of them after ten milliseconds times the digit,
/// and so out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallAnswer {
    pub(crate) fate: Fate,
    pub(crate) delay: Duration,
    pub(crate) text: String,
}

impl CallAnswer {
    /// The answer to this call; `None` for other texts.
    pub(crate) fn to(call: &str) -> Option<Self> {
        let rest = call.strip_prefix("{\"id\":")?;
        let (id, rest) = rest.split_once(",\"params\":\"")?;
        let params = rest.strip_suffix("\"}")?;
        let digit = id.parse::<u64>().ok()? % 10;
        let fate = match digit {
            3 => Fate::Dropped,
            5 => Fate::Refused,
            7 => Fate::Corrupted,
            9 => Fate::Duplicated,
            _ => Fate::Echoed,
        };
        let mut result = params.to_owned();
        if fate == Fate::Corrupted && result.pop().is_some() {
            result.push('!');
        }
        let text = match fate {
            Fate::Refused => format!("{{\"id\": {id}, \"error\": {{\"code\": 1}}}}"),
            _ => format!("{{\"id\": {id}, \"result\": \"{result}\"}}"),
        };
        Some(Self {
            fate,
            delay: Duration::from_millis(10 * digit),
            text,
        })
    }
}

/// The text in front of a prefixed echo.
pub const PREFIX: &str = "you said: ";

/// The answer in place of a replaced echo.
pub const ACKNOWLEDGEMENT: &str = "accepted";

impl Faults {
    /// The fate of the message with this number.
    pub(crate) fn fate(&self, message: u64) -> Fate {
        let fates = [
            (self.drop, Fate::Dropped),
            (self.duplicate, Fate::Duplicated),
            (self.reorder, Fate::Reordered),
            (self.corrupt, Fate::Corrupted),
            (self.truncate, Fate::Truncated),
            (self.retype, Fate::Retyped),
            (self.prefix, Fate::Prefixed),
            (self.replace, Fate::Replaced),
        ];
        fates
            .into_iter()
            .zip(self.seed..)
            .find(|((selection, _), seed)| {
                selection.is_some_and(|selection| selection.includes(message, *seed))
            })
            .map_or(Fate::Echoed, |((_, fate), _)| fate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_have_the_quantiles_of_their_law() {
        let ms = Duration::from_millis;
        for law in [
            DelayLaw::Uniform(ms(1), ms(9)),
            DelayLaw::Exponential(ms(5)),
            DelayLaw::TwoPoint(ms(1), ms(50), 0.02),
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
    fn the_last_digit_of_its_id_decides_about_a_call() {
        let answer = |id: u64| CallAnswer::to(&format!("{{\"id\":{id},\"params\":\"abc\"}}"));
        let text = |id| answer(id).unwrap().text;
        assert_eq!(text(120), "{\"id\": 120, \"result\": \"abc\"}");
        assert_eq!(text(5), "{\"id\": 5, \"error\": {\"code\": 1}}");
        assert_eq!(text(17), "{\"id\": 17, \"result\": \"ab!\"}");
        assert_eq!(answer(13).unwrap().fate, Fate::Dropped);
        assert_eq!(answer(9).unwrap().delay, Duration::from_millis(90));
        assert_eq!(CallAnswer::to("ping"), None);
    }

    #[test]
    fn fates_are_as_frequent_as_asked() {
        let faults = Faults {
            drop: Some(Selection::Every(1_000)),
            corrupt: Some(Selection::Probability(0.1)),
            ..Faults::default()
        };
        let fates: Vec<_> = (0..10_000).map(|n| faults.fate(n)).collect();
        let count = |fate| fates.iter().filter(|f| **f == fate).count();
        assert_eq!(count(Fate::Dropped), 10);
        // A hundred standard deviations of 30 each side would be 3,000; four are enough.
        assert!(count(Fate::Corrupted).abs_diff(1_000) < 120);
        assert_eq!(Faults::default().fate(7), Fate::Echoed);
    }
}
