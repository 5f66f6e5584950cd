//! The lines of a picture of offered rates: the points of a sweep, and the steps of a search with those of equal rates
//! put together.

use std::ops::RangeInclusive;

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::run::{CapacitySummary, LoadStep, StepOrigin, Summary, TimeInterval};
use plotters::style::RGBColor;
use units::{counted, human_rate};
use wording::capacity_view;

use super::common::check_each;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::series::span;

/// The rates of one run.
pub(crate) struct LoadLine<'a> {
    pub(crate) label: &'a str,
    /// Points from below, by ascending rate.
    pub(crate) below: Vec<LoadPoint>,
    /// Points from above, by ascending rate.
    pub(crate) above: Vec<LoadPoint>,
    pub(crate) capacity: Option<&'a CapacitySummary>,
    /// Limits of the response time.
    pub(crate) limits: Vec<TimeLimit>,
    pub(crate) colour: RGBColor,
    steps: u64,
}

/// A condition on a percentile of the response time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimeLimit {
    /// `p99 < 5 ms`
    pub(crate) text: String,
    pub(crate) ms: f64,
    /// Index of its percentile in [`PERCENTILES`]; `None` for another one.
    percentile: Option<usize>,
}

/// An offered rate. Figures of several steps are medians, except counts, which are sums.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LoadPoint {
    pub(crate) offered_per_s: f64,
    pub(crate) achieved_per_s: f64,
    /// In the order of [`PERCENTILES`].
    pub(crate) times_ms: [Option<f64>; 3],
    pub(crate) intervals_ms: [Option<(f64, f64)>; 3],
    pub(crate) failed: u64,
    pub(crate) unsent: u64,
    /// CPU time of the server per second, in cores.
    pub(crate) server_cpu: Option<f64>,
    /// Steps in which all conditions held, and those in which one did not.
    pub(crate) held: [u64; 2],
    /// True if no message failed and the rate was sent, in all steps.
    pub(crate) keeps_up: bool,
    /// True if the generator was the limit in all steps.
    pub(crate) is_limited: bool,
}

/// A percentile of the response time.
pub(crate) struct LoadPercentile {
    pub(crate) name: &'static str,
    /// Index of its colour in a picture of one run.
    pub(crate) colour: usize,
    /// Allowed share of messages beyond it.
    beyond: f64,
    ns: fn(&LoadStep) -> Option<u64>,
    interval: fn(&LoadStep) -> Option<TimeInterval>,
}

/// From the lowest line to the highest.
pub(crate) const PERCENTILES: [LoadPercentile; 3] = [
    LoadPercentile {
        name: "p50",
        colour: 2,
        beyond: 0.5,
        ns: |step| step.response_p50_ns,
        interval: |step| step.response_p50_interval,
    },
    LoadPercentile {
        name: "p99",
        colour: 0,
        beyond: 0.01,
        ns: |step| step.response_p99_ns,
        interval: |step| step.response_p99_interval,
    },
    LoadPercentile {
        name: "p99.9",
        colour: 1,
        beyond: 0.001,
        ns: |step| step.response_p99_9_ns,
        interval: |step| step.response_p99_9_interval,
    },
];

/// The percentile that stands out among several runs, unless their conditions are on another one.
const USUAL: usize = 1;

/// Rates that an axis reaches.
const RATES: RangeInclusive<f64> = 1e-9..=1e15;

impl<'a> LoadLine<'a> {
    pub(crate) fn new(run: &'a Labelled<Summary>, colour: RGBColor) -> Result<Self, DrawError> {
        let steps = run.load_steps().unwrap_or_default();
        check(&run.label, steps)?;
        let capacity = run.capacity.as_deref();
        let conditions = capacity.map_or(&[][..], |capacity| &capacity.conditions);
        let line = Self {
            label: &run.label,
            below: points(steps, StepOrigin::Below),
            above: points(steps, StepOrigin::Above),
            capacity,
            limits: conditions
                .iter()
                .filter_map(|text| TimeLimit::of(text))
                .collect(),
            colour,
            steps: steps.len() as u64,
        };
        let mut times = line.points().flat_map(|point| point.times_ms);
        if times.all(|time| time.is_none()) {
            return Err(DrawError::NothingAnswered(run.label.clone()));
        }
        drop(times);
        Ok(line)
    }

    /// All points, from below and from above.
    pub(crate) fn points(&self) -> impl Iterator<Item = &LoadPoint> {
        self.below.iter().chain(&self.above)
    }

    /// `capacity 41,200 msg/s`, `capacity at least 41,200 msg/s`; `None` without a capacity.
    pub(crate) fn capacity_text(&self) -> Option<String> {
        let capacity = self.capacity?;
        let at_least = if capacity.at_least { "at least " } else { "" };
        let rate = human_rate(capacity.rate_per_s?);
        Some(format!("capacity {at_least}{rate} msg/s"))
    }

    /// `capacity 41,200 msg/s (40,100–42,000, 95 %) at p99 < 10 ms`; of a sweep, the highest rate that was kept up with.
    pub(crate) fn result(&self) -> String {
        if let Some(capacity) = self.capacity {
            return format!("capacity {}", capacity_view::headline(capacity));
        }
        let kept = self.below.iter().rev().find(|point| point.keeps_up);
        kept.map_or_else(
            || "kept up with no rate".to_owned(),
            |point| format!("kept up with {} msg/s", human_rate(point.offered_per_s)),
        )
    }

    /// `18 steps`, or `8 rates` of a sweep.
    pub(crate) fn count(&self) -> String {
        match self.capacity {
            Some(_) => counted(self.steps, "step"),
            None => counted(self.steps, "rate"),
        }
    }
}

impl LoadPoint {
    /// The figures of steps of one rate. Those that say nothing about the server are left out if there are others.
    fn of(steps: &[&LoadStep]) -> Self {
        let mut said: Vec<_> = steps
            .iter()
            .filter(|step| !step.generator_limited)
            .collect();
        let is_limited = said.is_empty();
        if is_limited {
            said = steps.iter().collect();
        }
        let middle = |value: &dyn Fn(&LoadStep) -> Option<f64>| {
            median(said.iter().filter_map(|step| value(step)).collect())
        };
        let in_ms = |ns: u64| ns as f64 / 1e6;
        let times_ms = [0, 1, 2].map(|at: usize| {
            let percentile = &PERCENTILES[at];
            // A step without answers is slower than any other.
            let ms = middle(&|step| Some((percentile.ns)(step).map_or(f64::INFINITY, in_ms)));
            ms.filter(|ms| ms.is_finite())
        });
        let intervals_ms = [0, 1, 2].map(|at: usize| {
            let percentile = &PERCENTILES[at];
            let end = |ns: fn(TimeInterval) -> u64| {
                middle(&|step| (percentile.interval)(step).map(|ends| in_ms(ns(ends))))
            };
            end(|ends| ends.low_ns).zip(end(|ends| ends.high_ns))
        });
        let sum = |count: fn(&LoadStep) -> u64| {
            said.iter()
                .map(|step| count(step))
                .fold(0, u64::saturating_add)
        };
        let held = |truth| said.iter().filter(|step| step.held == Some(truth)).count() as u64;
        Self {
            offered_per_s: steps.first().map_or(0.0, |step| step.offered_per_s),
            achieved_per_s: middle(&|step| Some(step.achieved_per_s)).unwrap_or(0.0),
            times_ms,
            intervals_ms,
            failed: sum(|step| step.failed),
            unsent: sum(|step| step.unsent),
            server_cpu: middle(&|step| step.server_cpu_share),
            held: [held(true), held(false)],
            keeps_up: said.iter().all(|step| step.keeps_up()),
            is_limited,
        }
    }
}

impl TimeLimit {
    /// The limit of a condition; `None` for a condition on another figure.
    fn of(condition: &str) -> Option<Self> {
        let parsed: CapacityCondition = condition.parse().ok()?;
        let ConditionJudge::ResponseBeyond { limit_ns, allowed } = parsed.judged_by() else {
            return None;
        };
        let is_it = |known: &LoadPercentile| (known.beyond / allowed - 1.0).abs() < 1e-6;
        Some(Self {
            text: capacity_view::spaced_condition(condition),
            ms: limit_ns as f64 / 1e6,
            percentile: PERCENTILES.iter().position(is_it),
        })
    }
}

/// Index in [`PERCENTILES`] of the one that stands out: that of the conditions if they agree.
pub(crate) fn leading(lines: &[LoadLine<'_>]) -> usize {
    let limits = lines.iter().flat_map(|line| line.limits.first());
    let mut wanted: Vec<_> = limits.filter_map(|limit| limit.percentile).collect();
    wanted.dedup();
    match wanted.as_slice() {
        [only] => *only,
        _ => USUAL,
    }
}

/// The steps of this origin with those of one rate put together, by ascending rate.
fn points(steps: &[LoadStep], origin: StepOrigin) -> Vec<LoadPoint> {
    let mut of_origin: Vec<_> = steps.iter().filter(|step| step.from == origin).collect();
    of_origin.sort_by(|a, b| a.offered_per_s.total_cmp(&b.offered_per_s));
    let rates = of_origin.chunk_by(|a, b| a.offered_per_s == b.offered_per_s);
    rates.map(LoadPoint::of).collect()
}

/// The middle of the values, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let [lower, upper] = [values.len().checked_sub(1)? / 2, values.len() / 2].map(|at| values[at]);
    Some(f64::midpoint(lower, upper))
}

/// Rejects rates that no axis reaches, and times that are none.
fn check(label: &str, steps: &[LoadStep]) -> Result<(), DrawError> {
    /// 300 years, far beyond any run.
    const LONGEST_MS: f64 = 1e13;
    let rates = steps.iter().map(|step| step.offered_per_s);
    check_each(
        label,
        rates,
        |rate| RATES.contains(&rate),
        DrawError::TooFar,
    )?;
    let cores = steps
        .iter()
        .map(|step| step.server_cpu_share.unwrap_or(0.0));
    check_each(
        label,
        cores,
        |cores| (0.0..=1e9).contains(&cores),
        DrawError::TooFar,
    )?;
    for percentile in &PERCENTILES {
        let times = steps
            .iter()
            .map(|step| (percentile.ns)(step).unwrap_or(0) as f64 / 1e6);
        check_each(label, times, |ms| ms <= LONGEST_MS, DrawError::NotATime)?;
    }
    Ok(())
}

/// The smallest and the largest rate of all points and capacities.
pub(crate) fn rates(lines: &[LoadLine<'_>]) -> (f64, f64) {
    let points = lines.iter().flat_map(LoadLine::points);
    let offered = points.map(|point| point.offered_per_s);
    let capacities = lines.iter().filter_map(|line| line.capacity?.rate_per_s);
    let drawn = capacities.filter(|rate| RATES.contains(rate));
    // Every line has a point.
    span(offered.chain(drawn)).unwrap_or((0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(offered_per_s: f64, p99_ms: u64) -> LoadStep {
        LoadStep {
            offered_per_s,
            achieved_per_s: offered_per_s,
            answered_per_s: offered_per_s,
            response_p99_ns: Some(p99_ms * 1_000_000),
            response_p99_interval: Some(TimeInterval {
                low_ns: (p99_ms - 1) * 1_000_000,
                high_ns: (p99_ms + 1) * 1_000_000,
            }),
            failed: 1,
            ..LoadStep::default()
        }
    }

    #[test]
    fn steps_of_one_rate_are_one_point() {
        let mut steps = vec![
            step(200.0, 9),
            step(100.0, 5),
            step(100.0, 2),
            step(100.0, 3),
        ];
        steps.push(LoadStep {
            generator_limited: true,
            ..step(100.0, 900)
        });
        steps.push(LoadStep {
            from: StepOrigin::Above,
            ..step(100.0, 700)
        });
        let found = points(&steps, StepOrigin::Below);
        let [low, high] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((low.offered_per_s, high.offered_per_s), (100.0, 200.0));
        assert_eq!((low.times_ms[1], low.failed), (Some(3.0), 3));
        assert_eq!(low.intervals_ms[1], Some((2.0, 4.0)));
        assert_eq!((low.times_ms[0], low.is_limited), (None, false));
        let only_limited = points(&steps[4..5], StepOrigin::Below);
        assert!(only_limited[0].is_limited);
    }

    #[test]
    fn a_limit_is_that_of_a_percentile_of_the_response_time() {
        let limit = |text| TimeLimit::of(text).map(|limit| (limit.ms, limit.percentile));
        assert_eq!(limit("p99<5ms"), Some((5.0, Some(1))));
        assert_eq!(limit("p99.9<20ms"), Some((20.0, Some(2))));
        assert_eq!(limit("p95<2ms"), Some((2.0, None)));
        assert_eq!(limit("service.p99<2ms"), None);
        assert_eq!(limit("error_rate<0.1%"), None);
        assert_eq!(limit("?"), None);
    }
}
