//! Cases about opening connections, at a rate and without one.
//!
//! Connections are due at a rate of R a second, and the server lets A handshakes a second through, fewer than R. The
//! handshake of connection k, from 1, is answered at k/A, and was due at (k − 1)/R.

use std::num::NonZeroU32;
use std::time::Duration;

use measurement::plan::{Arrivals, ConnectSchedule, LoadDraft};
use units::Rate;

use super::measured_run::{MeasuredConnections, sorted_quantile_ms};
use super::storm_load::{CONNECT, LATE_MS, has_too_few_files, rank};
use super::{Case, SEED, closed, messages};
use crate::admission_rules::{AdmissionRules, ExcessHandshakes, HandshakeLimit, LimitBegin};
use crate::finding::Findings;

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "connect-rate",
        truth: "2,000 connections due at 1,000/s, the server lets 400/s through: connection k opens k/400 − (k − 1)/1,000 s after it is due",
        examine: connect_rate,
    },
    Case {
        name: "connect-closed-loop",
        truth: "the same server without a connect rate: 128 handshakes at once, so each takes 128/400 s however many wait behind",
        examine: connect_closed_loop,
    },
    Case {
        name: "connect-poisson",
        truth: "1,000 connections at 500/s with Poisson arrivals: they arrive at the seeded times",
        examine: connect_poisson,
    },
];

/// Handshakes that the server lets through per second.
const PER_SECOND: f64 = 400.0;

/// Largest lateness of a connection that waits for no other one. With 128 handshakes at once, most would begin seconds late.
const NO_WAIT_MS: f64 = 50.0;

/// The figure about connections that wait for another one in the generator.
const LATENESS_FIGURE: &str = "connections begun after they were due, p99";

pub(super) fn limited(per_second: f64, begin: LimitBegin) -> AdmissionRules {
    AdmissionRules {
        limit: Some(HandshakeLimit {
            per_second,
            begin,
            excess: ExcessHandshakes::Wait,
        }),
        ..AdmissionRules::default()
    }
}

/// Opens this many connections, and sends one message on each.
fn opened(
    rules: AdmissionRules,
    clients: u32,
    change: impl FnOnce(&mut LoadDraft),
) -> anyhow::Result<MeasuredConnections> {
    MeasuredConnections::new(rules, |plan| {
        plan.clients = NonZeroU32::MIN.saturating_add(clients - 1);
        plan.connect_timeout = Duration::from_secs(30);
        plan.load = closed(1);
        plan.length = messages(1);
        change(plan);
    })
}

/// Adds the counts of clients that opened one connection each.
fn all_opened(findings: &mut Findings, measured: &MeasuredConnections, clients: u32) {
    let clients = u64::from(clients);
    findings.count(
        "handshakes in the server's log",
        clients,
        measured.log.requests(),
    );
    let truths = [("attempted", clients), ("opened", clients), ("failed", 0)];
    measured.counts(findings, "connections", &truths);
    let truths = [("sent", clients), ("received", clients)];
    measured.counts(findings, "messages", &truths);
}

/// Notes noise if the server did not answer handshake k at k/A.
fn note_server_schedule(findings: &mut Findings, measured: &MeasuredConnections, clients: u32) {
    let begin_ns = measured.log.first_request_ns.unwrap_or(0);
    let logged = measured.log.admitted_since(begin_ns);
    for (q, key) in CONNECT {
        let rule_ms = rank(q, clients) as f64 / PER_SECOND * 1e3;
        let logged_ms = sorted_quantile_ms(&logged, q);
        if (rule_ms - logged_ms).abs() > rule_ms * 0.005 + 2.0 && !findings.held_up() {
            findings.note_delays(Some(format!(
                "the server answered at {key} after {logged_ms:.0} ms, but the limit asks for {rule_ms:.0} ms"
            )));
        }
    }
}

fn connect_rate(findings: &mut Findings) -> anyhow::Result<()> {
    const CLIENTS: u32 = 2_000;
    const RATE: f64 = 1_000.0;
    if has_too_few_files(findings, CLIENTS) {
        return Ok(());
    }
    let rules = limited(PER_SECOND, LimitBegin::FirstRequest);
    let measured = opened(rules, CLIENTS, |plan| plan.connect_rate = Rate::new(RATE))?;
    all_opened(findings, &measured, CLIENTS);
    measured.note_noise(findings, 0.99, LATE_MS);
    note_server_schedule(findings, &measured, CLIENTS);
    for (q, key) in CONNECT {
        let k = rank(q, CLIENTS) as f64;
        let truth_ms = (k / PER_SECOND - (k - 1.0) / RATE) * 1e3;
        let reported = measured.ms(&format!("/connect_response_ns/{key}"));
        let figure = format!("connect response time {}", key.replace("max", "maximum"));
        findings.ms(figure, truth_ms, reported, truth_ms * 0.02);
    }
    plain_times(findings, &measured);
    // No connection waits for another one in the generator.
    let lateness = measured.ms("/connect_lateness_ns/p99");
    findings.ms(LATENESS_FIGURE, 0.0, lateness, NO_WAIT_MS);
    Ok(())
}

/// Adds the plain connect times beside those in the server's log.
fn plain_times(findings: &mut Findings, measured: &MeasuredConnections) {
    let logged = measured.log.handshake_times_ns();
    for (q, key) in CONNECT {
        let truth_ms = sorted_quantile_ms(&logged, q);
        let reported = measured.ms(&format!("/connect_ns/total/{key}"));
        let key = key.replace("max", "maximum");
        let figure = format!("connect time {key} against the server's log");
        findings.ms(figure, truth_ms, reported, truth_ms * 0.02 + 1.0);
    }
}

fn connect_closed_loop(findings: &mut Findings) -> anyhow::Result<()> {
    const CLIENTS: u32 = 1_000;
    /// Handshakes that a generator thread does at once.
    const AT_ONCE: f64 = 128.0;
    if has_too_few_files(findings, CLIENTS) {
        return Ok(());
    }
    let rules = limited(PER_SECOND, LimitBegin::FirstRequest);
    let measured = opened(rules, CLIENTS, |_| ())?;
    all_opened(findings, &measured, CLIENTS);
    measured.note_noise(findings, 0.99, LATE_MS);
    note_server_schedule(findings, &measured, CLIENTS);
    let truth_ms = AT_ONCE / PER_SECOND * 1e3;
    for key in ["p50", "p99"] {
        for (name, part) in [
            ("connect time", "connect_ns/total"),
            ("connect response time", "connect_response_ns"),
        ] {
            let reported = measured.ms(&format!("/{part}/{key}"));
            findings.ms(format!("{name} {key}"), truth_ms, reported, truth_ms * 0.02);
        }
    }
    plain_times(findings, &measured);
    Ok(())
}

fn connect_poisson(findings: &mut Findings) -> anyhow::Result<()> {
    const CLIENTS: u32 = 1_000;
    const RATE: f64 = 500.0;
    if has_too_few_files(findings, CLIENTS) {
        return Ok(());
    }
    let measured = opened(AdmissionRules::default(), CLIENTS, |plan| {
        plan.connect_rate = Rate::new(RATE);
        plan.connections.arrivals = Arrivals::Poisson;
    })?;
    all_opened(findings, &measured, CLIENTS);
    measured.note_noise(findings, 0.99, LATE_MS);
    let mut schedule = ConnectSchedule::new(RATE, Arrivals::Poisson, SEED);
    let due = (0..CLIENTS).map(|n| schedule.due(n).as_secs_f64() * 1e3);
    let due: Vec<_> = due.collect();
    let arrived: Vec<_> = measured
        .log
        .connections
        .iter()
        .map(|c| c.accepted_ns)
        .collect();
    let first_ns = arrived.first().copied().unwrap_or(0);
    for n in [100, 500, 900, 999] {
        let arrived = arrived
            .get(n)
            .map_or(f64::NAN, |ns| (ns - first_ns) as f64 / 1e6);
        let figure = format!("connection {n} after the first one");
        findings.ms(figure, due[n], arrived, LATE_MS);
    }
    let lateness = measured.ms("/connect_lateness_ns/p99");
    findings.ms(LATENESS_FIGURE, 0.0, lateness, NO_WAIT_MS);
    Ok(())
}
