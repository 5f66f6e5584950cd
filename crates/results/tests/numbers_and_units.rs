//! Units, forms of numbers, durations and words for nothing, as other programs write them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;

use files::{file, message, workbook};
use results::read::{ColumnRequest, DecimalSign, Remark, TimeColumn, TimeUnit, read_times};
use rust_xlsxwriter::{Format, Formula, Workbook};

/// The column of a file of this name and content that is found by itself.
fn read(name: &str, content: impl AsRef<[u8]>) -> TimeColumn {
    let (_folder, path) = file(name, content);
    read_times(&path, &ColumnRequest::default()).unwrap()
}

fn said(content: impl AsRef<[u8]>) -> String {
    let (_folder, path) = file("a.csv", content);
    message(&path, &ColumnRequest::default())
}

#[test]
fn a_unit_in_another_encoding_was_read_as_seconds() {
    for head in [
        &b"n,Latency (\xB5s)"[..],
        b"n,Latenz \xB5s",
        b"n,latency_\xB5s",
        "n,Latency (&micro;s)".as_bytes(),
        "n,Latency (µ s)".as_bytes(),
        "n,Latency (Âµs)".as_bytes(),
        "n,Latency (10^-6 s)".as_bytes(),
        b"n,latency (microsec)",
    ] {
        let column = read("a.csv", [head, b"\n1,1004\n2,1005\n"].concat());
        assert_eq!(column.times.values_ms, [1.004, 1.005], "{head:?}");
        assert!(!column.unit_is_assumed, "{head:?}");
        let is_said = column.remarks.contains(&Remark::Encoding("Windows-1252"));
        assert_eq!(
            is_said,
            head.contains(&0xB5) && std::str::from_utf8(head).is_err()
        );
    }
}

#[test]
fn a_rate_was_drawn_as_a_time() {
    for head in [
        "Requests/s",
        "throughput (msg/s)",
        "MB/s",
        "ops/ms",
        "errors per second",
        "latency per s",
    ] {
        let wanted = format!("column `{head}` of a.csv is a rate by its name, not a time");
        assert_eq!(said(format!("n,{head}\n1,1000\n2,1007\n3,1003\n")), wanted);
        assert_eq!(said(format!("{head}\n1000\n1007\n1003\n")), wanted);
    }
}

#[test]
fn a_unit_that_is_not_known_was_taken_for_milliseconds() {
    for (head, says) in [
        ("duration_min", "min"),
        ("latency (ticks)", "ticks"),
        ("Latency (?s)", "?s"),
    ] {
        let wanted =
            format!("the unit of column `{head}` of a.csv is unknown: its name contains `{says}`");
        assert_eq!(said(format!("n,{head}\n1,1000\n2,1007\n")), wanted);
    }
    let (_folder, path) = file("a.csv", "duration_min\n2\n3\n");
    let request = ColumnRequest {
        unit: Some(TimeUnit::Minutes),
        ..ColumnRequest::default()
    };
    assert_eq!(
        read_times(&path, &request).unwrap().times.values_ms,
        [120_000.0, 180_000.0]
    );
}

#[test]
fn thousands_were_read_as_decimals() {
    let values = [950.0, 999.0, 1_000.0, 1_049.0];
    for (name, text) in [
        ("de.csv", "n;latency_ms\n1;950\n2;999\n3;1.000\n4;1.049\n"),
        (
            "en.tsv",
            "n\tlatency_ms\n1\t950\n2\t999\n3\t1,000\n4\t1,049\n",
        ),
        (
            "en.csv",
            "n,latency_ms\n1,950\n2,999\n3,\"1,000\"\n4,\"1,049\"\n",
        ),
        (
            "fr.csv",
            "n;latency_ms\n1;950\n2;999\n3;1\u{202f}000\n4;1\u{a0}049\n",
        ),
        ("ch.csv", "n,latency_ms\n1,950\n2,999\n3,1'000\n4,1’049\n"),
        (
            "mixed.csv",
            "n;latency_ms\n1;950,0\n2;999,0\n3;1.000,0\n4;1.049,0\n",
        ),
        ("one.csv", "latency_ms\n950\n999\n1,000\n1,049\n"),
    ] {
        assert_eq!(read(name, text).times.values_ms, values, "{name}");
    }
    let large = read("a.csv", "latency_us;n\n950.000;1\n1.149.000;2\n");
    assert_eq!(large.times.values_ms, [950.0, 1_149.0]);
    assert_eq!(
        large.remarks,
        [Remark::Thousands {
            number: "950.000".to_owned(),
            is_requested: false
        }]
    );
    let decimals = read("a.csv", "n,latency_ms\n1,\"1000,5\"\n2,\"950,25\"\n");
    assert_eq!(decimals.times.values_ms, [1_000.5, 950.25]);
}

#[test]
fn numbers_that_can_be_read_in_two_ways_are_refused_with_two_cells() {
    assert_eq!(
        said("n;latency_ms\n1;1.049\n2;2.125\n"),
        "the numbers of column `latency_ms` of a.csv can be read in two ways: cell B2 holds `1.049`, cell B3 `2.125`"
    );
    assert_eq!(
        said("n\tlatency_ms\n1\t1.5\n2\t2,5\n"),
        "the numbers of column `latency_ms` of a.csv can be read in two ways: cell B3 holds `2,5`, cell B2 `1.5`"
    );
    let (_folder, path) = file("a.csv", "n;latency_ms\n1;1.049\n2;2.125\n");
    for (decimal, values) in [
        (DecimalSign::Point, [1.049, 2.125]),
        (DecimalSign::Comma, [1_049.0, 2_125.0]),
    ] {
        let request = ColumnRequest {
            decimal: Some(decimal),
            ..ColumnRequest::default()
        };
        assert_eq!(read_times(&path, &request).unwrap().times.values_ms, values);
    }
    // Another column shows what stands before decimals.
    let shown = read("a.csv", "x;latency_ms\n0.5;1.049\n0.25;2.125\n");
    assert_eq!(shown.times.values_ms, [1.049, 2.125]);
}

#[test]
fn one_word_for_nothing_ended_the_drawing() {
    for word in [
        "NaN", "N/A", "null", "None", "-", "*", "timeout", "#N/A", "#DIV/0!",
    ] {
        let column = read(
            "a.csv",
            format!("seq,latency_ms\n1,2.5\n2,{word}\n3,3.5\n4,{word}\n"),
        );
        assert_eq!(
            (column.times.values_ms, column.times.skipped),
            (vec![2.5, 3.5], 2),
            "{word}"
        );
        let [Remark::WithoutValue(cells)] = column.remarks.as_slice() else {
            panic!("{word}: {:?}", column.remarks);
        };
        assert_eq!((cells.count, cells.first.as_str()), (2, "B3"));
        assert_eq!(cells.found, format!("the text `{word}`"));
    }
}

#[test]
fn invalid_cells_are_left_out_when_that_is_asked_for() {
    for invalid in ["inf", "-1", "oops"] {
        let text = format!("seq,latency_ms\n1,2.5\n2,{invalid}\n3,3.5\n");
        assert!(said(&text).starts_with("cell B3 of a.csv holds "));
        let (_folder, path) = file("a.csv", &text);
        let request = ColumnRequest {
            skip_invalid: true,
            ..ColumnRequest::default()
        };
        let column = read_times(&path, &request).unwrap();
        assert_eq!(
            (column.times.values_ms, column.times.skipped),
            (vec![2.5, 3.5], 1)
        );
        let is_it =
            |remark: &Remark| matches!(remark, Remark::Invalid(cells) if cells.first == "B3");
        assert!(column.remarks.iter().any(is_it), "{invalid}");
    }
}

#[test]
fn a_column_whose_numbers_come_late_holds_numbers() {
    let mut text = "seq,latency_ms\n".to_owned();
    for row in 0..1_500 {
        text += &format!("{row},N/A\n");
    }
    text += "1500,2.5\n1501,3.5\n";
    assert_eq!(read("a.csv", &text).times.values_ms, [2.5, 3.5]);
    let request = ColumnRequest {
        x: Some("seq".to_owned()),
        ..ColumnRequest::default()
    };
    let (_folder, path) = file("a.csv", text.replace("\n1500,", "\nN/A,"));
    assert_eq!(read_times(&path, &request).unwrap().times.values_ms, [3.5]);
}

#[test]
fn durations_are_numbers() {
    for cell in [
        "1.25s",
        "1250.0 ms",
        "00:00:01.250",
        "00:01.250",
        "PT1.25S",
        "1250ms",
        "1250000µs",
    ] {
        let column = read("a.csv", format!("seq,latency\n1,{cell}\n2,{cell}\n"));
        assert_eq!(column.times.values_ms, [1_250.0; 2], "{cell}");
        assert!(!column.unit_is_assumed, "{cell}");
    }
}

#[test]
fn the_form_of_numbers_with_a_unit_is_decided_by_their_column() {
    let text = "n\tlatency\n1\t950 ms\n2\t1.000 ms\n3\t1.049 ms\n";
    assert_eq!(
        read("a.tsv", text).times.values_ms,
        [950.0, 1_000.0, 1_049.0]
    );
    let text = "n\tlatency\n1\t1.250 s\n2\t1.375 s\n";
    assert!(
        said(text).starts_with("the numbers of column `latency` of a.csv can be read in two ways")
    );
    let text = "n\tlatency\n1\t1,250 s\n2\t0,375 s\n";
    assert_eq!(read("a.tsv", text).times.values_ms, [1_250.0, 375.0]);
}

#[test]
fn durations_of_a_workbook_were_called_dates() {
    for format in ["mm:ss.000", "[h]:mm:ss.000", "h:mm:ss"] {
        let mut book = Workbook::new();
        let sheet = book.add_worksheet();
        let format = Format::new().set_num_format(format);
        sheet.write_string(0, 0, "latency").unwrap();
        for (row, ms) in [(1, 1_250.0), (2, 1_300.0)] {
            sheet
                .write_number_with_format(row, 0, ms / 86_400e3, &format)
                .unwrap();
        }
        let column = read("a.xlsx", book.save_to_buffer().unwrap());
        assert_eq!(column.times.values_ms, [1_250.0, 1_300.0]);
        assert!(!column.unit_is_assumed);
    }
}

#[test]
fn numbers_stored_as_text_and_errors_of_formulas_are_reported() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "latency_ms").unwrap();
    sheet.write_string(1, 0, "1250.5").unwrap();
    sheet.write_number(2, 0, 1_260.0).unwrap();
    sheet
        .write_formula(3, 0, Formula::new("=NA()").set_result("#N/A"))
        .unwrap();
    let column = read("a.xlsx", book.save_to_buffer().unwrap());
    assert_eq!(column.times.values_ms, [1_250.5, 1_260.0]);
    let [Remark::TextNumbers(texts), Remark::WithoutValue(errors)] = column.remarks.as_slice()
    else {
        panic!("{:?}", column.remarks);
    };
    assert_eq!((texts.count, texts.first.as_str()), (1, "Sheet1!A2"));
    assert_eq!((errors.count, errors.first.as_str()), (1, "Sheet1!A4"));
    let (_folder, path) = workbook(&[("s", &["latency_ms", "1", "oops"])]);
    assert!(message(&path, &ColumnRequest::default()).starts_with("cell s!A3 of book.xlsx"));
}

#[test]
fn a_time_over_its_unit_was_refused_and_another_column_drawn() {
    for head in ["rtt/ms", "rtt / ms", "rtt/(ms)", "latency/[ms]"] {
        let column = read("a.csv", format!("x,{head}\n10,1.5\n7,2.5\n9,1.25\n"));
        assert_eq!(column.column, head);
        assert_eq!(column.times.values_ms, [1.5, 2.5, 1.25], "{head}");
        assert!(!column.unit_is_assumed);
    }
}

#[test]
fn a_unit_of_something_else_was_taken_for_milliseconds() {
    for head in [
        "latency_kb",
        "latency (km)",
        "latency_bytes",
        "rtt_count",
        "latency_samples",
        "duration_frames",
        "latency [V]",
        "latency_m",
        "heap_mb",
        "size",
        "id",
    ] {
        let wanted = format!(
            "column `{head}` of a.csv is a count, a size or a label by its name, not a time"
        );
        assert_eq!(
            said(format!("date,{head}\nMonday,1000\nMonday,1007\n")),
            wanted
        );
        if head.starts_with("latency") {
            // No other column is drawn in its place but one of times.
            assert_eq!(said(format!("x,{head}\n5,1000\n3,1007\n4,1009\n")), wanted);
            let beside = read("a.csv", format!("{head},rtt_ms\n1000,1.5\n1007,2.5\n"));
            assert_eq!(beside.times.values_ms, [1.5, 2.5]);
        }
        let (_folder, path) = file("a.csv", format!("x,{head}\n5,1000\n3,1007\n4,1009\n"));
        let request = ColumnRequest {
            column: Some(head.to_owned()),
            unit: Some(TimeUnit::Microseconds),
            ..ColumnRequest::default()
        };
        assert_eq!(read_times(&path, &request).unwrap().times.values_ms[0], 1.0);
    }
    assert_eq!(
        said("latency [A]\n1000\n1007\n"),
        "the unit of column `latency [A]` of a.csv is unknown: its name contains `A`"
    );
    for head in [
        "latency_p50",
        "latency_avg",
        "latency_client",
        "latency (client side)",
        "rtt 2",
    ] {
        let column = read("a.csv", format!("x,{head}\n5,1.5\n3,2.5\n4,1.5\n"));
        assert_eq!(column.times.values_ms, [1.5, 2.5, 1.5], "{head}");
    }
}

#[test]
fn a_plain_thousand_beside_grouped_ones_was_read_as_1_5() {
    for column in [
        "950,1234,\"1,500\",\"12,000\"",
        "\"1,500\",1234",
        "1234,\"1,501\"",
    ] {
        let rows = column.replace(",\"", "\n\"").replace("0,1", "0\n1");
        let rows = rows.replace("\",1", "\"\n1");
        let said = said(format!(
            "latency_ms;n\n{}",
            rows.replace('\n', ";1\n") + ";1\n"
        ));
        assert!(said.contains("can be read in two ways"), "{said}");
        assert!(said.contains("`1234`"), "{said}");
    }
}

#[test]
fn bare_words_in_json_made_the_file_damaged() {
    for (name, text, first) in [
        ("a.json", "[1.5, NaN, null, \"N/A\", 2.5]", "A2"),
        ("b.json", "[NaN, null, \"N/A\", 1.5, 2.5]", "A1"),
        (
            "c.json",
            "[{\"latency_ms\": 1.5}, {\"latency_ms\": NaN}, {\"latency_ms\": null}, \
             {\"latency_ms\": \"N/A\"}, {\"latency_ms\": 2.5}]",
            "A3",
        ),
        (
            "d.jsonl",
            "{\"latency_ms\": NaN}\n{\"latency_ms\": 1.5}\n{\"latency_ms\": null}\n{\"latency_ms\": \"N/A\"}\n\
             {\"latency_ms\": 2.5}\n",
            "A2",
        ),
        (
            "e.json",
            "{\"latency_ms\": [1.5, NaN, null, \"N/A\", 2.5]}",
            "A3",
        ),
    ] {
        let column = read(name, text);
        assert_eq!(column.times.values_ms, [1.5, 2.5], "{name}");
        assert_eq!(column.times.skipped, 3, "{name}");
        let [Remark::WithoutValue(cells)] = column.remarks.as_slice() else {
            panic!("{name}: {:?}", column.remarks);
        };
        assert_eq!((cells.count, cells.first.as_str()), (3, first), "{name}");
    }
    let (_folder, path) = file("a.json", "{\"latency_ms\": [1.5, Infinity, 2.5]}");
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "cell A3 of a.json holds infinity, not a time"
    );
}

#[test]
fn the_last_of_two_equal_keys_was_drawn() {
    for (name, text, wanted) in [
        (
            "a.json",
            "[{\"latency_ms\": 1, \"latency_ms\": 9}]",
            "the key `latency_ms` twice",
        ),
        (
            "a.jsonl",
            "{\"latency_ms\": 1}\n{\"latency_ms\": 1, \"latency_ms\": 9}\n",
            "the key `latency_ms` in line 2 twice",
        ),
        (
            "b.jsonl",
            "{\"a.ms\": 1, \"a\": {\"ms\": 2}}\n{\"a.ms\": 1}\n",
            "the key `a.ms` in line 1 twice",
        ),
        (
            "b.json",
            "[{\"a.ms\": 1, \"a\": {\"ms\": 2}}]",
            "the key `a.ms` twice",
        ),
        (
            "c.json",
            "{\"latency_ms\": [1, 2], \"latency_ms\": [8, 9]}",
            "`latency_ms` twice",
        ),
    ] {
        let (_folder, path) = file(name, text);
        let said = message(&path, &ColumnRequest::default());
        let start = format!("{name} can be read in two ways: one record has");
        assert!(said.starts_with(&start) && said.ends_with(wanted), "{said}");
    }
}
