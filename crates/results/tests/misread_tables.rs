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
            "row {row} of a.csv has {cells} cells, but the header has {header}: quote numbers with thousands separators"
        );
        assert_eq!(said("a.csv", content), wanted, "{content}");
    }
    let late = format!("latency_ms\n{}1,234\n", "950\n".repeat(2_000));
    assert!(said("a.csv", &late).starts_with("row 2,002 of a.csv has 2 cells"));
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

#[test]
fn a_table_of_percentiles_or_a_histogram_was_drawn_as_single_times() {
    for (head, holds, column) in [
        ("percentile,response_time_ms", "percentiles", "percentile"),
        ("quantile,latency_s", "percentiles", "quantile"),
        (
            "latency_ms,cumulative_percent",
            "percentiles",
            "cumulative_percent",
        ),
        ("Latency (ms),%", "percentiles", "%"),
        ("pct,rtt", "percentiles", "pct"),
        ("latency_ms,count", "a histogram", "count"),
        ("latency_ms,Frequency", "a histogram", "Frequency"),
        ("value,total_count", "a histogram", "total_count"),
        ("hits,latency_ms", "a histogram", "hits"),
    ] {
        let wanted =
            format!("a.csv holds {holds}, not single times, according to its column `{column}`");
        let content = format!("{head}\n50,12\n90,30\n99,45\n");
        assert_eq!(said("a.csv", &content), wanted, "{head}");
    }
    let records = r#"[{"percentile":50,"latency_ms":1},{"percentile":99,"latency_ms":3}]"#;
    let nested = format!(r#"{{"percentiles":{records}}}"#);
    for content in [records, &nested] {
        assert!(said("a.json", content).starts_with("a.json holds percentiles, not single times"));
    }
    let (_folder, path) = file("a.csv", "percentile,latency_ms\n50,12\n99,30\n");
    let request = ColumnRequest {
        column: Some("latency_ms".to_owned()),
        ..ColumnRequest::default()
    };
    assert_eq!(
        read_times(&path, &request).unwrap().times.values_ms,
        [12.0, 30.0]
    );
}

#[test]
fn a_log_with_a_count_or_a_share_among_others_is_no_histogram() {
    for content in [
        "host,latency_ms,count\na,5,1\nb,6,3\nc,7,1\n",
        "count,latency_ms\n1,5\n2,6\n3,7\n",
        "cpu_percent,latency_ms\n50,5\n20,6\n30,7\n",
        "bytes,latency_ms\n50,5\n20,6\n30,7\n",
        "seq,latency_ms,status,count\n4,5,200,1\n9,6,200,3\n7,7,200,1\n",
    ] {
        assert_eq!(values("a.csv", content), [5.0, 6.0, 7.0], "{content}");
    }
}

#[test]
fn what_is_no_time_by_its_name_was_drawn_where_nothing_else_was_there() {
    for name in "errors failures hits messages pid retries success thread threads timeouts load score price \
        temperature version round run sample le connections test_run Score"
        .split_ascii_whitespace()
    {
        let wanted =
            format!("column `{name}` of a.csv is a count, a size or a label by its name, not a time");
        assert_eq!(said("a.csv", &format!("{name}\n7\n5\n6\n")), wanted);
        assert_eq!(said("a.csv", &format!("host,{name}\na,7\nb,5\nc,6\n")), wanted);
        let (_folder, path) = file("a.csv", format!("{name}\n7\n5\n6\n"));
        let request = ColumnRequest {
            column: Some(name.to_owned()),
            ..ColumnRequest::default()
        };
        assert_eq!(read_times(&path, &request).unwrap().times.values_ms, [7.0, 5.0, 6.0]);
    }
    for name in [
        "latency_run",
        "run_ms",
        "load time",
        "rtt_sample",
        "response time run",
    ] {
        assert_eq!(
            values("a.csv", &format!("{name}\n7\n5\n6\n")),
            [7.0, 5.0, 6.0],
            "{name}"
        );
    }
    for content in [
        r#"{"run":{"samples":[7,5,6]}}"#,
        r#"{"run":{"sample":[7,5,6]}}"#,
        r#"{"samples":[7,5,6]}"#,
    ] {
        assert_eq!(values("a.json", content), [7.0, 5.0, 6.0], "{content}");
    }
}

#[test]
fn durations_of_an_hour_were_called_points_in_time() {
    let wanted = [3_723_000.0, 5_000.0, 605_000.0];
    for name in ["duration", "duration_s", "elapsed", "took", "call duration"] {
        let content = format!("{name}\n1:02:03\n0:00:05\n0:10:05\n");
        assert_eq!(values("a.csv", &content), wanted, "{name}");
        let beside = format!("host,{name}\na,1:02:03\nb,0:00:05\nc,0:10:05\n");
        assert_eq!(values("a.csv", &beside), wanted, "{name}");
    }
    let sorted = "duration\n0:00:05\n0:10:05\n1:02:03\n";
    assert_eq!(values("a.csv", sorted), [5_000.0, 605_000.0, 3_723_000.0]);
    for content in [
        "time\n1:02:03\n0:00:05\n0:10:05\n",
        "latency\n1:02:03\n0:00:05\n0:10:05\n",
        "timestamp\n1:02:03\n0:00:05\n0:10:05\n",
        "started_at\n1:02:03\n0:00:05\n0:10:05\n",
        "elapsed\n0:00:01\n0:00:02\n0:00:03\n",
        "duration\n12:00:01\n12:00:02\n12:00:03\n",
        "duration\n12:30\n9:15\n10:45\n",
    ] {
        assert!(
            said("a.csv", content).contains("is a point in time by its"),
            "{content}"
        );
    }
}

#[test]
fn decimals_were_read_as_thousands_that_nothing_shows() {
    assert_eq!(
        values("a.csv", "latency_ms,x\n1.500,1\n2.250,2\n12,3\n"),
        [1.5, 2.25, 12.0]
    );
    for content in [
        "latency_ms;x\n1.500;1\n2.250;2\n12;3\n",
        "latency_ms\tx\n1.500\t1\n2.250\t2\n12\t3\n",
        "latency_ms\n1.500\n2.250\n12\n",
    ] {
        let said = said("a.csv", content);
        assert!(
            said.ends_with("can be read in two ways: cell A2 holds `1.500`, cell A4 `12`"),
            "{said}"
        );
    }
    for content in [
        "latency_us;x\n1.500;1\n2.250.000;2\n12;3\n",
        "latency_us;x\n1.500;1,5\n2.250.000;2,5\n12;3,5\n",
    ] {
        assert_eq!(values("a.csv", content), [1.5, 2_250.0, 0.012], "{content}");
    }
    for separator in [';', '\t'] {
        for sign in ['.', ','] {
            let rows: String = (950..1_150)
                .map(|ms| match ms / 1_000 {
                    0 => format!("{ms}{separator}{ms}\n"),
                    _ => format!("{ms}{separator}1{sign}{:03}\n", ms % 1_000),
                })
                .collect();
            let content = format!("n{separator}latency_ms\n{rows}");
            let wanted: Vec<f64> = (950..1_150).map(f64::from).collect();
            assert_eq!(values("a.csv", &content), wanted, "{separator}{sign}");
        }
    }
}
