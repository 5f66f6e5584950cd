//! CPU time and memory that processes use during a measurement.

use std::io;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::HostError;
use crate::thread_usage::{ContextSwitchCounts, process_cpu_s, status_field};

/// A probe of one or several processes. A measurement lasts from [`begin`](Self::begin) to [`end`](Self::end).
#[derive(Debug)]
pub struct ProcessProbe(Probed);

#[derive(Debug)]
enum Probed {
    /// Processes other than this one.
    Others {
        system: Box<System>,
        processes: Vec<ProbedProcess>,
        /// True when descendants are probed too, except this process and its own descendants.
        with_descendants: bool,
        /// True when this process was found among the descendants.
        has_left_itself_out: bool,
    },
    /// This process as a whole.
    Own { begun_s: Option<f64> },
}

/// A process and its counters at the start of the measurement.
#[derive(Debug)]
struct ProbedProcess {
    pid: Pid,
    begun_ns: Option<u64>,
    begun_switches: Option<ContextSwitchCounts>,
    rss_bytes: u64,
    max_rss_bytes: u64,
    /// True when nothing is known of the others after the end of this process: it was given to the probe by its ID.
    is_required: bool,
}

impl ProbedProcess {
    /// Reads the resident memory only, without a look at each thread.
    fn read_memory(&mut self, system: &mut System) -> Option<u64> {
        let what = ProcessRefreshKind::nothing().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, what);
        self.rss_bytes = system.process(self.pid)?.memory();
        self.max_rss_bytes = self.max_rss_bytes.max(self.rss_bytes);
        Some(self.rss_bytes)
    }

    /// Returns the CPU time so far, in nanoseconds, and records the resident memory.
    fn read(&mut self, system: &mut System) -> Option<u64> {
        let what = ProcessRefreshKind::nothing().with_cpu().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[self.pid]), true, what);
        let process = system.process(self.pid)?;
        self.rss_bytes = process.memory();
        self.max_rss_bytes = self.max_rss_bytes.max(self.rss_bytes);
        Some(cpu_ns(self.pid.as_u32()).unwrap_or(process.accumulated_cpu_time() * 1_000_000))
    }

    fn new(pid: u32) -> Self {
        Self {
            pid: Pid::from_u32(pid),
            begun_ns: None,
            begun_switches: None,
            rss_bytes: 0,
            max_rss_bytes: 0,
            is_required: true,
        }
    }

    /// A process that may end before the others: a descendant of a probed process, or a member of a server's group.
    fn optional(pid: u32) -> Self {
        Self {
            is_required: false,
            ..Self::new(pid)
        }
    }

    fn begin(&mut self, system: &mut System) {
        self.begun_ns = self.read(system);
        self.begun_switches = context_switches(self.pid.as_u32());
    }

    /// Ends the measurement of this process; `None` when the process has ended.
    fn end(&mut self, system: &mut System) -> Option<ProcessUsage> {
        let pid = self.pid.as_u32();
        Some(ProcessUsage {
            cpu_s: self.read(system)?.saturating_sub(self.begun_ns?) as f64 / 1e9,
            pid,
            pids: vec![pid],
            max_rss_bytes: Some(self.max_rss_bytes),
            context_switches: context_switches(pid)
                .zip(self.begun_switches)
                .map(|(now, then)| now.since(then)),
            is_own: false,
        })
    }
}

impl ProcessProbe {
    /// A probe of one or more other processes, whose figures are summed. The usage contains the process ID of the
    /// first.
    ///
    /// # Errors
    /// When one of the processes does not exist or is not accessible.
    pub fn processes(pids: &[u32]) -> Result<Self, HostError> {
        let mut system = process_list()?;
        let mut processes = Vec::with_capacity(pids.len());
        for &pid in pids {
            let mut process = ProbedProcess::new(pid);
            if process.read(&mut system).is_none() {
                return Err(HostError::NoProcess { pid });
            }
            processes.push(process);
        }
        Ok(Self::of(system, processes))
    }

    /// A probe of the processes of a server, whose figures are summed as by [`processes`](Self::processes). Those that
    /// have ended already are left out. One that ends later keeps its peak memory, and its CPU time of that measurement is
    /// not counted: a wrapper may start short-lived processes that say nothing about the server.
    ///
    /// # Errors
    /// When none of the processes exists or is accessible, or none is given.
    pub fn group(pids: &[u32]) -> Result<Self, HostError> {
        let mut system = process_list()?;
        let mut processes: Vec<_> = pids.iter().copied().map(ProbedProcess::optional).collect();
        processes.retain_mut(|process| process.read(&mut system).is_some());
        if processes.is_empty() {
            let pid = pids.first().copied().unwrap_or_default();
            return Err(HostError::NoProcess { pid });
        }
        Ok(Self::of(system, processes))
    }

    /// Adds processes that a server has started since, unless they are probed already. All of their memory counts as growth.
    /// Returns true if there are any.
    pub fn include(&mut self, pids: &[u32]) -> bool {
        let Probed::Others { processes, .. } = &mut self.0 else {
            return false;
        };
        let before = processes.len();
        for &pid in pids {
            if !processes.iter().any(|known| known.pid.as_u32() == pid) {
                processes.push(ProbedProcess::optional(pid));
            }
        }
        processes.len() > before
    }

    /// The same probe, which also finds processes that the others start during a measurement.
    #[must_use]
    pub fn with_descendants(mut self) -> Self {
        if let Probed::Others {
            with_descendants, ..
        } = &mut self.0
        {
            *with_descendants = true;
        }
        self
    }

    fn of(system: Box<System>, processes: Vec<ProbedProcess>) -> Self {
        Self(Probed::Others {
            system,
            processes,
            with_descendants: false,
            has_left_itself_out: false,
        })
    }

    /// A probe of other processes with all their descendants, including those started later. A descendant that ends
    /// during the measurement is not counted. This process and its descendants are excluded, because the process that
    /// started the others may have started this one as well.
    ///
    /// # Errors
    /// When one of the processes does not exist, is not accessible, or is this one.
    pub fn trees(pids: &[u32]) -> Result<Self, HostError> {
        let own = std::process::id();
        if pids.contains(&own) {
            return Err(HostError::OwnProcess { pid: own });
        }
        let mut probe = Self::processes(pids)?.with_descendants();
        if let Probed::Others {
            system,
            processes,
            has_left_itself_out,
            ..
        } = &mut probe.0
        {
            let found = Descendants::find(system, processes);
            *has_left_itself_out = found.has_own_process;
        }
        Ok(probe)
    }

    /// Returns true when this process is a descendant of those in [`trees`](Self::trees), and is excluded.
    #[must_use]
    pub fn has_left_itself_out(&self) -> bool {
        matches!(
            self.0,
            Probed::Others {
                has_left_itself_out: true,
                ..
            }
        )
    }

    /// A probe of this process as a whole.
    pub fn own_process() -> Self {
        Self(Probed::Own { begun_s: None })
    }

    /// The sum of the peak resident memory of the other processes, in bytes, including their memory now; `None` when one
    /// of them that was given to [`processes`](Self::processes) or [`trees`](Self::trees) has ended, and for a probe of
    /// this process.
    pub fn max_rss_bytes(&mut self) -> Option<u64> {
        let Probed::Others {
            system, processes, ..
        } = &mut self.0
        else {
            return None;
        };
        let mut peak_bytes = |process: &mut ProbedProcess| {
            let is_known = process.read(system).is_some() || !process.is_required;
            is_known.then_some(process.max_rss_bytes)
        };
        processes.iter_mut().map(&mut peak_bytes).sum()
    }

    /// The sum of the resident memory of the other processes now, in bytes; `None` when one of them that was given to the
    /// probe has ended, and for a probe of this process.
    pub fn rss_bytes(&mut self) -> Option<u64> {
        let Probed::Others {
            system, processes, ..
        } = &mut self.0
        else {
            return None;
        };
        let mut sum = 0;
        for process in processes {
            match process.read_memory(system) {
                Some(bytes) => sum += bytes,
                None if process.is_required => return None,
                None => {}
            }
        }
        Some(sum)
    }

    /// The number of open files of the other processes now; `None` where the system does not report it, such as for
    /// processes of another user, and for a probe of this process.
    #[must_use]
    pub fn open_files(&self) -> Option<u64> {
        let Probed::Others { processes, .. } = &self.0 else {
            return None;
        };
        let mut sum = 0;
        for process in processes {
            match open_files_of(process.pid.as_u32()) {
                Some(files) => sum += files,
                None if process.is_required => return None,
                None => {}
            }
        }
        Some(sum)
    }

    /// Begins a measurement.
    pub fn begin(&mut self) {
        match &mut self.0 {
            Probed::Others {
                system,
                processes,
                with_descendants,
                ..
            } => {
                if *with_descendants {
                    let new = Descendants::find(system, processes).new;
                    processes.extend(new);
                }
                processes.iter_mut().for_each(|p| p.begin(system));
            }
            Probed::Own { begun_s } => *begun_s = process_cpu_s(),
        }
    }

    /// Ends the measurement and returns the usage since its start; `None` when the system does not report it, or one of
    /// the processes has ended.
    pub fn end(&mut self) -> Option<ProcessUsage> {
        match &mut self.0 {
            Probed::Others {
                system,
                processes,
                with_descendants,
                ..
            } => {
                if *with_descendants {
                    let mut new = Descendants::find(system, processes).new;
                    for process in &mut new {
                        // The descendant started during the measurement, so all of its usage counts.
                        process.begun_ns = Some(0);
                        process.begun_switches = Some(ContextSwitchCounts::default());
                    }
                    processes.extend(new);
                }
                let mut readings = Vec::new();
                for process in processes {
                    match process.end(system) {
                        Some(reading) => readings.push(reading),
                        None if process.is_required => return None,
                        None => {}
                    }
                }
                readings.into_iter().reduce(ProcessUsage::with)
            }
            Probed::Own { begun_s } => Some(ProcessUsage {
                pid: std::process::id(),
                pids: vec![std::process::id()],
                cpu_s: process_cpu_s()? - (*begun_s)?,
                max_rss_bytes: None,
                context_switches: None,
                is_own: true,
            }),
        }
    }
}

/// The processes of this machine, without any information about them yet.
fn process_list() -> Result<Box<System>, HostError> {
    let system = System::new().map_err(|e| HostError::Processes(io::Error::other(e)))?;
    Ok(Box::new(system))
}

/// Descendants of probed processes.
struct Descendants {
    /// Descendants that are not probed yet, parents before their children, without this process and its own
    /// descendants.
    new: Vec<ProbedProcess>,
    has_own_process: bool,
}

impl Descendants {
    fn find(system: &mut System, processes: &[ProbedProcess]) -> Self {
        let what = ProcessRefreshKind::nothing().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
        let own = Pid::from_u32(std::process::id());
        let mut known: Vec<Pid> = processes.iter().map(|process| process.pid).collect();
        let mut found = Self {
            new: Vec::new(),
            has_own_process: false,
        };
        let mut parents = known.clone();
        while let Some(parent) = parents.pop() {
            for (pid, process) in system.processes() {
                if process.parent() != Some(parent) || known.contains(pid) {
                    continue;
                }
                known.push(*pid);
                if *pid == own {
                    found.has_own_process = true;
                    continue;
                }
                parents.push(*pid);
                found.new.push(ProbedProcess::optional(pid.as_u32()));
            }
        }
        found
    }
}

/// Context switches of a process so far; `None` where the system does not report them. Read from `/proc`, because
/// sysinfo does not report them, and `procfs` is a large dependency for two lines.
fn context_switches(pid: u32) -> Option<ContextSwitchCounts> {
    let counts = read_each_thread(pid, "status", parse_switches);
    (!counts.is_empty()).then(|| counts.into_iter().sum())
}

/// CPU time of all threads of a process so far, also of those that have ended, in nanoseconds; `None` where the system does
/// not report it. Read from the clock of the process, because sysinfo counts ticks of 10 ms, which is too coarse for short
/// runs.
#[cfg(target_os = "linux")]
fn cpu_ns(pid: u32) -> Option<u64> {
    use nix::time::{ClockId, clock_getcpuclockid};

    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).ok()?);
    let time = clock_getcpuclockid(pid).and_then(ClockId::now).ok()?;
    u64::try_from(std::time::Duration::from(time).as_nanos()).ok()
}

/// Always `None`.
#[cfg(not(target_os = "linux"))]
fn cpu_ns(_: u32) -> Option<u64> {
    None
}

/// Number of open files of a process, read from `/proc`; `None` where that folder does not exist or cannot be read.
fn open_files_of(pid: u32) -> Option<u64> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    Some(files.count() as u64)
}

/// Reads a file of each thread in `/proc/PID/task`; empty where that folder does not exist.
fn read_each_thread<T>(pid: u32, file: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let texts = threads.filter_map(|thread| {
        // A thread may end in the meantime.
        std::fs::read_to_string(thread.ok()?.path().join(file)).ok()
    });
    texts.filter_map(|text| read(&text)).collect()
}

/// Parses both counts in a `/proc/PID/task/TID/status`; `None` when one is missing.
fn parse_switches(status: &str) -> Option<ContextSwitchCounts> {
    let count = |name: &str| status_field(status, name)?.parse().ok();
    Some(ContextSwitchCounts {
        voluntary: count("voluntary_ctxt_switches:")?,
        involuntary: count("nonvoluntary_ctxt_switches:")?,
    })
}

/// Resources that the probed processes used during a measurement.
#[derive(Debug, Clone)]
pub struct ProcessUsage {
    /// Process ID of the first process.
    pub pid: u32,
    /// Process IDs of all processes, including descendants.
    pub pids: Vec<u32>,
    /// CPU time in seconds.
    pub cpu_s: f64,
    /// Peak resident memory in bytes; `None` for this process.
    pub max_rss_bytes: Option<u64>,
    /// Context switches of all threads.
    pub context_switches: Option<ContextSwitchCounts>,
    /// True for a probe of this process, whose CPU time includes all its threads.
    pub is_own: bool,
}

impl ProcessUsage {
    /// Sums the usage of both.
    fn with(self, other: Self) -> Self {
        Self {
            pids: [self.pids, other.pids].concat(),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_working() {
        let mut probe = ProcessProbe::processes(&[std::process::id()]).unwrap();
        probe.begin();
        let mut n = 0_u64;
        let reading = loop {
            n = std::hint::black_box(n + 1);
            let reading = probe.end().unwrap();
            if reading.cpu_s >= 0.02 {
                break reading;
            }
        };
        assert!(reading.max_rss_bytes > Some(1 << 20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn work_of_threads_that_have_ended_counts() {
        use crate::thread_usage::ThreadUsage;

        let own = std::process::id();
        let before_ns = cpu_ns(own).unwrap();
        let work = || while ThreadUsage::now().cpu_s.unwrap() < 0.02 {};
        std::thread::spawn(work).join().unwrap();
        assert!(cpu_ns(own).unwrap() >= before_ns + 20_000_000);
    }

    #[test]
    fn processes_are_added_up() {
        let own = std::process::id();
        let mut one = ProcessProbe::processes(&[own]).unwrap();
        // The same process given twice is counted twice.
        let mut two = ProcessProbe::processes(&[own, own]).unwrap();
        let (alone, together) = (one.max_rss_bytes().unwrap(), two.max_rss_bytes().unwrap());
        assert!(together > alone + alone / 2, "{together} of {alone}");
        two.begin();
        assert!(two.end().is_some());
        assert!(ProcessProbe::processes(&[own, u32::MAX - 1]).is_err());
    }

    /// Starts a shell that starts another process for each line that it reads.
    #[cfg(target_os = "linux")]
    #[test]
    fn descendants_are_found_whenever_they_begin() {
        use std::io::{BufRead, BufReader, Write};
        use std::process::{Command, Stdio};

        let script = "while read line; do sleep 60 & echo begun; done";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = shell.stdin.take().unwrap();
        let mut output = BufReader::new(shell.stdout.take().unwrap());
        let mut begin_another = || {
            input.write_all(b"\n").unwrap();
            output.read_line(&mut String::new()).unwrap();
        };
        let mut probe = ProcessProbe::trees(&[shell.id()]).unwrap();
        begin_another();
        probe.begin();
        begin_another();
        let pids = probe.end().unwrap().pids;
        for pid in pids.iter().skip(1) {
            Command::new("kill").arg(pid.to_string()).status().unwrap();
        }
        shell.kill().unwrap();
        shell.wait().unwrap();
        assert_eq!((pids.len(), pids[0]), (3, shell.id()), "{pids:?}");
    }

    /// The parent of this test is the probed process. This test starts another process.
    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_and_its_descendants_are_no_part_of_its_parents_tree() {
        use std::process::Command;

        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let parent = std::os::unix::process::parent_id();
        let mut probe = ProcessProbe::trees(&[parent]).unwrap();
        probe.begin();
        let pids = probe.end().unwrap().pids;
        // A process that is given by its ID counts.
        let named = ProcessProbe::trees(&[child.id()]).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(probe.has_left_itself_out());
        assert!(!named.has_left_itself_out());
        for own in [std::process::id(), child.id()] {
            assert!(!pids.contains(&own), "{own} in {pids:?}");
        }
        let itself = ProcessProbe::trees(&[parent, std::process::id()]);
        assert!(matches!(itself, Err(HostError::OwnProcess { .. })));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn open_files_are_counted() {
        let probe = ProcessProbe::processes(&[std::process::id()]).unwrap();
        let before = probe.open_files().unwrap();
        let held: Vec<_> = (0..100)
            .map(|_| std::fs::File::open("/dev/null").unwrap())
            .collect();
        // Other tests of this process open and close a few.
        assert!(probe.open_files().unwrap() + 50 > before + held.len() as u64);
        assert_eq!(ProcessProbe::own_process().open_files(), None);
    }

    #[test]
    fn context_switches_are_counted() {
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        let found = parse_switches(status).unwrap();
        assert_eq!(parse_switches("Name:\tx\n"), None);
        assert_eq!((found.voluntary, found.involuntary), (12, 3));
        #[cfg(target_os = "linux")]
        {
            use std::io::{Read, Write};
            use std::process::{Command, Stdio};

            // A process without threads that end meanwhile, as those of other tests do.
            let mut cat = Command::new("cat");
            cat.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut cat = cat.spawn().unwrap();
            let before = context_switches(cat.id()).unwrap();
            let (mut to, mut from) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
            for _ in 0..20 {
                to.write_all(b"x").unwrap();
                from.read_exact(&mut [0]).unwrap();
            }
            let after = context_switches(cat.id()).unwrap();
            drop(to);
            cat.wait().unwrap();
            // Some kernels count every wait as involuntary.
            let all = |counts: ContextSwitchCounts| counts.voluntary + counts.involuntary;
            assert!(all(after) > all(before), "{before:?} {after:?}");
        }
    }

    /// A wrapper script of `python3` starts processes that end before the server is measured.
    #[cfg(unix)]
    #[test]
    fn the_end_of_a_short_lived_process_does_not_hide_those_of_the_server() {
        let mut short_lived = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pids = [short_lived.id(), std::process::id(), u32::MAX - 1];
        let mut group = ProcessProbe::group(&pids).unwrap();
        let mut all = ProcessProbe::processes(&pids[..2]).unwrap();
        let before = group.max_rss_bytes().unwrap();
        group.begin();
        all.begin();
        short_lived.kill().unwrap();
        short_lived.wait().unwrap();
        assert_eq!(group.end().unwrap().pids, [std::process::id()]);
        assert!(group.max_rss_bytes().unwrap() >= before);
        let parent = std::os::unix::process::parent_id();
        assert!(group.include(&[parent]) && !group.include(&[parent]));
        assert!(group.max_rss_bytes().unwrap() > before);
        assert!(all.end().is_none());
        let none = ProcessProbe::group(&pids[..1]);
        assert!(matches!(none, Err(HostError::NoProcess { .. })));
        assert!(ProcessProbe::group(&[]).is_err());
    }

    #[test]
    fn no_such_process_is_an_error() {
        let error = ProcessProbe::processes(&[u32::MAX - 1])
            .unwrap_err()
            .to_string();
        assert!(error.contains("no process 4294967294"), "{error}");
    }
}
