//! Stops of a generator thread: times in which it did not run.

use std::time::Duration;

use measurement::verdict::Stop;

use crate::clock::nanoseconds;

/// Maximum number of separate stops. Further ones extend the last.
const MAX_STOPS: usize = 1_000;

/// The times between readings of the clock, as far as the thread had not asked to wait: its own times.
#[derive(Debug, Default)]
pub(crate) struct OwnTime {
    /// Last reading.
    looked_ns: u64,
    /// Only longer times are examined.
    pub(crate) examined_above_ns: u64,
}

impl OwnTime {
    /// Notes a reading, after a requested wait. Returns the own time since the last one if it is to be examined.
    #[inline]
    pub(crate) fn look(&mut self, now_ns: u64, wait: Duration) -> Option<u64> {
        let own_ns = (now_ns - self.looked_ns).saturating_sub(nanoseconds(wait));
        self.looked_ns = now_ns;
        (own_ns > self.examined_above_ns).then_some(own_ns)
    }
}

/// Stops of one thread.
#[derive(Debug)]
pub(crate) struct Stillness {
    /// Longer times are stops, in nanoseconds.
    pub(crate) allowed_ns: u64,
    /// The longest time, stop or not, in nanoseconds.
    pub(crate) longest_ns: u64,
    pub(crate) stops: Vec<Stop>,
}

impl Stillness {
    pub(crate) fn new(allowed_ns: u64) -> Self {
        Self {
            allowed_ns,
            longest_ns: 0,
            stops: Vec::new(),
        }
    }

    /// Forgets all stops, because a slice begins.
    pub(crate) fn clear(&mut self) {
        self.stops.clear();
        self.longest_ns = 0;
    }

    /// Adds a stop after all others.
    pub(crate) fn add(&mut self, stop: Stop) {
        let is_full = self.stops.len() >= MAX_STOPS;
        match self.stops.last_mut().filter(|_| is_full) {
            Some(last) => {
                last.length_ns += stop.length_ns;
                last.messages += stop.messages;
            }
            None => self.stops.push(stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A busy thread that read the clock for due messages between two polls was reported as stopped from one to the other.
    #[test]
    fn a_thread_that_goes_on_sending_has_not_stopped() {
        const MS: u64 = 1_000_000;
        let mut own = OwnTime {
            looked_ns: 0,
            examined_above_ns: 10 * MS,
        };
        assert_eq!(own.look(20 * MS, Duration::from_millis(15)), None);
        for due_ms in 21..1_100 {
            assert_eq!(own.look(due_ms * MS, Duration::ZERO), None);
        }
        let stopped = own.look(1_120 * MS, Duration::ZERO);
        assert_eq!(stopped, Some(21 * MS));
    }

    #[test]
    fn the_list_of_stops_ends_and_loses_no_time() {
        let mut stillness = Stillness::new(10);
        for start_ns in 0..1_200 {
            stillness.add(Stop {
                start_ns,
                length_ns: 2,
                messages: 1,
            });
        }
        assert_eq!(stillness.stops.len(), MAX_STOPS);
        let sum = |of: fn(&Stop) -> u64| stillness.stops.iter().map(of).sum::<u64>();
        assert_eq!((sum(|s| s.length_ns), sum(|s| s.messages)), (2_400, 1_200));
    }
}
