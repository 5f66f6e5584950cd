//! Idle connections as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use statistics::growth_slope::growth_slope;

/// Confidence level of the interval of the memory per connection.
const LEVEL: f64 = 0.95;

/// Connections that stay silent, besides those of the clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct IdleSummary {
    /// Planned number.
    pub connections: u64,
    /// Idle connections that opened first. They are in `connections.opened` too.
    pub opened: u64,
    /// Idle connections that the server ended. They are in `connections.closed_early` too.
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

impl IdleSummary {
    /// Idle connections of two processes of one run: counts are added. Both know the planned number of the whole run, and
    /// none knows the memory per connection, because the server's memory grows with the connections of all.
    #[must_use]
    pub fn beside(self, other: &Self) -> Self {
        Self {
            connections: self.connections.max(other.connections),
            opened: self.opened + other.opened,
            closed_early: self.closed_early + other.closed_early,
            received: self.received + other.received,
            memory: None,
        }
    }
}

/// Memory of a server at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryReading {
    /// Open connections.
    pub connections: u64,
    /// Resident memory of the server's processes.
    pub bytes: u64,
}

impl ConnectionMemory {
    /// Memory per connection from readings in order of time, the first before any connection, the last with all of them; see
    /// [`growth_slope`] for the interval. `None` unless the number of connections has grown.
    pub fn new(readings: &[MemoryReading]) -> Option<Self> {
        let (first, last) = (readings.first()?, readings.last()?);
        let points = readings
            .iter()
            .map(|reading| (reading.connections as f64, reading.bytes as f64));
        let slope = growth_slope(&points.collect::<Vec<_>>(), LEVEL)?;
        let opened = last.connections.checked_sub(first.connections)?;
        let grown = last.bytes as f64 - first.bytes as f64;
        (opened > 0).then(|| Self {
            bytes_per_connection: slope.estimate,
            low: slope.interval.map(|(low, _)| low),
            high: slope.interval.map(|(_, high)| high),
            difference_per_connection: grown / opened as f64,
            readings: slope.readings as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of 1 MiB and 10,000 B per connection, in blocks of 64 KiB.
    fn reading(connections: u64) -> MemoryReading {
        MemoryReading {
            connections,
            bytes: (1 << 20) + (connections * 10_000).next_multiple_of(64 << 10),
        }
    }

    #[test]
    fn the_slope_of_blocks_is_the_memory_of_a_connection() {
        let readings: Vec<_> = (0..=500).step_by(7).map(reading).collect();
        let memory = ConnectionMemory::new(&readings).unwrap();
        let (low, high) = (memory.low.unwrap(), memory.high.unwrap());
        assert!(low < 10_000.0 && 10_000.0 < high, "{memory:?}");
        assert!(high - low < 2_000.0, "{memory:?}");
        assert!((memory.difference_per_connection - 10_000.0).abs() < 140.0);
        assert!((50..=60).contains(&memory.readings), "{memory:?}");
    }

    #[test]
    fn few_readings_have_a_slope_and_no_interval() {
        let memory = ConnectionMemory::new(&[0, 100, 200].map(reading)).unwrap();
        assert!((memory.bytes_per_connection - 10_000.0).abs() < 700.0);
        assert_eq!((memory.low, memory.high, memory.readings), (None, None, 3));
    }

    #[test]
    fn without_growth_of_the_connections_nothing_is_known() {
        assert_eq!(ConnectionMemory::new(&[]), None);
        assert_eq!(ConnectionMemory::new(&[reading(5)]), None);
        assert_eq!(ConnectionMemory::new(&[reading(0), reading(0)]), None);
        // All connections that opened have ended again.
        assert_eq!(ConnectionMemory::new(&[0, 50, 0].map(reading)), None);
    }
}
