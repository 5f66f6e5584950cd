//! Screens as they look. Beside the pictures in `screens`, nothing may be drawn outside of any size.

#![allow(clippy::unwrap_used)]

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use swarm::control::{Phase, Progress};

use super::*;
use crate::tui::history::History;
use crate::tui::view::Look;
use crate::tui::view::tests::{measuring, plan, view};

const PLAIN: Palette = Palette { colours: false };
const COLOURED: Palette = Palette { colours: true };

fn drawn(view: &View, palette: Palette, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view, palette)).unwrap();
    terminal.backend().buffer().clone()
}

fn lines_of(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>())
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn open(size: (u16, u16)) -> View {
    let columns = histogram_columns(Rect::new(0, 0, size.0, size.1));
    let plan = plan("-d 20s -r 80_000 -c 100");
    let mut progress = measuring(200_000, true);
    progress.record.counts.lost = 3;
    progress.connections.failed = 1;
    progress
        .connections
        .failures
        .insert("connection refused".to_owned(), 1);
    view(&plan, &progress, columns)
}

/// Holds a screen against the picture of it; a new one is shown whole.
fn assert_looks_like(found: &Buffer, picture: &str) {
    let found = lines_of(found).join("\n");
    assert!(
        found.trim_end() == picture.trim_end(),
        "the screen looks different now:\n{found}\n"
    );
}

#[test]
fn an_open_loop_on_a_usual_terminal() {
    let size = (80, 24);
    assert_looks_like(
        &drawn(&open(size), PLAIN, size),
        include_str!("screens/open-80x24.txt"),
    );
}

#[test]
fn an_open_loop_on_a_large_terminal() {
    let size = (160, 48);
    assert_looks_like(
        &drawn(&open(size), PLAIN, size),
        include_str!("screens/open-160x48.txt"),
    );
}

#[test]
fn a_closed_loop_on_a_usual_terminal() {
    let size = (80, 24);
    let view = view(&plan("-d 20s"), &measuring(200_000, false), 38);
    assert_looks_like(
        &drawn(&view, COLOURED, size),
        include_str!("screens/closed-80x24.txt"),
    );
}

#[test]
fn a_small_terminal_has_the_most_important_lines() {
    let size = (50, 9);
    assert_looks_like(
        &drawn(&open(size), PLAIN, size),
        include_str!("screens/open-50x9.txt"),
    );
}

#[test]
fn no_size_is_too_small_and_none_too_large() {
    let waiting = Progress::default();
    let plan = plan("-r 100 -d 5s");
    let look = Look {
        plan: &plan,
        progress: &waiting,
        history: &History::default(),
        calibration: None,
        is_stopped: false,
    };
    for size in [
        (0, 0),
        (1, 1),
        (2, 40),
        (300, 1),
        (20, 5),
        (72, 20),
        (71, 19),
        (200, 60),
        (500, 200),
    ] {
        for view in [View::of(&look, 10), open(size)] {
            let area = drawn(&view, COLOURED, size).area;
            assert_eq!((area.width, area.height), size);
        }
    }
}

#[test]
fn without_colour_nothing_is_coloured_and_curves_differ_by_their_marks() {
    let size = (100, 30);
    let plain = drawn(&open(size), PLAIN, size);
    assert!(
        plain
            .content
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
    let text = lines_of(&plain).join("\n");
    assert!(text.contains("• p99") && text.contains("× p99"), "{text}");
    let coloured = drawn(&open(size), COLOURED, size);
    let has = |colour| coloured.content.iter().any(|cell| cell.fg == colour);
    assert!(has(Color::Cyan) && has(Color::Magenta) && has(Color::Red));
}

#[test]
fn the_phase_that_runs_stands_out() {
    let size = (80, 24);
    let buffer = drawn(&open(size), PLAIN, size);
    let reversed: String = buffer
        .content
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
        .map(|cell| cell.symbol())
        .collect();
    assert_eq!(reversed.trim(), format!("▶ {}", Phase::Measure.name()));
}

#[test]
fn ends_of_the_axis_are_round() {
    let round = |ns: f64| {
        [round_below(ns.log10()), round_above(ns.log10())].map(|y| 10_f64.powf(y).round())
    };
    assert_eq!(round(70_900.0), [50_000.0, 100_000.0]);
    assert_eq!(round(1_500.0), [1_000.0, 2_000.0]);
    assert_eq!(round(3_000.0), [2_000.0, 5_000.0]);
    // A flat line at a round number has room on both sides.
    assert_eq!(round(1_000.0), [500.0, 2_000.0]);
}
