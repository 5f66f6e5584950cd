//! One server's turn: started, measured in closed loop and at a rate, ended.

use host::process_probe::ProcessProbe;
use measurement::plan::LoadSpec;
use measurement::run::comparison::RoundRow;
use statistics::order_statistics::median;
use units::Rate;

use crate::gate::Gate;
use crate::load_template::{LoadTemplate, PILOT_RUNS};
use crate::measure::{Machine, RunOutcome, measure};
use crate::server::candidate::Candidate;
use crate::server::failure::{ServerFailure, describe_ending};
use crate::server::starter::{RunningServer, ServerStarter};

#[derive(Debug)]
pub(crate) struct RoundRunner {
    pub(crate) starter: ServerStarter,
    pub(crate) template: LoadTemplate,
    pub(crate) machine: Machine,
    pub(crate) gate: Gate,
}

/// Results of a server that was tried out before all rounds.
#[derive(Debug, Default)]
pub(crate) struct TryOut {
    /// Right echoes per second of the pilot, if there was one.
    pub(crate) capacity: Option<f64>,
    /// Checks that it does not pass, and need not.
    pub(crate) notes: Vec<String>,
    /// Most memory that it had resident, in bytes; `None` when it was not seen.
    pub(crate) memory_bytes: Option<u64>,
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
    /// Holds a server against the gate before all rounds, and with `pilot` measures its capacity: right echoes
    /// per second, the median of a few short runs.
    pub(crate) fn try_out(
        &self,
        candidate: &Candidate,
        seed: u64,
        pilot: bool,
        mut on_phase: impl FnMut(&'static str),
    ) -> Result<TryOut, ServerFailure> {
        on_phase("starting");
        let mut server = self.starter.start(candidate)?;
        on_phase("gate");
        if let Some(refusal) = self.refusal(candidate, &mut server, seed)? {
            return Err(ServerFailure::Gate {
                name: candidate.name.clone(),
                refusal,
                // Written up to its end: a server may close a connection before it says why.
                output: server.end_with_output(),
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
        on_phase("further checks");
        let notes = self.notes(&mut server)?;
        let probe = ProcessProbe::processes(&server.processes());
        let memory_bytes = probe.ok().and_then(|mut probe| probe.max_rss_bytes());
        server.end();
        Ok(TryOut {
            capacity: median(&capacities),
            notes,
            memory_bytes,
        })
    }

    /// Carries out the checks that the server has to pass; the result is in words.
    fn refusal(
        &self,
        candidate: &Candidate,
        server: &mut RunningServer,
        seed: u64,
    ) -> Result<Option<String>, ServerFailure> {
        let loads = self.template.gate(seed, self.gate.timeout)?.into_iter();
        let plans = loads.map(|load| load.against(server.address.server.clone()));
        let plans = plans.collect::<Result<Vec<_>, _>>()?;
        let control = &self.starter.control;
        let refusal = self.gate.refusal(&plans, &server.address, control);
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        if !matches!(refusal, Ok(None)) {
            check_alive(candidate, server)?;
        }
        refusal.map_err(|source| ServerFailure::Run {
            name: candidate.name.clone(),
            source,
        })
    }

    /// Carries out the checks that the server need not pass. It may end in them: each round starts it anew.
    fn notes(&self, server: &mut RunningServer) -> Result<Vec<String>, ServerFailure> {
        let control = &self.starter.control;
        let failed = self.gate.notes(&server.address, control);
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        let mut notes: Vec<_> = failed.iter().map(ToString::to_string).collect();
        if let Some((status, _)) = server.ending() {
            notes.push(format!(
                "the server {} in these checks",
                describe_ending(status)
            ));
        }
        Ok(notes)
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
pub(crate) fn check_alive(
    candidate: &Candidate,
    server: &mut RunningServer,
) -> Result<(), ServerFailure> {
    server.ending().map_or(Ok(()), |(status, output)| {
        Err(ServerFailure::Ended {
            name: candidate.name.clone(),
            status,
            when: "while it was measured",
            output,
        })
    })
}
