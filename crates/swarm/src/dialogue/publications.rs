//! Rooms of a run and the messages on their way to their members, shared by all threads of a process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::publication::{ExpectedReceivers, Publication, PublishedMessage};
use crate::clock::Clock;
use crate::handle::lock;
use crate::message::payload::MessageNumber;

/// Memory for incomplete messages of all publishers, in bytes. They are kept to tell a late arrival from a second one.
const INCOMPLETE_BYTES: usize = 64 << 20;

/// Time after the timeout at which a message is closed, in nanoseconds. Arrivals in time may be noted that much later.
pub(crate) const CLOSING_GRACE_NS: u64 = 250_000_000;

/// Number of messages of one publisher below which those that are over are removed only from the front.
const FEW_OPEN: usize = 64;

/// A receiver of a room.
#[derive(Debug, Clone, Copy)]
struct Member {
    client: u32,
    /// Time at which its connection ended, on the clock of the board; `u64::MAX` while it is open.
    left_ns: u64,
}

/// The members of a room.
#[derive(Debug, Default)]
struct RoomMembers {
    members: Vec<Member>,
    /// Members in each group that have not left.
    active: Vec<u32>,
    /// Measured messages published to all members.
    published: u64,
    /// The first message of the warm-up to all members: members that had joined, and its send time.
    first_warmup: Option<(u32, u64)>,
}

/// Place of a client in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoomPlace {
    pub(crate) room: usize,
    /// Number among the members, in the order in which they joined.
    pub(crate) place: u32,
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

/// The messages of one publisher.
#[derive(Debug, Default)]
struct PublisherQueue {
    /// Ascending.
    open: VecDeque<Arc<Publication>>,
    /// The newest that were closed while some arrivals were missing, ascending.
    incomplete: VecDeque<Arc<Publication>>,
    incomplete_bytes: usize,
    /// Order of the newest incomplete message that is not kept any more, plus one.
    dropped_until: u64,
    /// Order of the newest message, plus one.
    next_order: u64,
    /// Members that had joined, of the room and of all receivers together: the order of the first message that was sent
    /// to this number of them.
    joined: [Vec<(u64, u32)>; 2],
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
    /// Maximum memory for the incomplete messages of one publisher, in bytes.
    incomplete_bytes: usize,
}

impl PublicationBoard {
    /// A board for this many rooms, senders, and groups of receivers, the last of which holds slow readers.
    pub(crate) fn new(rooms: usize, senders: usize, groups: usize) -> Self {
        let members = || RoomMembers {
            active: vec![0; groups],
            ..RoomMembers::default()
        };
        Self {
            origin: Instant::now(),
            rooms: (0..rooms).map(|_| Mutex::new(members())).collect(),
            publishers: (0..senders).map(|_| Mutex::default()).collect(),
            slow_group: groups - 1,
            incomplete_bytes: INCOMPLETE_BYTES / senders.max(1),
        }
    }

    /// Time to add to that of a thread's clock for the time on the clock of the board, in nanoseconds.
    pub(crate) fn offset_ns(&self, clock: Clock) -> u64 {
        // Threads start after the board was made.
        let origin = clock.instant_at(0);
        crate::clock::nanoseconds(origin.saturating_duration_since(self.origin))
    }

    /// Adds a client that is ready to receive. `group` is the index of its role, or that of slow readers.
    pub(crate) fn join(&self, room: usize, client: u32, group: usize) -> RoomPlace {
        let mut state = lock(&self.rooms[room]);
        // There are at most as many members as clients.
        #[allow(clippy::cast_possible_truncation)]
        let place = state.members.len() as u32;
        let left_ns = u64::MAX;
        state.members.push(Member { client, left_ns });
        state.active[group] += 1;
        RoomPlace {
            room,
            place,
            group,
            published_before: state.published,
        }
    }

    /// Removes a client whose connection ended at this time. Returns the number of measured messages that were published to
    /// all members in the meantime.
    pub(crate) fn leave(&self, at: RoomPlace, now_ns: u64) -> u64 {
        let mut state = lock(&self.rooms[at.room]);
        state.members[at.place as usize].left_ns = now_ns;
        state.active[at.group] -= 1;
        state.published.saturating_sub(at.published_before)
    }

    /// Returns true when a message of the warm-up was sent to all members, after this one joined and by this time.
    pub(crate) fn has_warmup_messages(&self, at: RoomPlace, until_ns: u64) -> bool {
        let state = lock(&self.rooms[at.room]);
        // A member that joined behind the first message may have missed it.
        let first = state.first_warmup;
        first.is_some_and(|(joined, ns)| at.place < joined && ns <= until_ns)
    }

    /// Returns true when the member of a room was expected to get a message that is not kept any more.
    pub(crate) fn had_joined(&self, sender: u32, number: MessageNumber, at: RoomPlace) -> bool {
        let queue = lock(&self.publishers[sender as usize]);
        let history = &queue.joined[usize::from(self.is_everybody(at.room))];
        let later = history.partition_point(|(from, _)| *from <= number.order());
        let joined = later.checked_sub(1).map_or(0, |newest| history[newest].1);
        at.place < joined
    }

    /// Returns true for the room that holds all receivers.
    fn is_everybody(&self, room: usize) -> bool {
        room + 1 == self.rooms.len()
    }

    /// Adds a message that will be sent next. One with the same number that was not sent is replaced.
    pub(crate) fn publish(&self, sender: u32, message: PublishedMessage, audience: Audience) {
        let expected = self.expect(audience, &message);
        let order = message.number.order();
        let publication = Arc::new(Publication::new(message, expected));
        let mut queue = lock(&self.publishers[sender as usize]);
        self.remove_from(&mut queue, order);
        queue.next_order = order + 1;
        let joined = publication.expected.joined;
        let history = &mut queue.joined[usize::from(self.is_everybody(audience.room))];
        if history.last().is_none_or(|(_, before)| *before != joined) {
            history.push((order, joined));
        }
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
        for history in &mut queue.joined {
            let earlier = history.partition_point(|(from, _)| *from < order);
            history.truncate(earlier);
        }
    }

    /// Does not count a message as published to its room any more: it was not sent, or an interrupt ended the wait for it.
    pub(crate) fn take_back(&self, publication: &Publication) {
        let expected = &publication.expected;
        if !expected.is_queue && !publication.message.number.is_warmup() {
            let mut state = lock(&self.rooms[expected.room]);
            state.published = state.published.saturating_sub(1);
        }
    }

    fn expect(&self, audience: Audience, message: &PublishedMessage) -> ExpectedReceivers {
        let mut state = lock(&self.rooms[audience.room]);
        let mut by_group: Box<[u32]> = state.active.as_slice().into();
        // There are at most as many members as clients.
        #[allow(clippy::cast_possible_truncation)]
        let joined = state.members.len() as u32;
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
        ExpectedReceivers {
            joined,
            others,
            by_group,
            slow,
            is_queue: audience.is_queue,
            queue_group: queue_group.unwrap_or(0),
            room: audience.room,
            without: audience.without.map(|sender| sender.place),
        }
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
        let oldest_ns = queue
            .open
            .front()
            .map_or(u64::MAX, |one| one.message.sent_ns);
        (queue.open.len(), oldest_ns)
    }

    /// Members of its room that should have got this message and did not, by their numbers; none of a queue.
    pub(crate) fn missing(&self, publication: &Publication) -> Vec<u32> {
        let expected = &publication.expected;
        if expected.is_queue {
            return Vec::new();
        }
        let state = lock(&self.rooms[expected.room]);
        let members = state.members.iter().zip(0..expected.joined);
        members
            .filter(|(member, place)| {
                member.left_ns > publication.message.sent_ns
                    && expected.without != Some(*place)
                    && !publication.has(*place)
            })
            .map(|(member, _)| member.client)
            .collect()
    }
}

impl PublisherQueue {
    fn keep_incomplete(&mut self, closed: Option<Arc<Publication>>, limit: usize) {
        let Some(closed) = closed else {
            return;
        };
        self.incomplete_bytes += closed.memory();
        self.incomplete.push_back(closed);
        while self.incomplete_bytes > limit && self.incomplete.len() > 1 {
            if let Some(oldest) = self.incomplete.pop_front() {
                self.incomplete_bytes -= oldest.memory();
                self.dropped_until = oldest.message.number.order() + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::publication::{ArrivalMeaning, published};
    use super::*;

    const ROOM: Audience = Audience {
        room: 0,
        is_queue: false,
        without: None,
    };

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
        board.leave(places[1], 10);
        board.publish(0, published(9, 0, 20), ROOM);
        let late = board.join(0, 3, 0);
        let message = known(&board, 0);
        assert_eq!((message.expected.joined, message.expected.others), (3, 2));
        let arrive = |place: RoomPlace| message.arrive(place.place, false, 30, 100);
        assert_eq!(arrive(late), ArrivalMeaning::NotExpected);
        assert_eq!(
            arrive(places[0]),
            ArrivalMeaning::First { completes: false }
        );
        assert_eq!(board.missing(&message), [2]);
        assert_eq!(arrive(places[2]), ArrivalMeaning::First { completes: true });
        assert_eq!(board.leave(late, 40), 0);
    }

    #[test]
    fn a_receiver_that_leaves_in_mid_message_stays_expected() {
        let board = PublicationBoard::new(1, 1, 2);
        let place = board.join(0, 5, 0);
        board.publish(0, published(9, 0, 20), ROOM);
        board.leave(place, 21);
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
        assert_eq!(board.leave(others[0], 25), 0);
        board.retract(0, MessageNumber::measured(1));
        board.take_back(&known(&board, 0));
        assert_eq!(board.leave(place, 30), 0);
    }

    #[test]
    fn messages_that_slow_readers_lack_are_kept_until_the_timeout() {
        let board = PublicationBoard::new(1, 1, 2);
        let fast = board.join(0, 1, 0);
        let slow = board.join(0, 2, 1);
        board.publish(0, published(9, 0, 20), ROOM);
        let message = known(&board, 0);
        assert_eq!((message.expected.others, message.expected.slow), (1, 1));
        message.arrive(fast.place, false, 25, 100);
        message.set_over();
        let prune = |until_ns| board.prune(0, until_ns, |_| panic!("complete"), |_| {}).0;
        assert_eq!(prune(0), 1);
        message.arrive(slow.place, true, 26, 100);
        assert_eq!(prune(0), 0);
        board.publish(0, published(9, 1, 30), ROOM);
        let message = known(&board, 1);
        message.arrive(fast.place, false, 35, 100);
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
        message.arrive(place.place, false, 25, 100);
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
        known(&board, 0).arrive(places[0].place, false, 25, 100);
        let mut incomplete = 0;
        let (left, _) = board.prune(0, 20, |_| incomplete += 1, |_| {});
        assert_eq!((left, incomplete), (0, 1));
        let message = known(&board, 0);
        let arrive = |place: RoomPlace| message.arrive(place.place, false, 30, 100);
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
                message.arrive(place.place, false, 25, 100);
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
}
