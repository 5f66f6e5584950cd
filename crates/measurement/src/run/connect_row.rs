//! Openings of connections over time, as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use crate::record::{ConnectSecond, ConnectSeconds};

/// Openings of one second since the first connection was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ConnectRow {
    /// Start of the second, in seconds since the first connection was due.
    pub second: u64,
    /// Openings begun in this second.
    pub attempts: u64,
    /// Connections opened in this second.
    pub opened: u64,
    /// Openings that failed in this second.
    pub failed: u64,
    /// Longest time of an opening that ended in this second.
    pub connect_max_ns: u64,
    /// The same from its intended time.
    pub connect_response_max_ns: u64,
}

impl ConnectRow {
    /// The rows of all seconds with an event.
    pub fn all(seconds: &ConnectSeconds) -> Vec<Self> {
        seconds.rows().map(Self::from).collect()
    }
}

impl From<(u64, &ConnectSecond)> for ConnectRow {
    fn from((second, events): (u64, &ConnectSecond)) -> Self {
        Self {
            second,
            attempts: events.attempts,
            opened: events.opened,
            failed: events.failed,
            connect_max_ns: events.longest_ns,
            connect_response_max_ns: events.longest_response_ns,
        }
    }
}
