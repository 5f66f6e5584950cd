//! The gate: checks of a server before it is measured.
//!
//! | module | contents |
//! |---|---|
//! | `planned_messages` | messages of the plan's type and sizes, sent by the load generator |
//! | `further_checks` | checks that go beyond the plan |
//! | `advice` | advice for a planned message without a correct echo |

mod advice;
mod further_checks;
mod planned_messages;

use std::fmt;
use std::time::Duration;

use cli::Choice;
use measurement::plan::{Plan, Verify};
use scenario_trial::HandshakeTarget;
use swarm::{RunHandle, SwarmError};

use planned_messages::EchoProblem;

/// Checks that a server must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateMode {
    /// No checks.
    Off,
    /// Messages of the plan. Further checks result in notes only.
    Plan,
    /// Messages of the plan, and the further checks.
    Full,
}

impl GateMode {
    /// The value of `--gate`, and of `plan.gate` in files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Plan => "plan",
            Self::Full => "full",
        }
    }
}

/// Values of `--gate`.
pub(crate) const GATE_MODES: [Choice<GateMode>; 3] = [
    (GateMode::Off.name(), "None", GateMode::Off),
    (
        GateMode::Plan.name(),
        "Messages of the type, sizes and verification of the load; the other checks are notes",
        GateMode::Plan,
    ),
    (
        GateMode::Full.name(),
        "Text, binary, empty and 1 MiB messages, a ping, a fragmented message and the close handshake as well",
        GateMode::Full,
    ),
];

/// A check that a server failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedCheck {
    pub(crate) check: String,
    pub(crate) problem: String,
    /// True when the connection of the check did not open. The server may be about to end.
    pub(crate) is_unopened: bool,
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.problem)
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) mode: GateMode,
    /// Time limit of each check.
    pub(crate) timeout: Duration,
    /// Comparison of echoes in the further checks.
    pub(crate) verify: Verify,
    /// The load follows a scenario, so the server need not echo, and there are no further checks.
    pub(crate) has_scenario: bool,
}

impl Gate {
    /// Runs the checks that the server must pass. Returns the failed ones, with advice; `None` when it passes. `plans`
    /// send the messages of the plan.
    ///
    /// An error means that the server cannot be reached, and ends the checks.
    pub(crate) fn refusal(
        &self,
        plans: &[Plan],
        address: &HandshakeTarget,
        control: &RunHandle,
    ) -> Result<Option<String>, SwarmError> {
        if self.mode == GateMode::Off {
            return Ok(None);
        }
        let (mut failed, mut ways) = (Vec::new(), Vec::new());
        let mut is_silent = false;
        for plan in plans {
            let Some(problem) = planned_messages::problem(plan, control)? else {
                continue;
            };
            ways = if plan.scenario().is_some() {
                vec![advice::CONVERSATION]
            } else {
                advice::ways(&problem, plan.text)
            };
            is_silent = matches!(problem, EchoProblem::Silent(_));
            failed.push(FailedCheck {
                check: planned_messages::name(plan),
                problem: problem.to_string(),
                is_unopened: false,
            });
            break;
        }
        // With a silent server, each further check would take its whole time limit.
        if self.mode == GateMode::Full && !is_silent && !self.has_scenario {
            let further = further_checks::failed_checks(address, self, control);
            if failed.is_empty() && !further.is_empty() {
                ways.push("`--gate plan` requires only the messages of the load");
            }
            failed.extend(further);
        }
        if failed.is_empty() {
            return Ok(None);
        }
        ways.push("`--gate off` measures it anyway");
        Ok(Some(format!("{} · {}", list(&failed), ways.join(", "))))
    }

    /// Runs the checks that result in notes only. Returns the failed ones.
    pub(crate) fn notes(&self, address: &HandshakeTarget, control: &RunHandle) -> Vec<FailedCheck> {
        match self.mode {
            GateMode::Plan if !self.has_scenario => {
                further_checks::failed_checks(address, self, control)
            }
            _ => Vec::new(),
        }
    }
}

fn list(failed: &[FailedCheck]) -> String {
    let texts: Vec<_> = failed.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
