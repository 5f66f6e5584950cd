//! Reasons why a client of a scenario was not ready for the load.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Failure of a step before the load.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SetupFailure {
    /// Number of the step in the merged file, from 1.
    pub step: usize,
    /// Place of the step, `file:line:column`.
    pub place: String,
    /// Cause.
    pub fault: SetupFault,
    /// The record that refused, or the last one that was not expected: escaped, its beginning, without secrets. A
    /// close reason where the connection ended. `None` when nothing arrived.
    pub record: Option<String>,
}

/// Cause of a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SetupFault {
    /// A record matched `refuse`.
    Refused,
    /// The expected record did not arrive in time.
    Timeout,
    /// The connection ended.
    Ended,
}

impl fmt::Display for SetupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, record, .. } = self;
        match (self.fault, record) {
            (SetupFault::Refused, Some(record)) => write!(f, "{place}: refused: {record}"),
            (SetupFault::Refused, None) => write!(f, "{place}: refused"),
            (SetupFault::Timeout, Some(record)) => {
                write!(
                    f,
                    "{place}: the expected record did not arrive; the last one: {record}"
                )
            }
            (SetupFault::Timeout, None) => write!(f, "{place}: no record arrived"),
            (SetupFault::Ended, Some(reason)) => write!(f, "{place}: {reason}"),
            (SetupFault::Ended, None) => write!(f, "{place}: the connection ended"),
        }
    }
}

impl SetupFailure {
    /// The failure without texts from the server, which may differ between connections.
    #[must_use]
    pub fn without_details(self) -> Self {
        Self {
            record: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_place_and_record() {
        let failure = SetupFailure {
            step: 2,
            place: "socket.io.toml:10:10".to_owned(),
            fault: SetupFault::Refused,
            record: Some("44{\"message\":\"unauthorized\"}".to_owned()),
        };
        assert_eq!(
            failure.to_string(),
            "socket.io.toml:10:10: refused: 44{\"message\":\"unauthorized\"}"
        );
        let silent = SetupFailure {
            fault: SetupFault::Timeout,
            ..failure.without_details()
        };
        assert_eq!(
            silent.to_string(),
            "socket.io.toml:10:10: no record arrived"
        );
    }
}
