//! What the server did, by its own account.

use crate::faults::Did;

/// What the server did with one message. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Number of the message within it, from 0.
    pub number: u64,
    /// When it had come.
    pub received_ns: u64,
    /// When its (first) answer was about to be written; `None` without one.
    pub answered_ns: Option<u64>,
    /// What was done with it.
    pub did: Did,
}

/// Everything that the server did.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// One entry a message, in the order in which they came.
    pub entries: Vec<Entry>,
    /// Beginning and end of every stall.
    pub stalls: Vec<(u64, u64)>,
}

impl Log {
    /// How many messages it did this with.
    #[must_use]
    pub fn count(&self, did: Did) -> u64 {
        self.entries.iter().filter(|e| e.did == did).count() as u64
    }

    /// How long the first stall lasted, in milliseconds; 0 without one.
    #[must_use]
    pub fn stall_ms(&self) -> f64 {
        let first = self.stalls.first();
        first.map_or(0.0, |(begin, end)| (end - begin) as f64 / 1e6)
    }

    /// The times from a message's coming to its answer's going, in order, in nanoseconds.
    #[must_use]
    pub fn held_ns(&self) -> Vec<u64> {
        let times = self.entries.iter();
        let mut times: Vec<_> = times
            .filter_map(|e| Some(e.answered_ns? - e.received_ns))
            .collect();
        times.sort_unstable();
        times
    }
}
