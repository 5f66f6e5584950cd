//! What is shown, as arithmetic.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use clap::Parser;
use measurement::record::{LatencyHistogram, OpenLoopRecord, Record};
use measurement::verdict::GeneratorUsage;

use super::*;
use crate::args::Args;

pub(crate) fn plan(line: &str) -> Plan {
    let url = "ws://127.0.0.1:8000/ws";
    let words = ["ws-bench", url].into_iter().chain(line.split_whitespace());
    let args = Args::try_parse_from(words).unwrap();
    args.plan(url, false).unwrap()
}

/// So many times of `step_ns` × 1, 2, 3, …
fn times(count: u64, step_ns: u64) -> LatencyHistogram {
    let mut times = LatencyHistogram::new();
    (1..=count).for_each(|n| times.record(n * step_ns));
    times
}

/// A run in the middle of its measured phase: so many messages in five seconds.
pub(crate) fn measuring(messages: u64, is_open: bool) -> Progress {
    let mut record = Record {
        service: times(messages, 10),
        ..Record::default()
    };
    record.counts.sent = messages + 10;
    record.counts.received = messages;
    record.in_time.messages = messages;
    record.in_time.payload_bytes = messages * 125;
    record.open_loop = is_open.then(|| {
        Box::new(OpenLoopRecord {
            response: times(messages, 15),
            send_lag: times(messages, 1),
            sent_in_time: messages + 10,
            ..OpenLoopRecord::default()
        })
    });
    Progress {
        phase: Phase::Measure,
        in_phase: Duration::from_secs(5),
        connections: Connections {
            attempted: 100,
            opened: 100,
            ..Connections::default()
        },
        record,
        usage: GeneratorUsage {
            cpu_per_core: Some(0.71),
            run_queue_wait_share: Some(0.01),
            ..GeneratorUsage::default()
        },
        elapsed_s: 5.0,
    }
}

/// The history of a run that always went as it goes now.
pub(crate) fn history(now: &Progress) -> History {
    let mut history = History::default();
    for (n, elapsed_s) in [1.0, 2.0, 3.0, 4.0, 5.0].into_iter().enumerate() {
        let share = (n + 1) as u64;
        let part = measuring(
            now.record.service.count() * share / 5,
            now.record.open_loop.is_some(),
        );
        history.note(&Progress { elapsed_s, ..part });
    }
    history
}

pub(crate) fn view(plan: &Plan, progress: &Progress, columns: usize) -> View {
    let look = Look {
        plan,
        progress,
        history: &history(progress),
        calibration: None,
        is_stopped: false,
    };
    View::of(&look, columns)
}

fn text<'a>(rows: &'a [Row], label: &str) -> &'a str {
    let row = rows.iter().find(|row| row.label == label);
    row.map_or("missing", |row| row.text.as_str())
}

#[test]
fn a_closed_loop_shows_its_rate_and_one_time() {
    let view = view(&plan("-d 20s"), &measuring(200_000, false), 40);
    assert_eq!(text(&view.load, "clients"), "100 of 100 up");
    assert_eq!(text(&view.load, "echoed now"), "40,000 msg/s");
    assert_eq!(text(&view.load, "average"), "40,000 msg/s · 4.8 MiB/s");
    assert_eq!(
        text(&view.load, "messages"),
        "200,010 sent · 200,000 echoed"
    );
    assert_eq!(text(&view.load, "generator"), "71 % of a core · waited 1 %");
    // What only an open loop has.
    assert_eq!(text(&view.load, "sent now"), "missing");
    assert_eq!(text(&view.load, "send lag"), "missing");
    assert_eq!(view.times.columns, ["service"]);
    assert_eq!(view.times.rows[0], ("p50", vec!["1.00 ms".to_owned()]));
    assert_eq!(view.histograms.len(), 1);
    assert_eq!(view.curves.len(), 2);
    assert_eq!(
        (view.share, view.time_left),
        (0.25, Some("15 s left".to_owned()))
    );
    assert_eq!((view.verdict, view.verdict_tone), ("valid", Tone::Good));
    assert!(view.errors.is_empty());
}

#[test]
fn an_open_loop_shows_what_was_asked_and_response_times_first() {
    let plan = plan("-d 20s -r 40_000");
    let view = view(&plan, &measuring(200_000, true), 40);
    assert_eq!(text(&view.load, "sent now"), "40,000 of 40,000 msg/s asked");
    assert_eq!(text(&view.load, "send lag"), "p50 100 µs · p99 198 µs");
    assert_eq!(view.times.columns, ["service", "response"]);
    assert_eq!(
        view.times.rows[2],
        ("p99", vec!["1.98 ms".to_owned(), "2.97 ms".to_owned()])
    );
    let of: Vec<_> = view.histograms.iter().map(|bars| bars.of).collect();
    assert_eq!(of, ["response time", "service time"]);
    assert!(view.curves.iter().all(|curve| curve.points.len() == 5));
    assert_eq!(view.curves[2].of, "response");
    assert_eq!(view.verdict, "valid");
}

#[test]
fn the_rate_that_is_asked_for_follows_the_ramp() {
    let plan = plan("-d 20s -r 40_000 --ramp 10s");
    let view = view(&plan, &measuring(50_000, true), 40);
    assert!(
        text(&view.load, "sent now").ends_with("of 20,000 msg/s asked"),
        "{:?}",
        view.load
    );
}

#[test]
fn a_rate_that_is_not_kept_is_said_while_it_goes_on() {
    let plan = plan("-d 20s -r 80_000");
    let view = view(&plan, &measuring(200_000, true), 40);
    assert_eq!(
        (view.verdict, view.verdict_tone),
        ("suspect", Tone::Warning)
    );
    assert!(
        view.reasons[0].starts_with("50 % of the offered rate"),
        "{:?}",
        view.reasons
    );
}

#[test]
fn before_anything_is_measured_there_is_no_verdict() {
    for phase in [Phase::Connect, Phase::WarmUp] {
        let progress = Progress {
            phase,
            ..Progress::default()
        };
        let look = Look {
            plan: &plan(""),
            progress: &progress,
            history: &History::default(),
            calibration: None,
            is_stopped: false,
        };
        let view = View::of(&look, 40);
        assert_eq!(view.verdict, "nothing measured yet");
        assert!(view.reasons.is_empty() && view.histograms.is_empty());
        assert_eq!(text(&view.load, "echoed now"), "– msg/s");
    }
}

#[test]
fn the_phase_that_runs_is_marked() {
    let view = view(&plan("-d 20s"), &measuring(1_000, false), 40);
    let steps: Vec<_> = view.phases.iter().map(|(_, step)| *step).collect();
    use Step::{Ahead, Done, Now};
    assert_eq!(steps, [Done, Done, Now, Ahead, Ahead]);
}

#[test]
fn errors_are_told_by_kind_and_connections_by_reason() {
    let mut progress = measuring(200_000, false);
    progress.record.counts.lost = 3;
    progress.record.counts.timed_out = 1_000;
    progress.connections.failed = 2;
    progress.connections.failures = BTreeMap::from([("connection refused".to_owned(), 2)]);
    progress.connections.closed_early = 1;
    progress.connections.early_ends = BTreeMap::from([("reset by peer".to_owned(), 1)]);
    let view = view(&plan("-d 20s"), &progress, 40);
    let errors: Vec<_> = view
        .errors
        .iter()
        .map(|row| (row.label, row.text.as_str()))
        .collect();
    assert_eq!(
        errors,
        [
            ("lost", "3"),
            ("timed out", "1,000"),
            ("failed", "2 · connection refused"),
            ("ended early", "1 · reset by peer"),
        ]
    );
    assert_eq!(
        text(&view.load, "clients"),
        "100 of 100 up · 2 failed · 1 ended early"
    );
    assert_eq!(view.verdict, "suspect");
    assert!(view.reasons[0].starts_with("3 of 100 connections failed or ended early"));
}

#[test]
fn a_run_that_the_user_ended_says_so() {
    let (plan, progress) = (plan("-d 20s"), measuring(200_000, false));
    let look = Look {
        plan: &plan,
        progress: &progress,
        history: &History::default(),
        calibration: None,
        is_stopped: true,
    };
    let view = View::of(&look, 40);
    assert!(view.keys.contains("saves nothing"));
    assert!(view.reasons.iter().any(|r| r.starts_with("ended early")));
}

#[test]
fn long_times_are_in_minutes() {
    let text = |s| time_left(Duration::from_secs(s));
    assert_eq!(
        (text(119), text(120), text(3_661)),
        (
            "119 s left".to_owned(),
            "2 min 00 s left".to_owned(),
            "61 min 01 s left".to_owned()
        )
    );
}
