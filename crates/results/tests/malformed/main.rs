//! Files that are bad in every way that was thought of: each is an error that names it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bounded;
#[path = "../files/mod.rs"]
mod files;

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use files::{HEADER, file, workbook};
use measurement::record::{Outcome, Sample};
use results::ResultsError;
use results::read::{
    ColumnRequest, RunPart, read_distribution, read_run, read_timed_latencies, read_timeline,
    read_times,
};
use results::write::Output;
use tempfile::TempDir;
use test_support::fixtures::{recorded, run_of};

/// All parts of a run.
const ALL_PARTS: [RunPart; 6] = [
    RunPart::Summary,
    RunPart::Percentiles,
    RunPart::Timeline,
    RunPart::Histograms,
    RunPart::Samples,
    RunPart::Clients,
];

/// An error as a user sees it, without the folder.
fn said<T>(path: &Path, read: Result<T, ResultsError>) -> String {
    let Err(error) = read else {
        panic!("{} was read", path.display());
    };
    let folder = format!("{}/", path.parent().unwrap().display());
    error.to_string().replace(&folder, "")
}

/// A run of three seconds in a file of this name.
fn run(name: &str) -> (TempDir, std::path::PathBuf) {
    let samples: Vec<_> = (0..30)
        .map(|n| {
            let sent = n * 100_000_000;
            Sample::echoed(0, n, sent, sent, sent + 1_000_000, Outcome::Ok)
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let run = run_of(recorded(&samples), |_| {});
    Output::create(&path).unwrap().write(&run).unwrap();
    (folder, path)
}

#[test]
fn an_empty_file_is_said_to_be_empty_by_every_reader() {
    for name in ["a.xlsx", "a.csv", "a.json", "a.hlog"] {
        let (_folder, path) = file(name, "");
        let wanted = format!("{name} is empty");
        let request = ColumnRequest::default();
        assert_eq!(said(&path, read_times(&path, &request)), wanted);
        assert_eq!(
            said(&path, read_distribution(&path, &request, true)),
            wanted
        );
        assert_eq!(said(&path, read_timeline(&path, &request)), wanted);
        assert_eq!(said(&path, read_timed_latencies(&path, &request)), wanted);
        assert_eq!(said(&path, read_run(&path, &ALL_PARTS)), wanted);
    }
}

#[test]
fn a_truncated_file_of_ours_is_said_to_be_so() {
    for name in ["a.xlsx", "a.json", "a.hlog"] {
        let (_folder, path) = run(name);
        let whole = fs::read(&path).unwrap();
        // Within the base64 of the last line; a break between lines leaves a log that is whole.
        fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        let request = ColumnRequest::default();
        for said in [
            said(&path, read_distribution(&path, &request, false)),
            said(&path, read_timeline(&path, &request)),
            said(&path, read_run(&path, &ALL_PARTS)),
        ] {
            assert!(said.contains(name), "{said}");
            assert!(said.contains("truncated or damaged"), "{said}");
        }
    }
}

#[test]
fn an_encrypted_workbook_is_said_to_be_encrypted() {
    // As Office does: the third version of the container, a short stream and a long one.
    let memory = Cursor::new(Vec::new());
    let mut container = cfb::CompoundFile::create_with_version(cfb::Version::V3, memory).unwrap();
    for (name, bytes) in [("/EncryptionInfo", 200), ("/EncryptedPackage", 5_000)] {
        let mut stream = container.create_stream(name).unwrap();
        stream.write_all(&vec![7; bytes]).unwrap();
    }
    container.flush().unwrap();
    let bytes = container.into_inner().into_inner();
    for name in ["a.xlsx", "a.xls", "a.xlsm"] {
        let (_folder, path) = file(name, &bytes);
        let wanted = format!("{name} is encrypted: save it without a password");
        assert_eq!(
            said(&path, read_times(&path, &ColumnRequest::default())),
            wanted
        );
        assert_eq!(said(&path, read_run(&path, &ALL_PARTS)), wanted);
    }
}

#[test]
fn one_row_is_enough() {
    let (_folder, path) = workbook(&[("latencies", &[HEADER, "1|0|0|0.5|2.5|3.5|ok"])]);
    let times = read_times(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.times.skipped),
        (&[2.5][..], 0)
    );
    let both = read_distribution(&path, &ColumnRequest::default(), true).unwrap();
    let values: Vec<_> = both.iter().map(|one| one.times.values_ms[0]).collect();
    assert_eq!(values, [2.5, 3.5]);
    let moments = read_timed_latencies(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(
        (moments.at_s[0], moments.column.times.values_ms[0]),
        (0.5, 2.5)
    );
    let (_folder, path) = file("a.csv", "latency_ms\n7\n");
    let times = read_times(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(times.times.values_ms, [7.0]);
}

#[test]
fn what_is_no_number_of_the_second_column_either_is_named_by_its_cell() {
    let header = HEADER.replace('|', ",");
    for (sent, response, cell, found) in [
        ("0.5", "NaN", "F3", "NaN"),
        ("0.5", "-1", "F3", "-1, which is below zero"),
        ("0.5", "slow", "F3", "the text `slow`"),
        ("-2", "1", "D3", "-2, which is below zero"),
        ("NaN", "1", "D3", "NaN"),
        ("soon", "1", "D3", "the text `soon`"),
    ] {
        let text = format!("{header}\n1,0,0,0,1,1,ok\n1,1,0,{sent},1,{response},ok\n");
        let (_folder, path) = file("a.csv", text);
        let wanted = format!("cell {cell} of a.csv holds {found}, not a time");
        let request = ColumnRequest::default();
        if cell == "F3" {
            assert_eq!(
                said(&path, read_distribution(&path, &request, true)),
                wanted
            );
        } else {
            assert_eq!(said(&path, read_timed_latencies(&path, &request)), wanted);
        }
        assert_eq!(said(&path, read_timeline(&path, &request)), wanted);
    }
}

#[test]
fn rows_that_cannot_be_counted_are_refused() {
    let header = HEADER.replace('|', ",");
    let read = |rows: &str| {
        let (_folder, path) = file("a.csv", format!("{header}\n{rows}"));
        said(&path, read_timeline(&path, &ColumnRequest::default()))
    };
    assert_eq!(
        read("1,0,0,2,1,1,ok\n1,1,0,1,1,1,ok\n"),
        "row 3 of a.csv was sent before the row above it: sort the rows by sent_s"
    );
    assert!(
        read("1,0,0,1,1,1,ok\n1,7,0,1,1,1,ok\n")
            .starts_with("a.csv holds 2 rows chosen at random from 8 messages or more")
    );
    assert_eq!(
        read("1,0,0,1e9,1,1,ok\n"),
        "cell D2 of a.csv holds 1000000000 s, which is more than a month, not a time"
    );
    assert_eq!(
        read("1,0.5,0,1,1,1,ok\n"),
        "cell B2 of a.csv holds 0.5, not a count"
    );
}

#[test]
fn a_sheet_of_seconds_with_other_things_in_it_is_refused() {
    let header = "second|sent|received|service_p50_ms|service_p99_ms|response_p99_ms|max_ms|failed";
    for (row, wanted) in [
        (
            "x|1|1|1|1|1|1|0",
            "cell timeline!A2 of book.xlsx holds the text `x`, not a number",
        ),
        (
            "0|-1|1|1|1|1|1|0",
            "cell timeline!B2 of book.xlsx holds -1, not a count",
        ),
        (
            "0|1|1|-5|1|1|1|0",
            "cell timeline!D2 of book.xlsx holds -5, which is below zero, not a time",
        ),
        (
            "0|1|1|1|1|1|1|0.5",
            "cell timeline!H2 of book.xlsx holds 0.5, not a count",
        ),
    ] {
        let (_folder, path) = workbook(&[("timeline", &[header, row])]);
        assert_eq!(
            said(&path, read_timeline(&path, &ColumnRequest::default())),
            wanted
        );
    }
    let (_folder, path) = workbook(&[("timeline", &["second|sent|received|seconds", "0|1|1|3"])]);
    assert_eq!(
        said(&path, read_timeline(&path, &ColumnRequest::default())),
        "cell timeline!D2 of book.xlsx holds 3, not a length of a row"
    );
    // As it was before failures were counted.
    let (_folder, path) = workbook(&[(
        "timeline",
        &["second|sent|received|max_ms", "0|5|4|1.5", "1|2|2|-"],
    )]);
    let run = read_timeline(&path, &ColumnRequest::default()).unwrap();
    let rows = run.timeline.unwrap().rows;
    assert_eq!(
        (rows[0].sent, rows[0].failed, rows[0].max_ns),
        (5, 0, Some(1_500_000))
    );
    assert_eq!((rows[1].received, rows[1].max_ns), (2, None));
}

#[test]
fn what_a_file_does_not_carry_is_said_with_what_does() {
    let request = ColumnRequest::default();
    let (_folder, json) = run("r.json");
    assert_eq!(
        said(&json, read_times(&json, &request)),
        "r.json holds no single messages, which the kind latency needs: give the .xlsx or .csv of the run"
    );
    assert_eq!(
        said(&json, read_timed_latencies(&json, &request)),
        "r.json holds no send times of messages, which the kind heatmap needs: give the .xlsx, .csv or .hlog of the run"
    );
    let (_folder, log) = run("r.hlog");
    assert!(said(&log, read_times(&log, &request)).contains("single messages"));
    let (_folder, other) = file("a.csv", "latency_ms\n1\n2\n");
    assert!(
        said(&other, read_timed_latencies(&other, &request))
            .contains("which the kind heatmap needs")
    );
    assert!(
        said(&other, read_timeline(&other, &request)).contains("which the kind timeline needs")
    );
    assert!(
        said(&other, read_run(&other, &ALL_PARTS))
            .starts_with("a.csv holds no run of ws-bench: give")
    );
}

#[test]
fn a_document_from_before_it_held_more_than_the_summary_is_read_for_that() {
    let (_folder, path) = run("r.json");
    let mut document: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for key in ["percentiles", "timeline", "histograms"] {
        document.as_object_mut().unwrap().remove(key).unwrap();
    }
    fs::write(&path, document.to_string()).unwrap();
    let old = read_run(&path, &ALL_PARTS).unwrap();
    assert_eq!(old.summary.unwrap().messages.sent, 30);
    assert!(old.timeline.is_none() && old.percentiles.is_none());
    let request = ColumnRequest::default();
    assert_eq!(
        said(&path, read_timeline(&path, &request)),
        "r.json holds no figures of each second, which the kind timeline needs: give the .xlsx, .csv or .hlog of the run, or a .json of a newer ws-bench"
    );
    assert!(said(&path, read_distribution(&path, &request, false)).contains("histogram, cdf"));
}

#[test]
fn json_and_logs_of_something_else_are_told_apart() {
    let (_folder, path) = file("a.json", "{\"a\": 1}");
    assert_eq!(
        said(&path, read_run(&path, &ALL_PARTS)),
        "a.json is not a file of ws-bench: it does not hold the summary of a run"
    );
    let (_folder, path) = file(
        "a.hlog",
        "#[Logged with x]\n\"StartTimestamp\",\"Interval_Length\"\n",
    );
    let request = ColumnRequest::default();
    assert_eq!(
        said(&path, read_distribution(&path, &request, false)),
        "a.hlog has no rows"
    );
    let (_folder, path) = file("a.hlog", "#[Logged with x]\n0.000,1.000,5.0,HISTFAAAAE\n");
    assert_eq!(
        said(&path, read_distribution(&path, &request, false)),
        "a.hlog is truncated or damaged: line 2 is not an interval of a log"
    );
    let (_folder, path) = file("a.hlog", b"#[Logged with x]\n\xff\xfe,\n");
    assert!(said(&path, read_distribution(&path, &request, false)).contains("line 2"));
}

#[test]
fn what_a_later_version_wrote_is_not_guessed_at() {
    let (_folder, path) = run("a.json");
    let text = fs::read_to_string(&path).unwrap();
    let later = text.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert_ne!(text, later);
    // Nor is it looked at whether the keys are still the same.
    for text in [later, "{\"schema\": 2, \"what\": []}".to_owned()] {
        fs::write(&path, text).unwrap();
        let wanted = "a.json has schema 2, but this version reads schemas up to 1: use the version that wrote the file";
        assert_eq!(said(&path, read_run(&path, &ALL_PARTS)), wanted);
        assert_eq!(
            said(&path, read_timeline(&path, &ColumnRequest::default())),
            wanted
        );
        assert_eq!(
            said(
                &path,
                read_distribution(&path, &ColumnRequest::default(), false)
            ),
            wanted
        );
    }
}
