//! CPU and memory usage of generator and server, and the calibration of the generator.

use serde::{Deserialize, Serialize};

/// What the generator can do on this host at its best, against an echo server that does nothing else,
/// with payloads like those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Median service time of one client alone, in nanoseconds: no server can look faster.
    pub floor_service_p50_ns: u64,
    /// Messages per second at which the generator's threads would have used all of their cores: no
    /// server can look faster.
    pub ceiling_messages_per_s: f64,
    /// How long it took to find out, in seconds.
    pub took_s: f64,
}

/// What the generator's own threads used during the measured phase. `None` = cannot be had here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    #[serde(default)]
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
    #[serde(default)]
    pub context_switches: Option<ContextSwitches>,
    /// Right echoes for each second of CPU time; `None` when it used none.
    #[serde(default)]
    pub messages_per_cpu_s: Option<f64>,
}

/// How often a process left a core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSwitches {
    /// Because it waited for something.
    pub voluntary: u64,
    /// Because another was to run.
    pub involuntary: u64,
}

impl ContextSwitches {
    /// Those since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            voluntary: self.voluntary.saturating_sub(earlier.voluntary),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
        }
    }

    /// Both together.
    pub fn total(self) -> u64 {
        self.voluntary + self.involuntary
    }
}

impl std::iter::Sum for ContextSwitches {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            voluntary: sum.voluntary + one.voluntary,
            involuntary: sum.involuntary + one.involuntary,
        })
    }
}

/// What the server's process used during the measured phase.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ServerUsage {
    /// Its process.
    pub pid: u32,
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Most memory it had resident, in bytes; `None` for an embedded server, which shares it
    /// with the generator.
    pub max_rss_bytes: Option<u64>,
    /// Right echoes for each second of its CPU time; `None` when it used none.
    pub messages_per_cpu_s: Option<f64>,
    /// How often its threads left their cores; `None` for an embedded server and where the system does
    /// not tell.
    #[serde(default)]
    pub context_switches: Option<ContextSwitches>,
}

/// What was seen of the server's process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServerSample {
    /// Its process.
    pub pid: u32,
    /// CPU time during the measured phase in seconds.
    pub cpu_s: f64,
    /// Most memory it had resident, in bytes; `None` when it cannot be told from the generator's.
    pub max_rss_bytes: Option<u64>,
    /// How often its threads left their cores during the measured phase.
    pub context_switches: Option<ContextSwitches>,
}

impl GeneratorUsage {
    /// With the echoes for each second of CPU time.
    #[must_use]
    pub(crate) fn per_echo(self, echoes: u64) -> Self {
        Self {
            messages_per_cpu_s: self.cpu_s.and_then(|cpu_s| per_cpu_second(echoes, cpu_s)),
            ..self
        }
    }
}

impl ServerSample {
    /// The usage as it is reported, with the echoes for each second of CPU time.
    pub(crate) fn per_echo(self, echoes: u64) -> ServerUsage {
        ServerUsage {
            pid: self.pid,
            cpu_s: self.cpu_s,
            max_rss_bytes: self.max_rss_bytes,
            context_switches: self.context_switches,
            messages_per_cpu_s: per_cpu_second(echoes, self.cpu_s),
        }
    }
}

/// `None` when no CPU time was used.
fn per_cpu_second(echoes: u64, cpu_s: f64) -> Option<f64> {
    (cpu_s > 0.0).then(|| echoes as f64 / cpu_s)
}
