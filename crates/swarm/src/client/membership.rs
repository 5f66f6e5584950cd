//! Clients that join the rooms of their messages, and leave them.

use super::Client;
use crate::dialogue::client_rooms::{CarriedRooms, ClientRooms};
use crate::dialogue::publications::CLOSING_GRACE_NS;
use crate::dialogue::room_members::ExitCause;
use crate::dialogue::{ClientDialogue, Dialogue};
use crate::thread_state::ThreadState;

/// Time before T0 by which a message of the warm-up should have arrived at its receivers, in nanoseconds.
const EARLY_ENOUGH_NS: u64 = 250_000_000;

/// Time after the timeout and the grace for which it is known who has left a room, in nanoseconds.
const EXIT_KEPT_NS: u64 = 10_000_000_000;

impl Client {
    /// Adds a client that is ready to the rooms whose messages it receives. Takes up what an earlier connection has left.
    pub(super) fn join_rooms(
        &self,
        own: &mut ClientDialogue,
        dialogue: &Dialogue,
        thread: &ThreadState,
    ) {
        let Some(board) = &thread.board else {
            return;
        };
        let carried = std::mem::take(&mut own.carried_rooms);
        let rooms = own.rooms.get_or_insert_default();
        rooms.is_reached = carried.is_reached;
        rooms.had_arrived = carried.has_arrived;
        if carried.has_open
            && let Some(sender) = dialogue.sender(self.id)
        {
            let mut orphans = thread.orphans.borrow_mut();
            if let Some(place) = orphans.iter().position(|orphan| *orphan == sender) {
                orphans.swap_remove(place);
            }
            (rooms.open, rooms.oldest_ns) = board.open(sender);
        }
        own.has_left_rooms = false;
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

    /// Hands own messages that are on their way over to the thread, because the connection has ended for good; they may still
    /// arrive. Removes the client from its rooms. Returns what another connection begins with, should there be one.
    #[cold]
    pub(super) fn leave_rooms(&mut self, thread: &ThreadState) -> CarriedRooms {
        let Some((rooms, published)) = self.exit_rooms(false, thread) else {
            return CarriedRooms::default();
        };
        let got_none = rooms.arrived == 0 && !rooms.had_arrived;
        if published > rooms.to_others && got_none && self.slow.is_none() {
            let mut recorder = thread.recorder.borrow_mut();
            if let Some(fan_out) = &mut recorder.fan_out {
                fan_out.record.unreached.push(self.id);
            }
        }
        rooms.carried()
    }

    /// Does the same for a client that may open another connection, and returns what that one begins with, in
    /// [`ClientDialogue::carried_rooms`]. `is_planned`: the client ends the connection itself. What was on its way to it is
    /// then no longer expected, and own messages that nobody gets may have been lost with the connection.
    #[cold]
    pub(super) fn leave_rooms_for_now(
        &mut self,
        is_planned: bool,
        thread: &ThreadState,
    ) -> CarriedRooms {
        match self.exit_rooms(is_planned, thread) {
            Some((rooms, _)) => rooms.carried(),
            // The setup was not complete.
            None => self
                .dialogue
                .as_mut()
                .map_or_else(CarriedRooms::default, |own| {
                    std::mem::take(&mut own.carried_rooms)
                }),
        }
    }

    /// Removes the client from its rooms. Returns its state in them, and the number of measured messages that were published
    /// to all members while it was one; `None` when it is in no room.
    fn exit_rooms(
        &mut self,
        is_planned: bool,
        thread: &ThreadState,
    ) -> Option<(Box<ClientRooms>, u64)> {
        self.retract_unsent(thread);
        let cause = ExitCause {
            at_ns: thread.on_board(thread.clock.now_ns()),
            is_planned,
            kept_ns: thread.rules.timeout_ns + CLOSING_GRACE_NS + EXIT_KEPT_NS,
        };
        let (board, dialogue) = (thread.board.as_ref()?, thread.dialogue.as_ref()?);
        let own = self.dialogue.as_mut()?;
        let rooms = own.rooms.take()?;
        own.has_left_rooms = true;
        let places = rooms.places.into_iter().flatten();
        let published = places.map(|place| board.leave(place, cause)).sum();
        if let Some(sender) = dialogue.sender(self.id).filter(|_| rooms.open > 0) {
            if is_planned {
                board.excuse_lost(sender);
            }
            thread.orphans.borrow_mut().push(sender);
        }
        Some((rooms, published))
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
