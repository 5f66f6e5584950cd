//! The lines of a picture of offered rates: the points of a sweep, and the steps of a search with those of nearly equal
//! rates put together.

use std::ops::RangeInclusive;

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::run::{CapacitySummary, LoadStep, StepMeaning, StepOrigin, Summary, TimeInterval};
use plotters::style::RGBColor;
use units::{counted, human_rate};
use wording::capacity_view;

use super::common::check_each;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::series::span;

/// Returns true when no rate is known at which a condition does not hold.
pub(crate) fn is_lower_bound(capacity: &CapacitySummary) -> bool {
    capacity.at_least || capacity.high_per_s.is_infinite()
}

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
    /// True if a message has several receivers, whose last one ends its response time.
    pub(crate) has_receivers: bool,
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

/// An offered rate. Figures of several steps are medians, with the interval of the step that has the median, except counts,
/// which are sums.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LoadPoint {
    pub(crate) offered_per_s: f64,
    pub(crate) achieved_per_s: f64,
    /// In the order of [`PERCENTILES`]; `None` for one that falls among messages without an answer.
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
    pub(crate) evidence: PointEvidence,
    /// True if the load began during an overload.
    pub(crate) is_from_above: bool,
}

/// The meaning of a point's steps for the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum PointEvidence {
    /// Steps with a result, or a rate of a sweep.
    #[default]
    Decided,
    /// Steps of a search whose counts do not decide whether the conditions hold.
    Undecided,
    /// Steps of which the generator was the limit.
    GeneratorLimited,
    /// Rates of a sweep at which the times are mostly the generator's.
    GeneratorTimes,
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

impl LoadPercentile {
    /// The time of a step; `None` when it falls among messages without an answer.
    fn ns_of(&self, step: &LoadStep) -> Option<u64> {
        let quantile = 1.0 - self.beyond;
        (self.ns)(step).filter(|_| !step.is_beyond_answers(quantile))
    }
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

/// Returns true when a point of a search or sweep has a response time to draw. Impossible steps count as well: they have an
/// error of their own.
pub(crate) fn has_response_times(run: &Summary) -> bool {
    let steps = run.load_steps().unwrap_or_default();
    let of_origin = |origin| points(steps, origin, run.capacity.is_some());
    check("", steps).is_err() || {
        let all = [StepOrigin::Below, StepOrigin::Above].into_iter();
        all.flat_map(of_origin).any(|point| point.has_time())
    }
}

impl<'a> LoadLine<'a> {
    pub(crate) fn new(run: &'a Labelled<Summary>, colour: RGBColor) -> Result<Self, DrawError> {
        let steps = run.load_steps().unwrap_or_default();
        check(&run.label, steps)?;
        let capacity = run.capacity.as_deref();
        let conditions = capacity.map_or(&[][..], |capacity| &capacity.conditions);
        let line = Self {
            label: &run.label,
            below: points(steps, StepOrigin::Below, capacity.is_some()),
            above: points(steps, StepOrigin::Above, capacity.is_some()),
            capacity,
            limits: conditions
                .iter()
                .filter_map(|text| TimeLimit::of(text, run.fan_out.is_some()))
                .collect(),
            has_receivers: run.fan_out.is_some(),
            colour,
            steps: steps.len() as u64,
        };
        let has_time = line.points().any(LoadPoint::has_time);
        has_time
            .then_some(line)
            .ok_or_else(|| DrawError::NothingAnswered(run.label.clone()))
    }

    /// All points, from below and from above.
    pub(crate) fn points(&self) -> impl Iterator<Item = &LoadPoint> {
        self.below.iter().chain(&self.above)
    }

    /// `capacity 41,200 msg/s`, `capacity at least 41,200 msg/s`; `None` without a capacity.
    pub(crate) fn capacity_text(&self) -> Option<String> {
        let capacity = self.capacity?;
        let at_least = if is_lower_bound(capacity) {
            "at least "
        } else {
            ""
        };
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

impl PointEvidence {
    fn of(step: &LoadStep, is_search: bool) -> Self {
        match step.meaning() {
            StepMeaning::NotCounted => Self::GeneratorLimited,
            StepMeaning::Undecided if is_search => Self::Undecided,
            _ if !is_search && step.generator_times => Self::GeneratorTimes,
            _ => Self::Decided,
        }
    }
}

impl LoadPoint {
    /// Returns true when any percentile has a time.
    fn has_time(&self) -> bool {
        self.times_ms.iter().any(Option::is_some)
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.evidence == PointEvidence::Decided
    }

    /// The points of steps of nearly one rate: one for each kind of evidence. Undecided steps have one only where no other
    /// step decides.
    fn of_rate(steps: &[&LoadStep], is_search: bool) -> Vec<Self> {
        use PointEvidence::{Decided, GeneratorLimited, GeneratorTimes, Undecided};
        let with = |evidence| {
            let steps = steps.iter().copied();
            let steps = steps.filter(|step| PointEvidence::of(step, is_search) == evidence);
            let steps: Vec<_> = steps.collect();
            (!steps.is_empty()).then(|| Self::of(&steps, evidence))
        };
        let own = with(Decided).or_else(|| with(Undecided));
        let of_generator = [GeneratorLimited, GeneratorTimes].map(with);
        own.into_iter()
            .chain(of_generator.into_iter().flatten())
            .collect()
    }

    /// The figures of these steps.
    fn of(said: &[&LoadStep], evidence: PointEvidence) -> Self {
        let middle = |value: &dyn Fn(&LoadStep) -> Option<f64>| {
            median(said.iter().filter_map(|step| value(step)).collect())
        };
        let in_ms = |ns: u64| ns as f64 / 1e6;
        let shown = [0, 1, 2].map(|at: usize| {
            let percentile = &PERCENTILES[at];
            let step = middle_step(said, percentile)?;
            Some((percentile.ns_of(step)?, (percentile.interval)(step)))
        });
        let times_ms = shown.map(|shown| Some(in_ms(shown?.0)));
        let intervals_ms = shown.map(|shown| {
            let ends = shown?.1?;
            Some((in_ms(ends.low_ns), in_ms(ends.high_ns)))
        });
        let sum = |count: fn(&LoadStep) -> u64| {
            said.iter()
                .map(|step| count(step))
                .fold(0, u64::saturating_add)
        };
        let held = |truth| said.iter().filter(|step| step.held == Some(truth)).count() as u64;
        Self {
            offered_per_s: middle(&|step| Some(step.offered_per_s)).unwrap_or(0.0),
            achieved_per_s: middle(&|step| Some(step.achieved_per_s)).unwrap_or(0.0),
            times_ms,
            intervals_ms,
            failed: sum(|step| step.failed),
            unsent: sum(|step| step.unsent),
            server_cpu: middle(&|step| step.server_cpu_share),
            held: [held(true), held(false)],
            keeps_up: said.iter().all(|step| step.keeps_up()),
            evidence,
            is_from_above: said.iter().any(|step| step.from == StepOrigin::Above),
        }
    }
}

impl TimeLimit {
    /// The limit of a condition; `None` for a condition on another figure. The response time of a message with several
    /// receivers is that of the last one.
    fn of(typed: &str, has_receivers: bool) -> Option<Self> {
        let of_response = typed.strip_prefix("last.").filter(|_| has_receivers);
        let condition: CapacityCondition = of_response.unwrap_or(typed).parse().ok()?;
        let ConditionJudge::ResponseBeyond { limit_ns, allowed } = condition.judged_by() else {
            return None;
        };
        let is_it = |known: &LoadPercentile| (known.beyond / allowed - 1.0).abs() < 1e-6;
        Some(Self {
            text: capacity_view::spaced_condition(typed),
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

/// Ratio of rates that a picture does not distinguish, so that their steps are put together.
const NEARLY_EQUAL: f64 = 1.015;

/// The steps of this origin with those of nearly equal rates put together, by ascending rate.
fn points(steps: &[LoadStep], origin: StepOrigin, is_search: bool) -> Vec<LoadPoint> {
    let mut rest: Vec<_> = steps.iter().filter(|step| step.from == origin).collect();
    rest.sort_by(|a, b| a.offered_per_s.total_cmp(&b.offered_per_s));
    let mut rest = rest.as_slice();
    let mut points = Vec::new();
    while let Some(lowest) = rest.first() {
        // A sweep has each rate once.
        let highest = lowest.offered_per_s * if is_search { NEARLY_EQUAL } else { 1.0 };
        let pooled;
        (pooled, rest) = rest.split_at(rest.partition_point(|s| s.offered_per_s <= highest));
        points.extend(LoadPoint::of_rate(pooled, is_search));
    }
    points.sort_by(|a, b| a.offered_per_s.total_cmp(&b.offered_per_s));
    points
}

/// The step with the middle of the times, the lower one of two. A step without answers is slower than any other.
fn middle_step<'a>(steps: &[&'a LoadStep], percentile: &LoadPercentile) -> Option<&'a LoadStep> {
    let mut steps = steps.to_vec();
    steps.sort_by_key(|step| percentile.ns_of(step).unwrap_or(u64::MAX));
    steps.get(steps.len().checked_sub(1)? / 2).copied()
}

/// The middle of the values, the lower one of two, as in the table of a report.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
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
            .map(|step| percentile.ns_of(step).unwrap_or(0) as f64 / 1e6);
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
#[allow(clippy::unwrap_used)]
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

    fn held(mut step: LoadStep) -> LoadStep {
        step.held = Some(true);
        step
    }

    fn below(steps: &[LoadStep]) -> Vec<LoadPoint> {
        points(steps, StepOrigin::Below, true)
    }

    #[test]
    fn decided_steps_of_one_rate_are_one_point() {
        let mut steps: Vec<_> = [(200.0, 9), (100.0, 5), (100.0, 2), (100.0, 3)]
            .map(|(rate, ms)| held(step(rate, ms)))
            .into();
        steps.push(LoadStep {
            generator_limited: true,
            held: None,
            ..step(100.0, 900)
        });
        steps.push(LoadStep {
            from: StepOrigin::Above,
            ..held(step(100.0, 700))
        });
        // It is not shown where others decide.
        steps.push(step(100.0, 800));
        let found = below(&steps);
        let [low, limited, high] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((low.offered_per_s, high.offered_per_s), (100.0, 200.0));
        assert_eq!((low.times_ms[1], low.failed), (Some(3.0), 3));
        assert_eq!(low.intervals_ms[1], Some((2.0, 4.0)));
        assert_eq!((low.times_ms[0], low.is_decided()), (None, true));
        assert_eq!(limited.evidence, PointEvidence::GeneratorLimited);
        assert_eq!(limited.times_ms[1], Some(900.0));
        assert_eq!(below(&steps[6..])[0].evidence, PointEvidence::Undecided);
        assert!(points(&steps[6..], StepOrigin::Below, false)[0].is_decided());
    }

    /// The point of two steps, only one of which had an interval, lay outside this interval.
    #[test]
    fn the_interval_is_that_of_the_step_that_is_shown() {
        let mut fast = held(step(100.0, 2));
        fast.response_p99_interval = None;
        let found = below(&[held(step(100.0, 7)), fast]);
        assert_eq!(found[0].times_ms[1], Some(2.0));
        assert_eq!(found[0].intervals_ms[1], None);
    }

    /// Steps around the edge of a capacity were a zigzag of vertical lines.
    #[test]
    fn steps_of_nearly_equal_rates_are_one_point() {
        let rates = [1_000.0, 1_005.0, 1_014.0, 1_016.0, 1_020.0, 1_100.0];
        let steps = rates.map(|rate| held(step(rate, 2)));
        let found = below(&steps);
        let found: Vec<_> = found.iter().map(|point| point.offered_per_s).collect();
        assert_eq!(found, [1_005.0, 1_016.0, 1_100.0]);
        assert_eq!(points(&steps, StepOrigin::Below, false).len(), rates.len());
    }

    #[test]
    fn a_limit_is_that_of_a_percentile_of_the_response_time() {
        let limit = |text| TimeLimit::of(text, false).map(|limit| (limit.ms, limit.percentile));
        assert_eq!(limit("p99<5ms"), Some((5.0, Some(1))));
        assert_eq!(limit("p99.9<20ms"), Some((20.0, Some(2))));
        assert_eq!(limit("p95<2ms"), Some((2.0, None)));
        assert_eq!(limit("service.p99<2ms"), None);
        assert_eq!(limit("error_rate<0.1%"), None);
        assert_eq!(limit("last.p99<2ms"), None);
        assert_eq!(limit("max<2ms"), None);
        assert_eq!(limit("?"), None);
    }

    /// A search in a room with a limit of its last receiver had no line.
    #[test]
    fn the_last_receiver_ends_the_response_time_of_a_room() {
        let limit = TimeLimit::of("last.p99<50ms", true).unwrap();
        assert_eq!((limit.ms, limit.percentile), (50.0, Some(1)));
        assert_eq!(TimeLimit::of("first.p99<50ms", true), None);
    }
}
