//! One server's turn: started, measured in closed loop and at a rate, ended.

use std::time::Duration;

use measurement::plan::LoadSpec;
use measurement::run::comparison::RoundRow;
use statistics::order_statistics::median;
use units::Rate;

use crate::conformance::failed_checks;
use crate::load_template::{LoadTemplate, PILOT_RUNS};
use crate::measure::{Machine, RunOutcome, measure};
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::{RunningServer, ServerStarter};

#[derive(Debug)]
pub(crate) struct RoundRunner {
    pub(crate) starter: ServerStarter,
    pub(crate) template: LoadTemplate,
    pub(crate) machine: Machine,
    /// Limit of each conformance check.
    pub(crate) check_timeout: Duration,
}

/// A server's row of a round, without figures yet.
pub(crate) fn empty_row(server: &str, round: u32, turn: u32, seed: u64) -> RoundRow {
    RoundRow {
        round,
        server: server.to_owned(),
        turn,
        seed,
        ..RoundRow::default()
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
        mut on_phase: impl FnMut(&'static str),
    ) -> Result<Option<f64>, ServerFailure> {
        on_phase("starting");
        let mut server = self.starter.start(candidate)?;
        on_phase("conformance");
        let failed = failed_checks(&server.address, self.check_timeout, &self.starter.control);
        if self.starter.control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        if !failed.is_empty() {
            check_alive(candidate, &mut server)?;
            return Err(ServerFailure::Conformance {
                name: candidate.name.clone(),
                failed,
            });
        }
        let mut capacities = Vec::new();
        if pilot {
            on_phase("pilot");
            for _ in 0..PILOT_RUNS {
                let load = self.template.pilot(seed)?;
                let outcome = self.measure(candidate, &mut server, load)?;
                capacities.push(outcome.row.messages_per_s);
            }
        }
        server.end();
        Ok(median(&capacities))
    }

    /// Fills the row of a server's turn: capacity, and latency at the rate.
    pub(crate) fn turn(
        &self,
        row: &mut RoundRow,
        candidate: &Candidate,
        rate: Option<Rate>,
        mut on_phase: impl FnMut(&'static str),
    ) -> Result<(), ServerFailure> {
        on_phase("starting");
        let mut server = self.starter.start(candidate)?;
        row.ready_s = server.ready_after.map(|time| time.as_secs_f64());
        on_phase("capacity");
        let load = self.template.capacity(row.seed)?;
        let outcome = self.measure(candidate, &mut server, load)?;
        row.memory_per_connection_bytes = outcome.memory_per_connection_bytes;
        row.capacity = Some(outcome.row);
        if let Some(rate) = rate {
            on_phase("latency");
            let load = self.template.latency(row.seed, rate)?;
            row.latency = Some(self.measure(candidate, &mut server, load)?.row);
        }
        server.end();
        Ok(())
    }

    /// Carries out one run, and checks that the server has survived it without faults.
    fn measure(
        &self,
        candidate: &Candidate,
        server: &mut RunningServer,
        load: LoadSpec,
    ) -> Result<RunOutcome, ServerFailure> {
        let name = || candidate.name.clone();
        let plan = load.against(server.address.server.clone())?;
        let control = &self.starter.control;
        let outcome = measure(&plan, control, &self.machine, &server.processes());
        // One that was over by then counts.
        if control.is_interrupted() {
            return Err(ServerFailure::Interrupted);
        }
        // The end of its process explains everything else.
        check_alive(candidate, server)?;
        let outcome = outcome.map_err(|source| ServerFailure::Run {
            name: name(),
            source,
        })?;
        match outcome.faults {
            Some(faults) => Err(ServerFailure::UnderLoad {
                name: name(),
                faults,
            }),
            None => Ok(outcome),
        }
    }
}

/// Checks that the process of a started server has not ended.
fn check_alive(candidate: &Candidate, server: &mut RunningServer) -> Result<(), ServerFailure> {
    server.ending().map_or(Ok(()), |(status, output)| {
        Err(ServerFailure::Ended {
            name: candidate.name.clone(),
            status,
            when: "while it was measured",
            output,
        })
    })
}
