//! Idle connections as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

/// Connections that stay silent, besides those of the clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct IdleSummary {
    /// Planned number.
    pub connections: u64,
    /// Idle connections that opened first. They are in `connections.opened` too.
    pub opened: u64,
    /// Those of them that the server ended. They are in `connections.closed_early` too.
    pub closed_early: u64,
    /// Messages that the server sent to them, without control frames.
    pub received: u64,
    /// Memory of the watched server per connection; `None` when it is unknown.
    pub memory: Option<ConnectionMemory>,
}

/// Memory of a server for each connection, from the phase in which connections opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ConnectionMemory {
    /// Growth of resident memory per connection: slope over the opening phase, in bytes.
    pub bytes_per_connection: f64,
    /// Bounds of its 95 % confidence interval; `None` with too few readings.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// Memory when all connections were open less that before the first one, divided by their number.
    pub difference_per_connection: f64,
    /// Readings of the memory that the slope was computed from.
    pub readings: u64,
}
