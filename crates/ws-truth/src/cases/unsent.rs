//! Cases about messages that were due and never sent, because connections were refused or ended.

use std::time::Duration;

use measurement::plan::{Arrivals, Length, LoadDraft};
use swarm::Recording;
use units::Rate;

use super::{Case, measure, open};
use crate::faults::Faults;
use crate::finding::Findings;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "refused-closed-loop",
        truth: "the server accepts 2 of 10 connections, 10 messages each: 20 sent, 80 never sent",
        examine: refused_closed_loop,
    },
    Case {
        name: "refused-rate",
        truth: "100/s for 2 s over 10 clients, of which the server accepts 2: 40 sent, 160 never sent",
        examine: refused_rate,
    },
    Case {
        name: "refused-poisson",
        truth: "the same with Poisson arrivals: sent and never sent add up to the messages of 10 clients with this seed",
        examine: refused_poisson,
    },
    Case {
        name: "closed-while-waiting",
        truth: "8 of 10 connections are closed with 1001 while others connect: 160 of 200 messages never sent",
        examine: closed_while_waiting,
    },
    Case {
        name: "closed-under-a-rate",
        truth: "20/s for 3 s, each of 10 connections is closed with 1012 at its 2nd message: 20 sent, 40 never sent",
        examine: closed_under_a_rate,
    },
];

/// Changes the plan to 100 messages a second for 2 s: on average 20 for each of ten clients.
fn at_100_per_s(arrivals: Arrivals) -> anyhow::Result<impl FnOnce(&mut LoadDraft)> {
    let load = open(100.0, arrivals, None)?;
    Ok(|plan: &mut LoadDraft| {
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(2));
    })
}

fn admit_two(faults: &mut Faults) {
    faults.admit = Some(2);
}

fn refused_closed_loop(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = measure(admit_two, |_| ())?;
    findings.count("refused by the server", 8, log.refused);
    findings.count("failed", 8, recording.context.connections.failed);
    sent_and_unsent(findings, &recording, (20, 80));
    Ok(())
}

fn refused_rate(findings: &mut Findings) -> anyhow::Result<()> {
    let (recording, log) = measure(admit_two, at_100_per_s(Arrivals::Constant)?)?;
    findings.count("refused by the server", 8, log.refused);
    findings.count("failed", 8, recording.context.connections.failed);
    sent_and_unsent(findings, &recording, (40, 160));
    findings.count("in the server's log", 40, log.entries.len() as u64);
    Ok(())
}

fn refused_poisson(findings: &mut Findings) -> anyhow::Result<()> {
    let (_, whole) = measure(|_| (), at_100_per_s(Arrivals::Poisson)?)?;
    let due = whole.entries.len() as u64;
    let (recording, log) = measure(admit_two, at_100_per_s(Arrivals::Poisson)?)?;
    let sent = log.entries.len() as u64;
    findings.count("failed", 8, recording.context.connections.failed);
    sent_and_unsent(findings, &recording, (sent, due - sent));
    Ok(())
}

fn closed_while_waiting(findings: &mut Findings) -> anyhow::Result<()> {
    const CONNECT_RATE: f64 = 100.0;
    let rate = at_100_per_s(Arrivals::Constant)?;
    let spoil = |faults: &mut Faults| {
        faults.close_first = Some((8, 1001));
        faults.close_reason = "idle";
    };
    let (recording, _) = measure(spoil, |plan| {
        rate(plan);
        // Ten milliseconds from one to the next, so that the closes come before the load begins.
        plan.connect_rate = Rate::new(CONNECT_RATE);
    })?;
    closed_early(findings, &recording, (8, 1001, "idle"));
    sent_and_unsent(findings, &recording, (40, 160));
    Ok(())
}

fn closed_under_a_rate(findings: &mut Findings) -> anyhow::Result<()> {
    const RATE: f64 = 20.0;
    // Half a second from one message of a client to the next: none goes out behind the close.
    let load = open(RATE, Arrivals::Constant, None)?;
    let spoil = |faults: &mut Faults| {
        faults.close_at = Some((1, 1012));
        faults.close_reason = "restart";
    };
    let (recording, log) = measure(spoil, |plan| {
        plan.load = load;
        plan.length = Length::Duration(Duration::from_secs(3));
    })?;
    closed_early(findings, &recording, (10, 1012, "restart"));
    sent_and_unsent(findings, &recording, (20, 40));
    findings.count("in the server's log", 20, log.entries.len() as u64);
    findings.count("received", 10, recording.record.counts.received);
    findings.count("lost", 10, recording.record.counts.lost);
    let before_the_end = recording.context.elapsed_s < 3.0;
    findings.count(
        "runs that end with the last connection",
        1,
        u64::from(before_the_end),
    );
    Ok(())
}

fn sent_and_unsent(findings: &mut Findings, recording: &Recording, truth: (u64, u64)) {
    let counts = &recording.record.counts;
    findings.count("sent", truth.0, counts.sent);
    findings.count("never sent", truth.1, counts.unsent);
}

/// Adds the number of connections that were closed early, with their close code and reason.
fn closed_early(findings: &mut Findings, recording: &Recording, truth: (u64, u16, &str)) {
    let (n, code, reason) = truth;
    let connections = &recording.context.connections;
    findings.count("closed early", n, connections.closed_early);
    let with_reason = connections.close_reasons.iter();
    let with_reason = with_reason.filter(|r| r.code == Some(code) && r.reason == reason);
    let reported = with_reason.map(|r| r.count).sum();
    findings.count(&format!("closed with {code}: {reason}"), n, reported);
}
