//! Tables that were read as something else than they hold.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;

use files::{file, message};
use results::read::{ColumnRequest, read_times};

/// The times of a file of this name and content.
fn values(name: &str, content: &str) -> Vec<f64> {
    let (_folder, path) = file(name, content);
    let column = read_times(&path, &ColumnRequest::default()).unwrap();
    column.times.values_ms
}

fn said(name: &str, content: &str) -> String {
    let (_folder, path) = file(name, content);
    message(&path, &ColumnRequest::default())
}

#[test]
fn what_stood_behind_an_unquoted_comma_was_lost() {
    for (content, row, cells, header) in [
        ("latency_ms\n950.5\n1,234.5\n1,100.25\n", 3, 2, 1),
        ("latency_us\n1,234\n1,100\n2,345,678\n", 2, 2, 1),
        ("n;latency_ms\n1;5\n2;6;7\n", 3, 3, 2),
        ("latency_ms,host\n950,a\n1,234,b\n", 3, 3, 2),
        ("n\tlatency_ms\n1\t5\n2\t6\t\t7\n", 3, 4, 2),
    ] {
        let wanted = format!(
            "row {row} of a.csv has {cells} cells, its header {header}: are thousands separators unquoted?"
        );
        assert_eq!(said("a.csv", content), wanted, "{content}");
    }
    let late = format!("latency_ms\n{}1,234\n", "950\n".repeat(2_000));
    assert!(said("a.csv", &late).starts_with("row 2002 of a.csv has 2 cells"));
}

#[test]
fn rows_that_only_end_with_separators_are_no_longer_than_their_header() {
    for (content, wanted) in [
        ("latency_ms\n950\n1,234\n1,100\n", [950.0, 1_234.0, 1_100.0]),
        ("n,latency_ms\n1,5,\n2,6,,\n3,7\n", [5.0, 6.0, 7.0]),
        ("latency_ms\n\"1,234.5\"\n5.5\n7.5\n", [1_234.5, 5.5, 7.5]),
        (",latency_ms\n0,5\n1,6\n2,7\n", [5.0, 6.0, 7.0]),
    ] {
        assert_eq!(values("a.csv", content), wanted, "{content}");
    }
}
