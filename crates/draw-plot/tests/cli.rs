//! The program as a user runs it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use std::fs;
use std::path::Path;

use folder::{Folder, lines};
use rust_xlsxwriter::Workbook;

impl Folder {
    /// A file as ws-bench writes it, with these service times; response times are ten times as long.
    fn run(&self, name: &str, url: &str, times_ms: &[f64]) {
        self.run_of(times_ms.len(), name, url, times_ms);
    }

    /// The same as a random choice from `timed` messages.
    fn run_of(&self, timed: usize, name: &str, url: &str, times_ms: &[f64]) {
        let timed = u32::try_from(timed).unwrap();
        let mut workbook = Workbook::new();
        let summary = workbook.add_worksheet().set_name("summary").unwrap();
        for (row, (key, value)) in (0..).zip([("key", "value"), ("plan.url", url)]) {
            summary.write_string(row, 0, key).unwrap();
            summary.write_string(row, 1, value).unwrap();
        }
        for (row, (key, value)) in (2..).zip([
            ("plan.clients", 1_000),
            ("plan.payload_bytes", 125),
            ("service_time_ns.count", timed),
        ]) {
            summary.write_string(row, 0, key).unwrap();
            summary.write_number(row, 1, value).unwrap();
        }
        let sheet = workbook.add_worksheet().set_name("latencies").unwrap();
        for (column, name) in (0..).zip(results::LATENCIES_COLUMNS) {
            sheet.write_string(0, column, name).unwrap();
        }
        for (row, time) in (1..).zip(times_ms) {
            sheet.write_number(row, 4, *time).unwrap();
            sheet.write_number(row, 5, 10.0 * time).unwrap();
            sheet.write_string(row, 6, "ok").unwrap();
        }
        workbook.save(self.path(name)).unwrap();
    }
}

/// Width and height of a PNG, and its pixels as red, green and blue.
fn png(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    (frame.width, frame.height, pixels)
}

fn close_to_hundred() -> Vec<f64> {
    (0..100_u32)
        .map(|i| 1.0 + f64::from(i % 10) / 10.0)
        .collect()
}

#[test]
fn a_run_becomes_a_picture_beside_it() {
    let folder = Folder::new();
    folder.run("latencies.xlsx", "ws://here/ws", &close_to_hundred());
    let said = folder.drawn(&["latencies.xlsx"]);
    assert_eq!(
        said,
        "drew latencies.png: 100 messages of latencies.xlsx, moving average of 50\n"
    );
    let (width, height, pixels) = png(&folder.path("latencies.png"));
    assert_eq!((width, height), (1280, 720));
    assert_eq!(&pixels[..3], [255, 255, 255]);
    // The average and the 99th percentile have their colours.
    for colour in [[0x00, 0x72, 0xB2], [0xD5, 0x5E, 0x00]] {
        assert!(
            pixels.chunks_exact(3).any(|pixel| pixel == colour),
            "{colour:?}"
        );
    }
}

#[test]
fn a_picture_says_what_it_shows() {
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &close_to_hundred());
    folder.drawn(&["a.xlsx", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(svg.starts_with(r#"<svg width="1280" height="720" viewBox="#));
    for text in [
        "ws://here/ws · 1,000 clients · 125 B payload",
        "a.xlsx · 100 messages · moving average of 50",
        "mean of the last 50 messages",
        "service time (ms)",
        "message number, in order of sending",
        "p50 1.40 ms",
        "p99 1.90 ms",
    ] {
        assert!(svg.lines().any(|line| line == text), "{text}");
    }
    folder.drawn(&[
        "a.xlsx", "-o", "b.svg", "--metric", "response", "--title", "Mine", "--window", "7",
    ]);
    let svg = folder.svg("b.svg");
    for text in [
        "Mine",
        "response time (ms)",
        "p50 14.0 ms",
        "mean of the last 7 messages",
    ] {
        assert!(svg.lines().any(|line| line == text), "{text}");
    }
}

#[test]
fn the_line_is_the_moving_average() {
    let folder = Folder::new();
    // Three averages of two: 1, 2, 3 at messages 2, 3, 4.
    folder.run("a.xlsx", "ws://here/ws", &[0.0, 2.0, 2.0, 4.0]);
    folder.drawn(&["a.xlsx", "-o", "a.svg", "-w", "2"]);
    let svg = folder.svg("a.svg");
    // The first such line is the sample in the legend.
    let lines = lines(&svg, "#0072B2");
    assert_eq!(lines.len(), 2);
    let [(x2, y1), (x3, y2), (x4, y3)] = lines[1].as_slice().try_into().unwrap();
    assert!(((x3 - x2) - (x4 - x3)).abs() <= 1.0 && x3 > x2);
    assert!(((y1 - y2) - (y2 - y3)).abs() <= 1.0 && y1 > y2);
    // Four messages span three such steps, from edge to edge.
    let points: Vec<f64> = svg
        .lines()
        .filter_map(|line| {
            line.strip_prefix("<circle cx=\"")?
                .split('"')
                .next()?
                .parse()
                .ok()
        })
        .collect();
    let (left, right) = (points[points.len() - 4], points[points.len() - 1]);
    assert!((right - left - 3.0 * (x3 - x2)).abs() <= 2.0);
    assert!((right - x4).abs() <= 1.0);
}

#[test]
fn a_lost_message_moved_the_later_ones_of_its_file_in_an_overlay() {
    let folder = Folder::new();
    let header = results::LATENCIES_COLUMNS.join(",");
    let file = |name: &str, lost: std::ops::Range<u32>| {
        let row = |i: u32| {
            let at_s = f64::from(i) / 100.0;
            if lost.contains(&i) {
                return format!("0,{i},{at_s},{at_s},,,lost,0\n");
            }
            // A spike in the same message of both.
            let ms = if i == 90 { 5.0 } else { 1.0 };
            format!("0,{i},{at_s},{at_s},{ms},{ms},ok,0\n")
        };
        let rows: String = (0..100).map(row).collect();
        fs::write(folder.path(name), format!("{header}\n{rows}")).unwrap();
    };
    file("whole.csv", 0..0);
    file("lossy.csv", 20..50);
    folder.drawn(&["whole.csv", "lossy.csv", "-w", "1", "--log", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    let spike = |colour: &str| {
        let drawn = lines(&svg, colour);
        let line = drawn.last().unwrap().iter().copied();
        line.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().0
    };
    let (whole, lossy) = (spike("#0072B2"), spike("#D55E00"));
    assert!((whole - lossy).abs() <= 1.0, "{whole} and {lossy}");
    // The last message of both stands at the right edge.
    let end = |colour: &str| lines(&svg, colour).last().unwrap().last().unwrap().0;
    assert!((end("#0072B2") - end("#D55E00")).abs() <= 1.0);
}

#[test]
fn fewer_values_than_the_usual_window_are_averaged_all_together() {
    let folder = Folder::new();
    fs::write(folder.path("hand.csv"), "latency_ms\n1\n2\n3\n6\n").unwrap();
    let said = folder.drawn(&["hand.csv"]);
    assert!(
        said.ends_with(
            "4 messages of hand.csv, moving average of 4 (only a point, because hand.csv has no more \
             messages; a smaller -w draws a line)\n"
        ),
        "{said}"
    );
    // No legend promises a line where there is none.
    folder.drawn(&["hand.csv", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(svg.contains("mean of all 4 messages, drawn as a point at the last one"));
    assert!(lines(&svg, "#0072B2").is_empty());
    let said = folder.drawn(&["hand.csv", "-o", "a.svg", "-w", "3"]);
    assert!(said.ends_with("moving average of 3\n"), "{said}");
    assert!(folder.svg("a.svg").contains("mean of the last 3 messages"));
}

#[test]
fn a_choice_of_messages_is_called_one() {
    let folder = Folder::new();
    folder.run_of(1_000, "a.xlsx", "ws://here/ws", &[1.0; 100]);
    for (arguments, what) in [
        (&["--kind", "latency"][..], "messages"),
        (&["--kind", "histogram"], "messages"),
        (&["--kind", "cdf"], "messages"),
        (&["--kind", "percentiles"], "messages"),
        (&["--x", "response_time_ms"], "points"),
    ] {
        let said = folder.drawn(&[&["a.xlsx", "-o", "a.svg"], arguments].concat());
        let expected = format!("100 {what} of a.xlsx (chosen at random from 1,000)");
        assert!(said.contains(&expected), "{said}");
        let picture = folder.svg("a.svg");
        let expected = format!("100 {what} chosen at random from 1,000");
        assert!(picture.contains(&expected), "{arguments:?}");
    }
}

#[test]
fn a_window_of_one_draws_the_messages_themselves() {
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &[1.0, 3.0, 2.0]);
    assert!(
        folder
            .drawn(&["a.xlsx", "-o", "a.svg", "-w", "1"])
            .contains("no moving average")
    );
    let svg = folder.svg("a.svg");
    assert_eq!(lines(&svg, "#0072B2")[1].len(), 3);
    assert!(!svg.contains("<circle"));
}

#[test]
fn a_spike_neither_flattens_the_picture_nor_vanishes() {
    let folder = Folder::new();
    let mut times = vec![1.0; 30_000];
    times[12_345] = 500.0;
    times[5_000] = 1.9;
    times[20_000] = 0.25;
    folder.run("a.xlsx", "ws://here/ws", &times);
    folder.drawn(&["a.xlsx", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(
        svg.lines()
            .any(|line| line == "▲ 1 message above 2.08 ms, the highest 500 ms")
    );
    assert!(svg.len() < 500_000, "{}", svg.len());
    let of_messages = |shape: &str| {
        svg.lines()
            .filter(|line| line.starts_with(shape) && line.contains("#0072B2"))
            .count()
    };
    // The middle 90 %, the middle 96 %, and a triangle for the spike.
    assert_eq!(of_messages("<path opacity"), 2);
    assert_eq!(of_messages("<polygon"), 1);
    // Three in the legend; the two messages that stand out below the upper edge.
    assert_eq!(of_messages("<circle"), 5);
    for percentile in ["#009E73", "#D55E00"] {
        let dashes = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains(percentile));
        assert!(dashes.count() > 50);
    }
    folder.drawn(&["a.xlsx", "-o", "log.svg", "--log"]);
    let svg = folder.svg("log.svg");
    assert!(!svg.contains('▲') && svg.lines().any(|line| line == "100"));
}

#[test]
fn several_files_are_told_apart() {
    let folder = Folder::new();
    folder.run("one.xlsx", "ws://here/ws", &close_to_hundred());
    folder.run("two.xlsx", "ws://there/ws", &[3.0; 80]);
    let said = folder.drawn(&["one.xlsx", "two.xlsx", "-o", "both.svg"]);
    assert_eq!(
        said,
        "drew both.svg: 100 messages of one.xlsx, 80 messages of two.xlsx, moving average of 50\n"
    );
    let svg = folder.svg("both.svg");
    for text in [
        "one.xlsx · ws://here/ws · 100 messages · p50 1.40 ms · p99 1.90 ms",
        "two.xlsx · ws://there/ws · 80 messages · p50 3.00 ms · p99 3.00 ms",
    ] {
        assert!(svg.lines().any(|line| line == text), "{text}");
    }
    assert_eq!(lines(&svg, "#0072B2").len(), 2);
    assert_eq!(lines(&svg, "#D55E00").len(), 2);
}

#[test]
fn size_and_theme_are_obeyed() {
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &close_to_hundred());
    folder.drawn(&["a.xlsx", "--size", "640x360", "--theme", "dark"]);
    let (width, height, pixels) = png(&folder.path("a.png"));
    assert_eq!((width, height), (640, 360));
    assert_eq!(&pixels[..3], [0x14, 0x17, 0x1C]);
}

#[test]
fn what_is_assumed_is_said_aloud() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), ",rtt\n0,1.5\n1,2.5\n2,\n").unwrap();
    let said = folder.drawn(&["a.csv", "-o", "a.svg", "-w", "2"]);
    assert_eq!(
        said,
        "notice: drawing column `rtt` of a.csv; its unit is unknown, so milliseconds are assumed (--unit sets another \
         one)\ndrew a.svg: 2 messages of a.csv (1 more without a time), moving average of 2 (only a point, because \
         a.csv has no more messages; a smaller -w draws a line)\n"
    );
    let svg = folder.svg("a.svg");
    assert!(svg.contains("\nrtt (ms, assumed)\n") && svg.contains("1 message without a time"));

    let said = folder.drawn(&[
        "a.csv", "-o", "b.svg", "-w", "2", "--unit", "s", "--column", "rtt",
    ]);
    assert!(!said.contains("notice"));
    let svg = folder.svg("b.svg");
    assert!(svg.contains("\nrtt (ms)\n") && svg.contains("\np99 2,500 ms\n"));
}

#[test]
fn wrong_use_exits_with_2() {
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &close_to_hundred());
    for (arguments, expected) in [
        (&["a.xlsx", "--size", "0x0"][..], "`0x0` is out of range"),
        (&["a.xlsx", "--size", "100000x100000"], "is out of range"),
        (&["a.xlsx", "--size", "big"], "`big` is not a size"),
        (&["a.xlsx", "-w", "0"], "at least 1 is needed"),
        (&["a.xlsx", "-o", "a.jpg"], "use .png or .svg"),
        (&["a.xlsx", "--kind", "pie"], "latency"),
        (
            &["a.xlsx", "--x", "sent_s", "-w", "5"],
            "'--x <NAME>' cannot be used with '--window <N>'",
        ),
        (
            &[
                "a.xlsx", "a.xlsx", "a.xlsx", "a.xlsx", "a.xlsx", "a.xlsx", "a.xlsx", "a.xlsx",
            ],
            "at most 7",
        ),
        (&[], "<FILE>"),
    ] {
        let said = folder.refused(2, arguments);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn failures_exit_with_1_and_one_line() {
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &close_to_hundred());
    folder.run("none.xlsx", "ws://here/ws", &[]);
    fs::write(folder.path("text.xlsx"), "latency\n1\n").unwrap();
    let whole = fs::read(folder.path("a.xlsx")).unwrap();
    fs::write(folder.path("cut.xlsx"), &whole[..whole.len() / 2]).unwrap();
    fs::write(folder.path("zero.csv"), "ms\n0\n0\n").unwrap();
    fs::write(folder.path("picture.png"), "ms\n1\n2\n").unwrap();
    for (arguments, expected) in [
        (
            &["text.xlsx"][..],
            "error: text.xlsx is not a spreadsheet: its content is plain text; rename it to text.csv\n",
        ),
        (
            &["none.xlsx"],
            "error: sheet `latencies` of none.xlsx is empty below its header\n",
        ),
        (
            &["a.xlsx", "-w", "101"],
            "error: a moving average of 101 messages is not possible: a.xlsx has 100 messages\n",
        ),
        (
            &["a.xlsx", "--sheet", "summary", "--column", "value"],
            "error: cell summary!B2 of a.xlsx holds the text `ws://here/ws`, not a time; --skip-invalid leaves such cells \
             out\n",
        ),
        (
            &[
                "zero.csv", "-w", "1", "--unit", "ms", "--column", "ms", "--log",
            ],
            "error: a logarithmic axis needs a time above zero, and all times are zero\n",
        ),
        (
            &["picture.png", "-w", "1"],
            "error: picture.png is an input file: name another file for the picture with -o\n",
        ),
    ] {
        assert_eq!(folder.refused(1, arguments), expected);
    }
    let cut = folder.refused(1, &["cut.xlsx"]);
    assert!(
        cut.starts_with("error: cannot read cut.xlsx: it is truncated or damaged: "),
        "{cut}"
    );
    assert_eq!(
        (cut.lines().count(), cut.matches("EOCD").count()),
        (1, 1),
        "{cut}"
    );
    let missing = folder.refused(1, &["missing.xlsx"]);
    assert!(
        missing.starts_with("error: cannot read missing.xlsx: "),
        "{missing}"
    );
    let nowhere = folder.refused(1, &["a.xlsx", "-o", "no/such/folder/a.png"]);
    assert!(nowhere.starts_with("error: cannot write "), "{nowhere}");
}

#[cfg(unix)]
#[test]
fn the_umask_decides_who_may_read_the_picture() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.run("a.xlsx", "ws://here/ws", &close_to_hundred());
    folder.drawn(&["a.xlsx"]);
    fs::write(folder.path("plain"), "").unwrap();
    let mode = |name: &str| {
        fs::metadata(folder.path(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("a.png"), mode("plain"));
}
