//! The text, line by line.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use measurement::record::{OpenLoopRecord, Record};
use measurement::run::Connections;

use super::*;
use crate::tui::plan_for_tests as plan;

/// The samples of a page by their names, labels included.
fn samples(plan: &Plan, progress: &Progress) -> BTreeMap<String, f64> {
    let text = render(plan, progress).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    samples.collect()
}

fn progress() -> Progress {
    let mut record = Record::default();
    for ns in [5_000, 10_000, 16_100, 70_000, 900_000_000, 200_000_000_000] {
        record.service.record(ns);
    }
    record.counts.sent = 9;
    record.counts.received = 6;
    record.counts.lost = 2;
    record.in_time.messages = 6;
    record.in_time.payload_bytes = 750;
    Progress {
        phase: Phase::Measure,
        connections: Connections {
            attempted: 3,
            opened: 2,
            failed: 1,
            ..Connections::default()
        },
        record,
        elapsed_s: 3.0,
        ..Progress::default()
    }
}

#[test]
fn counters_are_those_of_the_run() {
    let found = samples(&plan("-d 20s"), &progress());
    for (name, value) in [
        ("connections_attempted_total", 3.0),
        ("connections_opened_total", 2.0),
        ("connections_failed_total", 1.0),
        ("messages_sent_total", 9.0),
        ("messages_received_total", 6.0),
        ("messages_lost_total", 2.0),
        ("messages_corrupted_total", 0.0),
        ("echoed_payload_bytes_total", 750.0),
        ("achieved_rate_messages_per_second", 2.0),
        ("measured_seconds", 3.0),
        ("phase{phase=\"measure\"}", 1.0),
        ("phase{phase=\"warm-up\"}", 0.0),
    ] {
        assert_eq!(
            found.get(&format!("ws_bench_{name}")),
            Some(&value),
            "{name}"
        );
    }
    let offered = "ws_bench_offered_rate_messages_per_second";
    assert!(!found.contains_key(offered), "a closed loop asks for none");
}

#[test]
fn every_message_is_in_a_bucket() {
    let found = samples(&plan("-d 20s"), &progress());
    let bucket = |le: &str| {
        let name = format!("ws_bench_service_time_seconds_bucket{{le=\"{le}\"}}");
        found
            .get(&name)
            .copied()
            .unwrap_or_else(|| panic!("no {name} in {found:#?}"))
    };
    assert_eq!(bucket("1e-05"), 2.0, "a bound belongs to its bucket");
    assert_eq!(bucket("1.6e-05"), 2.0);
    assert_eq!(bucket("2.5e-05"), 3.0);
    assert_eq!(bucket("0.0001"), 4.0);
    assert_eq!(bucket("1"), 5.0);
    assert_eq!(bucket("100"), 5.0);
    assert_eq!(bucket("+Inf"), 6.0);
    assert_eq!(found["ws_bench_service_time_seconds_count"], 6.0);
    let sum = found["ws_bench_service_time_seconds_sum"];
    assert!((sum - 200.900_101_1).abs() < 1e-9, "{sum}");
    // In closed loop a message is due when it is sent.
    assert_eq!(found["ws_bench_response_time_seconds_count"], 6.0);
}

#[test]
fn an_open_loop_has_response_times_and_an_offered_rate_of_its_own() {
    let mut progress = progress();
    let mut open = OpenLoopRecord::default();
    open.response.record(1_000_000_000);
    progress.record.open_loop = Some(Box::new(open));
    let found = samples(&plan("-d 20s -r 100 --ramp 6s"), &progress);
    assert_eq!(found["ws_bench_response_time_seconds_count"], 1.0);
    assert_eq!(found["ws_bench_response_time_seconds_sum"], 1.0);
    assert_eq!(found["ws_bench_service_time_seconds_count"], 6.0);
    assert_eq!(found["ws_bench_offered_rate_messages_per_second"], 50.0);
}

#[test]
fn a_run_that_has_not_begun_has_all_figures_at_zero() {
    let fresh = samples(&plan("-d 20s"), &Progress::default());
    let later = samples(&plan("-d 20s"), &progress());
    assert!(
        fresh.keys().eq(later.keys()),
        "the same names from the start"
    );
    let mut not_zero = fresh.iter().filter(|(_, value)| **value != 0.0);
    let connect = "ws_bench_phase{phase=\"connect\"}".to_owned();
    assert_eq!(not_zero.next(), Some((&connect, &1.0)));
    assert_eq!(not_zero.next(), None);
}

#[test]
fn every_name_is_explained_once() {
    let text = render(&plan("-d 20s -r 100"), &progress()).unwrap();
    for kind in ["HELP", "TYPE"] {
        let names = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(&format!("# {kind} "))?;
            rest.split(' ').next()
        });
        let mut names: Vec<_> = names.collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{kind}");
        assert_eq!(count, 21, "{kind}");
        assert!(names.iter().all(|name| name.starts_with("ws_bench_")));
    }
}

#[test]
fn buckets_rise_by_the_same_factor() {
    let bounds = bounds();
    assert_eq!(bounds.first(), Some(&10_000));
    assert_eq!(bounds.last(), Some(&100_000_000_000));
    for pair in bounds.windows(2) {
        let factor = pair[1] as f64 / pair[0] as f64;
        assert!((1.55..1.62).contains(&factor), "{pair:?}");
    }
}
