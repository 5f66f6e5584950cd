//! Cases about connections that are lost all at once and opened again.
//!
//! A server lets A handshakes a second through after the loss, in order of arrival. Of N clients, client k, from 1, is back
//! after k/A, so a share q of them is back after ⌈q·N⌉/A.

use std::num::NonZeroU32;
use std::time::Duration;

use host::open_files;
use measurement::plan::{
    Arrivals, ConnectionDrop, DropMethod, Length, LoadDraft, RETRY_DELAY, ReconnectLaw,
};

use super::measured_run::{MeasuredConnections, sorted_quantile_ms};
use super::{Case, note_noise, open};
use crate::admission_log::LoggedEnd;
use crate::admission_rules::{
    AdmissionRules, ExcessHandshakes, HandshakeLimit, LimitBegin, RestartPort, ServerRestart,
};
use crate::finding::{FigureUnit, Findings};

pub(super) const TIMED_CASES: &[Case] = &[
    Case {
        name: "storm",
        truth: "2,000 clients drop their connections at once, the server lets 400 handshakes a second through: ⌈q·2,000⌉ are back after ⌈q·2,000⌉/400 s",
        examine: storm,
    },
    Case {
        name: "storm-half",
        truth: "500 of 1,000 clients close with 1001, the server lets 200 handshakes a second through: the others notice nothing",
        examine: storm_half,
    },
    Case {
        name: "storm-503",
        truth: "400 clients, 40 handshakes a second, the others refused with 503 and repeated after 100 ms: all are back after 10 s",
        examine: |f| refused_storm(f, ReconnectLaw::Now),
    },
    Case {
        name: "storm-503-backoff",
        truth: "the same with back-off from 50 ms to 150 ms: the times until clients are back are those of the limit",
        examine: |f| refused_storm(f, BACKOFF),
    },
    Case {
        name: "storm-spread",
        truth: "1,000 clients, spread over 3 s, no limit: clients are back at the seeded times",
        examine: spread_storm,
    },
    Case {
        name: "storm-restart",
        truth: "the server closes 200 connections with 1012, and its port is closed for 350 ms: the 5th attempt, after 400 ms, opens",
        examine: restart,
    },
    Case {
        name: "storm-restart-503",
        truth: "the server resets 200 connections and answers 503 for 500 ms: each client is back at its first seeded time past it",
        examine: restart_with_503,
    },
];

pub(super) const CASES: &[Case] = &[Case {
    name: "missed",
    truth: "1,000/s for 3 s, 100 clients drop their connections and are back one after the other within 1 s: sent and missed are 3,000",
    examine: missed,
}];

/// Quantiles of the times until clients are back, with their names in the document.
const BACK: [(f64, &str); 4] = [(0.5, "50"), (0.9, "90"), (0.99, "99"), (1.0, "100")];

/// Quantiles of connect times, with their names in the document.
const CONNECT: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (1.0, "max")];

const BACKOFF: ReconnectLaw = ReconnectLaw::Backoff {
    first: ms(50),
    cap: ms(150),
};

/// Time from T0 to the drop.
const DROP_AFTER: Duration = ms(500);

/// Largest send lag and lateness of attempts, above which the generator counts as delayed.
const LATE_MS: f64 = 5.0;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Load on clients that lose their connections.
#[derive(Debug, Clone, Copy)]
struct StormLoad {
    clients: u32,
    /// Messages per second.
    rate: u32,
    length: Duration,
    /// Share of the dropped connections and the way in which they end; `None` = the server ends them.
    drop: Option<(f64, DropMethod)>,
    law: ReconnectLaw,
}

impl StormLoad {
    /// Messages due in the measured time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A small whole number.
    fn planned(&self) -> u64 {
        (f64::from(self.rate) * self.length.as_secs_f64()).round() as u64
    }

    fn measure(&self, rules: AdmissionRules) -> anyhow::Result<MeasuredConnections> {
        let load = open(f64::from(self.rate), Arrivals::Constant, None)?;
        MeasuredConnections::new(rules, |plan: &mut LoadDraft| {
            plan.clients = NonZeroU32::MIN.saturating_add(self.clients - 1);
            plan.load = load;
            plan.length = Length::Duration(self.length);
            // Clients wait in the server's queue.
            plan.connect_timeout = Duration::from_secs(30);
            plan.connections.reconnect = Some(self.law);
            plan.connections.drop = self.drop.map(|(share, method)| ConnectionDrop {
                after: DROP_AFTER,
                share,
                method,
            });
        })
    }
}

/// Notes that this system allows too few open files for clients and server in one process. Returns `true` if it does.
pub(super) fn has_too_few_files(findings: &mut Findings, connections: u32) -> bool {
    const OTHERS: u64 = 100;
    let needed = 2 * u64::from(connections) + OTHERS;
    let limit = open_files::limit().filter(|limit| *limit < needed);
    findings.skipped = limit.map(|limit| {
        format!(
            "the limit on open files is {limit}, but {needed} are needed: raise it with `ulimit -n`"
        )
    });
    limit.is_some()
}

fn limited(per_second: f64, excess: ExcessHandshakes) -> AdmissionRules {
    AdmissionRules {
        limit: Some(HandshakeLimit {
            per_second,
            begin: LimitBegin::FirstLoss,
            excess,
        }),
        ..AdmissionRules::default()
    }
}

/// Rank of a quantile among `n` values, from 1.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // At most n.
pub(super) fn rank(q: f64, n: u32) -> u64 {
    ((q * f64::from(n) - 1e-9).ceil() as u64).max(1)
}

fn storm(findings: &mut Findings) -> anyhow::Result<()> {
    const PER_SECOND: f64 = 400.0;
    let load = StormLoad {
        clients: 2_000,
        rate: 400,
        length: ms(6_500),
        drop: Some((1.0, DropMethod::Reset)),
        law: ReconnectLaw::Now,
    };
    if has_too_few_files(findings, load.clients) {
        return Ok(());
    }
    let measured = load.measure(limited(PER_SECOND, ExcessHandshakes::Wait))?;
    planned_drop(findings, &measured, &load, load.clients);
    none_refused(findings, &measured);
    let resets = measured.log.ended(LoggedEnd::Reset);
    findings.count("resets in the server's log", 2_000, resets);
    note_lateness(findings, &measured);
    let times = limited_times_ms(findings, &measured, load.clients, PER_SECOND);
    back(findings, &measured, &times, "");
    connect_response(findings, &measured, &times);
    let n = f64::from(load.clients);
    let away_s = n * (n + 1.0) / 2.0 / PER_SECOND;
    let reported = measured.figure("/reconnect/away_client_s");
    let figure = "mean time away";
    findings.ms(
        figure,
        away_s / n * 1e3,
        reported / n * 1e3,
        away_s / n * 20.0,
    );
    Ok(())
}

fn storm_half(findings: &mut Findings) -> anyhow::Result<()> {
    const PER_SECOND: f64 = 200.0;
    const DROPPED: u32 = 500;
    let load = StormLoad {
        clients: 1_000,
        rate: 500,
        length: ms(3_500),
        drop: Some((0.5, DropMethod::Close)),
        law: ReconnectLaw::Now,
    };
    if has_too_few_files(findings, load.clients) {
        return Ok(());
    }
    let measured = load.measure(limited(PER_SECOND, ExcessHandshakes::Wait))?;
    planned_drop(findings, &measured, &load, DROPPED);
    none_refused(findings, &measured);
    let closes = measured.log.ended(LoggedEnd::Closed(1001));
    findings.count("closes with 1001 in the server's log", 500, closes);
    let closes = measured.log.ended(LoggedEnd::Closed(1000));
    findings.count("closes with 1000 in the server's log", 1_000, closes);
    note_lateness(findings, &measured);
    let times = limited_times_ms(findings, &measured, DROPPED, PER_SECOND);
    back(findings, &measured, &times, "");
    connect_response(findings, &measured, &times);
    Ok(())
}

fn refused_storm(findings: &mut Findings, law: ReconnectLaw) -> anyhow::Result<()> {
    const PER_SECOND: f64 = 40.0;
    let load = StormLoad {
        clients: 400,
        rate: 400,
        length: ms(11_500),
        drop: Some((1.0, DropMethod::Reset)),
        law,
    };
    let measured = load.measure(limited(PER_SECOND, ExcessHandshakes::Refused))?;
    planned_drop(findings, &measured, &load, load.clients);
    refused_with_503(findings, &measured);
    note_lateness(findings, &measured);
    let mut times = limited_times_ms(findings, &measured, load.clients, PER_SECOND);
    if law == ReconnectLaw::Now {
        // All clients come at once, every 100 ms. On average a free place waits half as long for them.
        times.iter_mut().for_each(|time| *time += half_pause_ms());
    }
    back(findings, &measured, &times, "");
    let logged = measured
        .log
        .admitted_since(measured.log.first_loss_ns.unwrap_or(0));
    let logged = BACK.map(|(q, _)| sorted_quantile_ms(&logged, q));
    back(findings, &measured, &logged, " against the server's log");
    Ok(())
}

fn half_pause_ms() -> f64 {
    RETRY_DELAY.as_secs_f64() * 1e3 / 2.0
}

fn spread_storm(findings: &mut Findings) -> anyhow::Result<()> {
    let law = ReconnectLaw::Spread(ms(3_000));
    let load = StormLoad {
        clients: 1_000,
        rate: 500,
        length: ms(4_500),
        drop: Some((1.0, DropMethod::Reset)),
        law,
    };
    if has_too_few_files(findings, load.clients) {
        return Ok(());
    }
    let measured = load.measure(AdmissionRules::default())?;
    planned_drop(findings, &measured, &load, load.clients);
    none_refused(findings, &measured);
    note_lateness(findings, &measured);
    let mut delays: Vec<_> = (0..load.clients)
        .map(|client| delay_ns(law, client, 0))
        .collect();
    delays.sort_unstable();
    let times = BACK.map(|(q, _)| sorted_quantile_ms(&delays, q));
    back(findings, &measured, &times, "");
    let logged = measured
        .log
        .admitted_since(measured.log.first_loss_ns.unwrap_or(0));
    let logged = BACK.map(|(q, _)| sorted_quantile_ms(&logged, q));
    back(findings, &measured, &logged, " against the server's log");
    Ok(())
}

/// Delay before an attempt of a client that has lost its first connection.
fn delay_ns(law: ReconnectLaw, client: u32, attempt: u32) -> u64 {
    let delay = law.delay(super::SEED, client, 0, attempt);
    u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)
}

/// Load of 200 clients whose server restarts after 1 s.
fn restarted(law: ReconnectLaw) -> StormLoad {
    StormLoad {
        clients: 200,
        rate: 200,
        length: ms(3_000),
        drop: None,
        law,
    }
}

fn restart_after_1_s(restart: ServerRestart) -> AdmissionRules {
    AdmissionRules {
        restart: Some(ServerRestart {
            after: ms(1_000),
            silence: ms(200),
            ..restart
        }),
        ..AdmissionRules::default()
    }
}

fn restart(findings: &mut Findings) -> anyhow::Result<()> {
    let load = restarted(ReconnectLaw::Now);
    let measured = load.measure(restart_after_1_s(ServerRestart {
        after: Duration::ZERO,
        silence: Duration::ZERO,
        close_code: Some(1012),
        down_for: ms(350),
        while_down: RestartPort::Closed,
    }))?;
    ended_by_server(findings, &measured, &load);
    let logged = measured.log.messages.len() as u64;
    findings.count("messages in the server's log", logged, sent(&measured));
    findings.count(
        "not answered in the server's log",
        measured.log.unanswered(),
        lost(&measured),
    );
    let codes = measured.figure("/connections/close_codes/1012");
    findings.near("closed with 1012", FigureUnit::Count, 200.0, codes, 0.0);
    note_lateness(findings, &measured);
    // The port is closed at 0, 100, 200 and 300 ms.
    measured.counts_of_times(
        findings,
        "reconnect",
        &[("refused", 800), ("attempts", 1_000)],
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
    let load = restarted(BACKOFF);
    let measured = load.measure(restart_after_1_s(ServerRestart {
        after: Duration::ZERO,
        silence: Duration::ZERO,
        close_code: None,
        down_for: DOWN_FOR,
        while_down: RestartPort::Answers503,
    }))?;
    ended_by_server(findings, &measured, &load);
    refused_with_503(findings, &measured);
    note_lateness(findings, &measured);
    let down_ns = u64::try_from(DOWN_FOR.as_nanos())?;
    let mut times: Vec<_> = (0..load.clients)
        .map(|client| first_after(down_ns, client))
        .collect();
    times.sort_unstable();
    let times = BACK.map(|(q, _)| sorted_quantile_ms(&times, q));
    back(findings, &measured, &times, "");
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

fn missed(findings: &mut Findings) -> anyhow::Result<()> {
    let load = StormLoad {
        clients: 100,
        rate: 1_000,
        length: ms(3_000),
        drop: Some((1.0, DropMethod::Reset)),
        law: ReconnectLaw::Now,
    };
    let measured = load.measure(limited(100.0, ExcessHandshakes::Wait))?;
    planned_drop(findings, &measured, &load, load.clients);
    none_refused(findings, &measured);
    let missing = load.planned() - measured.log.different_messages();
    measured.counts(findings, "reconnect", &[("missed", missing)]);
    let numbers = load.planned() / u64::from(load.clients);
    let scattered = measured.log.clients_with_scattered_gaps(numbers);
    findings.count(
        "clients whose missed messages are not consecutive",
        0,
        scattered,
    );
    Ok(())
}

/// Adds the counts of a drop by plan that all clients come back from.
fn planned_drop(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    load: &StormLoad,
    dropped: u32,
) {
    let (clients, dropped) = (u64::from(load.clients), u64::from(dropped));
    let truths = [
        ("dropped", dropped),
        ("by_server", 0),
        ("back", dropped),
        ("attempts", measured.log.requests() - clients),
    ];
    measured.counts(findings, "reconnect", &truths);
    connections(findings, measured, clients, 0);
    let logged = measured.log.messages.len() as u64;
    findings.count("messages in the server's log", logged, sent(measured));
    let received = measured.figure("/messages/received") + measured.figure("/messages/abandoned");
    let sent = sent(measured) as f64;
    findings.near(
        "received or abandoned",
        FigureUnit::Count,
        sent,
        received,
        0.0,
    );
    let in_flight = measured.recording.record.counts.abandoned;
    measured.counts(findings, "reconnect", &[("in_flight", in_flight)]);
    measured.counts(findings, "messages", &[("lost", 0)]);
    all_accounted_for(findings, measured, load);
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
}

/// Adds the counts of the first connections, which all opened.
fn connections(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    clients: u64,
    closed_early: u64,
) {
    let truths = [
        ("attempted", clients),
        ("opened", clients),
        ("failed", 0),
        ("closed_early", closed_early),
    ];
    measured.counts(findings, "connections", &truths);
}

/// Adds that each planned message was sent or missed, and none was left for another reason.
fn all_accounted_for(findings: &mut Findings, measured: &MeasuredConnections, load: &StormLoad) {
    measured.counts(findings, "messages", &[("unsent", 0)]);
    let missed = measured.figure("/reconnect/missed");
    let reported = sent(measured) as f64 + missed;
    let planned = load.planned() as f64;
    findings.near("sent or missed", FigureUnit::Count, planned, reported, 0.0);
}

fn sent(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.sent
}

fn received(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.received
}

fn lost(measured: &MeasuredConnections) -> u64 {
    measured.recording.record.counts.lost
}

/// Adds that no attempt failed.
fn none_refused(findings: &mut Findings, measured: &MeasuredConnections) {
    let truths = [
        ("refused", 0),
        ("timed_out", 0),
        ("setup_failed", 0),
        ("own_failed", 0),
    ];
    measured.counts(findings, "reconnect", &truths);
    failed_handshakes(findings, measured);
}

/// Adds that all failed attempts were answered with 503, and that the server did so.
fn refused_with_503(findings: &mut Findings, measured: &MeasuredConnections) {
    none_refused(findings, measured);
    let back = measured.figure("/reconnect/back");
    let attempts = measured.log.refused() as f64 + back;
    let reported = measured.figure("/reconnect/attempts");
    findings.near(
        "503s and clients back",
        FigureUnit::Count,
        attempts,
        reported,
        0.0,
    );
}

fn failed_handshakes(findings: &mut Findings, measured: &MeasuredConnections) {
    let by_status = measured.value("/reconnect/handshake_failed").as_object();
    let failed = |status: &str| {
        by_status
            .and_then(|all| all.get(status)?.as_u64())
            .unwrap_or(0)
    };
    let all = by_status.map_or(0, |all| all.values().filter_map(|n| n.as_u64()).sum());
    findings.count(
        "503s in the server's log",
        measured.log.refused(),
        failed("503"),
    );
    findings.count("other failed handshakes", 0, all - failed("503"));
}

/// Notes noise if the generator sent or began attempts late.
fn note_lateness(findings: &mut Findings, measured: &MeasuredConnections) {
    note_noise(findings, &measured.recording, 0.99, LATE_MS);
    let lag = measured.ms("/reconnect/attempt_lag_ns/p50");
    if lag > LATE_MS && !findings.held_up {
        findings.noise = Some(format!(
            "the generator began half of the attempts {lag:.1} ms late"
        ));
        findings.held_up = true;
    }
}

/// Times until the shares of [`BACK`] of `n` clients are admitted, in milliseconds: by the limit, or by the server's log if
/// the server did not keep to the limit, which is noise.
fn limited_times_ms(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    n: u32,
    per_second: f64,
) -> [f64; 4] {
    let begin_ns = measured.log.first_loss_ns.unwrap_or(0);
    let logged = measured.log.admitted_since(begin_ns);
    BACK.map(|(q, key)| {
        let rule_ms = rank(q, n) as f64 / per_second * 1e3;
        let logged_ms = sorted_quantile_ms(&logged, q);
        // A place that is free while nobody comes is taken a retry later.
        let near_ms = rule_ms * 0.01 + 2.0 * half_pause_ms() * f64::from(u8::from(measured.log.refused() > 0));
        if (rule_ms - logged_ms).abs() <= near_ms {
            return rule_ms;
        }
        if findings.noise.is_none() {
            findings.noise = Some(format!(
                "the server let {key} % through after {logged_ms:.0} ms, but the limit asks for {rule_ms:.0} ms"
            ));
        }
        logged_ms
    })
}

/// Adds the times until clients were back.
fn back(
    findings: &mut Findings,
    measured: &MeasuredConnections,
    times_ms: &[f64; 4],
    against: &str,
) {
    for ((_, key), truth_ms) in BACK.iter().zip(times_ms) {
        let reported = measured.ms(&format!("/reconnect/back_{key}_ns"));
        let figure = format!("{key} % are back{against}");
        findings.ms(figure, *truth_ms, reported, truth_ms * 0.02);
    }
}

/// Adds the connect times in a storm, which count from the loss, as all attempts are due at it.
fn connect_response(findings: &mut Findings, measured: &MeasuredConnections, times_ms: &[f64; 4]) {
    for ((_, key), truth_ms) in CONNECT.iter().zip(times_ms) {
        let reported = measured.ms(&format!("/reconnect/connect_response_ns/{key}"));
        let figure = format!("connect response time {}", key.replace("max", "maximum"));
        findings.ms(figure, *truth_ms, reported, truth_ms * 0.02);
    }
}
