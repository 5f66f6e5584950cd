//! Errors of the flags of scenarios.

use scenario::ScenarioError;

/// Reason why the flags give no scenario: wrong usage, exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioFlagError {
    /// The scenario file cannot be read.
    #[error("cannot read the scenario {file}: {reason}")]
    Unread {
        /// Name of the file, as typed.
        file: String,
        /// Reason in one line.
        reason: String,
    },
    /// A flag adds to a scenario, but there is none.
    #[error("--{flag} adds to a scenario: name one with --scenario, --protocol or --send")]
    NoSource {
        /// The flag without its dashes.
        flag: &'static str,
    },
    /// Rows are repeated, but no table is given.
    #[error(
        "--data-wrap repeats the rows of a table: give one with --data NAME=FILE, or with [data] in the file"
    )]
    NoTable,
    /// A value for a var has no name. The text is not shown, because it may be a secret.
    #[error("a value of --set has not the form NAME=TEXT")]
    Setting,
    /// The scenario has a fault.
    #[error("{error}")]
    Scenario {
        /// The fault.
        #[source]
        error: Box<ScenarioError>,
        /// Flag whose holes a shell has probably replaced.
        lost_holes: Option<String>,
    },
    /// The value of a secret var has a fault, which is not shown.
    #[error(
        "{place}: the value of this secret var holds a `${{` that begins no known hole; `$${{` stands for the text `${{`"
    )]
    InSecret {
        /// Place in the value.
        place: String,
    },
}
