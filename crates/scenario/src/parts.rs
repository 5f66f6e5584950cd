//! Parts of a scenario: roles, steps, rules, heartbeats, messages, feeds, vars.

use std::fmt;
use std::time::Duration;

use crate::draft::{DeliverTo, RoleCount};
use crate::exact_reply::ExactReply;
use crate::pattern::{PatternList, RecognisedBy};
use crate::source::SourcePlace;
use crate::template::Template;

/// A group of clients that do the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioRole {
    /// Name in the file; `client` where the file has no roles.
    pub name: String,
    /// Share of the clients.
    pub count: RoleCount,
    /// The clients send the load.
    pub sends: bool,
    /// The clients receive deliveries.
    pub receives: bool,
    /// Limit of its reading, for slow consumers.
    pub read: Option<ReadLimit>,
    pub(crate) sends_place: Option<SourcePlace>,
    pub(crate) read_place: Option<SourcePlace>,
}

impl ScenarioRole {
    /// Place of `sends`, where the file has it.
    pub fn sends_place(&self) -> Option<&SourcePlace> {
        self.sends_place.as_ref()
    }

    /// Place of `read`, where the file has it.
    pub fn read_place(&self) -> Option<&SourcePlace> {
        self.read_place.as_ref()
    }
}

/// A limit of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// Bytes per second.
    pub bytes_per_s: u64,
    /// Bytes of the kernel's receive buffer.
    pub buffer: u64,
}

/// A step before the load.
#[derive(Debug, Clone)]
pub struct SetupStep {
    /// Place of `expect`, or of what the step has instead, for messages about its failure.
    pub place: SourcePlace,
    /// Message to send.
    pub send: Option<Template>,
    /// Time to wait behind the step.
    pub wait: Option<Duration>,
    /// Time within which the expected record must come.
    pub within: Duration,
    pub(crate) roles: u64,
    pub(crate) expect: Option<PatternList>,
    pub(crate) refuse: Option<PatternList>,
}

impl SetupStep {
    /// Returns true when clients of this role, by its index, do the step.
    pub fn is_for(&self, role: usize) -> bool {
        has_role(self.roles, role)
    }

    /// Returns true when the step waits for a record.
    pub fn expects(&self) -> bool {
        self.expect.is_some()
    }
}

/// A record that belongs to no message, and the answer to it.
#[derive(Debug, Clone)]
pub struct OnRule {
    /// Name under which it is counted.
    pub name: Option<String>,
    /// Answer, which may use the captures of the record.
    pub send: Option<Template>,
    /// The record counts as an error of the server.
    pub error: bool,
    pub(crate) roles: u64,
    pub(crate) matched: PatternList,
}

/// A message that clients send at an interval.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Time between two messages of a client.
    pub interval: Duration,
    /// The message.
    pub send: Template,
    pub(crate) roles: u64,
}

impl Heartbeat {
    /// Returns true when clients of this role, by its index, send it.
    pub fn is_for(&self, role: usize) -> bool {
        has_role(self.roles, role)
    }
}

/// A kind of message of the load.
#[derive(Debug, Clone)]
pub struct MessageType {
    /// Name, for figures of this kind alone.
    pub name: Option<String>,
    /// Share of all messages, relative to the weights of the others.
    pub weight: u64,
    /// The message.
    pub send: Template,
    /// Receivers of deliveries.
    pub to: DeliverTo,
    /// The sender gets a delivery, too.
    pub to_sender: bool,
    /// Answer of a receiver, which may use the captures of the delivery.
    pub answer: Option<Template>,
    pub(crate) reply: Option<PatternList>,
    pub(crate) error: Option<PatternList>,
    pub(crate) part: Option<PatternList>,
    pub(crate) deliver: Option<PatternList>,
    pub(crate) place: SourcePlace,
    /// The reply, when it holds nothing but known bytes, and no other pattern comes before it.
    pub(crate) exact_reply: Option<ExactReply>,
    /// Places of the lengths in the message.
    pub(crate) send_place: SourcePlace,
}

impl MessageType {
    /// Returns true when a record answers the message.
    pub fn has_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// Returns true when each record that answers the message names it, by its uid or id.
    pub fn identifies_answers(&self) -> bool {
        let lists = self.own_patterns().into_iter().filter_map(|(_, list)| list);
        let mut alternatives = lists.flat_map(|list| &list.alternatives);
        alternatives.all(|one| one.recognised_by != RecognisedBy::Order)
    }

    /// Returns true when records may belong to the message without ending it.
    pub fn has_parts(&self) -> bool {
        self.part.is_some()
    }

    /// Place of the message in its file.
    pub fn place(&self) -> &SourcePlace {
        &self.place
    }

    /// Returns true when the message reaches receivers.
    pub fn has_deliveries(&self) -> bool {
        self.deliver.is_some()
    }
}

/// Messages that the server sends on its own.
#[derive(Debug, Clone)]
pub struct PushFeed {
    /// Time between two messages.
    pub interval: Option<Duration>,
    pub(crate) matched: PatternList,
    pub(crate) place: SourcePlace,
}

impl PushFeed {
    /// Place of the table.
    pub fn place(&self) -> &SourcePlace {
        &self.place
    }
}

/// The end of a connection.
#[derive(Debug, Clone)]
pub struct Goodbye {
    /// Message before the close frame.
    pub send: Option<Template>,
    /// Code of the close frame.
    pub code: u16,
    pub(crate) expect: Option<PatternList>,
}

impl Goodbye {
    /// Returns true when a record is awaited before the close frame.
    pub fn expects(&self) -> bool {
        self.expect.is_some()
    }
}

/// The handshake of every client.
#[derive(Debug, Clone, Default)]
pub struct HandshakeParts {
    /// Headers, without `Origin` and the subprotocols.
    pub headers: Vec<HandshakeHeader>,
    /// Offered subprotocols.
    pub subprotocols: Vec<String>,
    /// The header `Origin`.
    pub origin: Option<HandshakeHeader>,
    /// Place of the first subprotocol.
    pub(crate) subprotocols_place: Option<SourcePlace>,
}

impl HandshakeParts {
    /// Place of the first subprotocol, if any is offered.
    pub fn subprotocols_place(&self) -> Option<&SourcePlace> {
        self.subprotocols_place.as_ref()
    }
}

/// A header of the upgrade request.
#[derive(Debug, Clone)]
pub struct HandshakeHeader {
    /// Name as it is written.
    pub name: String,
    /// Value.
    pub value: Template,
    /// Place of the name in its file.
    pub place: SourcePlace,
}

/// A var of a scenario, for reports.
#[derive(Clone, PartialEq, Eq)]
pub struct ScenarioVar {
    /// Name.
    pub name: String,
    /// Text as it is written; `None` where it must be set and is not.
    pub value: Option<String>,
    /// Description.
    pub about: Option<String>,
    /// The value must not be shown.
    pub secret: bool,
}

impl ScenarioVar {
    /// The value, unless it is a secret or not set.
    pub fn shown(&self) -> Option<&str> {
        self.value.as_deref().filter(|_| !self.secret)
    }
}

impl fmt::Debug for ScenarioVar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScenarioVar")
            .field("name", &self.name)
            .field("value", &self.shown())
            .finish()
    }
}

/// Time that a setup step waits for its record.
pub(crate) const SETUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Most roles of a scenario.
pub(crate) const MAX_ROLES: usize = 64;

pub(crate) fn has_role(roles: u64, role: usize) -> bool {
    role < MAX_ROLES && roles >> role & 1 == 1
}
