//! The checked scenario: what is said, by whom, and what is expected.

use std::fmt;
use std::time::Duration;

use units::SizeRange;

use crate::captures::Captures;
use crate::client::ClientState;
use crate::draft::{DeliverTo, RecordFormat, RoleCount};
use crate::error::ScenarioError;
use crate::holes::ClientNumber;
use crate::json::PointerSet;
use crate::names::FixedSlot;
use crate::padding::Padding;
use crate::pattern::PatternList;
use crate::source::SourcePlace;
use crate::tables::Tables;
use crate::template::{MessageValues, SegmentValues, Template};

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
    /// The reply holds nothing but known bytes, and no other pattern comes before it.
    pub(crate) has_exact_reply: bool,
    /// Places of the lengths in the message.
    pub(crate) send_place: SourcePlace,
}

impl MessageType {
    /// Returns true when a record answers the message.
    pub fn has_reply(&self) -> bool {
        self.reply.is_some()
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
    /// Names and values of headers.
    pub headers: Vec<(String, Template)>,
    /// Offered subprotocols.
    pub subprotocols: Vec<String>,
    /// Value of `Origin`.
    pub origin: Option<Template>,
}

/// A checked scenario.
#[derive(Clone)]
pub struct Scenario {
    /// Name: that of the preset, or of the file without its folders.
    pub name: String,
    /// Description in one line.
    pub about: Option<String>,
    /// Path and query, where the server's URL has none.
    pub url: Option<Template>,
    /// Record boundaries.
    pub records: RecordFormat,
    /// Messages are sent in binary frames.
    pub binary: bool,
    /// Headers, subprotocols and origin.
    pub handshake: HandshakeParts,
    /// Roles, at least one.
    pub roles: Vec<ScenarioRole>,
    /// Steps before the load.
    pub setup: Vec<SetupStep>,
    /// Rules for other records.
    pub on: Vec<OnRule>,
    /// Heartbeats.
    pub every: Vec<Heartbeat>,
    /// The load; empty when the server only pushes.
    pub messages: Vec<MessageType>,
    /// Messages of the server's own.
    pub push: Option<PushFeed>,
    /// Goodbye.
    pub close: Goodbye,
    pub(crate) merged: String,
    pub(crate) vars: Vec<ScenarioVar>,
    pub(crate) setup_on: Vec<PatternList>,
    pub(crate) setup_pointers: PointerSet,
    pub(crate) load_pointers: PointerSet,
    pub(crate) captures: usize,
    pub(crate) fixed: Vec<FixedSlot>,
    pub(crate) tables: Tables,
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
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

impl Scenario {
    /// The file with everything that it builds on, as TOML. Values of secret vars are left out.
    pub fn merged_file(&self) -> &str {
        &self.merged
    }

    /// All vars in the order of the files.
    pub fn vars(&self) -> &[ScenarioVar] {
        &self.vars
    }

    /// Checks that all vars and tables are there, for this number of clients.
    ///
    /// # Errors
    /// The first var without a value, table that was not given, or table with too few rows.
    pub fn check_complete(&self, clients: u64) -> Result<(), ScenarioError> {
        if let Some(var) = self.vars.iter().find(|var| var.value.is_none()) {
            let (name, about) = (var.name.clone(), var.about.clone());
            return Err(ScenarioError::VarNotSet { name, about });
        }
        for slot in &self.fixed {
            if let FixedSlot::Cell { table, .. } = slot {
                self.tables.check_table(table)?;
                self.tables.check_rows(table, clients)?;
            }
        }
        Ok(())
    }

    /// Checks that a closed loop can go on: every message of a role that sends has a reply, or a delivery
    /// to its sender.
    ///
    /// # Errors
    /// [`ScenarioError::NoCue`] for the first message that has neither.
    pub fn check_closed_loop(&self) -> Result<(), ScenarioError> {
        let sender_receives = self
            .roles
            .iter()
            .filter(|role| role.sends)
            .all(|role| role.receives);
        let is_heard = |message: &&MessageType| {
            message.has_reply() || message.has_deliveries() && message.to_sender && sender_receives
        };
        match self.messages.iter().find(|message| !is_heard(message)) {
            Some(message) => Err(ScenarioError::NoCue {
                place: message.place.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Checks that messages of these clients can have these sizes.
    ///
    /// # Errors
    /// A message that is longer without its pad, a length that does not fit its format, or no message with
    /// `${pad}`.
    pub fn check_sizes<'a>(
        &self,
        seed: u64,
        sizes: SizeRange,
        clients: impl IntoIterator<Item = &'a ClientState>,
    ) -> Result<(), ScenarioError> {
        let padded: Vec<_> = self
            .messages
            .iter()
            .filter(|message| message.send.holds_pad())
            .collect();
        if padded.is_empty() {
            return Err(ScenarioError::NoPad {
                scenario: self.name.clone(),
            });
        }
        let largest = Padding::new(
            seed,
            Some(SizeRange {
                min: sizes.max,
                max: sizes.max,
            }),
        );
        for client in clients {
            let values = SegmentValues::from(MessageValues {
                client,
                number: 0,
                id: 1,
                wall_ns: u64::MAX,
                captures: Captures::none(),
                padding: &largest,
            });
            for message in &padded {
                let least = message.send.least_size(&values).unwrap_or(0);
                if least > sizes.min {
                    let scenario = message.name.as_ref().unwrap_or(&self.name).clone();
                    return Err(ScenarioError::TooShort {
                        scenario,
                        bytes: least,
                    });
                }
                if let Some((bytes, format)) = message.send.unfit_length(&values) {
                    let (place, format) = (message.send_place.clone(), format.name());
                    return Err(ScenarioError::LengthFormat {
                        place,
                        bytes,
                        format,
                    });
                }
            }
        }
        Ok(())
    }

    /// State of a client with this number, role and number within its role, in one of `rooms` rooms.
    pub fn client(&self, client: u32, role: usize, member: u32, rooms: u32) -> ClientState {
        let number = |which| match which {
            ClientNumber::Client => client,
            ClientNumber::Member => member,
            ClientNumber::Room => member % rooms.max(1),
        };
        let text = |slot: &FixedSlot| match slot {
            FixedSlot::Number { which, width } => {
                format!("{:0width$}", number(*which), width = *width).into_bytes()
            }
            FixedSlot::Cell { table, column } => {
                self.tables.cell(table, column, client).as_bytes().to_vec()
            }
        };
        let fixed: Vec<_> = self.fixed.iter().map(text).collect();
        let role = u16::try_from(role).unwrap_or(u16::MAX);
        ClientState::new(client, role, self.captures, &fixed)
    }

    /// Sum of the weights of all messages.
    pub fn total_weight(&self) -> u64 {
        self.messages.iter().map(|message| message.weight).sum()
    }

    /// Index of the kind of a message: a pure function of seed, client and number, so that a resumed
    /// or repeated run sends the same mix.
    #[inline]
    pub fn message_type(&self, padding: &Padding, client: u32, number: u64) -> usize {
        if self.messages.len() <= 1 {
            return 0;
        }
        let last = self.total_weight().saturating_sub(1);
        let mut drawn = padding.random(client, number, KIND_SALT, last);
        for (index, message) in self.messages.iter().enumerate() {
            if drawn < message.weight {
                return index;
            }
            drawn -= message.weight;
        }
        0
    }
}

/// Salt of the draw of a message's kind.
const KIND_SALT: u32 = u32::MAX - 2;
