//! A server under ordinary load and misbehaving clients, with a check of the server every second.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use host::cores::allowed_cores;
use measurement::plan::{Length, Load, LoadDraft, LoadSpec, Plan, ServerUrl};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use swarm::RunHandle;
use units::{SizeRange, counted, grouped};

use crate::args::SoakArgs;
use crate::misbehaviour::{Misbehaviour, check_echo};
use crate::process_monitor::{MemoryTrend, ProcessReading, TOO_SHORT};
use crate::server_process::SoakedServer;

/// Interval between two checks, and between two readings of the process.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Length of one run of ordinary load.
const RUN: Duration = Duration::from_secs(5);

/// Time limit for the server to close the files of ended connections.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Largest number of open files in excess of those at the start: the connection of the check, and a timer.
const SPARE_FILES: usize = 4;

/// Number of clients, in-flight window, smallest and largest payload of each kind of ordinary load.
const LOAD_SHAPES: [(u32, u32, u64, u64); 4] = [
    (50, 1, 16, 125),
    (10, 64, 16, 200),
    (20, 4, 1, 20_000),
    (4, 2, 100_000, 1_000_000),
];

/// The result of a test.
#[derive(Debug)]
pub(crate) struct SoakReport {
    observed: Observed,
    findings: Vec<String>,
    first: ProcessReading,
    last: ProcessReading,
    trend: Option<MemoryTrend>,
}

/// Counts and readings taken while the server was under load.
#[derive(Debug, Default)]
struct Observed {
    committed: BTreeMap<Misbehaviour, u64>,
    echoes: u64,
    checks: u64,
    readings: Vec<ProcessReading>,
}

impl SoakReport {
    /// Returns `true` if no check failed.
    pub(crate) fn is_fine(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (misbehaviour, n) in &self.observed.committed {
            writeln!(f, "{n:>10} × {}", misbehaviour.words())?;
        }
        let (echoes, checks) = (self.observed.echoes, self.observed.checks);
        writeln!(f, "{echoes:>10} verified echoes of ordinary load")?;
        writeln!(f, "{checks:>10} checks that the server answers")?;
        let (a, b) = (self.first, self.last);
        writeln!(
            f,
            "memory: {} KiB at the start, {} KiB at the end · open files: {} at the start, {} at the end",
            grouped(a.memory_kib),
            grouped(b.memory_kib),
            a.files,
            b.files
        )?;
        match self.trend {
            Some(trend) => writeln!(f, "{trend}")?,
            None => writeln!(f, "{TOO_SHORT}")?,
        }
        for finding in &self.findings {
            writeln!(f, "FAILED {finding}")?;
        }
        match self.findings.len() as u64 {
            0 => write!(f, "all checks passed"),
            failed => write!(f, "{} failed", counted(failed, "check")),
        }
    }
}

/// A test under way.
struct RunningSoak<'a> {
    args: &'a SoakArgs,
    address: SocketAddr,
    pid: u32,
    deadline: Instant,
    /// Failed checks of all threads, in the order of their detection.
    findings: Mutex<Vec<String>>,
}

/// Starts the server, tests it and stops it.
///
/// # Errors
/// When the server cannot be started or its process cannot be read. Failed checks are in the report.
pub(crate) fn run(args: &SoakArgs) -> anyhow::Result<SoakReport> {
    let server = SoakedServer::start(&args.command)?;
    let pid = server.pid;
    check_echo(server.address)
        .map_err(|e| anyhow::anyhow!("the server does not answer before the test: {e}"))?;
    let first = ProcessReading::of(pid)?;
    let running = RunningSoak {
        args,
        address: server.address,
        pid,
        deadline: Instant::now() + args.duration,
        findings: Mutex::default(),
    };
    let observed = running.apply_load();
    let last = running.wait_until_files_closed(first);
    let findings = running.findings.into_inner();
    let mut findings = findings.unwrap_or_else(PoisonError::into_inner);
    findings.extend(server.terminate()?);
    let trend = MemoryTrend::of(&observed.readings);
    let growth = trend.filter(MemoryTrend::is_growth);
    findings.extend(growth.map(|trend| trend.to_string()));
    Ok(SoakReport {
        observed,
        findings,
        first,
        last,
        trend,
    })
}

impl RunningSoak<'_> {
    fn add(&self, finding: String) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(finding);
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Runs all clients and the checks until the time is over.
    fn apply_load(&self) -> Observed {
        let mut observed = Observed::default();
        std::thread::scope(|scope| {
            let abusers: Vec<_> = (0..self.args.abusers)
                .map(|abuser| scope.spawn(move || self.misbehave(abuser)))
                .collect();
            let has_load = self.args.fuzz.is_none();
            let load = has_load.then(|| scope.spawn(|| self.ordinary_load()));
            while !self.left().is_zero() {
                std::thread::sleep(CHECK_INTERVAL.min(self.left()));
                observed.checks += 1;
                if let Err(finding) = check_echo(self.address) {
                    self.add(format!("check of each second: {finding}"));
                }
                match ProcessReading::of(self.pid) {
                    Ok(reading) => observed.readings.push(reading),
                    Err(error) => {
                        self.add(format!("memory and open files cannot be read: {error:#}"));
                    }
                }
            }
            observed.echoes = load.map_or(0, |load| load.join().unwrap_or(0));
            for abuser in abusers {
                let committed = abuser.join().unwrap_or_else(|panic| resume_unwind(panic));
                for (misbehaviour, n) in committed {
                    *observed.committed.entry(misbehaviour).or_default() += n;
                }
            }
        });
        observed
    }

    /// Waits until the server has at most a few more open files than at the start, and returns the last reading.
    fn wait_until_files_closed(&self, first: ProcessReading) -> ProcessReading {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let Ok(now) = ProcessReading::of(self.pid) else {
                self.add("the server ended during the test".to_owned());
                return first;
            };
            if now.files <= first.files + SPARE_FILES {
                return now;
            }
            if Instant::now() > deadline {
                let (left, at_first) = (now.files, first.files);
                self.add(format!(
                    "open files: {left} at the end, {at_first} at the start"
                ));
                return now;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs one misbehaving client after the other, and returns their number by kind.
    fn misbehave(&self, abuser: u64) -> BTreeMap<Misbehaviour, u64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.args.seed ^ (abuser << 32));
        let misbehaviours = self.args.misbehaviours();
        let mut committed = BTreeMap::new();
        while !self.left().is_zero()
            && let Some(misbehaviour) = misbehaviours.choose(&mut rng).copied()
        {
            if let Err(finding) = misbehaviour.commit(self.address, &mut rng) {
                let words = misbehaviour.words();
                self.add(format!("after a client that {words}: {finding}"));
            }
            *committed.entry(misbehaviour).or_default() += 1;
        }
        committed
    }

    /// Runs clients without misbehaviour, of which every message must come back, and returns the number of echoes.
    fn ordinary_load(&self) -> u64 {
        let mut echoes = 0;
        for (number, shape) in (0..).zip(LOAD_SHAPES.into_iter().cycle()) {
            let left = self.left();
            if left.is_zero() {
                break;
            }
            let run = load_plan(self.address, shape, RUN.min(left), self.args.seed + number)
                .and_then(|plan| Ok(swarm::record(&plan, &RunHandle::new())?));
            match run {
                Ok(recording) => {
                    let counts = recording.record.counts;
                    let connections = recording.context.connections;
                    echoes += counts.received;
                    if counts.any_failed() || connections.closed_early > 0 {
                        let ends = connections.early_ends;
                        self.add(format!("ordinary load: {counts:?}, {ends:?}"));
                    }
                }
                Err(error) => self.add(format!("ordinary load: {error:#}")),
            }
        }
        echoes
    }
}

/// The plan of one run of ordinary load, in closed loop.
fn load_plan(
    address: SocketAddr,
    (clients, window, min, max): (u32, u32, u64, u64),
    duration: Duration,
    seed: u64,
) -> anyhow::Result<Plan> {
    let positive = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    let load = LoadSpec::new(LoadDraft {
        clients: positive(clients),
        length: Length::Duration(duration),
        payload: SizeRange { min, max },
        load: Load::Closed {
            window: positive(window),
        },
        timeout: Duration::from_secs(20),
        warmup: Duration::ZERO,
        // Away from the first core, where there are two.
        pin: match allowed_cores()[..] {
            [_, .., last] => vec![last],
            _ => Vec::new(),
        },
        seed,
        ..LoadDraft::closed_loop()
    })?;
    Ok(load.against(ServerUrl::parse(&format!("ws://{address}/ws"))?)?)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn a_report_speaks_plainly() {
        let reading = ProcessReading {
            memory_kib: 6_440,
            files: 9,
        };
        let all = Misbehaviour::value_variants();
        let report = SoakReport {
            observed: Observed {
                committed: all.iter().map(|misbehaviour| (*misbehaviour, 57)).collect(),
                echoes: 3,
                checks: 5,
                readings: Vec::new(),
            },
            findings: Vec::new(),
            first: reading,
            last: reading,
            trend: MemoryTrend::of(&[reading; 5]),
        };
        let text = report.to_string();
        assert!(text.contains("57 × connected and sent nothing\n"), "{text}");
        assert!(text.contains("memory: 6,440 KiB at the start"), "{text}");
        assert!(text.ends_with("all checks passed"), "{text}");
        assert!(
            text.contains("memory growth not judged: fewer than 10 readings"),
            "{text}"
        );
        for misbehaviour in all {
            assert!(!text.contains(&format!("{misbehaviour:?}")), "{text}");
        }
    }
}
