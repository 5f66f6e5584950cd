//! Reading times together with what they are drawn against.

#![allow(clippy::unwrap_used)]

mod files;

use files::{HEADER, file, message, workbook};
use results::read::{ColumnRequest, TimeColumn, read_times};

/// Of this text, `time` against `x`.
fn against(text: &str, x: &str, time: Option<&str>) -> Result<TimeColumn, String> {
    let (_folder, path) = file("a.csv", text);
    let request = ColumnRequest {
        x: Some(x.into()),
        column: time.map(Into::into),
        ..ColumnRequest::default()
    };
    read_times(&path, &request).map_err(|_| message(&path, &request))
}

#[test]
fn times_are_read_with_what_they_are_drawn_against() {
    let text = "connections,user_us,all_us\n100,0.5,7\n-1.5,2,8\n1,0.75,9\n";
    let times = against(text, "Connections", Some("user_us")).unwrap();
    assert_eq!(times.times.values_ms, [0.0005, 0.002, 0.00075]);
    let xs = times.x.unwrap();
    assert_eq!(
        (xs.column.as_str(), xs.values.as_slice()),
        ("connections", &[100.0, -1.5, 1.0][..])
    );
    // By its letter; against itself.
    let times = against(text, "B", Some("user_us")).unwrap();
    assert_eq!(times.x.unwrap().values, [0.5, 2.0, 0.75]);
    let (_folder, path) = file("a.csv", text);
    let unasked = ColumnRequest {
        column: Some("user_us".into()),
        ..ColumnRequest::default()
    };
    assert_eq!(read_times(&path, &unasked).unwrap().x, None);
}

#[test]
fn what_is_drawn_against_is_not_taken_for_the_times() {
    let times = against("rtt,delay\n1,10\n2,20\n", "rtt", None).unwrap();
    assert_eq!(
        (times.column.as_str(), times.times.values_ms[0]),
        ("delay", 10.0)
    );
    assert_eq!(
        against("rtt,host\n1,a\n2,b\n", "rtt", None).unwrap_err(),
        "the only column of numbers of a.csv is `rtt`"
    );
}

#[test]
fn rows_without_either_number_are_counted() {
    let text = "n,rtt_ms\n1,10\n,20\n3,\n,\n5,50\n";
    let times = against(text, "n", Some("rtt_ms")).unwrap();
    assert_eq!(times.times.values_ms, [10.0, 50.0]);
    assert_eq!(
        (times.x.unwrap().values, times.times.skipped),
        (vec![1.0, 5.0], 3)
    );
    assert_eq!(
        against("n,rtt_ms\n1,\n,20\n", "n", Some("rtt_ms")).unwrap_err(),
        "none of the 2 rows of a.csv has a number both in column `n` and in column `rtt_ms`"
    );
}

#[test]
fn a_wrong_column_to_draw_against_is_named() {
    let text = "n,rtt_ms\n1,10\nmany,20\ninf,30\n";
    assert_eq!(
        against(text, "m", None).unwrap_err(),
        "no column `m` in a.csv: it has `n`, `rtt_ms`"
    );
    assert_eq!(
        against(text, "n", None).unwrap_err(),
        "cell A3 of a.csv holds the text `many`, not a number"
    );
    assert_eq!(
        against("n,rtt_ms\ninf,10\n", "n", None).unwrap_err(),
        "column `n` of a.csv holds no numbers: cell A2 holds the text `inf`"
    );
}

#[test]
fn our_sheets_are_read_on_with_what_they_are_drawn_against() {
    let (_folder, path) = workbook(&[
        (
            "latencies",
            &[HEADER, "1|2|0|0.5|5|9|ok", "1|2|0|0.6|6|9|corrupted"],
        ),
        (
            "latencies_2",
            &[HEADER, "1|2|0|0.7|7|9|ok", "1|2|0|-|8|9|ok"],
        ),
    ]);
    let request = ColumnRequest {
        x: Some("sent_s".into()),
        ..ColumnRequest::default()
    };
    let times = read_times(&path, &request).unwrap();
    assert_eq!(
        (times.times.values_ms, times.times.skipped),
        (vec![5.0, 7.0], 2)
    );
    assert_eq!(times.x.unwrap().values, [0.5, 0.7]);
}
