//! One room: its messages, its members, and the rate at which it takes messages.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::Waker,
    thread::ThreadId,
};

use tokio::task::coop;

use super::{
    message_log::{MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES, MessageLog},
    roster::{MemberNumber, MemberStatus, Roster},
};

/// Maximum number of messages that a room takes before every member whose socket is not blocked had its turn.
const BURST_MESSAGES: usize = MAX_QUEUED_MESSAGES / 4;

/// Maximum number of their payload bytes. One message alone may be longer.
const BURST_BYTES: usize = MAX_QUEUED_BYTES / 2;

/// A room, shared by its members.
///
/// A full queue means that a peer does not read, because publishers wait (`Burst`) for members that had no time to
/// write. They never wait for a member whose socket is blocked.
#[derive(Debug)]
pub(super) struct Room<M>(Mutex<RoomState<M>>);

#[derive(Debug)]
struct RoomState<M> {
    log: MessageLog<M>,
    roster: Roster,
    burst: Burst,
    /// Publishers that wait for the end of a burst, in the order in which they began to wait.
    waiting: BTreeMap<u64, Waker>,
    next_ticket: u64,
    /// Wakers to call after the lock is released. Empty while it is not held.
    wakes: Vec<Waker>,
}

/// Messages since all members were served.
#[derive(Debug, Default)]
struct Burst {
    messages: usize,
    bytes: usize,
}

/// One member's part in a room, with the message that it is about to publish.
#[derive(Debug)]
pub(super) struct RoomSeat<M> {
    number: MemberNumber,
    /// A message to publish, with its payload bytes.
    pub(super) held: Option<(M, usize)>,
    /// The place among the waiting publishers.
    ticket: Option<u64>,
    /// True when the room knows that the member waits for a message.
    is_idle: bool,
}

impl<M> Default for Room<M> {
    fn default() -> Self {
        Self(Mutex::new(RoomState {
            log: MessageLog::default(),
            roster: Roster::default(),
            burst: Burst::default(),
            waiting: BTreeMap::new(),
            next_ticket: 0,
            wakes: Vec::new(),
        }))
    }
}

impl<M: Clone> Room<M> {
    /// Adds a member that runs on this thread and gets every message from now on.
    pub(super) fn join(&self, thread: ThreadId) -> RoomSeat<M> {
        let mut state = self.lock();
        let end = state.log.end();
        RoomSeat {
            number: state.roster.join(end, thread),
            held: None,
            ticket: None,
            is_idle: false,
        }
    }

    /// Removes a member.
    pub(super) fn leave(&self, seat: &mut RoomSeat<M>) {
        self.update(|state| {
            let RoomState {
                log, roster, wakes, ..
            } = state;
            roster.pass_on(seat.number, wakes);
            if roster.status(seat.number) != MemberStatus::Overflowed {
                log.forget(roster.position(seat.number));
            }
            roster.leave(seat.number);
            state.withdraw(&mut seat.ticket);
            state.end_burst();
        });
    }

    /// Wakes other members if this one was woken for them too. Returns true when this member's queue was too long.
    pub(super) fn begin_turn(&self, seat: &mut RoomSeat<M>) -> bool {
        seat.is_idle = false;
        self.update(|state| {
            state.roster.pass_on(seat.number, &mut state.wakes);
            state.roster.status(seat.number) == MemberStatus::Overflowed
        })
    }

    /// Returns the next message for this member, with its payload bytes. Publishes the held message when everything
    /// before it is taken. Without a message, the waker is called for the next one, or when the held message can be
    /// published.
    pub(super) fn next(&self, seat: &mut RoomSeat<M>, waker: &Waker) -> Option<(M, usize)> {
        self.update(|state| state.next(seat, waker))
    }

    /// Ends a turn in which the member's task found nothing more to do.
    pub(super) fn end_turn(&self, seat: &RoomSeat<M>, waker: &Waker) {
        if seat.is_idle {
            return;
        }
        // A socket seems blocked to a task that has used up its budget.
        if !coop::has_budget_remaining() {
            waker.wake_by_ref();
            return;
        }
        self.update(|state| match state.roster.status(seat.number) {
            MemberStatus::Overflowed => waker.wake_by_ref(),
            MemberStatus::Idle => {}
            _ => {
                state.roster.park(seat.number, MemberStatus::Blocked, waker);
                state.end_burst();
            }
        });
    }

    /// Changes the state, then calls the wakers that the change collected.
    fn update<T>(&self, change: impl FnOnce(&mut RoomState<M>) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        if !state.wakes.is_empty() {
            let mut wakes = mem::take(&mut state.wakes);
            drop(state);
            for waker in wakes.drain(..) {
                waker.wake();
            }
            // Kept, so that the next message needs no allocation.
            let mut state = self.lock();
            if state.wakes.capacity() < wakes.capacity() {
                state.wakes = wakes;
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, RoomState<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Clone> RoomState<M> {
    fn next(&mut self, seat: &mut RoomSeat<M>, waker: &Waker) -> Option<(M, usize)> {
        loop {
            if self.roster.status(seat.number) == MemberStatus::Overflowed {
                return None;
            }
            if let Some(taken) = self.log.take(self.roster.position(seat.number)) {
                self.roster.advance(seat.number);
                self.roster.set_status(seat.number, MemberStatus::Awake);
                seat.is_idle = false;
                return Some(taken);
            }
            if let Some((message, bytes)) = seat
                .held
                .take_if(|(_, bytes)| self.burst.has_room_for(*bytes))
            {
                self.withdraw(&mut seat.ticket);
                self.publish(seat.number, message, bytes);
                continue;
            }
            self.roster.park(seat.number, MemberStatus::Idle, waker);
            seat.is_idle = true;
            self.end_burst();
            match &seat.held {
                Some((_, bytes)) if self.burst.has_room_for(*bytes) => {}
                Some(_) => {
                    self.wait(&mut seat.ticket, waker);
                    return None;
                }
                None => return None,
            }
        }
    }

    fn publish(&mut self, publisher: MemberNumber, message: M, bytes: usize) {
        self.roster.set_status(publisher, MemberStatus::Awake);
        self.burst.messages += 1;
        self.burst.bytes += bytes;
        let lost = self.log.push(message, bytes, self.roster.readers());
        self.roster.wake_idle(publisher, &mut self.wakes);
        if lost {
            let first = self.log.first();
            let Self {
                log, roster, wakes, ..
            } = self;
            roster.overflow(first, wakes, |position| log.forget(position));
        }
    }

    /// Lets publishers go on if every member was served.
    fn end_burst(&mut self) {
        if self.burst.messages > 0 && !self.roster.has_unserved() {
            self.burst = Burst::default();
            self.wakes
                .extend(mem::take(&mut self.waiting).into_values());
        }
    }

    /// Registers a publisher to be woken at the end of the burst. It keeps its place until it publishes.
    fn wait(&mut self, ticket: &mut Option<u64>, waker: &Waker) {
        let ticket = *ticket.get_or_insert_with(|| {
            self.next_ticket += 1;
            self.next_ticket
        });
        self.waiting.insert(ticket, waker.clone());
    }

    fn withdraw(&mut self, ticket: &mut Option<u64>) {
        if let Some(ticket) = ticket.take() {
            self.waiting.remove(&ticket);
        }
    }
}

impl Burst {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.messages == 0
            || self.messages < BURST_MESSAGES && self.bytes.saturating_add(bytes) <= BURST_BYTES
    }
}

#[cfg(test)]
mod tests;
