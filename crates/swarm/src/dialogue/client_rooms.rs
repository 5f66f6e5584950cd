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
    /// A measured message arrived over an earlier connection.
    pub(crate) had_arrived: bool,
    /// Own measured messages that the others of its room get.
    pub(crate) to_others: u64,
    /// Own messages that are on their way.
    pub(crate) open: usize,
    /// Send time of the oldest of them, on the clock of the board.
    pub(crate) oldest_ns: u64,
}

/// State of a client in its rooms that outlives a connection. The order of deliveries does not: a message that arrives
/// again over another connection is not expected there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CarriedRooms {
    /// A message has arrived, measured or not.
    pub(crate) is_reached: bool,
    /// A measured message has arrived.
    pub(crate) has_arrived: bool,
    /// Own messages are on their way.
    pub(crate) has_open: bool,
}

impl ClientRooms {
    /// The state that another connection of the client begins with.
    pub(crate) fn carried(&self) -> CarriedRooms {
        CarriedRooms {
            is_reached: self.is_reached,
            has_arrived: self.had_arrived || self.arrived > 0,
            has_open: self.open > 0,
        }
    }

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
