//! The checked scenario: what is said, by whom, and what is expected.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::time::Duration;

use units::SizeRange;

use crate::captures::Captures;
use crate::client::ClientState;
use crate::cut_secret::without_cut_secret;
use crate::draft::{DeliverTo, RecordFormat, default_name};
use crate::error::ScenarioError;
use crate::holes::ClientNumber;
use crate::json::PointerSet;
use crate::json_text::escaped;
use crate::names::FixedSlot;
use crate::padding::Padding;
use crate::parts::{
    Goodbye, HandshakeParts, Heartbeat, MessageType, OnRule, PushFeed, ScenarioRole, ScenarioVar,
    SetupStep,
};
use crate::pattern::PatternList;
use crate::source::SourcePlace;
use crate::tables::Tables;
use crate::template::{MessageValues, Template};

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
    /// Place and text of `url`.
    pub(crate) url_source: Option<(SourcePlace, String)>,
    pub(crate) merged: String,
    pub(crate) vars: Vec<ScenarioVar>,
    /// Texts that must not be shown.
    pub(crate) secrets: Vec<Vec<u8>>,
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

/// The text with `***` for each of the secrets, the longest of which comes first.
fn masked_with(secrets: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut masked = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match secrets.iter().find(|secret| rest.starts_with(&secret[..])) {
            Some(secret) => {
                masked.extend_from_slice(b"***");
                rest = &rest[secret.len()..];
            }
            None => {
                masked.push(*first);
                rest = after;
            }
        }
    }
    masked
}

impl Scenario {
    /// Time that the pauses of the setup take together.
    pub fn setup_waits(&self) -> Duration {
        self.setup.iter().filter_map(|step| step.wait).sum()
    }

    /// The file with everything that it builds on, as TOML. Values of secret vars are left out, unless they are empty.
    pub fn merged_file(&self) -> &str {
        &self.merged
    }

    /// Place of `url`, where the file has it.
    pub fn url_place(&self) -> Option<&SourcePlace> {
        self.url_source.as_ref().map(|(place, _)| place)
    }

    /// Path of `url` as it is written, with its holes and without its query.
    pub fn usual_path(&self) -> Option<&str> {
        let (_, text) = self.url_source.as_ref()?;
        let path = text.split(['?', '#']).next()?;
        (!path.is_empty()).then_some(path)
    }

    /// All vars in the order of the files.
    pub fn vars(&self) -> &[ScenarioVar] {
        &self.vars
    }

    /// Returns true when there is a CSV table, of the file or of the options.
    pub fn has_tables(&self) -> bool {
        !self.tables.is_empty()
    }

    /// Adds a text that [`masked`](Self::masked) hides, besides those of the file: the value of a header.
    pub fn add_secret(&mut self, text: &[u8]) {
        self.secrets.push(text.to_vec());
    }

    /// A text of a client with `***` for its cells of tables and for the values of secret vars and headers.
    pub fn masked(&self, client: &ClientState, text: &[u8]) -> Vec<u8> {
        masked_with(&self.shown_secrets(client), text)
    }

    /// A text of a client as [`masked`](Self::masked) shows it. A secret that is cut at the end of a shortened text, which
    /// ends with `…`, is hidden as well.
    pub fn masked_text(&self, client: &ClientState, text: &str) -> String {
        let secrets = self.shown_secrets(client);
        let shown = without_cut_secret(text, secrets.iter().map(Vec::as_slice));
        let masked = masked_with(&secrets, shown.as_bytes());
        String::from_utf8_lossy(&masked).into_owned()
    }

    /// Texts of a client that must not be shown, the longest first, also as a server repeats them in JSON.
    fn shown_secrets(&self, client: &ClientState) -> Vec<Vec<u8>> {
        let cells = self.fixed.iter().filter_map(|slot| match slot {
            FixedSlot::Cell { table, column } => {
                Some(self.tables.cell(table, column, client.client()))
            }
            FixedSlot::Number { .. } => None,
        });
        let secrets = self
            .secrets
            .iter()
            .map(Vec::as_slice)
            .chain(cells.map(str::as_bytes));
        let mut secrets: Vec<_> = secrets
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| {
                [
                    secret.to_vec(),
                    escaped(secret, false),
                    escaped(secret, true),
                ]
            })
            .collect();
        // A secret may be part of another one.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
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

    /// Returns true when the server alone sends: there is a `[push]`, and no client sends a message.
    pub fn is_push_only(&self) -> bool {
        self.push.is_some() && (self.messages.is_empty() || !self.roles.iter().any(|r| r.sends))
    }

    /// Returns true when some message reaches receivers.
    pub fn has_deliveries(&self) -> bool {
        self.messages.iter().any(MessageType::has_deliveries)
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
            let reaches_sender = message.to_sender && message.to != DeliverTo::One;
            message.has_reply() || message.has_deliveries() && reaches_sender && sender_receives
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
    pub fn check_sizes(
        &self,
        seed: u64,
        sizes: SizeRange,
        clients: impl IntoIterator<Item = impl Borrow<ClientState>>,
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
            let client = client.borrow();
            let values = MessageValues {
                client,
                sender: client.client(),
                number: 0,
                id: 1,
                wall_ns: u64::MAX,
                captures: Captures::none(),
                padding: &largest,
            };
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

    /// Name of a kind of message in figures; `message_N` for the Nth of the file without a name.
    pub fn kind_name(&self, kind: usize) -> Cow<'_, str> {
        let name = self
            .messages
            .get(kind)
            .and_then(|kind| kind.name.as_deref());
        name.map_or_else(|| default_name(kind + 1).into(), Cow::Borrowed)
    }

    /// Name of an `[[on]]` rule in counts; `on_N` for the Nth without a name.
    pub fn rule_name(&self, rule: usize) -> Cow<'_, str> {
        let name = self.on.get(rule).and_then(|rule| rule.name.as_deref());
        name.map_or_else(|| format!("on_{}", rule + 1).into(), Cow::Borrowed)
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
