//! Received messages without an identity, held back until their meaning is known.
//!
//! Such a message is either a damaged echo or a message of the server's own. A later message decides: if the message in
//! flight is echoed after all, it was the server's own. If not, it was the echo.

use std::collections::VecDeque;

use super::in_flight::InFlightQueue;
use super::received::ReceivedMessage;

/// A message held back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldMessage {
    pub(crate) message: ReceivedMessage,
    /// Arrival time, on the thread's clock.
    pub(crate) received_ns: u64,
    /// True when it may be a further echo of an echoed message.
    pub(crate) ambiguous: bool,
}

/// The messages held back on one connection, oldest first. At most one per message in flight.
#[derive(Debug, Default)]
pub(crate) struct HeldBack(VecDeque<HeldMessage>);

impl HeldBack {
    /// Holds a message back. Returns the messages that can no longer be echoes.
    pub(crate) fn push(&mut self, new: HeldMessage, in_flight: &InFlightQueue) -> Vec<HeldMessage> {
        self.0.push_back(new);
        let mut released = self.release_before(
            in_flight
                .oldest_unanswered()
                .map_or(u64::MAX, |m| m.sent_ns),
        );
        // There cannot be more echoes than messages.
        let excess = self.0.len().saturating_sub(in_flight.len());
        released.extend(self.0.drain(..excess));
        released
    }

    /// Removes and returns the messages that arrived before this time.
    pub(crate) fn release_before(&mut self, ns: u64) -> Vec<HeldMessage> {
        let before = self.0.partition_point(|held| held.received_ns < ns);
        self.0.drain(..before).collect()
    }

    /// Removes the oldest message that can be the echo of an otherwise unanswered message sent at this time.
    pub(crate) fn take_answer(
        &mut self,
        sent_ns: u64,
        may_be_echo: impl Fn(&ReceivedMessage) -> bool,
    ) -> Option<HeldMessage> {
        let place = self
            .0
            .iter()
            .position(|held| held.received_ns >= sent_ns && may_be_echo(&held.message))?;
        self.0.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::in_flight::InFlightMessage;
    use crate::message::payload::{Identity, MessageNumber, Payloads};
    use crate::tests::plan;
    use websocket_wire::MessageKind;

    fn held(received_ns: u64) -> HeldMessage {
        HeldMessage {
            message: ReceivedMessage::new(MessageKind::Text, 4, [b'x'; 32]),
            received_ns,
            ambiguous: false,
        }
    }

    /// A queue of `n` messages in flight, sent at 10, 20, ….
    fn in_flight(n: u64) -> InFlightQueue {
        let payloads = Payloads::new(&plan(|_| {}));
        let mut queue = InFlightQueue::default();
        for index in 0..n {
            let number = MessageNumber::measured(index);
            let shape = payloads.shape(Identity { client: 0, number });
            queue.push(InFlightMessage {
                number,
                shape,
                intended_ns: 0,
                ready_ns: 0,
                sent_ns: (index + 1) * 10,
            });
        }
        queue
    }

    fn times(released: &[HeldMessage]) -> Vec<u64> {
        released.iter().map(|held| held.received_ns).collect()
    }

    #[test]
    fn a_message_that_came_before_anything_was_sent_is_never_an_echo() {
        assert_eq!(
            times(&HeldBack::default().push(held(5), &in_flight(0))),
            [5]
        );
        assert_eq!(
            times(&HeldBack::default().push(held(5), &in_flight(2))),
            [5]
        );
    }

    #[test]
    fn an_answered_message_releases_what_came_meanwhile() {
        let mut queue = in_flight(2);
        let mut held_back = HeldBack::default();
        assert!(held_back.push(held(15), &queue).is_empty());
        queue.take(MessageNumber::measured(0)).unwrap();
        assert_eq!(times(&held_back.push(held(25), &queue)), [15]);
    }

    #[test]
    fn no_more_is_held_back_than_is_in_flight() {
        let queue = in_flight(2);
        let mut held_back = HeldBack::default();
        let released: Vec<_> = (30..36)
            .flat_map(|ns| times(&held_back.push(held(ns), &queue)))
            .collect();
        assert_eq!(released, [30, 31, 32, 33]);
    }

    #[test]
    fn the_oldest_that_came_after_a_message_was_sent_is_its_answer() {
        let queue = in_flight(2);
        let mut held_back = HeldBack::default();
        held_back.push(held(15), &queue);
        held_back.push(held(25), &queue);
        let mut answer = |sent_ns, accept: bool| {
            let taken = held_back.take_answer(sent_ns, |_| accept);
            taken.map(|held| held.received_ns)
        };
        assert_eq!(answer(10, false), None);
        assert_eq!(answer(20, true), Some(25));
        assert_eq!(answer(20, true), None);
        assert_eq!(answer(10, true), Some(15));
    }
}
