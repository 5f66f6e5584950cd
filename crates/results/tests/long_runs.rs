//! Files of runs that were longer than an hour, whose rows are longer than a second.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use measurement::record::{BottomK, Outcome, Recorder, RowRule, Sample, TimelineRow};
use measurement::run::{DriftDirection, DriftSummary, DriftingFigure, FigureDrift, Run};
use results::read::{
    ColumnRequest, RunPart, read_logged_seconds, read_partial_log, read_run, read_timeline,
};
use results::write::{GrowingLog, Output};
use test_support::fixtures::{logged_seconds, run_of};

const DAY_S: u64 = 86_400;

/// A run of a day with one echo every 31 seconds.
fn day(measured: Option<Duration>) -> Run {
    let budget = BottomK::new(10, 1);
    let mut recorder = Recorder::new(false, 0).with_rows(RowRule::for_timeline(measured));
    for (message, second) in (0..DAY_S).step_by(31).enumerate() {
        let sent_ns = second * 1_000_000_000;
        // In the middle of 10 µs.
        let received_ns = sent_ns + 1_005_000 + message as u64 % 7 * 10_000;
        recorder.sent(sent_ns, sent_ns);
        let sample = Sample::echoed(
            0,
            message as u64,
            sent_ns,
            sent_ns,
            received_ns,
            Outcome::Ok,
        );
        recorder.ended(&budget, sample, 125);
    }
    run_of(Recorder::merge(vec![recorder], &budget), |summary| {
        summary.elapsed_s = 86_400.0;
        summary.drift = Some(drift());
    })
}

fn drift() -> DriftSummary {
    DriftSummary {
        over_s: 86_400.0,
        confidence: 0.95,
        figures: vec![FigureDrift {
            figure: DriftingFigure::P99,
            unit: "ns".to_owned(),
            median: 2e6,
            per_hour: 62_000.0,
            low_per_hour: 48_000.0,
            high_per_hour: 78_000.0,
            relative_per_hour: Some(0.031),
            relative_low_per_hour: Some(0.024),
            relative_high_per_hour: None,
            p_value: 1e-9,
            blocks: 108,
            block_s: 800.0,
            direction: DriftDirection::Rises,
        }],
    }
}

fn rows(path: &Path) -> Vec<TimelineRow> {
    let run = read_timeline(path, &ColumnRequest::default()).unwrap();
    run.timeline.unwrap().rows
}

/// Time, count, and the largest time to 10 µs, because logs hold buckets.
fn figures(row: &TimelineRow) -> (u64, u64, u64, Option<u64>) {
    let max_10us = row.max_ns.map(|ns| ns / 10_000);
    (row.second, row.seconds.get(), row.received, max_10us)
}

#[test]
fn a_day_comes_back_from_every_file_in_rows_of_fifty_seconds() {
    let run = day(Some(Duration::from_secs(DAY_S)));
    let whole = &run.timeline.as_ref().unwrap().rows;
    assert_eq!(whole.len() as u64, DAY_S / 50);
    let folder = tempfile::tempdir().unwrap();
    for (name, largest) in [
        ("day.xlsx", 400_000),
        ("day.json", 900_000),
        ("day.hlog", 600_000),
    ] {
        let path = folder.path().join(name);
        Output::create(&path).unwrap().write(&run).unwrap();
        let found = rows(&path);
        assert!(
            found.iter().map(figures).eq(whole.iter().map(figures)),
            "{name}"
        );
        let bytes = path.metadata().unwrap().len();
        assert!(bytes < largest, "{name}: {bytes} B");
        if !name.ends_with("hlog") {
            let summary = read_run(&path, &[RunPart::Summary]).unwrap().summary;
            assert_eq!(summary.unwrap().drift, Some(drift()), "{name}");
        }
    }
}

#[test]
fn the_rows_of_a_log_that_grew_are_longer_and_longer() {
    let run = day(None);
    let whole = &run.timeline.as_ref().unwrap().rows;
    assert!(whole.iter().all(|row| row.seconds.get() == 100));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("day.hlog");
    let tool = run.summary.as_ref().unwrap().tool.clone();
    let mut log = GrowingLog::create(&path, tool).unwrap();
    let logged = logged_seconds(&run);
    logged.iter().for_each(|second| log.append(second));
    let partial = log.path().to_owned();
    let (found, state) = read_logged_seconds(&partial).unwrap();
    assert_eq!((found, state.through_s), (logged, DAY_S));
    assert_eq!(read_partial_log(&partial).unwrap(), Some(state));
    assert!(
        rows(&partial)
            .iter()
            .map(figures)
            .eq(whole.iter().map(figures))
    );
}
