//! What a run's files carry beside their rows: what was written is what is read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use measurement::record::{Outcome, Sample, TimelineRow};
use measurement::run::{
    ClockSummary, ConditionResult, DiedShard, FullStrength, LateShard, PayloadBytes, Run,
    RunTimeline, ShardRow, ShardState, ShardsSummary, StageSummary, StartSkew, Summary,
};
use measurement::verdict::{Calibration, Latency, ServerUsage};
use proptest::prelude::*;
use results::read::{
    ColumnRequest, Latencies, Metric, RunPart, read_distribution, read_run, read_timed_latencies,
    read_timeline,
};
use results::write::Output;
use tempfile::TempDir;
use test_support::fixtures::{client_rows, recorded, recorded_in, run_of, summary_of};

/// All parts of a run.
const ALL_PARTS: [RunPart; 7] = [
    RunPart::Summary,
    RunPart::Percentiles,
    RunPart::Timeline,
    RunPart::Histograms,
    RunPart::Samples,
    RunPart::Clients,
    RunPart::Deliveries,
];

const ENDINGS: [&str; 4] = ["xlsx", "csv", "json", "hlog"];

/// A few seconds of messages, late ones and failures among them, in order of sending.
fn samples(open_loop: bool) -> impl Strategy<Value = Vec<Sample>> {
    let sample = (
        0..400_000_000_u64,
        0..1_000_000_u64,
        0..2_500_000_000_u64,
        prop::sample::select(vec![0, 0, 0, 1, 2, 3, 4]),
    );
    prop::collection::vec(sample, 1..40).prop_map(move |drawn| {
        let mut sent = 0;
        (0..)
            .zip(drawn)
            .map(|(message, (gap, lag, service, outcome))| {
                sent += gap;
                let due = if open_loop {
                    sent.saturating_sub(lag)
                } else {
                    sent
                };
                match Outcome::ALL[outcome] {
                    Outcome::Lost => Sample::lost(0, message, due, sent),
                    outcome => Sample::echoed(0, message, due, sent, sent + service, outcome),
                }
            })
            .collect()
    })
}

/// A run in all kinds of file.
struct Saved {
    folder: TempDir,
    run: Run,
}

impl Saved {
    fn new(open_loop: bool, samples: &[Sample]) -> Self {
        let mut run = run_of(recorded_in(open_loop, samples), |summary| {
            summary.offered_rate_per_s = open_loop.then_some(100.0);
        });
        run.clients = Some(client_rows());
        let folder = tempfile::tempdir().unwrap();
        for ending in ENDINGS {
            let path = folder.path().join(format!("a.{ending}"));
            Output::create(&path).unwrap().write(&run).unwrap();
        }
        // The histograms of each second are in no file that is read as a run.
        let rows = &mut run.timeline.as_mut().unwrap().rows;
        rows.iter_mut().for_each(|row| row.histograms = None);
        Self { folder, run }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("a.{ending}"))
    }

    fn timeline(&self) -> &[TimelineRow] {
        &self.run.timeline.as_ref().unwrap().rows
    }

    /// The run without the parts that a format does not hold.
    fn held_by(&self, ending: &str) -> Run {
        let run = self.run.clone();
        let is_in = |endings: &[&str]| endings.contains(&ending);
        Run {
            summary: run.summary.filter(|_| is_in(&["xlsx", "json"])),
            percentiles: run.percentiles.filter(|_| is_in(&["xlsx", "json"])),
            timeline: run
                .timeline
                .map(|timeline| self.timeline_in(ending, timeline)),
            // Of a run without a single timed message there are none.
            histograms: run
                .histograms
                .filter(|times| is_in(&["json"]) && !times.service.is_empty()),
            samples: run.samples.filter(|_| is_in(&["xlsx", "csv"])),
            clients: run.clients.filter(|_| is_in(&["xlsx"])),
            ..Run::default()
        }
    }

    fn timeline_in(&self, ending: &str, timeline: RunTimeline) -> RunTimeline {
        if ending != "csv" {
            return timeline;
        }
        let rows = &self.run.samples.as_ref().unwrap().rows;
        let ends_ns = rows
            .iter()
            .map(|s| s.received_ns().unwrap_or(0).max(s.sent_ns))
            .max();
        let differ = |s: &Sample| s.service_time_ns() != s.response_time_ns();
        RunTimeline {
            ends_s: Some(ends_ns.unwrap_or(0) as f64 / 1e9),
            is_open_loop: rows.iter().any(differ).then_some(true),
            ..timeline
        }
    }
}

/// Times of a metric in milliseconds, ascending.
fn expected(samples: &[Sample], metric: Metric) -> Vec<f64> {
    let time = |sample: &Sample| match metric {
        Metric::ServiceTime => sample.service_time_ns(),
        Metric::ResponseTime => sample.response_time_ns(),
    };
    let timed = samples.iter().filter(|sample| sample.outcome.is_timed());
    let mut times: Vec<f64> = timed.filter_map(time).map(|ns| ns as f64 / 1e6).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Each value as often as it occurred.
fn unfolded(times: &Latencies) -> Vec<f64> {
    if times.counts.is_empty() {
        return times.values_ms.clone();
    }
    let each = times.values_ms.iter().zip(&times.counts);
    each.flat_map(|(value, count)| (0..*count).map(|_| *value))
        .collect()
}

/// The same but for the bucket of a histogram.
fn in_bucket(found: f64, exact: f64) -> bool {
    (found - exact).abs() <= exact * 1e-3 + 1e-6
}

fn with_metric(metric: Metric) -> ColumnRequest {
    ColumnRequest {
        metric,
        ..ColumnRequest::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_file_carries_the_distribution((open_loop, samples) in any::<bool>().prop_flat_map(|open| (Just(open), samples(open)))) {
        let saved = Saved::new(open_loop, &samples);
        for ending in ENDINGS {
            for metric in [Metric::ServiceTime, Metric::ResponseTime] {
                let exact = expected(&samples, metric);
                let read = read_distribution(&saved.path(ending), &with_metric(metric), false);
                if exact.is_empty() {
                    prop_assert!(read.is_err(), "{}", ending);
                    continue;
                }
                let read = read.unwrap();
                prop_assert_eq!(read.len(), 1);
                let read = read.into_iter().next().unwrap();
                prop_assert_eq!((read.metric, read.name.as_str()), (Some(metric), metric.name()));
                prop_assert_eq!(read.times.count(), exact.len() as u64);
                let found = unfolded(&read.times);
                prop_assert!(found.is_sorted());
                if matches!(ending, "xlsx" | "csv") {
                    prop_assert_eq!(&found, &exact);
                } else {
                    prop_assert!(found.iter().zip(&exact).all(|(f, e)| in_bucket(*f, *e)), "{:?} {:?}", found, exact);
                }
                if ending == "json" {
                    // The summary knows the largest exactly.
                    prop_assert_eq!(found.last(), exact.last());
                }
                prop_assert!(!read.unit_is_assumed && !read.column_is_guessed);
                let has_run = matches!(ending, "xlsx" | "json");
                prop_assert_eq!(read.run.and_then(|run| run.clients), has_run.then_some(3));
            }
            let service = expected(&samples, Metric::ServiceTime);
            if service.is_empty() {
                continue;
            }
            let both = read_distribution(&saved.path(ending), &ColumnRequest::default(), true).unwrap();
            prop_assert!(both.iter().all(|one| one.times.values_ms.is_sorted()));
            let found: Vec<_> = both.iter().map(|one| one.metric.unwrap()).collect();
            let wanted = [Metric::ServiceTime, Metric::ResponseTime];
            if ending == "json" {
                let document = std::fs::read_to_string(saved.path(ending)).unwrap();
                test_support::assert_valid_json(results::write::RUN_SCHEMA, &document);
            }
            let is_one = if ending == "json" {
                !open_loop
            } else {
                // Told by the values.
                both.len() == 1
            };
            prop_assert_eq!(&found[..], if is_one { &wanted[..1] } else { &wanted[..] });
            if !open_loop {
                prop_assert!(is_one, "{}", ending);
            } else if matches!(ending, "xlsx" | "csv") {
                let differ = service != expected(&samples, Metric::ResponseTime);
                prop_assert!(differ != is_one, "{}", ending);
            }
        }
    }

    #[test]
    fn every_file_carries_the_timeline((open_loop, samples) in any::<bool>().prop_flat_map(|open| (Just(open), samples(open)))) {
        let saved = Saved::new(open_loop, &samples);
        for ending in ["xlsx", "json", "csv"] {
            let read = read_timeline(&saved.path(ending), &ColumnRequest::default()).unwrap();
            let timeline = read.timeline.as_ref().unwrap();
            prop_assert_eq!(&timeline.rows[..], saved.timeline(), "{}", ending);
            prop_assert!(timeline.knows_sent);
            let has_summary = ending != "csv";
            // Without a summary it is until the last that happened.
            let ends_ns = samples.iter().map(|s| s.received_ns().unwrap_or(0).max(s.sent_ns)).max();
            let ends_s = ends_ns.unwrap_or(0) as f64 / 1e9;
            prop_assert_eq!(read.elapsed_s(), Some(if has_summary { 1.5 } else { ends_s }));
            prop_assert_eq!(read.warmup_s(), has_summary.then_some(0.0));
            if has_summary {
                prop_assert_eq!(read.is_open_loop(), Some(open_loop));
            } else {
                prop_assert!(open_loop || read.is_open_loop().is_none());
            }
        }
        let log = read_timeline(&saved.path("hlog"), &ColumnRequest::default()).unwrap();
        let log = log.timeline.unwrap();
        prop_assert!(!log.knows_sent);
        prop_assert_eq!(log.rows.len(), saved.timeline().len());
        for (found, exact) in log.rows.iter().zip(saved.timeline()) {
            prop_assert_eq!(found.span(), exact.span());
            for (f, e) in [
                (found.service_p50_ns, exact.service_p50_ns),
                (found.service_p99_ns, exact.service_p99_ns),
                (found.response_p99_ns, exact.response_p99_ns),
                (found.max_ns, exact.max_ns),
            ] {
                prop_assert_eq!(f.is_some(), e.is_some());
                prop_assert!(f.zip(e).is_none_or(|(f, e)| in_bucket(f as f64 / 1e6, e as f64 / 1e6)), "{:?} {:?}", found, exact);
            }
        }
        let timed: u64 = log.rows.iter().map(|row| row.received).sum();
        prop_assert_eq!(timed, saved.run.summary.unwrap().service_time_ns.count);
    }

    #[test]
    fn moments_are_those_at_which_times_begin(samples in samples(true)) {
        let saved = Saved::new(true, &samples);
        let exact = |begin: fn(&Sample) -> u64, time: fn(&Sample) -> Option<u64>| -> Vec<(f64, f64)> {
            let timed = samples.iter().filter(|sample| sample.outcome.is_timed());
            timed.map(|s| (begin(s) as f64 / 1e9, time(s).unwrap() as f64 / 1e6)).collect()
        };
        let service = exact(|s| s.sent_ns, Sample::service_time_ns);
        let response = exact(|s| s.intended_ns, Sample::response_time_ns);
        for (ending, metric, exact) in [
            ("xlsx", Metric::ServiceTime, &service),
            ("csv", Metric::ServiceTime, &service),
            ("xlsx", Metric::ResponseTime, &response),
            ("csv", Metric::ResponseTime, &response),
        ] {
            let request = with_metric(metric);
            let read = read_timed_latencies(&saved.path(ending), &request);
            if exact.is_empty() {
                prop_assert!(read.is_err());
                return Ok(());
            }
            let read = read.unwrap();
            let times = &read.column.times;
            let found: Vec<_> = read.at_s.iter().copied().zip(times.values_ms.iter().copied()).collect();
            prop_assert_eq!(&found, exact);
            prop_assert_eq!((read.slice_s, times.counts.len(), read.column.name.as_str()), (None, 0, metric.name()));
        }
        let request = with_metric(Metric::ResponseTime);
        let log = read_timed_latencies(&saved.path("hlog"), &request).unwrap();
        let mut by_second: BTreeMap<u64, u64> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.outcome.is_timed()) {
            *by_second.entry(sample.received_ns().unwrap() / 1_000_000_000).or_default() += 1;
        }
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        for (at, count) in log.at_s.iter().zip(&log.column.times.counts) {
            *found.entry(at.round() as u64).or_default() += count;
        }
        prop_assert_eq!(found, by_second);
        prop_assert!(log.slice_s.is_some_and(|slice| slice <= 1.0));
    }

    #[test]
    fn a_run_comes_back_whole((open_loop, samples) in any::<bool>().prop_flat_map(|open| (Just(open), samples(open)))) {
        let saved = Saved::new(open_loop, &samples);
        for ending in ["json", "xlsx", "csv"] {
            let run = read_run(&saved.path(ending), &ALL_PARTS).unwrap();
            prop_assert_eq!(run, saved.held_by(ending), "{}", ending);
        }
        let log = read_run(&saved.path("hlog"), &[RunPart::Summary, RunPart::Timeline]).unwrap();
        let timeline = log.timeline.unwrap();
        prop_assert_eq!((log.summary, timeline.rows.len()), (None, saved.timeline().len()));
        let histograms = saved.run.histograms.clone().unwrap();
        if !histograms.service.is_empty() {
            let log = read_run(&saved.path("hlog"), &[RunPart::Histograms]).unwrap();
            let read = log.histograms.unwrap();
            let response = histograms.response.filter(|response| *response != histograms.service);
            prop_assert_eq!((read.service, read.response), (histograms.service, response));
        }
    }

    #[test]
    fn a_part_that_was_not_asked_for_is_not_read(samples in samples(false)) {
        let saved = Saved::new(false, &samples);
        for ending in ENDINGS {
            prop_assert_eq!(read_run(&saved.path(ending), &[]).unwrap(), Run::default());
        }
    }

    #[test]
    fn any_summary_survives_its_sheet(changed in summary()) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.xlsx", "a.json"] {
            let path = folder.path().join(name);
            let run = Run { summary: Some(changed.clone()), ..Run::default() };
            Output::create(&path).unwrap().write(&run).unwrap();
            prop_assert_eq!(read_run(&path, &[RunPart::Summary]).unwrap().summary, Some(changed.clone()), "{}", name);
        }
    }
}

/// Counts that a spreadsheet's number holds.
fn count() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

/// What a system may say, dots and digits among it.
fn text() -> impl Strategy<Value = String> {
    "[ -~äµ→]{0,30}[!-~]"
}

/// Shards that were missing, died, were late or had another plan, or none of them, on one machine or several.
fn shards() -> impl Strategy<Value = ShardsSummary> {
    let died =
        (any::<u32>(), count()).prop_map(|(shard, through_s)| DiedShard { shard, through_s });
    let late = (any::<u32>(), count()).prop_map(|(shard, skew_ns)| LateShard { shard, skew_ns });
    let numbers = || prop::collection::vec(any::<u32>(), 0..4);
    let known = || prop::option::of(count());
    let lists = (
        numbers(),
        prop::collection::vec(died, 0..3),
        prop::collection::vec(late, 0..3),
        numbers(),
        numbers(),
        numbers(),
        prop::collection::vec(name(), 0..4),
    );
    let figures = (
        known(),
        known(),
        known(),
        any::<bool>(),
        any::<u32>(),
        name(),
    );
    let rows = prop::collection::vec(shard_row(), 0..12);
    (lists, figures, rows).prop_map(|(lists, figures, rows)| {
        let (missing, died, late, differing, interrupted, unsynchronised, left_out) = lists;
        let (p50, max, max_error_ns, degraded, planned, run) = figures;
        let full_strength = p50.map(|from_s| FullStrength {
            from_s,
            to_s: from_s,
            messages: from_s,
            response_time_ns: Latency {
                count: from_s,
                mean: max.map(|ns| ns as f64 / 3.0),
                p99: max,
                ..Latency::default()
            },
        });
        ShardsSummary {
            run,
            planned,
            complete: planned / 2,
            degraded,
            missing,
            died,
            late,
            differing,
            interrupted,
            start_skew_ns: StartSkew { p50, max },
            full_strength,
            clocks: ClockSummary {
                machines: planned,
                max_error_ns,
                unsynchronised,
            },
            left_out,
            rows,
        }
    })
}

/// Names of files, runs and hosts, those among them that look like numbers, truths, formulas or links.
fn name() -> impl Strategy<Value = String> {
    let words = [
        "1e5",
        "007",
        "0",
        "-1",
        "true",
        "null",
        "=1+1",
        "nan",
        "2026-11-23",
        "http://a/",
        "_x0041_",
    ];
    prop_oneof![
        text(),
        prop::sample::select(words.to_vec()).prop_map(str::to_owned)
    ]
}

prop_compose! {
    fn shard_row()(
        shard: u32,
        state in prop::sample::select(ShardState::ALL.to_vec()),
        host in prop::option::of(name()),
        counts in prop::array::uniform4(prop::option::of(count())),
        // Four months, far above any start skew.
        start_skew_ns in prop::option::of(0..10_000_000_000_000_000_u64 >> 3),
        longest_stop_ns in prop::option::of(0..10_000_000_000_000_000_u64 >> 3),
        differences in prop::collection::vec(name(), 0..3),
    ) -> ShardRow {
        let [opened, sent, received, failed] = counts;
        ShardRow { shard, state, host, opened, sent, received, failed, start_skew_ns, longest_stop_ns, differences }
    }
}

prop_compose! {
    fn summary()(
        seed in count(),
        elapsed_s in 0.0..1e6_f64,
        rate in prop::option::of(0.001..1e9_f64),
        payload in prop::option::of(count()),
        pinned_to in prop::collection::vec(0..64_usize, 0..4),
        stages in prop::collection::vec((0.0..9.0_f64, 0.0..9.0_f64), 0..3),
        close_codes in prop::collection::btree_map(any::<u16>(), count(), 0..4),
        failures in prop::collection::btree_map(text(), count(), 0..4),
        early_ends in prop::collection::btree_map("[0-9.]{1,6}", count(), 0..3),
        reasons in prop::collection::vec(text(), 0..3),
        conditions in prop::collection::vec((text(), prop::option::of(any::<f32>().prop_filter("finite", |f| f.is_finite())), any::<bool>()), 0..3),
        has_server: bool,
        cpu in prop::option::of(text()),
        shards in prop::option::of(shards()),
    ) -> Summary {
        let mut s = summary_of(&recorded(&[]));
        s.shards = shards;
        s.plan.seed = seed;
        s.elapsed_s = elapsed_s;
        s.offered_rate_per_s = rate;
        s.plan.rate_per_s = rate;
        s.plan.payload_bytes = payload.map_or(PayloadBytes::Range { min: 1, max: seed }, PayloadBytes::Fixed);
        s.plan.pinned_to = pinned_to;
        s.plan.stages = stages.into_iter().map(|(duration_s, rate_per_s)| StageSummary { duration_s, rate_per_s }).collect();
        s.connections.close_codes = close_codes;
        s.connections.failures = failures;
        s.connections.early_ends = early_ends;
        s.validity.reasons = reasons;
        s.conditions = conditions
            .into_iter()
            .map(|(text, value, held)| ConditionResult { expression: text.clone(), value: value.map(f64::from), value_text: text, held, inconclusive: held })
            .collect();
        s.client.cpu_per_thread = vec![0.5; usize::from(has_server) * 3];
        s.server = has_server.then_some(ServerUsage { pid: 7, pids: vec![7, 8], cpu_s: elapsed_s, max_rss_bytes: None, messages_per_cpu_s: rate, context_switches: None });
        s.calibration = has_server.then_some(Calibration { floor_service_p50_ns: seed, ceiling_messages_per_s: elapsed_s, ceiling_deliveries_per_s: (seed % 2 == 0).then_some(elapsed_s), took_s: 0.1, longest_stop_ns: seed });
        s.host.cpu = cpu.unwrap_or_default();
        s
    }
}
