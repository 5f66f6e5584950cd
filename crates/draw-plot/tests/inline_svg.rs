//! Pictures for a page: SVGs whose colours the page decides, with descriptions in words.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use draw_plot::{
    Data, Labelled, Options, PictureInput, PictureKind, Size, Subject, Svg, Theme, load, page_style,
};
use results::read::{
    ColumnRequest, Latencies, Place, TimeColumn, TimeUnit, TimedLatencies, TimestampOf,
};

fn options() -> Options {
    Options {
        theme: Theme::Page,
        ..Options::default()
    }
}

fn times(values_ms: Vec<f64>) -> Latencies {
    Latencies {
        values_ms,
        ..Latencies::default()
    }
}

fn latency() -> Data {
    let times = times(vec![1.0, 2.0, 3.0, 4.0]);
    Data::Latency(vec![Labelled::new("a <run> & more", times)])
}

fn svg(options: &Options, subject: &Subject, data: &Data) -> Svg {
    let input = PictureInput::new(PictureKind::Latency, subject.clone(), data.clone());
    input.svg(options).unwrap()
}

#[test]
fn every_colour_is_a_variable_with_the_light_one_behind() {
    let picture = svg(&options(), &Subject::default(), &latency());
    for variable in [
        "\"var(--plot-ground, #FFFFFF)\"",
        "\"var(--plot-text, #1F242B)\"",
        "\"var(--plot-series-0, #0072B2)\"",
        "\"var(--plot-p50, #009E73)\"",
        "\"var(--plot-p99, #D55E00)\"",
        "\"var(--plot-p50-text, #007F5C)\"",
    ] {
        assert!(picture.markup.contains(variable), "{variable}");
    }
    let bare = picture.markup.matches("=\"#").count();
    assert_eq!(bare, 0, "a colour that no page can change");
}

#[test]
fn the_style_sets_every_variable_for_light_dark_and_paper() {
    let style = page_style();
    let (screen, paper) = style.split_once("@media print").unwrap();
    let (light, dark) = screen
        .split_once("@media (prefers-color-scheme: dark)")
        .unwrap();
    let names = [
        "ground", "text", "faint", "grid", "p50", "p99", "p50-text", "p99-text", "series-0",
        "series-6", "heat-0", "heat-8",
    ];
    for name in names.map(|name| format!("--plot-{name}:#")) {
        for part in [light, dark, paper] {
            assert_eq!(part.matches(&name).count(), 1, "{name}");
        }
    }
    assert!(light.contains("--plot-ground:#FFFFFF") && dark.contains("--plot-ground:#14171C"));
    assert!(paper.contains("--plot-ground:#FFFFFF"));
}

#[test]
fn a_picture_tells_what_it_shows() {
    let subject = Subject {
        title: "ws://here/ws & co".to_owned(),
        ..Subject::default()
    };
    let picture = svg(&options(), &subject, &latency());
    assert!(
        picture
            .markup
            .starts_with(r#"<svg viewBox="0 0 5120 2880" role="img" aria-labelledby="plot-"#)
    );
    assert!(picture.markup.contains(">ws://here/ws &amp; co</title>"));
    assert!(
        picture
            .markup
            .contains("a &lt;run&gt; &amp; more: 4 messages, p50 2.00 ms, p99 4.00 ms")
    );
    assert!(
        picture
            .alt
            .starts_with("Service time of each message. a <run> & more: 4 messages")
    );
    let ids = |name: &str| {
        let id = picture
            .markup
            .split_once(&format!("<{name} id=\""))
            .unwrap()
            .1;
        id.split_once('"').unwrap().0.to_owned()
    };
    let labelled = format!("aria-labelledby=\"{} {}\"", ids("title"), ids("desc"));
    assert!(picture.markup.contains(&labelled));
}

#[test]
fn millions_of_messages_are_a_small_picture() {
    // A body between 1 and 2 ms and a long tail, by a generator of random numbers.
    let mut state = 7_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
    };
    let values: Vec<f64> = (0..400_000)
        .map(|_| 1.0 + random() + 0.02 / (random() + 0.001))
        .collect();
    let data = Data::Latency(vec![Labelled::new("many", times(values))]);
    let options = Options {
        size: "2560x1440".parse().unwrap(),
        ..options()
    };
    let picture = svg(&options, &Subject::default(), &data);
    let bytes = picture.markup.len();
    assert!(bytes < 300_000, "{bytes} bytes");
    // A line through all averages of a column would be a ground without a line.
    let dense = "mean of the last 50 messages: its middle and its range";
    assert!(picture.markup.contains(dense));
    let options = Options {
        window: Some(1_000.try_into().unwrap()),
        ..options
    };
    let picture = svg(&options, &Subject::default(), &data);
    assert!(picture.markup.contains("mean of the last 1,000 messages\n"));
}

#[test]
fn hovers_tell_the_values_from_left_to_right() {
    let picture = svg(&options(), &Subject::default(), &latency());
    assert_eq!(picture.hovers.len(), 4);
    assert!(picture.hovers.is_sorted_by(|a, b| a.x < b.x));
    assert_eq!(
        picture.hovers[3].text,
        [
            "message 4",
            "mean of the last 4: 2.50 ms",
            "this message: 4.00 ms"
        ]
    );
    let uniform = Labelled::new("service time", times((1..=1_000).map(f64::from).collect()));
    let data = Data::Distributions(vec![Labelled::new("uniform", vec![uniform])]);
    for kind in [
        PictureKind::Histogram,
        PictureKind::Cdf,
        PictureKind::Percentiles,
    ] {
        let input = PictureInput::new(kind, Subject::default(), data.clone());
        let picture = input.svg(&options()).unwrap();
        let inside = |x: f64| (0.0..=5120.0).contains(&x);
        assert!(picture.hovers.len() > 10 && picture.hovers.len() <= 310);
        assert!(
            picture
                .hovers
                .iter()
                .all(|hover| inside(hover.x) && hover.text.len() == 2)
        );
        let last = &picture.hovers[picture.hovers.len() - 1].text;
        match kind {
            PictureKind::Cdf => assert_eq!(last[1], "100.00 %"),
            PictureKind::Percentiles => assert_eq!(last[1], "1,000 ms"),
            _ => assert!(last[1].contains(" message")),
        }
    }
}

#[test]
fn one_reading_is_drawn_as_often_as_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.csv");
    std::fs::write(&file, "rtt_ms\n1\n2\n4\n").unwrap();
    let loaded = load(PictureKind::Cdf, &[file], &ColumnRequest::default()).unwrap();
    assert_eq!(loaded.subject.quantity, "rtt");
    let light = loaded.svg(&Options::default()).unwrap();
    let dark = loaded
        .svg(&Options {
            theme: Theme::Dark,
            ..Options::default()
        })
        .unwrap();
    assert_ne!(light.markup, dark.markup);
    assert_eq!((light.alt, light.hovers), (dark.alt, dark.hovers));
}

/// The texts of a picture with their anchors and places, in dots.
fn texts(markup: &str) -> Vec<(&str, f64, &str)> {
    let attribute = |tag: &'_ str, name: &str| -> Option<String> {
        let value = tag.split_once(&format!(" {name}=\""))?.1;
        Some(value.split_once('"')?.0.to_owned())
    };
    let elements = markup.split("<text ").skip(1);
    elements
        .map(|element| {
            let (tag, rest) = element.split_once('>').unwrap();
            let tag = format!(" {tag}");
            let anchor = match attribute(&tag, "text-anchor").as_deref() {
                Some("middle") => "middle",
                Some("end") => "end",
                _ => "start",
            };
            let x = attribute(&tag, "x").unwrap().parse().unwrap();
            (rest.split_once('<').unwrap().0.trim(), x, anchor)
        })
        .collect()
}

#[test]
fn the_scale_of_a_heatmap_ends_within_the_picture() {
    // One to 5,278 messages in a cell.
    let counts: Vec<u64> = (0..=12).map(|power| 1 << power).chain([5_278]).collect();
    let at_s: Vec<f64> = (0..)
        .map(|n| f64::from(n) * 0.2)
        .take(counts.len())
        .collect();
    let column = TimeColumn {
        place: Place::file(Path::new("run")),
        run: None,
        column: "service_time_ms".to_owned(),
        name: "service time".to_owned(),
        metric: None,
        unit: TimeUnit::Milliseconds,
        unit_is_assumed: false,
        column_is_guessed: false,
        runner_up: None,
        remarks: Vec::new(),
        x: None,
        times: Latencies {
            values_ms: vec![1.0; counts.len()],
            counts,
            ..Latencies::default()
        },
    };
    let file = TimedLatencies {
        column,
        at_s,
        timestamp_of: TimestampOf::Sent,
        slice_s: None,
    };
    let data = Data::Heatmap(vec![Labelled::new("run", file)]);
    // Those of a report, wide and narrow, and one with much room.
    for (width, height) in [(540, 380), (340, 320), (1280, 720)] {
        let options = Options {
            size: Size::new(width, height).unwrap(),
            ..options()
        };
        let picture = svg(&options, &Subject::default(), &data);
        let drawn = texts(&picture.markup);
        let (_, x, anchor) = drawn.iter().find(|text| text.0 == "5,278").unwrap();
        assert_eq!(*anchor, "middle");
        // Half of five letters, at the largest of these sizes.
        let end = x + 0.5 * 5.0 * 0.64 * 13.5 * 4.0;
        let right = f64::from(width) * 4.0;
        assert!(end <= right, "the last number ends at {end} of {right}");
        assert!(drawn.iter().any(|text| text.0 == "1"));
    }
}
