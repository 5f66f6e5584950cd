//! Rooms of a run and the messages on their way to their members, shared by all threads of a process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::publication::{ExpectedReceivers, MemberPlace, Publication, PublishedMessage};
use super::publisher_queue::PublisherQueue;
use super::room_members::{ExitCause, RoomMembers};
use crate::clock::Clock;
use crate::handle::lock;
use crate::message::payload::MessageNumber;

/// Memory for incomplete messages of all publishers, in bytes. They are kept to tell a late arrival from a second one.
const INCOMPLETE_BYTES: usize = 64 << 20;

/// Time after the timeout at which a message is closed, in nanoseconds. Arrivals in time may be noted that much later.
pub(crate) const CLOSING_GRACE_NS: u64 = 250_000_000;

/// Number of messages of one publisher below which those that are over are removed only from the front.
const FEW_OPEN: usize = 64;

/// Place of a client in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoomPlace {
    pub(crate) room: usize,
    pub(crate) member: MemberPlace,
    group: usize,
    /// Measured messages published before it joined.
    published_before: u64,
}

/// Receivers of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Audience {
    pub(crate) room: usize,
    /// Any one of the members gets the message.
    pub(crate) is_queue: bool,
    /// Place of the sender, when it is a member that does not get its own message.
    pub(crate) without: Option<RoomPlace>,
}

/// A message that an arrival names.
#[derive(Debug)]
pub(crate) enum FoundMessage {
    /// A message on its way, or that has just become complete, or that was closed as incomplete.
    Known(Arc<Publication>),
    /// A message that has reached all of its receivers.
    Complete,
    /// A message that is not kept any more and may have been incomplete.
    Dropped,
    /// No such message was sent.
    Unknown,
}

/// Rooms, and messages on their way.
#[derive(Debug)]
pub(crate) struct PublicationBoard {
    origin: Instant,
    rooms: Vec<Mutex<RoomMembers>>,
    /// By the number of the sender.
    publishers: Vec<Mutex<PublisherQueue>>,
    /// Index of the group of slow readers.
    slow_group: usize,
    /// Exits by plan from all rooms so far.
    planned_exits: AtomicU64,
    /// Latest arrival that a thread has noted, in nanoseconds.
    last_arrival_ns: AtomicU64,
    /// Maximum memory for the incomplete messages of one publisher, in bytes.
    incomplete_bytes: usize,
}

impl PublicationBoard {
    /// A board for this many rooms, senders, and groups of receivers, the last of which holds slow readers.
    pub(crate) fn new(rooms: usize, senders: usize, groups: usize) -> Self {
        let members = || Mutex::new(RoomMembers::new(groups));
        Self {
            origin: Instant::now(),
            rooms: (0..rooms).map(|_| members()).collect(),
            publishers: (0..senders).map(|_| Mutex::default()).collect(),
            slow_group: groups - 1,
            planned_exits: AtomicU64::new(0),
            last_arrival_ns: AtomicU64::new(0),
            incomplete_bytes: INCOMPLETE_BYTES / senders.max(1),
        }
    }

    /// Time to add to that of a thread's clock for the time on the clock of the board, in nanoseconds.
    pub(crate) fn offset_ns(&self, clock: Clock) -> u64 {
        // Threads start after the board was made.
        let origin = clock.instant_at(0);
        crate::clock::nanoseconds(origin.saturating_duration_since(self.origin))
    }

    /// Notes an arrival at a client of a thread, and returns the latest one at those of all threads.
    pub(crate) fn note_arrival(&self, at_ns: u64) -> u64 {
        let before_ns = self.last_arrival_ns.fetch_max(at_ns, Ordering::Relaxed);
        before_ns.max(at_ns)
    }

    /// Adds a client that is ready to receive. `group` is the index of its role, or that of slow readers.
    pub(crate) fn join(&self, room: usize, client: u32, group: usize) -> RoomPlace {
        let mut state = lock(&self.rooms[room]);
        RoomPlace {
            room,
            member: state.join(client, group),
            group,
            published_before: state.published,
        }
    }

    /// Removes a client whose connection has ended. Returns the number of measured messages that were published to all
    /// members in the meantime. Where the end was planned, publishers must [excuse](Self::excuse_exits) their messages.
    pub(crate) fn leave(&self, at: RoomPlace, cause: ExitCause) -> u64 {
        let mut state = lock(&self.rooms[at.room]);
        state.leave(at.member, at.group, cause);
        if cause.is_planned {
            self.planned_exits.fetch_add(1, Ordering::Release);
        }
        state.published.saturating_sub(at.published_before)
    }

    /// Returns true when a message of the warm-up was sent to all members, after this one joined and by this time.
    pub(crate) fn has_warmup_messages(&self, at: RoomPlace, until_ns: u64) -> bool {
        let state = lock(&self.rooms[at.room]);
        // A member that joined behind the first message may have missed it.
        let first = state.first_warmup;
        first.is_some_and(|(joined, ns)| at.member.join < joined && ns <= until_ns)
    }

    /// Returns true when the member of a room was expected to get a message that is not kept any more.
    pub(crate) fn had_joined(&self, sender: u32, number: MessageNumber, at: RoomPlace) -> bool {
        let queue = lock(&self.publishers[sender as usize]);
        at.member.join < queue.joins_before(number.order(), self.is_everybody(at.room))
    }

    /// Returns true for the room that holds all receivers.
    fn is_everybody(&self, room: usize) -> bool {
        room + 1 == self.rooms.len()
    }

    /// Adds a message that will be sent next. One with the same number that was not sent is replaced.
    pub(crate) fn publish(&self, sender: u32, message: PublishedMessage, audience: Audience) {
        let publication = Arc::new(self.publication(audience, message));
        let order = message.number.order();
        let mut queue = lock(&self.publishers[sender as usize]);
        self.remove_from(&mut queue, order);
        queue.next_order = order + 1;
        let joined = publication.expected.joined;
        queue.note_joins(order, joined, self.is_everybody(audience.room));
        queue.open.push_back(publication);
    }

    /// Removes the newest messages, from this order on, because they were not sent.
    fn remove_from(&self, queue: &mut PublisherQueue, order: u64) {
        while let Some(last) = queue.open.back()
            && last.message.number.order() >= order
        {
            queue.next_order = last.message.number.order();
            self.take_back(last);
            queue.open.pop_back();
        }
        queue.forget_joins_from(order);
    }

    /// Does not count a message as published to its room any more: it was not sent, or an interrupt ended the wait for it.
    pub(crate) fn take_back(&self, publication: &Publication) {
        let expected = &publication.expected;
        if !expected.is_queue && !publication.message.number.is_warmup() {
            let mut state = lock(&self.rooms[expected.room]);
            state.published = state.published.saturating_sub(1);
        }
    }

    fn publication(&self, audience: Audience, message: PublishedMessage) -> Publication {
        let mut state = lock(&self.rooms[audience.room]);
        let mut by_group: Box<[u32]> = state.active().into();
        let joined = state.joins();
        if !audience.is_queue {
            let is_measured = !message.number.is_warmup();
            state.published += u64::from(is_measured);
            if !is_measured {
                let first = (joined, message.sent_ns);
                state.first_warmup.get_or_insert(first);
            }
        }
        if let Some(sender) = audience.without {
            by_group[sender.group] -= 1;
        }
        let queue_group = by_group.iter().position(|members| *members > 0);
        if audience.is_queue {
            by_group.fill(0);
        }
        let slow = by_group.get(self.slow_group).copied().unwrap_or(0);
        let others = if audience.is_queue {
            u32::from(queue_group.is_some())
        } else {
            by_group.iter().sum::<u32>() - slow
        };
        let expected = ExpectedReceivers {
            joined,
            slots: state.slots(),
            others,
            by_group,
            slow,
            is_queue: audience.is_queue,
            queue_group: queue_group.unwrap_or(0),
            room: audience.room,
            without: audience.without.map(|sender| sender.member.slot),
            had_planned_exits: state.had_planned_exits(),
        };
        let absent = if audience.is_queue {
            &[]
        } else {
            state.absent()
        };
        Publication::new(message, expected, absent)
    }

    /// A message that a sender has published.
    pub(crate) fn find(&self, sender: u32, number: MessageNumber) -> FoundMessage {
        let Some(queue) = self.publishers.get(sender as usize) else {
            return FoundMessage::Unknown;
        };
        let queue = lock(queue);
        let order = number.order();
        if order >= queue.next_order {
            return FoundMessage::Unknown;
        }
        for list in [&queue.open, &queue.incomplete] {
            let found = list.binary_search_by_key(&order, |one| one.message.number.order());
            if let Ok(place) = found {
                return FoundMessage::Known(Arc::clone(&list[place]));
            }
        }
        if order < queue.dropped_until {
            FoundMessage::Dropped
        } else {
            FoundMessage::Complete
        }
    }

    /// The message that a sender has just begun to send.
    pub(crate) fn sent(&self, sender: u32, number: MessageNumber) -> Option<Arc<Publication>> {
        match self.find(sender, number) {
            FoundMessage::Known(publication) => Some(publication),
            _ => None,
        }
    }

    /// The messages of a sender that are on their way.
    pub(crate) fn open_messages(&self, sender: u32) -> Vec<Arc<Publication>> {
        let queue = lock(&self.publishers[sender as usize]);
        queue.open.iter().cloned().collect()
    }

    /// Removes the newest messages of a sender, from this one on, because they were not sent.
    pub(crate) fn retract(&self, sender: u32, from: MessageNumber) {
        let mut queue = lock(&self.publishers[sender as usize]);
        self.remove_from(&mut queue, from.order());
    }

    /// Removes the messages of a sender that are over and for which no slow reader is awaited, and closes those that were
    /// sent at or before `sent_until_ns`. Calls `incomplete` for each that is closed while arrivals are missing, and
    /// `removed` for each that is removed. Returns the number of those left, and the send time of the oldest of them.
    pub(crate) fn prune(
        &self,
        sender: u32,
        sent_until_ns: u64,
        mut incomplete: impl FnMut(&Publication),
        mut removed: impl FnMut(&Publication),
    ) -> (usize, u64) {
        let mut queue = lock(&self.publishers[sender as usize]);
        while let Some(oldest) = queue.open.front() {
            let is_expired = oldest.message.sent_ns <= sent_until_ns;
            if !oldest.is_settled() && !is_expired {
                break;
            }
            removed(oldest);
            if !oldest.is_over() && oldest.close() {
                incomplete(oldest);
                oldest.set_over();
                let oldest = queue.open.pop_front();
                queue.keep_incomplete(oldest, self.incomplete_bytes);
            } else {
                oldest.await_record();
                queue.open.pop_front();
            }
        }
        if queue.open.len() > FEW_OPEN {
            queue.open.retain(|one| {
                let is_settled = one.is_settled();
                if is_settled {
                    removed(one);
                }
                !is_settled
            });
        }
        queue.open_and_oldest()
    }

    /// Members of its room that should have got this message and did not, by their numbers; none of a queue.
    pub(crate) fn missing(&self, publication: &Publication) -> Vec<u32> {
        let expected = &publication.expected;
        if expected.is_queue {
            return Vec::new();
        }
        lock(&self.rooms[expected.room]).missing(publication)
    }

    /// Takes deliveries of a sender's messages out of the expected ones, because their receivers have left by plan since
    /// the last call. Calls `excused` for each, with the group of the receiver, and true when the message has thereby
    /// reached all others.
    pub(crate) fn excuse_exits(
        &self,
        sender: u32,
        mut excused: impl FnMut(&Publication, usize, bool),
    ) {
        let planned = self.planned_exits.load(Ordering::Acquire);
        if planned == 0 {
            return;
        }
        let mut queue = lock(&self.publishers[sender as usize]);
        if queue.excused_at.0 == planned {
            return;
        }
        queue.excused_at.0 = planned;
        let PublisherQueue {
            open, excused_at, ..
        } = &mut *queue;
        for (to_everybody, next) in [false, true].into_iter().zip(&mut excused_at.1) {
            let mut of_audience = open
                .iter()
                .filter(|one| self.is_everybody(one.expected.room) == to_everybody)
                .peekable();
            let Some(first) = of_audience.peek() else {
                continue;
            };
            let exits = lock(&self.rooms[first.expected.room]).planned_exits_from(next);
            for publication in of_audience.filter(|one| !one.is_over() || one.expected.slow > 0) {
                for exit in exits.iter().filter(|exit| exit.is_of_receiver(publication)) {
                    if publication.expected.is_queue {
                        if exit.left_ns > publication.message.sent_ns {
                            publication.set_excusable();
                        }
                        continue;
                    }
                    let is_slow = exit.group == self.slow_group;
                    if let Some(completes) = publication.excuse(exit.slot(), is_slow) {
                        excused(publication, exit.group, completes);
                    }
                }
            }
        }
    }

    /// Excuses what never arrives of the open messages of a sender, which may have been lost with its connection.
    pub(crate) fn excuse_lost(&self, sender: u32) {
        let queue = lock(&self.publishers[sender as usize]);
        queue.open.iter().for_each(|one| one.set_excusable());
    }

    /// Number of the messages of a sender that are on their way, and the send time of the oldest of them.
    pub(crate) fn open(&self, sender: u32) -> (usize, u64) {
        lock(&self.publishers[sender as usize]).open_and_oldest()
    }
}

#[cfg(test)]
mod tests {
    use super::super::publication::{ArrivalMeaning, published};
    use super::super::publisher_queue::MAX_KEPT_JOINS;
    use super::*;

    const ROOM: Audience = Audience {
        room: 0,
        is_queue: false,
        without: None,
    };

    fn exit(at_ns: u64, is_planned: bool) -> ExitCause {
        ExitCause {
            at_ns,
            is_planned,
            kept_ns: 1_000,
        }
    }

    /// The server has ended the connection.
    fn lost(at_ns: u64) -> ExitCause {
        exit(at_ns, false)
    }

    /// The client has ended the connection.
    fn planned(at_ns: u64) -> ExitCause {
        exit(at_ns, true)
    }

    /// Excuses the deliveries of the only sender. Returns number, group and completion of each.
    fn excuse(board: &PublicationBoard) -> Vec<(u64, usize, bool)> {
        let mut all = Vec::new();
        board.excuse_exits(0, |one, group, completes| {
            all.push((one.message.number.index(), group, completes));
        });
        all
    }

    fn find(board: &PublicationBoard, number: u64) -> FoundMessage {
        board.find(0, MessageNumber::measured(number))
    }

    fn known(board: &PublicationBoard, number: u64) -> Arc<Publication> {
        match find(board, number) {
            FoundMessage::Known(publication) => publication,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn those_that_join_later_or_have_left_are_not_expected() {
        let board = PublicationBoard::new(1, 1, 2);
        let places: Vec<_> = (0..3).map(|client| board.join(0, client, 0)).collect();
        board.leave(places[1], lost(10));
        board.publish(0, published(9, 0, 20), ROOM);
        let late = board.join(0, 3, 0);
        let message = known(&board, 0);
        assert_eq!((message.expected.joined, message.expected.others), (3, 2));
        let arrive = |place: RoomPlace| message.arrive(place.member, false, 30, 100);
        assert_eq!(arrive(late), ArrivalMeaning::NotExpected);
        assert_eq!(
            arrive(places[0]),
            ArrivalMeaning::First { completes: false }
        );
        assert_eq!(board.missing(&message), [2]);
        assert_eq!(arrive(places[2]), ArrivalMeaning::First { completes: true });
        assert_eq!(board.leave(late, lost(40)), 0);
    }

    #[test]
    fn a_receiver_that_leaves_in_mid_message_stays_expected() {
        let board = PublicationBoard::new(1, 1, 2);
        let place = board.join(0, 5, 0);
        board.publish(0, published(9, 0, 20), ROOM);
        board.leave(place, lost(21));
        let message = known(&board, 0);
        assert_eq!(message.expected.others, 1);
        assert_eq!(board.missing(&message), [5]);
    }

    #[test]
    fn the_sender_may_be_left_out() {
        let board = PublicationBoard::new(1, 1, 2);
        let sender = board.join(0, 0, 0);
        board.join(0, 1, 0);
        let without = Some(sender);
        board.publish(0, published(0, 0, 20), Audience { without, ..ROOM });
        let message = known(&board, 0);
        assert_eq!(message.expected.others, 1);
        assert_eq!(board.missing(&message), [1]);
    }

    #[test]
    fn a_queue_of_the_sender_alone_has_nobody_else() {
        let board = PublicationBoard::new(1, 1, 2);
        let without = Some(board.join(0, 0, 0));
        let queue = Audience {
            without,
            is_queue: true,
            ..ROOM
        };
        board.publish(0, published(0, 0, 20), queue);
        assert_eq!(known(&board, 0).expected.others, 0);
        board.join(0, 1, 0);
        board.publish(0, published(0, 1, 30), queue);
        let message = known(&board, 1);
        assert_eq!((message.expected.others, message.expected.joined), (1, 2));
        assert!(board.missing(&message).is_empty());
    }

    #[test]
    fn a_message_from_before_the_joining_is_known_when_it_is_over() {
        let board = PublicationBoard::new(2, 1, 2);
        let first = board.join(0, 1, 0);
        let publish = |number| board.publish(0, published(9, number, 20), ROOM);
        let had = |number, at| board.had_joined(0, MessageNumber::measured(number), at);
        (0..3).for_each(publish);
        let late = board.join(0, 2, 0);
        // Message 2 was not sent yet, and is registered anew.
        publish(2);
        publish(3);
        assert!(had(0, first) && had(3, first));
        assert!(!had(0, late) && !had(1, late));
        assert!(had(2, late) && had(3, late));
        board.retract(0, MessageNumber::measured(1));
        publish(1);
        assert!(had(1, late));
    }

    #[test]
    fn messages_that_were_not_sent_reach_nobody() {
        let board = PublicationBoard::new(1, 1, 2);
        let place = board.join(0, 1, 0);
        for number in [0, 1, 1, 2] {
            board.publish(0, published(9, number, 20), ROOM);
        }
        let others = [board.join(0, 2, 0), board.join(0, 3, 0)];
        assert_eq!(board.leave(others[0], lost(25)), 0);
        board.retract(0, MessageNumber::measured(1));
        board.take_back(&known(&board, 0));
        assert_eq!(board.leave(place, lost(30)), 0);
    }

    #[test]
    fn messages_that_slow_readers_lack_are_kept_until_the_timeout() {
        let board = PublicationBoard::new(1, 1, 2);
        let fast = board.join(0, 1, 0);
        let slow = board.join(0, 2, 1);
        board.publish(0, published(9, 0, 20), ROOM);
        let message = known(&board, 0);
        assert_eq!((message.expected.others, message.expected.slow), (1, 1));
        message.arrive(fast.member, false, 25, 100);
        message.set_over();
        let prune = |until_ns| board.prune(0, until_ns, |_| panic!("complete"), |_| {}).0;
        assert_eq!(prune(0), 1);
        message.arrive(slow.member, true, 26, 100);
        assert_eq!(prune(0), 0);
        board.publish(0, published(9, 1, 30), ROOM);
        let message = known(&board, 1);
        message.arrive(fast.member, false, 35, 100);
        message.set_over();
        assert_eq!((prune(29), prune(30)), (1, 0));
    }

    #[test]
    fn a_complete_message_behind_one_that_was_dropped_is_still_known_as_complete() {
        let mut board = PublicationBoard::new(1, 1, 2);
        board.incomplete_bytes = 1;
        let place = board.join(0, 1, 0);
        for number in 0..4 {
            board.publish(0, published(9, number, 20), ROOM);
        }
        let message = known(&board, 3);
        message.arrive(place.member, false, 25, 100);
        message.set_over();
        board.prune(0, 20, |_| {}, |_| {});
        assert!(matches!(find(&board, 1), FoundMessage::Dropped));
        assert!(matches!(find(&board, 2), FoundMessage::Known(_)));
        assert!(matches!(find(&board, 3), FoundMessage::Complete));
    }

    #[test]
    fn messages_that_were_not_sent_are_replaced_or_retracted() {
        let board = PublicationBoard::new(1, 1, 2);
        board.join(0, 1, 0);
        for sent_ns in [20, 30] {
            for number in 0..3 {
                board.publish(0, published(9, number, sent_ns), ROOM);
            }
        }
        assert_eq!(known(&board, 0).message.sent_ns, 30);
        board.retract(0, MessageNumber::measured(1));
        assert!(matches!(find(&board, 1), FoundMessage::Unknown));
        let (left, oldest_ns) = board.prune(0, 0, |_| panic!("not expired"), |_| {});
        assert_eq!((left, oldest_ns), (1, 30));
    }

    #[test]
    fn closed_messages_tell_a_late_arrival_from_a_second_one() {
        let board = PublicationBoard::new(1, 1, 2);
        let places = [board.join(0, 1, 0), board.join(0, 2, 0)];
        board.publish(0, published(9, 0, 20), ROOM);
        known(&board, 0).arrive(places[0].member, false, 25, 100);
        let mut incomplete = 0;
        let (left, _) = board.prune(0, 20, |_| incomplete += 1, |_| {});
        assert_eq!((left, incomplete), (0, 1));
        let message = known(&board, 0);
        let arrive = |place: RoomPlace| message.arrive(place.member, false, 30, 100);
        assert_eq!(
            (arrive(places[0]), arrive(places[1])),
            (ArrivalMeaning::Again, ArrivalMeaning::Late)
        );
    }

    #[test]
    fn a_complete_message_is_forgotten_even_behind_one_that_waits() {
        let board = PublicationBoard::new(1, 1, 2);
        let place = board.join(0, 1, 0);
        for number in 0..100 {
            board.publish(0, published(9, number, 20), ROOM);
            if number > 0 {
                let message = known(&board, number);
                message.arrive(place.member, false, 25, 100);
                message.set_over();
            }
        }
        let mut removed = Vec::new();
        let (left, _) = board.prune(0, 0, |_| {}, |one| removed.push(one.message.number.index()));
        assert_eq!((left, removed.len()), (1, 99));
        assert!(matches!(find(&board, 50), FoundMessage::Complete));
        assert!(matches!(find(&board, 0), FoundMessage::Known(_)));
        assert!(matches!(find(&board, 100), FoundMessage::Unknown));
    }

    #[test]
    fn deliveries_to_one_that_left_by_plan_are_not_expected_any_more() {
        let board = PublicationBoard::new(2, 1, 3);
        let stays = board.join(0, 1, 0);
        let leaves = board.join(0, 2, 1);
        for number in 0..3 {
            board.publish(0, published(9, number, 20), ROOM);
        }
        known(&board, 0).arrive(leaves.member, false, 22, 100);
        known(&board, 1).arrive(stays.member, false, 22, 100);
        board.leave(leaves, planned(25));
        board.publish(0, published(9, 3, 30), ROOM);
        assert_eq!(excuse(&board), [(1, 1, true), (2, 1, false)]);
        assert_eq!(excuse(&board), []);
        let awaited = [0, 1, 2, 3].map(|number| known(&board, number).awaited());
        assert_eq!(awaited, [2, 1, 1, 1]);
        let missing = [0, 2, 3].map(|number| board.missing(&known(&board, number)));
        assert_eq!(missing, [[1], [1], [1]]);
        let last = known(&board, 2).arrive(stays.member, false, 40, 100);
        assert_eq!(last, ArrivalMeaning::First { completes: true });
    }

    #[test]
    fn deliveries_to_one_that_was_lost_stay_expected_although_it_comes_back_and_leaves_by_plan() {
        let board = PublicationBoard::new(2, 1, 2);
        let first = board.join(0, 1, 0);
        board.publish(0, published(9, 0, 20), ROOM);
        board.leave(first, lost(25));
        let second = board.join(0, 1, 0);
        board.publish(0, published(9, 1, 30), ROOM);
        board.leave(second, planned(35));
        assert_eq!(excuse(&board), [(1, 0, true)]);
        assert_eq!(board.missing(&known(&board, 0)), [1]);
        assert!(board.missing(&known(&board, 1)).is_empty());
    }

    #[test]
    fn one_that_comes_back_gets_what_is_sent_from_then_on() {
        let board = PublicationBoard::new(2, 1, 2);
        let before = board.join(0, 1, 0);
        board.publish(0, published(9, 0, 20), ROOM);
        board.leave(before, planned(25));
        board.publish(0, published(9, 1, 30), ROOM);
        let again = board.join(0, 1, 0);
        board.publish(0, published(9, 2, 40), ROOM);
        assert_eq!(excuse(&board), [(0, 0, true)]);
        let arrive = |number| known(&board, number).arrive(again.member, false, 45, 100);
        assert_eq!(
            [arrive(0), arrive(1), arrive(2)],
            [
                ArrivalMeaning::NotExpected,
                ArrivalMeaning::NotExpected,
                ArrivalMeaning::First { completes: true }
            ]
        );
        let others = [0, 1, 2].map(|number| known(&board, number).expected.others);
        assert_eq!(others, [1, 0, 1]);
        assert!(known(&board, 1).expected.had_planned_exits);
        assert!(!known(&board, 0).expected.had_planned_exits);
    }

    #[test]
    fn a_message_that_came_before_the_loss_is_no_duplicate_on_the_next_connection() {
        let board = PublicationBoard::new(2, 1, 2);
        let before = board.join(0, 1, 0);
        board.publish(0, published(9, 0, 20), ROOM);
        let message = known(&board, 0);
        message.arrive(before.member, false, 22, 100);
        message.set_over();
        board.leave(before, planned(25));
        let again = board.join(0, 1, 0);
        let arrival = message.arrive(again.member, false, 30, 100);
        assert_eq!(arrival, ArrivalMeaning::NotExpected);
        board.prune(0, 0, |_| panic!("complete"), |_| {});
        assert!(matches!(find(&board, 0), FoundMessage::Complete));
        let had = |at| board.had_joined(0, MessageNumber::measured(0), at);
        assert!(had(before) && !had(again));
    }

    #[test]
    fn a_client_that_comes_back_a_thousand_times_takes_one_place() {
        let board = PublicationBoard::new(2, 1, 2);
        let stays = board.join(0, 7, 0);
        let mut excused = Vec::new();
        for round in 0..1_000 {
            let at_ns = round * 100;
            let place = board.join(0, 8, 0);
            board.publish(0, published(9, round, at_ns), ROOM);
            let message = known(&board, round);
            assert_eq!((message.expected.others, message.expected.slots), (2, 2));
            message.arrive(stays.member, false, at_ns + 1, 50);
            if round % 2 == 0 {
                let last = message.arrive(place.member, false, at_ns + 2, 50);
                assert_eq!(last, ArrivalMeaning::First { completes: true });
            }
            board.leave(place, planned(at_ns + 50));
            excused.extend(excuse(&board));
            message.set_over();
            board.prune(0, 0, |_| panic!("complete"), |_| {});
        }
        let odd: Vec<_> = (0..500).map(|n| (n * 2 + 1, 0, true)).collect();
        assert_eq!(excused, odd);
        assert_eq!(board.open(0), (0, u64::MAX));
        assert!(lock(&board.rooms[0]).kept_exits() <= 12);
        assert!(lock(&board.publishers[0]).joined[0].len() <= MAX_KEPT_JOINS);
        assert!(board.had_joined(0, MessageNumber::measured(500), stays));
    }

    #[test]
    fn nobody_knows_whether_a_message_of_a_queue_was_lost_with_a_member() {
        let board = PublicationBoard::new(2, 1, 2);
        let queue = Audience {
            is_queue: true,
            ..ROOM
        };
        let places = [board.join(0, 1, 0), board.join(0, 2, 0)];
        board.publish(0, published(9, 0, 20), queue);
        board.leave(places[0], planned(25));
        board.publish(0, published(9, 1, 30), queue);
        assert_eq!(excuse(&board), []);
        assert!(known(&board, 0).is_excusable() && !known(&board, 1).is_excusable());
        let arrival = known(&board, 0).arrive(places[1].member, false, 40, 100);
        assert_eq!(arrival, ArrivalMeaning::First { completes: true });
        let arrival = known(&board, 1).arrive(places[1].member, false, 40, 100);
        assert_eq!(arrival, ArrivalMeaning::First { completes: true });
    }

    #[test]
    fn a_sender_that_leaves_does_not_excuse_the_copy_it_would_not_get() {
        let board = PublicationBoard::new(2, 1, 2);
        let sender = board.join(0, 0, 0);
        board.join(0, 1, 0);
        let without = Some(sender);
        board.publish(0, published(0, 0, 20), Audience { without, ..ROOM });
        board.leave(sender, planned(25));
        assert_eq!(excuse(&board), []);
        assert_eq!(known(&board, 0).awaited(), 1);
    }

    #[test]
    fn messages_to_a_room_and_to_all_are_excused_each() {
        let board = PublicationBoard::new(2, 1, 2);
        let all = Audience { room: 1, ..ROOM };
        let places = [board.join(0, 1, 0), board.join(1, 1, 0)];
        board.publish(0, published(9, 0, 20), ROOM);
        board.publish(0, published(9, 1, 20), all);
        board.leave(places[1], planned(25));
        assert_eq!(excuse(&board), [(1, 0, true)]);
        board.leave(places[0], planned(25));
        assert_eq!(excuse(&board), [(0, 0, true)]);
    }

    #[test]
    fn a_delivery_arrives_or_is_excused_but_not_both() {
        const CLIENTS: u32 = 200;
        for _ in 0..20 {
            let board = PublicationBoard::new(2, 1, 2);
            let places: Vec<_> = (0..CLIENTS)
                .map(|client| board.join(0, client, 0))
                .collect();
            board.publish(0, published(9, 0, 20), ROOM);
            let message = known(&board, 0);
            let (arrived, excused) = std::thread::scope(|scope| {
                let arrivals = scope.spawn(|| {
                    let first = places.iter().filter(|place| {
                        message.arrive(place.member, false, 25, 100)
                            == ArrivalMeaning::First { completes: true }
                    });
                    first.count()
                });
                let exits = scope.spawn(|| {
                    let mut completed = 0;
                    for place in places.iter().rev() {
                        board.leave(*place, planned(26));
                        let all = excuse(&board);
                        completed += all.iter().filter(|(_, _, completes)| *completes).count();
                    }
                    completed
                });
                (arrivals.join().unwrap(), exits.join().unwrap())
            });
            assert_eq!(arrived + excused, 1);
            assert_eq!(message.awaited(), message.delivered());
        }
    }
}
