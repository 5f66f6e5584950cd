//! The steps of a search, and the rates of a sweep, as tables.

use measurement::load_search::{CapacityCondition, ConditionJudge};
use measurement::run::{
    CapacitySummary, LoadStep, StepGroup, StepMeaning, StepOrigin, TimeInterval,
};
use measurement::verdict::shown_quantile;
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
    /// Remarks below the table: rows that are left out, signs in the cells, stops of the server.
    pub notes: Vec<String>,
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

/// The steps of a search, those of a rate, a side and a result in one row, with the figures of the middle one. Of more than
/// `most` rows, those nearest to the capacity are kept.
pub(crate) fn search_table(own: &CapacitySummary, most: usize) -> LoadTable {
    let groups = StepGroup::all(&own.steps);
    let edge = own.rate_per_s.filter(|rate| *rate > 0.0);
    let edge = edge.unwrap_or_else(|| groups.first().map_or(1.0, |group| group.offered_per_s));
    let distance = |at: &usize| (groups[*at].offered_per_s / edge).ln().abs();
    let mut kept: Vec<usize> = (0..groups.len()).collect();
    kept.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    kept.truncate(most);
    kept.sort_unstable();
    let has_cpu = own.steps.iter().any(|step| step.server_cpu_share.is_some());
    let mut columns = vec![
        "offered", "from", "steps", HELD, "answered", "p50", "p99", "p99.9", "failed", "unsent",
    ];
    columns.extend(has_cpu.then_some(CPU));
    let left_out = (kept.len() < groups.len()).then(|| {
        let steps = counted(own.steps.len() as u64, "step");
        format!(
            "the {} rows nearest to the capacity, of {}; a .json or .xlsx file has all {steps}",
            grouped(kept.len() as u64),
            grouped(groups.len() as u64),
        )
    });
    let rows: Vec<_> = kept
        .iter()
        .map(|at| step_row(&groups[*at], has_cpu))
        .collect();
    LoadTable {
        columns,
        notes: left_out
            .into_iter()
            .chain(remarks(&rows, &own.steps))
            .chain(growth(own))
            .collect(),
        rows,
    }
}

/// The row of a group of steps: times and rates of the middle one, sums of the counts.
fn step_row(group: &StepGroup<'_>, has_cpu: bool) -> LoadRow {
    let (held, tone) = match group.meaning {
        StepMeaning::Held => ("yes", Tone::Good),
        StepMeaning::NotHeld => ("no", Tone::Bad),
        StepMeaning::Undecided => ("undecided", Tone::Warning),
        StepMeaning::NotCounted => ("generator", Tone::Warning),
    };
    let middle = group.middle();
    let answered = middle.map_or(0.0, |step| step.answered_per_s);
    let [p50, p99, p99_9] = middle.map_or([None; 3], percentiles);
    let mut cells = vec![
        human_rate(group.offered_per_s),
        group.from.name().to_owned(),
        grouped(group.steps.len() as u64),
        held.to_owned(),
        human_rate(answered),
        time(p50),
        time(p99),
        time(p99_9),
        grouped(group.sum(|step| step.failed)),
        grouped(group.sum(|step| step.unsent)),
    ];
    cells.extend(has_cpu.then(|| cpu(middle.and_then(|step| step.server_cpu_share))));
    LoadRow { cells, tone }
}

/// The rates of a sweep. p99 has its interval.
pub(crate) fn curve_table(steps: &[LoadStep]) -> LoadTable {
    let has_interval = steps
        .iter()
        .any(|step| step.response_p99_interval.is_some());
    let has_cpu = steps.iter().any(|step| step.server_cpu_share.is_some());
    let mut columns = vec![
        "offered",
        "answered",
        "p50",
        if has_interval { "p99 (95 %)" } else { "p99" },
        "p99.9",
        "failed",
        "unsent",
    ];
    columns.extend(has_cpu.then_some(CPU));
    let row = |step: &LoadStep| {
        let [p50, p99, p99_9] = percentiles(step);
        let mut cells = vec![
            human_rate(step.offered_per_s),
            human_rate(step.answered_per_s),
            time(p50),
            match p99 {
                Some(NOT_ANSWERED) => INFINITE.to_owned(),
                p99 => time_with_interval(p99, step.response_p99_interval),
            },
            time(p99_9),
            grouped(step.failed),
            grouped(step.unsent),
        ];
        cells.extend(has_cpu.then(|| cpu(step.server_cpu_share)));
        LoadRow {
            cells,
            tone: match step.generator_limited || step.generator_times {
                true => Tone::Warning,
                false if step.keeps_up() => Tone::Good,
                false => Tone::Bad,
            },
        }
    };
    let rows: Vec<_> = steps.iter().map(row).collect();
    LoadTable {
        columns,
        notes: remarks(&rows, steps),
        rows,
    }
}

/// A percentile that is slower than any answer.
const NOT_ANSWERED: u64 = u64::MAX;
/// Text of such a percentile.
const INFINITE: &str = "∞";

/// The quantiles of a step, and the response times there.
fn quantiles(step: &LoadStep) -> [(f64, Option<u64>); 3] {
    [
        (0.5, step.response_p50_ns),
        (0.99, step.response_p99_ns),
        (0.999, step.response_p99_9_ns),
    ]
}

/// p50, p99 and p99.9 of a step, where enough messages were due for them.
fn percentiles(step: &LoadStep) -> [Option<u64>; 3] {
    quantiles(step).map(|(quantile, ns)| match step.due {
        _ if step.is_beyond_answers(quantile) => Some(NOT_ANSWERED),
        // Unknown in files of older versions.
        0 => ns,
        due => shown_quantile(due, quantile, ns),
    })
}

fn time(ns: Option<u64>) -> String {
    match ns {
        Some(NOT_ANSWERED) => INFINITE.to_owned(),
        ns => known_time(ns).unwrap_or_else(|| UNKNOWN.to_owned()),
    }
}

/// Remarks on these rows and on all steps: the sign for no answer, stops of the server, connections that it closed.
fn remarks(rows: &[LoadRow], steps: &[LoadStep]) -> Vec<String> {
    let is_infinite = |row: &LoadRow| row.cells.iter().any(|cell| cell == INFINITE);
    let infinite = rows.iter().any(is_infinite).then(|| {
        format!("{INFINITE}: more messages failed or were not sent than lie beyond the percentile")
    });
    let all = [infinite, silence(steps), closed(steps)];
    all.into_iter().flatten().collect()
}

/// Times in which the server answered nothing.
fn silence(steps: &[LoadStep]) -> Option<String> {
    /// A shorter time in seconds may be a pause of any server, unless the whole step is not longer.
    const LONG_S: f64 = 0.5;
    // A server that never answers was not stopped.
    if steps.iter().all(|step| step.answered_per_s <= 0.0) {
        return None;
    }
    let least_s = |step: &LoadStep| {
        if step.answered_per_s > 0.0 {
            LONG_S
        } else {
            0.0
        }
    };
    let silent = steps
        .iter()
        .filter(|step| step.longest_silence_s.is_some_and(|s| s >= least_s(step)));
    let silent = silent.filter_map(|step| Some((step.offered_per_s, step.longest_silence_s?)));
    let silent: Vec<_> = silent.collect();
    let longest = silent.iter().map(|(_, s)| *s).reduce(f64::max)?;
    let time = human_time(longest * 1e9);
    let at = at_rates(silent.iter().map(|(rate, _)| *rate));
    let place = match silent.len() {
        1 => format!("{time} in the step {at}"),
        n => format!("up to {time} in {} {at}", counted(n as u64, "step")),
    };
    Some(format!(
        "nothing was answered for {place}: was the server stopped?"
    ))
}

/// Steps that did not hold although every percentile kept its limit.
fn growth(own: &CapacitySummary) -> Option<String> {
    let conditions = own.conditions.iter().map(|typed| typed.parse());
    let conditions: Vec<CapacityCondition> = conditions.collect::<Result<_, _>>().ok()?;
    let keeps = |step: &LoadStep, condition: &CapacityCondition| {
        let ConditionJudge::ResponseBeyond { limit_ns, allowed } = condition.judged_by() else {
            return false;
        };
        let is_it = |known: &(f64, _)| ((1.0 - known.0) / allowed - 1.0).abs() < 1e-6;
        let found = quantiles(step).into_iter().find(is_it);
        // Buckets are about 15 % wide.
        found
            .and_then(|(_, ns)| ns)
            .is_some_and(|ns| ns as f64 * 1.15 < limit_ns as f64)
    };
    let is_growing = |step: &&LoadStep| {
        step.meaning() == StepMeaning::NotHeld
            && step.from == StepOrigin::Below
            && step.failed + step.unsent == 0
            && conditions.iter().all(|condition| keeps(step, condition))
    };
    let growing = own.steps.iter().filter(is_growing);
    let rates = growing.map(|step| step.offered_per_s);
    (rates.clone().count() > 0).then(|| {
        format!(
            "did not hold {}, although no percentile was beyond its limit: the response times grew until the end of the step",
            at_rates(rates)
        )
    })
}

/// Connections that ended during the steps.
fn closed(steps: &[LoadStep]) -> Option<String> {
    let steps = steps.iter().filter(|step| step.closed > 0);
    let closed = steps.clone().map(|step| step.closed).sum();
    let verb = if closed == 1 { "was" } else { "were" };
    (closed > 0).then(|| {
        format!(
            "{} {verb} closed by the server {}",
            counted(closed, "connection"),
            at_rates(steps.map(|step| step.offered_per_s))
        )
    })
}

/// `at 2,000 msg/s and above`, or `at 2,000 msg/s` for a single rate.
fn at_rates(rates: impl Iterator<Item = f64> + Clone) -> String {
    let lowest = rates.clone().fold(f64::INFINITY, f64::min);
    let highest = rates.fold(0.0, f64::max);
    let above = if highest > lowest { " and above" } else { "" };
    format!("at {} msg/s{above}", human_rate(lowest))
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
