//! The server's log of deliveries, and the figures that follow from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::faults::Fate;

/// One copy of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyLogEntry {
    /// Number of the receiver's connection, from 0.
    pub(crate) connection: usize,
    pub(crate) fate: Fate,
    /// Time just before the (first) copy was written; `None` if it was not.
    pub(crate) sent_ns: Option<u64>,
}

/// A message to a room. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomMessage {
    /// Number of the client that sent it, by the identity in the message.
    pub(crate) publisher: u32,
    /// Number of the message within its client, or within the client's warm-up.
    pub(crate) number: u64,
    pub(crate) is_warmup: bool,
    pub(crate) received_ns: u64,
    /// True if the copies were held because a receiver's socket was full.
    pub(crate) is_held: bool,
    /// One entry per receiver of the room, in the order of joining.
    pub(crate) copies: Vec<CopyLogEntry>,
}

impl RoomMessage {
    /// Times from arrival to each of the copies for these receivers, sorted. `None` if one did not go out.
    fn offsets_ns(&self, is_counted: impl Fn(usize) -> bool) -> Option<Vec<u64>> {
        let counted = self.copies.iter().filter(|c| is_counted(c.connection));
        let mut offsets: Vec<_> = counted
            .map(|copy| Some(copy.sent_ns? - self.received_ns))
            .collect::<Option<_>>()?;
        offsets.sort_unstable();
        Some(offsets)
    }
}

/// A tick of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TickLogEntry {
    /// Number of the tick, from 0.
    pub(crate) tick: u64,
    /// Number of the receiver's connection, from 0.
    pub(crate) connection: usize,
    pub(crate) sent_ns: u64,
}

/// The socket of a receiver that once took no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockedSocket {
    pub(crate) connection: usize,
    /// Time of the first write that the socket refused.
    pub(crate) since_ns: u64,
    /// Bytes that the socket took from the answer to the handshake until the last message for it was written. A slow reader
    /// reads the rest at the end of its run.
    pub(crate) taken_bytes: u64,
}

/// Times from the arrival of complete messages to their copies, in nanoseconds and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DeliveryTimes {
    pub(crate) first: Vec<u64>,
    /// The lower middle of each message's copies.
    pub(crate) median: Vec<u64>,
    pub(crate) last: Vec<u64>,
    /// Last less first.
    pub(crate) spread: Vec<u64>,
}

impl DeliveryTimes {
    /// Times of the messages that reached all receivers but those whose sockets are blocked.
    pub(crate) fn of<'a>(
        messages: impl IntoIterator<Item = &'a RoomMessage>,
        blocked: &[BlockedSocket],
    ) -> Self {
        let is_counted = |connection| blocked.iter().all(|b| b.connection != connection);
        let mut times = Self::default();
        for message in messages {
            let Some(offsets) = message.offsets_ns(is_counted) else {
                continue;
            };
            if let (Some(first), Some(last)) = (offsets.first(), offsets.last()) {
                times.first.push(*first);
                times.median.push(offsets[(offsets.len() - 1) / 2]);
                times.last.push(*last);
                times.spread.push(last - first);
            }
        }
        for sorted in [
            &mut times.first,
            &mut times.median,
            &mut times.last,
            &mut times.spread,
        ] {
            sorted.sort_unstable();
        }
        times
    }
}

/// Times from the arrival of measured messages to each copy, in nanoseconds and sorted.
pub(crate) fn copy_times_ns(messages: &[RoomMessage]) -> Vec<u64> {
    let measured = messages.iter().filter(|message| !message.is_warmup);
    let mut times: Vec<_> = measured
        .flat_map(|message| {
            let sent = message.copies.iter().filter_map(|copy| copy.sent_ns);
            sent.map(|sent_ns| sent_ns - message.received_ns)
        })
        .collect();
    times.sort_unstable();
    times
}

/// Number of copies of measured messages with this fate.
pub(crate) fn copies_with(messages: &[RoomMessage], fate: Fate) -> u64 {
    let measured = messages.iter().filter(|message| !message.is_warmup);
    let copies = measured.flat_map(|message| &message.copies);
    copies.filter(|copy| copy.fate == fate).count() as u64
}

/// Number of copies of measured messages that went out after a later message of the same publisher to the same
/// receiver.
pub(crate) fn overtaken_copies(messages: &[RoomMessage]) -> u64 {
    let mut sent: BTreeMap<(u32, usize), Vec<(u64, u64)>> = BTreeMap::new();
    for message in messages.iter().filter(|message| !message.is_warmup) {
        for copy in &message.copies {
            if let Some(sent_ns) = copy.sent_ns {
                let of_pair = sent.entry((message.publisher, copy.connection));
                of_pair.or_default().push((sent_ns, message.number));
            }
        }
    }
    sent.into_values().map(overtaken).sum()
}

/// Number of entries (time, number) with a time after that of a higher number.
fn overtaken(mut sent: Vec<(u64, u64)>) -> u64 {
    sent.sort_unstable();
    let mut highest = 0;
    let is_overtaken = |(_, number): &(u64, u64)| {
        highest = highest.max(*number);
        *number < highest
    };
    sent.iter().copied().filter(is_overtaken).count() as u64
}

/// Number of ticks that went out after a later one to the same receiver, and of those that went out again.
pub(crate) fn reordered_and_repeated_ticks(ticks: &[TickLogEntry]) -> (u64, u64) {
    let mut receivers: BTreeMap<usize, (BTreeSet<u64>, u64, u64)> = BTreeMap::new();
    for tick in ticks {
        let (seen, reordered, repeated) = receivers.entry(tick.connection).or_default();
        if !seen.insert(tick.tick) {
            *repeated += 1;
        } else if seen.last() > Some(&tick.tick) {
            *reordered += 1;
        }
    }
    receivers.into_values().fold((0, 0), |sum, of_receiver| {
        (sum.0 + of_receiver.1, sum.1 + of_receiver.2)
    })
}

/// Times between the ticks of each receiver, in nanoseconds and sorted.
pub(crate) fn tick_gaps_ns(ticks: &[TickLogEntry]) -> Vec<u64> {
    let mut last: BTreeMap<usize, u64> = BTreeMap::new();
    let gap = |tick: &TickLogEntry| {
        let before = last.insert(tick.connection, tick.sent_ns)?;
        Some(tick.sent_ns - before)
    };
    let mut gaps: Vec<_> = ticks.iter().filter_map(gap).collect();
    gaps.sort_unstable();
    gaps
}

/// Times by which ticks went out later than the feed's interval allows, in nanoseconds and sorted. The beginning of the
/// feed of each receiver is such that no tick is early.
pub(crate) fn tick_lateness_ns(ticks: &[TickLogEntry], interval_ns: u64) -> Vec<u64> {
    let due_ns = |tick: &TickLogEntry| tick.tick * interval_ns;
    let mut begins: BTreeMap<usize, i128> = BTreeMap::new();
    let since_begin = |tick: &TickLogEntry| i128::from(tick.sent_ns) - i128::from(due_ns(tick));
    for tick in ticks {
        let begin = begins.entry(tick.connection).or_insert(i128::MAX);
        *begin = since_begin(tick).min(*begin);
    }
    let lateness = |tick: &TickLogEntry| {
        let late = since_begin(tick) - begins.get(&tick.connection)?;
        u64::try_from(late).ok()
    };
    let mut late: Vec<_> = ticks.iter().filter_map(lateness).collect();
    late.sort_unstable();
    late
}

/// Times from the first to the last receiver of each tick, in nanoseconds and sorted. A repeated tick counts once.
pub(crate) fn tick_skews_ns(ticks: &[TickLogEntry]) -> Vec<u64> {
    let mut sent: BTreeMap<u64, BTreeMap<usize, u64>> = BTreeMap::new();
    for tick in ticks {
        let of_tick = sent.entry(tick.tick).or_default();
        of_tick.entry(tick.connection).or_insert(tick.sent_ns);
    }
    let skew = |times: BTreeMap<usize, u64>| {
        let (first, last) = (times.values().min()?, times.values().max()?);
        Some(last - first)
    };
    let mut skews: Vec<_> = sent.into_values().filter_map(skew).collect();
    skews.sort_unstable();
    skews
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, received_ns: u64, sent_ns: &[Option<u64>]) -> RoomMessage {
        let copies = sent_ns.iter().zip(0..);
        RoomMessage {
            publisher: 7,
            number,
            is_warmup: false,
            received_ns,
            is_held: false,
            copies: copies
                .map(|(sent_ns, connection)| CopyLogEntry {
                    connection,
                    fate: Fate::Echoed,
                    sent_ns: *sent_ns,
                })
                .collect(),
        }
    }

    #[test]
    fn only_complete_messages_have_times() {
        let messages = [
            message(0, 100, &[Some(110), Some(150), Some(120), Some(130)]),
            message(1, 200, &[None, Some(250), Some(220), Some(230)]),
        ];
        let times = DeliveryTimes::of(&messages, &[]);
        assert_eq!(times.first, [10]);
        assert_eq!(times.median, [20]);
        assert_eq!((times.last, times.spread), (vec![50], vec![40]));
        assert_eq!(copy_times_ns(&messages), [10, 20, 20, 30, 30, 50, 50]);
        let blocked = BlockedSocket {
            connection: 0,
            since_ns: 0,
            taken_bytes: 0,
        };
        let neighbours = DeliveryTimes::of(&messages, &[blocked]);
        assert_eq!(neighbours.first, [20, 20]);
        assert_eq!(neighbours.median, [30, 30]);
    }

    #[test]
    fn a_copy_is_overtaken_by_a_later_message_of_its_publisher_only() {
        let mut messages = [
            message(0, 0, &[Some(9), Some(1)]),
            message(1, 0, &[Some(5), Some(2)]),
            message(2, 0, &[Some(3), None]),
        ];
        assert_eq!(overtaken_copies(&messages), 2);
        messages[2].publisher = 8;
        assert_eq!(overtaken_copies(&messages), 1);
        messages[1].is_warmup = true;
        assert_eq!(overtaken_copies(&messages), 0);
    }

    #[test]
    fn ticks_are_compared_with_those_of_their_receiver() {
        let tick = |tick, connection, sent_ns| TickLogEntry {
            tick,
            connection,
            sent_ns,
        };
        let ticks = [
            tick(0, 0, 10),
            tick(0, 1, 12),
            tick(2, 1, 20),
            tick(1, 0, 21),
            tick(1, 0, 22),
            tick(1, 1, 25),
        ];
        assert_eq!(reordered_and_repeated_ticks(&ticks), (1, 1));
        assert_eq!(tick_gaps_ns(&ticks), [1, 5, 8, 11]);
        assert_eq!(tick_skews_ns(&ticks), [0, 2, 4]);
        // Receiver 0 begins at 10 and receiver 1 at 4, with its tick 2.
        assert_eq!(tick_lateness_ns(&ticks, 8), [0, 0, 3, 4, 8, 13]);
    }
}
