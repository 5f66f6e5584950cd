//! Scenarios on the command line: the shipped ones, errors, and secrets of the command line.

use cli::{ExitStatus, ScenarioFlagError, print_error, print_notice};
use measurement::plan::{HandshakeFault, PlanError, mask_values, secret_handshake_values};
use scenario::{Scenario, ScenarioError, shipped_scenarios};
use wording::scenarios::{begins_with_place, lost_holes, scenario_error};

/// Names and descriptions of the shipped scenarios, one a line.
pub(crate) fn protocol_list() -> String {
    let shipped = shipped_scenarios();
    let width = shipped.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let lines = shipped
        .iter()
        .map(|one| format!("{:<width$}  {}\n", one.name, one.about));
    lines.collect::<String>() + "\n--protocol NAME --print-scenario prints one.\n"
}

/// The file of a scenario, without what its secret headers hold.
pub(crate) fn printed(scenario: &Scenario) -> String {
    mask_values(&secret_handshake_values(scenario), scenario.merged_file())
}

/// Reports the error of the flags of a scenario.
pub(crate) fn refuse(error: &ScenarioFlagError) -> ExitStatus {
    match error {
        ScenarioFlagError::Scenario { error, lost_holes } => {
            print_scenario_error(error, lost_holes.as_deref());
        }
        // Begins with its place.
        ScenarioFlagError::InSecret { .. } => print_notice(&error.to_string()),
        ScenarioFlagError::Unread { .. }
        | ScenarioFlagError::NoSource { .. }
        | ScenarioFlagError::NoTable
        | ScenarioFlagError::Setting => {
            print_error(&anyhow::anyhow!("{error}"));
        }
    }
    ExitStatus::Usage
}

/// Reports the fault of a plan's scenario, or of a client's handshake. Returns false when the error is another one.
pub(crate) fn print_fault(error: &anyhow::Error) -> bool {
    if let Some(fault) = error.downcast_ref::<HandshakeFault>() {
        print_notice(&fault.to_string());
        return true;
    }
    match error.downcast_ref() {
        Some(PlanError::Scenario(fault)) => {
            print_scenario_error(fault, None);
            true
        }
        Some(fault @ (PlanError::UnsupportedScenario { .. } | PlanError::ShardedToAll { .. })) => {
            print_notice(&fault.to_string());
            true
        }
        _ => false,
    }
}

/// Prints a fault that has a place as editors expect it, and every other one as an error.
fn print_scenario_error(error: &ScenarioError, lost: Option<&str>) {
    let advice = lost.map_or_else(String::new, |flag| format!(" · {}", lost_holes(flag)));
    let text = format!("{}{advice}", scenario_error(error));
    if begins_with_place(error) {
        print_notice(&text);
    } else {
        print_error(&anyhow::anyhow!("{text}"));
    }
}

/// The command line without secrets, for files.
pub(crate) fn masked_command_line(scenario: Option<&Scenario>) -> Vec<String> {
    let vars = scenario.map_or(&[][..], Scenario::vars);
    let secret = vars.iter().filter(|var| var.secret);
    let names: Vec<_> = secret.map(|var| var.name.as_str()).collect();
    cli::masked_command_line(std::env::args_os(), &names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_shipped_scenario_is_listed_with_its_description() {
        let list = protocol_list();
        for one in shipped_scenarios() {
            assert!(
                list.contains(&one.about) && !one.about.is_empty(),
                "{}",
                one.name
            );
        }
    }
}
