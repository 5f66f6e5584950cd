//! A server with rooms whose deliveries are defined by the test.
//!
//! | from a client | meaning |
//! |---|---|
//! | `join ROOM CLIENT` | answered by `joined` |
//! | `here CLIENT` | its setup is complete |
//! | `say ROOM IDENTITY…` or `say ROOM ID IDENTITY…` | a message to the room |
//! | `ack TAG` | a delivery has arrived |
//!
//! A message with a reply gets it when all of its deliveries are acknowledged.

// Not every test file uses all functions.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use measurement::plan::{LoadDraft, Plan};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;

use crate::common::{Server, accept};

/// Bit of a number that marks the warm-up.
const WARM_UP: u64 = 1 << 39;

/// A message from a client.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    /// Number of the message on this server.
    pub(crate) tag: u64,
    pub(crate) room: u32,
    pub(crate) client: u32,
    pub(crate) number: u64,
    pub(crate) is_warm_up: bool,
    /// Identity and padding.
    pub(crate) body: String,
}

impl Post {
    /// The body with another last byte.
    pub(crate) fn damaged(&self) -> String {
        let (rest, last) = self.body.split_at(self.body.len() - 1);
        let other = if last == "a" { "b" } else { "a" };
        format!("{rest}{other}")
    }

    /// The body with the identity of this client and number.
    pub(crate) fn named(&self, (client, number): (u32, u64)) -> String {
        format!("~{client:06x}{number:010x}{}", &self.body[17..])
    }
}

/// An event on the server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RoomEvent<'a> {
    /// A client is ready.
    Here(u32),
    /// A message.
    Said(&'a Post),
    /// The connection of a client has ended.
    Left(u32),
}

/// A message whose reply waits.
#[derive(Debug)]
struct PendingReply {
    client: u32,
    text: String,
    /// Receivers that have not acknowledged it, and reasons to wait.
    waits_for: Vec<Option<u32>>,
}

/// State of the server.
#[derive(Debug, Default)]
pub(crate) struct StubRooms {
    /// Room and connection of each client.
    clients: BTreeMap<u32, (u32, UnboundedSender<Message>)>,
    /// Clients below this number receive nothing.
    first_receiver: u32,
    /// Clients that join when the test lets them.
    joins_later: &'static [u32],
    here: usize,
    pending: BTreeMap<u64, PendingReply>,
    tags: u64,
    acknowledged: u64,
    /// End of every record.
    end: &'static str,
}

impl StubRooms {
    /// Number of clients whose setup is complete.
    pub(crate) fn here(&self) -> usize {
        self.here
    }

    /// Answers the request of one of those that join later.
    pub(crate) fn admit(&mut self, client: u32) {
        self.send(client, &format!("joined{}", self.end));
    }

    /// Sends a text.
    pub(crate) fn send(&mut self, client: u32, text: &str) {
        if let Some((_, out)) = self.clients.get(&client) {
            // A connection that has ended takes no more.
            let _ = out.send(Message::text(text));
        }
    }

    /// The delivery of a message to a client, which must be sent.
    pub(crate) fn record(&mut self, post: &Post, client: u32) -> String {
        self.record_as(post, client, &post.body)
    }

    fn record_as(&mut self, post: &Post, client: u32, body: &str) -> String {
        if let Some(pending) = self.pending.get_mut(&post.tag) {
            pending.waits_for.push(Some(client));
        }
        format!("got {} {body}{}", post.tag, self.end)
    }

    /// Delivers a message to a client.
    pub(crate) fn deliver(&mut self, post: &Post, client: u32) {
        self.deliver_as(post, client, &post.body);
    }

    /// Delivers another body in the place of a message, whose reply waits for it.
    pub(crate) fn deliver_as(&mut self, post: &Post, client: u32, body: &str) {
        let record = self.record_as(post, client, body);
        self.send(client, &record);
    }

    fn receivers(&self, is_in: impl Fn(u32) -> bool) -> Vec<u32> {
        let all = self.clients.range(self.first_receiver..);
        let of_room = all.filter(|(_, (room, _))| is_in(*room));
        of_room.map(|(client, _)| *client).collect()
    }

    /// Delivers a message to all receivers of its room.
    pub(crate) fn deliver_in_room(&mut self, post: &Post) {
        for client in self.receivers(|room| room == post.room) {
            self.deliver(post, client);
        }
    }

    /// Delivers a message to all receivers.
    pub(crate) fn deliver_to_all(&mut self, post: &Post) {
        for client in self.receivers(|_| true) {
            self.deliver(post, client);
        }
    }

    /// Delays the reply to a message.
    pub(crate) fn hold(&mut self, post: &Post) {
        if let Some(pending) = self.pending.get_mut(&post.tag) {
            pending.waits_for.push(None);
        }
    }

    /// Ends a [`hold`](Self::hold).
    pub(crate) fn release(&mut self, post: &Post) {
        self.waits_no_more(post.tag, None);
    }

    /// Ends all holds.
    pub(crate) fn release_all(&mut self) {
        let held: Vec<_> = self.pending.keys().copied().collect();
        held.into_iter()
            .for_each(|tag| self.waits_no_more(tag, None));
    }

    /// Closes a connection.
    pub(crate) fn close(&mut self, client: u32) {
        if let Some((_, out)) = self.clients.get(&client) {
            let _ = out.send(Message::Close(None));
        }
    }

    fn waits_no_more(&mut self, tag: u64, for_client: Option<u32>) {
        let Some(pending) = self.pending.get_mut(&tag) else {
            return;
        };
        if let Some(place) = pending.waits_for.iter().position(|one| *one == for_client) {
            pending.waits_for.swap_remove(place);
        }
        if pending.waits_for.is_empty()
            && let Some(PendingReply { client, text, .. }) = self.pending.remove(&tag)
        {
            self.send(client, &text);
        }
    }

    fn leave(&mut self, client: u32, out: &UnboundedSender<Message>) {
        // The client may have another connection already.
        if self
            .clients
            .get(&client)
            .is_some_and(|(_, current)| current.same_channel(out))
        {
            self.clients.remove(&client);
        }
        let waiting: Vec<_> = self.pending.keys().copied().collect();
        for tag in waiting {
            while let Some(pending) = self.pending.get(&tag)
                && pending.waits_for.contains(&Some(client))
            {
                self.waits_no_more(tag, Some(client));
            }
        }
    }

    /// The message in these words, whose reply now waits.
    fn post(&mut self, room: &str, rest: &str, client: u32) -> Post {
        self.tags += 1;
        let (id, body) = match rest.split_once(" ~") {
            Some((id, _)) => (Some(id), &rest[id.len() + 1..]),
            None => (None, rest),
        };
        let reply = id.unwrap_or(&body[..17]);
        let bits = u64::from_str_radix(&body[7..17], 16).unwrap();
        self.pending.insert(
            self.tags,
            PendingReply {
                client,
                text: format!("said {reply}{}", self.end),
                waits_for: vec![None],
            },
        );
        Post {
            tag: self.tags,
            room: room.parse().unwrap(),
            client,
            number: bits & !WARM_UP,
            is_warm_up: bits & WARM_UP != 0,
            body: body.to_owned(),
        }
    }
}

type Rule = Box<dyn FnMut(&mut StubRooms, RoomEvent<'_>) + Send>;

type SharedRoom = Arc<Mutex<(StubRooms, Rule)>>;

/// A running server.
pub(crate) struct StubRoomServer {
    server: Server,
    shared: SharedRoom,
}

impl StubRoomServer {
    /// Starts a server whose first clients receive nothing, and that does this with all events.
    pub(crate) fn start(
        first_receiver: u32,
        rule: impl FnMut(&mut StubRooms, RoomEvent<'_>) + Send + 'static,
    ) -> Self {
        let room = StubRooms {
            first_receiver,
            ..StubRooms::default()
        };
        Self::start_as(room, rule)
    }

    /// A server on which these clients join when the test calls [`StubRooms::admit`].
    pub(crate) fn start_admitting(
        first_receiver: u32,
        joins_later: &'static [u32],
        rule: impl FnMut(&mut StubRooms, RoomEvent<'_>) + Send + 'static,
    ) -> Self {
        let room = StubRooms {
            first_receiver,
            joins_later,
            ..StubRooms::default()
        };
        Self::start_as(room, rule)
    }

    /// A server whose records end with line breaks.
    pub(crate) fn start_with_line_breaks(
        first_receiver: u32,
        rule: impl FnMut(&mut StubRooms, RoomEvent<'_>) + Send + 'static,
    ) -> Self {
        let room = StubRooms {
            first_receiver,
            end: "\n",
            ..StubRooms::default()
        };
        Self::start_as(room, rule)
    }

    fn start_as(
        room: StubRooms,
        rule: impl FnMut(&mut StubRooms, RoomEvent<'_>) + Send + 'static,
    ) -> Self {
        let shared: SharedRoom = Arc::new(Mutex::new((room, Box::new(rule))));
        let of_server = Arc::clone(&shared);
        let server = Server::start(move |_, stream| serve(stream, Arc::clone(&of_server)));
        Self { server, shared }
    }

    pub(crate) fn plan(&self, change: impl FnOnce(&mut LoadDraft)) -> Plan {
        self.server.plan(change)
    }

    /// Number of deliveries that were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.shared.lock().unwrap().0.acknowledged
    }
}

async fn serve(stream: TcpStream, shared: SharedRoom) {
    let (mut sink, mut source) = accept(stream).await.split();
    let (out, mut queued) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            if sink.send(message).await.is_err() {
                return;
            }
        }
    });
    let mut own = None;
    while let Some(Ok(message)) = source.next().await {
        if let Ok(text) = message.to_text()
            && message.is_text()
        {
            take(text, &mut own, &out, &shared);
        }
    }
    if let Some(client) = own {
        let (room, rule) = &mut *shared.lock().unwrap();
        room.leave(client, &out);
        rule(room, RoomEvent::Left(client));
    }
}

fn take(text: &str, own: &mut Option<u32>, out: &UnboundedSender<Message>, shared: &SharedRoom) {
    let (room, rule) = &mut *shared.lock().unwrap();
    let (word, rest) = text.split_once(' ').unwrap();
    match word {
        "join" => {
            let (of_room, client) = rest.split_once(' ').unwrap();
            let client = client.parse().unwrap();
            *own = Some(client);
            let of_room = of_room.parse().unwrap();
            room.clients.insert(client, (of_room, out.clone()));
            if !room.joins_later.contains(&client) {
                room.admit(client);
            }
        }
        "here" => {
            room.here += 1;
            rule(room, RoomEvent::Here(rest.parse().unwrap()));
        }
        "say" => {
            let (of_room, rest) = rest.split_once(' ').unwrap();
            let post = room.post(of_room, rest, own.unwrap());
            rule(room, RoomEvent::Said(&post));
            room.release(&post);
        }
        "ack" => {
            room.acknowledged += 1;
            room.waits_no_more(rest.parse().unwrap(), *own);
        }
        other => panic!("{other}"),
    }
}
