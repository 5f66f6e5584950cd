//! The flags of scenarios: the file, values for it, and one-liners.

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};
use measurement::plan::{
    DEFAULT_MAX_RECORD_BYTES, Length, LoadDraft, MAX_CLIENTS, secret_handshake_values,
    secret_header_values,
};
use scenario::{
    OneLiner, OneLinerKind, Scenario, ScenarioError, ScenarioOptions, ScenarioSource, VarSetting,
};
use units::ByteSize;

use crate::choices::up_to;
use crate::headings::SCENARIO;
use crate::load_flags::LoadFlags;
use crate::scenario_error::ScenarioFlagError;
use crate::scenario_files::{ScenarioFiles, reason_of};

/// The flags of scenarios.
#[derive(Debug, Clone, Default, Args)]
#[group(skip)]
pub struct ScenarioFlags {
    /// Scenario file: the messages that clients send, and the records that answer them (example: chat.toml)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = SCENARIO)]
    pub scenario: Option<String>,

    /// Shipped scenario of a protocol; `--protocols` of ws-bench lists them (example: socket.io)
    #[arg(long, value_name = "NAME", conflicts_with = "scenario", help_heading = SCENARIO)]
    pub protocol: Option<String>,

    /// The one-liners.
    #[command(flatten)]
    pub one_liners: OneLinerFlags,

    /// Value of a var of the scenario, repeatable (example: 'token=s3cret')
    #[arg(long = "set", value_name = "NAME=TEXT", help_heading = SCENARIO)]
    pub set: Vec<String>,

    /// CSV table, repeatable: row N belongs to client N, as ${NAME.column} (example: users=users.csv)
    #[arg(long = "data", value_name = "NAME=FILE", value_parser = table, help_heading = SCENARIO)]
    pub data: Vec<(String, String)>,

    /// Begin again with the first row when a CSV table has fewer rows than there are clients
    #[arg(long, help_heading = SCENARIO)]
    pub data_wrap: bool,

    /// Numbers of clients of the scenario's roles: a number, a percentage, or `rest` (example: admin=2,user=rest)
    #[arg(long, value_name = "NAME=COUNT", value_delimiter = ',', value_parser = role, help_heading = SCENARIO)]
    pub roles: Vec<(String, String)>,

    /// Rooms of the scenario: the room of a client is its number within its role modulo N, as ${room}. With deliveries,
    /// a message reaches the receivers of its sender's room [default: 1] (example: 100)
    #[arg(long, value_name = "N", value_parser = up_to::<NonZeroU32>(MAX_CLIENTS), help_heading = SCENARIO)]
    pub rooms: Option<NonZeroU32>,

    /// Largest record that clients accept; a longer one ends the connection [default: 16MiB] (example: 64KiB)
    #[arg(long, value_name = "SIZE", help_heading = SCENARIO)]
    pub max_record: Option<ByteSize>,
}

/// Measured time of a scenario that only receives, unless `--duration` sets another one.
const FEED_DURATION: Duration = Duration::from_secs(10);

/// The prefix of the label of a var that the command line sets. The name of the var follows.
const SET_LABEL: &str = "--set ";

fn table(text: &str) -> Result<(String, String), String> {
    named(text).ok_or_else(|| "it has not the form NAME=FILE".to_owned())
}

fn role(text: &str) -> Result<(String, String), String> {
    named(text).ok_or_else(|| "it has not the form NAME=COUNT".to_owned())
}

/// Checks that a shell has left something of a line.
fn one_liner(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(
            "it is empty: between double quotes the shell replaces ${holes}, so use single quotes"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// Splits `NAME=…`.
fn named(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
    Some((name.to_owned(), value.to_owned()))
}

/// The flags that each add one line to a scenario, in the order in which they were typed.
#[derive(Debug, Clone, Default)]
pub struct OneLinerFlags(Vec<OneLiner>);

/// A flag that adds a line to a scenario.
struct OneLinerFlag {
    name: &'static str,
    value_name: &'static str,
    kind: OneLinerKind,
    help: &'static str,
}

const ONE_LINERS: [OneLinerFlag; 7] = [
    OneLinerFlag {
        name: "send",
        value_name: "TEXT",
        kind: OneLinerKind::Send,
        help: "Message to send, with ${holes}, in single quotes (example: '{\"say\":\"${uid}${pad}\"}')",
    },
    OneLinerFlag {
        name: "reply",
        value_name: "PATTERN",
        kind: OneLinerKind::Reply,
        help: "Record that answers the message (example: '{\"said\":\"${uid}${*}')",
    },
    OneLinerFlag {
        name: "deliver",
        value_name: "PATTERN",
        kind: OneLinerKind::Deliver,
        help: "Record that each receiver in the room gets, with ${uid} (example: '${*}${uid}${*}')",
    },
    OneLinerFlag {
        name: "ignore",
        value_name: "PATTERN",
        kind: OneLinerKind::Ignore,
        help: "Records to ignore, repeatable (example: '{\"type\":\"ping\"${*}')",
    },
    OneLinerFlag {
        name: "on",
        value_name: "PATTERN => TEXT",
        kind: OneLinerKind::On,
        help: "Records to answer, and the answer, repeatable (example: 'ping => pong')",
    },
    OneLinerFlag {
        name: "first",
        value_name: "TEXT",
        kind: OneLinerKind::First,
        help: "Message to send before the load, repeatable (example: 'LOGIN ${client}')",
    },
    OneLinerFlag {
        name: "wait-for",
        value_name: "PATTERN",
        kind: OneLinerKind::WaitFor,
        help: "Record to wait for before the load, after the --first before it, repeatable (example: 'OK${*}')",
    },
];

impl OneLinerFlags {
    /// The lines in the order of the command line.
    pub fn lines(&self) -> &[OneLiner] {
        &self.0
    }
}

impl Args for OneLinerFlags {
    fn augment_args(command: Command) -> Command {
        command.args(ONE_LINERS.iter().map(|flag| {
            let is_single = matches!(
                flag.kind,
                OneLinerKind::Send | OneLinerKind::Reply | OneLinerKind::Deliver
            );
            Arg::new(flag.name)
                .long(flag.name)
                .value_name(flag.value_name)
                .value_parser(ValueParser::new(one_liner))
                .allow_hyphen_values(true)
                .action(if is_single {
                    ArgAction::Set
                } else {
                    ArgAction::Append
                })
                .help(flag.help)
                .help_heading(SCENARIO)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OneLinerFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut lines = Vec::new();
        for flag in &ONE_LINERS {
            let texts = matches.get_many::<String>(flag.name).into_iter().flatten();
            let places = matches.indices_of(flag.name).into_iter().flatten();
            lines.extend(places.zip(texts).map(|(place, text)| {
                let line = OneLiner {
                    kind: flag.kind,
                    label: format!("--{}", flag.name),
                    text: text.clone(),
                };
                (place, line)
            }));
        }
        lines.sort_by_key(|(place, _)| *place);
        Ok(Self(lines.into_iter().map(|(_, line)| line).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Flags of the load that were typed although a scenario decides them. Must stand before [`LoadFlags`] in a struct of
/// flags, which takes their values away.
///
/// [`LoadFlags`]: crate::LoadFlags
#[derive(Debug, Clone, Default)]
pub struct TypedLoadFlags {
    /// The first of `--text`, `--binary` and `--verify` that was typed.
    pub decided_by_file: Option<&'static str>,
    /// True when `--size` was typed.
    pub has_size: bool,
    /// True when `--messages` was typed.
    pub has_messages: bool,
}

impl Args for TypedLoadFlags {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for TypedLoadFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let decided = ["text", "binary", "verify"];
        Ok(Self {
            decided_by_file: decided.into_iter().find(|name| is_typed(name)),
            has_size: is_typed("size"),
            has_messages: is_typed("messages"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl ScenarioFlags {
    /// The flag that names the scenario: `--scenario`, `--protocol` or `--send`; `None` without a scenario.
    pub fn source_flag(&self) -> Option<&'static str> {
        let sends = |line: &&OneLiner| line.kind == OneLinerKind::Send;
        match (&self.scenario, &self.protocol) {
            (Some(_), _) => Some("--scenario"),
            (None, Some(_)) => Some("--protocol"),
            (None, None) => self.one_liners.lines().iter().find(sends).map(|_| "--send"),
        }
    }

    /// Loads and checks the scenario; `None` when no flag names one. Texts of the server are shown without the values of
    /// secret headers of the load.
    ///
    /// # Errors
    /// A file that cannot be read, a fault with its place, or a flag that needs a scenario.
    pub fn load(&self, load: &LoadFlags) -> Result<Option<Scenario>, ScenarioFlagError> {
        let Some(_) = self.source_flag() else {
            return match self.flag_without_source() {
                Some(flag) => Err(ScenarioFlagError::NoSource { flag }),
                None => Ok(None),
            };
        };
        let options = self.options()?;
        let parsed = match &self.scenario {
            Some(file) => {
                let text = fs::read_to_string(file).map_err(|error| ScenarioFlagError::Unread {
                    file: file.clone(),
                    reason: reason_of(&error),
                })?;
                let source = ScenarioSource::File {
                    name: file,
                    text: &text,
                };
                self.parse(source, &options)
            }
            None => match &self.protocol {
                Some(name) => self.parse(ScenarioSource::Preset(name), &options),
                None => self.parse(ScenarioSource::Nothing, &options),
            },
        };
        let mut scenario = parsed?;
        if self.data_wrap && !scenario.has_tables() {
            return Err(ScenarioFlagError::NoTable);
        }
        let of_flags = secret_header_values(&load.handshake_headers());
        for secret in of_flags
            .into_iter()
            .chain(secret_handshake_values(&scenario))
        {
            scenario.add_secret(&secret);
        }
        Ok(Some(scenario))
    }

    /// The usage error of a flag that was typed although the scenario decides it; `None` without one.
    pub fn conflict(&self, typed: &TypedLoadFlags) -> Option<String> {
        let source = self.source_flag()?;
        let flag = typed.decided_by_file?;
        Some(if flag == "verify" {
            format!(
                "--verify cannot be used with {source}: the patterns of a scenario say what is compared; leave --verify \
                 out"
            )
        } else {
            format!(
                "--{flag} cannot be used with {source}: leave it out, and write `binary = true` into the file for binary \
                 messages"
            )
        })
    }

    /// Puts a scenario into the draft of a load.
    pub fn apply(
        &self,
        scenario: Option<&Arc<Scenario>>,
        typed: &TypedLoadFlags,
        draft: &mut LoadDraft,
    ) {
        if let Some(scenario) = scenario {
            draft.text = !scenario.binary;
            draft.size_is_wanted = typed.has_size;
            let wanted = self.max_record.map(|size| size.0);
            draft.max_record_bytes = wanted.unwrap_or(DEFAULT_MAX_RECORD_BYTES);
            draft.rooms = self.rooms.unwrap_or(NonZeroU32::MIN);
            let counts_messages = matches!(draft.length, Length::MessagesPerClient(_));
            if scenario.is_push_only() && counts_messages && !typed.has_messages {
                draft.length = Length::Duration(FEED_DURATION);
            }
            draft.scenario = Some(Arc::clone(scenario));
        }
    }

    /// The first flag that has no meaning without a scenario.
    fn flag_without_source(&self) -> Option<&'static str> {
        let line = self.one_liners.lines().first();
        let line = line.and_then(|line| {
            let flag = ONE_LINERS.iter().find(|flag| flag.kind == line.kind);
            flag.map(|flag| flag.name)
        });
        line.or((!self.set.is_empty()).then_some("set"))
            .or((!self.data.is_empty()).then_some("data"))
            .or(self.data_wrap.then_some("data-wrap"))
            .or((!self.roles.is_empty()).then_some("roles"))
            .or(self.rooms.map(|_| "rooms"))
            .or(self.max_record.map(|_| "max-record"))
    }

    fn options(&self) -> Result<ScenarioOptions, ScenarioFlagError> {
        let setting = |text: &String| {
            let (name, text) = named(text).ok_or(ScenarioFlagError::Setting)?;
            Ok(VarSetting {
                label: format!("{SET_LABEL}{name}"),
                name,
                text,
            })
        };
        Ok(ScenarioOptions {
            set: self.set.iter().map(setting).collect::<Result<_, _>>()?,
            data: self.data.clone(),
            data_wrap: self.data_wrap,
            roles: self.roles.clone(),
            one_liners: self.one_liners.lines().to_vec(),
        })
    }

    fn parse(
        &self,
        source: ScenarioSource,
        options: &ScenarioOptions,
    ) -> Result<Scenario, ScenarioFlagError> {
        Scenario::parse(source, options, &ScenarioFiles).map_err(|error| {
            if shows_secret(&error, source, options) {
                return ScenarioFlagError::InSecret {
                    place: place_of(&error),
                };
            }
            let lost_holes = self.lost_holes(&error);
            ScenarioFlagError::Scenario {
                error: Box::new(error),
                lost_holes,
            }
        })
    }

    /// The flag of the message whose identity is missing, if it holds no hole at all: a shell has probably replaced
    /// them.
    fn lost_holes(&self, error: &ScenarioError) -> Option<String> {
        let ScenarioError::InFile { place, fault } = error else {
            return None;
        };
        let is_identity = matches!(
            fault,
            scenario::Fault::NotHeld { .. } | scenario::Fault::DeliveryWithoutUid
        );
        let lines = self.one_liners.lines().iter();
        let mut at_place = lines.filter(|line| line.label == place.file);
        at_place
            .find(|line| is_identity && !line.text.contains("${"))
            .map(|line| line.label.clone())
    }

    /// The first flag whose text has no hole although a message or its reply usually has one; `None` when all have one.
    pub fn line_without_holes(&self) -> Option<&str> {
        let usually = |kind| {
            use OneLinerKind::{Deliver, Reply, Send};
            matches!(kind, Send | Reply | Deliver)
        };
        let lines = self.one_liners.lines().iter();
        let mut lines = lines.filter(|line| usually(line.kind));
        lines
            .find(|line| !line.text.contains("${"))
            .map(|line| line.label.as_str())
    }
}

/// The place of a fault as text.
fn place_of(error: &ScenarioError) -> String {
    match error {
        ScenarioError::InFile { place, .. } => place.to_string(),
        _ => String::new(),
    }
}

/// Returns true for a fault in the value of a secret var, whose text must not be shown.
fn shows_secret(error: &ScenarioError, source: ScenarioSource, options: &ScenarioOptions) -> bool {
    let ScenarioError::InFile { place, .. } = error else {
        return false;
    };
    let Some(name) = place.file.strip_prefix(SET_LABEL) else {
        return false;
    };
    let without = ScenarioOptions {
        set: Vec::new(),
        ..options.clone()
    };
    // When in doubt, the value is not shown.
    match Scenario::parse(source, &without, &ScenarioFiles) {
        Ok(scenario) => scenario
            .vars()
            .iter()
            .any(|var| var.name == name && var.secret),
        Err(_) => true,
    }
}
