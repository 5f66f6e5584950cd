//! What a run's files carry beside their rows: what was written is what is read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{recorded, recorded_in, summary_of};
use measurement::record::{Outcome, Sample, TimelineRow};
use measurement::run::{
    ConditionResult, PayloadBytes, PercentileRow, StageSummary, Summary, percentile_table,
};
use measurement::verdict::{Calibration, ServerUsage};
use proptest::prelude::*;
use results::read::{
    ColumnRequest, Metric, Spread, read_distributions, read_run, read_timed_latencies,
    read_timeline,
};
use results::write::{Output, Run};
use tempfile::TempDir;

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
    summary: Summary,
    percentiles: Vec<PercentileRow>,
    /// As they are read: without histograms.
    timeline: Vec<TimelineRow>,
}

impl Saved {
    fn new(open_loop: bool, samples: &[Sample]) -> Self {
        let record = recorded_in(open_loop, samples);
        let mut summary = summary_of(&record);
        summary.offered_rate_per_s = open_loop.then_some(100.0);
        let percentiles = percentile_table(&record);
        let folder = tempfile::tempdir().unwrap();
        let run = Run {
            summary: &summary,
            samples: &record.samples,
            percentiles: &percentiles,
            timeline: &record.timeline,
            clients: &[],
        };
        for ending in ["xlsx", "csv", "json", "hlog"] {
            let path = folder.path().join(format!("a.{ending}"));
            Output::create(&path).unwrap().write(&run).unwrap();
        }
        let mut timeline = record.timeline;
        timeline.iter_mut().for_each(|row| row.histograms = None);
        Self {
            folder,
            summary,
            percentiles,
            timeline,
        }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.path().join(format!("a.{ending}"))
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
fn unfolded(spread: &Spread) -> Vec<f64> {
    if spread.counts.is_empty() {
        return spread.values_ms.clone();
    }
    let each = spread.values_ms.iter().zip(&spread.counts);
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
        for ending in ["xlsx", "csv", "json", "hlog"] {
            for metric in [Metric::ServiceTime, Metric::ResponseTime] {
                let exact = expected(&samples, metric);
                let read = read_distributions(&saved.path(ending), &with_metric(metric), false);
                if exact.is_empty() {
                    prop_assert!(read.is_err(), "{}", ending);
                    continue;
                }
                let read = read.unwrap();
                prop_assert_eq!(read.times.len(), 1);
                let times = &read.times[0];
                prop_assert_eq!((times.metric, times.name.as_str()), (Some(metric), metric.name()));
                prop_assert_eq!(times.spread.count(), exact.len() as u64);
                let found = unfolded(&times.spread);
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
            let both = read_distributions(&saved.path(ending), &ColumnRequest::default(), true).unwrap();
            let found: Vec<_> = both.times.iter().map(|times| times.metric.unwrap()).collect();
            let wanted = [Metric::ServiceTime, Metric::ResponseTime];
            let is_one = if ending == "json" {
                !open_loop
            } else {
                // Told by the values.
                both.times.len() == 1
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
            prop_assert_eq!(&read.rows, &saved.timeline, "{}", ending);
            prop_assert!(read.knows_sent);
            let has_summary = ending != "csv";
            // Without a summary it is until the last that happened.
            let ends_ns = samples.iter().map(|s| s.received_ns().unwrap_or(0).max(s.sent_ns)).max();
            let ends_s = ends_ns.unwrap_or(0) as f64 / 1e9;
            prop_assert_eq!(read.elapsed_s, Some(if has_summary { 1.5 } else { ends_s }));
            prop_assert_eq!(read.warmup_s, has_summary.then_some(0.0));
            if has_summary {
                prop_assert_eq!(read.is_open_loop, Some(open_loop));
            } else {
                prop_assert!(open_loop || read.is_open_loop.is_none());
            }
        }
        let log = read_timeline(&saved.path("hlog"), &ColumnRequest::default()).unwrap();
        prop_assert!(!log.knows_sent);
        prop_assert_eq!(log.rows.len(), saved.timeline.len());
        for (found, exact) in log.rows.iter().zip(&saved.timeline) {
            prop_assert_eq!(found.second, exact.second);
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
        prop_assert_eq!(timed, saved.summary.service_time_ns.count);
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
            let found: Vec<_> = read.at_s.iter().copied().zip(read.values_ms.iter().copied()).collect();
            prop_assert_eq!(&found, exact);
            prop_assert_eq!((read.slice_s, read.counts.len(), read.name.as_str()), (None, 0, metric.name()));
        }
        let request = with_metric(Metric::ResponseTime);
        let log = read_timed_latencies(&saved.path("hlog"), &request).unwrap();
        let mut by_second: BTreeMap<u64, u64> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.outcome.is_timed()) {
            *by_second.entry(sample.received_ns().unwrap() / 1_000_000_000).or_default() += 1;
        }
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        for (at, count) in log.at_s.iter().zip(&log.counts) {
            *found.entry(at.round() as u64).or_default() += count;
        }
        prop_assert_eq!(found, by_second);
        prop_assert!(log.slice_s.is_some_and(|slice| slice <= 1.0));
    }

    #[test]
    fn a_run_comes_back_whole(open_loop: bool, samples in samples(false)) {
        let saved = Saved::new(open_loop, &samples);
        for ending in ["json", "xlsx"] {
            let run = read_run(&saved.path(ending)).unwrap();
            prop_assert_eq!(run.summary.as_ref(), Some(&saved.summary), "{}", ending);
            prop_assert_eq!(&run.percentiles, &saved.percentiles);
            prop_assert_eq!(&run.timeline, &saved.timeline);
        }
        let rows = read_run(&saved.path("csv")).unwrap();
        prop_assert_eq!((rows.summary, rows.timeline), (None, saved.timeline.clone()));
        let log = read_run(&saved.path("hlog")).unwrap();
        prop_assert_eq!((log.summary, log.timeline.len()), (None, saved.timeline.len()));
    }

    #[test]
    fn any_summary_survives_its_sheet(changed in summary()) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.xlsx", "a.json"] {
            let path = folder.path().join(name);
            let run = Run { summary: &changed, samples: &[], percentiles: &[], timeline: &[], clients: &[] };
            Output::create(&path).unwrap().write(&run).unwrap();
            prop_assert_eq!(read_run(&path).unwrap().summary, Some(changed.clone()), "{}", name);
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
    ) -> Summary {
        let mut s = summary_of(&recorded(&[]));
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
            .map(|(text, value, held)| ConditionResult { expression: text.clone(), value: value.map(f64::from), value_text: text, held })
            .collect();
        s.client.cpu_per_thread = vec![0.5; usize::from(has_server) * 3];
        s.server = has_server.then_some(ServerUsage { pid: 7, cpu_s: elapsed_s, max_rss_bytes: None, messages_per_cpu_s: rate, context_switches: None });
        s.calibration = has_server.then_some(Calibration { floor_service_p50_ns: seed, ceiling_messages_per_s: elapsed_s, took_s: 0.1 });
        s.host.cpu = cpu.unwrap_or_default();
        s
    }
}
