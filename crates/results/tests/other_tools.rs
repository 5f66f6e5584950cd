//! Files of other load generators, and containers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;

use std::io::Write;

use files::{file, message};
use results::read::{
    ColumnRequest, Remark, RunPart, TimeColumn, is_comparison, read_distribution, read_run,
    read_times,
};
use results::write::Output;
use test_support::fixtures::{recorded, run_of};

fn read(name: &str, content: impl AsRef<[u8]>) -> TimeColumn {
    let (_folder, path) = file(name, content);
    read_times(&path, &ColumnRequest::default()).unwrap()
}

fn said(name: &str, content: impl AsRef<[u8]>) -> String {
    let (_folder, path) = file(name, content);
    message(&path, &ColumnRequest::default())
}

fn utf_16(text: &str, mark: bool) -> Vec<u8> {
    let text = if mark {
        format!("\u{feff}{text}")
    } else {
        text.to_owned()
    };
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn utf_16_was_refused() {
    for (mark, encoding) in [
        (true, "UTF-16"),
        (false, "UTF-16 without a byte order mark"),
    ] {
        let column = read(
            "a.txt",
            utf_16("n\tlatency (µs)\r\n1\t1500\r\n2\t1600\r\n", mark),
        );
        assert_eq!(column.times.values_ms, [1.5, 1.6]);
        assert_eq!(column.remarks, [Remark::Encoding(encoding)]);
    }
    assert_eq!(
        said("a.xlsx", utf_16("n\tms\r\n1\t2\r\n", true)),
        "a.xlsx is not a spreadsheet: its content is plain text; rename it to a.csv"
    );
}

#[test]
fn a_summary_that_powershell_saved_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let samples = [measurement::record::Sample::echoed(
        0,
        0,
        0,
        0,
        1_000_000,
        measurement::record::Outcome::Ok,
    )];
    let run = run_of(recorded(&samples), |_| {});
    Output::create(&path).unwrap().write(&run).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let whole = read_run(&path, &[RunPart::Summary]).unwrap();
    std::fs::write(&path, utf_16(&text, true)).unwrap();
    assert_eq!(read_run(&path, &[RunPart::Summary]).unwrap(), whole);
    assert!(!is_comparison(&path).unwrap());
    let column = read_distribution(&path, &ColumnRequest::default(), false).unwrap();
    assert_eq!(column[0].times.count(), 1);
}

#[test]
fn packed_files_are_named_with_the_command_that_unpacks_them() {
    for (name, head, wanted) in [
        (
            "a.csv.gz",
            &b"\x1F\x8B\x08\0"[..],
            "is packed with gzip: unpack it with `gunzip -k a.csv.gz`",
        ),
        (
            "a.bz2",
            b"BZh91AY",
            "is packed with bzip2: unpack it with `bunzip2 -k a.bz2`",
        ),
        (
            "a.xz",
            b"\xFD7zXZ\0\0",
            "is packed with xz: unpack it with `unxz -k a.xz`",
        ),
        (
            "a.parquet",
            b"PAR1\0\0",
            "is an Apache Parquet file: save it as .csv: pandas.read_parquet(…).to_csv(…)",
        ),
    ] {
        // The reader's message names the file first.
        assert_eq!(
            said(name, head).replace(&format!("{name} is"), "is"),
            wanted
        );
    }
}

#[test]
fn zip_files_that_are_no_workbooks_were_called_damaged() {
    for (name, part, wanted) in [
        (
            "a.xlsb",
            "xl/workbook.bin",
            "a.xlsb is an .xlsb workbook: save it as .xlsx",
        ),
        (
            "a.numbers",
            "Index/Document.iwa",
            "a.numbers is a document of Apple Numbers, Pages or Keynote: export the table as .csv or .xlsx",
        ),
        (
            "a.docx",
            "word/document.xml",
            "a.docx is a Word document: save the table as .xlsx or .csv",
        ),
        (
            "a.zip",
            "a.csv",
            "a.zip is a ZIP archive: unpack it with `unzip a.zip`",
        ),
    ] {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file(part, zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(b"x").unwrap();
        assert_eq!(said(name, zip.finish().unwrap().into_inner()), wanted);
    }
    assert!(
        said("a.xls", "<html><table><tr><td>1</td></tr></table></html>").contains("an HTML page")
    );
}

#[test]
fn tables_of_load_generators_are_known_by_their_headers() {
    for (text, column, values) in [
        (
            "timeStamp,elapsed,label,responseCode,Latency,Connect\n1701079200000,20,a,200,0,1\n1701079200001,21,a,200,0,1\n",
            "elapsed",
            [20.0, 21.0],
        ),
        (
            "request-start,DNS,DNS+dialup,Response-delay,request-duration,bytes,status\n0.1,0,0,0.001,0.002,5,200\n0.2,0,0,0.001,0.003,5,200\n",
            "request-duration",
            [2.0, 3.0],
        ),
        (
            "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n0.0020,0,0,0,0,0,200,0.1\n0.0030,0,0,0,0,0,200,0.2\n",
            "response-time",
            [2.0, 3.0],
        ),
        (
            "starttime\tseconds\tctime\tdtime\tttime\twait\nMon\t1701079200\t0\t2\t2\t1\nMon\t1701079201\t0\t3\t3\t1\n",
            "ttime",
            [2.0, 3.0],
        ),
        (
            "1701079200000000000,200,2000000,5,5,,\"\",a,0,GET,http://x,\n1701079200000000001,200,3000000,5,5,,\"\",a,1,GET,http://x,\n",
            "C",
            [2.0, 3.0],
        ),
    ] {
        let found = read("a.csv", text);
        assert_eq!(
            (found.column.as_str(), found.times.values_ms.as_slice()),
            (column, &values[..])
        );
        assert!(!found.unit_is_assumed);
    }
    let locust = "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time\nGET,/,5,0,12,13\n";
    assert!(said("a.csv", locust).starts_with("a.csv is a summary of locust"));
}

#[test]
fn lists_and_records_of_json_are_read() {
    for (name, text) in [
        ("a.json", "[\n 1.5,\n 2.5\n]"),
        (
            "a.json",
            r#"[{"n": 0, "latency_ms": 1.5}, {"n": 1, "latency_ms": 2.5}]"#,
        ),
        ("a.json", r#"{"latency_ms": [1.5, 2.5], "n": [0, 1]}"#),
        (
            "a.json",
            r#"{"data": {"rows": [{"rtt": {"ms": 1.5}}, {"rtt": {"ms": 2.5}}]}}"#,
        ),
        (
            "a.jsonl",
            "{\"n\": 0, \"latency_ms\": 1.5}\n\n{\"n\": 1, \"latency_ms\": 2.5}\n",
        ),
        (
            "a.json",
            r#"{"results": [{"command": "x", "mean": 2, "times": [0.0015, 0.0025]}]}"#,
        ),
    ] {
        let request = ColumnRequest::default();
        let (_folder, path) = file(name, text);
        assert_eq!(
            read_times(&path, &request).unwrap().times.values_ms,
            [1.5, 2.5],
            "{text}"
        );
        let distribution = read_distribution(&path, &request, true).unwrap();
        assert_eq!(distribution[0].times.values_ms, [1.5, 2.5]);
    }
    let with_null = read("a.jsonl", "{\"latency_ms\": 1.5}\n{\"latency_ms\": null}\n");
    assert_eq!(
        (
            with_null.times.values_ms.as_slice(),
            with_null.times.skipped
        ),
        (&[1.5][..], 1)
    );
    assert!(
        said("a.jsonl", "{\"ms\": 1}\n{\"ms\": 2}\n{\"ms\": \n").contains("line 3 is not JSON")
    );
    assert!(said("a.json", "[1, 2").contains("truncated or damaged"));
}

#[test]
fn the_points_of_k6_are_read_by_their_metric() {
    let line = |metric: &str, value: f64| {
        format!(
            r#"{{"metric":"{metric}","type":"Point","data":{{"time":"2023-11-27","value":{value},"tags":{{}}}}}}"#
        )
    };
    let declared = r#"{"type":"Metric","data":{"name":"http_req_duration","contains":"time"},"metric":"http_req_duration"}"#;
    let text = [
        declared.to_owned(),
        line("http_reqs", 1.0),
        line("http_req_duration", 2.5),
        line("http_req_waiting", 2.0),
        line("http_reqs", 1.0),
        line("http_req_duration", 3.5),
        line("http_req_waiting", 3.0),
    ];
    let column = read("k6.json", text.join("\n"));
    assert_eq!(
        (column.column.as_str(), column.times.values_ms.as_slice()),
        ("http_req_duration", &[2.5, 3.5][..])
    );
    assert!(!column.unit_is_assumed);
}

#[test]
fn summaries_of_other_tools_are_named_after_them() {
    for (text, tool) in [
        (
            r#"{"summary": {}, "responseTimeHistogram": {}, "latencyPercentiles": {}}"#,
            "oha",
        ),
        (
            r#"{"latency": {"p2_5": 1}, "requests": {"average": 1}}"#,
            "autocannon",
        ),
        (
            r#"{"aggregate": {"counters": {}}, "intermediate": []}"#,
            "artillery",
        ),
        (
            r#"{"metrics": {"http_req_duration": {}}, "root_group": {}}"#,
            "k6",
        ),
    ] {
        let wanted = format!("a.json is a summary of {tool}: ");
        assert!(
            said("a.json", text).starts_with(&wanted),
            "{}",
            said("a.json", text)
        );
    }
    assert_eq!(
        said("a.json", r#"{"a": 1}"#),
        "a.json holds neither a list of times nor a run of ws-bench"
    );
}

#[test]
fn percentile_distributions_are_distributions() {
    let rows = "       1.000 0.000000000000          1           1.00\n       2.500 0.500000000000        150           2.00\n       \
                4.000 1.000000000000        300\n#[Mean    =        2.495, StdDeviation   =        0.866]\n";
    let head = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
    let wrk2 = "Running 30s test @ http://x\n  Latency Distribution (HdrHistogram - Recorded Latency)\n\n  Detailed Percentile spectrum:\n";
    for (text, is_assumed) in [
        (format!("{head}{rows}"), true),
        (format!("{wrk2}{head}{rows}"), false),
    ] {
        let (_folder, path) = file("a.hgrm", text);
        let found = read_distribution(&path, &ColumnRequest::default(), true).unwrap();
        assert_eq!(found[0].times.values_ms, [1.0, 2.5, 4.0]);
        assert_eq!(found[0].times.counts, [1, 149, 150]);
        assert_eq!(found[0].unit_is_assumed, is_assumed);
        assert_eq!(
            message(&path, &ColumnRequest::default()),
            "a.hgrm holds a distribution of times, not single times"
        );
    }
    assert!(
        said("a.hgrm", format!("{head} 2.0 0.5 150 2\n 1.0 0.9 160 10\n"))
            .contains("line 4 has less")
    );
}

#[test]
fn tables_of_letters_are_tables() {
    for text in [
        "n latency_ms\n1 1.5\n2 2.5\n",
        "   n  latency_ms\n   1        1.50\n   2        2.50\n",
        "# n latency_ms\n1 1.5\n2 2.5\n",
        "# made by hand on a Monday\n# n latency_ms\n1 1.5\n2 2.5\n",
        "| n | latency_ms |\n|--:|--:|\n| 1 | 1.5 |\n| 2 | 2.5 |\n",
        "+---+------------+\n| n | latency_ms |\n+---+------------+\n| 1 | 1.5 |\n| 2 | 2.5 |\n+---+------------+\n",
        " n | latency_ms \n---+------------\n 1 | 1.5\n 2 | 2.5\n",
    ] {
        let column = read("a.txt", text);
        assert_eq!(column.times.values_ms, [1.5, 2.5], "{text}");
        assert_eq!(column.times.skipped, 0, "{text}");
    }
}

/// What `k6 run --out csv=FILE` writes of these metrics.
fn k6_csv(points: &[(&str, f64)]) -> String {
    let head = "metric_name,timestamp,metric_value,check,error,error_code,expected_response,group,method,name,proto,\
                scenario,service,status,subproto,tls_version,url,extra_tags,metadata\n";
    let row = |(metric, value): &(&str, f64)| {
        format!(
            "{metric},1764331201,{value:.6},,,,true,,GET,\"http://x/a,b\",HTTP/1.1,default,,200,,,http://x/,,\n"
        )
    };
    head.to_owned() + &points.iter().map(row).collect::<String>()
}

#[test]
fn the_table_of_k6_was_refused() {
    let http = [
        ("http_reqs", 1.0),
        ("http_req_duration", 2.5),
        ("http_req_blocked", 0.25),
        ("http_req_waiting", 2.25),
        ("data_sent", 120.0),
        ("http_req_duration", 3.5),
        ("http_req_waiting", 3.25),
    ];
    let column = read("a.csv", k6_csv(&http));
    assert_eq!(
        (column.column.as_str(), column.times.values_ms.as_slice()),
        ("http_req_duration", &[2.5, 3.5][..])
    );
    assert!(!column.unit_is_assumed);
    // Times of whole sessions are not those of messages.
    let ws = [
        ("ws_connecting", 1.5),
        ("ws_session_duration", 5_000.0),
        ("iteration_duration", 5_001.0),
        ("ws_connecting", 2.5),
        ("ws_session_duration", 5_002.0),
        ("iteration_duration", 5_003.0),
    ];
    let (_folder, path) = file("a.csv", k6_csv(&ws));
    let choose = message(&path, &ColumnRequest::default());
    assert_eq!(
        choose,
        "several columns of a.csv can hold the times: choose one of `ws_connecting`, `ws_session_duration`, \
         `iteration_duration`"
    );
    let request = ColumnRequest {
        column: Some("ws_session_duration".to_owned()),
        ..ColumnRequest::default()
    };
    let column = read_times(&path, &request).unwrap();
    assert_eq!(column.times.values_ms, [5_000.0, 5_002.0]);
    let own = [ws.as_slice(), &[("echo_rtt", 1.25), ("echo_rtt", 1.5)]].concat();
    assert_eq!(read("a.csv", k6_csv(&own)).times.values_ms, [1.25, 1.5]);
}

#[test]
fn the_log_of_gatling_was_refused() {
    let log = "RUN\tEchoSimulation\techosimulation\t1764331200000\t \t3.10.5\n\
               USER\tEcho\tSTART\t1764331200100\n\
               REQUEST\t\tConnect WS\t1764331200100\t1764331200130\tOK\t \n\
               REQUEST\tchat,say\techo\t1764331200200\t1764331200212\tOK\t \n\
               REQUEST\tchat,say\techo\t1764331200300\t1764331202300\tKO\t\"Check timeout\n\
               GROUP\tchat\t1764331200200\t1764331200400\t12\tOK\n\
               REQUEST\t\techo\t1764331200400\t1764331200415\tOK\t \n\
               USER\tEcho\tEND\t1764331200500\n";
    // Up to 3.3 the number of the user stood before the groups.
    let with_user = log.replace("REQUEST\t", "REQUEST\t17\t");
    for log in [log, &with_user] {
        let column = read("simulation.log", log);
        assert_eq!(
            (column.column.as_str(), column.times.values_ms.as_slice()),
            ("echo (ms)", &[12.0, 15.0][..])
        );
        let [Remark::WithoutValue(failed)] = column.remarks.as_slice() else {
            panic!("{:?}", column.remarks);
        };
        assert_eq!((failed.count, failed.first.as_str()), (1, "B5"));
    }
    let binary = b"\0\0\0\0\x063.13.5\0\0\0\0\x08echo.Sim\0";
    assert!(
        said("simulation.log", binary)
            .starts_with("simulation.log is a binary log of Gatling 3.12 or later: ")
    );
}

#[test]
fn the_buckets_of_fortio_were_refused() {
    let text = r#"{"RunType": "HTTP", "Labels": "", "RequestedQPS": "8", "ActualQPS": 7.9, "DurationHistogram": {
        "Count": 10, "Min": 0.0011, "Max": 0.0045, "Sum": 0.02, "Avg": 0.002, "StdDev": 0.0008, "Data": [
        {"Start": 0.0011, "End": 0.002, "Percent": 70, "Count": 7},
        {"Start": 0.002, "End": 0.003, "Percent": 90, "Count": 2},
        {"Start": 0.004, "End": 0.0045, "Percent": 100, "Count": 1}],
        "Percentiles": [{"Percentile": 50, "Value": 0.0017}]}}"#;
    let (_folder, path) = file("a.json", text);
    let found = read_distribution(&path, &ColumnRequest::default(), true).unwrap();
    assert_eq!(found[0].times.values_ms, [2.0, 3.0, 4.5]);
    assert_eq!(found[0].times.counts, [7, 2, 1]);
    assert!(!found[0].unit_is_assumed);
    let [
        Remark::Buckets {
            count: 3,
            widest_ms,
        },
    ] = found[0].remarks.as_slice()
    else {
        panic!("{:?}", found[0].remarks);
    };
    assert_eq!(*widest_ms, (1.1, 2.0));
    assert_eq!(
        message(&path, &ColumnRequest::default()),
        "a.json holds a distribution of times, not single times"
    );
    let without = r#"{"RequestedQPS": "8", "DurationHistogram": {"Percentiles": []}}"#;
    assert!(said("a.json", without).starts_with("a.json is a summary of fortio"));
}
