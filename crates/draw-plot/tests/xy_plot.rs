//! The program draws a column against another, as a user runs it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use std::fs;

use folder::{Folder, holds, lines};

/// As the swarm's bench `cpu` writes it, though in no order.
const COST: &str = "connections,user_cpu_us,cpu_us\n\
    1000,0.86,10\n1,0.76,12\n10,0.44,9\n100,0.41,9\n9500,0.56,11\n";

const COLUMNS: [&str; 4] = ["--x", "connections", "--column", "user_cpu_us"];

fn with_cost(name: &str, text: &str) -> Folder {
    let folder = Folder::new();
    fs::write(folder.path(name), text).unwrap();
    folder
}

fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [more, &COLUMNS[..]].concat()
}

/// The points of the only line of a picture without legend.
fn points(svg: &str) -> Vec<(f64, f64)> {
    let [line] = lines(svg, "#0072B2").try_into().unwrap();
    line
}

fn markers(svg: &str, colour: &str) -> usize {
    svg.lines()
        .filter(|line| line.starts_with("<circle") && line.contains(colour))
        .count()
}

#[test]
fn a_column_is_drawn_against_another() {
    let folder = with_cost("cost.csv", COST);
    let said = folder.drawn(&arguments(&["cost.csv", "-o", "cost.svg"]));
    assert_eq!(
        said,
        "drew cost.svg: 5 points of cost.csv, against connections\n"
    );
    let svg = folder.svg("cost.svg");
    for text in [
        "&quot;user_cpu&quot; against &quot;connections&quot;",
        "cost.csv · 5 points",
        "user_cpu (µs)",
        "connections",
        "0.8",
        "10,000",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    assert_eq!(markers(&svg, "#0072B2"), 5);
    let [one, ten, hundred, thousand, most] = points(&svg).try_into().unwrap();
    // In the order of x, where each tenfold is a step of the same length.
    for (from, to) in [(ten, hundred), (hundred, thousand)] {
        assert!(((to.0 - from.0) - (ten.0 - one.0)).abs() <= 2.0);
    }
    assert!(one.0 < ten.0 && most.0 > thousand.0);
    // As high as its time; the picture's y axis points down.
    assert!(thousand.1 < one.1 && one.1 < most.1 && most.1 < ten.1 && ten.1 < hundred.1);
}

#[test]
fn other_numbers_make_another_picture() {
    let folder = with_cost("cost.csv", COST);
    let picture = |text: &str, more: &[&str]| {
        fs::write(folder.path("cost.csv"), text).unwrap();
        folder.drawn(&[&arguments(&["cost.csv", "-o", "a.png"])[..], more].concat());
        fs::read(folder.path("a.png")).unwrap()
    };
    let first = picture(COST, &[]);
    assert_eq!(picture(COST, &[]), first);
    assert_ne!(picture(&COST.replace("0.44", "0.64"), &[]), first);
    assert_ne!(picture(&COST.replace("9500", "5000"), &[]), first);
    for more in [&["--log"][..], &["--theme", "dark"], &["--title", "Mine"]] {
        assert_ne!(picture(COST, more), first, "{more:?}");
    }
    assert_ne!(picture(COST, &["--unit", "ms"]), first);
}

#[test]
fn numbers_within_a_hundredfold_have_even_steps() {
    let text = "rate,cost_ms\n0,2\n1000,1\n2000,3\n";
    let folder = with_cost("rate.csv", text);
    folder.drawn(&["rate.csv", "--x", "rate", "-o", "rate.svg"]);
    let svg = folder.svg("rate.svg");
    let [zero, one, two] = points(&svg).try_into().unwrap();
    assert!(((two.0 - one.0) - (one.0 - zero.0)).abs() <= 2.0);
    assert!(holds(&svg, "cost (ms)") && holds(&svg, "1,000"));
}

#[test]
fn several_files_are_overlaid() {
    let folder = with_cost("now.csv", COST);
    fs::write(
        folder.path("before.csv"),
        "connections,user_cpu_us\n1,1.5\n100,\n,2\n10,1.25\n",
    )
    .unwrap();
    let said = folder.drawn(&arguments(&["now.csv", "before.csv", "-o", "both.svg"]));
    assert_eq!(
        said,
        "drew both.svg: 5 points of now.csv, 2 points of before.csv (2 more left out), against connections\n"
    );
    let svg = folder.svg("both.svg");
    for text in [
        "7 points in all · 2 rows left out",
        "now.csv · 5 points",
        "before.csv · 2 points",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    // One more of each in the legend.
    for (colour, count) in [("#0072B2", 5), ("#D55E00", 2)] {
        assert_eq!(markers(&svg, colour), count + 1);
        let drawn: Vec<usize> = lines(&svg, colour).iter().map(Vec::len).collect();
        assert_eq!(drawn, [2, count]);
    }
}

#[test]
fn more_points_than_pixels_make_no_larger_picture() {
    let time = |i: u32| {
        if i == 25_000 {
            99.0
        } else {
            f64::from(i % 7) + 1.5
        }
    };
    let rows = (0..50_000_u32).map(|i| format!("{i},{}\n", time(i)));
    let text = format!("at,rtt_ms\n{}", rows.collect::<String>());
    let folder = with_cost("many.csv", &text);
    folder.drawn(&["many.csv", "--x", "at", "-o", "many.svg", "--unit", "ms"]);
    let svg = folder.svg("many.svg");
    assert!(svg.len() < 800_000, "{}", svg.len());
    // A marker for each pixel that has a point.
    let dots = svg.lines().filter(|line| line.starts_with("<path "));
    assert_eq!(dots.count(), 1);
}

#[test]
fn two_thousand_rows_were_a_block_of_lines() {
    let row = |i: u32| format!("{},{}\n", i * 7_919 % 500 + 1, f64::from(i * 31 % 97) + 1.5);
    let text = |rows: u32| format!("at,rtt_ms\n{}", (0..rows).map(row).collect::<String>());
    let folder = with_cost("cloud.csv", &text(500));
    let arguments = ["cloud.csv", "--x", "at", "-o", "a.svg"];
    folder.drawn(&arguments);
    let svg = folder.svg("a.svg");
    assert!(lines(&svg, "#0072B2").is_empty(), "a scribble");
    // As many equal circles are one path.
    let dots = svg
        .lines()
        .filter(|line| line.starts_with("<path ") && line.contains("#0072B2"));
    assert_eq!(dots.count(), 1);
    // The same rows in the order of x, which a line would fill as well.
    let header_and_rows = text(500);
    let mut rows: Vec<&str> = header_and_rows.lines().skip(1).collect();
    rows.sort_by_key(|row| row.split(',').next().unwrap().parse::<u32>().unwrap());
    let ordered = format!("at,rtt_ms\n{}\n", rows.join("\n"));
    fs::write(folder.path("cloud.csv"), ordered).unwrap();
    folder.drawn(&arguments);
    assert!(lines(&folder.svg("a.svg"), "#0072B2").is_empty());
    // Few enough to have room: a curve.
    fs::write(folder.path("cloud.csv"), text(50)).unwrap();
    folder.drawn(&arguments);
    assert_eq!(lines(&folder.svg("a.svg"), "#0072B2").len(), 1);
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let folder = with_cost("cost.csv", COST);
    fs::write(folder.path("far.csv"), "n,rtt_ms\n1,1\n1e16,2\n").unwrap();
    for (arguments, expected) in [
        (
            &["cost.csv", "--x", "clients", "--column", "user_cpu_us"][..],
            "error: no column `clients` in cost.csv: it has `connections`, `user_cpu_us`, `cpu_us`\n",
        ),
        (
            &["cost.csv", "--x", "connections", "--column", "idle"],
            "error: no column `idle` in cost.csv: it has `connections`, `user_cpu_us`, `cpu_us`\n",
        ),
        (
            &["far.csv", "--x", "n"],
            "notice: drawing column `rtt_ms` of far.csv\n\
             error: number 2 of far.csv is too large or too small for the horizontal axis: 10000000000000000\n",
        ),
    ] {
        assert_eq!(folder.refused(1, arguments), expected);
    }
}
