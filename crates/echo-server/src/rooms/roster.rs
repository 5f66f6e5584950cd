//! The members of a room: positions, and whom to wake for a message.

use std::{mem, task::Waker, thread::ThreadId};

/// The number of a member in its room. It is given to another member after the first one has left.
pub(super) type MemberNumber = usize;

/// The members of a room.
///
/// A thread is woken once for a message, not once per member, because a wake-up from another thread is a system call.
/// Only the first idle member of the thread is woken, and wakes the others when it runs.
#[derive(Debug, Default)]
pub(super) struct Roster {
    members: Vec<MemberState>,
    vacant: Vec<MemberNumber>,
    threads: Vec<ThreadMembers>,
    /// Number of members that take messages.
    readers: usize,
    /// Number of members that are due or awake.
    unserved: usize,
}

#[derive(Debug)]
struct MemberState {
    status: MemberStatus,
    /// Index of the thread on which the member joined.
    thread: usize,
    /// Index in the list of idle or due members of the thread.
    place: usize,
    /// Position of the next message to take.
    position: u64,
    waker: Option<Waker>,
}

/// State of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberStatus {
    /// No member.
    Vacant,
    /// A member that has taken everything and waits for a message.
    Idle,
    /// A member with a message, which another member of its thread will wake.
    Due,
    /// A member that has been woken or is running, perhaps with a message.
    Awake,
    /// A member whose socket takes no more. A message does not wake it.
    Blocked,
    /// A member that lost messages, because its queue was full. No more are sent to it.
    Overflowed,
}

#[derive(Debug)]
struct ThreadMembers {
    id: ThreadId,
    idle: Vec<MemberNumber>,
    /// Not empty only while a member of this thread is awake that has not passed on its wake-up.
    due: Vec<MemberNumber>,
}

impl Roster {
    /// Adds a member that runs on this thread. It counts as blocked until it takes messages for the first time.
    pub(super) fn join(&mut self, position: u64, thread: ThreadId) -> MemberNumber {
        let state = MemberState {
            status: MemberStatus::Blocked,
            thread: self.thread_index(thread),
            place: 0,
            position,
            waker: None,
        };
        self.readers += 1;
        if let Some(number) = self.vacant.pop() {
            self.members[number] = state;
            return number;
        }
        self.members.push(state);
        self.members.len() - 1
    }

    fn thread_index(&mut self, id: ThreadId) -> usize {
        let known = self.threads.iter().position(|thread| thread.id == id);
        known.unwrap_or_else(|| {
            self.threads.push(ThreadMembers {
                id,
                idle: Vec::new(),
                due: Vec::new(),
            });
            self.threads.len() - 1
        })
    }

    /// Removes a member. [`Self::pass_on`] must have been called.
    pub(super) fn leave(&mut self, member: MemberNumber) {
        if self.status(member) != MemberStatus::Overflowed {
            self.readers -= 1;
        }
        self.set_status(member, MemberStatus::Vacant);
        self.members[member].waker = None;
        self.vacant.push(member);
    }

    pub(super) fn status(&self, member: MemberNumber) -> MemberStatus {
        self.members[member].status
    }

    pub(super) fn position(&self, member: MemberNumber) -> u64 {
        self.members[member].position
    }

    /// Moves a member to the next message.
    pub(super) fn advance(&mut self, member: MemberNumber) {
        self.members[member].position += 1;
    }

    pub(super) fn readers(&self) -> usize {
        self.readers
    }

    /// Returns true when a message waits for a member whose socket is not blocked.
    pub(super) fn has_unserved(&self) -> bool {
        self.unserved > 0
    }

    /// Sets a status and the waker to use for it.
    pub(super) fn park(&mut self, member: MemberNumber, status: MemberStatus, waker: &Waker) {
        match &mut self.members[member].waker {
            Some(known) => known.clone_from(waker),
            unknown => *unknown = Some(waker.clone()),
        }
        self.set_status(member, status);
    }

    pub(super) fn set_status(&mut self, member: MemberNumber, status: MemberStatus) {
        let before = mem::replace(&mut self.members[member].status, status);
        if before == status {
            return;
        }
        let MemberState { thread, place, .. } = self.members[member];
        if let Some(list) = self.threads[thread].list(before) {
            list.swap_remove(place);
            if let Some(&moved) = list.get(place) {
                self.members[moved].place = place;
            }
        }
        if let Some(list) = self.threads[thread].list(status) {
            list.push(member);
            self.members[member].place = list.len() - 1;
        }
        self.unserved += usize::from(status.is_unserved());
        self.unserved -= usize::from(before.is_unserved());
    }

    /// Makes every idle member awake or due, for a message of `publisher`.
    pub(super) fn wake_idle(&mut self, publisher: MemberNumber, wakes: &mut Vec<Waker>) {
        let own = self.members[publisher].thread;
        // Other threads first, because they need longer to begin.
        for thread in (0..self.threads.len()).filter(|thread| *thread != own) {
            let idle = &self.threads[thread].idle;
            if self.threads[thread].due.is_empty()
                && let Some(&first) = idle.last()
            {
                self.wake(first, wakes);
            }
            while let Some(&member) = self.threads[thread].idle.last() {
                self.set_status(member, MemberStatus::Due);
            }
        }
        while let Some(&member) = self.threads[own].idle.last() {
            self.wake(member, wakes);
        }
    }

    /// Wakes the due members of this member's thread.
    pub(super) fn pass_on(&mut self, member: MemberNumber, wakes: &mut Vec<Waker>) {
        if self.status(member) == MemberStatus::Due {
            self.set_status(member, MemberStatus::Awake);
        }
        let thread = self.members[member].thread;
        while let Some(&due) = self.threads[thread].due.last() {
            self.wake(due, wakes);
        }
    }

    /// Marks the members at an earlier position than `first` as overflowed and wakes them. Calls `forget` with the
    /// position of each.
    pub(super) fn overflow(
        &mut self,
        first: u64,
        wakes: &mut Vec<Waker>,
        mut forget: impl FnMut(u64),
    ) {
        for member in 0..self.members.len() {
            let MemberState {
                status, position, ..
            } = self.members[member];
            let takes = !matches!(status, MemberStatus::Vacant | MemberStatus::Overflowed);
            if takes && position < first {
                self.readers -= 1;
                forget(position);
                self.wake(member, wakes);
                self.set_status(member, MemberStatus::Overflowed);
            }
        }
    }

    fn wake(&mut self, member: MemberNumber, wakes: &mut Vec<Waker>) {
        wakes.extend(self.members[member].waker.take());
        self.set_status(member, MemberStatus::Awake);
    }
}

impl MemberStatus {
    fn is_unserved(self) -> bool {
        matches!(self, Self::Due | Self::Awake)
    }
}

impl ThreadMembers {
    /// The list that has the members of this status.
    fn list(&mut self, status: MemberStatus) -> Option<&mut Vec<MemberNumber>> {
        match status {
            MemberStatus::Idle => Some(&mut self.idle),
            MemberStatus::Due => Some(&mut self.due),
            _ => None,
        }
    }
}
