//! Cases about connections that are replaced by plan, and idle ones.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use measurement::plan::{Arrivals, Length, Lifetime};

use super::measured_run::{MeasuredConnections, sorted_quantile_ms};
use super::openings::limited;
use super::storm_load::{CONNECT, LATE_MS, has_too_few_files};
use super::{Case, messages, open};
use crate::admission_log::{AdmissionEntry, LoggedEnd};
use crate::admission_rules::{AdmissionRules, LimitBegin};
use crate::finding::{FigureUnit, Findings};

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "churn",
        truth: "20 clients, lifetime 1 s, for 4.8 s: each opens 5 connections, 1 s apart, and no message is lost",
        examine: churn,
    },
    Case {
        name: "churn-slow",
        truth: "20 clients, lifetime 1 s, for 4.8 s, and the server lets 22 handshakes a second through: connections are due every second all the same",
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
        plan.connect_timeout = Duration::from_secs(30);
        plan.load = load;
        plan.length = Length::Duration(Duration::from_millis(4_800));
        plan.connections.lifetime = Some(Lifetime::Fixed(LIFETIME));
    })
}

fn churn(findings: &mut Findings) -> anyhow::Result<()> {
    let measured = churned(AdmissionRules::default())?;
    measured.note_noise(findings, 0.99, LATE_MS);
    churn_counts(findings, &measured);
    let clients = measured.log.by_client();
    let accepted_ns = |all: &[(&AdmissionEntry, u64)], n: usize| {
        let times = all.first().zip(all.get(n));
        times.map(|(first, nth)| nth.0.accepted_ns - first.0.accepted_ns)
    };
    for n in 1..CHURN.1 {
        let times = clients.values().filter_map(|all| accepted_ns(all, n));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        if times.is_empty() && findings.held_up() {
            // A generator without a core sent no message on it.
            continue;
        }
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
    // Messages wait for connections, so send lag is what the case is about.
    measured.note_noise(findings, 0.99, f64::INFINITY);
    churn_counts(findings, &measured);
    let own_lateness = measured.ms("/send_lateness_ns/p99");
    findings.ms(
        "send lateness without such waits, p99",
        0.0,
        own_lateness,
        LATE_MS,
    );
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
    // A connection is known as a client's by its messages. One that opens late may end before it has any.
    let with_all = clients.values().filter(|all| all.len() == CHURN.1).count();
    let figure = format!("clients that sent messages on {} connections", CHURN.1);
    findings.count_of_times(&figure, u64::from(CHURN.0), with_all as u64);
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
    measured.judge_failure(findings, false);
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
    measured.judge_failure(findings, false);
    let clients = measured.figure("/plan/clients");
    findings.near("clients", FigureUnit::Count, 10.0, clients, 0.0);
    Ok(())
}
