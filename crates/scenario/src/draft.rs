//! Scenario files as they are written: texts with places, not yet resolved; merged with their base.

use std::collections::HashSet;
use std::time::Duration;

use crate::error::{Fault, ScenarioError};
use crate::source::{Spot, SpottedText};

/// Record boundaries within the messages of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RecordFormat {
    /// One record a WebSocket message.
    #[default]
    Message,
    /// Records end with these bytes, which belong to them.
    Until(Vec<u8>),
    /// NATS: lines, and payloads whose length their line gives.
    Nats,
    /// MQTT: packets with their length.
    Mqtt,
}

impl RecordFormat {
    /// The bytes at the end of every record; may be empty.
    pub(crate) fn end(&self) -> &[u8] {
        match self {
            Self::Until(end) => end,
            Self::Message | Self::Nats | Self::Mqtt => &[],
        }
    }
}

/// A scenario file, or several merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) about: Option<SpottedText>,
    pub(crate) base: Option<SpottedText>,
    pub(crate) url: Option<SpottedText>,
    pub(crate) records: Option<RecordFormat>,
    pub(crate) binary: Option<bool>,
    pub(crate) headers: Vec<(String, HeaderDraft)>,
    pub(crate) subprotocols: Option<Vec<SpottedText>>,
    pub(crate) origin: Option<SpottedText>,
    pub(crate) vars: Vec<(String, VarDraft)>,
    pub(crate) data: Vec<(String, SpottedText)>,
    pub(crate) roles: Vec<RoleDraft>,
    pub(crate) setup: Vec<SetupDraft>,
    pub(crate) on: Vec<OnDraft>,
    pub(crate) every: Vec<EveryDraft>,
    pub(crate) messages: Vec<MessageDraft>,
    pub(crate) push: Option<PushDraft>,
    pub(crate) close: CloseDraft,
    /// Names of all roles, also of those that another file replaced.
    pub(crate) role_names: Vec<String>,
}

/// A named text, or the demand for one.
#[derive(Debug, Clone)]
pub(crate) struct VarDraft {
    pub(crate) value: Option<SpottedText>,
    pub(crate) about: Option<String>,
    pub(crate) secret: bool,
}

/// A header of the handshake.
#[derive(Debug, Clone)]
pub(crate) struct HeaderDraft {
    pub(crate) value: SpottedText,
    /// Place of the name.
    pub(crate) spot: Spot,
}

/// A text, or pointers and texts.
#[derive(Debug, Clone)]
pub(crate) enum PatternDraft {
    Text(SpottedText),
    Json {
        spot: Spot,
        members: Vec<(String, SpottedText)>,
    },
}

impl PatternDraft {
    pub(crate) fn spot(&self) -> &Spot {
        match self {
            Self::Text(text) => &text.spot,
            Self::Json { spot, .. } => spot,
        }
    }
}

/// A list of patterns of which any may match.
#[derive(Debug, Clone)]
pub(crate) struct PatternsDraft {
    pub(crate) any_of: Vec<PatternDraft>,
    pub(crate) spot: Spot,
}

/// Roles that an entry is for; empty for all.
pub(crate) type RoleNames = Vec<SpottedText>;

#[derive(Debug, Clone, Default)]
pub(crate) struct RoleDraft {
    pub(crate) name: String,
    pub(crate) count: RoleCount,
    pub(crate) sends: Option<bool>,
    pub(crate) receives: Option<bool>,
    pub(crate) read: Option<u64>,
    pub(crate) buffer: Option<u64>,
    pub(crate) sends_spot: Option<Spot>,
    pub(crate) read_spot: Option<Spot>,
}

/// Number of clients of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum RoleCount {
    /// A number of clients.
    Clients(u64),
    /// A share of all clients, in percent, of at least one client.
    Percent(f64),
    /// All clients that no other role takes, shared evenly with other roles of this kind.
    #[default]
    Rest,
}

#[derive(Debug, Clone)]
pub(crate) struct SetupDraft {
    pub(crate) role: RoleNames,
    pub(crate) send: Option<SpottedText>,
    pub(crate) expect: Option<PatternsDraft>,
    pub(crate) refuse: Option<PatternsDraft>,
    pub(crate) wait: Option<Duration>,
    pub(crate) within: Option<Duration>,
    pub(crate) spot: Spot,
}

#[derive(Debug, Clone)]
pub(crate) struct OnDraft {
    pub(crate) name: Option<SpottedText>,
    pub(crate) role: RoleNames,
    pub(crate) matched: PatternsDraft,
    pub(crate) send: Option<SpottedText>,
    pub(crate) error: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct EveryDraft {
    pub(crate) role: RoleNames,
    pub(crate) interval: Duration,
    pub(crate) send: SpottedText,
}

/// Receivers of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliverTo {
    /// All receivers of the sender's room.
    #[default]
    Room,
    /// All receivers.
    All,
    /// One receiver, as from a queue.
    One,
}

#[derive(Debug, Clone)]
pub(crate) struct MessageDraft {
    pub(crate) name: Option<SpottedText>,
    pub(crate) weight: Option<u64>,
    pub(crate) send: SpottedText,
    pub(crate) reply: Option<PatternsDraft>,
    pub(crate) error: Option<PatternsDraft>,
    pub(crate) part: Option<PatternsDraft>,
    pub(crate) deliver: Option<PatternsDraft>,
    pub(crate) to: Option<DeliverTo>,
    pub(crate) to_sender: Option<bool>,
    pub(crate) answer: Option<SpottedText>,
}

#[derive(Debug, Clone)]
pub(crate) struct PushDraft {
    pub(crate) matched: Option<PatternsDraft>,
    pub(crate) interval: Option<Duration>,
    pub(crate) spot: Spot,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct CloseDraft {
    pub(crate) send: Option<SpottedText>,
    pub(crate) expect: Option<PatternsDraft>,
    pub(crate) code: Option<u16>,
}

impl Draft {
    /// This file on top of its base: own `setup` and `every` behind those of the base, own `on` before;
    /// own messages and roles replace, tables merge, keys override.
    pub(crate) fn onto(self, base: Self) -> Self {
        let own_push_only = self.push.is_some() && self.messages.is_empty();
        let messages = match self.messages.is_empty() {
            true if own_push_only => Vec::new(),
            true => base.messages,
            false => self.messages,
        };
        let push = match (self.push, base.push) {
            (Some(own), Some(base)) => Some(PushDraft {
                matched: own.matched.or(base.matched),
                interval: own.interval.or(base.interval),
                spot: own.spot,
            }),
            (own, base) => own.or(base),
        };
        Self {
            about: self.about.or(base.about),
            base: None,
            url: self.url.or(base.url),
            records: self.records.or(base.records),
            binary: self.binary.or(base.binary),
            headers: merge(base.headers, self.headers),
            subprotocols: self.subprotocols.or(base.subprotocols),
            origin: self.origin.or(base.origin),
            vars: merge(base.vars, self.vars),
            data: merge(base.data, self.data),
            roles: if self.roles.is_empty() {
                base.roles
            } else {
                self.roles
            },
            setup: [base.setup, self.setup].concat(),
            on: [self.on, base.on].concat(),
            every: [base.every, self.every].concat(),
            messages,
            push,
            close: CloseDraft {
                send: self.close.send.or(base.close.send),
                expect: self.close.expect.or(base.close.expect),
                code: self.close.code.or(base.close.code),
            },
            role_names: [base.role_names, self.role_names].concat(),
        }
    }
}

/// Entries of the base in their order, replaced by own ones of the same name, then the other own ones.
fn merge<T>(base: Vec<(String, T)>, own: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut merged = base;
    for (name, value) in own {
        match merged.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => merged.push((name, value)),
        }
    }
    merged
}

/// Results of messages are stored by name, on one line.
pub(crate) fn check_names(drafts: &[MessageDraft]) -> Result<(), ScenarioError> {
    let mut names = HashSet::new();
    // Messages without a name are numbered.
    for (number, _) in (1..).zip(drafts).filter(|(_, draft)| draft.name.is_none()) {
        names.insert(default_name(number));
    }
    for text in drafts.iter().filter_map(|draft| draft.name.as_ref()) {
        if text.value.is_empty() || text.value.contains(char::is_control) {
            let fault = "`name` must be one line of text".to_owned();
            return Err(Fault::Value(fault).at(text.place()));
        }
        if !names.insert(text.value.clone()) {
            return Err(Fault::SameName(text.value.clone()).at(text.place()));
        }
    }
    Ok(())
}

/// Name of a message without one of its own, numbered from 1.
pub(crate) fn default_name(number: usize) -> String {
    format!("message_{number}")
}
