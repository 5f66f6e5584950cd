//! Openings of connections of each second.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Openings of each second since the first connection was due. The reconnects after a loss are not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectSeconds(BTreeMap<u64, ConnectSecond>);

/// Openings of one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectSecond {
    /// Openings begun in this second.
    pub attempts: u64,
    /// Connections opened in this second.
    pub opened: u64,
    /// Openings that failed in this second.
    pub failed: u64,
    /// Longest time of an opening that ended in this second, in nanoseconds.
    pub longest_ns: u64,
    /// The same from its intended time.
    pub longest_response_ns: u64,
}

impl ConnectSeconds {
    /// Counts an opening that begins at this time, in nanoseconds since the first connection was due.
    pub fn attempt(&mut self, at_ns: u64) {
        self.at(at_ns).attempts += 1;
    }

    /// Counts a connection that opened at this time. Durations are in nanoseconds.
    pub fn opened(&mut self, at_ns: u64, connect_ns: u64, response_ns: u64) {
        let second = self.at(at_ns);
        second.opened += 1;
        second.longest_ns = second.longest_ns.max(connect_ns);
        second.longest_response_ns = second.longest_response_ns.max(response_ns);
    }

    /// Counts an opening that failed at this time.
    pub fn failed(&mut self, at_ns: u64) {
        self.at(at_ns).failed += 1;
    }

    fn at(&mut self, at_ns: u64) -> &mut ConnectSecond {
        self.0.entry(at_ns / SECOND_NS).or_default()
    }

    /// The seconds with an event, ascending: start in seconds since the first connection was due, and events.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &ConnectSecond)> {
        self.0.iter().map(|(second, events)| (*second, events))
    }

    /// Adds the openings of another thread or process.
    pub fn merge(&mut self, other: &Self) {
        for (second, events) in other.rows() {
            let all = self.0.entry(second).or_default();
            all.attempts += events.attempts;
            all.opened += events.opened;
            all.failed += events.failed;
            all.longest_ns = all.longest_ns.max(events.longest_ns);
            all.longest_response_ns = all.longest_response_ns.max(events.longest_response_ns);
        }
    }
}
