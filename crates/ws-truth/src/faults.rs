//! The faults of a server, as plain data.

use std::time::Duration;

use measurement::record::unit_interval;

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
            Self::Probability(p) => unit_interval(seed, 0, message) < p,
        }
    }
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

/// Deliveries in place of echoes: each message goes to the receivers of its room, which are the connections to the same
/// path that have sent [`JOIN`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoomFaults {
    /// Receiver k, counted from 1 in the order of joining, gets its copy this time × k after the arrival of the message.
    pub step: Duration,
    /// Additional time of late copies. `None` = each receiver gets each copy once and none is late.
    pub late_by: Option<Duration>,
    /// Receiver 4 gets messages whose last digit is 1 with a changed byte. The publisher itself gets a copy of messages
    /// whose last digit is 9.
    pub spoils: bool,
    /// Additional time of all copies of messages that arrive after a receiver's socket has taken no more.
    pub held_by: Duration,
    /// Bytes of the kernel's send buffer of each socket; `None` = the system's choice.
    pub send_buffer: Option<usize>,
}

impl RoomFaults {
    /// The fate of the copy of a publisher's message `number` for receiver `k`, counted from 1. By the last digit of the
    /// number, with late copies: 3 does not reach receiver 1, 5 reaches receiver 2 late, and 7 reaches receiver 3 twice.
    pub(crate) fn fate(&self, number: u64, k: usize) -> Fate {
        match (number % 10, k) {
            (1, 4) if self.spoils => Fate::Corrupted,
            (3, 1) if self.late_by.is_some() => Fate::Dropped,
            (5, 2) if self.late_by.is_some() => Fate::Reordered,
            (7, 3) if self.late_by.is_some() => Fate::Duplicated,
            _ => Fate::Echoed,
        }
    }

    /// Returns `true` if the publisher gets a copy of its own message `number`.
    pub(crate) fn returns_to_sender(&self, number: u64) -> bool {
        self.spoils && number % 10 == 9
    }

    /// Time from the arrival of a message to its copy for receiver `k`. `is_held`: a receiver's socket was full then.
    pub(crate) fn delay(&self, fate: Fate, k: usize, is_held: bool) -> Duration {
        let late = self.late_by.filter(|_| fate == Fate::Reordered);
        let held = Some(self.held_by).filter(|_| is_held);
        let extra = late.unwrap_or_default() + held.unwrap_or_default();
        times(self.step, k) + extra
    }
}

/// A feed: numbered texts for all connections that have sent [`JOIN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedFaults {
    /// Number of receivers. The feed begins when all of them have joined.
    pub receivers: usize,
    /// Time from the last receiver's joining to tick 0.
    pub begins_after: Duration,
    /// Time between two ticks.
    pub interval: Duration,
    /// Number of ticks, from 0. Those whose last digit is 4 are left out.
    pub ticks: u64,
    /// Receiver k, counted from 1 in the order of joining, gets each tick this time × k late.
    pub step: Duration,
    /// Receiver 1 gets each tick whose last digit is 6 twice. Receiver 2 gets each tick whose last digit is 8 after the
    /// next one.
    pub repeats_and_reorders: bool,
}

impl FeedFaults {
    /// Age of the time stamp of a tick when it is sent.
    pub(crate) const STAMP_AGE: Duration = Duration::from_millis(5);

    /// The fate of a tick for receiver `k`, counted from 1.
    pub(crate) fn fate(&self, tick: u64, k: usize) -> Fate {
        match (tick % 10, k) {
            (4, _) => Fate::Dropped,
            (6, 1) if self.repeats_and_reorders => Fate::Duplicated,
            (8, 2) if self.repeats_and_reorders => Fate::Reordered,
            _ => Fate::Echoed,
        }
    }

    /// Time from the beginning of the feed to a tick for receiver `k`.
    pub(crate) fn delay(&self, tick: u64, k: usize) -> Duration {
        // Half an interval behind the next tick.
        let late = Some(self.interval * 3 / 2).filter(|_| self.fate(tick, k) == Fate::Reordered);
        let tick = usize::try_from(tick).unwrap_or(usize::MAX);
        times(self.interval, tick) + times(self.step, k) + late.unwrap_or_default()
    }
}

/// A time n times over, saturating.
fn times(time: Duration, n: usize) -> Duration {
    time.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))
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
    /// Messages are delivered to rooms.
    pub room: Option<RoomFaults>,
    /// The server sends a feed.
    pub feed: Option<FeedFaults>,
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

/// The text with which a connection becomes a receiver of its room and of the feed.
pub const JOIN: &str = "join";

/// The answer to [`JOIN`].
pub const JOINED: &str = "joined";

/// The text in front of a prefixed echo.
pub const PREFIX: &str = "you said: ";

/// The answer in place of a replaced echo.
pub const ACKNOWLEDGEMENT: &str = "accepted";

impl Faults {
    /// Returns `true` if the server delivers messages in place of echoing them.
    pub(crate) fn is_delivering(&self) -> bool {
        self.room.is_some() || self.feed.is_some()
    }

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
    fn one_copy_in_ten_has_each_fault_of_a_room() {
        let ms = Duration::from_millis;
        let room = RoomFaults {
            step: ms(2),
            late_by: Some(ms(30)),
            spoils: true,
            held_by: ms(5),
            send_buffer: None,
        };
        let copies = || (0..100).flat_map(|n| (1..=6).map(move |k| (n, k)));
        for (fate, receiver) in [
            (Fate::Dropped, 1),
            (Fate::Reordered, 2),
            (Fate::Duplicated, 3),
            (Fate::Corrupted, 4),
        ] {
            let found: Vec<_> = copies()
                .filter(|(n, k)| room.fate(*n, *k) == fate)
                .collect();
            assert_eq!(found.len(), 10, "{fate:?}");
            assert!(found.iter().all(|(_, k)| *k == receiver), "{fate:?}");
        }
        assert_eq!(room.delay(Fate::Echoed, 3, false), ms(6));
        assert_eq!(room.delay(Fate::Reordered, 2, false), ms(34));
        assert_eq!(room.delay(Fate::Echoed, 1, true), ms(7));
        let flawless = RoomFaults::default();
        assert!(copies().all(|(n, k)| flawless.fate(n, k) == Fate::Echoed));
    }

    #[test]
    fn a_tick_that_is_out_of_order_comes_between_the_next_two() {
        let ms = Duration::from_millis;
        let feed = FeedFaults {
            receivers: 2,
            begins_after: ms(0),
            interval: ms(10),
            ticks: 100,
            step: ms(1),
            repeats_and_reorders: true,
        };
        assert_eq!(feed.delay(7, 2), ms(72));
        assert_eq!((feed.delay(9, 2), feed.delay(8, 2)), (ms(92), ms(97)));
        assert_eq!(feed.delay(8, 1), ms(81));
        let missing = (0..100).filter(|n| feed.fate(*n, 1) == Fate::Dropped);
        assert_eq!(missing.count(), 10);
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
