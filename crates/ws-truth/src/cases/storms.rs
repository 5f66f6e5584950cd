//! Cases about connections that are lost all at once and opened again.
//!
//! A server lets A handshakes a second through after the loss, in order of arrival. Of N clients, client k, from 1, is back
//! after k/A, so a share q of them is back after ⌈q·N⌉/A.

use std::time::Duration;

use measurement::plan::{DropMethod, ReconnectLaw};

use super::Case;
use super::measured_run::{MeasuredConnections, parse, sorted_quantile_ms};
use super::storm_load::{
    BACK, BACKOFF, StormLoad, all_accounted_for, back, connect_response, connections, delay_ns,
    half_pause_ms, has_too_few_files, ms, none_refused, note_lateness, rank, refused_with_503,
    sent,
};
use crate::admission_log::LoggedEnd;
use crate::admission_rules::{AdmissionRules, ExcessHandshakes, HandshakeLimit, LimitBegin};
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
        name: "storm-setup",
        truth: "500 clients, 200 handshakes a second, and a setup that waits 300 ms for a greeting: clients are back 300 ms after the handshake",
        examine: storm_with_setup,
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
];

pub(super) const CASES: &[Case] = &[Case {
    name: "missed",
    truth: "1,000/s for 3 s, 100 clients drop their connections and are back one after the other within 1 s: sent and missed are 3,000, and what the server left unanswered was in flight",
    examine: missed,
}];

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

fn storm_with_setup(findings: &mut Findings) -> anyhow::Result<()> {
    const PER_SECOND: f64 = 200.0;
    const GREETING_AFTER: Duration = ms(300);
    let load = StormLoad {
        clients: 500,
        rate: 500,
        length: ms(4_000),
        drop: Some((1.0, DropMethod::Reset)),
        law: ReconnectLaw::Now,
    };
    if has_too_few_files(findings, load.clients) {
        return Ok(());
    }
    let rules = AdmissionRules {
        greeting_after: Some(GREETING_AFTER),
        ..limited(PER_SECOND, ExcessHandshakes::Wait)
    };
    let scenario = parse(("greeted.toml", include_str!("greeted.toml")))?;
    let measured = load.measure_with(rules, |plan| plan.scenario = Some(scenario))?;
    planned_drop(findings, &measured, &load, load.clients);
    none_refused(findings, &measured);
    measured.counts(findings, "setup", &[("ready", 500), ("failed", 0)]);
    note_lateness(findings, &measured);
    let times = limited_times_ms(findings, &measured, load.clients, PER_SECOND);
    connect_response(findings, &measured, &times);
    let times = times.map(|time_ms| time_ms + GREETING_AFTER.as_secs_f64() * 1e3);
    back(findings, &measured, &times, "");
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

fn missed(findings: &mut Findings) -> anyhow::Result<()> {
    let load = StormLoad {
        clients: 100,
        rate: 1_000,
        length: ms(3_000),
        drop: Some((1.0, DropMethod::Reset)),
        law: ReconnectLaw::Now,
    };
    let measured = load.measure(AdmissionRules {
        // Long before the drop, so that every answer has come by then.
        silent_after: Some(ms(200)),
        ..limited(100.0, ExcessHandshakes::Wait)
    })?;
    planned_drop(findings, &measured, &load, load.clients);
    none_refused(findings, &measured);
    let in_flight = measured.log.unanswered();
    measured.counts(findings, "reconnect", &[("in_flight", in_flight)]);
    measured.counts(findings, "messages", &[("abandoned", in_flight)]);
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
    measured.counts(findings, "messages", &[("lost", 0)]);
    all_accounted_for(findings, measured, load);
    measured.judge_failure(findings, false);
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
