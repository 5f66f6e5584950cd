//! The steps of a search, and the rates of a sweep, as tables.

use measurement::run::{CapacitySummary, LoadStep, StepOrigin, TimeInterval};
use units::{counted, grouped, human_percent, human_rate, human_time};

use crate::Tone;
use crate::summary_figure::{UNKNOWN, known_time};

/// A table of rates that were offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadTable {
    /// Titles of the columns.
    pub columns: Vec<&'static str>,
    /// Rows, ascending by rate.
    pub rows: Vec<LoadRow>,
    /// Remark on rows that are left out.
    pub note: Option<String>,
}

/// A row of a table of rates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadRow {
    /// A text for each column.
    pub cells: Vec<String>,
    /// Good when the conditions held, bad when they did not, a warning when that is unknown.
    pub tone: Tone,
}

/// Title of the column that says whether the conditions held.
pub const HELD: &str = "held";
/// Title of the column with the server's CPU time.
const CPU: &str = "CPU";

/// The steps of a search, those of a rate and a side in one row. Of more than `most` rows, those nearest to the capacity
/// are kept.
pub(crate) fn search_table(own: &CapacitySummary, most: usize) -> LoadTable {
    let mut groups = StepGroup::all(&own.steps);
    let rates = groups.len();
    let edge = own.rate_per_s.filter(|rate| *rate > 0.0);
    let edge = edge.unwrap_or_else(|| groups.first().map_or(1.0, |group| group.offered_per_s));
    groups.sort_by(|a, b| a.distance(edge).total_cmp(&b.distance(edge)));
    groups.truncate(most);
    groups.sort_by(StepGroup::order);
    let has_cpu = groups.iter().any(|group| group.cpu.is_some());
    let mut columns = vec![
        "offered", "from", "steps", HELD, "achieved", "p50", "p99", "p99.9", "failed", "unsent",
    ];
    columns.extend(has_cpu.then_some(CPU));
    let note = (rates > groups.len()).then(|| {
        let steps = counted(own.steps.len() as u64, "step");
        format!(
            "the {} rows nearest to the capacity, of {}; a .json or .xlsx file has all {steps}",
            grouped(groups.len() as u64),
            grouped(rates as u64),
        )
    });
    let row = |group: &StepGroup| {
        let [p50, p99, p99_9] = group.times.map(time);
        let mut cells = vec![
            human_rate(group.offered_per_s),
            group.from.name().to_owned(),
            grouped(group.steps),
            group.held_text(),
            human_rate(group.achieved_per_s),
            p50,
            p99,
            p99_9,
            grouped(group.failed),
            grouped(group.unsent),
        ];
        cells.extend(has_cpu.then(|| cpu(group.cpu)));
        LoadRow {
            cells,
            tone: group.tone(),
        }
    };
    LoadTable {
        columns,
        rows: groups.iter().map(row).collect(),
        note,
    }
}

/// The rates of a sweep. p99 has its interval.
pub(crate) fn curve_table(steps: &[LoadStep]) -> LoadTable {
    let has_cpu = steps.iter().any(|step| step.server_cpu_share.is_some());
    let mut columns = vec![
        "offered",
        "achieved",
        "p50",
        "p99 (95 %)",
        "p99.9",
        "failed",
        "unsent",
    ];
    columns.extend(has_cpu.then_some(CPU));
    let row = |step: &LoadStep| {
        let mut cells = vec![
            human_rate(step.offered_per_s),
            human_rate(step.achieved_per_s),
            time(step.response_p50_ns),
            time_with_interval(step.response_p99_ns, step.response_p99_interval),
            time(step.response_p99_9_ns),
            grouped(step.failed),
            grouped(step.unsent),
        ];
        cells.extend(has_cpu.then(|| cpu(step.server_cpu_share)));
        LoadRow {
            cells,
            tone: match step.generator_limited {
                true => Tone::Warning,
                false if step.keeps_up() => Tone::Good,
                false => Tone::Bad,
            },
        }
    };
    LoadTable {
        columns,
        rows: steps.iter().map(row).collect(),
        note: None,
    }
}

fn time(ns: Option<u64>) -> String {
    known_time(ns).unwrap_or_else(|| UNKNOWN.to_owned())
}

fn cpu(share: Option<f64>) -> String {
    share.map_or_else(|| UNKNOWN.to_owned(), human_percent)
}

/// A time with its interval: `1.20 ms (1.10–1.31)`, `1.00 ms (960 µs–1.10 ms)`.
pub fn time_with_interval(ns: Option<u64>, interval: Option<TimeInterval>) -> String {
    let Some(((value, interval), ns)) = known_time(ns).zip(interval).zip(ns) else {
        return time(ns);
    };
    let [low, high] = [interval.low_ns, interval.high_ns].map(|ns| human_time(ns as f64));
    let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
    let all = [&value, &low, &high].map(|text| unit(text));
    let number = |text: &str| text.split(' ').next().unwrap_or(text).to_owned();
    // A maximum of 0 ns has the unit of the smallest times.
    let is_one_unit = ns > 0 && all.iter().all(|other| *other == all[0]);
    if is_one_unit {
        format!("{value} ({}–{})", number(&low), number(&high))
    } else {
        format!("{value} ({low}–{high})")
    }
}

/// The steps of one rate and side.
#[derive(Debug, Clone)]
struct StepGroup {
    offered_per_s: f64,
    from: StepOrigin,
    steps: u64,
    /// Steps with a result, and those of them in which the conditions held.
    decided: u64,
    held: u64,
    /// Steps of which the generator was the limit.
    limited: u64,
    achieved_per_s: f64,
    /// Medians of p50, p99 and p99.9.
    times: [Option<u64>; 3],
    failed: u64,
    unsent: u64,
    cpu: Option<f64>,
}

impl StepGroup {
    /// The groups of these steps, ascending by rate.
    fn all(steps: &[LoadStep]) -> Vec<Self> {
        let mut sorted: Vec<&LoadStep> = steps.iter().collect();
        let key = |step: &LoadStep| (step.offered_per_s, step.from == StepOrigin::Above);
        sorted.sort_by(|a, b| {
            let ((a, a_above), (b, b_above)) = (key(a), key(b));
            a.total_cmp(&b).then(a_above.cmp(&b_above))
        });
        let groups = sorted.chunk_by(|a, b| key(a) == key(b));
        groups.map(Self::of).collect()
    }

    /// The group of these steps, of which there is at least one.
    fn of(steps: &[&LoadStep]) -> Self {
        let count = |is: fn(&LoadStep) -> bool| steps.iter().filter(|s| is(s)).count() as u64;
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<f64> = values.collect();
            let sum: f64 = values.iter().sum();
            (!values.is_empty()).then(|| sum / values.len() as f64)
        };
        let median = |time: fn(&LoadStep) -> Option<u64>| {
            let mut times: Vec<_> = steps.iter().map(|step| time(step)).collect();
            // A step without answers is slower than any other.
            times.sort_by_key(|time| time.unwrap_or(u64::MAX));
            times.get((times.len() - 1) / 2).copied().flatten()
        };
        Self {
            offered_per_s: steps[0].offered_per_s,
            from: steps[0].from,
            steps: steps.len() as u64,
            decided: count(|step| step.held.is_some()),
            held: count(|step| step.held == Some(true)),
            limited: count(|step| step.generator_limited),
            achieved_per_s: mean(&mut steps.iter().map(|s| s.achieved_per_s)).unwrap_or(0.0),
            times: [
                median(|step| step.response_p50_ns),
                median(|step| step.response_p99_ns),
                median(|step| step.response_p99_9_ns),
            ],
            failed: steps.iter().map(|step| step.failed).sum(),
            unsent: steps.iter().map(|step| step.unsent).sum(),
            cpu: mean(&mut steps.iter().filter_map(|s| s.server_cpu_share)),
        }
    }

    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let is_above = |group: &Self| group.from == StepOrigin::Above;
        let by_rate = self.offered_per_s.total_cmp(&other.offered_per_s);
        by_rate.then(is_above(self).cmp(&is_above(other)))
    }

    /// Distance from the edge, as a ratio.
    fn distance(&self, edge: f64) -> f64 {
        (self.offered_per_s / edge).ln().abs()
    }

    /// `yes`, `no`, `3 of 4` decided steps, `undecided`, or `generator` when that was the limit.
    fn held_text(&self) -> String {
        match (self.held, self.decided) {
            (_, 0) if self.limited == self.steps => "generator".to_owned(),
            (_, 0) => "undecided".to_owned(),
            (0, _) => "no".to_owned(),
            (held, decided) if held == decided => "yes".to_owned(),
            (held, decided) => format!("{} of {}", grouped(held), grouped(decided)),
        }
    }

    fn tone(&self) -> Tone {
        match (self.held, self.decided) {
            (_, 0) => Tone::Warning,
            (0, _) => Tone::Bad,
            (held, decided) if held == decided => Tone::Good,
            _ => Tone::Neutral,
        }
    }
}
