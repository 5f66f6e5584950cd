//! The drain of a timeline: the time after the measured phase.

#![allow(clippy::unwrap_used)]

use draw_plot::{Data, Labelled, Options, PictureInput, PictureKind, Subject, Svg};
use measurement::record::TimelineRow;
use measurement::run::{Run, RunTimeline};

/// A run that measured for `elapsed_s`, with echoes in this number of seconds.
fn run(elapsed_s: f64, seconds: u64) -> Labelled<Run> {
    let row = |second| TimelineRow {
        second,
        sent: u64::from((second as f64) < elapsed_s) * 100,
        received: 100,
        service_p50_ns: Some(1_000_000),
        service_p99_ns: Some(2_000_000),
        response_p99_ns: Some(2_000_000),
        max_ns: Some(3_000_000),
        ..TimelineRow::default()
    };
    let timeline = RunTimeline {
        rows: (0..seconds).map(row).collect(),
        knows_sent: true,
        ends_s: Some(elapsed_s),
        is_open_loop: Some(false),
    };
    let run = Run {
        timeline: Some(timeline),
        ..Run::default()
    };
    Labelled::new(format!("{elapsed_s} s"), run)
}

fn drawn(runs: Vec<Labelled<Run>>) -> Svg {
    let data = Data::Timeline { runs, only: None };
    let input = PictureInput::new(PictureKind::Timeline, Subject::default(), data);
    input.svg(&Options::default()).unwrap()
}

fn holds(picture: &Svg, text: &str) -> bool {
    picture.markup.lines().any(|line| line == text)
}

const TO_SCALE: &str = "drain: late echoes";
const NOT_TO_SCALE: &str = "drain: late echoes (not to scale)";

/// Distances in pixels from the second text under the pointer to the third, and from the last but one to the last.
fn steps(picture: &Svg) -> (f64, f64) {
    let x: Vec<f64> = picture.hovers.iter().map(|hover| hover.x).collect();
    (x[2] - x[1], x[x.len() - 1] - x[x.len() - 2])
}

#[test]
fn a_drain_of_unknown_length_is_narrow_and_called_so() {
    // The last second tells only that echoes came in it; the measuring may end just before it, too.
    for elapsed_s in [5.0, 4.999_8, 4.3] {
        let picture = drawn(vec![run(elapsed_s, 6)]);
        assert!(holds(&picture, NOT_TO_SCALE), "{elapsed_s}");
        assert!(holds(&picture, "5") && !holds(&picture, "6"), "{elapsed_s}");
        // Half a second of the run, and half of a zone of its twenty-fifth part.
        let (second, last) = steps(&picture);
        assert!(last < 0.62 * second, "{last} of {second}");
        // What came in it is still told.
        let said = &picture.hovers[5].text;
        assert_eq!(said[..2], ["5 s to 6 s", "0 messages sent, 100 received"]);
    }
}

#[test]
fn a_drain_of_whole_seconds_is_to_scale() {
    let picture = drawn(vec![run(5.0, 9)]);
    assert!(holds(&picture, TO_SCALE) && !holds(&picture, NOT_TO_SCALE));
    let (second, last) = steps(&picture);
    assert!((second - last).abs() < 1.0);
    // What ended within a second has no drain that rows could tell.
    let picture = drawn(vec![run(5.4, 6)]);
    assert!(!holds(&picture, TO_SCALE) && !holds(&picture, NOT_TO_SCALE));
}

#[test]
fn late_sends_in_the_drain_were_called_nothing_sent() {
    let mut late = run(5.0, 9);
    let rows = late.data.timeline.as_mut().unwrap();
    rows.rows[6].sent = 3;
    let picture = drawn(vec![late]);
    assert!(holds(&picture, "drain: late sends and echoes"));
    assert!(!holds(&picture, TO_SCALE));
}

#[test]
fn of_several_runs_each_length_is_told_and_no_drain_looks_like_a_second() {
    let picture = drawn(vec![run(2.0, 3), run(6.0, 7)]);
    assert!(holds(&picture, "2 files · measured 2.00 to 6.00 s"));
    assert_eq!(picture.hovers.len(), 6);
    assert!(!holds(&picture, "7"));
    let alone = drawn(vec![run(2.0, 2), run(6.0, 6)]);
    // The lines are those of the measured seconds alone.
    let lines = |picture: &Svg| -> Vec<String> {
        let lines = picture.markup.lines();
        let lines = lines.filter(|line| line.starts_with("<polyline"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(lines(&picture), lines(&alone));
    // However long the drain was.
    let long = drawn(vec![run(2.0, 5), run(6.0, 7)]);
    assert_eq!(lines(&long), lines(&alone));
    let equal = drawn(vec![run(6.0, 6), run(6.0, 6)]);
    assert!(holds(&equal, "2 files · measured 6.00 s"));
    let short = drawn(vec![run(0.5, 1), run(6.0, 6)]);
    assert!(holds(&short, "2 files · measured 500 ms to 6.00 s"));
}
