//! Cases about opening connections at a rate, replacing them by plan, and keeping them idle.
//!
//! Connections are due at a rate of R a second, and the server lets A handshakes a second through, fewer than R. The
//! handshake of connection k, from 1, is answered at k/A, and was due at (k − 1)/R.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use measurement::plan::{Arrivals, ConnectSchedule, Length, Lifetime, LoadDraft};
use units::Rate;

use super::measured_run::{MeasuredConnections, sorted_quantile_ms};
use super::storms::{has_too_few_files, rank};
use super::{Case, SEED, closed, messages, note_noise, open};
use crate::admission_log::{AdmissionEntry, LoggedEnd};
use crate::admission_rules::{AdmissionRules, ExcessHandshakes, HandshakeLimit, LimitBegin};
use crate::finding::{FigureUnit, Findings};

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
    Case {
        name: "churn",
        truth: "20 clients, lifetime 1 s, for 4.8 s: each opens 5 connections, 1 s apart, and no message is lost",
        examine: churn,
    },
    Case {
        name: "churn-slow",
        truth: "the same, and the server lets 22 handshakes a second through: connections are due every second all the same",
        examine: churn_slow,
    },
];

pub(super) const CASES: &[Case] = &[
    Case {
        name: "churn-messages",
        truth: "10 clients, 95 messages each, 10 per connection: each sends 10 on each of 9 connections and 5 on the last",
        examine: churn_messages,
    },
    Case {
        name: "idle",
        truth: "500 idle connections beside 10 clients: the server pings all, and gets no message from the idle ones",
        examine: idle,
    },
];

/// Handshakes that the server lets through per second.
const PER_SECOND: f64 = 400.0;

/// Quantiles of connect times, with their names in the document.
const CONNECT: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")];

/// Largest lateness of the generator that a case about opening allows.
const LATE_MS: f64 = 5.0;

/// The figure about connections that wait for another one in the generator.
const LATENESS_FIGURE: &str = "connections begun after they were due, p99";

fn limited(per_second: f64, begin: LimitBegin) -> AdmissionRules {
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
        if (rule_ms - logged_ms).abs() > rule_ms * 0.005 + 2.0 && findings.noise.is_none() {
            findings.noise = Some(format!(
                "the server answered at {key} after {logged_ms:.0} ms, but the limit asks for {rule_ms:.0} ms"
            ));
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
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
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
    findings.ms(LATENESS_FIGURE, 0.0, lateness, LATE_MS);
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
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
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
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
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
    findings.ms(LATENESS_FIGURE, 0.0, lateness, LATE_MS);
    Ok(())
}

/// Clients whose connections last 1 s: their number, and that of the connections of each.
const CHURN: (u32, usize) = (20, 5);

const LIFETIME: Duration = Duration::from_secs(1);

/// Messages of [`churned`].
const CHURN_MESSAGES: u64 = 960;

/// Clients that replace their connections each second. The run ends before the fifth replacement.
fn churned(rules: AdmissionRules) -> anyhow::Result<MeasuredConnections> {
    let load = open(200.0, Arrivals::Constant, None)?;
    MeasuredConnections::new(rules, |plan| {
        plan.clients = NonZeroU32::MIN.saturating_add(CHURN.0 - 1);
        plan.load = load;
        plan.length = Length::Duration(Duration::from_millis(4_800));
        plan.connections.lifetime = Some(Lifetime::Fixed(LIFETIME));
    })
}

fn churn(findings: &mut Findings) -> anyhow::Result<()> {
    let measured = churned(AdmissionRules::default())?;
    churn_counts(findings, &measured);
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
    let clients = measured.log.by_client();
    let accepted_ns = |all: &[(&AdmissionEntry, u64)], n: usize| {
        let times = all.first().zip(all.get(n));
        times.map(|(first, nth)| nth.0.accepted_ns - first.0.accepted_ns)
    };
    for n in 1..CHURN.1 {
        let times = clients.values().filter_map(|all| accepted_ns(all, n));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let truth_ms = LIFETIME.as_secs_f64() * 1e3 * n as f64;
        for (q, name) in [(0.5, "median"), (1.0, "longest")] {
            let figure = format!("{name} time from the first connection to connection {n}");
            findings.ms(figure, truth_ms, sorted_quantile_ms(&times, q), LATE_MS);
        }
    }
    Ok(())
}

fn churn_slow(findings: &mut Findings) -> anyhow::Result<()> {
    const PER_SECOND: f64 = 22.0;
    let measured = churned(limited(PER_SECOND, LimitBegin::FirstLoss))?;
    churn_counts(findings, &measured);
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
    // The first connections are not limited. Of the replacements, handshake k, from 1, is answered at k/A, and was due with
    // those of all clients. A place that was free before counts.
    let per_lifetime = u64::from(CHURN.0);
    let replacements = per_lifetime * (CHURN.1 as u64 - 1);
    let answered_after_due = |k: u64| {
        let due = LIFETIME.as_secs_f64() * ((k - 1) / per_lifetime) as f64;
        Duration::from_secs_f64((k as f64 / PER_SECOND - due).max(0.0))
    };
    let first = (0..per_lifetime).map(|_| Duration::ZERO);
    let times = first.chain((1..=replacements).map(answered_after_due));
    let mut times: Vec<_> = times
        .map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
        .collect();
    times.sort_unstable();
    for (q, key) in CONNECT {
        let truth_ms = sorted_quantile_ms(&times, q);
        let reported = measured.ms(&format!("/connect_response_ns/{key}"));
        let figure = format!("connect response time {}", key.replace("max", "maximum"));
        findings.ms(figure, truth_ms, reported, truth_ms * 0.02 + LATE_MS);
    }
    Ok(())
}

fn churn_counts(findings: &mut Findings, measured: &MeasuredConnections) {
    replaced_by_plan(findings, measured, (100, 80), CHURN_MESSAGES);
    let clients = measured.log.by_client();
    let with_all = clients.values().filter(|all| all.len() == CHURN.1).count();
    findings.count(
        "clients with 5 connections",
        u64::from(CHURN.0),
        with_all as u64,
    );
}

fn churn_messages(findings: &mut Findings) -> anyhow::Result<()> {
    const PER_CONNECTION: u64 = 10;
    let measured = MeasuredConnections::new(AdmissionRules::default(), |plan| {
        plan.length = messages(95);
        plan.connections.messages_per_connection = NonZeroU64::new(PER_CONNECTION);
    })?;
    replaced_by_plan(findings, &measured, (100, 90), 950);
    for (n, truth) in [(PER_CONNECTION, 90), (5, 10)] {
        let with = measured.log.connections.iter().filter(|c| c.messages == n);
        findings.count(
            &format!("connections with {n} messages"),
            truth,
            with.count() as u64,
        );
    }
    Ok(())
}

/// Adds the counts of connections that were replaced without a loss: opened and replaced ones, and messages.
fn replaced_by_plan(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    (opened, replaced): (u64, u64),
    messages: u64,
) {
    let log = &measured.log;
    findings.count("handshakes in the server's log", opened, log.requests());
    let closed = log.ended(LoggedEnd::Closed(1000));
    findings.count("closes with 1000 in the server's log", opened, closed);
    let truths = [
        ("attempted", opened),
        ("opened", opened),
        ("failed", 0),
        ("closed_early", 0),
        ("replaced", replaced),
    ];
    measured.counts(findings, "connections", &truths);
    findings.count(
        "messages in the server's log",
        messages,
        log.messages.len() as u64,
    );
    let truths = [
        ("sent", messages),
        ("received", messages),
        ("lost", 0),
        ("unsent", 0),
        ("abandoned", 0),
    ];
    measured.counts(findings, "messages", &truths);
}

fn idle(findings: &mut Findings) -> anyhow::Result<()> {
    const IDLE: u32 = 500;
    let load = open(100.0, Arrivals::Constant, None)?;
    if has_too_few_files(findings, IDLE) {
        return Ok(());
    }
    let rules = AdmissionRules {
        ping_after: Some(Duration::from_millis(500)),
        ..AdmissionRules::default()
    };
    let measured = MeasuredConnections::new(rules, |plan| {
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(2));
        plan.connections.idle = IDLE;
    })?;
    let (idle, all) = (u64::from(IDLE), u64::from(IDLE) + 10);
    let log = &measured.log.connections;
    let count = |of: fn(&AdmissionEntry) -> bool| log.iter().filter(|c| of(c)).count() as u64;
    findings.count("connections in the server's log", all, log.len() as u64);
    findings.count(
        "connections that sent nothing",
        idle,
        count(|c| c.messages == 0),
    );
    let pinged = count(|c| c.pings > 0);
    findings.count("connections that were pinged", all, pinged);
    findings.count(
        "connections that answered",
        all,
        count(|c| c.pongs == c.pings),
    );
    let closed = measured.log.ended(LoggedEnd::Closed(1000));
    findings.count("closes with 1000 in the server's log", all, closed);
    let truths = [
        ("attempted", all),
        ("opened", all),
        ("failed", 0),
        ("closed_early", 0),
    ];
    measured.counts(findings, "connections", &truths);
    let truths = [
        ("connections", idle),
        ("opened", idle),
        ("closed_early", 0),
        ("received", idle),
    ];
    measured.counts(findings, "idle", &truths);
    let truths = [
        ("sent", 200),
        ("received", 200),
        ("unexpected", 0),
        ("unsent", 0),
    ];
    measured.counts(findings, "messages", &truths);
    let clients = measured.figure("/plan/clients");
    findings.near("clients", FigureUnit::Count, 10.0, clients, 0.0);
    Ok(())
}
