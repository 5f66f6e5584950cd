//! The members of one room, and those that have left it lately.

use std::collections::VecDeque;

use super::publication::{MemberPlace, Publication};

/// The members of a room.
#[derive(Debug, Default)]
pub(super) struct RoomMembers {
    /// By their places.
    members: Vec<Member>,
    /// One bit for each place whose member has left. Empty while nobody has.
    absent: Vec<u64>,
    /// These places.
    free: Vec<u32>,
    /// Number of joins so far.
    joins: u32,
    /// Members in each group that have not left.
    active: Vec<u32>,
    /// Measured messages published to all members.
    pub(super) published: u64,
    /// The first message of the warm-up to all members: joins by then, and its send time.
    pub(super) first_warmup: Option<(u32, u64)>,
    /// Members that left lately, in this order.
    exits: VecDeque<RoomExit>,
    /// Number of exits before these.
    forgotten: u64,
    /// Some of all exits were by plan.
    had_planned_exits: bool,
}

/// A member of a room.
#[derive(Debug, Clone, Copy)]
struct Member {
    client: u32,
    /// Number of its join.
    join: u32,
}

/// The exit of a member from its room.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoomExit {
    client: u32,
    place: MemberPlace,
    /// Number of joins before it left.
    joins: u32,
    pub(super) group: usize,
    pub(super) left_ns: u64,
    is_planned: bool,
}

impl RoomExit {
    /// Returns true when a message may have been on its way to the member.
    pub(super) fn is_of_receiver(&self, publication: &Publication) -> bool {
        let expected = &publication.expected;
        expected.includes(self.place)
            && expected.joined <= self.joins
            && expected.without != Some(self.place.slot)
    }

    /// The place that the member had.
    pub(super) fn slot(&self) -> u32 {
        self.place.slot
    }
}

/// Time and cause of an exit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExitCause {
    /// Time on the clock of the board, in nanoseconds.
    pub(crate) at_ns: u64,
    /// The client ended the connection by plan.
    pub(crate) is_planned: bool,
    /// Time for which the exit is kept, in nanoseconds: at least until all earlier messages are closed.
    pub(crate) kept_ns: u64,
}

impl RoomMembers {
    pub(super) fn new(groups: usize) -> Self {
        Self {
            active: vec![0; groups],
            ..Self::default()
        }
    }

    /// Adds a client. It takes the place of a member that has left, if there is any.
    pub(super) fn join(&mut self, client: u32, group: usize) -> MemberPlace {
        let join = self.joins;
        self.joins += 1;
        self.active[group] += 1;
        let member = Member { client, join };
        let slot = if let Some(slot) = self.free.pop() {
            self.members[slot as usize] = member;
            self.absent[(slot / 64) as usize] &= !(1 << (slot % 64));
            slot
        } else {
            self.members.push(member);
            self.slots() - 1
        };
        MemberPlace { slot, join }
    }

    /// Removes the member at this place.
    pub(super) fn leave(&mut self, place: MemberPlace, group: usize, cause: ExitCause) {
        let word = (place.slot / 64) as usize;
        if self.absent.len() <= word {
            self.absent.resize(word + 1, 0);
        }
        self.absent[word] |= 1 << (place.slot % 64);
        self.free.push(place.slot);
        self.active[group] -= 1;
        self.had_planned_exits |= cause.is_planned;
        while let Some(oldest) = self.exits.front()
            && oldest.left_ns.saturating_add(cause.kept_ns) < cause.at_ns
        {
            self.exits.pop_front();
            self.forgotten += 1;
        }
        self.exits.push_back(RoomExit {
            client: self.members[place.slot as usize].client,
            place,
            joins: self.joins,
            group,
            left_ns: cause.at_ns,
            is_planned: cause.is_planned,
        });
    }

    /// Number of places.
    pub(super) fn slots(&self) -> u32 {
        // There are at most as many members at a time as connections.
        #[allow(clippy::cast_possible_truncation)]
        let slots = self.members.len() as u32;
        slots
    }

    pub(super) fn joins(&self) -> u32 {
        self.joins
    }

    pub(super) fn had_planned_exits(&self) -> bool {
        self.had_planned_exits
    }

    /// Members in each group that have not left.
    pub(super) fn active(&self) -> &[u32] {
        &self.active
    }

    /// One bit for each place whose member has left; may be shorter.
    pub(super) fn absent(&self) -> &[u64] {
        &self.absent
    }

    /// Exits by plan from the one of this number on, among all exits. Moves the number behind the last one.
    pub(super) fn planned_exits_from(&self, next: &mut u64) -> Vec<RoomExit> {
        // An index below the number of exits kept, or it skips them all.
        let begin = usize::try_from(next.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        *next = self.forgotten + self.exits.len() as u64;
        let new = self.exits.iter().skip(begin);
        new.filter(|exit| exit.is_planned).copied().collect()
    }

    /// Clients that were members when a message was sent, should have got it and did not.
    pub(super) fn missing(&self, publication: &Publication) -> Vec<u32> {
        let expected = &publication.expected;
        let places = self.members.iter().zip(0..expected.slots);
        let missing =
            places.filter(|(_, slot)| expected.without != Some(*slot) && !publication.has(*slot));
        missing
            .filter_map(|(member, slot)| {
                if member.join < expected.joined {
                    return Some(member.client);
                }
                let mut exits = self.exits.iter();
                let earlier =
                    exits.find(|exit| exit.slot() == slot && exit.is_of_receiver(publication));
                earlier.map(|exit| exit.client)
            })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn kept_exits(&self) -> usize {
        self.exits.len()
    }
}
