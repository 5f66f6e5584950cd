//! CPU and memory usage of generator and server, and the calibration of the generator.

use serde::{Deserialize, Serialize};

use super::stops::Stops;

/// What the generator can do on this host at its best, against an echo server that does nothing else,
/// with payloads like those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Calibration {
    /// Median service time of one client alone, in nanoseconds: no server can look faster.
    pub floor_service_p50_ns: u64,
    /// Messages per second at which the generator's threads would have used all of their cores: no
    /// server can look faster.
    pub ceiling_messages_per_s: f64,
    /// How long it took to find out, in seconds.
    pub took_s: f64,
    /// The longest time for which a generator thread stood still meanwhile, in nanoseconds.
    #[serde(default)]
    pub longest_stop_ns: u64,
}

/// Resources that the generator's own threads used during the measured phase. `None` = not reported by this system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct GeneratorUsage {
    /// CPU time of all generator threads in seconds.
    pub cpu_s: Option<f64>,
    /// The part of it spent in user mode.
    pub user_cpu_s: Option<f64>,
    /// The busiest thread's share of a core.
    pub cpu_per_core: Option<f64>,
    /// Every thread's share of a core.
    #[serde(default)]
    pub cpu_per_thread: Vec<f64>,
    /// With busy polling, the share of the time in which the busiest thread had something to do;
    /// `None` without.
    pub busy_share: Option<f64>,
    /// Writes that found the socket full: the server, or the network, did not keep up.
    #[serde(default)]
    pub blocked_writes: u64,
    /// Most memory that the process had resident, in bytes.
    pub max_rss_bytes: Option<u64>,
    /// Time that all generator threads waited for a core, in seconds.
    pub run_queue_wait_s: Option<f64>,
    /// The same as a share of the time that the threads were measured for.
    pub run_queue_wait_share: Option<f64>,
    /// How often the threads left their cores.
    pub context_switches: Option<ContextSwitches>,
    /// Right echoes for each second of CPU time; `None` when it used none, and before a [`Summary`](crate::run::Summary)
    /// counts them.
    pub messages_per_cpu_s: Option<f64>,
    /// Times in which it stood still; `None` in files that do not tell.
    pub stops: Option<Stops>,
    /// Time for which a quota of its cgroup kept its threads from running, in seconds over all cores.
    pub throttled_s: Option<f64>,
    /// Time that the hypervisor took from the machine's cores, in seconds over all cores.
    pub steal_s: Option<f64>,
    /// Time in which some thread of the machine waited for a core, in seconds.
    pub cpu_pressure_s: Option<f64>,
    /// Time for which the machine was suspended, in seconds.
    pub suspended_s: Option<f64>,
}

impl GeneratorUsage {
    /// The usage of two times one after the other, `self_s` and `other_s` seconds long: sums of times, means of shares
    /// by length. The shares of single threads and the echoes per second of CPU time are left out.
    #[must_use]
    pub fn followed_by(&self, self_s: f64, other: &Self, other_s: f64) -> Self {
        let sum = |of: fn(&Self) -> Option<f64>| Some(of(self)? + of(other)?);
        let share = |of: fn(&Self) -> Option<f64>| {
            Some((of(self)? * self_s + of(other)? * other_s) / (self_s + other_s))
        };
        Self {
            cpu_s: sum(|u| u.cpu_s),
            user_cpu_s: sum(|u| u.user_cpu_s),
            cpu_per_core: share(|u| u.cpu_per_core),
            cpu_per_thread: Vec::new(),
            busy_share: share(|u| u.busy_share),
            blocked_writes: self.blocked_writes + other.blocked_writes,
            max_rss_bytes: self.max_rss_bytes.max(other.max_rss_bytes),
            run_queue_wait_s: sum(|u| u.run_queue_wait_s),
            run_queue_wait_share: share(|u| u.run_queue_wait_share),
            context_switches: self
                .context_switches
                .zip(other.context_switches)
                .map(|(a, b)| ContextSwitches {
                    voluntary: a.voluntary + b.voluntary,
                    involuntary: a.involuntary + b.involuntary,
                }),
            messages_per_cpu_s: None,
            stops: self.stops.zip(other.stops).map(|(a, b)| a.followed_by(b)),
            throttled_s: sum(|u| u.throttled_s),
            steal_s: sum(|u| u.steal_s),
            cpu_pressure_s: sum(|u| u.cpu_pressure_s),
            suspended_s: sum(|u| u.suspended_s),
        }
    }
}

/// How often a process left a core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ContextSwitches {
    /// Because it waited for something.
    pub voluntary: u64,
    /// Because another was to run.
    pub involuntary: u64,
}

impl ContextSwitches {
    /// Both together.
    pub fn total(self) -> u64 {
        self.voluntary + self.involuntary
    }
}

/// What the server's process used during the measured phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ServerUsage {
    /// Its process; of several, the first that was named.
    pub pid: u32,
    /// All processes whose usage is added up here.
    #[serde(default)]
    pub pids: Vec<u32>,
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Most memory it had resident, in bytes; `None` for an embedded server, which shares it
    /// with the generator.
    pub max_rss_bytes: Option<u64>,
    /// Right echoes for each second of its CPU time; `None` when it used so little that another process must
    /// have served them, and before a [`Summary`](crate::run::Summary) counts them.
    pub messages_per_cpu_s: Option<f64>,
    /// How often its threads left their cores; `None` for an embedded server and where the system does
    /// not tell.
    pub context_switches: Option<ContextSwitches>,
}

/// CPU time in seconds that an echo takes at least, on any server: the fastest take ten times as much.
const LEAST_CPU_PER_ECHO_S: f64 = 1e-7;

impl ServerUsage {
    /// Returns true when the CPU time is too short for the number of echoes: another process served them.
    pub fn is_implausible(&self, echoes: u64) -> bool {
        self.cpu_s < LEAST_CPU_PER_ECHO_S * echoes as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_and_shares_weigh_by_length() {
        let usage = |cpu_s: f64, share: f64, stops: u64| GeneratorUsage {
            cpu_s: Some(cpu_s),
            cpu_per_core: Some(share),
            blocked_writes: 1,
            stops: Some(Stops {
                count: stops,
                longest_ns: stops,
                ..Stops::default()
            }),
            ..GeneratorUsage::default()
        };
        let both = usage(1.0, 0.5, 1).followed_by(2.0, &usage(6.0, 1.0, 2), 6.0);
        assert_eq!((both.cpu_s, both.cpu_per_core), (Some(7.0), Some(0.875)));
        assert_eq!((both.blocked_writes, both.busy_share), (2, None));
        let stops = both.stops.unwrap();
        assert_eq!((stops.count, stops.longest_ns), (3, 2));
    }
}
