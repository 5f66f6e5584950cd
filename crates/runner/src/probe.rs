//! The host, and what the server's process uses.

use measurement::run::Host;
use measurement::verdict::{ContextSwitches, GeneratorUsage, ServerSample};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::error::RunError;

/// What can be told of this host.
pub fn host(open_file_limit: Option<u64>) -> Host {
    let mut system = System::new().ok();
    let cpus = system.as_mut().map_or(&[][..], |system| {
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        system.cpus()
    });
    let cpu = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
    let mut allowed_cores = swarm::pin::allowed_cores();
    if allowed_cores.len() >= cpus.len() {
        allowed_cores.clear();
    }
    let unknown = || "unknown".to_owned();
    Host {
        os: System::long_os_version().unwrap_or_else(|_| unknown()),
        kernel: System::kernel_long_version().unwrap_or_else(|_| unknown()),
        cpu: cpu.filter(|name| !name.is_empty()).unwrap_or_else(unknown),
        cores: match cpus.len() {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            cores => cores,
        },
        allowed_cores,
        open_file_limit,
    }
}

/// Watches the server's processes during the measured phase.
#[derive(Debug)]
pub struct Probe(Kind);

#[derive(Debug)]
enum Kind {
    /// The server has processes of its own.
    Processes {
        system: Box<System>,
        processes: Vec<Process>,
    },
    /// The server runs inside this process: what the process uses less what the generator does.
    Embedded { begun_s: Option<f64> },
}

/// One of them.
#[derive(Debug)]
struct Process {
    pid: Pid,
    begun_ns: Option<u64>,
    begun_switches: Option<ContextSwitches>,
    max_rss_bytes: u64,
}

impl Process {
    /// CPU time used so far, in nanoseconds; looks at memory, too.
    fn look(&mut self, system: &mut System) -> Option<u64> {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, what);
        let process = system.process(self.pid)?;
        self.max_rss_bytes = self.max_rss_bytes.max(process.memory());
        Some(cpu_ns(self.pid.as_u32()).unwrap_or(process.accumulated_cpu_time() * 1_000_000))
    }

    fn begin(&mut self, system: &mut System) {
        self.begun_ns = self.look(system);
        self.begun_switches = context_switches(self.pid.as_u32());
    }

    /// `None` when it has ended.
    #[allow(clippy::cast_precision_loss)]
    fn end(&mut self, system: &mut System) -> Option<Reading> {
        let pid = self.pid.as_u32();
        Some(Reading {
            cpu_s: self.look(system)?.saturating_sub(self.begun_ns?) as f64 / 1e9,
            pid,
            max_rss_bytes: Some(self.max_rss_bytes),
            context_switches: context_switches(pid)
                .zip(self.begun_switches)
                .map(|(now, then)| now.since(then)),
            with_generator: false,
        })
    }
}

impl Probe {
    /// A probe of another process.
    ///
    /// # Errors
    /// When there is no such process, or it cannot be seen.
    pub fn process(pid: u32) -> Result<Self, RunError> {
        Self::processes(&[pid])
    }

    /// A probe of other processes, whose figures are added up; at least one. A reading has the number of
    /// the first.
    ///
    /// # Errors
    /// When one of them is not there, or cannot be seen.
    pub fn processes(pids: &[u32]) -> Result<Self, RunError> {
        let system = System::new().map_err(|e| RunError::Processes(std::io::Error::other(e)))?;
        let mut system = Box::new(system);
        let mut processes = Vec::with_capacity(pids.len());
        for &pid in pids {
            let mut process = Process {
                pid: Pid::from_u32(pid),
                begun_ns: None,
                begun_switches: None,
                max_rss_bytes: 0,
            };
            if process.look(&mut system).is_none() {
                return Err(RunError::NoProcess { pid });
            }
            processes.push(process);
        }
        Ok(Self(Kind::Processes { system, processes }))
    }

    /// A probe of the server inside this process.
    #[must_use]
    pub fn embedded() -> Self {
        Self(Kind::Embedded { begun_s: None })
    }

    /// The most resident memory of each of the other processes that was seen so far, added up, in bytes, now
    /// included; `None` when one of them has ended, or the server is in this one.
    pub fn max_rss_bytes(&mut self) -> Option<u64> {
        let Kind::Processes { system, processes } = &mut self.0 else {
            return None;
        };
        let mut of = |process: &mut Process| {
            process.look(system)?;
            Some(process.max_rss_bytes)
        };
        processes.iter_mut().map(&mut of).sum()
    }

    /// The measured phase begins.
    pub fn begin(&mut self) {
        match &mut self.0 {
            Kind::Processes { system, processes } => {
                processes.iter_mut().for_each(|p| p.begin(system));
            }
            Kind::Embedded { begun_s } => *begun_s = swarm::process_cpu_s(),
        }
    }

    /// The measured phase is over: what the server used. `None` when it cannot be told, as when one of its
    /// processes has ended.
    pub fn end(&mut self) -> Option<Reading> {
        match &mut self.0 {
            Kind::Processes { system, processes } => {
                let readings: Option<Vec<Reading>> =
                    processes.iter_mut().map(|p| p.end(system)).collect();
                readings?.into_iter().reduce(Reading::with)
            }
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
    /// The same with another process of the server.
    fn with(self, other: Self) -> Self {
        Self {
            cpu_s: self.cpu_s + other.cpu_s,
            max_rss_bytes: self
                .max_rss_bytes
                .zip(other.max_rss_bytes)
                .map(|(a, b)| a + b),
            context_switches: self
                .context_switches
                .zip(other.context_switches)
                .map(|(a, b)| [a, b].into_iter().sum()),
            ..self
        }
    }

    /// The server's share of it; `None` when the generator's cannot be told from it.
    pub fn without(self, generator: &GeneratorUsage) -> Option<ServerSample> {
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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_has_its_cores_also_when_this_process_may_not_use_them() {
        let all = swarm::pin::allowed_cores();
        let confined = swarm::pin::with_cores(&all[..1], || host(None)).unwrap();
        assert!(confined.cores >= all.len());
        let expected = if confined.cores > 1 { &all[..1] } else { &[] };
        assert_eq!(confined.allowed_cores, expected);
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
        let server = reading.without(&GeneratorUsage::default()).unwrap();
        assert!(server.max_rss_bytes > Some(1 << 20));
    }

    #[test]
    fn processes_are_added_up() {
        let own = std::process::id();
        let mut one = Probe::process(own).unwrap();
        // The same one twice stands for two.
        let mut two = Probe::processes(&[own, own]).unwrap();
        let (alone, together) = (one.max_rss_bytes().unwrap(), two.max_rss_bytes().unwrap());
        assert!(together > alone + alone / 2, "{together} of {alone}");
        two.begin();
        assert!(two.end().is_some());
        assert!(Probe::processes(&[own, u32::MAX - 1]).is_err());
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
        let generator = |cpu_s| GeneratorUsage {
            cpu_s,
            ..GeneratorUsage::default()
        };
        assert_eq!(reading.without(&generator(Some(1.0))).unwrap().cpu_s, 2.0);
        assert_eq!(reading.without(&generator(None)), None);
    }
}
