//! Errors of scenario files, and what may have been meant instead.

use std::fmt;

use crate::source::SourcePlace;

/// Reason why a scenario cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Something is wrong at a place of a file.
    #[error("{place}: {fault}")]
    InFile {
        /// The place, or the beginning of what is wrong.
        place: SourcePlace,
        /// The fault.
        fault: Fault,
    },
    /// No shipped scenario has this name.
    #[error("no scenario `{name}` is shipped{suggestion}")]
    NotShipped {
        /// The name.
        name: String,
        /// A shipped scenario.
        suggestion: Suggestion,
    },
    /// A file that the scenario builds on, or a CSV table, was not read.
    #[error("{place}: {name} was not read: {reason}")]
    Load {
        /// Place of the name.
        place: SourcePlace,
        /// The name.
        name: String,
        /// Report of the loader.
        reason: String,
    },
    /// A var has no value, and the file gives none.
    #[error("this scenario needs a value for {name}{}", AboutVar(about))]
    VarNotSet {
        /// Name of the var.
        name: String,
        /// The var's description, if the file has one.
        about: Option<String>,
    },
    /// A table is used, but no file was given for it.
    #[error("this scenario needs a CSV file for the table {name}{suggestion}")]
    TableNotGiven {
        /// Name of the table.
        name: String,
        /// A table that was given.
        suggestion: Suggestion,
    },
    /// A value was given for a var that the scenario does not have.
    #[error("the scenario has no var {name}{suggestion}")]
    NoSuchVar {
        /// The name.
        name: String,
        /// A var of the scenario.
        suggestion: Suggestion,
    },
    /// A role was given that the scenario does not have.
    #[error("the scenario has no role {name}{suggestion}")]
    NoSuchRole {
        /// The name.
        name: String,
        /// A role of the scenario.
        suggestion: Suggestion,
    },
    /// A CSV table cannot be read.
    #[error("{table}: {reason}")]
    Table {
        /// Name of the table.
        table: String,
        /// Report of the CSV reader.
        reason: String,
    },
    /// A CSV table lacks a column.
    #[error("{place}: {table} has no column `{column}`{suggestion}")]
    NoColumn {
        /// Place of the column's name.
        place: SourcePlace,
        /// Name of the table.
        table: String,
        /// Name of the column.
        column: String,
        /// A column of the table.
        suggestion: Suggestion,
    },
    /// A CSV table has fewer rows than there are clients.
    #[error("{table} has {rows} rows, client {rows} needs one of its own")]
    TooFewRows {
        /// Name of the table.
        table: String,
        /// Rows of the table, and number of the first client without one.
        rows: usize,
    },
    /// Messages cannot be as short as wanted.
    #[error("a message of {scenario} has at least {bytes} bytes")]
    TooShort {
        /// Name of the scenario, or of the message where there are several.
        scenario: String,
        /// Bytes of the message without `${pad}`.
        bytes: u64,
    },
    /// A size was given, but no message has a `${pad}` that fills it.
    #[error("no message of {scenario} holds ${{pad}}, so its size is fixed")]
    NoPad {
        /// Name of the scenario.
        scenario: String,
    },
    /// A length does not fit its format at the largest size.
    #[error("{place}: {bytes} bytes do not fit {format}")]
    LengthFormat {
        /// Place of the length.
        place: SourcePlace,
        /// The length.
        bytes: u64,
        /// The format.
        format: &'static str,
    },
    /// The roles need more clients than there are.
    #[error("the roles need {needed} clients, but there are {clients}")]
    TooFewClients {
        /// Clients that the roles with a number need.
        needed: u64,
        /// Clients of the run.
        clients: u64,
    },
    /// Every role has a number, and their sum is below the number of clients.
    #[error("the roles take {needed} of {clients} clients: one role must take the rest")]
    NoRest {
        /// Clients that the roles take.
        needed: u64,
        /// Clients of the run.
        clients: u64,
    },
    /// Closed loop, but no record ends a message.
    #[error("nothing tells a publisher when to go on")]
    NoCue {
        /// Place of the message.
        place: SourcePlace,
    },
}

/// The description of a var as the end of a sentence.
struct AboutVar<'a>(&'a Option<String>);

impl fmt::Display for AboutVar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(about) => write!(f, ": {about}"),
            None => Ok(()),
        }
    }
}

/// A fault in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that the table does not have.
    #[error("unknown key `{key}`{}{suggestion}", InSection(section))]
    UnknownKey {
        /// The key.
        key: String,
        /// Name of the table; empty at the top level.
        section: String,
        /// A key of the table.
        suggestion: Suggestion,
    },
    /// A key must be there.
    #[error("[{section}] needs `{key}`")]
    MissingKey {
        /// Name of the table.
        section: String,
        /// The key, or several with "or".
        key: &'static str,
    },
    /// A value of another type.
    #[error("`{key}` must be {wanted}")]
    Type {
        /// The key.
        key: String,
        /// The type, with its article.
        wanted: &'static str,
    },
    /// A text that cannot be read as what its key stands for.
    #[error("{0}")]
    Value(String),
    /// One table where a list of tables is wanted.
    #[error("[{0}] is a list: write [[{0}]]")]
    NotAList(&'static str),
    /// Text in `${…}` that cannot be the name of anything.
    #[error("`{0}` is no name")]
    NoName(String),
    /// A `${` without its `}`.
    #[error("this `${{` has no `}}`")]
    Unclosed,
    /// A name that stands for nothing here.
    #[error("nothing is called `{name}` here{suggestion}")]
    Unknown {
        /// The name.
        name: String,
        /// A name that is known here.
        suggestion: Suggestion,
    },
    /// The part of a hole behind its colon is wrong.
    #[error("`{text}` is not {wanted}")]
    HoleArgument {
        /// The part behind the colon.
        text: String,
        /// Form that is wanted.
        wanted: &'static str,
    },
    /// A hole of a clock without its unit.
    #[error("`${{{0}}}` needs a unit: write ${{{0}:ns}}, or us, ms or s")]
    NoUnit(String),
    /// A hole that has no meaning where it stands.
    #[error("${{{hole}}} has no meaning here: {because}")]
    Misplaced {
        /// The hole.
        hole: String,
        /// The reason.
        because: &'static str,
    },
    /// A message with the name of another one.
    #[error("another message is called `{0}`, and results are stored by name")]
    SameName(String),
    /// A var with the name of a hole.
    #[error("`{0}` is the name of a hole: choose another one")]
    Reserved(String),
    /// A var that holds itself.
    #[error("`{0}` holds itself")]
    Loop(String),
    /// A base that builds on itself.
    #[error("`{0}` builds on itself")]
    BaseLoop(String),
    /// A base that is neither shipped nor the path of a file.
    #[error("no scenario `{name}` is shipped{suggestion}")]
    UnknownBase {
        /// The name.
        name: String,
        /// A shipped scenario.
        suggestion: Suggestion,
    },
    /// A reply is recognised by something that its message does not have.
    #[error("`{key}` is recognised by ${{{hole}}}, which this message does not hold")]
    NotHeld {
        /// Key of the pattern.
        key: &'static str,
        /// `id` or `uid`.
        hole: &'static str,
    },
    /// A delivery that cannot be recognised.
    #[error("a delivery is recognised by ${{uid}}, which is missing here")]
    DeliveryWithoutUid,
    /// Text that is not a JSON pointer.
    #[error("`{0}` is no JSON pointer: it must begin with `/`")]
    Pointer(String),
    /// A captured name that nothing uses.
    #[error("`{name}` is read here but never used{suggestion}")]
    Unused {
        /// The name.
        name: String,
        /// A name that is known here.
        suggestion: Suggestion,
    },
    /// Two `${pad}` in one message.
    #[error("${{pad}} stands twice in this message")]
    TwoPads,
    /// A size that depends on itself.
    #[error("the length of `{0}` depends on ${{pad}}, and ${{pad}} on it")]
    CircularLength(String),
    /// Bytes in a text message.
    #[error("a text message cannot hold these bytes: say `binary = true`")]
    BytesInText,
    /// A role that is defined nowhere.
    #[error("no role is called `{name}`{suggestion}")]
    UnknownRole {
        /// The name.
        name: String,
        /// A defined role.
        suggestion: Suggestion,
    },
    /// A scenario without anything to measure.
    #[error("nothing is measured: add [[message]] or [push]")]
    Empty,
    /// More of something than this program supports.
    #[error("more than {limit} {what}")]
    TooMany {
        /// The limit.
        limit: usize,
        /// The things, as a plural.
        what: &'static str,
    },
}

impl Fault {
    pub(crate) fn at(self, place: SourcePlace) -> ScenarioError {
        ScenarioError::InFile { place, fault: self }
    }
}

/// The table of a key as the end of a sentence.
struct InSection<'a>(&'a str);

impl fmt::Display for InSection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            section => write!(f, " in [{section}]"),
        }
    }
}

/// The name that was probably meant, printed as `; did you mean …?`; printed as nothing when no name is near.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion(pub Option<String>);

impl Suggestion {
    /// The nearest of the known names, if its distance is a third of the name at most. The first of
    /// equally near names wins.
    pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let limit = (name.chars().count() / 3).max(1);
        let distances = known.into_iter().map(|known| {
            let distance = strsim::damerau_levenshtein(name, known);
            (distance, known)
        });
        let shares_something = |distance: usize, known: &str| {
            distance < name.chars().count().max(known.chars().count())
        };
        let nearest = distances
            .filter(|(distance, known)| {
                (1..=limit).contains(distance) && shares_something(*distance, known)
            })
            .min_by_key(|(distance, _)| *distance);
        Self(nearest.map(|(_, name)| name.to_owned()))
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let nearest = |name| Suggestion::nearest(name, ["id", "uid", "event", "reply"]).to_string();
        assert_eq!(nearest("sid"), "; did you mean `id`?");
        assert_eq!(nearest("evnt"), "; did you mean `event`?");
        assert_eq!(nearest("replay"), "; did you mean `reply`?");
        assert_eq!(nearest("session"), "");
    }
}
