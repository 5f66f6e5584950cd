//! The messages of one client that are under way.

use std::collections::VecDeque;

use crate::payload::{IDENTITY_LEN, Identity, MessageNumber, Shape};

/// A message under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) number: MessageNumber,
    pub(crate) shape: Shape,
    /// Nanoseconds on the worker's clock.
    pub(crate) intended_ns: u64,
    /// Nanoseconds on the worker's clock.
    pub(crate) sent_ns: u64,
}

/// A message that was under way when its echo came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) message: InFlight,
    /// Its timeout had passed.
    pub(crate) late: bool,
    /// The echo of a later message came before.
    pub(crate) overtaken: bool,
}

/// The messages under way, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    /// The oldest of those that count against the window: with a window of one there is no other, and
    /// no memory beside the client's own has to be fetched for it.
    first: Option<InFlight>,
    /// One more than the highest order that was answered.
    answered: u64,
    /// The others that count against the window.
    rest: VecDeque<InFlight>,
    /// Those whose timeout has passed: older than all the active ones.
    late: VecDeque<InFlight>,
    /// Those that were counted as lost at the end of the drain.
    given_up: Vec<MessageNumber>,
}

impl Flight {
    /// Messages that count against the window.
    #[inline]
    pub(crate) fn active(&self) -> usize {
        match self.first {
            Some(_) => 1 + self.rest.len(),
            None => 0,
        }
    }

    /// The message whose echo comes next if the server keeps the order; its timeout has not passed.
    #[inline]
    pub(crate) fn next_expected(&self) -> Option<InFlight> {
        self.first
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none() && self.late.is_empty()
    }

    /// Takes the oldest of the active ones.
    #[inline]
    fn pop(&mut self) -> Option<InFlight> {
        let oldest = self.first.take();
        self.first = self.rest.pop_front();
        oldest
    }

    /// Takes the active one at this place, from 0.
    fn remove(&mut self, place: usize) -> Option<InFlight> {
        match place.checked_sub(1) {
            Some(place) => self.rest.remove(place),
            None => self.pop(),
        }
    }

    /// A message went out.
    #[inline]
    pub(crate) fn push(
        &mut self,
        number: MessageNumber,
        shape: Shape,
        intended_ns: u64,
        sent_ns: u64,
    ) {
        let message = InFlight {
            number,
            shape,
            intended_ns,
            sent_ns,
        };
        match self.first {
            Some(_) => self.rest.push_back(message),
            None => self.first = Some(message),
        }
    }

    /// Takes the message with this number.
    #[inline]
    pub(crate) fn take(&mut self, number: MessageNumber) -> Option<Landed> {
        // In order, as nearly all echoes come, the first look finds it. Both lists are in the order
        // of sending.
        if self.first.is_none_or(|m| m.number != number) {
            return self.take_anywhere(number);
        }
        let message = self.pop()?;
        Some(self.landed(message, false))
    }

    #[cold]
    fn take_anywhere(&mut self, number: MessageNumber) -> Option<Landed> {
        let place_in = |messages: &VecDeque<InFlight>| {
            messages
                .binary_search_by_key(&number.order(), |m| m.number.order())
                .ok()
        };
        if let Some(place) = place_in(&self.rest) {
            let message = self.rest.remove(place)?;
            return Some(self.landed(message, false));
        }
        let place = place_in(&self.late)?;
        let message = self.late.remove(place)?;
        Some(self.landed(message, true))
    }

    /// Takes the oldest message whose payload is just these bytes, which are too few for a whole
    /// identity: matched by order among those that agree.
    pub(crate) fn take_short(&mut self, client: u32, payload: &[u8]) -> Option<Landed> {
        self.take_where(|m| {
            let number = m.number;
            let identity = Identity { client, number }.to_bytes();
            m.shape.size == payload.len() as u64
                && identity[IDENTITY_LEN - payload.len()..] == *payload
        })
    }

    /// Takes the oldest message.
    pub(crate) fn take_oldest(&mut self) -> Option<Landed> {
        let late = self.late.pop_front();
        let is_late = late.is_some();
        let message = late.or_else(|| self.pop())?;
        Some(self.landed(message, is_late))
    }

    #[inline]
    fn take_where(&mut self, is_it: impl Fn(&InFlight) -> bool) -> Option<Landed> {
        // Late ones are the older ones.
        if let Some(place) = self.late.iter().position(&is_it) {
            let message = self.late.remove(place)?;
            return Some(self.landed(message, true));
        }
        let place = self.first.iter().chain(&self.rest).position(is_it)?;
        let message = self.remove(place)?;
        Some(self.landed(message, false))
    }

    #[inline]
    fn landed(&mut self, message: InFlight, late: bool) -> Landed {
        let order = message.number.order();
        let overtaken = order < self.answered;
        self.answered = self.answered.max(order + 1);
        Landed {
            message,
            late,
            overtaken,
        }
    }

    /// The timeout of every message sent at or before this time has passed.
    pub(crate) fn expire(&mut self, sent_until_ns: u64) {
        while let Some(message) = self.first.filter(|m| m.sent_ns <= sent_until_ns) {
            self.pop();
            self.late.push_back(message);
        }
    }

    /// Send time of the oldest active message.
    #[inline]
    pub(crate) fn oldest_sent_ns(&self) -> Option<u64> {
        self.first.map(|m| m.sent_ns)
    }

    /// Whether this message was given up, or any was if its number is not known: its echo counts
    /// no more, and is no second one either.
    pub(crate) fn gave_up(&self, number: Option<MessageNumber>) -> bool {
        match number {
            Some(number) => self.given_up.contains(&number),
            None => !self.given_up.is_empty(),
        }
    }

    /// Gives up on everything: the late messages, then the active ones.
    pub(crate) fn abandon(&mut self) -> (VecDeque<InFlight>, VecDeque<InFlight>) {
        let mut active = std::mem::take(&mut self.rest);
        if let Some(first) = self.first.take() {
            active.push_front(first);
        }
        let all = self.late.iter().chain(&active);
        self.given_up.extend(all.map(|m| m.number));
        (std::mem::take(&mut self.late), active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payloads;
    use crate::test_plan;

    fn flight(size: u64, numbers: &[u64]) -> Flight {
        let payloads = Payloads::new(&test_plan(|draft| {
            draft.payload = units::SizeRange {
                min: size,
                max: size,
            };
        }));
        let mut flight = Flight::default();
        for (sent_ns, number) in numbers.iter().enumerate() {
            let number = MessageNumber::measured(*number);
            let shape = payloads.shape(Identity { client: 0, number });
            flight.push(number, shape, 0, sent_ns as u64);
        }
        flight
    }

    fn index(landed: Option<Landed>) -> Option<u64> {
        landed.map(|l| l.message.number.index())
    }

    #[test]
    fn an_echo_that_comes_behind_a_later_one_was_overtaken() {
        let mut f = flight(100, &[0, 1, 2]);
        assert!(!f.take(MessageNumber::measured(1)).unwrap().overtaken);
        assert!(f.take(MessageNumber::measured(0)).unwrap().overtaken);
        assert!(!f.take(MessageNumber::measured(2)).unwrap().overtaken);
        assert_eq!(f.take(MessageNumber::measured(2)), None);
    }

    #[test]
    fn a_late_message_leaves_the_window_but_can_still_be_answered() {
        let mut f = flight(100, &[0, 1, 2]);
        f.expire(1);
        f.expire(1);
        assert_eq!((f.active(), f.oldest_sent_ns()), (1, Some(2)));
        let landed = f.take(MessageNumber::measured(0)).unwrap();
        assert!(landed.late && !landed.overtaken);
        assert_eq!(f.active(), 1);
        assert_eq!(index(f.take_oldest()), Some(1));
        assert_eq!((f.active(), f.is_empty()), (1, false));
        assert!(!f.take_oldest().unwrap().late);
        assert!(f.is_empty());
    }

    #[test]
    fn short_payloads_match_by_order_among_those_that_agree() {
        // 0x01 and 0x11 end in the same digit.
        let mut f = flight(1, &[0x01, 0x02, 0x11]);
        assert_eq!(index(f.take_short(0, b"2")), Some(0x02));
        assert_eq!(index(f.take_short(0, b"1")), Some(0x01));
        assert_eq!(index(f.take_short(0, b"1")), Some(0x11));
        assert_eq!(f.take_short(0, b"1"), None);
        assert_eq!(flight(2, &[1]).take_short(0, b"1"), None, "another length");
    }

    #[test]
    fn giving_up_tells_late_from_active() {
        let mut f = flight(100, &[0, 1, 2]);
        f.expire(0);
        let (late, active) = f.abandon();
        assert_eq!((late.len(), active.len()), (1, 2));
        assert!(f.is_empty());
        assert!(f.gave_up(Some(MessageNumber::measured(2))) && f.gave_up(None));
        assert!(!f.gave_up(Some(MessageNumber::measured(3))));
    }
}
