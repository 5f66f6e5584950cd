//! Pictures of and messages about files of other programs.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use std::fs;

use folder::Folder;

/// A clock of one millisecond: of ten times 3, 1 and eight zeros, so that every mean of 50 is 0.4 ms.
fn coarse_clock() -> String {
    let ten = ["3", "1", "0", "0", "0", "0", "0", "0", "0", "0"].join("\n");
    format!("latency_ms\n{}\n", vec![ten; 30].join("\n"))
}

/// The smallest number at the logarithmic axis of times.
fn smallest_tick(svg: &str) -> f64 {
    let numbers = svg.lines().filter_map(|line| line.parse::<f64>().ok());
    numbers
        .filter(|tick| *tick > 0.0)
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn a_moving_average_below_the_smallest_message_was_drawn_too_high() {
    let folder = Folder::new();
    fs::write(folder.path("ms.csv"), coarse_clock()).unwrap();
    folder.drawn(&["ms.csv", "--log", "-o", "log.svg"]);
    let svg = folder.svg("log.svg");
    // The axis reaches the average of 0.4 ms; its lowest tick was 1.
    assert!(smallest_tick(&svg) <= 0.5, "{svg}");
    assert!(svg.contains("240 messages of 0 ms at the lower edge"));
    folder.drawn(&["ms.csv", "-o", "linear.svg"]);
    assert!(!folder.svg("linear.svg").contains("at the lower edge"));
}

#[test]
fn zeros_on_a_logarithmic_axis_are_named_in_every_kind_of_picture() {
    let folder = Folder::new();
    fs::write(folder.path("ms.csv"), coarse_clock()).unwrap();
    for kind in ["latency", "cdf", "percentiles"] {
        let name = format!("{kind}.svg");
        folder.drawn(&["ms.csv", "--log", "--kind", kind, "-o", &name]);
        assert!(
            folder
                .svg(&name)
                .contains("240 messages of 0 ms at the lower edge"),
            "{kind}"
        );
    }
    folder.drawn(&["ms.csv", "--kind", "histogram", "-o", "h.svg"]);
    assert!(
        folder
            .svg("h.svg")
            .contains("240 messages of 0 ms not shown")
    );
    fs::write(
        folder.path("x.csv"),
        "users,latency_ms\n1,0\n2,5\n3,0\n4,6\n",
    )
    .unwrap();
    folder.drawn(&["x.csv", "--x", "users", "--log", "-o", "x.svg"]);
    assert!(
        folder
            .svg("x.svg")
            .contains("2 points of 0 ms at the lower edge")
    );
}

#[test]
fn invalid_cells_are_left_out_and_counted_when_that_is_asked_for() {
    let folder = Folder::new();
    fs::write(
        folder.path("a.csv"),
        "seq,latency_ms\n1,2.5\n2,oops\n3,3.5\n4,-1\n5,N/A\n",
    )
    .unwrap();
    let said = folder.refused(1, &["a.csv", "-o", "a.svg"]);
    assert_eq!(
        said,
        "error: cell B3 of a.csv holds the text `oops`, not a time; --skip-invalid leaves such cells out\n"
    );
    let said = folder.drawn(&["a.csv", "-o", "a.svg", "--skip-invalid"]);
    for wanted in [
        "notice: left out 1 cell of a.csv without a value, the first B6 with the text `N/A`\n",
        "notice: left out 2 cells of a.csv that do not hold a time, the first B3 with the text `oops`\n",
        "2 messages of a.csv (3 more without a time)",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn numbers_that_can_be_read_in_two_ways_ask_for_their_decimal_sign() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), "n;latency_ms\n1;1.049\n2;2.125\n").unwrap();
    assert!(folder.refused(1, &["a.csv"]).contains("--decimal comma"));
    folder.drawn(&["a.csv", "--decimal", "comma", "-o", "comma.svg"]);
    assert!(folder.svg("comma.svg").contains("\np99 2,125 ms\n"));
    folder.drawn(&["a.csv", "--decimal", "point", "-o", "point.svg"]);
    assert!(folder.svg("point.svg").contains("\np99 2.12 ms\n"));
}

#[test]
fn a_column_of_text_asked_to_leave_out_its_cells() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), "host,rtt_ms\na,1\nb,2\n").unwrap();
    let wanted = "error: column `host` of a.csv holds no numbers: cell A2 holds the text `a`; correct the file, or \
                  choose another column with --column\n";
    for arguments in [
        &["a.csv", "--column", "host"][..],
        &["a.csv", "--column", "host", "--skip-invalid"],
        &["a.csv", "--x", "host"],
    ] {
        assert_eq!(folder.refused(1, arguments), wanted);
    }
}

#[test]
fn a_column_of_any_name_has_a_title_that_reads_well() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), "elapsed,ok\n5,1.5\n6,2.5\n").unwrap();
    for (kind, title) in [
        ("latency", "&quot;ok&quot; of each message"),
        ("histogram", "Histogram of the &quot;ok&quot;"),
    ] {
        folder.drawn(&["a.csv", "--column", "ok", "--kind", kind, "-o", "a.svg"]);
        let svg = folder.svg("a.svg");
        assert!(svg.lines().any(|line| line == title), "{kind}");
    }
}

#[test]
fn the_runner_up_is_named() {
    let folder = Folder::new();
    fs::write(
        folder.path("a.csv"),
        "n,rtt_ms,total_time\n1,0,20\n2,0,21\n3,0,23\n",
    )
    .unwrap();
    let said = folder.drawn(&["a.csv", "-o", "a.svg"]);
    let wanted = "notice: drawing column `total_time` of a.csv, not `rtt_ms`, which is 0 in every row; its unit is unknown, so \
                  milliseconds are assumed (--unit sets another one)\n";
    assert!(said.starts_with(wanted), "{said}");
}

#[test]
fn a_distribution_is_drawn_as_one() {
    let folder = Folder::new();
    let text = "Value Percentile TotalCount 1/(1-Percentile)\n\n1.0 0.0 1 1.0\n2.5 0.5 150 2.0\n4.0 1.0 300\n";
    fs::write(folder.path("a.hgrm"), text).unwrap();
    let said = folder.refused(1, &["a.hgrm"]);
    assert!(
        said.ends_with("draw it with --kind percentiles, histogram or cdf\n"),
        "{said}"
    );
    let said = folder.drawn(&[
        "a.hgrm",
        "--kind",
        "percentiles",
        "-o",
        "p.svg",
        "--unit",
        "ms",
    ]);
    assert!(said.contains("300 messages of a.hgrm"), "{said}");
    assert!(folder.svg("p.svg").contains("p50 2.50 ms"));
}

#[test]
fn a_hidden_sheet_that_was_left_out_is_named_once() {
    let folder = Folder::new();
    for has_times in [true, false] {
        let mut book = rust_xlsxwriter::Workbook::new();
        let targets = book.add_worksheet().set_name("targets").unwrap();
        targets.write_string(0, 0, "latency_ms").unwrap();
        targets.write_number(1, 0, 100.0).unwrap();
        targets.set_very_hidden(true);
        let shown = book.add_worksheet().set_name("shown").unwrap();
        shown.set_active(true);
        shown.write_string(0, 0, "rtt_ms").unwrap();
        if has_times {
            shown.write_number(1, 0, 2.0).unwrap();
        } else {
            shown.write_string(1, 0, "slow").unwrap();
        }
        book.save(folder.path("a.xlsx")).unwrap();
        let said = if has_times {
            folder.drawn(&["a.xlsx", "-o", "a.svg"])
        } else {
            folder.refused(1, &["a.xlsx", "-o", "b.svg"])
        };
        let wanted = "the hidden sheet `targets` of a.xlsx is left out";
        assert_eq!(said.matches(wanted).count(), 1, "{said}");
    }
}

#[test]
fn buckets_are_drawn_at_their_ends_and_say_how_wide_they_are() {
    let folder = Folder::new();
    let text = r#"{"RunType": "HTTP", "DurationHistogram": {"Count": 10, "Data": [
        {"Start": 0.001, "End": 0.002, "Percent": 90, "Count": 9},
        {"Start": 0.004, "End": 0.0045, "Percent": 100, "Count": 1}]}}"#;
    fs::write(folder.path("a.json"), text).unwrap();
    for kind in ["percentiles", "cdf", "histogram"] {
        let said = folder.drawn(&["a.json", "--kind", kind, "-o", "a.svg"]);
        assert!(said.starts_with(
            "notice: a.json holds 2 buckets in place of single times. Each is drawn at its upper end. The widest is 1 ms \
             to 2 ms\n"
        ));
        assert!(said.contains("10 messages of a.json"), "{said}");
    }
    assert!(
        folder
            .refused(1, &["a.json", "-o", "b.svg"])
            .contains("--kind percentiles")
    );
}

#[test]
fn a_log_that_was_decoded_is_said_to_be_in_every_kind_of_picture() {
    let folder = Folder::new();
    let run = test_support::fixtures::closed_loop_run(|_| {});
    for name in ["a.json", "a.hlog"] {
        let path = folder.path(name);
        results::write::Output::create(&path)
            .unwrap()
            .write(&run)
            .unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let utf_16: Vec<u8> = format!("\u{feff}{text}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        fs::write(&path, utf_16).unwrap();
    }
    for (name, kind) in [
        ("a.json", "percentiles"),
        ("a.json", "timeline"),
        ("a.hlog", "cdf"),
        ("a.hlog", "timeline"),
        ("a.hlog", "heatmap"),
    ] {
        let said = folder.drawn(&[name, "--kind", kind, "-o", "a.svg"]);
        let wanted = format!("{name} is read as UTF-16, because it is not UTF-8\n");
        assert_eq!(said.matches(&wanted).count(), 1, "{kind}: {said}");
    }
}
