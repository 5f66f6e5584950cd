//! Stops of the generator itself.

use serde::{Deserialize, Serialize};

/// A time in which a generator thread did not run, although it had asked to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Start, in nanoseconds since T0.
    pub start_ns: u64,
    /// Length in nanoseconds.
    pub length_ns: u64,
    /// Measured messages that were in flight.
    pub messages: u64,
}

/// CPU time withheld from the generator, in seconds; `None` where unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WithheldTime {
    /// Withheld by a cgroup quota, over all cores.
    pub throttled_s: Option<f64>,
    /// Withheld by the hypervisor, over all cores.
    pub steal_s: Option<f64>,
    /// Time in which at least one thread of the machine waited for a core.
    pub pressure_s: Option<f64>,
    /// Time for which the machine was suspended.
    pub suspended_s: Option<f64>,
}

/// All stops of a generator. Overlapping stops of several threads count as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Stops {
    /// Number of stops.
    pub count: u64,
    /// Total length of the stops, in nanoseconds.
    pub total_ns: u64,
    /// Length of the longest, in nanoseconds.
    pub longest_ns: u64,
    /// Start of the longest, in nanoseconds since T0.
    pub longest_at_ns: u64,
    /// Measured messages in flight during a stop. A message in flight during two stops counts twice.
    pub messages: u64,
}

impl Stops {
    /// Stops of two consecutive periods.
    pub(super) fn followed_by(self, other: Self) -> Self {
        let longest = if other.longest_ns > self.longest_ns {
            other
        } else {
            self
        };
        Self {
            count: self.count + other.count,
            total_ns: self.total_ns + other.total_ns,
            messages: self.messages + other.messages,
            ..longest
        }
    }

    /// Combines the stops of all threads.
    pub fn join(mut stops: Vec<Stop>) -> Self {
        stops.sort_unstable_by_key(|stop| stop.start_ns);
        let mut joined: Vec<Stop> = Vec::new();
        for stop in stops {
            match joined.last_mut() {
                Some(last) if stop.start_ns <= last.start_ns + last.length_ns => {
                    let end_ns = stop.start_ns + stop.length_ns;
                    last.length_ns = last.length_ns.max(end_ns - last.start_ns);
                    last.messages += stop.messages;
                }
                _ => joined.push(stop),
            }
        }
        let longest = joined.iter().max_by_key(|stop| stop.length_ns);
        Self {
            count: joined.len() as u64,
            total_ns: joined.iter().map(|stop| stop.length_ns).sum(),
            longest_ns: longest.map_or(0, |stop| stop.length_ns),
            longest_at_ns: longest.map_or(0, |stop| stop.start_ns),
            messages: joined.iter().map(|stop| stop.messages).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(start_ns: u64, length_ns: u64, messages: u64) -> Stop {
        Stop {
            start_ns,
            length_ns,
            messages,
        }
    }

    #[test]
    fn stops_of_several_threads_at_once_are_one() {
        assert_eq!(Stops::join(Vec::new()), Stops::default());
        let stops = Stops::join(vec![
            stop(1_200, 600, 5),
            stop(100, 50, 1),
            stop(1_190, 590, 7),
            stop(1_900, 100, 2),
        ]);
        assert_eq!((stops.count, stops.messages), (3, 15));
        assert_eq!((stops.longest_ns, stops.longest_at_ns), (610, 1_190));
        assert_eq!(stops.total_ns, 50 + 610 + 100);
    }
}
