//! The host, and what the server's process uses.

use measurement::summary::{ClientUsage, ContextSwitches, Host, ServerSample};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::error::RunError;

/// What can be told of this host.
pub fn host(open_file_limit: Option<u64>) -> Host {
    let cpu = System::new().ok().and_then(|mut system| {
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        let name = system.cpus().first()?.brand().trim().to_owned();
        (!name.is_empty()).then_some(name)
    });
    let unknown = || "unknown".to_owned();
    Host {
        os: System::long_os_version().unwrap_or_else(|_| unknown()),
        kernel: System::kernel_long_version().unwrap_or_else(|_| unknown()),
        cpu: cpu.unwrap_or_else(unknown),
        cores: std::thread::available_parallelism().map_or(1, Into::into),
        open_file_limit,
    }
}

/// Watches the server's process during the measured phase.
#[derive(Debug)]
pub struct Probe(Kind);

#[derive(Debug)]
enum Kind {
    /// The server is a process of its own.
    Process {
        system: Box<System>,
        pid: Pid,
        begun_ns: Option<u64>,
        begun_switches: Option<ContextSwitches>,
        max_rss_bytes: u64,
    },
    /// The server runs inside this process: what the process uses less what the generator does.
    Embedded { begun_s: Option<f64> },
}

impl Probe {
    /// A probe of another process.
    ///
    /// # Errors
    /// When there is no such process, or it cannot be seen.
    pub fn process(pid: u32) -> Result<Self, RunError> {
        let system = System::new().map_err(|e| RunError::Processes(std::io::Error::other(e)))?;
        let mut probe = Self(Kind::Process {
            system: Box::new(system),
            pid: Pid::from_u32(pid),
            begun_ns: None,
            begun_switches: None,
            max_rss_bytes: 0,
        });
        match probe.look() {
            Some(_) => Ok(probe),
            None => Err(RunError::NoProcess { pid }),
        }
    }

    /// A probe of the server inside this process.
    #[must_use]
    pub fn embedded() -> Self {
        Self(Kind::Embedded { begun_s: None })
    }

    /// The most resident memory of the other process that was seen so far, in bytes, now included; `None`
    /// when it has ended, or is this one.
    pub fn max_rss_bytes(&mut self) -> Option<u64> {
        self.look()?;
        match &self.0 {
            Kind::Process { max_rss_bytes, .. } => Some(*max_rss_bytes),
            Kind::Embedded { .. } => None,
        }
    }

    /// CPU time used so far, in nanoseconds; looks at memory, too.
    fn look(&mut self) -> Option<u64> {
        let Kind::Process {
            system,
            pid,
            max_rss_bytes,
            ..
        } = &mut self.0
        else {
            return None;
        };
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[*pid]), true, what);
        let process = system.process(*pid)?;
        *max_rss_bytes = (*max_rss_bytes).max(process.memory());
        Some(cpu_ns(pid.as_u32()).unwrap_or(process.accumulated_cpu_time() * 1_000_000))
    }

    /// The measured phase begins.
    pub fn begin(&mut self) {
        let now_ns = self.look();
        match &mut self.0 {
            Kind::Process {
                pid,
                begun_ns,
                begun_switches,
                ..
            } => {
                *begun_ns = now_ns;
                *begun_switches = context_switches(pid.as_u32());
            }
            Kind::Embedded { begun_s } => *begun_s = swarm::process_cpu_s(),
        }
    }

    /// The measured phase is over: what the server used. `None` when it cannot be told.
    #[allow(clippy::cast_precision_loss)]
    pub fn end(&mut self) -> Option<Reading> {
        let now_ns = self.look();
        match &self.0 {
            Kind::Process {
                pid,
                begun_ns,
                begun_switches,
                max_rss_bytes,
                ..
            } => Some(Reading {
                context_switches: context_switches(pid.as_u32())
                    .zip(*begun_switches)
                    .map(|(now, then)| now.since(then)),
                pid: pid.as_u32(),
                cpu_s: now_ns?.saturating_sub((*begun_ns)?) as f64 / 1e9,
                max_rss_bytes: Some(*max_rss_bytes),
                with_generator: false,
            }),
            Kind::Embedded { begun_s } => Some(Reading {
                pid: std::process::id(),
                cpu_s: swarm::process_cpu_s()? - (*begun_s)?,
                max_rss_bytes: None,
                context_switches: None,
                with_generator: true,
            }),
        }
    }
}

/// How often the threads of a process have left their cores so far; `None` where the system does not
/// tell. (sysinfo does not know them, and `procfs` is a tree of its own for two lines.)
fn context_switches(pid: u32) -> Option<ContextSwitches> {
    let counts = of_threads(pid, "status", switches_in);
    (!counts.is_empty()).then(|| counts.into_iter().sum())
}

/// CPU time of the threads of a process so far, in nanoseconds; `None` where the system does not tell.
/// (sysinfo counts ticks of 10 ms, which in a short run is more than all there is.)
fn cpu_ns(pid: u32) -> Option<u64> {
    let times = of_threads(pid, "schedstat", |text| {
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    (!times.is_empty()).then(|| times.into_iter().sum())
}

/// What a file of each thread in `/proc/PID/task` says; empty where there is no such thing.
fn of_threads<T>(pid: u32, file: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let texts = threads.filter_map(|thread| {
        // A thread may end while it is looked at.
        std::fs::read_to_string(thread.ok()?.path().join(file)).ok()
    });
    texts.filter_map(|text| read(&text)).collect()
}

/// The counts in a `/proc/PID/task/TID/status`, if both are there.
fn switches_in(status: &str) -> Option<ContextSwitches> {
    let count = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    Some(ContextSwitches {
        voluntary: count("voluntary_ctxt_switches:")?,
        involuntary: count("nonvoluntary_ctxt_switches:")?,
    })
}

/// What was seen of the server during the measured phase.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pid: u32,
    cpu_s: f64,
    max_rss_bytes: Option<u64>,
    context_switches: Option<ContextSwitches>,
    /// The generator's CPU time is in it.
    with_generator: bool,
}

impl Reading {
    /// The server's share of it; `None` when the generator's cannot be told from it.
    pub fn without(self, generator: &ClientUsage) -> Option<ServerSample> {
        let generators = if self.with_generator {
            generator.cpu_s?
        } else {
            0.0
        };
        Some(ServerSample {
            pid: self.pid,
            cpu_s: (self.cpu_s - generators).max(0.0),
            max_rss_bytes: self.max_rss_bytes,
            context_switches: self.context_switches,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_described() {
        let host = host(Some(7));
        assert!(!host.os.is_empty() && !host.kernel.is_empty() && host.cores >= 1);
        assert_eq!(host.open_file_limit, Some(7));
    }

    #[test]
    fn a_process_is_seen_working() {
        let mut probe = Probe::process(std::process::id()).unwrap();
        probe.begin();
        let mut n = 0_u64;
        let reading = loop {
            n = std::hint::black_box(n + 1);
            let reading = probe.end().unwrap();
            if reading.cpu_s >= 0.02 {
                break reading;
            }
        };
        let server = reading.without(&ClientUsage::default()).unwrap();
        assert!(server.max_rss_bytes > Some(1 << 20));
    }

    #[test]
    fn context_switches_are_counted() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        let found = switches_in(status).unwrap();
        assert_eq!(switches_in("Name:\tx\n"), None);
        assert_eq!((found.voluntary, found.involuntary), (12, 3));
        #[cfg(target_os = "linux")]
        {
            let before = context_switches(std::process::id()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(1));
            assert!(context_switches(std::process::id()).unwrap().voluntary > before.voluntary);
        }
    }

    #[test]
    fn no_such_process_is_an_error() {
        let error = Probe::process(u32::MAX - 1).unwrap_err().to_string();
        assert!(error.contains("no process 4294967294"), "{error}");
    }

    #[test]
    fn the_generators_time_is_not_the_servers() {
        let reading = Reading {
            pid: 1,
            cpu_s: 3.0,
            max_rss_bytes: None,
            context_switches: None,
            with_generator: true,
        };
        let generator = |cpu_s| ClientUsage {
            cpu_s,
            ..ClientUsage::default()
        };
        assert_eq!(reading.without(&generator(Some(1.0))).unwrap().cpu_s, 2.0);
        assert_eq!(reading.without(&generator(None)), None);
    }
}
