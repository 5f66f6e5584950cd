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
    /// Messages that were incomplete and are not kept any more.
    dropped: u64,
    /// Order of the newest message, plus one.
    next_order: u64,
}

/// A message that an arrival names.
#[derive(Debug)]
pub(crate) enum FoundMessage {
    /// It is on its way, or has just become complete, or was closed as incomplete.
    Known(Arc<Publication>),
    /// It has reached all of its receivers.
    Complete,
    /// It is not kept any more; it may have been incomplete.
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
    /// Index of the group of slow readers; `usize::MAX` without one.
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
        state.published - at.published_before
    }

    /// Returns true when a message of the warm-up was sent to all members, after this one joined and by this time.
    pub(crate) fn has_warmup_messages(&self, at: RoomPlace, until_ns: u64) -> bool {
        let state = lock(&self.rooms[at.room]);
        // A member that joined behind the first message may have missed it.
        let first = state.first_warmup;
        first.is_some_and(|(joined, ns)| at.place < joined && ns <= until_ns)
    }

    /// Returns true for the group of slow readers.
    pub(crate) fn is_slow_group(&self, group: usize) -> bool {
        group == self.slow_group
    }

    /// Adds a message that will be sent next. One with the same number that was not sent is replaced.
    pub(crate) fn publish(&self, sender: u32, message: PublishedMessage, audience: Audience) {
        let expected = self.expect(audience, &message);
        let order = message.number.order();
        let publication = Arc::new(Publication::new(message, expected));
        let mut queue = lock(&self.publishers[sender as usize]);
        while queue
            .open
            .back()
            .is_some_and(|last| last.message.number.order() >= order)
        {
            queue.open.pop_back();
        }
        queue.next_order = order + 1;
        queue.open.push_back(publication);
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
        if audience.is_queue {
            let any = u32::from(by_group.iter().any(|members| *members > 0));
            by_group.fill(0);
            by_group[0] = any;
        } else if let Some(sender) = audience.without {
            by_group[sender.group] -= 1;
        }
        let slow = by_group.get(self.slow_group).copied().unwrap_or(0);
        ExpectedReceivers {
            joined,
            others: by_group.iter().sum::<u32>() - slow,
            by_group,
            is_queue: audience.is_queue,
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
        if queue.dropped > 0 {
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
        while let Some(last) = queue.open.back()
            && last.message.number.order() >= from.order()
        {
            queue.next_order = last.message.number.order();
            queue.open.pop_back();
        }
    }

    /// Removes the messages of a sender that are over, and closes those that were sent at or before `sent_until_ns`. Calls
    /// `incomplete` for each that is closed while arrivals are missing, and `removed` for each that is removed. Returns the
    /// number of those left, and the send time of the oldest of them.
    pub(crate) fn prune(
        &self,
        sender: u32,
        sent_until_ns: u64,
        mut incomplete: impl FnMut(&Publication),
        mut removed: impl FnMut(MessageNumber),
    ) -> (usize, u64) {
        let mut queue = lock(&self.publishers[sender as usize]);
        while let Some(oldest) = queue.open.front() {
            let is_expired = oldest.message.sent_ns <= sent_until_ns;
            if !oldest.is_over() && is_expired && oldest.close() {
                incomplete(oldest);
                oldest.set_over();
                removed(oldest.message.number);
                let oldest = queue.open.pop_front();
                queue.keep_incomplete(oldest, self.incomplete_bytes);
            } else if oldest.is_over() {
                removed(oldest.message.number);
                queue.open.pop_front();
            } else {
                break;
            }
        }
        if queue.open.len() > FEW_OPEN {
            queue.open.retain(|one| {
                let is_over = one.is_over();
                if is_over {
                    removed(one.message.number);
                }
                !is_over
            });
        }
        let oldest_ns = queue
            .open
            .front()
            .map_or(u64::MAX, |one| one.message.sent_ns);
        (queue.open.len(), oldest_ns)
    }

    /// Members of a room that should have got this message and did not, by their numbers.
    pub(crate) fn missing(&self, room: usize, publication: &Publication) -> Vec<u32> {
        let state = lock(&self.rooms[room]);
        let members = state.members.iter().zip(0..publication.expected.joined);
        members
            .filter(|(member, place)| {
                member.left_ns > publication.message.sent_ns && !publication.has(*place)
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
                self.dropped += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::publication::{Arrival, published};
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
        assert_eq!(arrive(late), Arrival::NotExpected);
        assert_eq!(arrive(places[0]), Arrival::First { completes: false });
        assert_eq!(board.missing(0, &message), [2]);
        assert_eq!(arrive(places[2]), Arrival::First { completes: true });
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
        assert_eq!(board.missing(0, &message), [5]);
    }

    #[test]
    fn the_sender_may_be_left_out() {
        let board = PublicationBoard::new(1, 1, 2);
        let sender = board.join(0, 0, 0);
        board.join(0, 1, 0);
        let without = Some(sender);
        board.publish(0, published(0, 0, 20), Audience { without, ..ROOM });
        assert_eq!(known(&board, 0).expected.others, 1);
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
            (Arrival::Again, Arrival::Late)
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
        let (left, _) = board.prune(0, 0, |_| {}, |number| removed.push(number.index()));
        assert_eq!((left, removed.len()), (1, 99));
        assert!(matches!(find(&board, 50), FoundMessage::Complete));
        assert!(matches!(find(&board, 0), FoundMessage::Known(_)));
        assert!(matches!(find(&board, 100), FoundMessage::Unknown));
    }
}
