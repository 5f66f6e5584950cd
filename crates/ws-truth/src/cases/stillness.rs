//! Cases about a generator, in a process of its own, that is stopped or throttled.

use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Case, long_wait};
use crate::cpu_quota::CpuQuota;
use crate::faults::Faults;
use crate::faulty_server::FaultyServer;
use crate::finding::Findings;
use crate::generator_process::GeneratorProcess;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "generator-stopped",
        truth: "the generator is stopped for 600 ms in a closed loop: one stop of this length and begin is reported, the run is not `valid`",
        examine: stopped,
    },
    Case {
        name: "generator-throttled",
        truth: "the generator has a tenth of a core for 1 s: the quota is named, with the throttled time of the kernel",
        examine: throttled,
    },
];

/// Length of the load before the disturbance, and at least of that after it.
const UNDISTURBED: Duration = Duration::from_millis(700);

/// Tolerance of a stop's begin and length. A stop within a wait of the generator, of 10 ms at most, counts from
/// the end of the wait.
const NEAR_MS: f64 = 15.0;

/// A generator with its load on a flawless server.
struct Disturbed {
    server: FaultyServer,
    generator: GeneratorProcess,
}

impl Disturbed {
    fn start() -> anyhow::Result<Self> {
        let server = FaultyServer::start_on(0, Faults::default())?;
        let generator = GeneratorProcess::start(&server.url())?;
        Ok(Self { server, generator })
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.generator.id())?))
    }

    /// Waits for the end. Returns the report, and the time of the first message in the server's log.
    fn finish(self) -> anyhow::Result<(Value, Instant)> {
        let report = self.generator.report()?;
        let began = self.server.began();
        let log = self.server.finish();
        let first = log.entries.first().context("nothing was sent")?;
        Ok((report, began + Duration::from_nanos(first.received_ns)))
    }
}

fn stopped(findings: &mut Findings) -> anyhow::Result<()> {
    const LENGTH: Duration = Duration::from_millis(600);
    let mut run = Disturbed::start()?;
    let pid = run.pid()?;
    run.generator.go()?;
    std::thread::sleep(UNDISTURBED);
    kill(pid, Signal::SIGSTOP)?;
    let status = waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
    let stopped_at = Instant::now();
    anyhow::ensure!(
        matches!(status, WaitStatus::Stopped(..)),
        "the generator ended before it was stopped: {status:?}"
    );
    std::thread::sleep(LENGTH);
    let truth_ms = stopped_at.elapsed().as_secs_f64() * 1e3;
    kill(pid, Signal::SIGCONT)?;
    let (report, first_at) = run.finish()?;
    note_waits(findings, &report);
    if stopped_at < first_at {
        findings.note_delays(Some("the load began after the stop".to_owned()));
    }
    let stops = &report["client"]["stops"];
    let figure = |name: &str| stops[name].as_u64().unwrap_or(0);
    let ms = |name: &str| stops[name].as_u64().map_or(f64::NAN, |ns| ns as f64 / 1e6);
    findings.count(
        "runs in which a stop is named",
        1,
        u64::from(figure("count") > 0),
    );
    findings.count("valid runs", 0, u64::from(report["valid"] != false));
    findings.ms(
        "length of the longest stop",
        truth_ms,
        ms("longest_ns"),
        NEAR_MS,
    );
    let begin_ms = stopped_at.duration_since(first_at).as_secs_f64() * 1e3;
    findings.ms(
        "begin of the longest stop after T0",
        begin_ms,
        ms("longest_at_ns"),
        NEAR_MS,
    );
    // All ten clients wait for an echo whenever the generator looks.
    let in_flight = 10 * figure("count");
    findings.count_of_times(
        "messages in flight during stops",
        in_flight,
        figure("messages"),
    );
    answered(findings, &report);
    Ok(())
}

fn throttled(findings: &mut Findings) -> anyhow::Result<()> {
    const LENGTH: Duration = Duration::from_secs(1);
    let mut run = Disturbed::start()?;
    let Some(quota) = CpuQuota::for_process(run.generator.id()) else {
        findings.skipped = Some("this system does not allow a cgroup with a CPU quota".to_owned());
        return Ok(());
    };
    run.generator.go()?;
    std::thread::sleep(UNDISTURBED);
    let set_at = Instant::now();
    quota.set()?;
    std::thread::sleep(LENGTH);
    quota.lift()?;
    let truth_ms = quota.throttled_ns()? as f64 / 1e6;
    let (report, first_at) = run.finish()?;
    if set_at < first_at {
        findings.note_delays(Some("the load began after the quota was set".to_owned()));
    }
    findings.count(
        "runs that name the quota",
        1,
        u64::from(report["names_quota"] == true),
    );
    findings.count("valid runs", 0, u64::from(report["valid"] != false));
    let reported_s = report["client"]["throttled_s"].as_f64();
    let reported_ms = reported_s.map_or(f64::NAN, |s| s * 1e3);
    findings.ms("throttled", truth_ms, reported_ms, 1.0);
    let stops = report["client"]["stops"]["count"].as_u64();
    findings.count(
        "runs in which a stop is named",
        1,
        u64::from(stops > Some(0)),
    );
    answered(findings, &report);
    Ok(())
}

/// Adds the number of answered messages, which must be that of the sent ones.
fn answered(findings: &mut Findings, report: &Value) {
    let count = |name: &str| report[name].as_u64().unwrap_or(0);
    findings.count("answered", count("sent"), count("received"));
}

/// Notes noise if the generator waited for its core: such a wait is a stop too, but not the one of the case.
fn note_waits(findings: &mut Findings, report: &Value) {
    let share = report["client"]["run_queue_wait_share"].as_f64();
    if let Some(noise) = long_wait("generator", share) {
        findings.note_delays(Some(noise));
    }
}
