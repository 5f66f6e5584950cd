//! One message on its way to several receivers. All threads of the process note its arrivals.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::message::payload::MessageNumber;

/// Bit of [`Publication::claimed`] that says that further arrivals are late.
const CLOSED: u32 = 1 << 31;

/// Time in [`Publication::arrivals`] of a delivery that is not expected any more.
const EXCUSED: u64 = u64::MAX;

/// Place of a member of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemberPlace {
    /// Number among the places of the room. A member that joins takes the place of one that has left, if there is any.
    pub(crate) slot: u32,
    /// Number among all joins of the room, from 0.
    pub(crate) join: u32,
}

/// Receivers of a message, counted when it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ExpectedReceivers {
    /// Joins of the room by then, also of members that had left.
    pub(crate) joined: u32,
    /// Places of the room.
    pub(crate) slots: u32,
    /// Receivers in each group; 0 in a queue, because any of them may get the message.
    pub(crate) by_group: Box<[u32]>,
    /// Receivers that are not slow; of a queue, 1 if it has members.
    pub(crate) others: u32,
    /// Receivers that are slow.
    pub(crate) slow: u32,
    /// Any one of the members gets the message.
    pub(crate) is_queue: bool,
    /// Group that a message of a queue counts for when nobody gets it.
    pub(crate) queue_group: usize,
    /// Index of the room.
    pub(crate) room: usize,
    /// Place of the sender, when it is a member that does not get its own message.
    pub(crate) without: Option<u32>,
    /// Members of the room had left by plan.
    pub(crate) had_planned_exits: bool,
}

impl ExpectedReceivers {
    /// Returns true when the member had joined by then.
    #[inline]
    pub(crate) fn includes(&self, member: MemberPlace) -> bool {
        member.join < self.joined
    }
}

/// The values of a message that was sent. Times are on the clock of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublishedMessage {
    pub(crate) publisher: u32,
    pub(crate) number: MessageNumber,
    pub(crate) kind: u16,
    /// Length in bytes.
    pub(crate) size: u64,
    pub(crate) intended_ns: u64,
    pub(crate) sent_ns: u64,
    /// Time that the generator itself delayed the message, in nanoseconds.
    pub(crate) lateness_ns: u64,
    /// T0; of no meaning for warm-up messages.
    pub(crate) t0_ns: u64,
    /// The publisher is a slow reader. Its messages are in no figure of deliveries.
    pub(crate) is_of_slow: bool,
}

impl PublishedMessage {
    /// Time after T0, of a time on the clock of the board, in nanoseconds.
    #[inline]
    pub(crate) fn since_t0(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.t0_ns)
    }
}

/// The meaning of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrivalMeaning {
    /// The first one at this receiver, in time. `completes`: the message has now reached all of its receivers.
    First { completes: bool },
    /// The first one at this receiver, after the timeout.
    Late,
    /// The receiver had the message before.
    Again,
    /// The receiver joined the room after the message was sent.
    NotExpected,
}

/// A message on its way to its receivers.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) message: PublishedMessage,
    pub(crate) expected: ExpectedReceivers,
    /// One bit for each place of the room whose member has the message or is not expected to get it.
    seen: Box<[AtomicU64]>,
    /// Arrivals at the receivers that are not slow, in the order of `claimed`.
    arrivals: Box<[AtomicU64]>,
    /// Places of `arrivals` that were taken.
    claimed: AtomicU32,
    /// Places of `arrivals` that are filled.
    filled: AtomicU32,
    /// Deliveries among them that are not expected any more.
    excused: AtomicU32,
    /// Arrivals at slow receivers.
    slow: AtomicU32,
    /// Deliveries that have not arrived when the time is over are not missing.
    is_excusable: AtomicBool,
    /// The message is recorded as complete or incomplete.
    is_over: AtomicBool,
}

impl Publication {
    /// A message to these receivers. `absent`: one bit for each place of the room whose member has left; may be shorter.
    pub(crate) fn new(
        message: PublishedMessage,
        expected: ExpectedReceivers,
        absent: &[u64],
    ) -> Self {
        let absent = absent.iter().copied().chain(std::iter::repeat(0));
        let words = if expected.is_queue {
            1
        } else {
            expected.slots.div_ceil(64) as usize
        };
        Self {
            message,
            seen: absent.take(words).map(AtomicU64::new).collect(),
            arrivals: (0..expected.others).map(|_| AtomicU64::new(0)).collect(),
            expected,
            claimed: AtomicU32::new(0),
            filled: AtomicU32::new(0),
            excused: AtomicU32::new(0),
            slow: AtomicU32::new(0),
            is_excusable: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// Notes an arrival at this member of the room. Times are on the clock of the board.
    #[inline]
    pub(crate) fn arrive(
        &self,
        member: MemberPlace,
        is_slow: bool,
        now_ns: u64,
        timeout_ns: u64,
    ) -> ArrivalMeaning {
        if !self.expected.includes(member) {
            return ArrivalMeaning::NotExpected;
        }
        // One arrival ends a message of a queue, at whichever member.
        let slot = if self.expected.is_queue {
            0
        } else {
            member.slot
        };
        if !self.take(slot) {
            return ArrivalMeaning::Again;
        }
        if now_ns.saturating_sub(self.message.sent_ns) > timeout_ns {
            return ArrivalMeaning::Late;
        }
        if is_slow && !self.expected.is_queue {
            self.slow.fetch_add(1, Ordering::Relaxed);
            return ArrivalMeaning::First { completes: false };
        }
        let claimed = self.claimed.fetch_add(1, Ordering::AcqRel);
        if claimed & CLOSED != 0 {
            return ArrivalMeaning::Late;
        }
        let Some(slot) = self.arrivals.get(claimed as usize) else {
            return ArrivalMeaning::Again;
        };
        slot.store(now_ns, Ordering::Relaxed);
        let filled = self.filled.fetch_add(1, Ordering::AcqRel) + 1;
        ArrivalMeaning::First {
            completes: filled == self.expected.others,
        }
    }

    /// Sets the bit of a place. Returns false when it was set before.
    #[inline]
    fn take(&self, slot: u32) -> bool {
        let bit = 1 << (slot % 64);
        let word = self.seen.get((slot / 64) as usize);
        word.is_some_and(|word| word.fetch_or(bit, Ordering::AcqRel) & bit == 0)
    }

    /// Takes the delivery to a member that has left by plan out of the expected ones. Returns true when the message has
    /// thereby reached all others; `None` when it has arrived, was never expected, or the message is over.
    pub(crate) fn excuse(&self, slot: u32, is_slow: bool) -> Option<bool> {
        if !self.take(slot) {
            return None;
        }
        if is_slow {
            self.slow.fetch_add(1, Ordering::Relaxed);
            return Some(false);
        }
        let claimed = self.claimed.fetch_add(1, Ordering::AcqRel);
        if claimed & CLOSED != 0 {
            return None;
        }
        let place = self.arrivals.get(claimed as usize)?;
        place.store(EXCUSED, Ordering::Relaxed);
        self.excused.fetch_add(1, Ordering::AcqRel);
        let filled = self.filled.fetch_add(1, Ordering::AcqRel) + 1;
        Some(filled == self.expected.others)
    }

    /// Number of expected deliveries to receivers that are not slow, without those to members that left by plan.
    pub(crate) fn awaited(&self) -> u32 {
        self.expected.others - self.excused.load(Ordering::Acquire)
    }

    /// Excuses what has not arrived when the time is over, because the message or its delivery may have been lost with a
    /// connection that ended by plan.
    pub(crate) fn set_excusable(&self) {
        self.is_excusable.store(true, Ordering::Release);
    }

    pub(crate) fn is_excusable(&self) -> bool {
        self.is_excusable.load(Ordering::Acquire)
    }

    /// Returns true when the member with this place has the message, or is not expected to get it. Not known of a queue.
    pub(crate) fn has(&self, slot: u32) -> bool {
        let word = self.seen.get((slot / 64) as usize);
        word.is_some_and(|word| word.load(Ordering::Acquire) & (1 << (slot % 64)) != 0)
    }

    /// Ends the wait for arrivals. Returns true when some are missing; false when the message is complete, and the thread that
    /// completed it records it.
    pub(crate) fn close(&self) -> bool {
        let claimed = self.claimed.fetch_or(CLOSED, Ordering::AcqRel) & !CLOSED;
        if claimed >= self.expected.others && self.expected.others > 0 {
            return false;
        }
        // Another thread is between its two steps in `arrive`.
        while self.filled.load(Ordering::Acquire) < claimed {
            hint::spin_loop();
        }
        true
    }

    /// Number of arrivals at receivers that are not slow, in time.
    pub(crate) fn delivered(&self) -> u32 {
        let filled = self.filled.load(Ordering::Acquire);
        filled.saturating_sub(self.excused.load(Ordering::Acquire))
    }

    /// The times of these arrivals from sent, in `times`, for a message that is complete or closed: first, median (the
    /// lower one of two) and last; `None` without arrivals.
    pub(crate) fn delivery_times(&self, times: &mut Vec<u64>) -> Option<[u64; 3]> {
        let filled = self.filled.load(Ordering::Acquire);
        let arrivals = &self.arrivals[..filled as usize];
        let sent_ns = self.message.sent_ns;
        times.clear();
        let arrivals = arrivals.iter().map(|at| at.load(Ordering::Relaxed));
        let arrived = arrivals.filter(|at_ns| *at_ns != EXCUSED);
        times.extend(arrived.map(|at_ns| at_ns.saturating_sub(sent_ns)));
        let middle = times.len().checked_sub(1)? / 2;
        let (before, median, behind) = times.select_nth_unstable(middle);
        let first = before.iter().min().copied().unwrap_or(*median);
        let last = behind.iter().max().copied().unwrap_or(*median);
        Some([first, *median, last])
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn set_over(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Waits until the message, which is complete, is recorded by the thread that completed it.
    #[cold]
    pub(crate) fn await_record(&self) {
        while !self.is_over() {
            std::thread::yield_now();
        }
    }

    /// Returns true when the message is recorded, and has arrived at all slow receivers too.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_over() && self.slow.load(Ordering::Relaxed) >= self.expected.slow
    }

    /// Bytes of memory that depend on the number of receivers.
    pub(crate) fn memory(&self) -> usize {
        (self.seen.len() + self.arrivals.len()) * size_of::<AtomicU64>()
    }
}

#[cfg(test)]
pub(super) fn published(publisher: u32, number: u64, sent_ns: u64) -> PublishedMessage {
    PublishedMessage {
        publisher,
        number: MessageNumber::measured(number),
        kind: 0,
        size: 10,
        intended_ns: sent_ns,
        sent_ns,
        lateness_ns: 0,
        t0_ns: 0,
        is_of_slow: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    const TIMEOUT_NS: u64 = 1_000;

    fn to(others: u32) -> Publication {
        let expected = ExpectedReceivers {
            joined: others,
            slots: others,
            by_group: Box::from([others]),
            others,
            ..ExpectedReceivers::default()
        };
        Publication::new(published(7, 0, 100), expected, &[])
    }

    /// The member of this number of a room that nobody has left.
    fn at(n: u32) -> MemberPlace {
        MemberPlace { slot: n, join: n }
    }

    #[test]
    fn the_last_of_all_receivers_completes_the_message() {
        let message = to(3);
        let arrive = |place, ns| message.arrive(at(place), false, ns, TIMEOUT_NS);
        assert_eq!(arrive(2, 150), ArrivalMeaning::First { completes: false });
        assert_eq!(arrive(2, 160), ArrivalMeaning::Again);
        assert_eq!(arrive(0, 170), ArrivalMeaning::First { completes: false });
        assert_eq!(arrive(3, 175), ArrivalMeaning::NotExpected);
        assert_eq!(arrive(1, 180), ArrivalMeaning::First { completes: true });
        assert_eq!(message.delivery_times(&mut Vec::new()), Some([50, 70, 80]));
        assert!(!message.close());
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        let message = to(4);
        for (place, ns) in [(0, 110), (1, 120), (2, 140), (3, 130)] {
            message.arrive(at(place), false, ns, TIMEOUT_NS);
        }
        assert_eq!(message.delivery_times(&mut Vec::new()), Some([10, 20, 40]));
    }

    #[test]
    fn an_arrival_after_the_timeout_or_the_close_is_late() {
        let message = to(3);
        assert_eq!(
            message.arrive(at(0), false, 1_101, TIMEOUT_NS),
            ArrivalMeaning::Late
        );
        message.arrive(at(1), false, 1_100, TIMEOUT_NS);
        assert!(message.close());
        assert_eq!(
            message.arrive(at(2), false, 1_090, TIMEOUT_NS),
            ArrivalMeaning::Late
        );
        assert_eq!(message.delivered(), 1);
        assert!(message.has(0) && message.has(2));
        assert_eq!(
            message.arrive(at(2), false, 1_095, TIMEOUT_NS),
            ArrivalMeaning::Again
        );
    }

    #[test]
    fn a_slow_receiver_does_not_complete_a_message() {
        let message = Publication::new(
            published(7, 0, 0),
            ExpectedReceivers {
                joined: 2,
                slots: 2,
                by_group: Box::from([1, 1]),
                others: 1,
                slow: 1,
                ..ExpectedReceivers::default()
            },
            &[],
        );
        assert_eq!(
            message.arrive(at(1), false, 6, TIMEOUT_NS),
            ArrivalMeaning::First { completes: true }
        );
        message.set_over();
        assert!(!message.is_settled());
        assert_eq!(
            message.arrive(at(0), true, 7, TIMEOUT_NS),
            ArrivalMeaning::First { completes: false }
        );
        assert!(message.is_settled());
    }

    #[test]
    fn of_a_queue_the_second_member_has_it_again() {
        let message = Publication::new(
            published(7, 0, 0),
            ExpectedReceivers {
                joined: 3,
                slots: 3,
                by_group: Box::from([0]),
                others: 1,
                is_queue: true,
                ..ExpectedReceivers::default()
            },
            &[],
        );
        assert_eq!(
            message.arrive(at(2), false, 5, TIMEOUT_NS),
            ArrivalMeaning::First { completes: true }
        );
        assert_eq!(
            message.arrive(at(0), false, 6, TIMEOUT_NS),
            ArrivalMeaning::Again
        );
        assert_eq!(
            message.arrive(at(3), false, 6, TIMEOUT_NS),
            ArrivalMeaning::NotExpected
        );
    }

    #[test]
    fn of_a_queue_a_late_message_is_late_once() {
        let message = Publication::new(
            published(7, 0, 0),
            ExpectedReceivers {
                joined: 2,
                slots: 2,
                by_group: Box::from([0]),
                others: 1,
                is_queue: true,
                ..ExpectedReceivers::default()
            },
            &[],
        );
        assert!(message.close());
        assert_eq!(
            message.arrive(at(1), false, 2_000, TIMEOUT_NS),
            ArrivalMeaning::Late
        );
        assert_eq!(
            message.arrive(at(0), false, 2_001, TIMEOUT_NS),
            ArrivalMeaning::Again
        );
    }

    #[test]
    fn exactly_one_thread_completes_a_message() {
        for _ in 0..50 {
            let message = Arc::new(to(400));
            let threads: Vec<_> = (0..4)
                .map(|thread| {
                    let message = Arc::clone(&message);
                    thread::spawn(move || {
                        let own = (0..100).map(|n| n * 4 + thread);
                        own.filter(|place| {
                            let arrival = message.arrive(at(*place), false, 200, TIMEOUT_NS);
                            arrival == ArrivalMeaning::First { completes: true }
                        })
                        .count()
                    })
                })
                .collect();
            let completed: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
            assert_eq!(completed, 1);
            assert_eq!(message.delivered(), 400);
        }
    }

    #[test]
    fn a_message_is_complete_when_its_last_receiver_has_left_by_plan() {
        let message = to(3);
        message.arrive(at(1), false, 150, TIMEOUT_NS);
        assert_eq!(message.excuse(1, false), None);
        assert_eq!(message.excuse(0, false), Some(false));
        assert_eq!(message.excuse(0, false), None);
        assert_eq!((message.awaited(), message.delivered()), (2, 1));
        let last = message.arrive(at(2), false, 170, TIMEOUT_NS);
        assert_eq!(last, ArrivalMeaning::First { completes: true });
        assert_eq!(message.delivery_times(&mut Vec::new()), Some([50, 50, 70]));
        assert!(!message.close());
        let message = to(2);
        message.arrive(at(0), false, 150, TIMEOUT_NS);
        assert_eq!(message.excuse(1, false), Some(true));
        assert_eq!(message.delivery_times(&mut Vec::new()), Some([50, 50, 50]));
    }

    #[test]
    fn a_message_whose_receivers_have_all_left_has_no_times() {
        let message = to(2);
        assert_eq!(message.excuse(1, false), Some(false));
        assert_eq!(message.excuse(0, false), Some(true));
        assert_eq!((message.awaited(), message.delivered()), (0, 0));
        assert_eq!(message.delivery_times(&mut Vec::new()), None);
    }

    #[test]
    fn what_arrived_late_or_was_missing_before_is_not_excused() {
        let message = to(2);
        let late = message.arrive(at(0), false, 1_101, TIMEOUT_NS);
        assert_eq!(late, ArrivalMeaning::Late);
        assert_eq!(message.excuse(0, false), None);
        assert!(message.close());
        assert_eq!(message.excuse(1, false), None);
        assert_eq!(message.awaited(), 2);
    }

    #[test]
    fn one_that_takes_the_place_of_a_member_that_left_expects_nothing_of_before() {
        let message = to(2);
        let next = MemberPlace { slot: 1, join: 2 };
        let arrival = message.arrive(next, false, 150, TIMEOUT_NS);
        assert_eq!(arrival, ArrivalMeaning::NotExpected);
        assert!(!message.has(1));
    }
}
