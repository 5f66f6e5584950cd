//! Scenarios of the clients: what all clients of a run share, and the state of one client.
//!
//! | module | contents |
//! |---|---|
//! | `feed` | messages of the server's own at one client |
//! | `sequence`, `lateness` | numbers of a feed, and its lateness |
//! | `early_records` | records that arrived before the thread knew when the load begins |
//! | `sent_index` | ids and parts of the messages in flight, for the classification of records |
//! | `template_frame` | frames filled from templates |

pub(crate) mod early_records;
pub(crate) mod feed;
mod lateness;
pub(crate) mod sent_index;
mod sequence;
pub(crate) mod template_frame;

use std::sync::Arc;
use std::time::SystemTime;

use measurement::plan::Plan;
use measurement::record::{ConnectFailure, SetupFailure};
use scenario::{
    Captures, ClientState, MessageValues, Padding, RecordCutter, RoleAssignment, Scenario, Template,
};

use crate::clock::nanoseconds;
use crate::message::payload::MAX_INDEX;
use feed::{ClientFeed, FeedRules};
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
    /// Messages of the server's own; `None` without them.
    pub(crate) feed: Option<FeedRules>,
}

impl Dialogue {
    /// The dialogue of a plan; `None` when clients expect an echo.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        let scenario = Arc::clone(plan.scenario()?);
        let messages = &scenario.messages;
        let needs_index = |kind: &scenario::MessageType| kind.send.holds_id() || kind.has_parts();
        Some(Self {
            padding: Padding::new(plan.seed, Some(plan.payload)),
            clients: plan.clients.get(),
            roles: plan.roles()?,
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
        self.roles.of(client).map_or(0, |(role, _)| role)
    }

    /// Number of a client among those that send the load; `None` for one that only listens.
    pub(crate) fn sender(&self, client: u32) -> Option<u32> {
        self.roles.sender(client)
    }

    /// State of a client at the beginning of its connection.
    pub(crate) fn client_state(&self, client: u32) -> ClientState {
        let (role, member) = self.roles.of(client).unwrap_or((0, client));
        self.scenario.client(client, role, member, 1)
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
