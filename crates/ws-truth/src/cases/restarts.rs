//! Cases about a server that restarts under its clients.

use std::time::Duration;

use measurement::plan::{RETRY_DELAY, ReconnectLaw};

use super::Case;
use super::measured_run::{MeasuredConnections, sorted_quantile_ms};
use super::storm_load::{
    BACK, BACKOFF, StormLoad, all_accounted_for, back, back_within, connections, delay_ns, lost,
    ms, note_lateness, received, refused_with_503, sent,
};
use crate::admission_rules::{AdmissionRules, RestartPort, ServerRestart};
use crate::finding::{FigureUnit, Findings};

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "storm-restart",
        truth: "the server closes 100 connections with 1012, and its port is closed for 350 ms: the 5th attempt, after 400 ms, opens",
        examine: restart,
    },
    Case {
        name: "storm-restart-503",
        truth: "the server resets 200 connections and answers 503 for 500 ms: each client is back at its first seeded time past it",
        examine: restart_with_503,
    },
];

/// Load of clients whose server restarts after 1 s.
fn restarted(clients: u32, law: ReconnectLaw) -> StormLoad {
    StormLoad {
        clients,
        rate: 200,
        length: ms(3_000),
        drop: None,
        law,
    }
}

/// Rules of a server that restarts 1 s after the first message, and does not answer before.
fn restart_after_1_s(
    close_code: Option<u16>,
    down_for: Duration,
    while_down: RestartPort,
) -> AdmissionRules {
    AdmissionRules {
        restart: Some(ServerRestart {
            after: ms(1_000),
            silence: ms(200),
            close_code,
            down_for,
            while_down,
        }),
        ..AdmissionRules::default()
    }
}

fn restart(findings: &mut Findings) -> anyhow::Result<()> {
    let load = restarted(100, ReconnectLaw::Now);
    let measured = load.measure(restart_after_1_s(Some(1012), ms(350), RestartPort::Closed))?;
    ended_by_server(findings, &measured, &load);
    let logged = measured.log.messages.len() as u64;
    findings.count("messages in the server's log", logged, sent(&measured));
    findings.count(
        "not answered in the server's log",
        measured.log.unanswered(),
        lost(&measured),
    );
    let codes = measured.figure("/connections/close_codes/1012");
    findings.near("closed with 1012", FigureUnit::Count, 100.0, codes, 0.0);
    note_lateness(findings, &measured);
    // The port is closed at 0, 100, 200 and 300 ms.
    measured.counts_of_times(
        findings,
        "reconnect",
        &[("refused", 400), ("attempts", 500)],
    );
    let opened_ms = RETRY_DELAY.as_secs_f64() * 4e3;
    for (_, key) in BACK {
        let reported = measured.ms(&format!("/reconnect/back_{key}_ns"));
        // Each of four pauses ends up to a few milliseconds late.
        findings.ms(format!("{key} % are back"), opened_ms, reported, 20.0);
    }
    Ok(())
}

fn restart_with_503(findings: &mut Findings) -> anyhow::Result<()> {
    const DOWN_FOR: Duration = ms(500);
    let load = restarted(200, BACKOFF);
    let measured = load.measure(restart_after_1_s(None, DOWN_FOR, RestartPort::Answers503))?;
    ended_by_server(findings, &measured, &load);
    refused_with_503(findings, &measured);
    note_lateness(findings, &measured);
    let down_ns = u64::try_from(DOWN_FOR.as_nanos())?;
    let mut times: Vec<_> = (0..load.clients)
        .map(|client| first_after(down_ns, client))
        .collect();
    times.sort_unstable();
    let times = BACK.map(|(q, _)| sorted_quantile_ms(&times, q));
    // An attempt near the end of the restart can fall on either side of it.
    back_within(findings, &measured, &times, ("", 0.03));
    let restart_ns = measured.log.restart_ns.map_or(0, |(down, _)| down);
    let logged = measured.log.admitted_since(restart_ns);
    let logged = BACK.map(|(q, _)| sorted_quantile_ms(&logged, q));
    back(findings, &measured, &logged, " against the server's log");
    Ok(())
}

/// Time of a client's first attempt after this time, with back-off.
fn first_after(time_ns: u64, client: u32) -> u64 {
    let mut at_ns = 0;
    for attempt in 0.. {
        at_ns += delay_ns(BACKOFF, client, attempt);
        if at_ns >= time_ns {
            break;
        }
    }
    at_ns
}

/// Adds the counts of a restart that all clients come back from.
fn ended_by_server(findings: &mut Findings, measured: &MeasuredConnections, load: &StormLoad) {
    let clients = u64::from(load.clients);
    let truths = [
        ("dropped", clients),
        ("by_server", clients),
        ("back", clients),
        ("in_flight", 0),
        ("setup_failed", 0),
        ("own_failed", 0),
    ];
    measured.counts(findings, "reconnect", &truths);
    connections(findings, measured, clients, clients);
    let answered = measured.log.messages.len() as u64 - measured.log.unanswered();
    findings.count("answered in the server's log", answered, received(measured));
    findings.count("lost", sent(measured) - answered, lost(measured));
    all_accounted_for(findings, measured, load);
    measured.judge_failure(findings, true);
}
