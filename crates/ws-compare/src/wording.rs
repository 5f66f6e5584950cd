//! What every kind of report says in the same words.

use std::collections::BTreeMap;

use measurement::run::comparison::{
    ComparedFigure, Comparison, ConditionRow, RoundRow, RunRow, last_round,
};
use statistics::signed_rank::rounds_needed;
use units::{counted, human_rate, human_time};

/// What belongs together, with its heading.
pub(crate) const GROUPS: [(&str, &[ComparedFigure]); 3] = [
    (
        "Capacity: closed loop, as fast as each server answers",
        &[
            ComparedFigure::Throughput,
            ComparedFigure::ServiceP50,
            ComparedFigure::ServiceP99,
            ComparedFigure::ServiceP999,
        ],
    ),
    (
        "Latency: open loop, the same rate for all",
        &[
            ComparedFigure::ResponseP50,
            ComparedFigure::ResponseP99,
            ComparedFigure::ResponseP999,
        ],
    ),
    (
        "Cost, in closed loop",
        &[
            ComparedFigure::MessagesPerCpuS,
            ComparedFigure::MemoryPerConnection,
        ],
    ),
];

/// `axum, tungstenite`
pub(crate) fn names(c: &Comparison) -> String {
    let names: Vec<_> = c.servers.iter().map(|s| s.name.as_str()).collect();
    names.join(", ")
}

/// `axum against tungstenite`, `axum, tornado and node`
pub(crate) fn title(c: &Comparison) -> String {
    let names: Vec<_> = c.servers.iter().map(|s| s.name.as_str()).collect();
    match names.as_slice() {
        [a, b] => format!("{a} against {b}"),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

/// How many rounds there were.
pub(crate) fn rounds(c: &Comparison) -> u32 {
    last_round(&c.rounds)
}

/// `100 clients × 2.00 s × 125 B`, and at which rate.
pub(crate) fn load(c: &Comparison) -> String {
    let mut parts = vec![::wording::plan::amount(&c.plan.load)];
    parts.extend(c.plan.rate_per_s.map(|rate| {
        let found = if c.plan.rate_was_found {
            " (60 % of the slowest pilot)"
        } else {
            ""
        };
        format!("open loop at {} msg/s{found}", human_rate(rate))
    }));
    parts.join(" · ")
}

/// What stands out, each in a line: failures, what was left out, runs that were not steady, outliers.
pub(crate) fn remarks(c: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for server in &c.servers {
        lines.extend(
            server
                .excluded
                .as_ref()
                .map(|why| format!("{} is left out: {why}", server.name)),
        );
    }
    for row in &c.rounds {
        lines.extend(row.failure.as_ref().map(|why| {
            format!(
                "round {} is not counted for {}: {why}",
                row.round, row.server
            )
        }));
    }
    if rounds(c) == 1 {
        lines.push(
            "of one round nothing can be said: how far rounds differ by themselves is not known \
             (--rounds; of saved runs several a server, as in a=1.json,2.json)"
                .to_owned(),
        );
    }
    lines.extend(too_few_rounds(c));
    lines.extend(unsteady(c));
    lines.extend(longest_cut(c));
    lines.extend(outliers(c));
    lines
}

/// That intervals of so few rounds may leave out 1 and yet tell nothing.
pub(crate) fn too_few_rounds(c: &Comparison) -> Option<String> {
    let against = c.figures.iter().flat_map(|row| &row.against);
    let leveled = against.filter_map(|against| Some((against.rounds, against.level?)));
    let needed = leveled.map(|(rounds, level)| (rounds, rounds_needed(level)));
    // The figure that is nearest to having enough.
    let (had, needed) = needed.min_by_key(|(had, needed)| needed.saturating_sub(*had as usize))?;
    ((had as usize) < needed).then(|| {
        format!(
            "{} are too few for any verdict, wherever an interval lies: it takes {needed} or more (--rounds)",
            counted(u64::from(had), "round")
        )
    })
}

/// The rounds that stand out, in a line each.
fn outliers(c: &Comparison) -> Vec<String> {
    let mut rounds: BTreeMap<(u32, &str), Vec<String>> = BTreeMap::new();
    for o in &c.outliers {
        let (value, median) = (o.figure.print(o.value), o.figure.print(o.median));
        let said = format!("{} {value} (median {median})", o.figure.short_name());
        rounds.entry((o.round, &o.server)).or_default().push(said);
    }
    let line = |((round, server), said): ((u32, &str), Vec<String>)| {
        let said = said.join(", ");
        format!("round {round} of {server} stands out, and is counted: {said}")
    };
    rounds.into_iter().map(line).collect()
}

/// How much of a run was cut off at most.
fn longest_cut(c: &Comparison) -> Option<String> {
    let cuts = c.rounds.iter().flat_map(|row| {
        let kinds = [("capacity", &row.capacity), ("latency", &row.latency)];
        kinds.map(|(kind, run)| (row, kind, run.as_ref().and_then(|run| run.cut_s)))
    });
    let cuts = cuts.filter_map(|(row, kind, cut_s)| Some((row, kind, cut_s?)));
    let (row, kind, cut_s) = cuts.max_by(|(.., a), (.., b)| a.total_cmp(b))?;
    (cut_s > 0.0).then(|| {
        format!(
            "figures are of the steady part of each run: at most {} were cut off its beginning ({kind} of {}, round {})",
            human_time(cut_s * 1e9),
            row.server,
            row.round
        )
    })
}

/// The runs that were not steady, by server and kind.
fn unsteady(c: &Comparison) -> Vec<String> {
    use measurement::run::comparison::Steadiness;
    type Of = fn(&RoundRow) -> Option<&RunRow>;
    let kinds: [(&str, Of); 2] = [
        ("capacity", |row| row.capacity.as_ref()),
        ("latency", |row| row.latency.as_ref()),
    ];
    let mut lines = Vec::new();
    for server in c.compared() {
        for (name, of) in kinds {
            let rounds: Vec<String> = c
                .rounds_of(&server.name)
                .filter(|row| {
                    of(row).is_some_and(|run| {
                        matches!(run.steadiness, Steadiness::Never | Steadiness::Drifting)
                    })
                })
                .map(|row| row.round.to_string())
                .collect();
            if !rounds.is_empty() {
                let noun = if rounds.len() == 1 { "round" } else { "rounds" };
                lines.push(format!(
                    "the {name} run of {} was not steady in {noun} {}: a longer --warmup or -d may help",
                    server.name,
                    rounds.join(", ")
                ));
            }
        }
    }
    lines
}

/// What was done, in a line for the end of a report.
pub(crate) fn method(c: &Comparison) -> Vec<String> {
    let plan = &c.plan;
    let paired = if c.servers.iter().any(|server| !server.files.is_empty()) {
        "files, paired in their order"
    } else {
        "the same round"
    };
    let mut lines = Vec::new();
    if let Some(levels) = levels(c).filter(|_| too_few_rounds(c).is_none()) {
        lines.push(format!(
            "Ratios are of {paired}: pseudo-median with bootstrap intervals of {levels}, so that in {} of 100 such comparisons no verdict is wrong. Beside `cannot tell`, above 1 is better.",
            percent(plan.confidence)
        ));
    }
    if !plan.server_cores.is_empty() {
        lines.push(format!(
            "Servers on cores {}, generator on {}.",
            list(&plan.server_cores),
            list(&plan.generator_cores)
        ));
    }
    lines.push(format!(
        "{} · {} · {} · seed {} · {} · took {}",
        c.host.cpu,
        counted(c.host.cores as u64, "core"),
        c.host.kernel,
        plan.seed,
        c.started_at,
        human_time(c.elapsed_s * 1e9)
    ));
    lines
}

/// A level in percent, with as many digits as it takes: 95, 97.5, 99.02.
pub(crate) fn percent(level: f64) -> String {
    let text = format!("{:.2}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The levels of the intervals: `99.02 %`, `98.8 to 99.02 %`; `None` where there is none.
fn levels(c: &Comparison) -> Option<String> {
    let against = c.figures.iter().flat_map(|row| &row.against);
    let mut levels: Vec<f64> = against.filter_map(|against| against.level).collect();
    levels.sort_by(f64::total_cmp);
    match (levels.first(), levels.last()) {
        (Some(low), Some(high)) if percent(*low) == percent(*high) => {
            Some(format!("{} %", percent(*low)))
        }
        (Some(low), Some(high)) => Some(format!("{} to {} %", percent(*low), percent(*high))),
        _ => None,
    }
}

fn list(cores: &[usize]) -> String {
    let cores: Vec<_> = cores.iter().map(ToString::to_string).collect();
    cores.join(", ")
}

/// A value of a figure, or a dash.
pub(crate) fn value(figure: ComparedFigure, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| figure.print(value))
}

/// What became of a condition, in a word or two.
pub(crate) fn outcome(condition: &ConditionRow) -> &'static str {
    match (condition.held, condition.is_sure) {
        (true, _) => "failed",
        (false, true) => "passed",
        (false, false) => "not sure",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_the_digits_that_it_takes() {
        assert_eq!(
            [0.95, 0.975, 0.99023, 1.0].map(percent),
            ["95", "97.5", "99.02", "100"]
        );
    }
}
