//! The picture of deliveries, as a user draws it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use folder::{Folder, holds, lines, save};
use test_support::fixtures::{closed_loop_run, room_run};

/// A folder with a whole run, a slower one and one with missing deliveries.
fn with_runs() -> Folder {
    let folder = Folder::new();
    save(&folder, "whole.xlsx", &room_run(100_000, true, |_| {}));
    save(&folder, "slow.json", &room_run(250_000, true, |_| {}));
    save(&folder, "missing.json", &room_run(150_000, false, |_| {}));
    folder
}

#[test]
fn a_run_has_its_receivers_above_and_its_reach_below() {
    let folder = with_runs();
    let said = folder.drawn(&["whole.xlsx", "--kind", "fan-out", "-o", "a.svg"]);
    assert!(said.contains("12,000 deliveries of whole.xlsx"), "{said}");
    let svg = folder.svg("a.svg");
    for text in [
        "p50 delivery time of each second (ms)",
        "time since the start of measuring (s)",
        "share of receivers reached (%)",
        "delivery time (ms)",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    for receiver in [
        "first receiver · p50",
        "median receiver · p50",
        "last receiver · p50",
    ] {
        assert!(
            svg.lines().any(|line| line.starts_with(receiver)),
            "{receiver}"
        );
    }
    // First, median and last: each in the legend and in the picture.
    for colour in ["#009E73", "#0072B2", "#D55E00"] {
        assert_eq!(lines(&svg, colour).len(), 2, "{colour}");
    }
    // The share rises to the top.
    let [reached] = lines(&svg, "#CC79A7").try_into().unwrap();
    assert!(reached.is_sorted_by(|a, b| a.1 >= b.1));
    assert!(!svg.contains(" reached\n"));
}

#[test]
fn a_curve_of_missing_deliveries_ends_at_the_reach() {
    let folder = with_runs();
    let lowest_end = |file: &str| {
        folder.drawn(&[file, "--kind", "fan-out", "-o", "a.svg"]);
        let svg = folder.svg("a.svg");
        let reached = lines(&svg, "#CC79A7").into_iter().next().unwrap();
        (svg, reached.last().unwrap().1)
    };
    let (whole, top) = lowest_end("whole.xlsx");
    let (missing, end) = lowest_end("missing.json");
    assert!(end > top, "{end} {top}");
    assert!(holds(&missing, "99.50 % reached") && !holds(&whole, "100 % reached"));
}

#[test]
fn several_runs_have_a_colour_each_and_a_style_for_each_receiver() {
    let folder = with_runs();
    let files = ["whole.xlsx", "slow.json", "missing.json"];
    for theme in ["light", "dark"] {
        let arguments = [
            "--kind", "fan-out", "--theme", theme, "--log", "-o", "a.svg",
        ];
        folder.drawn(&[&files[..], &arguments].concat());
        let svg = folder.svg("a.svg");
        for file in files {
            assert!(svg.lines().any(|line| line.starts_with(file)), "{file}");
        }
        for receiver in ["first receiver", "median receiver", "last receiver"] {
            assert!(holds(&svg, receiver), "{receiver}");
        }
        assert!(holds(&svg, "delivery time (ms, logarithmic)"));
    }
    folder.drawn(&[&files[..], &["--kind", "fan-out", "-o", "a.png"]].concat());
}

#[test]
fn a_file_without_deliveries_is_refused_and_nothing_is_written() {
    let folder = with_runs();
    for ending in ["xlsx", "json", "csv", "hlog"] {
        let file = format!("echo.{ending}");
        save(&folder, &file, &closed_loop_run(|_| {}));
        let said = folder.refused(
            1,
            &[&file, "whole.xlsx", "--kind", "fan-out", "-o", "a.svg"],
        );
        assert_eq!(
            said,
            format!(
                "error: {file} holds no deliveries, which the kind fan-out needs: give the .xlsx or .json of a run with deliveries\n"
            )
        );
        assert!(!folder.path("a.svg").exists());
    }
    let nothing = room_run(100_000, true, |s| {
        let fan_out = s.fan_out.as_mut().unwrap();
        (fan_out.delivered, fan_out.missing) = (0, fan_out.expected);
    });
    save(&folder, "nothing.json", &nothing);
    let said = folder.refused(1, &["nothing.json", "--kind", "fan-out", "-o", "a.svg"]);
    assert_eq!(
        said,
        "error: nothing was delivered in nothing.json, so there is nothing to draw\n"
    );
    assert!(!folder.path("a.svg").exists());
}

#[test]
fn delivery_times_have_no_response() {
    let folder = with_runs();
    let said = folder.refused(
        2,
        &["whole.xlsx", "--kind", "fan-out", "--metric", "response"],
    );
    assert!(
        said.contains("--metric response cannot be used with --kind fan-out"),
        "{said}"
    );
}

#[test]
fn the_sheet_of_deliveries_was_drawn_as_response_times_of_messages() {
    let folder = with_runs();
    for (flags, wanted) in [
        (&[][..], "delivery time (ms)"),
        (&["--metric", "response"], "response time (ms)"),
    ] {
        let sheet = ["whole.xlsx", "--sheet", "deliveries", "-o", "a.svg"];
        let said = folder.drawn(&[&sheet[..], flags].concat());
        assert!(said.contains(" deliveries of whole.xlsx"), "{said}");
        assert!(
            !said.contains("message") && !said.contains("notice"),
            "{said}"
        );
        let svg = folder.svg("a.svg");
        assert!(svg.contains("delivery number, in order of sending"));
        assert!(holds(&svg, wanted), "{wanted}");
    }
    let said = folder.drawn(&[
        "whole.xlsx",
        "--sheet",
        "deliveries",
        "--kind",
        "cdf",
        "-o",
        "c.svg",
    ]);
    assert!(said.contains(" deliveries of whole.xlsx"), "{said}");
    assert!(
        folder
            .svg("c.svg")
            .contains("share of deliveries up to this time (%)")
    );
}

#[test]
fn a_picture_without_a_complete_message_says_so_in_its_legend() {
    let folder = Folder::new();
    let partly = |s: &mut measurement::run::Summary| {
        let of_run = s.fan_out.as_mut().unwrap();
        of_run.complete = 0;
        (of_run.first_ns, of_run.median_ns, of_run.last_ns) = Default::default();
    };
    save(&folder, "partly.json", &room_run(100_000, false, partly));
    folder.drawn(&["partly.json", "--kind", "fan-out", "-o", "a.svg"]);
    assert!(holds(
        &folder.svg("a.svg"),
        "last receiver · no message reached all"
    ));
}
