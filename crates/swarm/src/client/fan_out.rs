//! Deliveries: messages registered before they are sent, arrivals at receivers, and messages that are complete or not.

use std::sync::Arc;

use measurement::record::{
    CompleteMessage, DeliveryOutcome, DeliverySample, Outcome, PublicationSample, Recorder, Sample,
};
use scenario::{DeliverTo, MessageType, Scratch};

use super::Client;
use super::slow_reading::record_slow;
use crate::buffers::OutgoingFrame;
use crate::dialogue::publication::{Arrival, Publication, PublishedMessage};
use crate::dialogue::publications::{
    Audience, CLOSING_GRACE_NS, FoundMessage, PublicationBoard, RoomPlace,
};
use crate::dialogue::{ClientDialogue, Dialogue, MAX_ANSWER_BACKLOG};
use crate::message::in_flight::InFlightMessage;
use crate::message::payload::MessageNumber;
use crate::thread_state::ThreadState;

/// Time between two looks of a client that waits for its last messages to become complete, in nanoseconds.
const LOOK_AGAIN_NS: u64 = 2_000_000;

/// Time before T0 by which a message of the warm-up should have arrived at its receivers, in nanoseconds.
const EARLY_ENOUGH_NS: u64 = 250_000_000;

/// State of one client in its rooms.
#[derive(Debug, Default)]
pub(crate) struct ClientRooms {
    /// Its place in its room, and among all receivers.
    places: [Option<RoomPlace>; 2],
    /// Order of the newest message from each sender of the room, plus one; 0 = none.
    newest: Vec<u64>,
    /// A message has arrived, measured or not.
    is_reached: bool,
    /// Measured messages that have arrived.
    arrived: u64,
    /// Own measured messages that the others of its room get.
    to_others: u64,
    /// Own messages that are on their way.
    open: usize,
    /// Send time of the oldest of them, on the clock of the board.
    oldest_ns: u64,
}

/// A delivery that was recognised in a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecognisedDelivery {
    pub(super) kind: usize,
    pub(super) publisher: u32,
    pub(super) number: MessageNumber,
    /// Everything known agrees with what was sent.
    pub(super) agrees: bool,
    /// Arrival, on the thread's clock.
    pub(super) received_ns: u64,
}

impl Client {
    /// Adds a client that is ready to the rooms whose messages it receives.
    pub(super) fn join_rooms(
        &self,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let Some(board) = &thread.board else {
            return;
        };
        let rooms = own.rooms.get_or_insert_default();
        let role = own.state.role();
        if dialogue.scenario.roles[role].receives {
            let group = dialogue.group(self.id, role);
            let of_room = dialogue.room(self.id);
            rooms.places[0] = Some(board.join(of_room, self.id, group));
            if dialogue.has_messages_to_all {
                rooms.places[1] = Some(board.join(dialogue.everybody(), self.id, group));
            }
        }
    }

    /// Registers a message that is about to be sent.
    pub(super) fn publish(
        &self,
        message: &InFlightMessage,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let kind = &dialogue.scenario.messages[message.shape.kind()];
        let (Some(board), Some(rooms), Some(sender), Some(run)) = (
            &thread.board,
            &mut own.rooms,
            dialogue.sender(self.id),
            thread.run,
        ) else {
            return;
        };
        let is_to_all = kind.to == DeliverTo::All;
        let published = PublishedMessage {
            publisher: self.id,
            number: message.number,
            kind: message.shape.kind_number(),
            size: message.shape.size(),
            intended_ns: thread.on_board(message.intended_ns),
            sent_ns: thread.on_board(message.sent_ns),
            lateness_ns: message.lateness_ns(),
            t0_ns: thread.on_board(run.t0_ns),
            is_of_slow: self.is_slow(),
        };
        let audience = Audience {
            room: if is_to_all {
                dialogue.everybody()
            } else {
                dialogue.room(self.id)
            },
            is_queue: kind.to == DeliverTo::One,
            without: rooms.places[usize::from(is_to_all)].filter(|_| !kind.to_sender),
        };
        board.publish(sender, published, audience);
        rooms.oldest_ns = rooms.oldest_ns.min(published.sent_ns);
        rooms.open += 1;
    }

    /// Records a message whose first byte was sent.
    pub(super) fn record_published(
        &mut self,
        frame: &OutgoingFrame,
        recorder: &mut Recorder,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let number = frame.message.number;
        let (Some(board), Some(sender)) = (&thread.board, dialogue.sender(self.id)) else {
            return;
        };
        let Some(publication) = board.sent(sender, number) else {
            return;
        };
        let has_receivers = publication.expected.others > 0;
        if !number.is_warmup() {
            if publication.expected.without.is_some()
                && let Some(own) = &mut self.dialogue
                && let Some(rooms) = &mut own.rooms
            {
                rooms.to_others += 1;
            }
            expect(&publication, recorder);
            if !has_receivers {
                record_incomplete(&publication, board, recorder, thread);
            }
        }
        if !has_receivers {
            publication.set_over();
        }
    }

    /// Removes the registered messages of which no byte was sent.
    pub(super) fn retract_unsent(&mut self, thread: &ThreadState) {
        let (Some(board), Some(dialogue), Some(own)) =
            (&thread.board, &thread.dialogue, &self.dialogue)
        else {
            return;
        };
        if own.rooms.is_none() {
            return;
        }
        if let Some(sender) = dialogue.sender(self.id) {
            let next = if self.sent > 0 {
                MessageNumber::measured(self.sent)
            } else {
                MessageNumber::warmup(self.warmed)
            };
            board.retract(sender, next);
        }
    }

    /// Processes a delivery.
    pub(super) fn take_delivery(
        &mut self,
        delivery: RecognisedDelivery,
        scratch: &Scratch,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let kind = &dialogue.scenario.messages[delivery.kind];
        if let Some(answer) = &kind.answer {
            let captures = &scratch.captures;
            self.queue_aside(answer, captures, MAX_ANSWER_BACKLOG, own, dialogue, thread);
        }
        let Some((board, place)) = expected_place(self.id, delivery, own, dialogue, thread) else {
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
                publication.expected.includes(place.place),
            ),
            _ => (None, board.had_joined(sender, delivery.number, place)),
        };
        if !is_expected || delivery.number.is_warmup() {
            return;
        }
        rooms.arrived += 1;
        let is_slow = |client| board.is_slow_group(dialogue.group(client, dialogue.role(client)));
        if is_slow(delivery.publisher) {
            return;
        }
        if !is_slow(self.id) {
            count_other(outcome, thread);
        }
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
        let (Some(rooms), Some(board)) = (&mut own.rooms, &thread.board) else {
            return;
        };
        rooms.is_reached = true;
        let is_queue = publication.expected.is_queue;
        let group = dialogue.group(self.id, own.state.role());
        let is_slow = board.is_slow_group(group) && !is_queue;
        let now_ns = thread.on_board(delivery.received_ns);
        let timeout_ns = thread.rules.timeout_ns;
        let arrival = publication.arrive(place.place, is_slow, now_ns, timeout_ns);
        let is_measured = !delivery.number.is_warmup();
        let outcome = match arrival {
            Arrival::NotExpected => return,
            Arrival::Again => DeliveryOutcome::Duplicated,
            Arrival::Late => DeliveryOutcome::Late,
            Arrival::First { .. } if rooms.is_overtaken(delivery, dialogue) => {
                DeliveryOutcome::Reordered
            }
            Arrival::First { .. } => DeliveryOutcome::Ok,
        };
        rooms.arrived += u64::from(is_measured && arrival != Arrival::Again);
        let is_first = matches!(arrival, Arrival::First { .. });
        if is_measured {
            if is_first {
                let role = own.state.role();
                record_delivered(publication, role, is_slow, outcome, now_ns, thread);
            }
            keep_sample(self.id, publication, outcome, now_ns, thread);
            if !is_first && !is_slow && !publication.message.is_of_slow {
                count_other(outcome, thread);
            }
        }
        if let Arrival::First { completes: true } = arrival {
            if is_measured {
                record_complete(publication, dialogue, thread);
            }
            publication.set_over();
        }
        if is_first && delivery.publisher == self.id {
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

    /// Takes a message out of the window whose own copy has not come. Its deliveries end it.
    #[cold]
    pub(super) fn forget_own_copy(&self, message: &InFlightMessage, thread: &ThreadState) {
        if !message.number.is_warmup() {
            let in_flight_ns = thread.clock.now_ns().saturating_sub(message.sent_ns);
            let mut recorder = thread.recorder.borrow_mut();
            recorder.in_flight_ns += in_flight_ns.min(thread.rules.timeout_ns);
        }
    }

    /// Closes own messages whose time is over, and forgets those that are over. Times are on the thread's clock.
    #[inline]
    pub(super) fn close_publications(&mut self, now_ns: u64, thread: &ThreadState) {
        let Some(own) = &self.dialogue else {
            return;
        };
        if let Some(rooms) = &own.rooms
            && rooms.open > 0
        {
            let until_ns = thread
                .on_board(now_ns)
                .saturating_sub(thread.rules.timeout_ns + CLOSING_GRACE_NS);
            self.prune(until_ns, thread);
        }
    }

    /// Closes the own messages sent at or before this time, and forgets those that are over. `sent_until_ns` is on the clock
    /// of the board.
    fn prune(&mut self, sent_until_ns: u64, thread: &ThreadState) {
        let (Some(board), Some(dialogue), Some(own)) =
            (&thread.board, &thread.dialogue, &mut self.dialogue)
        else {
            return;
        };
        let (Some(rooms), Some(sender)) = (&mut own.rooms, dialogue.sender(self.id)) else {
            return;
        };
        let client = self.id;
        let failed = &mut self.failed;
        let sent = &mut own.sent;
        let (open, oldest_ns) = board.prune(
            sender,
            sent_until_ns,
            |publication| {
                if !publication.message.number.is_warmup() {
                    *failed += u64::from(!dialogue.has_reply(publication));
                    let mut recorder = thread.recorder.borrow_mut();
                    record_incomplete(publication, board, &mut recorder, thread);
                }
            },
            |number| {
                let scenario = &dialogue.scenario;
                let kind = scenario.message_type(&dialogue.padding, client, number.bits());
                // A reply may come after all deliveries, and is found by the id of its message.
                if !scenario.messages[kind].has_reply() {
                    sent.end(number);
                }
            },
        );
        (rooms.open, rooms.oldest_ns) = (open, oldest_ns);
    }

    /// Returns true when no message of the client is on its way.
    pub(super) fn is_all_delivered(&self) -> bool {
        let rooms = self.dialogue.as_ref().and_then(|own| own.rooms.as_ref());
        rooms.is_none_or(|rooms| rooms.open == 0)
    }

    /// Next time, on the thread's clock, at which own messages have to be looked at. `is_draining`: their completion by
    /// other threads is awaited.
    pub(super) fn next_closing(&self, now_ns: u64, is_draining: bool, thread: &ThreadState) -> u64 {
        let rooms = self.dialogue.as_ref().and_then(|own| own.rooms.as_ref());
        match rooms.filter(|rooms| rooms.open > 0) {
            None => u64::MAX,
            Some(_) if is_draining => now_ns.saturating_add(LOOK_AGAIN_NS),
            Some(rooms) => {
                let sent_ns = rooms.oldest_ns.saturating_sub(thread.board_offset_ns);
                sent_ns.saturating_add(thread.rules.timeout_ns + CLOSING_GRACE_NS)
            }
        }
    }

    /// Ends the wait for the own messages that are on their way.
    #[cold]
    pub(super) fn finalize_publications(&mut self, thread: &ThreadState) {
        self.retract_unsent(thread);
        if self.is_all_delivered() {
            return;
        }
        if thread.command.stop {
            // What is missing after the timeout is missing.
            let now_ns = thread.on_board(thread.clock.now_ns());
            self.prune(now_ns.saturating_sub(thread.rules.timeout_ns), thread);
            if let Some(sender) = self.sender(thread) {
                thread.abandon_publications(sender);
            }
        }
        self.prune(u64::MAX - 1, thread);
    }

    /// Number of the client among those that send the load; `None` for one that only listens.
    fn sender(&self, thread: &ThreadState) -> Option<u32> {
        thread.dialogue.as_ref()?.sender(self.id)
    }

    /// Hands own messages that are on their way over to the thread, because the connection has ended; they may still arrive.
    /// Removes the client from its rooms.
    #[cold]
    pub(super) fn leave_rooms(&mut self, thread: &ThreadState) {
        self.retract_unsent(thread);
        let now_ns = thread.on_board(thread.clock.now_ns());
        let (Some(board), Some(dialogue), Some(own)) =
            (&thread.board, &thread.dialogue, &mut self.dialogue)
        else {
            return;
        };
        let Some(rooms) = own.rooms.take() else {
            return;
        };
        let mut published = 0;
        for place in rooms.places.into_iter().flatten() {
            published += board.leave(place, now_ns);
        }
        let is_slow = board.is_slow_group(dialogue.group(self.id, own.state.role()));
        if published > rooms.to_others && rooms.arrived == 0 && !is_slow {
            let mut recorder = thread.recorder.borrow_mut();
            if let Some(fan_out) = &mut recorder.fan_out {
                fan_out.record.unreached.push(self.id);
            }
        }
        if let Some(sender) = dialogue.sender(self.id).filter(|_| rooms.open > 0) {
            thread.orphans.borrow_mut().push(sender);
        }
    }

    /// The client's number, if messages of the warm-up were sent to its rooms early enough to arrive, and none has.
    #[cold]
    pub(crate) fn unreached(&self, thread: &ThreadState) -> Option<u32> {
        let own = self.dialogue.as_ref()?;
        let (rooms, board, run) = (own.rooms.as_ref()?, thread.board.as_ref()?, thread.run?);
        let until_ns = thread.on_board(run.t0_ns).saturating_sub(EARLY_ENOUGH_NS);
        let mut places = rooms.places.iter().flatten();
        let has_messages = places.any(|place| board.has_warmup_messages(*place, until_ns));
        (has_messages && !rooms.is_reached).then_some(self.id)
    }
}

impl ClientRooms {
    /// Notes the order of a delivery. Returns true when one of a later message of the same publisher came before it.
    fn is_overtaken(&mut self, delivery: RecognisedDelivery, dialogue: &Dialogue) -> bool {
        if dialogue.order_is_unknown {
            return false;
        }
        let place = dialogue.sender_place(delivery.publisher);
        if place >= self.newest.len() {
            self.newest.resize(place + 1, 0);
        }
        let order = delivery.number.order() + 1;
        let is_overtaken = order < self.newest[place];
        self.newest[place] = self.newest[place].max(order);
        is_overtaken
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

/// Counts the deliveries that are expected of a message that was sent.
fn expect(publication: &Publication, recorder: &mut Recorder) {
    if publication.message.is_of_slow {
        return;
    }
    let expected = &publication.expected;
    let message = &publication.message;
    let sent_ns = message.sent_ns - message.t0_ns;
    if let Some(fan_out) = &mut recorder.fan_out {
        fan_out.published(sent_ns, u64::from(expected.others));
        let groups = fan_out.record.roles.iter_mut().zip(&expected.by_group);
        groups.for_each(|(role, n)| role.expected += u64::from(*n));
    }
    if let Some(slow) = &mut recorder.slow {
        slow.receivers.expected += u64::from(expected.slow);
        slow.neighbours(sent_ns).expected += u64::from(expected.others);
    }
}

/// Records a first arrival in time.
#[inline]
fn record_delivered(
    publication: &Publication,
    role: usize,
    is_slow: bool,
    outcome: DeliveryOutcome,
    now_ns: u64,
    thread: &ThreadState,
) {
    let message = &publication.message;
    if message.is_of_slow {
        return;
    }
    let intended_ns = message.intended_ns.saturating_sub(message.t0_ns);
    let sent_ns = message.sent_ns - message.t0_ns;
    let received_ns = now_ns.saturating_sub(message.t0_ns);
    let mut recorder = thread.recorder.borrow_mut();
    let recorder = &mut *recorder;
    if let Some(slow) = &mut recorder.slow {
        let delivery_ns = received_ns.saturating_sub(sent_ns);
        if is_slow {
            let response_ns = received_ns.saturating_sub(intended_ns);
            return slow.receivers.delivered(delivery_ns, response_ns);
        }
        let phase = slow.neighbours(sent_ns);
        phase.delivered += 1;
        phase.delivery.record(delivery_ns);
    }
    if let Some(fan_out) = &mut recorder.fan_out {
        if publication.expected.is_queue
            && let Some(role) = fan_out.record.roles.get_mut(role)
        {
            role.expected += 1;
        }
        fan_out.delivered(role, intended_ns, sent_ns, received_ns);
        let reordered = outcome == DeliveryOutcome::Reordered;
        fan_out.record.counts.reordered += u64::from(reordered);
    }
}

/// Records a message that has just reached its last receiver.
fn record_complete(publication: &Publication, dialogue: &Dialogue, thread: &ThreadState) {
    let mut times = thread.delivery_times.borrow_mut();
    let Some([first_ns, median_ns, last_ns]) = publication.delivery_times(&mut times) else {
        return;
    };
    let message = &publication.message;
    let complete = CompleteMessage {
        intended_ns: message.intended_ns.saturating_sub(message.t0_ns),
        sent_ns: message.sent_ns - message.t0_ns,
        first_ns,
        median_ns,
        last_ns,
    };
    let mut recorder = thread.recorder.borrow_mut();
    let recorder = &mut *recorder;
    let is_counted = !message.is_of_slow;
    if let Some(fan_out) = recorder.fan_out.as_mut().filter(|_| is_counted) {
        fan_out.complete(&complete);
        let sample = publication_sample(publication, Some([first_ns, median_ns, last_ns]));
        fan_out.keep_publication(&thread.budget, sample);
    }
    if let Some(slow) = recorder.slow.as_mut().filter(|_| is_counted) {
        slow.neighbours(complete.sent_ns).complete(&complete);
    }
    if !dialogue.has_reply(publication) {
        let received_ns = complete.sent_ns + last_ns;
        end_message(publication, received_ns, Outcome::Ok, recorder, thread);
    }
}

/// Records a message that did not reach all of its receivers.
fn record_incomplete(
    publication: &Publication,
    board: &PublicationBoard,
    recorder: &mut Recorder,
    thread: &ThreadState,
) {
    let times = publication.delivery_times(&mut thread.delivery_times.borrow_mut());
    let is_counted = !publication.message.is_of_slow;
    if let Some(fan_out) = recorder.fan_out.as_mut().filter(|_| is_counted) {
        fan_out.record.counts.incomplete += 1;
        let sample = publication_sample(publication, times);
        fan_out.keep_publication(&thread.budget, sample);
        for subscriber in board.missing(publication) {
            let outcome = DeliveryOutcome::Missing;
            let sample = delivery_sample(subscriber, publication, outcome, 0);
            fan_out.keep_delivery(&thread.budget, sample);
        }
        let expected = &publication.expected;
        if expected.is_queue
            && let Some(role) = fan_out.record.roles.get_mut(expected.queue_group)
        {
            role.expected += u64::from(expected.others);
        }
    }
    let dialogue = thread.dialogue.as_ref();
    if dialogue.is_some_and(|dialogue| !dialogue.has_reply(publication)) {
        end_message(publication, 0, Outcome::Incomplete, recorder, thread);
    }
}

/// Records the end of a message without a reply. `received_ns`: since T0.
fn end_message(
    publication: &Publication,
    received_ns: u64,
    outcome: Outcome,
    recorder: &mut Recorder,
    thread: &ThreadState,
) {
    let message = &publication.message;
    let since_t0 = |ns: u64| ns.saturating_sub(message.t0_ns);
    let mut sample = Sample::echoed(
        message.publisher,
        message.number.index(),
        since_t0(message.intended_ns),
        since_t0(message.sent_ns),
        received_ns,
        outcome,
    );
    sample.kind = message.kind;
    sample.over_stop = message.sent_ns < thread.on_board(thread.last_stop_end_ns.get());
    let is_open_loop = thread.rules.open_loop.is_some();
    if message.is_of_slow {
        return record_slow(recorder, |slow| slow.messages.ended(&sample, is_open_loop));
    }
    if let Some(response_ns) = sample.response_time_ns().filter(|_| is_open_loop) {
        recorder.punctual_response(response_ns.saturating_sub(message.lateness_ns));
    }
    recorder.ended(&thread.budget, sample, message.size);
    if let Some(figures) = &mut recorder.scenario {
        let role = thread.role(message.publisher);
        figures.ended(&sample, role, is_open_loop);
    }
}

/// Takes back what has not arrived of a message of a run that the user interrupts.
fn abandon(
    publication: &Publication,
    board: &PublicationBoard,
    dialogue: &Dialogue,
    recorder: &mut Recorder,
) {
    let message = &publication.message;
    if message.is_of_slow {
        return;
    }
    let sent_ns = message.sent_ns - message.t0_ns;
    let missing = u64::from(publication.expected.others - publication.delivered());
    let (slow_clients, others): (Vec<_>, Vec<_>) = board
        .missing(publication)
        .into_iter()
        .map(|client| (client, dialogue.role(client)))
        .partition(|(client, role)| board.is_slow_group(dialogue.group(*client, *role)));
    if let Some(fan_out) = &mut recorder.fan_out {
        fan_out.not_awaited(sent_ns, missing);
        for (_, role) in others {
            if let Some(role) = fan_out.record.roles.get_mut(role) {
                role.expected = role.expected.saturating_sub(1);
            }
        }
    }
    if let Some(slow) = &mut recorder.slow {
        slow.receivers.expected -= (slow_clients.len() as u64).min(slow.receivers.expected);
        let phase = slow.neighbours(sent_ns);
        phase.expected = phase.expected.saturating_sub(missing);
    }
    if publication.delivered() == 0 {
        board.take_back(publication);
    }
    recorder.counts.abandoned += u64::from(!dialogue.has_reply(publication));
}

fn publication_sample(publication: &Publication, times: Option<[u64; 3]>) -> PublicationSample {
    let message = &publication.message;
    PublicationSample {
        client: message.publisher,
        message: message.number.index(),
        sent_ns: message.sent_ns - message.t0_ns,
        expected: publication.expected.others,
        delivered: publication.delivered(),
        first_ns: times.map(|[first, _, _]| first),
        median_ns: times.map(|[_, median, _]| median),
        last_ns: times.map(|[_, _, last]| last),
    }
}

fn delivery_sample(
    subscriber: u32,
    publication: &Publication,
    outcome: DeliveryOutcome,
    now_ns: u64,
) -> DeliverySample {
    let message = &publication.message;
    DeliverySample {
        publisher: message.publisher,
        message: message.number.index(),
        subscriber,
        outcome,
        intended_ns: message.intended_ns.saturating_sub(message.t0_ns),
        sent_ns: message.sent_ns - message.t0_ns,
        received_ns: now_ns.saturating_sub(message.t0_ns),
    }
}

#[inline]
fn keep_sample(
    subscriber: u32,
    publication: &Publication,
    outcome: DeliveryOutcome,
    now_ns: u64,
    thread: &ThreadState,
) {
    if publication.message.is_of_slow {
        return;
    }
    let mut recorder = thread.recorder.borrow_mut();
    if let Some(fan_out) = &mut recorder.fan_out {
        let sample = delivery_sample(subscriber, publication, outcome, now_ns);
        fan_out.keep_delivery(&thread.budget, sample);
    }
}

/// Counts a delivery that is not the first one in time.
#[cold]
fn count_other(outcome: DeliveryOutcome, thread: &ThreadState) {
    let mut recorder = thread.recorder.borrow_mut();
    let Some(fan_out) = &mut recorder.fan_out else {
        return;
    };
    let counts = &mut fan_out.record.counts;
    match outcome {
        DeliveryOutcome::Late => counts.late += 1,
        DeliveryOutcome::Duplicated => counts.duplicated += 1,
        DeliveryOutcome::Corrupted => counts.corrupted += 1,
        DeliveryOutcome::Unexpected => counts.unexpected += 1,
        DeliveryOutcome::Ok | DeliveryOutcome::Reordered | DeliveryOutcome::Missing => {}
    }
}

/// Records a delivery to a client that should not get the message.
#[cold]
fn record_unexpected(client: u32, delivery: RecognisedDelivery, thread: &ThreadState) {
    let is_measured = thread
        .run
        .is_some_and(|run| delivery.received_ns >= run.t0_ns);
    if !is_measured {
        return;
    }
    count_other(DeliveryOutcome::Unexpected, thread);
    let mut recorder = thread.recorder.borrow_mut();
    if let (Some(fan_out), Some(run)) = (&mut recorder.fan_out, thread.run) {
        let received_ns = delivery.received_ns - run.t0_ns;
        fan_out.keep_delivery(
            &thread.budget,
            DeliverySample {
                publisher: delivery.publisher,
                message: delivery.number.index(),
                subscriber: client,
                outcome: DeliveryOutcome::Unexpected,
                // The message is not known here.
                intended_ns: received_ns,
                sent_ns: received_ns,
                received_ns,
            },
        );
    }
}

impl ThreadState {
    /// Returns true for a message without a reply.
    pub(super) fn ends_by_delivery(&self, message: &InFlightMessage) -> bool {
        let dialogue = self.dialogue.as_ref();
        dialogue
            .is_some_and(|dialogue| !dialogue.scenario.messages[message.shape.kind()].has_reply())
    }

    /// A time of this thread's clock on the clock of the board, in nanoseconds.
    #[inline]
    pub(crate) fn on_board(&self, ns: u64) -> u64 {
        ns.saturating_add(self.board_offset_ns)
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

    /// Closes messages of senders whose connection has ended.
    #[cold]
    pub(crate) fn close_orphans(&self) {
        let Some(board) = &self.board else {
            return;
        };
        let now_ns = self.on_board(self.clock.now_ns());
        let expired_ns = now_ns.saturating_sub(self.rules.timeout_ns);
        let prune = |sender, until_ns| {
            let incomplete = |publication: &Publication| {
                if !publication.message.number.is_warmup() {
                    let mut recorder = self.recorder.borrow_mut();
                    record_incomplete(publication, board, &mut recorder, self);
                }
            };
            board.prune(sender, until_ns, incomplete, |_| {}).0
        };
        self.orphans.borrow_mut().retain(|sender| {
            if self.command.stop {
                prune(*sender, expired_ns);
                self.abandon_publications(*sender);
                return prune(*sender, u64::MAX - 1) > 0;
            }
            prune(*sender, expired_ns.saturating_sub(CLOSING_GRACE_NS)) > 0
        });
    }

    /// Leaves what has not arrived of the messages of a sender out of all figures, because the user interrupts the run.
    fn abandon_publications(&self, sender: u32) {
        let (Some(board), Some(dialogue)) = (&self.board, &self.dialogue) else {
            return;
        };
        let mut recorder = self.recorder.borrow_mut();
        for publication in board.open_messages(sender) {
            if publication.is_over() || !publication.close() {
                continue;
            }
            publication.set_over();
            if !publication.message.number.is_warmup() {
                abandon(&publication, board, dialogue, &mut recorder);
            }
        }
    }
}

/// Messages that were delivered lately, found without a lock.
#[derive(Debug)]
pub(crate) struct RecentPublications(Box<[Option<Arc<Publication>>]>);

/// Number of messages kept: a power of two.
const RECENT: usize = 256;

impl Default for RecentPublications {
    fn default() -> Self {
        Self(vec![None; RECENT].into_boxed_slice())
    }
}

impl RecentPublications {
    #[inline]
    fn slot(publisher: u32, number: MessageNumber) -> usize {
        let mixed = number
            .bits()
            .wrapping_add(u64::from(publisher).wrapping_mul(0x9E37_79B9));
        // Below `RECENT`.
        #[allow(clippy::cast_possible_truncation)]
        let slot = mixed as usize % RECENT;
        slot
    }

    #[inline]
    fn get(&self, publisher: u32, number: MessageNumber) -> Option<&Arc<Publication>> {
        let slot = &self.0[Self::slot(publisher, number)];
        slot.as_ref()
            .filter(|one| one.message.publisher == publisher && one.message.number == number)
    }

    fn put(&mut self, publication: Arc<Publication>) {
        let message = &publication.message;
        let slot = Self::slot(message.publisher, message.number);
        self.0[slot] = Some(publication);
    }
}
