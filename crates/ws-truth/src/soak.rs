//! A server under ordinary load and misbehaving clients, watched by a witness.

mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use measurement::plan::{Length, Load};
use rand::SeedableRng;
use rand::seq::IndexedRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use swarm::control::Control;
use units::SizeRange;

use crate::abuse::{self, Misdeed};
use crate::cases;
use watch::{Reading, Trend};

/// How often the witness asks and memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Length of one run of ordinary load.
const RUN: Duration = Duration::from_secs(5);

/// How long a server may take to let go of what is over.
const SETTLE: Duration = Duration::from_secs(20);

/// Open files that a server may have more than before: the witness's own connection, and a timer.
const SPARE_FILES: usize = 4;

/// What is to be done to a server.
#[derive(Debug, Clone)]
pub struct Soak {
    /// For how long.
    pub time: Duration,
    /// Beside clients that do nothing wrong.
    pub with_load: bool,
    /// What the others do.
    pub misdeeds: Vec<Misdeed>,
    /// How many of them there are at a time.
    pub abusers: u64,
    /// Every random choice follows from it.
    pub seed: u64,
}

/// How a server bore it.
#[derive(Debug)]
pub struct Report {
    committed: BTreeMap<Misdeed, u64>,
    echoes: u64,
    looks: u64,
    findings: Vec<String>,
    begun: Reading,
    ended: Reading,
    trend: Option<Trend>,
}

impl Report {
    /// Nothing was found.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (misdeed, n) in &self.committed {
            writeln!(f, "{n:>10} × {}", misdeed.words())?;
        }
        writeln!(f, "{:>10} echoes of ordinary load, verified", self.echoes)?;
        writeln!(f, "{:>10} looks of the witness", self.looks)?;
        let (a, b) = (self.begun, self.ended);
        writeln!(
            f,
            "memory {} KiB at first, {} KiB at the end · open files {} and {}",
            a.memory_kib, b.memory_kib, a.files, b.files
        )?;
        match self.trend {
            Some(trend) => writeln!(f, "{trend}")?,
            None => writeln!(f, "{}", watch::TOO_SHORT)?,
        }
        for finding in &self.findings {
            writeln!(f, "FOUND {finding}")?;
        }
        write!(f, "{}", if self.is_fine() { "fine" } else { "not fine" })
    }
}

/// A server's process.
struct Server {
    child: Killed,
    address: SocketAddr,
    log: std::thread::JoinHandle<Vec<String>>,
}

/// A process that does not outlive this.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start(command: &[String]) -> anyhow::Result<Self> {
        let [program, flags @ ..] = command else {
            bail!("no command");
        };
        let child = Command::new(program)
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let mut child = Killed(child);
        let stderr = child.0.stderr.take().context("no standard error")?;
        let log = std::thread::spawn(move || {
            BufReader::new(stderr)
                .lines()
                .map_while(Result::ok)
                .collect()
        });
        let stdout = child.0.stdout.take().context("no standard output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        let address = ready
            .trim()
            .strip_prefix("listening on ws://")
            .and_then(|rest| rest.strip_suffix("/ws"))
            .and_then(|address| address.parse().ok())
            .with_context(|| {
                format!("{program} did not say `listening on ws://…/ws` but {ready:?}")
            })?;
        Ok(Self {
            child,
            address,
            log,
        })
    }

    /// Asks it to end, and finds how it ended and what it logged as an error.
    fn end(mut self, findings: &mut Vec<String>) -> anyhow::Result<()> {
        let pid = self.child.0.id().to_string();
        Command::new("kill").arg(&pid).status().context("kill")?;
        let by = Instant::now() + SETTLE;
        let status = loop {
            match self.child.0.try_wait()? {
                None if Instant::now() < by => std::thread::sleep(Duration::from_millis(20)),
                status => break status,
            }
        };
        match status {
            Some(status) if status.success() => {}
            Some(status) => findings.push(format!("it ended with {status}")),
            None => findings.push(format!("it did not end within {SETTLE:?}, and was killed")),
        }
        // Gone now at the latest, so that its log has an end.
        drop(self.child);
        let log = self.log.join().unwrap_or_default();
        let is_error = |line: &&String| line.contains("ERROR") || line.contains("panicked");
        findings.extend(
            log.iter()
                .filter(is_error)
                .map(|l| format!("it logged: {l}")),
        );
        Ok(())
    }
}

/// Starts the server and does to it what is asked for.
///
/// # Errors
/// When it cannot be started or watched. What it does wrong is in the report.
pub fn run(soak: &Soak, command: &[String]) -> anyhow::Result<Report> {
    let server = Server::start(command)?;
    let (address, pid) = (server.address, server.child.0.id());
    abuse::is_well(address).map_err(|e| anyhow::anyhow!("not well from the start: {e}"))?;
    let begun = Reading::of(pid)?;
    let until = Instant::now() + soak.time;
    let committed = Mutex::new(BTreeMap::new());
    let findings = Mutex::new(Vec::new());
    let find = |finding: String| {
        findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(finding);
    };
    let (mut readings, mut looks, mut echoes) = (Vec::new(), 0, 0);
    std::thread::scope(|scope| {
        for abuser in 0..soak.abusers {
            let (committed, find) = (&committed, &find);
            scope.spawn(move || misbehave(soak, abuser, address, until, committed, find));
        }
        let load = soak
            .with_load
            .then(|| scope.spawn(|| ordinary_load(soak.seed, address, until, &find)));
        while Instant::now() < until {
            std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
            looks += 1;
            if let Err(finding) = abuse::is_well(address) {
                find(format!("the witness: {finding}"));
            }
            match Reading::of(pid) {
                Ok(reading) => readings.push(reading),
                Err(error) => find(format!("it cannot be watched any more: {error:#}")),
            }
        }
        echoes = load.map_or(0, |load| load.join().unwrap_or(0));
    });
    let mut findings = findings
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    // What is over is let go of, sooner or later.
    let settled = Instant::now() + SETTLE;
    let ended = loop {
        let Ok(now) = Reading::of(pid) else {
            findings.push("it has ended".to_owned());
            break begun;
        };
        if now.files <= begun.files + SPARE_FILES {
            break now;
        }
        if Instant::now() > settled {
            findings.push(format!(
                "{} open files are left, {} at first",
                now.files, begun.files
            ));
            break now;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    server.end(&mut findings)?;
    let trend = Trend::of(&readings);
    findings.extend(
        trend
            .filter(Trend::is_growth)
            .map(|trend| trend.to_string()),
    );
    Ok(Report {
        committed: committed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner),
        echoes,
        looks,
        findings,
        begun,
        ended,
        trend,
    })
}

/// One misbehaving client after the other.
fn misbehave(
    soak: &Soak,
    abuser: u64,
    address: SocketAddr,
    until: Instant,
    committed: &Mutex<BTreeMap<Misdeed, u64>>,
    find: &impl Fn(String),
) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(soak.seed ^ (abuser << 32));
    while Instant::now() < until {
        let Some(misdeed) = soak.misdeeds.choose(&mut rng).copied() else {
            return;
        };
        if let Err(finding) = misdeed.commit(address, &mut rng) {
            find(format!("a client that {}: {finding}", misdeed.words()));
        }
        let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
        *committed.entry(misdeed).or_default() += 1;
    }
}

/// Clients that do nothing wrong, whose every message must come back; how many did.
fn ordinary_load(seed: u64, address: SocketAddr, until: Instant, find: &impl Fn(String)) -> u64 {
    const SHAPES: [(u32, u32, u64, u64); 4] = [
        (50, 1, 16, 125),
        (10, 64, 16, 200),
        (20, 4, 1, 20_000),
        (4, 2, 100_000, 1_000_000),
    ];
    let mut echoes = 0;
    for (number, (clients, window, min, max)) in (0..).zip(SHAPES.into_iter().cycle()) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let plan = cases::plan(&format!("ws://{address}/ws"), |draft| {
            draft.connect_timeout = Duration::from_secs(10);
            draft.timeout = Duration::from_secs(20);
            draft.clients = NonZeroU32::new(clients).unwrap_or(NonZeroU32::MIN);
            draft.payload = SizeRange { min, max };
            draft.load = Load::Closed {
                window: NonZeroU32::new(window).unwrap_or(NonZeroU32::MIN),
            };
            draft.length = Length::Duration(RUN.min(left));
            draft.max_samples = 0;
            draft.seed = seed + number;
        });
        let run = plan.and_then(|plan| Ok(swarm::run(&plan, &Control::new())?));
        match run {
            Ok(finished) => {
                let counts = finished.record.counts;
                echoes += counts.received;
                if counts.any_failed() || finished.connections.closed_early > 0 {
                    find(format!(
                        "ordinary load: {counts:?}, {:?}",
                        finished.connections.early_ends
                    ));
                }
            }
            Err(error) => find(format!("ordinary load: {error:#}")),
        }
    }
    echoes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_speaks_plainly() {
        let reading = Reading {
            memory_kib: 6_440,
            files: 9,
        };
        let report = Report {
            committed: Misdeed::ALL.map(|misdeed| (misdeed, 57)).into(),
            echoes: 3,
            looks: 5,
            findings: Vec::new(),
            begun: reading,
            ended: reading,
            trend: Trend::of(&[reading; 5]),
        };
        let text = report.to_string();
        assert!(text.contains("57 × connected and said nothing\n"), "{text}");
        assert!(
            text.contains("no judgement of memory: too few looks"),
            "{text}"
        );
        for misdeed in Misdeed::ALL {
            assert!(!text.contains(&format!("{misdeed:?}")), "{text}");
        }
    }
}
