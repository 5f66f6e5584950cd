//! Scenarios: what clients say to a server that does more than echo, and what they expect from it.
//!
//! A scenario file in TOML is checked and compiled once. Texts that are sent become [`Template`]s, texts
//! that are read become patterns. Then [`Scenario::classify`] decides for every record what it is and
//! which message it belongs to. Nothing here reads a file, a socket or a clock; files come from a
//! [`FileLoader`], and all state belongs to the caller. Neither [`Template::fill`] nor
//! [`Scenario::classify`] allocates once the buffers of the caller have grown.
//!
//! | module | content |
//! |---|---|
//! | `parse` | a scenario from its file, its bases, vars, tables and one-liners |
//! | `document` | TOML read into drafts, with the place of every text |
//! | `table_reader` | tables of a document, with checked keys and types |
//! | `draft` | files as they are written, and their merge |
//! | `compile` | drafts to scenarios: all checks that need the whole |
//! | `scenario` | the checked scenario: last checks, state of its clients |
//! | `parts` | roles, steps, rules, messages |
//! | `classify` | records of a connection: their meaning and their message |
//! | `near_miss` | records that a JSON pattern nearly matches, and the value that differs |
//! | `record_class` | the meanings, and what the caller knows of its messages |
//! | `roles` | clients assigned to roles |
//! | `print` | the merged file as TOML |
//! | `presets` | shipped scenarios |
//! | `texts` | texts that are sent, compiled to segments |
//! | `pieces` | texts that are read, compiled to pieces of patterns |
//! | `names` | vars, captures and slots |
//! | `tables` | CSV tables |
//! | `pattern_compiler` | patterns compiled and checked |
//! | `pattern` | patterns: texts, JSON pointers, lists |
//! | `json` | JSON pointers applied without a tree |
//! | `json_text` | texts of JSON values |
//! | `exact_reply` | replies whose bytes are known, compared without a pattern |
//! | `learned_reply` | the bytes of the next reply in JSON, from one that came |
//! | `glob` | matchers for bytes: groups and the wildcards between them |
//! | `element` | literals and typed holes of a group |
//! | `template` | messages as segments, and their lengths |
//! | `cutter` | records cut from the messages of a connection |
//! | `client` | state of one client |
//! | `captures` | texts that patterns have read |
//! | `cut_secret` | secrets cut at the end of a shortened text |
//! | `padding` | random parts of messages |
//! | `digits` | numbers and identities as bytes |
//! | `holes` | texts cut at their `${holes}` |
//! | `source` | places in files |
//! | `error` | errors with places and suggestions |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod captures;
mod classify;
mod client;
mod compile;
mod cut_secret;
mod cutter;
mod digits;
mod document;
mod draft;
mod element;
mod error;
mod exact_reply;
#[cfg(any(test, fuzzing))]
#[path = "../fuzz/scenario_checks.rs"]
pub mod fuzzing;
mod glob;
mod holes;
mod json;
mod json_text;
mod learned_reply;
mod names;
mod near_miss;
mod padding;
mod parse;
mod parts;
mod pattern;
mod pattern_compiler;
mod pieces;
mod presets;
mod print;
mod record_class;
mod roles;
mod scenario;
mod source;
mod table_reader;
mod tables;
mod template;
mod texts;

pub use captures::Captures;
pub use client::ClientState;
pub use cut_secret::without_cut_secret;
pub use cutter::{RecordCutter, RecordError};
pub use draft::{DeliverTo, RecordFormat, RoleCount};
pub use error::{Fault, ScenarioError, Suggestion};
pub use near_miss::{NearMiss, NearPattern, ValueFault};
pub use padding::Padding;
pub use parse::{
    FileLoader, ONE_LINERS, OneLiner, OneLinerKind, ScenarioOptions, ScenarioSource, VarSetting,
};
pub use parts::{
    Goodbye, HandshakeHeader, HandshakeParts, Heartbeat, MessageType, OnRule, PushFeed, ReadLimit,
    ScenarioRole, ScenarioVar, SetupStep,
};
pub use pattern::Scratch;
pub use presets::{ShippedScenario, shipped_scenarios};
pub use record_class::{
    FoundBy, MessageKey, ReceivedRecord, RecordClass, ReplyRole, SentMessage, SentMessages,
    SentState, SetupClass,
};
pub use roles::RoleAssignment;
pub use scenario::Scenario;
pub use source::SourcePlace;
pub use template::{ByteSink, FilledTemplate, MessageValues, Template};
