//! Stops of a generator thread: times in which it did not run.

use measurement::verdict::Stop;

/// Maximum number of separate stops. Further ones extend the last.
const MAX_STOPS: usize = 1_000;

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
