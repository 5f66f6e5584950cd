//! One server's turn: started, measured in closed loop and at a rate, ended.

use std::process::ExitStatus;
use std::time::Duration;

use measurement::plan::{Plan, PlanError};
use measurement::run::comparison::RoundRow;
use statistics::order_statistics::median;
use swarm::RunHandle;
use swarm::SwarmError;
use units::Rate;

use crate::conformance::{self, CHECKS, FailedCheck};
use crate::load_template::{LoadTemplate, PILOT_RUNS};
use crate::measure::{Machine, RunOutcome, measure};
use crate::server::candidate::Candidate;
use crate::server::starter::{
    RunningServer, ServerStarter, StartError, describe_ending, describe_output,
};

/// A server without figures in a round or a pilot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoundError {
    #[error(transparent)]
    Start(StartError),
    #[error(
        "`{name}` {} while it was measured{}",
        describe_ending(*.status), describe_output(.output)
    )]
    Died {
        name: String,
        status: ExitStatus,
        output: String,
    },
    #[error("`{name}` does not echo as a server must: {}", describe_failures(.failures))]
    Conformance {
        name: String,
        failures: Vec<FailedCheck>,
    },
    #[error("`{name}` failed under load: {faults}")]
    UnderLoad { name: String, faults: String },
    #[error("`{name}` could not be measured")]
    Run { name: String, source: SwarmError },
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("interrupted")]
    Interrupted,
}

impl From<StartError> for RoundError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Interrupted => Self::Interrupted,
            error => Self::Start(error),
        }
    }
}

impl RoundError {
    /// The error and its causes in one line, with advice when no connection opened.
    pub(crate) fn in_one_line(&self) -> String {
        let line = cli::in_one_line(self);
        let failure = match self {
            Self::Run { source, .. } => source.connect_failure(),
            _ => None,
        };
        match failure.and_then(|(failure, url)| wording::connect_advice(failure, url)) {
            Some(advice) => format!("{line} · {advice}"),
            None => line,
        }
    }
}

/// Describes the failed checks. One problem that all checks have is named once.
fn describe_failures(failures: &[FailedCheck]) -> String {
    match failures {
        [first, rest @ ..]
            if failures.len() == CHECKS.len()
                && rest.iter().all(|f| f.problem == first.problem) =>
        {
            format!("every check: {}", first.problem)
        }
        _ => {
            let all: Vec<_> = failures.iter().map(ToString::to_string).collect();
            all.join("; ")
        }
    }
}

/// Runs the turns of all rounds.
#[derive(Debug)]
pub(crate) struct RoundRunner {
    pub(crate) starter: ServerStarter,
    pub(crate) template: LoadTemplate,
    pub(crate) machine: Machine,
    pub(crate) control: RunHandle,
    /// Limit of each conformance check.
    pub(crate) check_timeout: Duration,
}

/// A part of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnPhase {
    Starting,
    Conformance,
    Pilot,
    Capacity,
    Latency,
}

impl TurnPhase {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Conformance => "conformance",
            Self::Pilot => "pilot",
            Self::Capacity => "capacity",
            Self::Latency => "latency",
        }
    }
}

/// A server's row of a round, without figures yet.
pub(crate) fn empty_row(server: &str, round: u32, turn: u32, seed: u64) -> RoundRow {
    RoundRow {
        round,
        server: server.to_owned(),
        turn,
        seed,
        ready_s: None,
        failure: None,
        capacity: None,
        latency: None,
        memory_per_connection_bytes: None,
    }
}

impl RoundRunner {
    /// Checks a server's conformance before all rounds, and with `pilot` measures its capacity: right echoes
    /// per second, the median of a few short runs.
    pub(crate) fn try_out(
        &self,
        candidate: &Candidate,
        seed: u64,
        pilot: bool,
        mut on_phase: impl FnMut(TurnPhase),
    ) -> Result<Option<f64>, RoundError> {
        on_phase(TurnPhase::Starting);
        let mut server = self.starter.start(candidate)?;
        on_phase(TurnPhase::Conformance);
        let failures =
            conformance::failed_checks(&server.address, self.check_timeout, &self.control);
        if self.control.is_stopped() {
            return Err(RoundError::Interrupted);
        }
        if !failures.is_empty() {
            check_alive(candidate, &mut server)?;
            return Err(RoundError::Conformance {
                name: candidate.name.clone(),
                failures,
            });
        }
        let mut capacities = Vec::new();
        if pilot {
            on_phase(TurnPhase::Pilot);
            for _ in 0..PILOT_RUNS {
                let plan = self
                    .template
                    .pilot(seed)?
                    .against(server.address.server.clone())?;
                let outcome = self.measure(candidate, &mut server, &plan)?;
                capacities.push(outcome.row.messages_per_s);
            }
        }
        server.end();
        Ok(median(&capacities))
    }

    /// Fills the row of a server's turn: capacity, latency at the rate, or a failure.
    /// The only error is an interrupt.
    pub(crate) fn turn(
        &self,
        candidate: &Candidate,
        mut row: RoundRow,
        rate: Option<Rate>,
        on_phase: impl FnMut(TurnPhase),
    ) -> Result<RoundRow, RoundError> {
        match self.fill(&mut row, candidate, rate, on_phase) {
            Err(RoundError::Interrupted) => return Err(RoundError::Interrupted),
            Err(error) => row.failure = Some(error.in_one_line()),
            Ok(()) => {}
        }
        Ok(row)
    }

    fn fill(
        &self,
        row: &mut RoundRow,
        candidate: &Candidate,
        rate: Option<Rate>,
        mut on_phase: impl FnMut(TurnPhase),
    ) -> Result<(), RoundError> {
        on_phase(TurnPhase::Starting);
        let mut server = self.starter.start(candidate)?;
        row.ready_s = server.ready_after.map(|time| time.as_secs_f64());
        on_phase(TurnPhase::Capacity);
        let plan = self
            .template
            .capacity(row.seed)?
            .against(server.address.server.clone())?;
        let outcome = self.measure(candidate, &mut server, &plan)?;
        row.memory_per_connection_bytes = outcome.memory_per_connection_bytes;
        row.capacity = Some(outcome.row);
        if let Some(rate) = rate {
            on_phase(TurnPhase::Latency);
            let load = self.template.latency(row.seed, rate)?;
            let plan = load.against(server.address.server.clone())?;
            row.latency = Some(self.measure(candidate, &mut server, &plan)?.row);
        }
        server.end();
        Ok(())
    }

    /// Carries out one run, and checks that the server has survived it without faults.
    fn measure(
        &self,
        candidate: &Candidate,
        server: &mut RunningServer,
        plan: &Plan,
    ) -> Result<RunOutcome, RoundError> {
        let name = || candidate.name.clone();
        let outcome = measure(plan, &self.control, &self.machine, &server.processes());
        if self.control.is_stopped() {
            return Err(RoundError::Interrupted);
        }
        // The end of its process explains everything else.
        check_alive(candidate, server)?;
        let outcome = outcome.map_err(|source| RoundError::Run {
            name: name(),
            source,
        })?;
        match outcome.faults {
            Some(faults) => Err(RoundError::UnderLoad {
                name: name(),
                faults,
            }),
            None => Ok(outcome),
        }
    }
}

/// Checks that the process of a started server has not ended.
fn check_alive(candidate: &Candidate, server: &mut RunningServer) -> Result<(), RoundError> {
    server.ending().map_or(Ok(()), |(status, output)| {
        Err(RoundError::Died {
            name: candidate.name.clone(),
            status,
            output,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_server_from_everything_is_said_once() {
        let failures = |problem: fn(usize) -> String| -> Vec<FailedCheck> {
            let all = CHECKS.into_iter().enumerate();
            all.map(|(n, (check, _))| FailedCheck {
                check,
                problem: problem(n),
            })
            .collect()
        };
        let all = failures(|_| "cannot connect".to_owned());
        assert_eq!(describe_failures(&all), "every check: cannot connect");
        assert_eq!(
            describe_failures(&all[..2]),
            "a text message: cannot connect; a binary message: cannot connect"
        );
        let other = failures(|n| if n == 6 { "silence" } else { "cannot connect" }.to_owned());
        assert!(describe_failures(&other).ends_with("the close handshake: silence"));
    }

    #[cfg(unix)]
    #[test]
    fn a_server_that_died_in_silence_is_told_as_one_that_never_started() {
        let died = |output: &str| RoundError::Died {
            name: "a".to_owned(),
            status: std::os::unix::process::ExitStatusExt::from_raw(9),
            output: output.to_owned(),
        };
        let said = died("").to_string();
        assert!(
            said.ends_with("was killed by SIGKILL while it was measured; it wrote nothing"),
            "{said}"
        );
        assert!(
            died("boom")
                .to_string()
                .ends_with("its last output:\n    boom")
        );
    }
}
