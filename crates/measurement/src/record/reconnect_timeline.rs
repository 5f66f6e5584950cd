//! Losses of connections, and attempts to open them again, over time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::AttemptFailure;

/// Length of an interval at the beginning, in nanoseconds.
const FIRST_WIDTH_NS: u64 = 10_000_000;

/// Maximum number of intervals with an event. Beyond it, their length doubles.
const MAX_INTERVALS: usize = 1024;

/// Events of lost connections in intervals of equal length. Intervals without an event are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectTimeline {
    /// Length of an interval: 10 ms, or that doubled several times.
    width_ns: u64,
    /// Intervals by their number from T0. Events before T0 are in the first one.
    intervals: BTreeMap<u64, ReconnectInterval>,
}

/// Events of one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectInterval {
    /// Connections lost.
    pub lost: u64,
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts refused before the handshake.
    pub refused: u64,
    /// Attempts without an answer in time.
    pub timed_out: u64,
    /// Failed handshakes.
    pub handshake_failed: u64,
    /// Failed setups.
    pub setup_failed: u64,
    /// Attempts that this machine could not make.
    pub own_failed: u64,
    /// Clients that were ready again.
    pub back: u64,
}

impl ReconnectInterval {
    /// Counts a failed attempt.
    pub(super) fn failed(&mut self, cause: AttemptFailure) {
        let count = match cause {
            AttemptFailure::Refused => &mut self.refused,
            AttemptFailure::TimedOut => &mut self.timed_out,
            AttemptFailure::Handshake(_) => &mut self.handshake_failed,
            AttemptFailure::Setup => &mut self.setup_failed,
            AttemptFailure::Own => &mut self.own_failed,
        };
        *count += 1;
    }

    fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.attempts += other.attempts;
        self.refused += other.refused;
        self.timed_out += other.timed_out;
        self.handshake_failed += other.handshake_failed;
        self.setup_failed += other.setup_failed;
        self.own_failed += other.own_failed;
        self.back += other.back;
    }
}

impl Default for ReconnectTimeline {
    fn default() -> Self {
        Self {
            width_ns: FIRST_WIDTH_NS,
            intervals: BTreeMap::new(),
        }
    }
}

impl ReconnectTimeline {
    /// The interval of a time after T0, in nanoseconds.
    pub(super) fn at(&mut self, at_ns: u64) -> &mut ReconnectInterval {
        while self.intervals.len() >= MAX_INTERVALS
            && !self.intervals.contains_key(&(at_ns / self.width_ns))
        {
            self.widen(self.width_ns * 2);
        }
        self.intervals.entry(at_ns / self.width_ns).or_default()
    }

    /// Length of the intervals in nanoseconds.
    pub fn width_ns(&self) -> u64 {
        self.width_ns
    }

    /// The intervals with an event: start after T0 in nanoseconds, and events. Ascending.
    pub fn intervals(&self) -> impl Iterator<Item = (u64, &ReconnectInterval)> {
        self.intervals
            .iter()
            .map(|(number, events)| (number.saturating_mul(self.width_ns), events))
    }

    fn widen(&mut self, width_ns: u64) {
        let factor = width_ns / self.width_ns;
        let narrow = std::mem::take(&mut self.intervals);
        self.width_ns = width_ns;
        for (number, events) in narrow {
            let wide = self.intervals.entry(number / factor).or_default();
            wide.add(&events);
        }
    }

    /// Adds the events of another thread or process.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.width_ns > self.width_ns {
            self.widen(other.width_ns);
        }
        for (at_ns, events) in other.intervals() {
            self.at(at_ns).add(events);
        }
    }

    /// Checks a timeline that was read from a file.
    ///
    /// # Errors
    /// A text, when the length of the intervals cannot be.
    pub(crate) fn check(&self) -> Result<(), String> {
        let doubled = self.width_ns / FIRST_WIDTH_NS;
        let fits = self.width_ns.is_multiple_of(FIRST_WIDTH_NS) && doubled.is_power_of_two();
        if fits && self.width_ns <= 1 << 50 {
            Ok(())
        } else {
            Err(format!(
                "intervals of {} ns are not 10 ms doubled",
                self.width_ns
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_event_is_lost_when_intervals_widen(
            times_ms in proptest::collection::vec(0..4_000_000_u64, 1..4_000), split in 0..4_000_usize,
        ) {
            let mut one = ReconnectTimeline::default();
            let mut other = ReconnectTimeline::default();
            for (n, ms) in times_ms.iter().enumerate() {
                let timeline = if n < split { &mut one } else { &mut other };
                timeline.at(ms * 1_000_000).attempts += 1;
            }
            one.merge(&other);
            let attempts: u64 = one.intervals().map(|(_, events)| events.attempts).sum();
            prop_assert_eq!(attempts, times_ms.len() as u64);
            prop_assert!(one.intervals().count() <= MAX_INTERVALS);
            prop_assert_eq!(one.check(), Ok(()));
        }
    }
}
