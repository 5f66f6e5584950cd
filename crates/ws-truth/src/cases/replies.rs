//! Cases about scenarios: replies that are recognised by id.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::Arrivals;
use measurement::record::{LatencyHistogram, Outcome};
use swarm::Recording;

use super::measured_run::parse;
use super::{Case, measure, messages, note_noise, open};
use crate::fault_log::FaultLog;
use crate::faults::Fate;
use crate::finding::Findings;

pub(super) const CASES: &[Case] = &[Case {
    name: "rpc",
    truth: "100 calls, by the last digit of the id: 3 never answered, 5 with an error, 7 with a byte changed, 9 twice: 10 of each",
    examine: |f| {
        let (recording, log) = calls()?;
        count(f, &recording, &log);
        Ok(())
    },
}];

pub(super) const TIMED_CASES: &[Case] = &[Case {
    name: "rpc-times",
    truth: "100 calls, each answered after 10 ms times the last digit of its id, and so out of order: every time belongs to its id",
    examine: times,
}];

/// Tolerance of a time.
const NEAR_MS: f64 = 3.0;

/// 100 calls in 100 ms on one connection that is greeted first.
fn calls() -> anyhow::Result<(Recording, FaultLog)> {
    let scenario = parse(("rpc.toml", include_str!("rpc.toml")))?;
    let load = open(1_000.0, Arrivals::Constant, None)?;
    measure(
        |faults| {
            faults.calls = true;
            faults.greeting = Some("{\"hello\":1}");
        },
        |plan| {
            plan.scenario = Some(scenario);
            plan.clients = NonZeroU32::MIN;
            plan.load = load;
            plan.length = messages(100);
            plan.timeout = Duration::from_secs(1);
        },
    )
}

fn count(findings: &mut Findings, recording: &Recording, log: &FaultLog) {
    let counts = &recording.record.counts;
    let refused = recording
        .record
        .scenario
        .as_ref()
        .map(|s| s.counts().error_reply);
    findings.count("sent", 100, counts.sent);
    findings.count("in the server's log", 100, log.entries.len() as u64);
    findings.count("received", 90, counts.received);
    findings.count("timed", 70, recording.record.service.count());
    findings.count(
        "error replies",
        log.count(Fate::Refused),
        refused.unwrap_or(0),
    );
    findings.count(
        "corrupted",
        log.count(Fate::Corrupted),
        counts.corrupted.unwrap_or(0),
    );
    findings.count("lost", log.count(Fate::Dropped), counts.lost);
    findings.count("duplicated", log.count(Fate::Duplicated), counts.duplicated);
    findings.count("unexpected", 0, counts.unexpected);
    findings.count("matched by order", 0, counts.matched_by_order);
    if counts.timed_out > 0 {
        findings.noise = Some(format!("{} replies were late", counts.timed_out));
    }
}

fn times(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = calls()?;
    count(findings, &recording, &log);
    note_noise(findings, &recording, log.waited_share, 0.99, NEAR_MS);
    for digit in [0, 1, 2, 4, 6, 8, 9] {
        // The setup takes no id, so the message with number 0 has the id 1.
        let samples = recording.record.samples.iter();
        let of_digit = samples.filter(|s| (s.message + 1) % 10 == digit);
        let mut times = LatencyHistogram::new();
        for sample in of_digit.filter(|s| s.outcome != Outcome::Lost) {
            times.record(sample.service_time_ns().unwrap_or(0));
        }
        let figure = format!("service time p50 of ids that end with {digit}");
        findings.ms(figure, 10.0 * digit as f64, median_ms(&times), NEAR_MS);
    }
    let refused = recording.record.scenario.as_ref().map(|s| s.error_time());
    let refused = refused.as_ref().and_then(|times| times.get());
    let refused_ms = refused.map_or(f64::NAN, median_ms);
    findings.ms("time to an error reply p50", 50.0, refused_ms, NEAR_MS);
    let slowest = recording
        .record
        .service
        .max()
        .map_or(f64::NAN, |ns| ns as f64 / 1e6);
    findings.ms("longest service time", 90.0, slowest, NEAR_MS);
    Ok(())
}

fn median_ms(times: &LatencyHistogram) -> f64 {
    times.quantile(0.5).map_or(f64::NAN, |ns| ns as f64 / 1e6)
}
