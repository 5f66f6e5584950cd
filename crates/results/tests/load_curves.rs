//! Steps of capacity searches and sweeps in files: what is written is what is read.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use calamine::{Data, Reader, Xlsx, open_workbook};
use measurement::run::{
    CapacitySummary, LoadStep, Run, SearchEnd, StepOrigin, Summary, TimeInterval,
};
use proptest::option::of;
use proptest::prelude::*;
use results::read::{RunPart, read_load_curve, read_run};
use results::write::{Output, RUN_SCHEMA};
use test_support::fixtures::{closed_loop_run, open_loop_run, search_run, sweep_run};

/// Longest time, in nanoseconds.
const LONGEST_NS: u64 = 3_600_000_000_000;

fn count() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

fn interval() -> impl Strategy<Value = Option<TimeInterval>> {
    let ends = (0..LONGEST_NS, 0..LONGEST_NS);
    of(ends.prop_map(|(low_ns, high_ns)| TimeInterval { low_ns, high_ns }))
}

prop_compose! {
    fn step()(
        numbers in prop::array::uniform6(0.0..1e7_f64),
        is_from_above: bool,
        truths in (of(any::<bool>()), any::<bool>(), any::<bool>()),
        times in prop::array::uniform3(of(0..LONGEST_NS)),
        counts in prop::array::uniform4(count()),
        shares in prop::array::uniform2(of(0.0..64.0_f64)),
        lead_per_s in of(0.0..1e7_f64),
        longest_silence_s in of(0.5..60.0_f64),
        intervals in (interval(), interval(), interval()),
    ) -> LoadStep {
        let [offered_per_s, achieved_per_s, seconds, start_s, settle_s, answered_per_s] = numbers;
        let [response_p50_ns, response_p99_ns, response_p99_9_ns] = times;
        let [failed, unsent, due, closed] = counts;
        LoadStep {
            offered_per_s, achieved_per_s, seconds, start_s, settle_s, response_p50_ns, response_p99_ns,
            response_p99_9_ns, failed, unsent, due, lead_per_s, answered_per_s, closed, longest_silence_s,
            from: if is_from_above { StepOrigin::Above } else { StepOrigin::Below },
            held: truths.0,
            generator_limited: truths.1,
            generator_times: truths.2,
            server_cpu_share: shares[0],
            client_cpu_share: shares[1],
            response_p50_interval: intervals.0,
            response_p99_interval: intervals.1,
            response_p99_9_interval: intervals.2,
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<LoadStep>> {
    prop::collection::vec(step(), 0..6)
}

prop_compose! {
    fn capacity()(
        conditions in prop::collection::vec("p99(\\.9)?<[1-9]ms", 0..3),
        rate_per_s in of(0.0..1e7_f64),
        ends in (0.0..1e7_f64, prop_oneof![0.0..1e7_f64, Just(f64::INFINITY)]),
        from_above_per_s in of(0.0..1e7_f64),
        truths in any::<(bool, bool, bool)>(),
        ended_by in prop::sample::select(vec![SearchEnd::Precision, SearchEnd::Budget, SearchEnd::Interrupted, SearchEnd::ConnectionsLost, SearchEnd::ShardLost]),
        lengths in prop::array::uniform3(0.0..1e6_f64),
        block_s in of(0.0..60.0_f64),
        generator_limited_steps in count(),
        limited_by in of("p99(\\.9)?<[1-9]ms"),
        unsteady_share in prop::sample::select(vec![0.0, 0.125, 0.25]),
        steps in steps(),
    ) -> CapacitySummary {
        let [precision, budget_s, took_s] = lengths;
        CapacitySummary {
            conditions, rate_per_s, low_per_s: ends.0, high_per_s: ends.1, confidence: 0.95, at_least: truths.0,
            from_above_per_s, hysteresis: truths.1, ended_by, steps, precision, budget_s, took_s, block_s,
            generator_limited_steps, generator_limit: truths.2, limited_by, unsteady_share,
        }
    }
}

fn save(run: &Run, path: &Path) {
    Output::create(path).unwrap().write(run).unwrap();
}

/// Writes the run into both formats that hold load curves, and returns what is read.
fn saved_and_read(run: &Run) -> [Option<Summary>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let read = ["xlsx", "json"].map(|ending| {
        let path = folder.path().join(format!("a.{ending}"));
        save(run, &path);
        read_run(&path, &[RunPart::Summary]).unwrap().summary
    });
    let document = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
    test_support::assert_valid_json(RUN_SCHEMA, &document);
    read
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_search_comes_back_whole(capacity in capacity()) {
        let run = open_loop_run(|s| s.capacity = Some(Box::new(capacity)));
        for read in saved_and_read(&run) {
            prop_assert_eq!(&read, &run.summary);
        }
    }

    #[test]
    fn a_sweep_comes_back_whole(steps in steps(), ended in of(Just(SearchEnd::ConnectionsLost))) {
        let run = open_loop_run(|s| (s.load_curve, s.load_curve_ended_by) = (Some(steps), ended));
        for read in saved_and_read(&run) {
            prop_assert_eq!(&read, &run.summary);
        }
    }
}

#[test]
fn the_sheet_stands_behind_the_others_with_a_row_per_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    save(&search_run(50_000.0, |_| {}), &path);
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    assert_eq!(book.sheet_names().last().unwrap(), "load_curve");
    let sheet = book.worksheet_range("load_curve").unwrap();
    let header: Vec<_> = sheet.rows().next().unwrap().iter().collect();
    let first = [
        "offered_per_s",
        "achieved_per_s",
        "from",
        "held",
        "seconds",
        "response_p50_ms",
        "response_p99_ms",
        "response_p99_9_ms",
        "failed",
        "unsent",
        "server_cpu_share",
        "due",
        "start_s",
        "settle_s",
        "lead_per_s",
        "response_p50_low_ms",
        "response_p50_high_ms",
        "response_p99_low_ms",
        "response_p99_high_ms",
        "response_p99_9_low_ms",
        "response_p99_9_high_ms",
        "client_cpu_share",
        "generator_limited",
        "answered_per_s",
        "closed",
        "longest_silence_s",
        "generator_times",
    ];
    assert_eq!(
        header,
        first.map(|name| Data::String(name.into())).each_ref()
    );
    assert_eq!(sheet.height(), 19);
    let held = |row: usize| sheet.get((row, 3)).unwrap().clone();
    assert_eq!(held(1), Data::Bool(true));
    assert_eq!(held(5), Data::Empty, "the conditions do not decide");
    let key_column = book.worksheet_range("summary").unwrap();
    let keys: Vec<_> = key_column.rows().map(|row| row[0].to_string()).collect();
    assert!(keys.iter().any(|key| key == "capacity.rate_per_s"));
    let of_steps = |key: &&String| key.contains("steps.") || key.starts_with("load_curve");
    assert_eq!(keys.iter().find(of_steps), None);
}

/// Percentiles among messages without an answer had the time of an answered one.
#[test]
fn a_percentile_that_was_not_answered_is_an_empty_cell() {
    let run = sweep_run(50_000.0, &[1_000.0, 64_000.0], |s| {
        let step = &mut s.load_curve.as_mut().unwrap()[1];
        (step.response_p99_ns, step.response_p99_interval) = (None, None);
        step.response_p99_9_ns = None;
    });
    for read in saved_and_read(&run) {
        let steps = read.unwrap().load_curve.unwrap();
        assert!(steps[0].response_p99_ns.is_some() && steps[1].response_p50_ns.is_some());
        assert_eq!(
            (steps[1].response_p99_ns, steps[1].response_p99_9_ns),
            (None, None)
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.xlsx");
    save(&run, &path);
    let mut book: Xlsx<_> = open_workbook(&path).unwrap();
    let sheet = book.worksheet_range("load_curve").unwrap();
    let row: Vec<_> = sheet.rows().nth(2).unwrap().to_vec();
    assert_eq!(row[6..8], [Data::Empty, Data::Empty]);
    assert_ne!(row[5], Data::Empty);
}

#[test]
fn a_file_without_a_load_curve_is_refused_with_the_flags_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let sweep = sweep_run(50_000.0, &[1_000.0, 10_000.0], |_| {});
    for (ending, run) in [
        ("xlsx", closed_loop_run(|_| {})),
        ("json", closed_loop_run(|_| {})),
        ("csv", sweep.clone()),
        ("hlog", sweep.clone()),
    ] {
        let path = folder.path().join(format!("a.{ending}"));
        save(&run, &path);
        let error = read_load_curve(&path).unwrap_err().to_string();
        let expected = format!(
            "{} holds no load curve, which the kind load-curve needs: give the .xlsx or .json of a run with `ws-bench --sweep` \
             or `ws-bench --find-capacity`",
            path.display()
        );
        assert_eq!(error, expected);
    }
    let path = folder.path().join("b.xlsx");
    save(&sweep, &path);
    assert_eq!(read_load_curve(&path).unwrap().load_curve.unwrap().len(), 2);
}
