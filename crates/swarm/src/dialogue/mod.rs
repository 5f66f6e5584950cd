//! Scenarios of the clients: what all clients of a run share, and the state of one client.
//!
//! | module | contents |
//! |---|---|
//! | `client_rooms` | one client in its rooms |
//! | `recent_publications` | messages that were delivered lately |
//! | `publication` | one message on its way to several receivers |
//! | `publications` | rooms, and the messages on their way to their members |
//! | `publisher_queue` | messages of one publisher |
//! | `room_members` | members of one room, and those that have left it lately |
//! | `feed` | messages of the server's own at one client |
//! | `sequence`, `lateness` | numbers of a feed, and its lateness |
//! | `early_records` | records that arrived before the thread knew when the load begins |
//! | `sent_index` | ids and parts of the messages in flight, for the classification of records |
//! | `template_frame` | frames filled from templates |

pub(crate) mod client_rooms;
pub(crate) mod early_records;
pub(crate) mod feed;
mod lateness;
pub(crate) mod publication;
pub(crate) mod publications;
mod publisher_queue;
pub(crate) mod recent_publications;
pub(crate) mod room_members;
pub(crate) mod sent_index;
mod sequence;
pub(crate) mod template_frame;

use std::sync::Arc;
use std::time::SystemTime;

use measurement::plan::{Plan, SlowAssignment};
use measurement::record::{ConnectFailure, SetupFailure};
use scenario::{
    Captures, ClientState, DeliverTo, MessageType, MessageValues, Padding, RecordCutter,
    RoleAssignment, Scenario, Template,
};

use crate::clock::nanoseconds;
use crate::message::payload::MAX_INDEX;
use client_rooms::{CarriedRooms, ClientRooms};
use feed::{ClientFeed, FeedRules};
use publication::Publication;
use publications::PublicationBoard;
use sent_index::SentIndex;

/// Maximum number of unsent bytes of answers and heartbeats of a client. Beyond it, they are not sent, because the
/// server does not read them.
pub(crate) const MAX_ANSWER_BACKLOG: usize = 64 << 10;

/// The scenario of a run, shared by all threads.
#[derive(Debug)]
pub(crate) struct Dialogue {
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) padding: Padding,
    pub(crate) clients: u32,
    roles: RoleAssignment,
    /// Some message shows the wall clock.
    pub(crate) shows_time: bool,
    /// Messages must be registered in the [`SentIndex`].
    pub(crate) is_indexed: bool,
    /// Largest record in bytes. A longer one ends the connection.
    pub(crate) max_record: usize,
    /// Number of rooms.
    rooms: u32,
    pub(crate) slow_readers: Option<Arc<SlowAssignment>>,
    /// Some message goes to all receivers.
    pub(crate) has_messages_to_all: bool,
    /// There are too many pairs of sender and receiver to keep their order.
    pub(crate) order_is_unknown: bool,
    /// Messages of the server's own; `None` without them.
    pub(crate) feed: Option<FeedRules>,
}

/// Memory for the order of deliveries of a process, in bytes.
const ORDER_BYTES: u64 = 64 << 20;

impl Dialogue {
    /// The dialogue of a plan; `None` when clients expect an echo.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        let scenario = Arc::clone(plan.scenario()?);
        let messages = &scenario.messages;
        let roles = plan.roles()?;
        let rooms = plan.rooms.get();
        let receives = |role: &scenario::ScenarioRole| role.receives;
        let by_role = scenario.roles.iter().enumerate();
        let receivers: u64 = by_role
            .filter(|(_, role)| receives(role))
            .map(|(role, _)| roles.clients(role))
            .sum();
        let needs_index = |kind: &scenario::MessageType| kind.send.holds_id() || kind.has_parts();
        Some(Self {
            padding: Padding::new(plan.seed, Some(plan.payload)),
            clients: plan.clients.get(),
            has_messages_to_all: messages.iter().any(|kind| kind.to == DeliverTo::All),
            order_is_unknown: receivers * (roles.senders() / u64::from(rooms)) * 8 > ORDER_BYTES,
            rooms,
            slow_readers: plan.slow_readers().cloned(),
            roles,
            shows_time: messages.iter().any(|kind| kind.send.shows_time()),
            max_record: usize::try_from(plan.max_record_bytes).unwrap_or(usize::MAX),
            is_indexed: messages.len() > 1
                || scenario.roles.len() > 1
                || messages.iter().any(needs_index),
            feed: FeedRules::new(&scenario, plan),
            scenario,
        })
    }

    /// Index of the client's role.
    #[inline]
    pub(crate) fn role(&self, client: u32) -> usize {
        if self.scenario.roles.len() == 1 {
            return 0;
        }
        self.place_of(client).0
    }

    /// Index of the role of a client or of an idle connection, and its number within the role.
    fn place_of(&self, connection: u32) -> (usize, u32) {
        let roles = &self.roles;
        let place = roles.of(connection).or_else(|| roles.of_idle(connection));
        place.unwrap_or((0, connection))
    }

    /// Number of a client among those that send the load; `None` for one that only listens.
    pub(crate) fn sender(&self, client: u32) -> Option<u32> {
        self.roles.sender(client)
    }

    /// Number of rooms and of all receivers together.
    fn audiences(&self) -> usize {
        self.rooms as usize + 1
    }

    /// The rooms of a run whose messages are delivered; `None` without such messages.
    pub(crate) fn board(&self) -> Option<Arc<PublicationBoard>> {
        let mut messages = self.scenario.messages.iter();
        messages.any(MessageType::has_deliveries).then(|| {
            let senders = usize::try_from(self.roles.senders()).unwrap_or(usize::MAX);
            let groups = self.scenario.roles.len() + 1;
            Arc::new(PublicationBoard::new(self.audiences(), senders, groups))
        })
    }

    /// Index of a client's room.
    #[inline]
    pub(crate) fn room(&self, client: u32) -> usize {
        if self.rooms == 1 {
            return 0;
        }
        let member = self.roles.of(client).map_or(client, |(_, member)| member);
        (member % self.rooms) as usize
    }

    /// Index of the room that holds all receivers.
    pub(crate) fn everybody(&self) -> usize {
        self.rooms as usize
    }

    /// Index of the group of receivers that a client of this role belongs to.
    #[inline]
    pub(crate) fn group(&self, client: u32, role: usize) -> usize {
        if self.is_slow(client) {
            self.slow_group()
        } else {
            role
        }
    }

    /// Index of the group of slow readers.
    pub(crate) fn slow_group(&self) -> usize {
        self.scenario.roles.len()
    }

    /// Returns true for a client that reads slowly at some time of the run.
    #[inline]
    pub(crate) fn is_slow(&self, client: u32) -> bool {
        let slow = self.slow_readers.as_ref();
        slow.is_some_and(|slow| slow.is_slow(client))
    }

    /// Returns true when a message has a reply, apart from its deliveries.
    pub(crate) fn has_reply(&self, publication: &Publication) -> bool {
        self.scenario.messages[usize::from(publication.message.kind)].has_reply()
    }

    /// Returns true when a message that was sent waits in the window: for its reply, or for the sender's own copy.
    #[inline]
    pub(crate) fn waits_in_window(&self, kind: usize, role: usize, is_windowed: bool) -> bool {
        let kind = &self.scenario.messages[kind];
        let own_copy = kind.to_sender && self.scenario.roles[role].receives;
        kind.has_reply() || is_windowed && own_copy
    }

    /// Place of a sender among those whose messages the members of its room get.
    #[inline]
    pub(crate) fn sender_place(&self, publisher: u32) -> usize {
        if self.rooms == 1 || self.has_messages_to_all {
            return self.roles.sender(publisher).unwrap_or(0) as usize;
        }
        let Some((own_role, member)) = self.roles.of(publisher) else {
            return 0;
        };
        let room = member % self.rooms;
        let earlier = self.scenario.roles[..own_role].iter().enumerate();
        let before: u64 = earlier
            .filter(|(_, role)| role.sends)
            .map(|(role, _)| {
                let clients = self.roles.clients(role);
                clients
                    .saturating_sub(u64::from(room))
                    .div_ceil(u64::from(self.rooms))
            })
            .sum();
        // There are at most as many senders as clients.
        #[allow(clippy::cast_possible_truncation)]
        let before = before as usize;
        before + (member / self.rooms) as usize
    }

    /// State of a client at the beginning of its connection.
    pub(crate) fn client_state(&self, client: u32) -> ClientState {
        let (role, member) = self.place_of(client);
        self.scenario.client(client, role, member, self.rooms)
    }

    /// The failure to connect a client, without the secrets that the server may have repeated.
    pub(crate) fn masked_failure(&self, client: u32, failure: ConnectFailure) -> ConnectFailure {
        let state = self.client_state(client);
        failure.map_answer(&|text| self.scenario.masked_text(&state, text))
    }

    /// Values of a message that belongs to no request of the load.
    pub(crate) fn aside<'a>(
        &'a self,
        state: &'a ClientState,
        send: &Template,
        (number, id): (u64, u64),
        captures: &'a Captures,
    ) -> MessageValues<'a> {
        MessageValues {
            client: state,
            sender: state.client(),
            number,
            id,
            wall_ns: if send.shows_time() { wall_ns() } else { 0 },
            captures,
            padding: &self.padding,
        }
    }
}

/// Nanoseconds since 1970.
pub(crate) fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, nanoseconds)
}

/// State of one client of a scenario.
#[derive(Debug)]
pub(crate) struct ClientDialogue {
    pub(crate) state: ClientState,
    pub(crate) cutter: RecordCutter,
    pub(crate) sent: SentIndex,
    /// Progress of the steps before the load.
    pub(crate) setup: SetupProgress,
    /// Time of the connection's opening, on the thread's clock.
    pub(crate) opened_ns: u64,
    /// Time from the first attempt to connect until the setup was complete, in nanoseconds.
    pub(crate) ready_ns: Option<u64>,
    /// Next time of each `[[every]]` of the client's role, on the thread's clock.
    pub(crate) heartbeats: Vec<(usize, u64)>,
    /// Messages of the server's own; `None` when the scenario has none.
    pub(crate) feed: Option<Box<ClientFeed>>,
    /// Wall clock of the newest messages of the load.
    pub(crate) wall_ns: u64,
    /// Rooms, once the client is ready; `None` without deliveries.
    pub(crate) rooms: Option<Box<ClientRooms>>,
    /// State from an earlier connection of the client, until it has joined its rooms again.
    pub(crate) carried_rooms: CarriedRooms,
    /// The client has left its rooms, although its connection may not have ended.
    pub(crate) has_left_rooms: bool,
    /// The awaited answer to the goodbye has arrived.
    pub(crate) is_goodbye_answered: bool,
    /// Messages that belong to no request of the load, so far.
    asides: u64,
}

/// Progress of the steps before the load.
#[derive(Debug, Default)]
pub(crate) struct SetupProgress {
    /// Index of the current step.
    pub(crate) step: usize,
    /// The step's record has arrived, or none is expected, and the client waits.
    pub(crate) is_waiting: bool,
    /// The last record that nothing expected, as it is shown in failures.
    pub(crate) skipped: Option<String>,
    /// The reason why the setup has failed.
    pub(crate) failure: Option<Box<SetupFailure>>,
}

impl ClientDialogue {
    pub(crate) fn new(dialogue: &Dialogue, client: u32, opened_ns: u64) -> Self {
        Self {
            state: dialogue.client_state(client),
            cutter: RecordCutter::default(),
            sent: SentIndex::default(),
            setup: SetupProgress::default(),
            opened_ns,
            ready_ns: None,
            heartbeats: Vec::new(),
            feed: dialogue.feed.as_ref().map(|_| Box::default()),
            wall_ns: 0,
            rooms: None,
            carried_rooms: CarriedRooms::default(),
            has_left_rooms: false,
            is_goodbye_answered: false,
            asides: 0,
        }
    }

    /// The values of a message of the load.
    #[inline]
    pub(crate) fn values<'a>(
        &'a self,
        dialogue: &'a Dialogue,
        number: u64,
        id: u64,
    ) -> MessageValues<'a> {
        MessageValues {
            client: &self.state,
            sender: self.state.client(),
            number,
            id,
            wall_ns: self.wall_ns,
            captures: Captures::none(),
            padding: &dialogue.padding,
        }
    }

    /// Number and id of a message that belongs to no request of the load. Its number is never that of a request.
    pub(crate) fn take_aside(&mut self, send: &Template) -> (u64, u64) {
        self.asides += 1;
        let number = MAX_INDEX.saturating_sub(self.asides);
        if !send.holds_id() {
            return (number, 0);
        }
        let id = self.state.take_id();
        self.sent.add_other_id(id);
        (number, id)
    }
}
