//! The messages of one client in flight. The timeout moves a message to `timed_out`, where a late echo can still find
//! it. At the end of the drain, the remaining messages are lost.

use std::collections::VecDeque;

use super::payload::{IDENTITY_LEN, Identity, MessageNumber, PayloadShape};

/// A message that was sent and awaits its echo. Times are on the thread's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlightMessage {
    pub(crate) number: MessageNumber,
    pub(crate) shape: PayloadShape,
    pub(crate) intended_ns: u64,
    /// The later of the due time and the time at which connection, window and socket were ready.
    pub(crate) ready_ns: u64,
    pub(crate) sent_ns: u64,
}

impl InFlightMessage {
    /// Time that the generator itself delayed the message, in nanoseconds.
    #[inline]
    pub(crate) fn lateness_ns(&self) -> u64 {
        self.sent_ns.saturating_sub(self.ready_ns)
    }
}

/// A message matched with its echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MatchedEcho {
    pub(crate) message: InFlightMessage,
    /// True when the echo arrived after the timeout.
    pub(crate) timed_out: bool,
    /// True when the echo arrived after that of a later message.
    pub(crate) reordered: bool,
    /// True when the echo did not identify one of several messages.
    pub(crate) by_order: bool,
}

/// The messages in flight, oldest first.
#[derive(Debug, Default)]
pub(crate) struct InFlightQueue {
    /// The oldest message that counts against the window. With a window of 1, it is the only one, and needs no memory
    /// access outside the client.
    first: Option<InFlightMessage>,
    /// Highest order proven to be answered by an identity, plus one.
    answered: u64,
    /// The other messages that count against the window.
    rest: VecDeque<InFlightMessage>,
    /// Messages that have timed out. All are older than the active ones.
    timed_out: VecDeque<InFlightMessage>,
    /// Highest order answered by an echo with too few digits for proof, plus one.
    answered_by_order: u64,
    /// Messages whose later echoes do not count, not even as duplicates; `None` without any.
    given_up: Option<Box<GivenUp>>,
}

/// Messages whose later echoes do not count.
#[derive(Debug, Default)]
struct GivenUp {
    /// Messages counted as lost at the end of the drain.
    lost: Vec<MessageNumber>,
    /// Number of messages of the warm-up, and of measured ones, that were sent in earlier steps.
    of_earlier_steps: [u64; 2],
}

impl InFlightQueue {
    /// Number of messages that count against the window.
    #[inline]
    pub(crate) fn active(&self) -> usize {
        match self.first {
            Some(_) => 1 + self.rest.len(),
            None => 0,
        }
    }

    /// The oldest active message. The next echo answers it if the server keeps the order.
    #[inline]
    pub(crate) fn oldest(&self) -> Option<InFlightMessage> {
        self.first
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.timed_out.is_empty()
    }

    /// The message with this number, timed out or not.
    #[inline]
    pub(crate) fn find(&self, number: MessageNumber) -> Option<&InFlightMessage> {
        if let Some(first) = self.first.as_ref().filter(|m| m.number == number) {
            return Some(first);
        }
        let place_in = |messages: &VecDeque<InFlightMessage>| {
            messages
                .binary_search_by_key(&number.order(), |m| m.number.order())
                .ok()
        };
        if let Some(place) = place_in(&self.rest) {
            return self.rest.get(place);
        }
        self.timed_out.get(place_in(&self.timed_out)?)
    }

    /// The messages of a kind of a scenario, oldest first, timed out or not.
    pub(crate) fn of_kind(&self, kind: usize) -> impl Iterator<Item = &InFlightMessage> {
        let all = self.timed_out.iter().chain(&self.first).chain(&self.rest);
        all.filter(move |message| message.shape.kind() == kind)
    }

    /// Number of measured messages without an echo.
    pub(crate) fn measured(&self) -> u64 {
        let all = self.timed_out.iter().chain(&self.first).chain(&self.rest);
        all.filter(|m| !m.number.is_warmup()).count() as u64
    }

    /// Number of messages without an echo, including timed-out ones.
    pub(crate) fn len(&self) -> usize {
        self.timed_out.len() + self.active()
    }

    /// The oldest message without an echo.
    pub(crate) fn oldest_unanswered(&self) -> Option<&InFlightMessage> {
        self.timed_out.front().or(self.first.as_ref())
    }

    /// Returns true when an echo has identified a message.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.max(self.answered_by_order) > 0
    }

    /// Removes the oldest active message.
    #[inline]
    fn pop(&mut self) -> Option<InFlightMessage> {
        let oldest = self.first.take();
        self.first = self.rest.pop_front();
        oldest
    }

    /// Adds a message that was sent.
    #[inline]
    pub(crate) fn push(&mut self, message: InFlightMessage) {
        match self.first {
            Some(_) => self.rest.push_back(message),
            None => self.first = Some(message),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, number: MessageNumber) -> Option<MatchedEcho> {
        // Nearly all echoes arrive in order, and match the first message. Both lists are ordered by send time.
        if self.first.is_none_or(|m| m.number != number) {
            return self.take_anywhere(number);
        }
        let message = self.pop()?;
        Some(self.matched(message, false))
    }

    #[cold]
    fn take_anywhere(&mut self, number: MessageNumber) -> Option<MatchedEcho> {
        let place_in = |messages: &VecDeque<InFlightMessage>| {
            messages
                .binary_search_by_key(&number.order(), |m| m.number.order())
                .ok()
        };
        if let Some(place) = place_in(&self.rest) {
            let message = self.rest.remove(place)?;
            return Some(self.matched(message, false));
        }
        let place = place_in(&self.timed_out)?;
        let message = self.timed_out.remove(place)?;
        Some(self.matched(message, true))
    }

    /// Removes the message with exactly this payload, which is too short for an identity. If there are several, takes
    /// the first one after those already answered, assuming that the server keeps the order and earlier ones are lost.
    /// Only digits that distinguish all messages prove that an echo is out of order.
    pub(crate) fn take_short(
        &mut self,
        client: u32,
        payload: &[u8],
        tells_apart: bool,
    ) -> Option<MatchedEcho> {
        let has_payload = |m: &&InFlightMessage| {
            let number = m.number;
            let identity = Identity { client, number }.to_bytes();
            m.shape.size() == payload.len() as u64
                && identity[IDENTITY_LEN - payload.len()..] == *payload
        };
        let answered = self.answered.max(self.answered_by_order);
        let active = self.first.iter().chain(&self.rest);
        let all = active.chain(&self.timed_out).filter(has_payload);
        let numbers: Vec<_> = all.map(|m| m.number).collect();
        let next = numbers.iter().find(|number| number.order() >= answered);
        let number = *next.or(numbers.first())?;
        let by_order = numbers.len() > 1;
        if tells_apart && !by_order {
            return self.take(number);
        }
        let proven = self.answered;
        let echo = self.take(number)?;
        self.answered = proven;
        self.answered_by_order = self.answered_by_order.max(number.order() + 1);
        Some(MatchedEcho {
            reordered: false,
            by_order,
            ..echo
        })
    }

    /// Removes the oldest message, timed out or not. It is not known to be the one that was answered.
    pub(crate) fn take_oldest(&mut self) -> Option<MatchedEcho> {
        let timed_out = self.timed_out.pop_front();
        let is_timed_out = timed_out.is_some();
        let message = timed_out.or_else(|| self.pop())?;
        Some(MatchedEcho {
            message,
            timed_out: is_timed_out,
            reordered: false,
            by_order: true,
        })
    }

    #[inline]
    fn matched(&mut self, message: InFlightMessage, timed_out: bool) -> MatchedEcho {
        let order = message.number.order();
        let reordered = order < self.answered;
        self.answered = self.answered.max(order + 1);
        MatchedEcho {
            message,
            timed_out,
            reordered,
            by_order: false,
        }
    }

    /// Removes the oldest active message if it was sent at or before this time.
    pub(crate) fn take_expired(&mut self, sent_until_ns: u64) -> Option<InFlightMessage> {
        self.first.filter(|m| m.sent_ns <= sent_until_ns)?;
        self.pop()
    }

    /// Keeps a message from [`take_expired`](Self::take_expired) for a late echo.
    pub(crate) fn add_timed_out(&mut self, message: InFlightMessage) {
        self.timed_out.push_back(message);
    }

    /// Times out every message sent at or before this time.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn expire(&mut self, sent_until_ns: u64) {
        while let Some(message) = self.take_expired(sent_until_ns) {
            self.add_timed_out(message);
        }
    }

    /// Returns true when the echo of a message may still come, also when the message counts as lost.
    pub(crate) fn has_unanswered(&self) -> bool {
        let given_up = self.given_up.as_ref();
        !self.is_empty() || given_up.is_some_and(|given_up| !given_up.lost.is_empty())
    }

    /// Ends a step in which this number of messages of the warm-up, and of measured messages, had been sent. Later echoes of
    /// them do not count.
    pub(crate) fn end_step(&mut self, warmed: u64, sent: u64) {
        let given_up = self.given_up.get_or_insert_default();
        given_up.lost.clear();
        given_up.of_earlier_steps = [warmed, sent];
    }

    /// Returns true for a message that counts as lost, or as one of an earlier step.
    pub(crate) fn is_given_up(&self, number: MessageNumber) -> bool {
        self.given_up.as_ref().is_some_and(|given_up| {
            let of_earlier_steps = given_up.of_earlier_steps[usize::from(!number.is_warmup())];
            number.index() < of_earlier_steps || given_up.lost.contains(&number)
        })
    }

    /// Takes any message that counts as lost, for an echo that names none. Returns true if there is one.
    pub(crate) fn take_given_up(&mut self) -> bool {
        let given_up = self.given_up.as_mut();
        given_up.is_some_and(|given_up| given_up.lost.pop().is_some())
    }

    /// Returns true when later echoes of some messages do not count.
    pub(crate) fn has_given_up(&self) -> bool {
        let given_up = self.given_up.as_ref();
        given_up.is_some_and(|given_up| {
            given_up.of_earlier_steps != [0, 0] || !given_up.lost.is_empty()
        })
    }

    /// Removes all messages: returns the timed-out ones and the active ones.
    pub(crate) fn give_up(&mut self) -> (VecDeque<InFlightMessage>, VecDeque<InFlightMessage>) {
        let mut active = std::mem::take(&mut self.rest);
        if let Some(first) = self.first.take() {
            active.push_front(first);
        }
        let all = self.timed_out.iter().chain(&active);
        let numbers: Vec<_> = all.map(|m| m.number).collect();
        if !numbers.is_empty() {
            self.given_up.get_or_insert_default().lost.extend(numbers);
        }
        (std::mem::take(&mut self.timed_out), active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::payload::Payloads;
    use crate::tests::plan;

    fn in_flight(size: u64, numbers: &[u64]) -> InFlightQueue {
        let payloads = Payloads::new(&plan(|draft| {
            draft.payload = units::SizeRange {
                min: size,
                max: size,
            };
        }));
        let mut queue = InFlightQueue::default();
        for (sent_ns, number) in numbers.iter().enumerate() {
            let number = MessageNumber::measured(*number);
            let shape = payloads.shape(Identity { client: 0, number });
            queue.push(InFlightMessage {
                number,
                shape,
                intended_ns: 0,
                ready_ns: 0,
                sent_ns: sent_ns as u64,
            });
        }
        queue
    }

    fn index(echo: Option<MatchedEcho>) -> Option<u64> {
        echo.map(|e| e.message.number.index())
    }

    #[test]
    fn an_echo_behind_that_of_a_later_message_is_reordered() {
        let mut f = in_flight(100, &[0, 1, 2]);
        assert!(!f.take(MessageNumber::measured(1)).unwrap().reordered);
        assert!(f.take(MessageNumber::measured(0)).unwrap().reordered);
        assert!(!f.take(MessageNumber::measured(2)).unwrap().reordered);
        assert_eq!(f.take(MessageNumber::measured(2)), None);
    }

    #[test]
    fn a_message_that_timed_out_leaves_the_window_but_can_still_be_answered() {
        let mut f = in_flight(100, &[0, 1, 2]);
        f.expire(1);
        f.expire(1);
        assert_eq!((f.active(), f.oldest().unwrap().sent_ns), (1, 2));
        let echo = f.take(MessageNumber::measured(0)).unwrap();
        assert!(echo.timed_out && !echo.reordered);
        assert_eq!(f.active(), 1);
        assert_eq!(index(f.take_oldest()), Some(1));
        assert_eq!((f.active(), f.is_empty()), (1, false));
        assert!(!f.take_oldest().unwrap().timed_out);
        assert!(f.is_empty());
    }

    #[test]
    fn short_payloads_match_by_order_among_equal_ones() {
        // 0x01 and 0x11 end with the same digit.
        let mut f = in_flight(1, &[0x01, 0x02, 0x11]);
        assert_eq!(index(f.take_short(0, b"1", true)), Some(0x01));
        assert_eq!(index(f.take_short(0, b"2", true)), Some(0x02));
        assert_eq!(index(f.take_short(0, b"1", true)), Some(0x11));
        assert_eq!(f.take_short(0, b"1", true), None);
        assert_eq!(
            in_flight(2, &[1]).take_short(0, b"1", true),
            None,
            "another length"
        );
    }

    #[test]
    fn a_dropped_message_whose_digits_come_again_makes_no_echo_reordered_or_late() {
        let mut f = in_flight(1, &[0x01, 0x02, 0x11, 0x21]);
        f.take_short(0, b"2", true);
        for number in [0x11, 0x21] {
            let echo = f.take_short(0, b"1", false).unwrap();
            assert_eq!(echo.message.number.index(), number);
            assert!(echo.by_order && !echo.reordered && !echo.timed_out);
        }
        // Only one is left, although its digits were sent more than once.
        let echo = f.take_short(0, b"1", false).unwrap();
        assert!(!echo.by_order && !echo.reordered, "{echo:?}");

        let mut f = in_flight(1, &[0x01, 0x11]);
        f.expire(0);
        let echo = f.take_short(0, b"1", false).unwrap();
        assert!(echo.message.number.index() == 0x11 && !echo.timed_out);
    }

    #[test]
    fn few_digits_that_tell_all_messages_apart_prove_the_order() {
        let mut f = in_flight(1, &[0x01, 0x02]);
        assert!(!f.take_short(0, b"2", true).unwrap().reordered);
        assert!(f.take_short(0, b"1", true).unwrap().reordered);
    }

    #[test]
    fn giving_up_separates_timed_out_from_active_messages() {
        let mut f = in_flight(100, &[0, 1, 2]);
        f.expire(0);
        let (timed_out, active) = f.give_up();
        assert_eq!((timed_out.len(), active.len()), (1, 2));
        assert!(f.is_empty());
        let is_given_up = |index| f.is_given_up(MessageNumber::measured(index));
        assert_eq!([0, 2, 3].map(is_given_up), [true, true, false]);
        assert!(!f.is_given_up(MessageNumber::warmup(0)));
    }

    #[test]
    fn messages_of_earlier_steps_are_given_up() {
        let mut f = in_flight(100, &[3, 4]);
        assert!(!f.has_given_up());
        f.end_step(2, 4);
        let is_given_up = |number| f.is_given_up(number);
        let measured = [3, 4].map(MessageNumber::measured).map(is_given_up);
        let warm_up = [1, 2].map(MessageNumber::warmup).map(is_given_up);
        assert_eq!((measured, warm_up), ([true, false], [true, false]));
        assert!(f.has_given_up());
    }
}
