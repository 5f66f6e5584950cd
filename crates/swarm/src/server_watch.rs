//! CPU time of a watched server, and its memory before and after readers turn slow.

use std::time::Duration;

use host::process_probe::{ProcessProbe, ProcessUsage};

use crate::progress::Phase;

/// A server that is watched in the measured phase.
pub(crate) struct ServerWatch<'a> {
    /// `None` when the server is not watched.
    probe: Option<&'a mut ProcessProbe>,
    /// `None` without slow readers.
    memory: Option<ServerMemory>,
    /// Usage of the measured phase, once it is over.
    pub(crate) used: Option<ProcessUsage>,
}

impl<'a> ServerWatch<'a> {
    /// `slow_after`: time after T0 at which readers turn slow; `None` without them.
    pub(crate) fn new(probe: Option<&'a mut ProcessProbe>, slow_after: Option<Duration>) -> Self {
        Self {
            probe,
            memory: slow_after.map(ServerMemory::new),
            used: None,
        }
    }

    /// Begins or ends the measurement with the phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        match (phase, &mut self.probe) {
            (Phase::Measure, Some(probe)) => probe.begin(),
            (Phase::Drain | Phase::Close, Some(probe)) if self.used.is_none() => {
                self.used = probe.end();
            }
            _ => {}
        }
    }

    /// Reads the memory, at this time after T0, if there are slow readers.
    pub(crate) fn at(&mut self, since_t0: Duration) {
        if let (Some(memory), Some(probe)) = (&mut self.memory, &mut self.probe) {
            memory.sample(since_t0, || probe.rss_bytes());
        }
    }

    /// Growth of the memory after readers turned slow, in bytes; `None` when it is unknown.
    pub(crate) fn growth(&self) -> Option<i64> {
        self.memory.as_ref()?.growth()
    }
}

/// Time between two readings.
const READ_INTERVAL: Duration = Duration::from_millis(200);

/// Resident memory of the server's processes in the measured phase.
#[derive(Debug)]
struct ServerMemory {
    /// Time after T0 at which readers turn slow.
    after: Duration,
    next: Duration,
    /// The last reading before that, or the first of all.
    before: Option<u64>,
    most_after: Option<u64>,
}

impl ServerMemory {
    fn new(after: Duration) -> Self {
        Self {
            after,
            next: Duration::ZERO,
            before: None,
            most_after: None,
        }
    }

    /// Reads the memory at this time after T0, in bytes, unless it was read just before.
    fn sample(&mut self, at: Duration, read: impl FnOnce() -> Option<u64>) {
        if at < self.next {
            return;
        }
        self.next = at + READ_INTERVAL;
        let Some(bytes) = read() else {
            return;
        };
        if at < self.after || self.before.is_none() {
            self.before = Some(bytes);
        } else {
            self.most_after = self.most_after.max(Some(bytes));
        }
    }

    /// The maximum after less the memory before, in bytes; `None` unless both are known.
    fn growth(&self) -> Option<i64> {
        self.most_after?.checked_signed_diff(self.before?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Growth by readings at these milliseconds.
    fn growth(after_ms: u64, readings: &[(u64, u64)]) -> Option<i64> {
        let mut memory = ServerMemory::new(Duration::from_millis(after_ms));
        for (at_ms, bytes) in readings {
            memory.sample(Duration::from_millis(*at_ms), || Some(*bytes));
        }
        memory.growth()
    }

    #[test]
    fn memory_grows_from_the_last_reading_before_to_the_most_after() {
        let readings = [
            (0, 10),
            (500, 30),
            (900, 20),
            (1000, 25),
            (1300, 90),
            (1600, 40),
        ];
        assert_eq!(growth(1000, &readings), Some(70));
        assert_eq!(growth(1000, &readings[..3]), None);
        assert_eq!(growth(1000, &[(0, 50), (1500, 20)]), Some(-30));
    }

    #[test]
    fn readers_that_are_slow_from_the_beginning_are_compared_with_it() {
        assert_eq!(growth(0, &[(0, 10), (100, 1000), (300, 40)]), Some(30));
    }
}
