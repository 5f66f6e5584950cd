//! Rooms, in which every message goes to all connections (`--broadcast`).

mod message_log;
mod room;
mod roster;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Context,
    thread,
};

use crate::{
    close_code::CloseReason, library::WebSocketLibrary, relay::Relay, room_name::RoomName,
    routing::ServerContext,
};
use room::{Room, RoomSeat};

/// The open rooms of a server. A room is open while it has members.
pub struct Rooms<L: WebSocketLibrary> {
    server: Arc<ServerContext>,
    open: Mutex<HashMap<RoomName, OpenRoom<L::Message>>>,
}

struct OpenRoom<M> {
    room: Arc<Room<M>>,
    members: usize,
}

impl<L: WebSocketLibrary> fmt::Debug for Rooms<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.lock();
        f.debug_tuple("Rooms").field(&open.keys()).finish()
    }
}

impl<L: WebSocketLibrary> Rooms<L> {
    /// A server without rooms.
    pub fn new(server: Arc<ServerContext>) -> Arc<Self> {
        Arc::new(Self {
            server,
            open: Mutex::default(),
        })
    }

    /// Joins a room, which is opened if necessary. The member gets every message from now on, so it joins before the
    /// response to its client.
    pub fn join(self: &Arc<Self>, name: RoomName) -> RoomMember<L> {
        let mut open = self.lock();
        let entry = open.entry(name.clone()).or_insert_with(|| {
            self.server.metrics.count_room_opened();
            OpenRoom {
                room: Arc::default(),
                members: 0,
            }
        });
        entry.members += 1;
        let room = Arc::clone(&entry.room);
        drop(open);
        self.server.metrics.count_member_joined();
        RoomMember {
            rooms: Arc::clone(self),
            name,
            seat: room.join(thread::current().id()),
            room,
        }
    }

    fn leave(&self, name: &RoomName) {
        let mut open = self.lock();
        if let Some(entry) = open.get_mut(name) {
            entry.members -= 1;
            if entry.members == 0 {
                open.remove(name);
                self.server.metrics.count_room_closed();
            }
        }
        drop(open);
        self.server.metrics.count_member_left();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, OpenRoom<L::Message>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's membership in a room. Dropping it leaves the room.
pub struct RoomMember<L: WebSocketLibrary> {
    rooms: Arc<Rooms<L>>,
    name: RoomName,
    room: Arc<Room<L::Message>>,
    seat: RoomSeat<L::Message>,
}

impl<L: WebSocketLibrary> fmt::Debug for RoomMember<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RoomMember").field(&self.name).finish()
    }
}

impl<L: WebSocketLibrary> Drop for RoomMember<L> {
    fn drop(&mut self) {
        self.room.leave(&mut self.seat);
        self.rooms.leave(&self.name);
    }
}

impl<L: WebSocketLibrary> Relay<L> for RoomMember<L> {
    fn begin_poll(&mut self) -> Option<CloseReason> {
        let is_full = self.room.begin_turn(&mut self.seat);
        is_full.then_some(CloseReason::TooSlow)
    }

    fn receive(&mut self, message: L::Message, bytes: usize) {
        // A message is a part of a read buffer, which it would keep in memory while it is queued.
        self.seat.held = Some((L::copy(&message), bytes));
    }

    fn is_holding(&self) -> bool {
        self.seat.held.is_some()
    }

    fn may_send(&self) -> bool {
        true
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Option<(L::Message, usize)> {
        self.room.next(&mut self.seat, cx.waker())
    }

    fn end_poll(&mut self, cx: &mut Context<'_>) {
        self.room.end_turn(&self.seat, cx.waker());
    }
}
