//! Reading files of somebody else, and files that cannot be read.

#![allow(clippy::unwrap_used)]

mod files;

use std::fs;
use std::path::{Path, PathBuf};

use files::{HEADER, file, message, workbook};
use proptest::prelude::*;
use results::read::{ColumnRequest, Metric, TimeColumn, TimeUnit, read_times};
use results::{ColumnProblem, ResultsError};

const PANDAS: [f64; 5] = [1.25, 0.5, 3.0, 2.125, 0.75];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn read(path: &Path) -> Result<TimeColumn, ResultsError> {
    read_times(path, &ColumnRequest::default())
}

#[test]
fn a_file_from_pandas_is_its_column_and_never_its_index() {
    for name in ["pandas.xlsx", "pandas.ods", "pandas.xls"] {
        let times = read(&fixture(name)).unwrap();
        assert_eq!(times.times.values_ms, PANDAS, "{name}");
        assert_eq!((times.column.as_str(), times.times.skipped), ("latency", 0));
        assert_eq!(times.place.sheet.as_deref(), Some("Sheet1"));
        assert!(times.unit_is_assumed && times.column_is_guessed);
        assert_eq!((times.metric, times.run), (None, None));
    }
}

#[test]
fn a_column_that_pandas_only_numbered_is_found() {
    let times = read(&fixture("pandas-unnamed.xlsx")).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.column.as_str()),
        (&PANDAS[..], "0")
    );
}

#[test]
fn our_sheets_are_read_on_and_on() {
    let row = |time: &str| format!("1|2|0.5|0.5|{time}|9|ok");
    let pages: Vec<Vec<String>> = ["1", "2", "3"]
        .map(|time| vec![HEADER.to_owned(), row(time), row("-")])
        .to_vec();
    let pages: Vec<Vec<&str>> = pages
        .iter()
        .map(|p| p.iter().map(String::as_str).collect())
        .collect();
    let names = ["latencies", "latencies_2", "latencies_3"];
    let mut sheets = vec![(
        "summary",
        &[
            "key|value",
            "plan.url|ws://here/ws",
            "plan.clients|7",
            "plan.payload_bytes|125",
            "tool.name|ws-bench",
            "tool.version|0.1.0",
        ][..],
    )];
    sheets.extend(
        names
            .iter()
            .zip(&pages)
            .map(|(name, page)| (*name, page.as_slice())),
    );
    let (_folder, path) = workbook(&sheets);

    let times = read(&path).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.times.skipped),
        (&[1.0, 2.0, 3.0][..], 3)
    );
    assert_eq!(times.metric, Some(Metric::ServiceTime));
    assert_eq!(
        (times.name.as_str(), times.unit_is_assumed),
        ("service time", false)
    );
    let run = times.run.unwrap();
    assert_eq!(
        (run.urls, run.clients),
        (vec!["ws://here/ws".to_owned()], Some(7))
    );
    assert_eq!(run.tool.as_deref(), Some("ws-bench 0.1.0"));

    let second = ColumnRequest {
        sheet: Some("latencies_2".into()),
        ..ColumnRequest::default()
    };
    assert_eq!(read_times(&path, &second).unwrap().times.values_ms, [2.0]);
    let response = ColumnRequest {
        metric: Metric::ResponseTime,
        ..ColumnRequest::default()
    };
    assert_eq!(
        read_times(&path, &response).unwrap().times.values_ms,
        [9.0; 6]
    );
}

#[test]
fn wrong_echoes_have_no_part_in_the_figures() {
    let (_folder, path) = workbook(&[(
        "latencies",
        &[
            HEADER,
            "1|0|0|0|5|5|ok",
            "1|1|0|0|6|6|corrupted",
            "1|2|0|0|7|7|timed_out",
        ],
    )]);
    let times = read(&path).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.times.skipped),
        (&[5.0, 7.0][..], 1)
    );
}

#[test]
fn names_tell_column_and_unit() {
    let (_folder, path) = workbook(&[("data", &["id|size|rtt [us]", "1|100|1500", "2|100|2500"])]);
    let times = read(&path).unwrap();
    assert_eq!(times.times.values_ms, [1.5, 2.5]);
    assert_eq!(
        (times.column.as_str(), times.name.as_str(), times.unit),
        ("rtt [us]", "rtt", TimeUnit::Microseconds)
    );
    assert!(!times.unit_is_assumed);

    let request = ColumnRequest {
        unit: Some(TimeUnit::Seconds),
        column: Some("b".into()),
        ..ColumnRequest::default()
    };
    let times = read_times(&path, &request).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.column.as_str()),
        (&[1e5, 1e5][..], "size")
    );
    assert!(!times.column_is_guessed);
}

#[test]
fn the_first_sheet_with_numbers_is_taken() {
    let (_folder, path) = workbook(&[("about", &["made by|hand"]), ("runs", &["0.5", "1.5"])]);
    let times = read(&path).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.column.as_str()),
        (&[0.5, 1.5][..], "A")
    );
    assert_eq!(times.place.sheet.as_deref(), Some("runs"));
}

#[test]
fn latencies_go_first_and_other_sheets_keep_their_order() {
    let sheets: [(&str, &[&str]); 3] = [
        ("b", &["rtt", "1"]),
        ("a", &["rtt", "2"]),
        ("latencies", &["rtt", "3"]),
    ];
    let (_folder, path) = workbook(&sheets);
    assert_eq!(read(&path).unwrap().times.values_ms, [3.0]);
    let (_folder, path) = workbook(&sheets[..2]);
    assert_eq!(read(&path).unwrap().times.values_ms, [1.0]);
}

#[test]
fn what_cannot_be_meant_is_said_with_the_choices() {
    let (_folder, path) = workbook(&[("runs", &["a|b", "1.5|2.5"])]);
    let ask = |request: ColumnRequest| message(&path, &request);
    assert_eq!(
        ask(ColumnRequest::default()),
        "several columns of sheet `runs` of book.xlsx can hold the times: choose one of `a`, `b`"
    );
    let column = ColumnRequest {
        column: Some("c".into()),
        ..ColumnRequest::default()
    };
    assert_eq!(
        ask(column),
        "no column `c` in sheet `runs` of book.xlsx: it has `a`, `b`"
    );
    let sheet = ColumnRequest {
        sheet: Some("run".into()),
        ..ColumnRequest::default()
    };
    assert_eq!(ask(sheet), "no sheet `run` in book.xlsx: it has `runs`");
}

#[test]
fn sheets_without_numbers_are_named() {
    let said = |rows: &[&str]| {
        let (_folder, path) = workbook(&[("only", rows)]);
        message(&path, &ColumnRequest::default())
    };
    assert_eq!(said(&[]), "sheet `only` of book.xlsx has no rows");
    assert_eq!(said(&["latency"]), "sheet `only` of book.xlsx has no rows");
    assert_eq!(
        said(&["a|b", "c|d"]),
        "sheet `only` of book.xlsx has no column of numbers"
    );
    assert!(said(&["-|b", "0|x", "1|y"]).contains("`A`, which numbers the rows"));
    let (_folder, path) = workbook(&[("latencies", &[HEADER, "1|0|0|0|-|-|lost"])]);
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "the only message of sheet `latencies` of book.xlsx did not get a correct echo: 1 lost"
    );
}

#[test]
fn a_cell_that_is_no_time_is_named() {
    let said = |cell: &str| {
        let mut rows = vec![HEADER.to_owned()];
        rows.extend((2..17).map(|_| "1|0|0|0|5|5|ok".to_owned()));
        rows.push(format!("1|0|0|0|{cell}|5|ok"));
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let (_folder, path) = workbook(&[("latencies", &rows)]);
        message(&path, &ColumnRequest::default())
    };
    assert_eq!(
        said("oops"),
        "cell latencies!E17 of book.xlsx holds the text `oops`, not a time"
    );
    assert_eq!(
        said("-2.5"),
        "cell latencies!E17 of book.xlsx holds -2.5, which is below zero, not a time"
    );

    for (bad, found) in [
        ("inf", "infinity"),
        ("-1", "-1, which is below zero"),
        ("x", "the text `x`"),
    ] {
        let (_folder, path) = file("a.csv", format!("latency_ms\n1\n2\n{bad}\n4\n"));
        assert_eq!(
            message(&path, &ColumnRequest::default()),
            format!("cell A4 of a.csv holds {found}, not a time")
        );
    }
}

#[test]
fn csv_is_read_whatever_separates_it() {
    for text in [
        "host,latency_ms\na,1.5\nb,2.5\n",
        "host;latency_ms\na;1,5\nb;2,5\n",
        "host\tlatency_ms\r\na\t1.5\r\nb\t2.5\r\n",
        "\u{feff}host,latency_ms\n\"x,\ny\",1.5\nb,2.5",
        ",latency_ms\n0,1.5\n1,2.5\n",
        "1.5\n2.5\n",
    ] {
        let (_folder, path) = file("a.csv", text);
        let times = read(&path).unwrap();
        assert_eq!(
            (times.times.values_ms.as_slice(), times.times.skipped),
            (&[1.5, 2.5][..], 0),
            "{text:?}"
        );
        assert_eq!(times.place.sheet, None);
    }
}

#[test]
fn rows_are_numbered_as_a_spreadsheet_shows_them() {
    for text in [
        "host,rtt_ms\r\na,1\r\n\r\nb,x\r\n",
        "host,rtt_ms\na,1\n\nb,x\n",
        "host,rtt_ms\n\"a\nb\",1\n\nb,x\n",
    ] {
        let (_folder, path) = file("a.csv", text);
        let said = message(&path, &ColumnRequest::default());
        assert_eq!(said, "cell B4 of a.csv holds the text `x`, not a time");
    }
}

#[test]
fn rows_without_a_time_are_counted() {
    let (_folder, path) = file("a.csv", "host,rtt_ms\na,\nb,1\nc,\nd,2\ne,\n");
    let times = read(&path).unwrap();
    assert_eq!(
        (times.times.values_ms.as_slice(), times.times.skipped),
        (&[1.0, 2.0][..], 3)
    );
}

#[test]
fn files_that_are_none_are_told_apart() {
    let said = |name: &str, content: &[u8]| {
        let (_folder, path) = file(name, content);
        message(&path, &ColumnRequest::default())
    };
    assert_eq!(
        said("a.xlsx", b"latency\n1\n"),
        "a.xlsx is not a spreadsheet: its content is plain text; rename it to a.csv"
    );
    assert_eq!(
        said("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0"),
        "a.csv is a PNG picture: give the file with the numbers"
    );
    assert_eq!(said("a.csv", b""), "a.csv is empty");
    assert_eq!(
        said("a.csv", b"some words\nand more\n"),
        "a.csv has no column of numbers"
    );
    assert_eq!(
        said(
            "a.csv",
            b"client,message,intended_s,sent_s,service_time_ms,response_time_ms,outcome\n1,2,3"
        ),
        "a.csv is truncated or damaged: row 2 has 3 fields instead of 7"
    );
    assert_eq!(
        said(
            "a.csv",
            b"client,message,intended_s,sent_s,service_time_ms,response_time_ms,outcome,generator_stopped\n\
              1,2,3,4,5,6,ok"
        ),
        "a.csv is truncated or damaged: row 2 has 7 fields instead of 8"
    );
    for name in ["pandas.xlsx", "pandas.ods", "pandas.xls"] {
        let whole = fs::read(fixture(name)).unwrap();
        let cut = said(name, &whole[..whole.len() / 2]);
        assert_eq!(
            cut,
            format!("cannot read {name}: it is truncated or damaged")
        );
    }
    let nowhere = read(Path::new("nowhere.xlsx")).unwrap_err();
    assert_eq!(nowhere.to_string(), "cannot read nowhere.xlsx");
}

#[test]
fn content_counts_more_than_the_name() {
    let (_folder, path) = file("a.csv", fs::read(fixture("pandas.xlsx")).unwrap());
    assert_eq!(read(&path).unwrap().times.values_ms, PANDAS);
    let (_folder, path) = file("a.xlsx", fs::read(fixture("pandas.ods")).unwrap());
    assert_eq!(read(&path).unwrap().times.values_ms, PANDAS);
}

#[test]
fn a_column_of_text_with_the_name_of_a_latency_is_not_passed_over() {
    for text in ["a,b,rtt\n1,5,x\n2,6,y\n", "run,elapsed\n1,\n2,\n"] {
        let (_folder, path) = file("a.csv", text);
        let error = read(&path).unwrap_err();
        let is_it = matches!(
            error,
            ResultsError::NoColumn(_, ColumnProblem::NotNumbers { .. })
        );
        assert!(is_it, "{error}");
    }
    // These may mean something else.
    for text in [
        "time,value\nMonday,1.5\nTuesday,2.5\n",
        "service,x\nauth,1.5\nweb,2.5\n",
    ] {
        let (_folder, path) = file("a.csv", text);
        assert_eq!(read(&path).unwrap().times.values_ms, [1.5, 2.5]);
    }
}

#[test]
fn lines_may_end_with_a_carriage_return_alone() {
    let (_folder, path) = file("a.csv", "who,latency_ms\ra,1.5\rb,2.5\rc,x\r");
    let said = read(&path).unwrap_err().to_string();
    assert!(said.starts_with("cell B4 of "), "{said}");
    let (_folder, path) = file("a.csv", "latency_ms\r1,5\r2,5");
    assert_eq!(read(&path).unwrap().times.values_ms, [1.5, 2.5]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_survive_any_separator(values in prop::collection::vec(0.0..1e9_f64, 1..60), at in 0..4_usize) {
        let separator = [",", ";", "\t", "|"][at];
        let mut text = format!("who{separator}elapsed_ms\n");
        for value in &values {
            text.push_str(&format!("a b{separator}{value}\n"));
        }
        let (_folder, path) = file("a.csv", text);
        prop_assert_eq!(read(&path).unwrap().times.values_ms, values);
    }
}
