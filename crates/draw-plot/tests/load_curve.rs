//! The picture of response times over offered rates, as a user draws it.

#![allow(clippy::unwrap_used)]

#[allow(dead_code)]
mod folder;

use draw_plot::{Data, Labelled, Options, PictureInput, PictureKind, Size, Subject};
use folder::{Folder, holds, lines, save};
use measurement::run::{CapacitySummary, LoadStep, Run, StepOrigin, TimeInterval};
use proptest::option::of;
use proptest::prelude::*;
use test_support::fixtures::{closed_loop_run, search_run, sweep_run};

const BLUE: &str = "#0072B2";
const VERMILION: &str = "#D55E00";
const RATES: [f64; 5] = [1_000.0, 4_000.0, 16_000.0, 40_000.0, 64_000.0];

/// The picture of this run, and the arguments after the file.
fn drawn(run: &Run, arguments: &[&str]) -> String {
    let folder = Folder::new();
    save(&folder, "a.json", run);
    let all = [
        &["a.json", "--kind", "load-curve", "-o", "a.svg"],
        arguments,
    ]
    .concat();
    folder.drawn(&all);
    folder.svg("a.svg")
}

/// The picture of a search.
fn searched(change: impl FnOnce(&mut CapacitySummary)) -> String {
    let run = search_run(50_000.0, |s| change(s.capacity.as_mut().unwrap()));
    drawn(&run, &[])
}

/// The place of a text on an axis (`x`, `y`), in dots from the left or the top.
fn place_of(svg: &str, text: &str, axis: char) -> f64 {
    let all: Vec<_> = svg.lines().collect();
    let at = all.iter().position(|line| *line == text).unwrap();
    let (_, place) = all[at - 1].split_once(&format!(" {axis}=\"")).unwrap();
    place.split_once('"').unwrap().0.parse().unwrap()
}

/// The numbers below the horizontal axis.
fn tick_texts(svg: &str) -> Vec<f64> {
    let numbers = svg
        .lines()
        .filter_map(|line| line.replace(',', "").parse::<f64>().ok());
    numbers.collect()
}

#[test]
fn a_sweep_has_its_percentiles_above_and_the_cpu_below() {
    let folder = Folder::new();
    let run = sweep_run(50_000.0, &RATES, |_| {});
    for name in ["a.xlsx", "a.json"] {
        save(&folder, name, &run);
        let said = folder.drawn(&[name, "--kind", "load-curve", "-o", "a.svg"]);
        assert!(said.contains(&format!("5 rates of {name}")), "{said}");
        let svg = folder.svg("a.svg");
        for text in [
            &*format!("{name} · 5 rates · kept up with 40,000 msg/s"),
            "response time (ms, logarithmic)",
            "offered rate (msg/s, logarithmic)",
            "CPU of the server (cores)",
            "p50",
            "p99",
            "p99.9",
            "95 % interval",
            "not answered",
        ] {
            assert!(holds(&svg, text), "{text} in {name}");
        }
        for text in ["limited by the generator", "capacity and its interval"] {
            assert!(!holds(&svg, text), "{text} in {name}");
        }
        let curves = lines(&svg, BLUE).into_iter().filter(|line| !is_open(line));
        let longest = curves.max_by_key(Vec::len).unwrap();
        // At the highest rate, p99 is not answered.
        assert_eq!(longest.len(), RATES.len() - 1);
        assert!(longest.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1));
    }
    folder.drawn(&["a.json", "--kind", "load-curve"]);
    assert!(folder.path("a.png").exists());
}

#[test]
fn a_search_shows_its_capacity_its_limit_and_its_marks() {
    let svg = searched(|_| {});
    for text in [
        "a.json · 18 steps · capacity 49,040 msg/s (48,500–49,600, 95 %) at p99 &lt; 5 ms",
        "capacity 49,040 msg/s",
        "recovered only up to 42,170 msg/s",
        "p99 &lt; 5 ms",
        "capacity and its interval",
        "limited by the generator",
        "p99 after an overload without a pause",
        "offered rate (msg/s)",
    ] {
        assert!(holds(&svg, text), "{text}");
    }
    // Rates from below that are nearly equal are one point, and a rate at the limit of the generator is not joined.
    let longest = lines(&svg, BLUE).into_iter().filter(|line| line.len() < 20);
    let longest = longest.max_by_key(Vec::len).unwrap();
    assert_eq!(longest.len(), 7);
    assert!(longest.windows(2).all(|pair| pair[1].0 - pair[0].0 > 5.0));
    let triangles = svg
        .lines()
        .filter(|line| line.starts_with("<polygon") && line.contains(BLUE));
    assert_eq!(triangles.count(), 3);
}

#[test]
fn a_server_that_recovers_has_no_second_line() {
    let svg = searched(|capacity| {
        capacity.hysteresis = false;
        capacity.from_above_per_s = capacity.rate_per_s;
        capacity.steps.retain(|step| step.from == StepOrigin::Below);
    });
    assert!(!svg.contains("recovered only") && !svg.contains("after an overload"));
}

#[test]
fn a_capacity_that_the_generator_limits_reaches_to_the_edge() {
    let svg = searched(|capacity| {
        (capacity.at_least, capacity.high_per_s) = (true, f64::INFINITY);
        (capacity.generator_limit, capacity.hysteresis) = (true, false);
    });
    assert!(holds(&svg, "capacity at least 49,040 msg/s"));
    assert!(holds(&svg, "lower bound of the capacity"));
    assert!(holds(
        &svg,
        "a.json · 18 steps · capacity at least 49,040 msg/s at p99 &lt; 5 ms (lower limit 48,500, 95 %): the generator was the limit"
    ));
}

#[test]
fn the_name_of_a_capacity_stood_behind_its_wide_interval() {
    let [narrow, wide] = [48_000.0, 0.0].map(|low_per_s| {
        let svg = searched(|capacity| {
            (capacity.low_per_s, capacity.high_per_s) = (low_per_s, 49_100.0);
        });
        place_of(&svg, "capacity 49,040 msg/s", 'x')
    });
    assert!(narrow < wide && wide < narrow + 500.0, "{narrow} {wide}");
}

#[test]
fn a_capacity_without_a_rate_has_no_line() {
    for (rate, said) in [
        (None, "capacity unknown, but below 3,070 msg/s"),
        (Some(0.0), "capacity below 3,070 msg/s"),
    ] {
        let svg = searched(|capacity| {
            (capacity.rate_per_s, capacity.low_per_s, capacity.high_per_s) = (rate, 0.0, 0.0);
            capacity.hysteresis = false;
            let held = capacity
                .steps
                .iter_mut()
                .filter(|step| step.held == Some(true));
            held.for_each(|step| step.held = Some(false));
        });
        assert!(svg.contains(&format!("{said} at p99 &lt; 5 ms")), "{said}");
        assert!(!holds(&svg, "capacity and its interval"));
    }
}

#[test]
fn the_percentile_of_the_condition_stands_out() {
    let svg = searched(|capacity| capacity.conditions = vec!["p99.9<20ms".to_owned()]);
    assert!(holds(&svg, "p99.9 after an overload without a pause"));
    // The line at the limit is above that of the other condition.
    let height = place_of(&svg, "p99.9 &lt; 20 ms", 'y');
    assert!(height < place_of(&searched(|_| {}), "p99 &lt; 5 ms", 'y'));
    let svg = searched(|capacity| capacity.conditions = vec!["error_rate<0.1%".to_owned()]);
    assert!(svg.contains("at error_rate &lt; 0.1 %") && !holds(&svg, "error_rate &lt; 0.1 %"));
}

#[test]
fn several_files_have_a_colour_and_an_entry_each() {
    let folder = Folder::new();
    save(&folder, "a.json", &search_run(50_000.0, |_| {}));
    save(&folder, "b.xlsx", &search_run(30_000.0, |_| {}));
    save(&folder, "c.json", &sweep_run(9_000.0, &RATES, |_| {}));
    for (theme, colours) in [
        ("light", [BLUE, "#D55E00", "#009E73"]),
        ("dark", ["#56B4E9", "#E69F00", "#009E73"]),
    ] {
        let files = ["a.json", "b.xlsx", "c.json"];
        let arguments = ["--kind", "load-curve", "--theme", theme, "-o", "a.svg"];
        folder.drawn(&[&files[..], &arguments].concat());
        let svg = folder.svg("a.svg");
        for text in [
            "a.json · capacity 49,040 msg/s (48,500–49,600, 95 %) at p99 &lt; 5 ms",
            "b.xlsx · capacity 29,040 msg/s (28,700–29,400, 95 %) at p99 &lt; 5 ms",
            "c.json · kept up with 4,000 msg/s",
            "capacity 49,040 msg/s",
            "capacity 29,040 msg/s",
        ] {
            assert!(holds(&svg, text), "{text}");
        }
        for colour in colours {
            assert!(lines(&svg, colour).len() > 3, "{colour} in {theme}");
        }
    }
    let sized = ["--kind", "load-curve", "--size", "700x600", "-o", "a.png"];
    folder.drawn(&[&["a.json", "b.xlsx", "c.json"][..], &sized].concat());
}

#[test]
fn searches_whose_capacities_differ_tenfold_have_a_logarithmic_axis() {
    let folder = Folder::new();
    save(&folder, "a.json", &search_run(50_000.0, |_| {}));
    save(&folder, "b.json", &search_run(3_000.0, |_| {}));
    folder.drawn(&["a.json", "b.json", "--kind", "load-curve", "-o", "a.svg"]);
    assert!(holds(
        &folder.svg("a.svg"),
        "offered rate (msg/s, logarithmic)"
    ));
}

#[test]
fn times_close_to_each_other_have_a_linear_axis_unless_asked() {
    let run = sweep_run(50_000.0, &[10_000.0, 11_000.0, 12_000.0], |_| {});
    let svg = drawn(&run, &[]);
    assert!(holds(&svg, "response time (µs)") && holds(&svg, "offered rate (msg/s)"));
    assert!(
        !tick_texts(&svg).contains(&5_000.0),
        "rates do not begin at 0"
    );
    assert!(holds(
        &drawn(&run, &["--log"]),
        "response time (µs, logarithmic)"
    ));
}

#[test]
fn a_rate_without_an_answer_has_a_gap_in_the_line() {
    let svg = drawn(
        &sweep_run(50_000.0, &RATES, |s| {
            let step = &mut s.load_curve.as_mut().unwrap()[2];
            (step.response_p50_ns, step.response_p99_ns) = (None, None);
            (step.response_p99_9_ns, step.failed) = (None, 160_000);
        }),
        &[],
    );
    let longest = lines(&svg, BLUE).into_iter().filter(|line| !is_open(line));
    assert_eq!(longest.map(|line| line.len()).max(), Some(2));
    assert!(holds(&svg, "a.json · 5 rates · kept up with 40,000 msg/s"));
}

/// Returns true for the outline of a triangle.
fn is_open(line: &[(f64, f64)]) -> bool {
    line.len() == 4 && line.first() == line.last()
}

/// An overloaded step showed a nice p99, because messages without an answer were left out of it.
#[test]
fn a_percentile_among_unanswered_messages_was_drawn_as_a_time() {
    let folder = Folder::new();
    let run = sweep_run(50_000.0, &RATES, |s| {
        let steps = s.load_curve.as_mut().unwrap();
        for step in &mut steps[3..] {
            (step.response_p99_9_ns, step.failed) = (None, 1_000);
        }
        (steps[4].response_p99_ns, steps[4].failed) = (None, 100_000);
    });
    for name in ["a.json", "a.xlsx"] {
        save(&folder, name, &run);
        folder.drawn(&[name, "--kind", "load-curve", "-o", "a.svg"]);
        let svg = folder.svg("a.svg");
        assert!(holds(&svg, "not answered"), "{name}");
        // p99 has a mark at the last rate, p99.9 at the last two, above all that has a time.
        let of = |colour| lines(&svg, colour).into_iter();
        let open = |colour| of(colour).filter(|line| is_open(line)).collect::<Vec<_>>();
        let (of_p99, of_p99_9) = (open(BLUE), open(VERMILION));
        // The sample of the legend has the colour of the text.
        assert_eq!((of_p99.len(), of_p99_9.len()), (1, 2), "{name}");
        let lowest = |line: &Vec<(f64, f64)>| line.iter().map(|at| at.1).fold(0.0, f64::max);
        let curves = [BLUE, VERMILION].into_iter().flat_map(|colour| {
            // The sample of the legend is shorter.
            let times = of(colour).filter(|line| !is_open(line));
            times.max_by_key(Vec::len).unwrap()
        });
        let highest = curves.map(|at| at.1).fold(f64::INFINITY, f64::min);
        assert!(lowest(&of_p99[0]) < highest, "{name}");
        assert!(lowest(&of_p99_9[0]) < lowest(&of_p99[0]), "{name}");
    }
}

/// Rates that were offered and answered were said to be limited by the generator, because its times were late.
#[test]
fn rates_with_times_of_the_generator_have_a_mark_of_their_own() {
    let folder = Folder::new();
    let run = sweep_run(50_000.0, &[1_000.0, 2_000.0, 4_000.0], |s| {
        s.load_curve.as_mut().unwrap()[1].generator_times = true;
    });
    save(&folder, "a.json", &run);
    folder.drawn(&["a.json", "--kind", "load-curve", "-o", "a.svg"]);
    let svg = folder.svg("a.svg");
    assert!(holds(&svg, "times mostly of the generator"));
    assert!(!holds(&svg, "limited by the generator"));
}

/// A step of which the generator was the limit says nothing about the answers of the server.
#[test]
fn unanswered_messages_of_a_late_generator_have_a_ring() {
    let svg = searched(|capacity| {
        let late = capacity
            .steps
            .iter_mut()
            .find(|step| step.generator_limited);
        late.unwrap().response_p99_ns = None;
    });
    assert!(!holds(&svg, "not answered") && holds(&svg, "limited by the generator"));
}

/// One file without any answer kept all others from being drawn.
#[test]
fn a_file_without_answers_refused_all_files() {
    let folder = Folder::new();
    save(&folder, "a.json", &sweep_run(50_000.0, &RATES, |_| {}));
    save(&folder, "dead.json", &without_answers());
    save(&folder, "b.json", &sweep_run(20_000.0, &RATES, |_| {}));
    let files = ["a.json", "dead.json", "b.json"];
    let arguments = ["--kind", "load-curve", "-o", "a.svg"];
    let said = folder.drawn(&[&files[..], &arguments].concat());
    assert!(
        said.contains("notice: no step of dead.json has a response time, so it is not drawn\n"),
        "{said}"
    );
    assert!(
        said.contains("5 rates of a.json, 5 rates of b.json"),
        "{said}"
    );
    let svg = folder.svg("a.svg");
    assert!(svg.contains("b.json · kept up with") && !svg.contains("dead.json"));
    std::fs::remove_file(folder.path("a.svg")).unwrap();
    save(&folder, "b.json", &without_answers());
    let said = folder.refused(1, &[&files[1..], &arguments].concat());
    assert_eq!(
        said,
        "error: no step of dead.json and b.json has a response time, so there is nothing to draw\n"
    );
}

/// A search of a server that answers nothing.
fn without_answers() -> Run {
    search_run(50_000.0, |s| {
        for step in &mut s.capacity.as_mut().unwrap().steps {
            (step.response_p50_ns, step.response_p99_ns) = (None, None);
            step.response_p99_9_ns = None;
        }
    })
}

#[test]
fn a_run_without_a_load_curve_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    for ending in ["xlsx", "json", "csv", "hlog"] {
        let file = format!("echo.{ending}");
        save(&folder, &file, &closed_loop_run(|_| {}));
        let said = folder.refused(1, &[&file, "--kind", "load-curve", "-o", "a.svg"]);
        let expected = format!(
            "error: {file} holds no load curve, which the kind load-curve needs: give the .xlsx or .json of a run with \
             `ws-bench --sweep` or `ws-bench --find-capacity`\n"
        );
        assert_eq!(said, expected);
    }
    let begun = search_run(50_000.0, |s| s.capacity.as_mut().unwrap().steps.clear());
    for run in [without_answers(), begun] {
        save(&folder, "a.json", &run);
        let said = folder.refused(1, &["a.json", "--kind", "load-curve", "-o", "a.svg"]);
        let expected =
            "error: no step of a.json has a response time, so there is nothing to draw\n";
        assert_eq!(said, expected);
    }
    save(&folder, "a.json", &sweep_run(50_000.0, &RATES, |_| {}));
    for flag in ["--metric=service", "--window=5", "--x=a", "--sheet=a"] {
        let said = folder.refused(2, &["a.json", "--kind", "load-curve", flag]);
        assert!(
            said.contains("cannot be used with --kind load-curve"),
            "{said}"
        );
    }
    let response = ["a.json", "--kind", "load-curve", "--metric", "response"];
    folder.drawn(&response);
}

#[test]
fn impossible_rates_are_refused() {
    let folder = Folder::new();
    for rate in [0.0, -1.0, 1e300] {
        let run = sweep_run(50_000.0, &RATES, |s| {
            s.load_curve.as_mut().unwrap()[0].offered_per_s = rate;
        });
        save(&folder, "a.json", &run);
        let said = folder.refused(1, &["a.json", "--kind", "load-curve", "-o", "a.svg"]);
        assert!(
            said.contains("number 1 of a.json is too large or too small"),
            "{said}"
        );
    }
}

prop_compose! {
    fn any_step()(
        offered_per_s in prop_oneof![1e-9..1e-3_f64, 1.0..1e6_f64, Just(1e15)],
        achieved in 0.0..1.2_f64,
        is_from_above: bool,
        times in prop::array::uniform3(of(prop_oneof![Just(0), 1..10_000_000_000_u64, Just(u64::MAX / 2)])),
        ends in of((any::<u64>(), any::<u64>())),
        failed in 0..3_u64,
        server_cpu_share in of(0.0..1e3_f64),
        generator_limited: bool,
    ) -> LoadStep {
        LoadStep {
            offered_per_s, achieved_per_s: achieved * offered_per_s, answered_per_s: achieved * offered_per_s, failed, server_cpu_share, generator_limited,
            from: if is_from_above { StepOrigin::Above } else { StepOrigin::Below },
            response_p50_ns: times[0],
            response_p99_ns: times[1],
            response_p99_9_ns: times[2],
            response_p99_interval: ends.map(|(low_ns, high_ns)| TimeInterval { low_ns, high_ns }),
            ..LoadStep::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_steps_are_drawn_or_refused(
        steps in prop::collection::vec(any_step(), 0..6),
        rates in prop::array::uniform3(prop_oneof![Just(0.0), 1e-12..1e16_f64]),
        is_search: bool,
        log: bool,
        is_small: bool,
    ) {
        let run = search_run(50_000.0, |s| {
            if !is_search {
                s.capacity = None;
                s.load_curve = Some(steps);
                return;
            }
            let own = s.capacity.as_mut().unwrap();
            own.steps = steps;
            (own.low_per_s, own.high_per_s) = (rates[0], rates[1]);
            (own.rate_per_s, own.from_above_per_s) = (Some(rates[2]), Some(rates[0]));
        });
        let data = Data::LoadCurve(vec![Labelled::new("a", run.summary.unwrap())]);
        let picture = PictureInput::new(PictureKind::LoadCurve, Subject::default(), data);
        let size = if is_small { Size::new(340, 500).unwrap() } else { Size::default() };
        if let Ok(svg) = picture.svg(&Options { log, size, ..Options::default() }) {
            prop_assert!(!svg.markup.contains("NaN") && !svg.markup.contains("inf"));
            prop_assert!(svg.hovers.iter().all(|hover| hover.x.is_finite()));
        }
    }
}
