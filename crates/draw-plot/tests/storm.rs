//! The picture of a reconnect storm, as a user draws it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use folder::{Folder, holds, lines, save};
use measurement::run::{ReconnectRow, Summary};
use test_support::fixtures::{closed_loop_run, storm_run};

const BLUE: &str = "#0072B2";

/// The picture of this run.
fn drawn(change: impl FnOnce(&mut Summary)) -> String {
    let folder = Folder::new();
    save(&folder, "a.json", &storm_run(50, change));
    folder.drawn(&["a.json", "--kind", "storm", "-o", "a.svg"]);
    folder.svg("a.svg")
}

#[test]
fn a_storm_has_its_connections_above_and_its_attempts_below() {
    let folder = Folder::new();
    for name in ["a.xlsx", "a.json"] {
        save(&folder, name, &storm_run(50, |_| {}));
        let said = folder.drawn(&[name, "--kind", "storm", "-o", "a.svg"]);
        assert!(
            said.contains(&format!("120 lost connections of {name}")),
            "{said}"
        );
        let svg = folder.svg("a.svg");
        for text in [
            "connections that are up (%)",
            "attempts and their outcomes per 50 ms",
            "time since the start of measuring (s)",
            "dropped at 1.00 s",
            "of the lost, 50 % back after 1.70 s, 90 % after 3.43 s, 99 % after 4.44 s, 100 % after 4.91 s",
            "50 % of the lost",
            "99 % of the lost",
            "100 % of the lost",
            "attempts",
            "refused",
            "timed out",
            "failed handshakes",
        ] {
            assert!(holds(&svg, text), "{text} in {name}");
        }
        assert!(!holds(&svg, "failed setups"), "none failed");
    }
}

#[test]
fn the_line_falls_at_the_drop_and_rises_to_the_top_again() {
    let svg = drawn(|_| {});
    // The entry of the legend, and the line.
    let [_, up] = lines(&svg, BLUE).try_into().unwrap();
    let top = up[0].1;
    let lowest = up.iter().map(|(_, y)| *y).fold(0.0, f64::max);
    let drop_at = up.iter().position(|(_, y)| *y == lowest).unwrap();
    assert!(up[..drop_at].iter().all(|(_, y)| *y == top));
    assert!(up[drop_at..].is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1));
    assert_eq!(up.last().unwrap().1, top);
}

#[test]
fn a_storm_of_one_interval_is_not_a_point() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        storm.timeline = vec![ReconnectRow {
            from_s: 1.0,
            to_s: 1.01,
            lost: 120,
            attempts: 120,
            back: 120,
            ..ReconnectRow::default()
        }];
        let times = [2_000_000, 6_000_000, 8_000_000, 9_000_000].map(Some);
        [
            storm.back_50_ns,
            storm.back_90_ns,
            storm.back_99_ns,
            storm.back_100_ns,
        ] = times;
    });
    let [_, up] = lines(&svg, BLUE).try_into().unwrap();
    let heights: Vec<_> = up.iter().map(|(_, y)| *y).collect();
    assert!(heights.iter().any(|y| *y > heights[0]), "{heights:?}");
    // Times until shares were back are finer than the interval, so the line has a step at each.
    let rises = up.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    assert_eq!(rises, 4, "{up:?}");
    assert!(holds(&svg, "attempts and their outcomes per 10 ms"));
}

#[test]
fn a_share_that_never_was_back_has_no_mark() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        (storm.back, storm.back_99_ns, storm.back_100_ns) = (110, None, None);
    });
    assert!(svg.contains("90 % after 3.43 s") && !svg.contains("99 %"));
    assert!(svg.contains("10 not back"));
}

#[test]
fn clients_that_stay_away_have_no_panel_of_attempts() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        storm.timeline.truncate(1);
        let row = &mut storm.timeline[0];
        (row.attempts, row.refused, row.back, row.away) = (0, 0, 0, 120);
        (storm.law, storm.back) = (None, 0);
        (storm.back_50_ns, storm.back_90_ns) = (None, None);
        (storm.back_99_ns, storm.back_100_ns) = (None, None);
    });
    assert!(svg.contains("no reconnects") && svg.contains("120 not back"));
    assert!(
        holds(&svg, "100") && !holds(&svg, "110"),
        "no share is above 100 %"
    );
    assert!(!svg.contains("outcomes per") && !holds(&svg, "attempts"));
}

#[test]
fn losses_far_apart_have_no_marks_on_the_line() {
    let circles = |svg: &str| svg.matches("<circle").count();
    let together = drawn(|s| s.reconnect.as_mut().unwrap().drop_at_s = None);
    let apart = drawn(|s| {
        s.elapsed_s = 30.0;
        let storm = s.reconnect.as_mut().unwrap();
        storm.drop_at_s = None;
        storm.timeline.push(ReconnectRow {
            from_s: 20.0,
            to_s: 20.01,
            lost: 1,
            back: 1,
            ..ReconnectRow::default()
        });
    });
    assert!(holds(&together, "first lost at 1.00 s"));
    // Those of the legend stay.
    assert_eq!(circles(&together), circles(&apart) + 4);
}

#[test]
fn several_storms_have_a_colour_and_an_entry_each() {
    let folder = Folder::new();
    let files = ["a.json", "b.xlsx", "c.json"];
    for (file, rate) in files.into_iter().zip([50, 200, 30]) {
        save(&folder, file, &storm_run(rate, |_| {}));
    }
    for (theme, colours) in [
        ("light", [BLUE, "#D55E00", "#009E73"]),
        ("dark", ["#56B4E9", "#E69F00", "#009E73"]),
    ] {
        let arguments = ["--kind", "storm", "--theme", theme, "-o", "a.svg"];
        folder.drawn(&[&files[..], &arguments].concat());
        let svg = folder.svg("a.svg");
        for (file, colour) in files.into_iter().zip(colours) {
            let start = format!(
                "{file} · reconnect backoff:100ms..1s · 120 connections lost · dropped at 1.00 s · 100 % back after"
            );
            assert!(svg.lines().any(|line| line.starts_with(&start)), "{file}");
            assert!(lines(&svg, colour).len() > 2, "{file} in {theme}");
        }
        assert!(holds(&svg, "failed attempts"));
    }
    let sized = ["--kind", "storm", "--size", "700x600", "-o", "a.png"];
    folder.drawn(&[&files[..], &sized].concat());
}

/// Heights of the line of the connections that are up, and the heights of 0 % and 100 %, in pixels from the top.
fn heights(svg: &str) -> (Vec<f64>, f64, f64) {
    let [.., up] = &lines(svg, BLUE)[..] else {
        panic!("no line");
    };
    let label = |text: &str| {
        let all: Vec<_> = svg.lines().collect();
        let at = all.iter().position(|line| *line == text).unwrap();
        let (_, y) = all[at - 1].split_once(" y=\"").unwrap();
        y.split_once('"').unwrap().0.parse::<f64>().unwrap()
    };
    let heights = up.iter().map(|(_, y)| *y).collect();
    (heights, label("0"), label("100"))
}

/// A height as a share of the axis in percent, within the half height of a letter.
fn percent((y, zero, hundred): (f64, f64, f64)) -> f64 {
    (zero - y) / (zero - hundred) * 100.0
}

#[test]
fn clients_that_never_connected_were_drawn_as_up() {
    for replaced in [0, 300] {
        let svg = drawn(|s| {
            // 180 of 240 connected, of which 120 were lost. With replacements, nobody knows how many opened first.
            s.connections.opened = 180 + replaced;
            s.connections.failed = 60 + replaced / 10;
            s.connections.replaced = replaced;
        });
        let (up, zero, hundred) = heights(&svg);
        let percents: Vec<_> = up.iter().map(|y| percent((*y, zero, hundred))).collect();
        let (first, lowest) = (percents[0], percents.iter().copied().fold(100.0, f64::min));
        let (wanted_first, wanted_lowest) = if replaced > 0 {
            (100.0, 50.0)
        } else {
            (75.0, 25.0)
        };
        assert!((first - wanted_first).abs() < 5.0, "{percents:?}");
        assert!((lowest - wanted_lowest).abs() < 5.0, "{percents:?}");
        let last = *percents.last().unwrap();
        assert!((last - first).abs() < 0.1, "all are back: {percents:?}");
    }
}

#[test]
fn the_axis_of_shares_began_at_60_percent() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        (storm.dropped, storm.back) = (10, 10);
        for row in &mut storm.timeline {
            (row.lost, row.away) = (row.lost.min(10), row.away.min(10));
        }
    });
    let (_, zero, hundred) = heights(&svg);
    assert!(zero > hundred);
}

#[test]
fn the_axis_of_time_went_beyond_the_end_of_the_run() {
    let ticks = |svg: &str| {
        let numbers = svg.lines().filter_map(|line| line.parse::<f64>().ok());
        numbers.filter(|at| *at < 10.0).fold(0.0, f64::max)
    };
    // The last client is back after 5.91 s.
    let svg = drawn(|s| s.elapsed_s = 5.92);
    assert!(ticks(&svg) <= 5.92, "{}", ticks(&svg));
}

#[test]
fn identical_times_were_repeated_for_each_share() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        let ns = Some(1_013_654_029);
        (storm.back_50_ns, storm.back_90_ns) = (Some(1_010_100_000), ns);
        (storm.back_99_ns, storm.back_100_ns) = (ns, ns);
    });
    assert!(
        holds(&svg, "of the lost, 50 to 100 % back after 1.01 s"),
        "{svg}"
    );
}

#[test]
fn bars_began_before_the_first_loss() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        storm.drop_at_s = Some(1.009);
    });
    let faint = "#5B6470";
    let dashes: Vec<_> = lines(&svg, faint);
    let loss_x = dashes
        .iter()
        .find(|line| line.iter().all(|(x, _)| *x == line[0].0))
        .unwrap()[0]
        .0;
    let bars = dashes.iter().filter(|line| line.len() > 3);
    let starts: Vec<_> = bars.map(|line| line[0].0).collect();
    assert!(
        !starts.is_empty() && starts.iter().all(|x| *x >= loss_x),
        "{starts:?} {loss_x}"
    );
}

#[test]
fn several_files_without_a_failure_had_an_entry_of_failed_attempts() {
    let folder = Folder::new();
    for file in ["a.json", "b.json"] {
        let run = storm_run(50, |s| {
            let storm = s.reconnect.as_mut().unwrap();
            storm.drop_at_s = if file == "a.json" { Some(1.0) } else { None };
            for row in &mut storm.timeline {
                (row.refused, row.timed_out, row.handshake_failed) = (0, 0, 0);
                (row.setup_failed, row.own_failed) = (0, 0);
            }
        });
        save(&folder, file, &run);
    }
    folder.drawn(&["a.json", "b.json", "--kind", "storm", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(holds(&svg, "attempts") && !holds(&svg, "failed attempts"));
    assert!(svg.contains("dropped at 1.00 s") && svg.contains("first lost at 1.00 s"));
}

#[test]
fn failed_handshakes_were_hidden_behind_refusals() {
    for (theme, colour) in [("light", "#CC79A7"), ("dark", "#CC79A7")] {
        let folder = Folder::new();
        save(&folder, "a.json", &storm_run(50, |_| {}));
        folder.drawn(&["a.json", "--kind", "storm", "--theme", theme, "-o", "a.svg"]);
        let svg = folder.svg("a.svg");
        // The entry of the legend, and a filled part for each interval.
        assert!(
            svg.matches(&format!("fill=\"{colour}\"")).count() > 10,
            "{theme}"
        );
    }
}

#[test]
fn a_run_without_a_storm_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    for ending in ["xlsx", "json", "csv", "hlog"] {
        let file = format!("echo.{ending}");
        save(&folder, &file, &closed_loop_run(|_| {}));
        let said = folder.refused(1, &[&file, "--kind", "storm", "-o", "a.svg"]);
        assert_eq!(
            said,
            format!(
                "error: {file} holds no lost connections, which the kind storm needs: give the .xlsx or .json of a run with `--drop` or `--reconnect`\n"
            )
        );
    }
    let calm = storm_run(50, |s| s.reconnect = Some(Default::default()));
    save(&folder, "calm.json", &calm);
    let said = folder.refused(1, &["calm.json", "--kind", "storm", "-o", "a.svg"]);
    assert_eq!(
        said,
        "error: no connection was lost in calm.json, so there is nothing to draw\n"
    );
    save(&folder, "a.json", &storm_run(50, |_| {}));
    for flag in ["--metric=response", "--window=5", "--x=a", "--sheet=a"] {
        let said = folder.refused(2, &["a.json", "--kind", "storm", flag]);
        assert!(said.contains("cannot be used with --kind storm"), "{said}");
    }
}

#[test]
fn impossible_times_are_refused() {
    let folder = Folder::new();
    for (from_s, to_s) in [(-1.0, 1.0), (1.0, 1.0), (0.0, 1e300)] {
        let run = storm_run(50, |s| {
            let row = &mut s.reconnect.as_mut().unwrap().timeline[0];
            (row.from_s, row.to_s) = (from_s, to_s);
        });
        save(&folder, "a.json", &run);
        let said = folder.refused(1, &["a.json", "--kind", "storm", "-o", "a.svg"]);
        assert!(said.contains("of a.json is not a time"), "{said}");
    }
}

#[test]
fn storms_that_began_at_different_times_begin_together_in_one_picture() {
    let folder = Folder::new();
    let files = ["a.json", "b.json"];
    for (file, later_s) in files.into_iter().zip([0.0, 5.0]) {
        let run = storm_run(50, |s| {
            s.elapsed_s += later_s;
            let storm = s.reconnect.as_mut().unwrap();
            storm.drop_at_s = None;
            for row in &mut storm.timeline {
                row.from_s += later_s;
                row.to_s += later_s;
            }
        });
        save(&folder, file, &run);
    }
    folder.drawn(&[&files[..], &["--kind", "storm", "-o", "a.svg"]].concat());
    let svg = folder.svg("a.svg");
    assert!(holds(&svg, "time since the first loss of each file (s)"));
    let longest = |colour| lines(&svg, colour).into_iter().max_by_key(Vec::len);
    assert!(longest(BLUE) == longest("#D55E00"), "the same line");
}

/// Marks were drawn beside the line where a server's end took 30 ms to reach all clients.
#[test]
fn marks_of_losses_a_little_apart_lie_on_the_line() {
    let svg = drawn(|s| {
        let storm = s.reconnect.as_mut().unwrap();
        storm.drop_at_s = None;
        // As if most connections were lost 40 ms after the first one.
        for back_ns in [&mut storm.back_50_ns, &mut storm.back_90_ns] {
            *back_ns = back_ns.map(|ns| ns - 40_000_000);
        }
    });
    let line = lines(&svg, BLUE).into_iter().max_by_key(Vec::len).unwrap();
    let marks = circles(&svg, BLUE, 16);
    assert_eq!(marks.len(), 4);
    for (x, y) in marks {
        let is_between = |at: f64, a: f64, b: f64| (a.min(b) - 2.0..=a.max(b) + 2.0).contains(&at);
        let mut steps = line.windows(2);
        let lies_on = |step: &[(f64, f64)]| {
            is_between(x, step[0].0, step[1].0) && is_between(y, step[0].1, step[1].1)
        };
        assert!(steps.any(lies_on), "{x}, {y}");
    }
}

/// The centres of the circles of an SVG in this colour and with this radius.
fn circles(svg: &str, colour: &str, radius: u32) -> Vec<(f64, f64)> {
    let number = |line: &str, name: &str| {
        let value = line.split_once(&format!(" {name}=\"")).unwrap().1;
        value.split_once('"').unwrap().0.parse::<f64>().unwrap()
    };
    let end = [format!(" r=\"{radius}\""), format!("fill=\"{colour}\"")];
    svg.lines()
        .filter(|line| line.starts_with("<circle ") && end.iter().all(|part| line.contains(part)))
        .map(|line| (number(line, "cx"), number(line, "cy")))
        .collect()
}
