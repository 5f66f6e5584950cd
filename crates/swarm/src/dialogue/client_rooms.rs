//! One client in its rooms.

use super::Dialogue;
use super::publications::RoomPlace;
use crate::message::payload::MessageNumber;

/// State of one client in its rooms.
#[derive(Debug, Default)]
pub(crate) struct ClientRooms {
    /// Places of the client in its room, and among all receivers.
    pub(crate) places: [Option<RoomPlace>; 2],
    /// Order of the newest message from each sender of the room, plus one; 0 = none.
    pub(crate) newest: Vec<u64>,
    /// A message has arrived, measured or not.
    pub(crate) is_reached: bool,
    /// Measured messages that have arrived.
    pub(crate) arrived: u64,
    /// Own measured messages that the others of its room get.
    pub(crate) to_others: u64,
    /// Own messages that are on their way.
    pub(crate) open: usize,
    /// Send time of the oldest of them, on the clock of the board.
    pub(crate) oldest_ns: u64,
}

impl ClientRooms {
    /// Notes the order of a delivery. Returns true when one of a later message of the same publisher came before it.
    pub(crate) fn is_overtaken(
        &mut self,
        publisher: u32,
        number: MessageNumber,
        dialogue: &Dialogue,
    ) -> bool {
        if dialogue.order_is_unknown {
            return false;
        }
        let place = dialogue.sender_place(publisher);
        if place >= self.newest.len() {
            self.newest.resize(place + 1, 0);
        }
        let order = number.order() + 1;
        let is_overtaken = order < self.newest[place];
        self.newest[place] = self.newest[place].max(order);
        is_overtaken
    }
}
