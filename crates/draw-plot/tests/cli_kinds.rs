//! The program draws each kind of picture from each kind of file, as a user runs it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use std::fs;

use folder::{Folder, holds, lines};
use measurement::record::{Outcome, Sample};
use measurement::run::Tool;
use results::write::Output;
use test_support::fixtures::{logged_seconds, recorded_in, run_of};

const ENDINGS: [&str; 4] = ["xlsx", "csv", "json", "hlog"];

/// Kinds, and the endings of the files that hold their data.
const CARRIERS: [(&str, &[&str]); 6] = [
    ("latency", &["xlsx", "csv"]),
    ("histogram", &ENDINGS),
    ("cdf", &ENDINGS),
    ("percentiles", &ENDINGS),
    ("timeline", &ENDINGS),
    ("heatmap", &["xlsx", "csv", "hlog"]),
];

/// Three seconds: 300 echoes of 1, 2 and 3 ms in turn, due 4 ms before, and a lost message in the last.
fn samples() -> Vec<Sample> {
    let mut samples: Vec<Sample> = (0..300_u32)
        .map(|i| {
            let sent = 5_000_000 + u64::from(i) * 9_900_000;
            let took = 1_000_000 * u64::from(i % 3 + 1);
            Sample::echoed(
                0,
                i.into(),
                sent - 4_000_000,
                sent,
                sent + took,
                Outcome::Ok,
            )
        })
        .collect();
    samples.push(Sample::lost(0, 300, 2_980_000_000, 2_980_000_000));
    samples
}

/// A folder with the same run in a file of each ending.
fn with_run() -> Folder {
    let folder = Folder::new();
    let run = run_of(recorded_in(true, &samples()), |summary| {
        summary.plan.warmup_s = 1.0;
        summary.offered_rate_per_s = Some(100.0);
        summary.elapsed_s = 3.0;
    });
    for ending in ENDINGS {
        let path = folder.path(&format!("run.{ending}"));
        Output::create(&path).unwrap().write(&run).unwrap();
    }
    folder
}

#[test]
fn a_run_whose_echoes_were_all_corrupted_was_said_to_hold_no_numbers() {
    let folder = Folder::new();
    let corrupted = |i: u32| {
        let sent = u64::from(i) * 10_000_000;
        let received = sent + 1_000_000;
        Sample::echoed(0, i.into(), sent, sent, received, Outcome::Corrupted)
    };
    let samples: Vec<Sample> = (0..40).map(corrupted).collect();
    let run = run_of(recorded_in(true, &samples), |_| {});
    for ending in ENDINGS {
        let path = folder.path(&format!("run.{ending}"));
        Output::create(&path).unwrap().write(&run).unwrap();
    }
    for (kind, carriers) in CARRIERS {
        for ending in carriers.iter().filter(|_| kind != "timeline") {
            let said = folder.refused(1, &[&format!("run.{ending}"), "--kind", kind]);
            let wanted = match *ending {
                "xlsx" => {
                    "none of the 40 messages of sheet `latencies` of run.xlsx got a correct echo: 40 corrupted"
                }
                "hlog" => {
                    "the histograms with the tag `service` of run.hlog are empty: no time was recorded"
                }
                other => &format!(
                    "none of the 40 messages of run.{other} got a correct echo: 40 corrupted"
                ),
            };
            assert_eq!(said, format!("error: {wanted}\n"), "{kind} of {ending}");
        }
    }
}

#[test]
fn each_kind_is_drawn_from_each_file_that_carries_it() {
    let folder = with_run();
    for (kind, carriers) in CARRIERS {
        for ending in ENDINGS {
            let file = format!("run.{ending}");
            let picture = format!("{kind}-{ending}.svg");
            let arguments = [file.as_str(), "--kind", kind, "-o", picture.as_str()];
            if carriers.contains(&ending) {
                let said = folder.drawn(&arguments);
                let what = if kind == "timeline" {
                    "3 seconds"
                } else {
                    "300 messages"
                };
                assert!(said.contains(&format!("{what} of {file}")), "{said}");
                assert!(folder.svg(&picture).len() < 300_000);
            } else {
                let said = folder.refused(1, &arguments);
                assert!(
                    said.starts_with("error: ") && said.contains(&file),
                    "{said}"
                );
                assert!(said.contains(kind) && said.contains(carriers[0]), "{said}");
            }
        }
    }
}

#[test]
fn a_histogram_has_the_bars_of_its_values() {
    let folder = with_run();
    folder.drawn(&["run.csv", "--kind", "histogram", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(holds(
        &svg,
        "run.csv · 300 messages · p50 2.00 ms · p99 3.00 ms · max 3.00 ms · 1 message without a time"
    ));
    let [outline] = lines(&svg, "#0072B2").try_into().unwrap();
    // Three bars of the same height above the axis.
    let highest = outline
        .iter()
        .map(|(_, y)| *y)
        .fold(f64::INFINITY, f64::min);
    let tops = outline.iter().filter(|(_, y)| *y == highest).count();
    assert_eq!(tops, 6, "{outline:?}");
    folder.drawn(&["run.csv", "--kind", "histogram", "-o", "b.svg", "--log"]);
    assert_ne!(folder.svg("b.svg"), svg);
}

#[test]
fn a_distribution_rises_where_its_values_are() {
    let folder = with_run();
    folder.drawn(&["run.xlsx", "--kind", "cdf", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(
        holds(&svg, "share of messages up to this time (%)") && holds(&svg, "service time (ms)")
    );
    let [line] = lines(&svg, "#0072B2").try_into().unwrap();
    let mut heights: Vec<f64> = line.iter().map(|(_, y)| *y).collect();
    assert!(heights.is_sorted_by(|a, b| a >= b));
    heights.dedup();
    // None, a third, two thirds, all.
    let [none, third, more, all] = heights.try_into().unwrap();
    let step = (none - all) / 3.0;
    assert!((none - third - step).abs() <= 1.0 && (third - more - step).abs() <= 1.0);
}

#[test]
fn percentiles_show_both_times_where_they_differ() {
    let folder = with_run();
    folder.drawn(&["run.json", "--kind", "percentiles", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    for text in [
        "service and response time (ms)",
        "service time · p50 2.00 ms · p99 3.00 ms · max 3.00 ms",
        "response time · p50 6.00 ms · p99 7.00 ms · max 7.00 ms",
        "90 %",
        "99 %",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    // Each in the legend, and in the picture.
    assert_eq!(lines(&svg, "#0072B2").len(), 2);
    assert_eq!(lines(&svg, "#D55E00").len(), 2);

    folder.drawn(&[
        "run.json",
        "--kind",
        "percentiles",
        "--metric",
        "response",
        "-o",
        "b.svg",
    ]);
    let svg = folder.svg("b.svg");
    assert!(holds(&svg, "response time (ms)"));
    assert_eq!(lines(&svg, "#0072B2").len(), 1);
}

#[test]
fn a_timeline_marks_what_failed_and_what_is_not_recorded() {
    let folder = with_run();
    folder.drawn(&["run.xlsx", "--kind", "timeline", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    for text in [
        "messages per second",
        "times of the echoes of each second (ms)",
        "time since the start of measuring (s)",
        "1 failed",
        "seconds with messages that were lost, corrupted or late",
        "p50 service time",
        "p99 service time",
        "p99 response time",
        "largest time",
        "not recorded",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    folder.drawn(&[
        "run.xlsx", "--kind", "timeline", "-o", "b.svg", "--metric", "response",
    ]);
    let svg = folder.svg("b.svg");
    assert!(holds(&svg, "p99 response time") && !holds(&svg, "p99 service time"));
}

#[test]
fn the_seconds_of_a_drain_are_not_counted() {
    let folder = Folder::new();
    let run = run_of(recorded_in(true, &samples()), |summary| {
        summary.elapsed_s = 2.0;
    });
    for ending in ["xlsx", "json"] {
        let file = format!("run.{ending}");
        Output::create(&folder.path(&file))
            .unwrap()
            .write(&run)
            .unwrap();
        let said = folder.drawn(&[&file, "--kind", "timeline", "-o", "a.svg"]);
        assert_eq!(said, format!("drew a.svg: 2 seconds of {file}\n"));
    }
}

#[test]
fn a_heatmap_has_a_cell_for_each_group_of_messages() {
    let folder = with_run();
    folder.drawn(&["run.csv", "--kind", "heatmap", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(holds(&svg, "messages in a cell of 50 ms") && holds(&svg, "service time (ms)"));
    assert!(holds(
        &svg,
        "when messages were sent, since the start of measuring (s)"
    ));
    let response = ["--metric", "response", "-o", "r.svg"];
    folder.drawn(&[&["run.csv", "--kind", "heatmap"], &response[..]].concat());
    let due = "when messages were due, since the start of measuring (s)";
    assert!(holds(&folder.svg("r.svg"), due));
    // Of different things, each panel says its own.
    let files = ["run.csv", "run.hlog", "--kind", "heatmap"];
    folder.drawn(&[&files, &response[..]].concat());
    let svg = folder.svg("r.svg");
    assert!(holds(&svg, "time, since the start of measuring (s)"));
    assert!(holds(
        &svg,
        "run.csv · response time (ms) · when messages were due"
    ));
    assert!(holds(
        &svg,
        "run.hlog · response time (ms) · when echoes came"
    ));
    folder.drawn(&["run.hlog", "--kind", "heatmap", "-o", "b.svg"]);
    let svg = folder.svg("b.svg");
    assert!(holds(&svg, "messages in a cell of 1 s"));
    // Three seconds with three different times; nine steps in the legend at most.
    let cells = svg.lines().filter(|line| line.starts_with("<rect")).count();
    assert!((9..60).contains(&cells), "{cells}");
}

#[test]
fn several_files_stand_together() {
    let folder = with_run();
    fs::copy(folder.path("run.hlog"), folder.path("other.hlog")).unwrap();
    for (kind, _) in &CARRIERS[1..] {
        let picture = format!("{kind}.svg");
        let said = folder.drawn(&["run.hlog", "other.hlog", "--kind", kind, "-o", &picture]);
        assert!(
            said.contains("of run.hlog, ") && said.contains("of other.hlog"),
            "{said}"
        );
        let svg = folder.svg(&picture);
        for name in ["run.hlog", "other.hlog"] {
            assert!(
                svg.lines().any(|line| line.starts_with(name)),
                "{name} in {kind}"
            );
        }
    }
    let files = ["run.hlog"; 6];
    let small = ["--kind", "heatmap", "--size", "640x360", "-o", "small.png"];
    let said = folder.refused(1, &[&files[..], &small].concat());
    assert_eq!(
        said,
        "error: no room for 6 panels in 640x360 pixels: give fewer files or a larger size\n"
    );
}

/// A run of 900 messages of which the last 300 were kept, and of each client the last.
#[test]
fn rows_chosen_at_random_are_not_counted_by_the_second() {
    let folder = Folder::new();
    let mut run = run_of(recorded_in(true, &samples()), |summary| {
        summary.service_time_ns.count = 900;
    });
    for sample in &mut run.samples.as_mut().unwrap().rows {
        sample.message += 600;
    }
    for ending in ENDINGS {
        let path = folder.path(&format!("run.{ending}"));
        Output::create(&path).unwrap().write(&run).unwrap();
    }
    let said = folder.refused(1, &["run.csv", "--kind", "timeline", "-o", "a.svg"]);
    assert_eq!(
        said,
        "error: run.csv holds 301 rows chosen at random from 901 messages or more, so the figures \
         of each second are unknown: give the .xlsx, .json or .hlog of the run\n"
    );
    for ending in ["xlsx", "json", "hlog"] {
        let file = format!("run.{ending}");
        folder.drawn(&[&file, "--kind", "timeline", "-o", "a.svg"]);
    }
    // Of a workbook, the summary tells.
    fs::copy(folder.path("run.xlsx"), folder.path("other.xlsx")).unwrap();
    let heatmap = ["--kind", "heatmap", "-o", "a.svg"];
    let chosen = "300 messages chosen at random from 900";
    let said = folder.drawn(&[&["run.xlsx"], &heatmap[..]].concat());
    let expected = "300 messages of run.xlsx (chosen at random from 900; 1 more without a time)";
    assert!(said.contains(expected), "{said}");
    assert!(folder.svg("a.svg").contains(chosen));
    folder.drawn(&[&["run.xlsx", "other.xlsx"], &heatmap[..]].concat());
    assert_eq!(folder.svg("a.svg").matches(chosen).count(), 2);
    // Where a panel's heading is cut off, the picture still says so.
    let narrow = ["--size", "340x320"];
    folder.drawn(&[&["run.xlsx", "other.xlsx"], &heatmap[..], &narrow].concat());
    let svg = folder.svg("a.svg");
    assert!(holds(&svg, "600 messages chosen at random from 1,800"));
}

#[test]
fn flags_of_other_kinds_are_refused() {
    let folder = with_run();
    for (arguments, expected) in [
        (
            &["--kind", "cdf", "-w", "5"][..],
            "--window cannot be used with --kind cdf, which has no moving average",
        ),
        (
            &["--kind", "heatmap", "--x", "sent_s"],
            "--x cannot be used with --kind heatmap: it is a kind of picture by itself",
        ),
        (
            &["--kind", "timeline", "--column", "sent_s"],
            "--column cannot be used with --kind timeline: it is for files of other programs",
        ),
        (
            &["--kind", "heatmap", "--unit", "us"],
            "--unit cannot be used with --kind heatmap: it is for files of other programs",
        ),
    ] {
        let said = folder.refused(2, &[&["run.csv"][..], arguments].concat());
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_column_of_anybody_has_a_distribution_but_no_seconds() {
    let folder = Folder::new();
    fs::write(folder.path("a.csv"), "rtt_us\n1000\n2000\n4000\n").unwrap();
    for kind in ["histogram", "cdf", "percentiles"] {
        let said = folder.drawn(&["a.csv", "--kind", kind, "-o", "a.svg", "--log"]);
        assert!(
            said.contains("drawing column `rtt_us` of a.csv\n"),
            "{said}"
        );
        assert!(folder.svg("a.svg").contains("p50 2.00 ms"));
    }
    for kind in ["timeline", "heatmap"] {
        let said = folder.refused(1, &["a.csv", "--kind", kind, "-o", "b.svg"]);
        assert!(
            said.contains(&format!("which the kind {kind} needs")),
            "{said}"
        );
    }
}

#[test]
fn zeros_have_no_logarithm() {
    let folder = Folder::new();
    fs::write(folder.path("zeros.csv"), "rtt_ms\n0\n0\n").unwrap();
    for arguments in [
        &["--kind", "histogram"][..],
        &["--kind", "cdf", "--log"],
        &["--kind", "percentiles", "--log"],
    ] {
        let said = folder.refused(1, &[&["zeros.csv", "-o", "a.png"][..], arguments].concat());
        assert!(
            said.contains("a logarithmic axis needs a time above zero"),
            "{said}"
        );
    }
    folder.drawn(&["zeros.csv", "-o", "a.png", "--kind", "cdf"]);
}

#[test]
fn size_and_theme_are_obeyed_by_every_kind() {
    let folder = with_run();
    for (kind, carriers) in CARRIERS {
        let file = format!("run.{}", carriers[0]);
        let picture = |name: &str, more: &[&str]| {
            let arguments = [file.as_str(), "--kind", kind, "-o", name];
            folder.drawn(&[&arguments[..], more].concat());
            folder.svg(name)
        };
        let light = picture("light.svg", &["--size", "640x360"]);
        assert!(light.starts_with(r#"<svg width="640" height="360" viewBox="0 0 2560 1440""#));
        let dark = picture("dark.svg", &["--theme", "dark", "--title", "Mine"]);
        assert!(dark.contains("#14171C") && !dark.contains("#FFFFFF\" stroke=\"none\"/>\n<text"));
        assert!(holds(&dark, "Mine"));
    }
}

/// The log of a run of three seconds that was killed while it wrote the last one.
fn with_torn_log() -> Folder {
    let folder = Folder::new();
    let run = run_of(recorded_in(true, &samples()), |_| {});
    let output = Output::create(&folder.path("run.hlog")).unwrap();
    let mut output = output.growing(&Tool::default()).unwrap();
    let seconds = logged_seconds(&run);
    seconds.iter().for_each(|second| output.append(second));
    let partial = output.growing_path().unwrap();
    let bytes = fs::read(partial).unwrap();
    fs::write(partial, &bytes[..bytes.len() - 30]).unwrap();
    folder
}

#[test]
fn a_log_that_is_incomplete_is_drawn_and_said_to_be_so() {
    let folder = with_torn_log();
    for kind in ["timeline", "percentiles", "cdf", "histogram", "heatmap"] {
        let said = folder.drawn(&["run.hlog.partial", "--kind", kind, "-o", "a.svg"]);
        assert!(
            said.contains(
                "run.hlog.partial is incomplete: its run goes on or was killed. It holds 2 s of the measured phase; its \
                 last line is torn and left out"
            ),
            "{kind}: {said}"
        );
    }
    let said = folder.drawn(&["run.hlog.partial", "--kind", "timeline", "-o", "a.svg"]);
    assert!(said.contains("2 seconds of run.hlog.partial"), "{said}");
    let said = folder.refused(1, &["run.hlog.partial", "-o", "b.svg"]);
    assert!(
        said.contains("which the kind latency needs: use the kind timeline, heatmap, percentiles, cdf or histogram"),
        "{said}"
    );
}
