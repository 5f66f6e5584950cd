//! Lines that are printed while rounds are measured.

use std::time::Duration;

use measurement::run::comparison::{CandidateRow, ComparedFigure, ComparisonPlan, RoundRow};
use units::{counted, human_rate, human_time};
use wording::capacity_view::all_conditions;

use crate::round::NeededRuns;
use crate::sentences::about_search;

/// The line about servers that the rounds go on without; their reasons stand in the report.
pub(crate) fn left_out(servers: &[CandidateRow]) -> Option<String> {
    let names = servers.iter().filter(|server| server.excluded.is_some());
    let names: Vec<_> = names.map(|server| server.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("left out: {} (reasons in the report)", names.join(", ")))
}

/// `10 rounds of 2 servers · closed loop, and open loop at 45,000 msg/s (found by a pilot) · seed 7 · takes more than 120 s`.
pub(crate) fn describe_rounds(
    plan: &ComparisonPlan,
    servers: usize,
    runs: NeededRuns,
    round: Option<Duration>,
) -> String {
    let rounds = counted(u64::from(plan.max_rounds), "round");
    let rounds = match (plan.budget_s, plan.until_sure_percent) {
        (Some(budget_s), _) => format!("rounds for {}", human_time(budget_s * 1e9)),
        (None, Some(_)) => format!("up to {rounds}"),
        (None, None) => rounds,
    };
    let slices = plan.slice_s.map_or_else(String::new, |slice_s| {
        format!(" in slices of {}", human_time(slice_s * 1e9))
    });
    let found = if plan.rate_was_found {
        " (found by a pilot)"
    } else {
        ""
    };
    let closed = runs.throughput.then(|| "closed loop".to_owned());
    let open = runs.rate.filter(|_| runs.latency).map(|rate| {
        format!(
            "open loop at {} msg/s{found}",
            human_rate(rate.per_second())
        )
    });
    let search = plan.load.find_capacity.as_ref();
    let search = search.map(|search| format!("search at {}", all_conditions(&search.conditions)));
    let loops: Vec<_> = [closed, open, search].into_iter().flatten().collect();
    let time = |time: Duration| human_time(time.as_secs_f64() * 1e9);
    let than = if runs.search {
        "at most about"
    } else {
        "more than"
    };
    let takes = round.map_or_else(String::new, |round| match plan.budget_s {
        Some(_) => format!(" · a round takes {than} {}", time(round)),
        None => format!(" · takes {than} {}", time(round * plan.rounds)),
    });
    format!(
        "{rounds} of {}{slices} · {} · seed {}{takes}",
        counted(servers as u64, "server"),
        loops.join(", and "),
        plan.seed,
    )
}

/// Describes the result of a round: `round 3: axum 76,336 msg/s · tungstenite 70,120 msg/s`. Without throughput runs, it
/// has the p50 of the latency runs, or the capacities of the searches with their intervals.
pub(crate) fn describe_round(round: u32, rows: &[RoundRow]) -> String {
    let mut rows: Vec<_> = rows.iter().filter(|row| row.round == round).collect();
    rows.sort_by(|a, b| a.server.cmp(&b.server));
    let (throughput, p50) = (ComparedFigure::Throughput, ComparedFigure::ResponseP50);
    let describe = |row: &&RoundRow| {
        let server = &row.server;
        if let Some(failure) = &row.failure {
            return format!("failed: {failure}");
        }
        if let Some(search) = &row.capacity_under_slo {
            return format!("{server} {}", about_search(search));
        }
        let figure = if row.throughput.is_some() {
            throughput
        } else {
            p50
        };
        match figure.of(row).map(|value| figure.print(value)) {
            Some(rate) if figure == throughput => format!("{server} {rate} msg/s"),
            Some(time) => format!("{server} p50 {time}"),
            None => format!("{server} invalid"),
        }
    };
    let parts: Vec<_> = rows.iter().map(describe).collect();
    format!("round {round}: {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_left_out_is_named_and_its_reason_left_to_the_report() {
        let server = |name: &str, excluded: Option<&str>| CandidateRow {
            name: name.to_owned(),
            excluded: excluded.map(ToOwned::to_owned),
            ..CandidateRow::default()
        };
        assert_eq!(left_out(&[server("a", None)]), None);
        let line = left_out(&[server("a", None), server("b", Some("boom"))]);
        assert_eq!(line.as_deref(), Some("left out: b (reasons in the report)"));
    }
}
