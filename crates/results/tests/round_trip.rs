//! What the writers write is what the reader reads.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use measurement::record::{Difference, DifferenceKind, Outcome, Sample};
use measurement::run::{CloseFrameCount, PayloadBytes};
use measurement::run::{Run, Samples};
use proptest::prelude::*;
use results::read::{ColumnRequest, Metric, RunPart, read_run, read_times};
use results::write::Output;
use test_support::fixtures::{recorded, summary_of};

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (
        0..1_000_000_u64,
        0..1_000_u64,
        0..50_000_000_u64,
        0..5_usize,
        any::<bool>(),
    );
    prop::collection::vec(sample, 1..40).prop_map(|drawn| {
        let mut sent = 0;
        (0..)
            .zip(drawn)
            .map(|(message, (gap, lag, service, outcome, over_stop))| {
                sent += gap;
                let mut sample = match Outcome::ALL[outcome] {
                    Outcome::Lost => Sample::lost(0, message, sent, sent + lag),
                    outcome => {
                        Sample::echoed(0, message, sent, sent + lag, sent + lag + service, outcome)
                    }
                };
                sample.over_stop = over_stop;
                sample
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_time_comes_back(samples in samples(), is_csv: bool, is_response: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if is_csv { "a.csv" } else { "a.xlsx" });
        save(&path, &samples);

        let metric = if is_response { Metric::ResponseTime } else { Metric::ServiceTime };
        let expected: Vec<f64> = samples
            .iter()
            .filter(|sample| sample.outcome.is_timed())
            .filter_map(|sample| if is_response { sample.response_time_ns() } else { sample.service_time_ns() })
            .map(|ns| ns as f64 / 1e6)
            .collect();
        let read = read_times(&path, &ColumnRequest { metric, ..ColumnRequest::default() });
        if expected.is_empty() {
            prop_assert!(read.is_err());
            return Ok(());
        }
        let times = read.unwrap();
        prop_assert_eq!(times.times.skipped, (samples.len() - expected.len()) as u64);
        prop_assert_eq!(&times.times.values_ms, &expected);
        prop_assert_eq!(times.metric, Some(metric));
        if is_csv {
            prop_assert_eq!(times.run, None);
        } else {
            let run = times.run.unwrap();
            prop_assert_eq!(run.urls, ["ws://127.0.0.1:8000/ws"]);
            prop_assert_eq!(run.clients, Some(3));
            prop_assert_eq!(run.timed_messages, Some(times.times.values_ms.len() as u64));
            prop_assert_eq!(run.payload_bytes, Some(PayloadBytes::Range { min: 64, max: 4096 }));
            prop_assert_eq!(run.tool.as_deref(), Some("ws-bench 0"));
        }
    }

    #[test]
    fn every_message_comes_back_marked_as_it_was(samples in samples(), is_csv: bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if is_csv { "a.csv" } else { "a.xlsx" });
        save(&path, &samples);
        let read = read_run(&path, &[RunPart::Samples]).unwrap().samples.unwrap();
        prop_assert_eq!(read.rows, samples);
    }

    #[test]
    fn a_csv_without_the_mark_of_stops_is_still_ours(samples in samples()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        save(&path, &samples);
        let text = std::fs::read_to_string(&path).unwrap();
        let without_last = |line: &str| line.rsplit_once(',').unwrap().0.to_owned() + "\n";
        let older: String = text.lines().map(without_last).collect();
        prop_assert!(older.starts_with(
            "client,message,intended_s,sent_s,service_time_ms,response_time_ms,outcome\n"
        ));
        std::fs::write(&path, older).unwrap();
        let read = read_run(&path, &[RunPart::Samples]).unwrap().samples.unwrap();
        let mut unmarked = samples;
        unmarked.iter_mut().for_each(|sample| sample.over_stop = false);
        prop_assert_eq!(read.rows, unmarked);
    }
}

/// Saves a run of these messages.
fn save(path: &Path, samples: &[Sample]) {
    let run = Run {
        summary: Some(summary_of(&recorded(samples))),
        samples: Some(Samples {
            rows: samples.to_vec(),
            chosen_from: None,
        }),
        ..Run::default()
    };
    Output::create(path).unwrap().write(&run).unwrap();
}

/// A workbook of a version that did not write the mark of stops.
#[test]
fn a_workbook_without_the_mark_of_stops_is_still_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet().set_name("latencies").unwrap();
    for (column, title) in (0..7).zip(results::LATENCIES_COLUMNS) {
        sheet.write_string(0, column, title).unwrap();
    }
    for (column, number) in (0..6).zip([3.0, 4.0, 0.5, 0.5, 1.5, 1.5]) {
        sheet.write_number(1, column, number).unwrap();
    }
    sheet.write_string(1, 6, "ok").unwrap();
    workbook.save(&path).unwrap();
    let times = read_times(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(times.times.values_ms, [1.5]);
    assert!(!times.column_is_guessed);
}

/// A workbook has no difference between an empty text and nothing.
#[test]
fn empty_texts_of_a_summary_are_read_back_from_a_workbook() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    let mut summary = summary_of(&recorded(&[Sample::lost(0, 0, 1, 1)]));
    (summary.host.os, summary.host.kernel, summary.host.cpu) = Default::default();
    summary.connections.close_reasons = vec![CloseFrameCount {
        code: Some(1000),
        reason: String::new(),
        count: 1,
    }];
    let no_bytes = DifferenceKind::Length { sent: 16, came: 0 };
    summary.messages.differences = vec![Difference::new(no_bytes, None, b"")];
    summary.command_line = Some(vec!["ws-bench".to_owned(), String::new()]);
    let run = Run {
        summary: Some(summary),
        ..Run::default()
    };
    Output::create(&path).unwrap().write(&run).unwrap();
    let read = read_run(&path, &[RunPart::Summary]).unwrap();
    assert_eq!(read.summary, run.summary);
}
