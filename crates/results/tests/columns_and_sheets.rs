//! The choice of sheet and column.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;

use std::io::Write;

use files::{file, message, workbook};
use results::read::{ColumnRequest, Remark, RunnerUp, TimeColumn, read_times};
use results::{ColumnProblem, ResultsError};
use rust_xlsxwriter::Workbook;

fn read(content: &str) -> TimeColumn {
    let (_folder, path) = file("a.csv", content);
    read_times(&path, &ColumnRequest::default()).unwrap()
}

fn runner_up(column: &str, constant: Option<f64>) -> Option<RunnerUp> {
    Some(RunnerUp {
        column: column.to_owned(),
        constant,
    })
}

#[test]
fn a_column_of_zeros_was_drawn_because_of_its_name() {
    let column = read("n,rtt_ms,total_time\n1,0,20\n2,0,21\n3,0,23\n");
    assert_eq!(
        (column.column.as_str(), column.runner_up),
        ("total_time", runner_up("rtt_ms", Some(0.0)))
    );
    let column = read("latency_ms,rtt_ms\n5,20\n5,21\n5,20\n");
    assert_eq!(
        (column.column.as_str(), column.runner_up),
        ("rtt_ms", runner_up("latency_ms", Some(5.0)))
    );
    // Nothing else there is a time.
    let column = read("status,rtt_ms\n200,0\n503,0\n");
    assert_eq!(column.times.values_ms, [0.0, 0.0]);
}

#[test]
fn the_column_next_to_best_is_named() {
    let column = read("connect_ms,latency_ms\n1,20\n2,21\n1,22\n");
    assert_eq!(
        (column.column.as_str(), column.runner_up),
        ("latency_ms", runner_up("connect_ms", None))
    );
    assert_eq!(read("n,latency_ms\n4,1\n9,2\n").runner_up, None);
}

#[test]
fn the_second_best_was_drawn_in_place_of_a_column_without_numbers() {
    let (_folder, path) = file("a.csv", "seq,queue_ms,latency_ms\n0,0.5,slow\n1,0.7,fast\n");
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "column `latency_ms` of a.csv holds no numbers: cell C2 holds the text `slow`"
    );
    let (_folder, path) = workbook(&[("s", &["seq|queue_ms|latency_ms", "0|0.5|-", "1|0.7|-"])]);
    let said = message(&path, &ColumnRequest::default());
    assert!(said.starts_with(
        "column `latency_ms` of sheet `s` of book.xlsx holds no numbers: its cells are empty"
    ));
    assert_eq!(
        read("seq,think_time,latency\n0,500,2.00 ms\n1,501,2.01 ms\n").column,
        "latency"
    );
}

#[test]
fn a_time_of_day_was_drawn() {
    let column = read("seconds,value\n1701079200,5\n1701079201,7\n1701079201,6\n");
    assert_eq!(column.column, "value");
    let (_folder, path) = file("a.csv", "timestamp\n1701079200\n1701079201\n");
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "column `timestamp` of a.csv is a point in time by its name, not a time"
    );
    // Sorted times alone are times.
    assert_eq!(read("ms\n1\n2\n4\n").times.values_ms, [1.0, 2.0, 4.0]);
}

#[test]
fn the_first_of_two_columns_of_a_name_was_drawn() {
    let rows = [
        "-|echo|-|login",
        "seq|p50_ms|p99_ms|p50_ms",
        "0|1.5|2.5|3.5",
        "1|1.6|2.6|3.6",
    ];
    let (_folder, path) = workbook(&[("s", &rows)]);
    let ask = |column: Option<&str>| {
        let request = ColumnRequest {
            column: column.map(Into::into),
            ..ColumnRequest::default()
        };
        read_times(&path, &request).map(|column| column.times.values_ms)
    };
    let said = |column| ask(column).unwrap_err().to_string();
    assert!(
        said(None).ends_with("`B p50_ms (echo)`, `C p99_ms (echo)`, `D p50_ms (login)`"),
        "{}",
        said(None)
    );
    let named = said(Some("p50_ms"));
    assert!(
        named.ends_with(
            "has 2 columns `p50_ms`: choose one of `B p50_ms (echo)`, `D p50_ms (login)`"
        ),
        "{named}"
    );
    for column in ["D", "D p50_ms (login)"] {
        assert_eq!(ask(Some(column)).unwrap(), [3.5, 3.6]);
    }
}

#[test]
fn a_list_of_columns_had_no_end() {
    let names: Vec<String> = (0..2_000).map(|n| format!("client_{n}_ms")).collect();
    let values = vec!["1.5"; 2_000].join(",");
    let (_folder, path) = file(
        "a.csv",
        format!("{}\n{values}\n{values}\n", names.join(",")),
    );
    let said = message(&path, &ColumnRequest::default());
    assert!(said.ends_with("`client_7_ms` and 1,992 more"), "{said}");
    let request = ColumnRequest {
        column: Some("nope".to_owned()),
        ..ColumnRequest::default()
    };
    let said = message(&path, &request);
    assert!(said.ends_with("`client_7_ms` and 1,992 more"), "{said}");
}

/// A workbook with a hidden sheet of targets before the visible one of results.
fn with_hidden(is_very: bool, has_visible: bool) -> Vec<u8> {
    let mut book = Workbook::new();
    let targets = book.add_worksheet().set_name("_targets").unwrap();
    targets.write_string(0, 0, "latency_ms").unwrap();
    targets.write_number(1, 0, 100.0).unwrap();
    if is_very {
        targets.set_very_hidden(true);
    } else {
        targets.set_hidden(true);
    }
    let results = book.add_worksheet().set_name("Results").unwrap();
    results.set_active(true);
    if has_visible {
        results.write_string(0, 0, "rtt_ms").unwrap();
        results.write_number(1, 0, 2.0).unwrap();
    }
    book.save_to_buffer().unwrap()
}

#[test]
fn a_hidden_sheet_was_drawn() {
    for is_very in [false, true] {
        let (_folder, path) = file("a.xlsx", with_hidden(is_very, true));
        let column = read_times(&path, &ColumnRequest::default()).unwrap();
        assert_eq!(
            (column.times.values_ms.as_slice(), column.remarks.len()),
            (&[2.0][..], 1)
        );
        let request = ColumnRequest {
            sheet: Some("_targets".to_owned()),
            ..ColumnRequest::default()
        };
        let column = read_times(&path, &request).unwrap();
        assert_eq!(
            (column.times.values_ms.as_slice(), column.remarks.len()),
            (&[100.0][..], 0)
        );

        let (_folder, path) = file("a.xlsx", with_hidden(is_very, false));
        let column = read_times(&path, &ColumnRequest::default()).unwrap();
        assert_eq!(column.times.values_ms, [100.0]);
        assert_eq!(column.remarks, [Remark::HiddenSheet("_targets".to_owned())]);
    }
}

#[test]
fn a_visible_sheet_that_cannot_be_drawn_is_not_passed_over_for_a_hidden_one() {
    let mut book = Workbook::new();
    let hidden = book.add_worksheet().set_name("h").unwrap();
    hidden.write_string(0, 0, "latency_ms").unwrap();
    hidden.write_number(1, 0, 1.0).unwrap();
    hidden.set_hidden(true);
    let visible = book.add_worksheet().set_name("v").unwrap();
    visible.set_active(true);
    visible.write_string(0, 0, "words").unwrap();
    visible.write_string(1, 0, "more").unwrap();
    let (_folder, path) = file("a.xlsx", book.save_to_buffer().unwrap());
    let error = read_times(&path, &ColumnRequest::default()).unwrap_err();
    assert!(matches!(error, ResultsError::NoColumn(..)), "{error}");
    assert!(error.to_string().contains("sheet `v`"), "{error}");
    let ResultsError::NoColumn(_, ColumnProblem::BesideHidden { hidden, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(hidden, ["h"]);
}

fn said(content: &str) -> String {
    let (_folder, path) = file("a.csv", content);
    message(&path, &ColumnRequest::default())
}

#[test]
fn a_clock_was_drawn_as_a_latency() {
    let wanted = "column `latency` of a.csv is a point in time by its cells, not a time";
    for cells in [
        ["12:00:01", "12:00:02", "12:00:01"],
        ["00:00:01", "00:00:02", "00:00:03"],
        ["23:59:59", "00:00:01", "00:00:02"],
        ["12:30", "9:15", "10:45"],
        ["1764331201", "1764331200", "1764331203"],
        ["1764331201000", "1764331200000", "1764331203000"],
    ] {
        let rows = cells.map(|cell| format!("5,{cell}")).join("\n");
        assert_eq!(said(&format!("n,latency\n{rows}\n")), wanted, "{cells:?}");
        let rows = cells.map(|cell| format!("{cell},2.5")).join("\n");
        let beside = read(&format!("latency,rtt_ms\n{rows}\n"));
        assert_eq!(beside.times.values_ms, [2.5; 3]);
    }
    let dates = said("n,latency\n1,2026-11-28T12:00:01\n2,2026-11-28T12:00:02\n");
    assert_eq!(
        dates,
        "column `latency` of a.csv holds no numbers: cell B2 holds the text `2026-11-28T12:00:01`"
    );
    // Durations in the form of a clock are short, and have fractions where they are sorted.
    let sorted = read("n,latency\n1,00:00:01.125\n2,00:00:01.250\n3,00:00:01.5\n");
    assert_eq!(sorted.times.values_ms, [1_125.0, 1_250.0, 1_500.0]);
    assert_eq!(
        read("n,Duration (h)\n1,1000\n2,1001\n").times.values_ms[0],
        3.6e9
    );
    let short = read("n,latency\n1,00:00:01.250\n2,00:00:01.125\n3,00:00:01.5\n");
    assert_eq!(short.times.values_ms, [1_250.0, 1_125.0, 1_500.0]);
}

#[test]
fn another_time_was_drawn_as_if_it_were_a_latency() {
    for head in [
        "think_time",
        "ttfb_ms",
        "connect",
        "queue",
        "dns_ms",
        "jitter_ms",
    ] {
        let wanted = format!(
            "no column of a.csv has the name of a latency, and `{head}` is another time by its name"
        );
        assert_eq!(said(&format!("seq,{head}\n4,1.5\n9,2.5\n")), wanted);
        let (_folder, path) = file("a.csv", format!("seq,{head}\n4,1.5\n9,2.5\n"));
        let request = ColumnRequest {
            column: Some(head.to_owned()),
            ..ColumnRequest::default()
        };
        let column = read_times(&path, &request).unwrap();
        assert_eq!(column.times.values_ms, [1.5, 2.5]);
        assert_eq!(read(&format!("{head},rtt_ms\n1,5\n2,6\n")).column, "rtt_ms");
    }
}

#[test]
fn hidden_sheets_were_left_out_without_a_word() {
    for is_very in [false, true] {
        let (_folder, path) = file("a.xlsx", with_hidden(is_very, true));
        let column = read_times(&path, &ColumnRequest::default()).unwrap();
        assert_eq!(
            column.remarks,
            [Remark::HiddenLeftOut(vec!["_targets".to_owned()])]
        );
    }
}

/// An OpenDocument spreadsheet with a sheet that is not displayed before one that is.
fn ods_with_hidden() -> Vec<u8> {
    let sheet = |name: &str, style: &str, head: &str, value: &str| {
        format!(
            "<table:table table:name=\"{name}\" table:style-name=\"{style}\"><table:table-row>\
             <table:table-cell office:value-type=\"string\"><text:p>{head}</text:p></table:table-cell>\
             </table:table-row><table:table-row><table:table-cell office:value-type=\"float\" office:value=\"{value}\">\
             <text:p>{value}</text:p></table:table-cell></table:table-row></table:table>"
        )
    };
    let style = |name: &str, display: bool| {
        format!(
            "<style:style style:name=\"{name}\" style:family=\"table\"><style:table-properties \
             table:display=\"{display}\"/></style:style>"
        )
    };
    let content = format!(
        "<?xml version=\"1.0\"?><office:document-content \
         xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
         xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
         xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
         xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:automatic-styles>{}{}\
         </office:automatic-styles><office:body><office:spreadsheet>{}{}</office:spreadsheet></office:body>\
         </office:document-content>",
        style("ta1", false),
        style("ta2", true),
        sheet("targets", "ta1", "latency_ms", "100"),
        sheet("results", "ta2", "rtt_ms", "2"),
    );
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let manifest = "<?xml version=\"1.0\"?><manifest:manifest \
                    xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    for (name, text) in [
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("META-INF/manifest.xml", manifest),
        ("content.xml", &content),
    ] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn a_sheet_of_an_ods_that_is_not_displayed_is_left_out_by_name() {
    let (_folder, path) = file("a.ods", ods_with_hidden());
    let column = read_times(&path, &ColumnRequest::default()).unwrap();
    assert_eq!(column.times.values_ms, [2.0]);
    assert_eq!(
        column.remarks,
        [Remark::HiddenLeftOut(vec!["targets".to_owned()])]
    );
}

#[test]
fn a_time_of_day_of_a_workbook_was_drawn_as_a_latency() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let format = rust_xlsxwriter::Format::new().set_num_format("h:mm:ss");
    sheet.write_string(0, 0, "latency").unwrap();
    for (row, day) in [(1, 0.5), (2, 0.500_02), (3, 0.500_01)] {
        sheet
            .write_number_with_format(row, 0, day, &format)
            .unwrap();
    }
    let (_folder, path) = file("a.xlsx", book.save_to_buffer().unwrap());
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "column `latency` of sheet `Sheet1` of a.xlsx is a point in time by its cells, not a time"
    );
}
