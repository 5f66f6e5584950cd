//! The measurements of a comparison: pilot, rounds, and their rows.

use std::time::{Duration, Instant, SystemTime};

use cli::{ConnectionCount, print_notice};
use host::open_files;
use host::system_info::available_memory_bytes;
use measurement::plan::{LoadSpec, Plan, PlanError, ServerUrl, TargetServer};
use measurement::run::comparison::{
    CandidateRow, ComparedFigure, Comparison, ComparisonPlan, RoundRow, set_slice_ratios,
};
use measurement::run::{PlanSummary, ScenarioSummary};
use units::Rate;

use crate::args::{CompareArgs, usage_error};
use crate::capacity_flags::capacity_rules;
use crate::cpu_split::CpuSplit;
use crate::fail_if::Conditions;
use crate::gate::Gate;
use crate::interleaved::{
    InterleavedRound, SliceLengths, choose_slice, describe_shortage, unless_interrupted,
};
use crate::interrupt::InterruptHandle;
use crate::load_template::{LoadTemplate, rate_below};
use crate::measure::{self, Machine};
use crate::progress::ProgressDisplay;
use crate::round::{NeededRuns, RoundRunner, empty_row};
use crate::round_lines::{describe_round, describe_rounds, left_out};
use crate::round_values::CONFIDENCE;
use crate::sentences;
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::ServerStarter;
use crate::verdicts;

/// Most rounds of a comparison with a budget.
const MOST_ROUNDS: u32 = 1_000;

pub(crate) struct Experiment<'a> {
    args: &'a CompareArgs,
    stop: &'a InterruptHandle,
    candidates: &'a [Candidate],
    cpu_split: CpuSplit,
    runner: RoundRunner,
    /// Without the rate of a pilot.
    runs: NeededRuns,
    /// Length of the slices in which the servers of a round take turns; `None` if they are measured one after the other.
    slice: Option<Duration>,
    /// Plan of a throughput run against the first server, or the first one with TLS.
    plan: Plan,
    seed: u64,
}

impl<'a> Experiment<'a> {
    /// Checks everything that can be checked before a server is started.
    pub(crate) fn new(
        args: &'a CompareArgs,
        stop: &'a InterruptHandle,
        candidates: &'a [Candidate],
        conditions: &Conditions,
    ) -> anyhow::Result<Self> {
        let cpu_split = if args.pin {
            CpuSplit::for_this_machine().map_err(usage_error)?
        } else {
            CpuSplit::default()
        };
        let seed = args.load.seed.unwrap_or_else(cli::random_seed);
        let target = first_target(args, candidates)?;
        let mut template = LoadTemplate::new(args, &cpu_split);
        let load = common_load(args, &mut template, seed)?;
        let scenario_load = args.loaded.as_ref().map(|_| load.clone());
        let plan = load.against(target).map_err(refused_plan)?;
        plan.check_handshakes().map_err(usage_error)?;
        // If the limit cannot be raised, it stays as it is.
        let _ = open_files::raise_limit();
        cli::check_room(plan.clients.get(), plan.servers(), &[])?;
        let slice = choose_slice(args, candidates).map_err(usage_error)?;
        let at_once = slice.map_or(1, |_| candidates.len() as u64);
        let connections = ConnectionCount {
            clients: u64::from(plan.clients.get()) * at_once,
            idle: 0,
        };
        cli::check_files(connections, false)?;
        let starter = ServerStarter {
            groups: stop.groups.clone(),
            env: args.env.clone(),
            cwd: args.cwd.clone(),
            ready_timeout: args.ready_timeout,
            path: args.path.clone(),
            cores: cpu_split.servers.clone(),
            certificate_policy: plan.server().certificate_policy.clone(),
            client_identity: plan.server().client_identity.clone(),
            headers: template.draft.headers.clone(),
            text: template.draft.text,
            scenario_load,
            control: stop.control.clone(),
        };
        let runner = RoundRunner {
            starter,
            template,
            machine: Machine::describe(&plan, open_files::limit()),
            gate: gate(args),
            search: capacity_rules(args),
        };
        let figures = [args.compared_figures(), conditions.figures()].concat();
        let runs = needed_runs(args, &figures, &runner.template);
        Ok(Self {
            args,
            stop,
            candidates,
            cpu_split,
            runner,
            runs,
            slice,
            plan,
            seed,
        })
    }

    /// Measures all rounds, or those completed before an interrupt.
    pub(crate) fn run(mut self) -> anyhow::Result<Comparison> {
        if !self.args.quiet {
            self.warnings().iter().for_each(|line| print_notice(line));
        }
        self.stop.interrupts.announce_on_interrupt(!self.args.quiet);
        let started_at = SystemTime::now();
        let begun = Instant::now();
        let display = ProgressDisplay::start(self.args.quiet, &self.stop.control);
        let path = &self.args.path;
        let mut servers: Vec<CandidateRow> = self.candidates.iter().map(|c| c.row(path)).collect();
        let (mut is_complete, memory_bytes) = self.try_out(&mut servers, &display);
        let shortage = describe_shortage(memory_bytes, available_memory_bytes());
        if let Some(shortage) = shortage.filter(|_| self.slice.is_some()) {
            display.line(&shortage);
            self.slice = None;
        }
        let pilots = servers.iter().filter_map(|s| s.pilot_messages_per_s);
        let pilots: Vec<_> = pilots.collect();
        let rate = self.args.rate.or_else(|| rate_below(&pilots));
        let rate = rate.filter(|_| self.runs.latency);
        let plan = self.plan(rate, self.reference(&servers))?;
        let left = self.candidates.iter().zip(&servers);
        let left: Vec<&Candidate> = left
            .filter_map(|(candidate, server)| server.excluded.is_none().then_some(candidate))
            .collect();
        let mut comparison = verdicts::new_comparison(
            self.runner.machine.host.clone(),
            measure::rfc3339(started_at),
            plan,
            servers,
            Vec::new(),
        );
        comparison.scenario = self.scenario();
        if is_complete && left.len() >= 2 {
            if let Some(line) = left_out(&comparison.servers) {
                display.line(&line);
            }
            is_complete = self.rounds(&left, rate, &mut comparison, &display, begun);
        }
        drop(display);
        comparison.interrupted = !is_complete;
        comparison.elapsed_s = begun.elapsed().as_secs_f64();
        Ok(comparison)
    }

    /// Warnings before anything is measured.
    fn warnings(&self) -> Vec<String> {
        let shares = self.cpu_split.share_a_core.then(|| {
            "--pin: this machine has one physical core, so servers and generator run on its hardware threads and slow each other down"
                .to_owned()
        });
        let args = self.args;
        if self.runs.search {
            // Few rounds are enough, because each search has an interval of its own.
            return shares.into_iter().collect();
        }
        let most = args.until_sure.map_or(0, |_| args.max_rounds());
        let has_processes = self.candidates.iter().any(|c| c.command.is_some());
        let is_measured = |figure: &ComparedFigure| has_processes || !figure.is_of_processes();
        let figures = args.compared_figures();
        let round = args
            .budget
            .and_then(|_| self.least_round(self.candidates.len(), self.runs));
        let in_budget = |(budget, round): (Duration, Duration)| {
            // A round that exceeds the budget is not begun, except the first.
            let rounds = budget.as_nanos() / round.as_nanos().max(1);
            u32::try_from(rounds).unwrap_or(MOST_ROUNDS).max(1)
        };
        let planned = match args.budget {
            Some(_) => args.budget.zip(round).map_or(MOST_ROUNDS, in_budget),
            None => args.rounds.max(most),
        };
        let few = sentences::few_rounds_planned(
            planned,
            self.candidates.len(),
            figures.iter().filter(|figure| is_measured(figure)).count(),
            args.until_sure.is_some(),
            round,
        );
        shares.into_iter().chain(few).collect()
    }

    /// Checks every server, and measures its throughput in a pilot. Returns false when the user interrupted it, and the
    /// memory of all servers together in bytes, as far as it is known.
    fn try_out(&self, servers: &mut [CandidateRow], display: &ProgressDisplay) -> (bool, u64) {
        let pilot = self.args.rate.is_none() && self.runs.latency;
        let mut memory_bytes = 0;
        for (candidate, server) in self.candidates.iter().zip(servers) {
            let found = self.runner.try_out(candidate, self.seed, pilot, |phase| {
                display.show(&candidate.name, phase);
            });
            match found {
                Ok(found) => {
                    server.pilot_messages_per_s = found.throughput;
                    server.notes = found.notes;
                    memory_bytes += found.memory_bytes.unwrap_or(0);
                }
                Err(ServerFailure::Interrupted) => return (false, memory_bytes),
                Err(error) => server.excluded = Some(error.in_one_line()),
            }
        }
        (true, memory_bytes)
    }

    /// Returns the requested reference if it was not excluded, otherwise the first server that was not.
    fn reference(&self, servers: &[CandidateRow]) -> String {
        let left = || servers.iter().filter(|server| server.excluded.is_none());
        let asked = self.args.reference.as_ref();
        let found = left()
            .find(|server| Some(&server.name) == asked)
            .or_else(|| left().next())
            .or_else(|| servers.first());
        found.map_or_else(String::new, |server| server.name.clone())
    }

    /// The scenario of the load with its hash; `None` for an echo.
    fn scenario(&self) -> Option<ScenarioSummary> {
        let about = ScenarioSummary::of(&self.plan)?;
        let loaded = self.args.loaded.as_ref();
        Some(ScenarioSummary {
            sha256: loaded.map(|scenario| cli::scenario_fingerprint(scenario)),
            ..about
        })
    }

    fn plan(&self, rate: Option<Rate>, reference: String) -> anyhow::Result<ComparisonPlan> {
        let args = self.args;
        let mut load = PlanSummary::from(&self.plan);
        let candidate = self.candidates.iter().find(|c| c.name == reference);
        load.find_capacity = self.runner.search.as_ref().map(Into::into);
        load.url = candidate.map_or_else(String::new, |c| c.row(&args.path).url);
        Ok(ComparisonPlan {
            load,
            rate_per_s: rate.map(Rate::per_second),
            rate_was_found: args.rate.is_none() && rate.is_some(),
            rounds: args.rounds,
            until_sure_percent: args.until_sure,
            max_rounds: self.max_rounds(),
            seed: self.seed,
            confidence: CONFIDENCE,
            figures: args.compared_figures(),
            reference,
            server_cores: self.cpu_split.servers.clone(),
            generator_cores: self.cpu_split.generator.clone(),
            gate: Some(args.gate.name().to_owned()),
            slice_s: self.slice.map(|slice| slice.as_secs_f64()),
            budget_s: args.budget.map(|budget| budget.as_secs_f64()),
        })
    }

    /// Time that the runs of a round take without starts; `None` for a number of messages. That of searches is the longest
    /// one.
    fn least_round(&self, servers: usize, runs: NeededRuns) -> Option<Duration> {
        let load = &self.args.load;
        // The time of a search has everything in it.
        let warmup = if runs.search {
            Duration::ZERO
        } else {
            load.warmup
        };
        let one_run = load.duration?.checked_add(warmup)?;
        one_run.checked_mul(u32::try_from(servers).ok()?.checked_mul(runs.count())?)
    }

    /// Measures all rounds; `begun` is the start of the comparison. Returns false when the user interrupted them.
    fn rounds(
        &self,
        candidates: &[&Candidate],
        rate: Option<Rate>,
        comparison: &mut Comparison,
        display: &ProgressDisplay,
        begun: Instant,
    ) -> bool {
        let most = comparison.plan.max_rounds;
        let runs = NeededRuns { rate, ..self.runs };
        let round = self.least_round(candidates.len(), runs);
        display.line(&describe_rounds(
            &comparison.plan,
            candidates.len(),
            runs,
            round,
        ));
        if self.args.budget.is_none() {
            display.begin_rounds(u64::from(most) * candidates.len() as u64);
        }
        let mut longest = Duration::ZERO;
        let mut lengths = SliceLengths::default();
        for round in 1..=most {
            let round_begun = Instant::now();
            let would_end = begun.elapsed() + longest;
            if round > 1 && self.args.budget.is_some_and(|budget| would_end > budget) {
                break;
            }
            let rows = &mut comparison.rounds;
            let order = verdicts::order(self.seed, round, candidates.len());
            let order: Vec<&Candidate> = order.iter().map(|place| candidates[*place]).collect();
            let measured = match self.slice {
                Some(slice) => {
                    let interleaved = self.interleaved_round(round, slice, runs);
                    let label = self.round_label(round);
                    let show = |phase: &str| display.show(&label, phase);
                    interleaved
                        .measure(&order, &mut lengths, show)
                        .map(|measured| {
                            measured.iter().for_each(|_| display.end_turn());
                            rows.extend(measured);
                        })
                }
                None => self.round_in_turn(round, &order, runs, display, rows),
            };
            if measured.is_err() {
                return false;
            }
            set_slice_ratios(rows, &comparison.plan.reference);
            longest = longest.max(round_begun.elapsed());
            display.line(&describe_round(round, &comparison.rounds));
            let is_sure = |percent| verdicts::is_sure(comparison, percent);
            if round >= comparison.plan.rounds && self.args.until_sure.is_some_and(is_sure) {
                break;
            }
        }
        true
    }

    /// Measures the servers of a round one after the other, each alone on the machine.
    fn round_in_turn(
        &self,
        round: u32,
        order: &[&Candidate],
        runs: NeededRuns,
        display: &ProgressDisplay,
        rows: &mut Vec<RoundRow>,
    ) -> Result<(), ServerFailure> {
        for (turn, candidate) in (1..).zip(order) {
            let label = format!("{} · {}", self.round_label(round), candidate.name);
            let mut row = empty_row(&candidate.name, round, turn, self.round_seed(round));
            let measured = self.runner.turn(&mut row, candidate, runs, |phase| {
                display.show(&label, phase);
            });
            unless_interrupted(measured, &mut row)?;
            rows.push(row);
            display.end_turn();
        }
        Ok(())
    }

    fn interleaved_round(
        &self,
        round: u32,
        slice: Duration,
        runs: NeededRuns,
    ) -> InterleavedRound<'_> {
        InterleavedRound {
            runner: &self.runner,
            round,
            seed: self.round_seed(round),
            runs,
            slice,
        }
    }

    /// Seed of a round's payloads and schedules, the same for all servers.
    fn round_seed(&self, round: u32) -> u64 {
        measurement::record::message_hash(self.seed, 0, u64::from(round)) >> 11
    }

    fn round_label(&self, round: u32) -> String {
        match self.args.budget {
            Some(_) => format!("round {round}"),
            None => format!("round {round} of {}", self.max_rounds()),
        }
    }

    fn max_rounds(&self) -> u32 {
        let args = self.args;
        match (args.budget, args.until_sure) {
            (Some(_), _) => MOST_ROUNDS,
            (None, Some(_)) => args.max_rounds().max(args.rounds),
            (None, None) => args.rounds,
        }
    }
}

/// The load that all runs have in common, or that of the searches.
fn common_load(
    args: &CompareArgs,
    template: &mut LoadTemplate,
    seed: u64,
) -> anyhow::Result<LoadSpec> {
    if args.capacity.is_empty() {
        if let Some(rate) = args.rate {
            template.latency(seed, rate).map_err(refused_plan)?;
        }
        return template.usual(seed, args.rate).map_err(refused_plan);
    }
    // Only decides whether the checks can have a closed loop. A fault of the load is found below.
    let _ = template.usual(seed, Some(template.any_rate()));
    let load = template.search(seed).map_err(refused_plan)?;
    for condition in &args.capacity {
        let checked = condition.check_load(&load);
        checked.map_err(|fault| usage_error(format!("--capacity {condition}: {fault}")))?;
    }
    Ok(load)
}

/// The usage error of a plan that is refused.
#[allow(clippy::needless_pass_by_value)] // For `map_err`.
fn refused_plan(error: PlanError) -> anyhow::Error {
    match &error {
        PlanError::Scenario(fault) => usage_error(wording::scenarios::scenario_error(fault)),
        other => usage_error(other),
    }
}

/// The runs that the figures need and that the load allows.
fn needed_runs(
    args: &CompareArgs,
    figures: &[ComparedFigure],
    template: &LoadTemplate,
) -> NeededRuns {
    if !args.capacity.is_empty() {
        return NeededRuns::SEARCH;
    }
    if args.loaded.as_ref().is_some_and(|it| it.is_push_only()) {
        // The server alone decides on the load.
        return NeededRuns::of(ComparedFigure::OF_FEEDS);
    }
    NeededRuns::of(figures).with_closed_loop(template.has_closed_loop())
}

fn gate(args: &CompareArgs) -> Gate {
    Gate {
        mode: args.gate,
        timeout: args.gate_timeout,
        verify: args.load.verify,
        has_scenario: args.loaded.is_some(),
    }
}

/// The first server with a certificate, or else the first: certificates are asked for as soon as one has one.
fn first_target(args: &CompareArgs, candidates: &[Candidate]) -> anyhow::Result<TargetServer> {
    let mut targets = targets(args, candidates)?;
    targets.sort_by_key(|target| !target.is_tls());
    let tls = &args.load.tls;
    let url = targets.swap_remove(0);
    let target = tls.target(url, swarm::tls::count_roots, swarm::tls::check_identity);
    target.map_err(|error| match error.downcast::<PlanError>() {
        Ok(error) => usage_error(wording::with_url_advice(&error)),
        Err(other) => other,
    })
}

/// The servers' URLs. Prints a notice for each whose host differs from the typed one.
fn targets(args: &CompareArgs, candidates: &[Candidate]) -> anyhow::Result<Vec<ServerUrl>> {
    let targets = candidates.iter().map(|c| c.target(1, &args.path));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let notices = targets.iter().filter_map(wording::host_notice);
    let shown = notices.filter(|_| !args.quiet);
    shown.for_each(|notice| print_notice(&notice));
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_runs_that_some_figure_needs_are_made() {
        use ComparedFigure::{MemoryPerConnection, ResponseP99, Throughput};
        let runs = |figures: &[ComparedFigure]| {
            let runs = NeededRuns::of(figures);
            (runs.throughput, runs.latency, runs.count())
        };
        assert_eq!(runs(&ComparedFigure::ALL), (true, true, 2));
        assert_eq!(runs(&[Throughput, MemoryPerConnection]), (true, false, 1));
        assert_eq!(runs(&[ResponseP99]), (false, true, 1));
    }
}
