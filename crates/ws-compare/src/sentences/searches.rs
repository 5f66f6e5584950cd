//! Sentences about searches for a capacity.

use measurement::run::SearchEnd;
use measurement::run::comparison::{
    AgainstReference, ComparedFigure, Comparison, FigureRow, SearchRow, last_round,
};
use units::{counted, human_rate, human_time};
use wording::capacity_view::{LowerBoundReason, lower_bound_reason, rate_with_interval};

use super::{are_saved, paired, percent, value};
use crate::capacity_verdicts::searches;

/// Returns true when servers are compared by capacity.
pub(super) fn are_searched(c: &Comparison) -> bool {
    c.plan.figures.contains(&ComparedFigure::CapacityUnderSlo)
}

/// The noun for the measurements that figures are taken from.
pub(crate) fn measurements(c: &Comparison) -> &'static str {
    if are_searched(c) { "searches" } else { "runs" }
}

/// The median of a figure of a server: a dash if it is unknown, and `≥` before a capacity that is a lower bound.
pub(crate) fn median_of(c: &Comparison, row: &FigureRow, server: &str) -> String {
    let of_server = row.servers.iter().find(|s| s.server == server);
    let text = value(row.figure, of_server.and_then(|s| s.median));
    let is_searched = row.figure == ComparedFigure::CapacityUnderSlo;
    let mut all = searches(c, server).into_values();
    if is_searched && all.any(|search| search.found.at_least) {
        format!("≥ {text}")
    } else {
        text
    }
}

/// The result of a search: `at least 41,200 msg/s (40,100–42,000, 95 %)`.
pub(crate) fn about_search(search: &SearchRow) -> String {
    let found = rate_with_interval(&search.found);
    if search.found.at_least {
        format!("at least {found}")
    } else {
        found
    }
}

/// The rounds of a server whose searches have a property: `round 2`, `rounds 1, 3`; `None` for none.
fn rounds_with(
    c: &Comparison,
    server: &str,
    has_property: impl Fn(&SearchRow) -> bool,
) -> Option<String> {
    let all = searches(c, server).into_iter();
    let rounds: Vec<_> = all
        .filter(|(_, search)| has_property(search))
        .map(|(round, _)| round.to_string())
        .collect();
    match rounds.len() {
        0 => None,
        1 => Some(format!("round {}", rounds[0])),
        _ => Some(format!("rounds {}", rounds.join(", "))),
    }
}

/// Remarks on searches, one line each.
pub(super) fn remarks(c: &Comparison) -> Vec<String> {
    let names = c.compared().map(|server| server.name.as_str());
    let mut lines: Vec<_> = names.filter_map(|server| all_of(c, server)).collect();
    if last_round(&c.rounds) == 1 {
        let advice = match are_saved(c) {
            true => "compare several saved searches of each (a=1.json,2.json)",
            false => "use more `--rounds`",
        };
        lines.push(format!(
            "1 round: the intervals do not contain the variation between starts of a server; {advice}"
        ));
    }
    for server in c.compared().map(|server| server.name.as_str()) {
        lines.extend(hysteresis(c, server));
        lines.extend(lower_bounds(c, server));
        lines.extend(no_interval(c, server));
        lines.extend(ended_by_time(c, server));
    }
    lines
}

/// The capacities of a server with their intervals: `capacity of a: 41,200 msg/s (40,100–42,000, 95 %) in round 1, …`.
fn all_of(c: &Comparison, server: &str) -> Option<String> {
    /// Rounds of a line that can still be read.
    const MOST: usize = 10;
    let rows = c.rounds_of(server).filter(|row| row.failure.is_none());
    let searched = rows.filter_map(|row| Some((row.round, row.capacity_under_slo.as_ref()?)));
    let all: Vec<_> = searched
        .map(|(round, search)| {
            let obstacle = search.obstacle();
            let left_out = obstacle.map_or_else(String::new, |why| format!(" (left out: {why})"));
            format!("{} in round {round}{left_out}", about_search(search))
        })
        .collect();
    let more = match all.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = all.len().min(MOST);
    (!all.is_empty()).then(|| format!("capacity of {server}: {}{more}", all[..shown].join(", ")))
}

/// The flag that gives the searches more time.
fn longer_flag(c: &Comparison) -> &'static str {
    match are_saved(c) {
        true => "`--budget` of ws-bench",
        false => "`-d`",
    }
}

fn hysteresis(c: &Comparison, server: &str) -> Option<String> {
    let rounds = rounds_with(c, server, |search| search.found.hysteresis)?;
    let all = searches(c, server).into_values();
    let of_these = all.filter(|search| search.found.hysteresis);
    let rates: Vec<_> = of_these
        .map(|search| search.found.from_above_per_s.filter(|rate| *rate > 0.0))
        .collect();
    let lowest = rates.iter().flatten().copied().reduce(f64::min);
    let place = match lowest.map(human_rate) {
        Some(rate) if rates.contains(&None) => {
            format!("only up to {rate} msg/s, in some rounds at no rate that was tried")
        }
        Some(rate) => format!("only up to {rate} msg/s"),
        None => "at no rate that was tried".to_owned(),
    };
    Some(format!(
        "{server} has a hysteresis ({rounds}): after an overload it recovered {place}"
    ))
}

/// The rounds in which a capacity is a lower bound, one line for each reason.
fn lower_bounds(c: &Comparison, server: &str) -> Vec<String> {
    let all = searches(c, server).into_values();
    let mut reasons: Vec<_> = all
        .filter_map(|own| lower_bound_reason(&own.found))
        .collect();
    reasons.sort_by_key(|reason| reason.text);
    reasons.dedup();
    let line = |reason: LowerBoundReason| {
        let rounds = rounds_with(c, server, |own| {
            lower_bound_reason(&own.found) == Some(reason)
        })?;
        let advice = match reason.is_of_generator {
            true => "use more `--threads` if cores are free, or another machine for the generator"
                .to_owned(),
            false => format!("use a longer {}", longer_flag(c)),
        };
        let why = reason.text;
        Some(format!(
            "the capacity of {server} is a lower bound ({rounds}): {why}; {advice}"
        ))
    };
    reasons.into_iter().filter_map(line).collect()
}

fn no_interval(c: &Comparison, server: &str) -> Option<String> {
    let rounds = rounds_with(c, server, |search| search.capacity().is_none())?;
    Some(format!(
        "the capacity of {server} has no interval in {rounds}, so nothing is compared with it there: the search ended too \
         early; use a longer {}",
        longer_flag(c)
    ))
}

fn ended_by_time(c: &Comparison, server: &str) -> Option<String> {
    let is_cut = |search: &SearchRow| {
        let has_interval = search.capacity().is_some() && !search.found.at_least;
        search.found.ended_by == SearchEnd::Budget && has_interval
    };
    let rounds = rounds_with(c, server, is_cut)?;
    let cut = searches(c, server).into_values();
    let widest = cut
        .filter(|search| is_cut(search))
        .filter_map(|search| search.found.relative_half_width())
        .max_by(f64::total_cmp)?;
    Some(format!(
        "the searches of {server} reached their time limit before the target precision ({rounds}): their intervals are up \
         to ±{:.1} %; a longer {} makes them narrower",
        100.0 * widest,
        longer_flag(c)
    ))
}

/// Description of the method; none without searches. `levels`: those of the intervals, as text.
pub(super) fn method(c: &Comparison, levels: Option<String>) -> Vec<String> {
    let Some(search) = c.plan.load.find_capacity.as_ref() else {
        return Vec::new();
    };
    let against = |row: &FigureRow| {
        row.against
            .iter()
            .any(|a: &AgainstReference| a.level.is_some())
    };
    let mut lines = vec![format!(
        "Each capacity is the highest offered rate at which the conditions hold, by a search of at most {} that ends at \
         ±{} %. Servers are searched one after the other. Columns are medians over all valid searches. Ratios are geometric \
         means over {}.",
        human_time(search.budget_s * 1e9),
        percent(search.precision),
        paired(c)
    )];
    if let Some(levels) = levels.filter(|_| c.figures.iter().any(against)) {
        lines.push(format!(
            "Intervals of {levels} contain the variation between {} and the errors of the searches: in {} of 100 such \
             comparisons no verdict is wrong.",
            counted(u64::from(last_round(&c.rounds)), "round"),
            percent(c.plan.confidence)
        ));
    }
    lines
}
