//! Sentences common to all reports of a comparison.

mod enough_rounds;
mod searches;
mod slices;

use std::collections::BTreeMap;

use measurement::run::comparison::{
    CandidateRow, ComparedFigure, Comparison, ConditionRow, RoundRow, RunRow, Steadiness,
    last_round,
};
use units::{counted, human_rate, human_time};
use wording::capacity_view::all_conditions;
use wording::plan::named_cores;
use wording::{ConditionStatus, Tone};

use ComparedFigure::{
    CapacityUnderSlo, ConnectResponseP50, ConnectResponseP99, DeliveryP50, DeliveryP99, FirstP99,
    GapP99, LastP50, LastP99, LatenessP99, MemoryPerConnection, MessagesPerCpuS, Reach,
    ResponseP50, ResponseP99, ResponseP999, ServiceP50, ServiceP99, ServiceP999, SkewP99,
    Throughput,
};

/// Groups of figures with their headings.
const GROUPS: [(&str, &[ComparedFigure]); 7] = [
    (
        "Throughput: closed loop, as fast as each server answers",
        &[Throughput, ServiceP50, ServiceP99, ServiceP999],
    ),
    (
        "Latency: open loop, the same rate for all",
        &[ResponseP50, ResponseP99, ResponseP999],
    ),
    (
        "Deliveries, to all receivers of a message",
        &[Reach, FirstP99, LastP50, LastP99, DeliveryP50, DeliveryP99],
    ),
    (
        "Feed: the server sends on its own",
        &[GapP99, LatenessP99, SkewP99],
    ),
    (
        "Connections, each from its intended time",
        &[ConnectResponseP50, ConnectResponseP99],
    ),
    (
        "Cost, in closed loop",
        &[MessagesPerCpuS, MemoryPerConnection],
    ),
    (
        "Capacity: the highest rate at which the conditions hold",
        &[CapacityUnderSlo],
    ),
];

pub(crate) use enough_rounds::{few_rounds_planned, too_few_rounds};
pub(crate) use searches::{about_search, measurements, median_of};
pub(crate) use slices::{background, growing_queues};

/// The groups with the headings of this comparison. A feed has no closed loop, and searches have conditions.
pub(crate) fn groups(c: &Comparison) -> impl Iterator<Item = (String, &'static [ComparedFigure])> {
    let is_feed = c.plan.load.senders == Some(0);
    let search = c.plan.load.find_capacity.as_ref();
    let conditions = search.map(|search| all_conditions(&search.conditions));
    GROUPS.into_iter().map(move |(title, figures)| {
        let title = match (figures.first(), &conditions) {
            (Some(Throughput), _) if is_feed => {
                "Feed: messages received from each server".to_owned()
            }
            (Some(MessagesPerCpuS), _) if is_feed => "Cost of the feed".to_owned(),
            (Some(CapacityUnderSlo), Some(conditions)) => {
                format!("Capacity: open loop, the highest rate at {conditions}")
            }
            _ => title.to_owned(),
        };
        (title, figures)
    })
}

/// Kind of run, with its accessor in a round.
type RunOf = fn(&RoundRow) -> Option<&RunRow>;
pub(crate) const RUN_KINDS: [(&str, RunOf); 2] = [
    ("throughput", |row| row.throughput.as_ref()),
    ("latency", |row| row.latency.as_ref()),
];

pub(crate) fn names(c: &Comparison) -> String {
    server_names(c).join(", ")
}

fn server_names(c: &Comparison) -> Vec<&str> {
    c.servers.iter().map(|s| s.name.as_str()).collect()
}

/// Title of a comparison: `axum against tungstenite`, `axum, tornado and node`.
pub(crate) fn title(c: &Comparison) -> String {
    match server_names(c).as_slice() {
        [a, b] => format!("{a} against {b}"),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

pub(crate) fn rounds(c: &Comparison) -> String {
    match last_round(&c.rounds) {
        0 => "no rounds".to_owned(),
        n => counted(u64::from(n), "round"),
    }
}

/// The load: `100 clients × 2.00 s × 125 B · open loop at 20,000 msg/s`, or with the name of the scenario in place of the
/// size: `scenario chat · 100 clients × 2.00 s`.
pub(crate) fn load(c: &Comparison) -> String {
    let mut parts = wording::plan::amount_parts(&c.plan.load, c.scenario.as_ref());
    let search = c.plan.load.find_capacity.as_ref();
    parts.extend(search.map(|own| format!("capacity at {}", all_conditions(&own.conditions))));
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

/// All remarks, one per line.
pub(crate) fn remarks(c: &Comparison) -> Vec<String> {
    [remarks_on_servers(c), remarks_on_rounds(c)].concat()
}

/// Remarks on policies of the clients, on excluded servers, and failed checks of the others.
pub(crate) fn remarks_on_servers(c: &Comparison) -> Vec<String> {
    let excluded = c.servers.iter().filter_map(|server| {
        let why = server.excluded.as_ref()?;
        Some(format!("{} is left out: {why}", server.name))
    });
    let policies = c.servers.iter().filter_map(|server| {
        let policy = server.policy.as_ref()?;
        Some(format!("clients of {}: {policy}", server.name))
    });
    let notes = c.compared().filter_map(notes);
    policies.chain(excluded).chain(notes).collect()
}

/// Remarks on rounds that are not counted, not steady, too few or outliers.
pub(crate) fn remarks_on_rounds(c: &Comparison) -> Vec<String> {
    let mut lines = failed_rounds(c);
    if searches::are_searched(c) {
        lines.extend(searches::remarks(c));
    } else if last_round(&c.rounds) == 1 {
        lines.push(format!(
            "1 round allows no verdict, because the variation between rounds is unknown; use {}",
            enough_rounds::more_rounds(c)
        ));
    }
    lines.extend(unknown_of_processes(c));
    lines.extend(enough_rounds::known_to(c));
    lines.extend(too_few_rounds(c));
    lines.extend(slices::remarks(c));
    lines.extend(unsteady(c));
    lines.extend(longest_cut(c));
    lines.extend(outliers(c));
    lines
}

/// The rounds that failed, one line for each server and kind of reason. Reasons that differ in numbers only, such as ports,
/// are of one kind.
fn failed_rounds(c: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    for server in &c.servers {
        let mut kinds: BTreeMap<String, (Vec<u32>, &str)> = BTreeMap::new();
        for row in c.rounds_of(&server.name) {
            if let Some(why) = &row.failure {
                let kind = why.replace(|c: char| c.is_ascii_digit(), "");
                kinds
                    .entry(kind)
                    .or_insert((Vec::new(), why))
                    .0
                    .push(row.round);
            }
        }
        let mut kinds: Vec<_> = kinds.into_values().collect();
        kinds.sort();
        lines.extend(kinds.into_iter().map(|(rounds, first)| {
            let are = if rounds.len() == 1 { "is" } else { "are" };
            let (name, rounds) = (&server.name, named_rounds(&rounds));
            format!("{rounds} {are} not counted for {name}: {first}")
        }));
    }
    lines
}

/// The figures of processes that are unknown in measured rounds of a server, one line for each.
fn unknown_of_processes(c: &Comparison) -> Vec<String> {
    let mut lines = Vec::new();
    let figures = c
        .plan
        .figures
        .iter()
        .filter(|figure| figure.is_of_processes());
    for figure in figures {
        for server in c.compared().filter(|server| server.command.is_some()) {
            let measured = || {
                c.rounds_of(&server.name)
                    .filter(|row| Throughput.of(row).is_some())
            };
            let unknown = measured().filter(|row| figure.of(row).is_none()).count();
            if unknown > 0 {
                lines.push(format!(
                    "{} of {} is unknown in {unknown} of {}: its processes did not grow, could not be read, or began after the \
                     measurement",
                    figure.short_name(),
                    server.name,
                    counted(measured().count() as u64, "round")
                ));
            }
        }
    }
    lines
}

/// `round 3`, `rounds 3, 4, 7`.
fn named_rounds(rounds: &[u32]) -> String {
    let noun = if rounds.len() == 1 { "round" } else { "rounds" };
    let numbers: Vec<_> = rounds.iter().map(u32::to_string).collect();
    format!("{noun} {}", numbers.join(", "))
}

/// The sentence on the failed checks of a compared server; `None` without failed checks.
fn notes(server: &CandidateRow) -> Option<String> {
    (!server.notes.is_empty()).then(|| {
        format!(
            "{} is compared, but fails checks that this load does not need: {} (`--gate full` would refuse it)",
            server.name,
            server.notes.join("; ")
        )
    })
}

fn outliers(c: &Comparison) -> Vec<String> {
    let mut rounds: BTreeMap<(u32, &str), Vec<String>> = BTreeMap::new();
    for o in &c.outliers {
        let (value, median) = (o.figure.print(o.value), o.figure.print(o.median));
        let (name, unit) = (o.figure.short_name(), o.figure.printed_unit());
        let text = format!("{name} {value}{unit} (median {median})");
        rounds.entry((o.round, &o.server)).or_default().push(text);
    }
    let line = |((round, server), texts): ((u32, &str), Vec<String>)| {
        let texts = texts.join(", ");
        format!("round {round} of {server} is an outlier, and is counted: {texts}")
    };
    rounds.into_iter().map(line).collect()
}

fn longest_cut(c: &Comparison) -> Option<String> {
    let rows = c.rounds.iter();
    let runs = rows.flat_map(|row| RUN_KINDS.map(|kind| (row, kind)));
    let cuts = runs.filter_map(|(row, (kind, run_of))| Some((row, kind, run_of(row)?.cut_s?)));
    let (row, kind, cut_s) = cuts.max_by(|(.., a), (.., b)| a.total_cmp(b))?;
    (cut_s > 0.0).then(|| {
        format!(
            "figures cover the steady part of each run: up to {} were cut from the beginning ({kind} run of {}, round {})",
            human_time(cut_s * 1e9),
            row.server,
            row.round
        )
    })
}

fn unsteady(c: &Comparison) -> Vec<String> {
    let is_unsteady =
        |run: &RunRow| matches!(run.steadiness, Steadiness::Never | Steadiness::Drifting);
    let kinds = c
        .compared()
        .flat_map(|server| RUN_KINDS.map(|kind| (server, kind)));
    let line = |(server, (kind, run_of)): (&CandidateRow, (&str, RunOf))| {
        let name = &server.name;
        let rows = c.rounds_of(name);
        let rounds: Vec<u32> = rows
            .filter(|row| run_of(row).is_some_and(is_unsteady))
            .map(|row| row.round)
            .collect();
        (!rounds.is_empty()).then(|| {
            format!(
                "the {kind} run of {name} was not steady in {}; a longer `--warmup` or `-d` may help",
                named_rounds(&rounds)
            )
        })
    };
    kinds.filter_map(line).collect()
}

/// Returns true when saved runs are compared.
fn are_saved(c: &Comparison) -> bool {
    c.servers.iter().any(|server| !server.files.is_empty())
}

/// Returns true when runs have deliveries or a feed, which are not measured in slices.
fn have_deliveries(c: &Comparison) -> bool {
    let mut runs = c
        .rounds
        .iter()
        .flat_map(|row| RUN_KINDS.map(|(_, run_of)| run_of(row)));
    runs.any(|run| run.is_some_and(|run| run.deliveries.is_some()))
}

/// The pairs that ratios are computed over.
pub(crate) fn paired(c: &Comparison) -> &'static str {
    if are_saved(c) {
        "files, paired in their order"
    } else {
        "paired rounds"
    }
}

/// Description of the method, for the end of a report.
pub(crate) fn method(c: &Comparison) -> Vec<String> {
    let plan = &c.plan;
    let is_searched = searches::are_searched(c);
    let has_figures = !c.figures.is_empty() && !is_searched;
    let columns = has_figures.then(|| {
        format!(
        "Columns are medians over all valid runs. Ratios are pseudo-medians over {}, so a ratio may differ from the quotient of two columns.",
        paired(c)
    )});
    let mut lines: Vec<_> = columns.into_iter().collect();
    lines.extend(searches::method(c, levels(c)));
    let by_ranks = levels(c).filter(|_| !is_searched);
    if let Some(levels) = by_ranks.filter(|_| too_few_rounds(c).is_none()) {
        let higher = plan.until_sure_percent.map_or("", |_| {
            " (higher than for a fixed number of rounds, because rounds end when intervals are narrow)"
        });
        lines.push(format!(
            "Intervals are bootstrap intervals of {levels}{higher}: in {} of 100 such comparisons no verdict is wrong. In an interval of `inconclusive`, above 1 is better. In the files, a ratio is the value divided by that of {}.",
            percent(plan.confidence),
            plan.reference
        ));
    }
    if are_saved(c) {
        let mut text = "Saved runs were measured one after the other, so a drift of the machine is part of their differences.".to_owned();
        if !have_deliveries(c) && !is_searched {
            text += " Servers that ws-compare starts take turns in slices (--slice).";
        }
        lines.push(text);
    }
    if plan.slice_s.is_none() && !are_saved(c) && !is_searched && !c.rounds.is_empty() {
        lines.push(
            "The servers of a round were measured one after the other, so a drift of the machine is part of their differences."
                .to_owned(),
        );
    }
    lines.extend(slices::method(c));
    let mode = plan.gate.as_deref();
    lines.extend(mode.and_then(|mode| gate(mode, gate_messages(c))));
    if !plan.server_cores.is_empty() {
        lines.push(format!(
            "Servers ran on {}, the generator on {}.",
            named_cores(&plan.server_cores),
            named_cores(&plan.generator_cores)
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

/// Messages that a server has to pass the gate with.
fn gate_messages(c: &Comparison) -> &'static str {
    match &c.scenario {
        Some(_) if c.plan.load.senders == Some(0) => "send messages of its feed",
        Some(scenario) if scenario.ends_with_deliveries => {
            "deliver messages of the scenario to all of their receivers"
        }
        Some(_) => "answer messages of the scenario",
        None => "echo messages of the load",
    }
}

/// Description of the gate in this mode; `None` for an unknown mode.
fn gate(mode: &str, messages: &str) -> Option<String> {
    let checks = match mode {
        "off" => "Servers were not checked before they were measured".to_owned(),
        "plan" => format!("Before it was measured, each server had to {messages}"),
        "full" => format!(
            "Before it was measured, each server had to {messages} and to pass the further checks"
        ),
        _ => return None,
    };
    Some(format!("{checks} (--gate {mode})."))
}

/// Formats a level in percent, with as many digits as needed: 95, 97.5, 99.02.
pub(crate) fn percent(level: f64) -> String {
    let text = format!("{:.2}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Formats the levels of all intervals: `99.02 %`, `98.8 to 99.02 %`; `None` without intervals.
fn levels(c: &Comparison) -> Option<String> {
    let against = c.figures.iter().flat_map(|row| &row.against);
    let levels = || against.clone().filter_map(|against| against.level);
    let lowest = percent(levels().min_by(f64::total_cmp)?);
    let highest = percent(levels().max_by(f64::total_cmp)?);
    Some(if lowest == highest {
        format!("{lowest} %")
    } else {
        format!("{lowest} to {highest} %")
    })
}

/// Formats a value of a figure; a dash for `None`.
pub(crate) fn value(figure: ComparedFigure, value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| figure.print(value))
}

/// The line about a condition.
pub(crate) fn condition_line(condition: &ConditionRow) -> String {
    let outcome = match (condition.held, condition.is_sure) {
        (true, _) => ConditionStatus::Held,
        (false, true) => ConditionStatus::NotHeld,
        (false, false) => ConditionStatus::Inconclusive,
    };
    wording::condition_line(
        outcome,
        &format!("{}: {}", condition.expression, condition.text),
    )
}

/// Outcome of a condition (`failed`, `passed` or `inconclusive`), and its tone.
pub(crate) fn condition_outcome(condition: &ConditionRow) -> (&'static str, Tone) {
    match (condition.held, condition.is_sure) {
        (true, _) => ("failed", Tone::Bad),
        (false, true) => ("passed", Tone::Good),
        (false, false) => ("inconclusive", Tone::Warning),
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

    #[test]
    fn every_mode_of_the_gate_is_described_and_names_its_flag() {
        for (name, ..) in crate::gate::GATE_MODES {
            let said = gate(name, "send messages of its feed").unwrap();
            assert!(said.ends_with(&format!("(--gate {name}).")), "{said}");
        }
        assert_eq!(gate("a mode of a later version", "echo"), None);
    }
}
