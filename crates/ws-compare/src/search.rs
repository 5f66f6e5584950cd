//! One search for the capacity of a server.

use host::process_probe::ProcessProbe;
use measurement::load_search::CapacityRules;
use measurement::plan::Plan;
use measurement::run::comparison::SearchRow;
use measurement::run::{CapacitySummary, Summary};
use swarm::load_search::find_capacity;
use swarm::{RunHandle, RunSetup, SwarmError};

use crate::measure::{Machine, describe_faults, tool};

/// The phase of a server's turn in which it is searched.
pub(crate) const SEARCH_PHASE: &str = "search";

/// The result of a search.
#[derive(Debug)]
pub(crate) struct SearchOfServer {
    pub(crate) row: SearchRow,
    /// Description of the server's faults; `None` when every connection stayed open and no echo was wrong.
    pub(crate) faults: Option<String>,
    /// Connections ended before their client was done with them.
    pub(crate) ends_early: bool,
}

/// Searches for the capacity, and samples these processes of the server meanwhile.
pub(crate) fn search(
    plan: &Plan,
    rules: &CapacityRules,
    control: &RunHandle,
    machine: &Machine,
    processes: &[u32],
) -> Result<SearchOfServer, SwarmError> {
    // A server whose processes cannot be sampled can still be searched.
    let probe = ProcessProbe::group(processes).ok();
    let mut probe = probe.map(ProcessProbe::with_descendants);
    let setup = RunSetup {
        tool: tool(),
        calibration: machine.calibration,
        open_file_limit: machine.open_file_limit,
        probe: probe.as_mut(),
        ..RunSetup::default()
    };
    let run = find_capacity(plan, rules, control, setup)?;
    #[allow(clippy::expect_used)]
    let mut summary = run.summary.expect("a fresh run has a summary");
    wording::explain(&mut summary);
    let faults = describe_faults(&summary);
    let ends_early = summary.connections.closed_early > 0;
    #[allow(clippy::expect_used)]
    let mut row = search_row(&summary).expect("a search has a capacity");
    for reason in &mut row.reasons {
        *reason = with_length_flag(reason);
    }
    Ok(SearchOfServer {
        row,
        faults,
        ends_early,
    })
}

/// A reason with advice for this program, in which `-d` is the length of a search.
fn with_length_flag(reason: &str) -> String {
    reason.replace("`--budget`", "`-d`")
}

/// The row of a run that searched for a capacity; `None` for any other run.
pub(crate) fn search_row(summary: &Summary) -> Option<SearchRow> {
    Some(SearchRow {
        verdict: summary.validity.verdict,
        reasons: summary.validity.reasons.clone(),
        found: CapacitySummary::clone(summary.capacity.as_ref()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The budget of a comparison limits its rounds, not a search.
    #[test]
    fn advice_on_a_search_names_the_flag_of_its_length() {
        let reason = "p99 is uncertain; use a longer `--budget`";
        assert_eq!(
            with_length_flag(reason),
            "p99 is uncertain; use a longer `-d`"
        );
    }
}
