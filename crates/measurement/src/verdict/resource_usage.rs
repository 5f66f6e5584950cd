//! CPU and memory usage of generator and server, and the calibration of the generator.

use serde::{Deserialize, Serialize};

use super::stops::Stops;

/// Limits of the generator on this host, measured against an echo server without other work and with payloads like
/// those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Calibration {
    /// Median service time of a single client, in nanoseconds. No server can appear faster.
    pub floor_service_p50_ns: u64,
    /// Messages per second at which the generator's threads would use all of their cores. No server can appear faster.
    pub ceiling_messages_per_s: f64,
    /// Deliveries per second at which the generator's threads would use all of their cores; `None` for a run without
    /// deliveries, and in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_deliveries_per_s: Option<f64>,
    /// Duration of the calibration, in seconds.
    pub took_s: f64,
    /// Longest stop of a generator thread during the calibration, in nanoseconds.
    #[serde(default)]
    pub longest_stop_ns: u64,
}

/// Resources used by the generator's threads during the measured phase. `None` = not reported by this system.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct GeneratorUsage {
    /// CPU time of all generator threads in seconds.
    pub cpu_s: Option<f64>,
    /// User-mode part of that CPU time, in seconds.
    pub user_cpu_s: Option<f64>,
    /// The busiest thread's share of a core.
    pub cpu_per_core: Option<f64>,
    /// Share of a core for each thread.
    #[serde(default)]
    pub cpu_per_thread: Vec<f64>,
    /// With busy polling, the share of time in which the busiest thread had work; `None` without busy polling.
    pub busy_share: Option<f64>,
    /// Writes that found the socket full, because server or network did not keep up.
    #[serde(default)]
    pub blocked_writes: u64,
    /// Maximum resident memory of the process, in bytes.
    pub max_rss_bytes: Option<u64>,
    /// Time that all generator threads waited for a core, in seconds.
    pub run_queue_wait_s: Option<f64>,
    /// The same wait as a share of the time measured.
    pub run_queue_wait_share: Option<f64>,
    /// Context switches of the threads.
    pub context_switches: Option<ContextSwitches>,
    /// Correct echoes per second of CPU time; `None` when no CPU time was used, and before a
    /// [`Summary`](crate::run::Summary) computes it.
    pub messages_per_cpu_s: Option<f64>,
    /// Stops of the generator; `None` in files without this information.
    pub stops: Option<Stops>,
    /// Time for which a cgroup quota throttled the generator's threads, in seconds over all cores.
    pub throttled_s: Option<f64>,
    /// Time that the hypervisor took from the machine's cores, in seconds over all cores.
    pub steal_s: Option<f64>,
    /// Time in which at least one thread of the machine waited for a core, in seconds.
    pub cpu_pressure_s: Option<f64>,
    /// Time for which the machine was suspended, in seconds.
    pub suspended_s: Option<f64>,
}

impl GeneratorUsage {
    /// Usage over two periods of `self_s` and `other_s` seconds: times are added, shares are averaged by length. Shares
    /// of single threads and echoes per CPU-second are omitted.
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

    /// Usage of two processes at the same time: amounts are added, shares are those of the busiest. Times of the machine
    /// are the larger ones, because both may have seen the same machine. Stops and echoes per CPU-second are omitted.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let sum = |of: fn(&Self) -> Option<f64>| Some(of(self)? + of(other)?);
        let most = |of: fn(&Self) -> Option<f64>| {
            let both = [of(self), of(other)].into_iter().flatten();
            both.max_by(f64::total_cmp)
        };
        let switches = self.context_switches.zip(other.context_switches);
        Self {
            cpu_s: sum(|u| u.cpu_s),
            user_cpu_s: sum(|u| u.user_cpu_s),
            cpu_per_core: most(|u| u.cpu_per_core),
            busy_share: most(|u| u.busy_share),
            blocked_writes: self.blocked_writes + other.blocked_writes,
            max_rss_bytes: self
                .max_rss_bytes
                .zip(other.max_rss_bytes)
                .map(|(a, b)| a + b),
            run_queue_wait_s: sum(|u| u.run_queue_wait_s),
            run_queue_wait_share: most(|u| u.run_queue_wait_share),
            context_switches: switches.map(|(a, b)| ContextSwitches {
                voluntary: a.voluntary + b.voluntary,
                involuntary: a.involuntary + b.involuntary,
            }),
            messages_per_cpu_s: None,
            stops: None,
            throttled_s: most(|u| u.throttled_s),
            steal_s: most(|u| u.steal_s),
            cpu_pressure_s: most(|u| u.cpu_pressure_s),
            suspended_s: most(|u| u.suspended_s),
            cpu_per_thread: [&self.cpu_per_thread[..], &other.cpu_per_thread].concat(),
        }
    }
}

/// Context switches of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ContextSwitches {
    /// Switches because the thread waited.
    pub voluntary: u64,
    /// Switches because another thread had to run.
    pub involuntary: u64,
}

impl ContextSwitches {
    /// Sum of both kinds.
    pub fn total(self) -> u64 {
        self.voluntary + self.involuntary
    }
}

/// Resources used by the server's process during the measured phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ServerUsage {
    /// Process ID of the server; of several, the first one named.
    pub pid: u32,
    /// All processes whose usage is summed here.
    #[serde(default)]
    pub pids: Vec<u32>,
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Maximum resident memory, in bytes; `None` for an embedded server, which shares it with the generator.
    pub max_rss_bytes: Option<u64>,
    /// Correct echoes per second of CPU time; `None` when the CPU time is so short that another process must have
    /// served them, and before a [`Summary`](crate::run::Summary) computes it.
    pub messages_per_cpu_s: Option<f64>,
    /// Context switches of the threads; `None` for an embedded server and where the system does not report them.
    pub context_switches: Option<ContextSwitches>,
}

/// Minimum CPU time per echo in seconds, for any server. The fastest servers take ten times as long.
const LEAST_CPU_PER_ECHO_S: f64 = 1e-7;

impl ServerUsage {
    /// Returns true when the CPU time is too short for the number of echoes, so another process must have served them.
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
