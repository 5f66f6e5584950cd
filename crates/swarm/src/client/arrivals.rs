//! Deliveries that arrive at a client.

use std::sync::Arc;

use measurement::record::DeliveryOutcome;
use scenario::{DeliverTo, MessageType, Scratch};

use super::Client;
use super::delivery_record::{
    RecognisedDelivery, count_other, count_own_copy, keep_sample, record_complete,
    record_delivered, record_unexpected,
};
use crate::dialogue::publication::{ArrivalMeaning, Publication};
use crate::dialogue::publications::{FoundMessage, PublicationBoard, RoomPlace};
use crate::dialogue::{ClientDialogue, Dialogue, MAX_ANSWER_BACKLOG};
use crate::thread_state::ThreadState;

impl Client {
    /// Processes a delivery.
    pub(super) fn take_delivery(
        &mut self,
        delivery: RecognisedDelivery,
        scratch: &Scratch,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        if let Some(run) = thread.run
            && let Some(received_ns) = delivery.received_ns.checked_sub(run.t0_ns)
        {
            thread.recorder.borrow_mut().arrived(received_ns);
        }
        let kind = &dialogue.scenario.messages[delivery.kind];
        if let Some(answer) = &kind.answer {
            let captures = &scratch.captures;
            self.queue_aside(answer, captures, MAX_ANSWER_BACKLOG, own, dialogue, thread);
        }
        let Some((board, place)) = expected_place(self.id, delivery, own, dialogue, thread) else {
            if own.has_left_rooms {
                return;
            }
            return record_unexpected(self.id, delivery, thread);
        };
        let found = thread.publication(board, dialogue, delivery);
        let outcome = match &found {
            FoundMessage::Known(publication) if delivery.agrees => {
                return self.note_arrival(delivery, publication, place, own, dialogue, thread);
            }
            FoundMessage::Unknown => return record_unexpected(self.id, delivery, thread),
            _ if !delivery.agrees => DeliveryOutcome::Corrupted,
            FoundMessage::Dropped => DeliveryOutcome::Late,
            FoundMessage::Known(_) | FoundMessage::Complete => DeliveryOutcome::Duplicated,
        };
        self.note_other(
            delivery,
            outcome,
            &found,
            (board, place),
            own,
            dialogue,
            thread,
        );
    }

    /// Notes a delivery of a message that is over, or whose bytes do not agree.
    #[cold]
    #[allow(clippy::too_many_arguments)]
    fn note_other(
        &self,
        delivery: RecognisedDelivery,
        outcome: DeliveryOutcome,
        found: &FoundMessage,
        (board, place): (&PublicationBoard, RoomPlace),
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let (Some(rooms), Some(sender)) = (&mut own.rooms, dialogue.sender(delivery.publisher))
        else {
            return;
        };
        rooms.is_reached = true;
        let (publication, is_expected) = match found {
            FoundMessage::Known(publication) => (
                Some(publication),
                publication.expected.includes(place.member),
            ),
            _ => (None, board.had_joined(sender, delivery.number, place)),
        };
        let is_earlier = publication.is_some_and(|own| thread.is_of_earlier_step(own));
        if !is_expected || delivery.number.is_warmup() || is_earlier {
            return;
        }
        rooms.arrived += 1;
        if self.is_slow() || dialogue.is_slow(delivery.publisher) {
            return;
        }
        count_other(outcome, thread);
        if let Some(publication) = publication {
            let now_ns = thread.on_board(delivery.received_ns);
            keep_sample(self.id, publication, outcome, now_ns, thread);
        }
    }

    /// Notes a delivery whose bytes agree at the place of this client.
    fn note_arrival(
        &mut self,
        delivery: RecognisedDelivery,
        publication: &Arc<Publication>,
        place: RoomPlace,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let Some(rooms) = &mut own.rooms else {
            return;
        };
        rooms.is_reached = true;
        if thread.is_of_earlier_step(publication) {
            return;
        }
        let is_queue = publication.expected.is_queue;
        let is_slow = self.is_slow() && !is_queue;
        let now_ns = thread.on_board(delivery.received_ns);
        let timeout_ns = thread.rules.timeout_ns;
        let arrival = publication.arrive(place.member, is_slow, now_ns, timeout_ns);
        let is_measured = !delivery.number.is_warmup();
        let outcome = match arrival {
            ArrivalMeaning::NotExpected => return,
            ArrivalMeaning::Again => DeliveryOutcome::Duplicated,
            ArrivalMeaning::Late => DeliveryOutcome::Late,
            ArrivalMeaning::First { .. }
                if rooms.is_overtaken(delivery.publisher, delivery.number, dialogue) =>
            {
                DeliveryOutcome::Reordered
            }
            ArrivalMeaning::First { .. } => DeliveryOutcome::Ok,
        };
        rooms.arrived += u64::from(is_measured && arrival != ArrivalMeaning::Again);
        let is_first = matches!(arrival, ArrivalMeaning::First { .. });
        if is_measured {
            if is_first {
                let role = own.state.role();
                record_delivered(publication, role, is_slow, outcome, now_ns, thread);
            }
            if !is_slow {
                keep_sample(self.id, publication, outcome, now_ns, thread);
            }
            if !is_first && !is_slow && !publication.message.is_of_slow {
                count_other(outcome, thread);
            }
        }
        if let ArrivalMeaning::First { completes: true } = arrival {
            if is_measured {
                record_complete(publication, dialogue, thread);
            }
            publication.set_over();
        }
        if is_first && delivery.publisher == self.id {
            if is_measured && !self.is_slow() {
                count_own_copy(thread);
            }
            self.take_own_copy(delivery, dialogue, thread);
        }
    }

    /// Frees the place of a message in the window when its sender has got it, unless a reply does.
    fn take_own_copy(
        &mut self,
        delivery: RecognisedDelivery,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        if dialogue.scenario.messages[delivery.kind].has_reply() {
            return;
        }
        let Some(echo) = self.in_flight.take(delivery.number) else {
            return;
        };
        if !delivery.number.is_warmup() {
            let in_flight_ns = delivery.received_ns.saturating_sub(echo.message.sent_ns);
            let mut recorder = thread.recorder.borrow_mut();
            recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
        }
    }
}

/// The place of a client among the receivers of a message; `None` when it should not get the message.
fn expected_place<'a>(
    client: u32,
    delivery: RecognisedDelivery,
    own: &ClientDialogue,
    dialogue: &Dialogue,
    thread: &'a ThreadState,
) -> Option<(&'a PublicationBoard, RoomPlace)> {
    let kind: &MessageType = &dialogue.scenario.messages[delivery.kind];
    let board = thread.board.as_ref()?;
    let rooms = own.rooms.as_ref()?;
    dialogue.sender(delivery.publisher)?;
    if delivery.publisher == client && !kind.to_sender {
        return None;
    }
    let is_to_all = kind.to == DeliverTo::All;
    let place = rooms.places[usize::from(is_to_all)]?;
    let is_own_room = is_to_all || dialogue.room(delivery.publisher) == place.room;
    is_own_room.then_some((&**board, place))
}

impl ThreadState {
    /// Returns true for a message of a step that is over. Late deliveries of it count in none that follows.
    fn is_of_earlier_step(&self, publication: &Publication) -> bool {
        let t0_ns = publication.message.t0_ns;
        match self.run {
            Some(run) => run.is_step() && t0_ns != self.on_board(run.t0_ns),
            // Another thread may have begun the next step already.
            None => self.step_t0_ns > 0 && t0_ns <= self.on_board(self.step_t0_ns),
        }
    }

    /// The message that a delivery names. Most name the same one as a delivery shortly before.
    #[inline]
    fn publication(
        &self,
        board: &PublicationBoard,
        dialogue: &Dialogue,
        delivery: RecognisedDelivery,
    ) -> FoundMessage {
        let mut recent = self.recent_publications.borrow_mut();
        if let Some(known) = recent.get(delivery.publisher, delivery.number) {
            return FoundMessage::Known(Arc::clone(known));
        }
        let Some(sender) = dialogue.sender(delivery.publisher) else {
            return FoundMessage::Unknown;
        };
        let found = board.find(sender, delivery.number);
        if let FoundMessage::Known(publication) = &found {
            recent.put(Arc::clone(publication));
        }
        found
    }
}
