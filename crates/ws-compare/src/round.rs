//! One server's turn: start, measurement in closed and open loop, end.

use host::process_probe::ProcessProbe;
use measurement::load_search::CapacityRules;
use measurement::plan::LoadSpec;
use measurement::run::comparison::{ComparedFigure, RoundRow, SearchRow};
use statistics::order_statistics::median;
use units::Rate;

use crate::gate::Gate;
use crate::load_template::{LoadTemplate, PILOT_RUNS};
use crate::measure::{Machine, RunOutcome, measure};
use crate::search::{SEARCH_PHASE, search};
use crate::server::candidate::Candidate;
use crate::server::failure::{ServerFailure, TurnTaking, describe_ending};
use crate::server::starter::{RunningServer, ServerStarter};

#[derive(Debug)]
pub(crate) struct RoundRunner {
    pub(crate) starter: ServerStarter,
    pub(crate) template: LoadTemplate,
    pub(crate) machine: Machine,
    pub(crate) gate: Gate,
    /// The rules of the searches; `None` when servers are not compared by capacity.
    pub(crate) search: Option<CapacityRules>,
}

/// Runs of a server in each round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NeededRuns {
    /// A closed loop.
    pub(crate) throughput: bool,
    /// An open loop, if there is a rate.
    pub(crate) latency: bool,
    pub(crate) rate: Option<Rate>,
    /// A search for the capacity, in place of the other runs.
    pub(crate) search: bool,
}

impl NeededRuns {
    /// A search for the capacity alone.
    pub(crate) const SEARCH: Self = Self {
        throughput: false,
        latency: false,
        rate: None,
        search: true,
    };

    /// The runs that these figures are taken from, without a rate yet.
    pub(crate) fn of(figures: &[ComparedFigure]) -> Self {
        let is_of_latency = |figure: &ComparedFigure| figure.is_of_latency_run();
        Self {
            throughput: !figures.iter().all(is_of_latency),
            latency: figures.iter().any(is_of_latency),
            rate: None,
            search: false,
        }
    }

    /// These runs, or latency runs only when a closed loop is impossible.
    pub(crate) fn with_closed_loop(self, is_possible: bool) -> Self {
        Self {
            throughput: self.throughput && is_possible,
            latency: self.latency || !is_possible,
            ..self
        }
    }

    pub(crate) fn count(self) -> u32 {
        u32::from(self.throughput) + u32::from(self.latency) + u32::from(self.search)
    }
}

/// Results of checks and pilot of a server, before all rounds.
#[derive(Debug, Default)]
pub(crate) struct TryOut {
    /// Correct echoes per second in the pilot; `None` without a pilot.
    pub(crate) throughput: Option<f64>,
    /// Failed checks that result in notes only.
    pub(crate) notes: Vec<String>,
    /// Maximum resident memory in bytes; `None` if unknown.
    pub(crate) memory_bytes: Option<u64>,
}

/// A server's row of a round, without figures.
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
    /// Checks a server before all rounds. With `pilot`, also measures its throughput: correct echoes per second, the
    /// median of a few short runs.
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
                // Read after the end of the process, because a server may close a connection before it prints the
                // reason.
                output: server.end_with_output(),
            });
        }
        let mut throughputs = Vec::new();
        if pilot {
            on_phase("pilot");
            for _ in 0..PILOT_RUNS {
                let load = self.template.pilot(seed)?;
                let outcome = self.measure(candidate, &mut server, load)?;
                throughputs.push(outcome.row.messages_per_s);
            }
        }
        on_phase("further checks");
        let notes = self.notes(&mut server)?;
        let probe = ProcessProbe::group(&server.processes());
        let memory_bytes = probe.ok().and_then(|mut probe| probe.max_rss_bytes());
        server.end();
        Ok(TryOut {
            throughput: median(&throughputs),
            notes,
            memory_bytes,
        })
    }

    /// Runs the checks that the server must pass. The result is a text.
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

    /// Runs the checks that result in notes only. The server may end during them, because each round restarts it.
    fn notes(&self, server: &mut RunningServer) -> Result<Vec<String>, ServerFailure> {
        let control = &self.starter.control;
        let failed = self.gate.notes(&server.address, control);
        if control.is_stopped() {
            return Err(ServerFailure::Interrupted);
        }
        let mut notes: Vec<_> = failed.iter().map(ToString::to_string).collect();
        let ending = match failed.iter().any(|check| check.is_unopened) {
            true => server.ending_after_connection(),
            false => server.ending(),
        };
        if let Some((status, _)) = ending {
            notes.push(format!(
                "the server {} during these checks",
                describe_ending(status)
            ));
        }
        Ok(notes)
    }

    /// Fills the row of a server's turn: throughput, and latency at the rate, as far as they are needed.
    pub(crate) fn turn(
        &self,
        row: &mut RoundRow,
        candidate: &Candidate,
        runs: NeededRuns,
        mut on_phase: impl FnMut(&'static str),
    ) -> Result<(), ServerFailure> {
        on_phase("starting");
        let mut server = self.starter.start(candidate)?;
        row.ready_s = server.ready_after.map(|time| time.as_secs_f64());
        if runs.throughput {
            on_phase("throughput");
            let load = self.template.throughput(row.seed)?;
            let outcome = self.measure(candidate, &mut server, load)?;
            row.memory_per_connection_bytes = outcome.memory_per_connection_bytes;
            row.throughput = Some(outcome.row);
        }
        let rate = runs.rate.filter(|_| runs.latency);
        if let Some(rate) = rate {
            on_phase("latency");
            let load = self.template.latency(row.seed, rate)?;
            row.latency = Some(self.measure(candidate, &mut server, load)?.row);
        }
        if let Some(rules) = self.search.as_ref().filter(|_| runs.search) {
            on_phase(SEARCH_PHASE);
            let found = self.find_capacity(candidate, &mut server, rules, row.seed)?;
            row.capacity_under_slo = Some(found);
        }
        server.end();
        Ok(())
    }

    /// Searches for the capacity, and checks that the server has survived it without faults.
    fn find_capacity(
        &self,
        candidate: &Candidate,
        server: &mut RunningServer,
        rules: &CapacityRules,
        seed: u64,
    ) -> Result<SearchRow, ServerFailure> {
        let load = self.template.search(seed)?;
        let plan = load.against(server.address.server.clone())?;
        let control = &self.starter.control;
        let outcome = search(&plan, rules, control, &self.machine, &server.processes());
        if control.is_interrupted() {
            return Err(ServerFailure::Interrupted);
        }
        check_alive(candidate, server)?;
        let name = || candidate.name.clone();
        let outcome = outcome.map_err(|source| ServerFailure::Run {
            name: name(),
            source,
        })?;
        match outcome.faults {
            Some(faults) => Err(ServerFailure::UnderLoad {
                name: name(),
                faults,
                ends_early: outcome.ends_early,
                turns: TurnTaking::Alone,
            }),
            None => Ok(outcome.row),
        }
    }

    /// Executes one run, and checks that the server has survived it without faults.
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
        // A run that was complete before the interrupt counts.
        if control.is_interrupted() {
            return Err(ServerFailure::Interrupted);
        }
        // If the process has ended, this explains all other failures.
        check_alive(candidate, server)?;
        let outcome = outcome.map_err(|source| ServerFailure::Run {
            name: name(),
            source,
        })?;
        match outcome.faults {
            Some(faults) => Err(ServerFailure::UnderLoad {
                name: name(),
                faults,
                ends_early: outcome.ends_early,
                turns: TurnTaking::Alone,
            }),
            None => Ok(outcome),
        }
    }
}

/// Checks that the process of a started server is running.
fn check_alive(candidate: &Candidate, server: &mut RunningServer) -> Result<(), ServerFailure> {
    check_alive_in_turns(candidate, server, TurnTaking::Alone)
}

/// Like [`check_alive`], of a server that is measured in turn with others.
pub(crate) fn check_alive_in_turns(
    candidate: &Candidate,
    server: &mut RunningServer,
    turns: TurnTaking,
) -> Result<(), ServerFailure> {
    server.ending().map_or(Ok(()), |(status, output)| {
        Err(ServerFailure::Ended {
            name: candidate.name.clone(),
            status,
            when: turns.while_measured(),
            output,
        })
    })
}
