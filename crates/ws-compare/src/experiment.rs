//! The measuring part of a comparison: pilot, rounds, and their rows.

use std::time::{Duration, Instant, SystemTime};

use cli::print_notice;
use host::open_files;
use host::system_info::available_memory_bytes;
use measurement::plan::{Plan, PlanError, ServerUrl};
use measurement::run::PlanSummary;
use measurement::run::comparison::{
    CandidateRow, ComparedFigure, Comparison, ComparisonPlan, RoundRow,
};
use units::{Rate, counted, human_rate, human_time};

use crate::args::{CompareArgs, usage_error};
use crate::cpu_split::CpuSplit;
use crate::gate::Gate;
use crate::interleaved::{InterleavedRound, choose_slice, describe_shortage};
use crate::interrupt::InterruptHandle;
use crate::load_template::{LoadTemplate, rate_below};
use crate::measure::{self, Machine};
use crate::progress::ProgressDisplay;
use crate::round::{RoundRunner, empty_row};
use crate::round_values::CONFIDENCE;
use crate::server::candidate::Candidate;
use crate::server::failure::ServerFailure;
use crate::server::starter::ServerStarter;
use crate::verdicts;

/// Rounds at which a comparison with a budget ends, however much of it is left.
const MOST_ROUNDS: u32 = 1_000;

pub(crate) struct Experiment<'a> {
    args: &'a CompareArgs,
    stop: &'a InterruptHandle,
    candidates: &'a [Candidate],
    cpu_split: CpuSplit,
    runner: RoundRunner,
    /// Length of the slices in which the servers of a round take turns; `None` when they are measured one after the
    /// other.
    slice: Option<Duration>,
    /// Plan of a capacity run against the first server, or the first with a certificate.
    plan: Plan,
    seed: u64,
}

impl<'a> Experiment<'a> {
    /// Checks everything that can be checked before a server is started.
    pub(crate) fn new(
        args: &'a CompareArgs,
        stop: &'a InterruptHandle,
        candidates: &'a [Candidate],
    ) -> anyhow::Result<Self> {
        let cpu_split = if args.pin {
            CpuSplit::for_this_machine().map_err(usage_error)?
        } else {
            CpuSplit::default()
        };
        let seed = args.load.seed.unwrap_or_else(cli::random_seed);
        // Certificates are asked for as soon as one of the servers has one.
        let mut targets = targets(args, candidates)?;
        targets.sort_by_key(|target| !target.is_tls());
        let tls = &args.load.tls;
        let url = targets.swap_remove(0);
        let target = tls.target(url, swarm::tls::count_roots, swarm::tls::check_identity);
        let target = target.map_err(with_url_advice)?;
        let template = LoadTemplate::new(args, &cpu_split);
        if let Some(rate) = args.rate {
            template.latency(seed, rate).map_err(usage_error)?;
        }
        let load = template.capacity(seed).map_err(usage_error)?;
        let plan = load.against(target).map_err(usage_error)?;
        // Where it cannot be raised, the limit stays as it is.
        let _ = open_files::raise_limit();
        cli::check_room(plan.clients.get(), Some(plan.server_url()))?;
        let slice = choose_slice(args, candidates).map_err(usage_error)?;
        let at_once = slice.map_or(1, |_| candidates.len() as u64);
        cli::check_files(u64::from(plan.clients.get()) * at_once)?;
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
            control: stop.control.clone(),
        };
        let runner = RoundRunner {
            starter,
            template,
            machine: Machine::describe(&plan, open_files::limit()),
            gate: gate(args),
        };
        Ok(Self {
            args,
            stop,
            candidates,
            cpu_split,
            runner,
            slice,
            plan,
            seed,
        })
    }

    /// Measures all rounds, or as many as there are when the user ends it.
    pub(crate) fn run(mut self) -> anyhow::Result<Comparison> {
        if self.cpu_split.share_a_core && !self.args.quiet {
            print_notice(
                "--pin: there is one physical core, so servers and generator share it by hardware threads",
            );
        }
        self.stop.interrupts.announce_on_interrupt(!self.args.quiet);
        let started_at = SystemTime::now();
        let begun = Instant::now();
        let display = ProgressDisplay::start(self.args.quiet);
        let path = &self.args.path;
        let mut servers: Vec<CandidateRow> = self.candidates.iter().map(|c| c.row(path)).collect();
        let (mut is_complete, memory_bytes) = self.try_out(&mut servers, &display);
        if let Some(shortage) = self
            .slice
            .and_then(|_| describe_shortage(memory_bytes, available_memory_bytes()))
        {
            display.line(&shortage);
            self.slice = None;
        }
        let pilots = servers.iter().filter_map(|s| s.pilot_messages_per_s);
        let pilots: Vec<_> = pilots.collect();
        let rate = self.args.rate.or_else(|| rate_below(&pilots));
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
        if is_complete && left.len() >= 2 {
            is_complete = self.rounds(&left, rate, &mut comparison, &display, begun);
        }
        drop(display);
        comparison.interrupted = !is_complete;
        comparison.elapsed_s = begun.elapsed().as_secs_f64();
        Ok(comparison)
    }

    /// Holds every server against the gate, and measures its capacity with a pilot. Returns `false` when the user ended
    /// it, and the memory of all servers together in bytes, as far as it was seen.
    fn try_out(&self, servers: &mut [CandidateRow], display: &ProgressDisplay) -> (bool, u64) {
        let pilot = self.args.rate.is_none();
        let mut memory_bytes = 0;
        for (candidate, server) in self.candidates.iter().zip(servers) {
            let found = self.runner.try_out(candidate, self.seed, pilot, |phase| {
                display.show(&candidate.name, phase);
            });
            match found {
                Ok(found) => {
                    server.pilot_messages_per_s = found.capacity;
                    server.notes = found.notes;
                    memory_bytes += found.memory_bytes.unwrap_or(0);
                }
                Err(ServerFailure::Interrupted) => return (false, memory_bytes),
                Err(error) => {
                    let why = error.in_one_line();
                    display.line(&format!("left out: {why}"));
                    server.excluded = Some(why);
                }
            }
        }
        (true, memory_bytes)
    }

    /// Returns the reference that was asked for, if it is still there, otherwise the first that is.
    fn reference(&self, servers: &[CandidateRow]) -> String {
        let left = || servers.iter().filter(|server| server.excluded.is_none());
        let asked = self.args.reference.as_ref();
        let found = left()
            .find(|server| Some(&server.name) == asked)
            .or_else(|| left().next())
            .or_else(|| servers.first());
        found.map_or_else(String::new, |server| server.name.clone())
    }

    fn plan(&self, rate: Option<Rate>, reference: String) -> anyhow::Result<ComparisonPlan> {
        let args = self.args;
        let mut load = PlanSummary::from(&self.plan);
        let candidate = self.candidates.iter().find(|c| c.name == reference);
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

    /// Measures round after round; `begun` is when the comparison began. `false` when the user ended it.
    fn rounds(
        &self,
        candidates: &[&Candidate],
        rate: Option<Rate>,
        comparison: &mut Comparison,
        display: &ProgressDisplay,
        begun: Instant,
    ) -> bool {
        let most = comparison.plan.max_rounds;
        let mut longest = Duration::ZERO;
        if let Some(rate) = rate {
            display.line(&describe_rounds(&comparison.plan, candidates.len(), rate));
        }
        if self.args.budget.is_none() {
            display.begin_rounds(u64::from(most) * candidates.len() as u64);
        }
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
                Some(slice) => self.interleaved_round(round, slice, &order, rate, display, rows),
                None => self.round_in_turn(round, &order, rate, display, rows),
            };
            if measured.is_err() {
                return false;
            }
            longest = longest.max(round_begun.elapsed());
            display.line(&describe_round(round, &comparison.rounds));
            let is_sure = |percent| verdicts::is_sure(comparison, percent);
            if round >= comparison.plan.rounds && self.args.until_sure.is_some_and(is_sure) {
                break;
            }
        }
        true
    }

    /// Measures the servers of a round one after the other, each with the machine for itself.
    fn round_in_turn(
        &self,
        round: u32,
        order: &[&Candidate],
        rate: Option<Rate>,
        display: &ProgressDisplay,
        rows: &mut Vec<RoundRow>,
    ) -> Result<(), ServerFailure> {
        for (turn, candidate) in (1..).zip(order) {
            let label = format!("{} · {}", self.round_label(round), candidate.name);
            let mut row = empty_row(&candidate.name, round, turn, self.round_seed(round));
            let measured = self.runner.turn(&mut row, candidate, rate, |phase| {
                display.show(&label, phase);
            });
            match measured {
                Ok(()) => {}
                Err(ServerFailure::Interrupted) => return Err(ServerFailure::Interrupted),
                Err(failure) => row.failure = Some(failure.in_one_line()),
            }
            rows.push(row);
            display.end_turn();
        }
        Ok(())
    }

    /// Measures the servers of a round in slices.
    fn interleaved_round(
        &self,
        round: u32,
        slice: Duration,
        order: &[&Candidate],
        rate: Option<Rate>,
        display: &ProgressDisplay,
        rows: &mut Vec<RoundRow>,
    ) -> Result<(), ServerFailure> {
        let label = self.round_label(round);
        let interleaved = InterleavedRound {
            runner: &self.runner,
            round,
            seed: self.round_seed(round),
            rate,
            slice,
        };
        let measured = interleaved.measure(order, |phase| display.show(&label, phase))?;
        measured.iter().for_each(|_| display.end_turn());
        rows.extend(measured);
        Ok(())
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
            (None, Some(_)) => args.max_rounds.max(args.rounds),
            (None, None) => args.rounds,
        }
    }
}

fn with_url_advice(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<PlanError>() {
        Ok(error) => usage_error(wording::with_url_advice(&error)),
        Err(other) => other,
    }
}

fn gate(args: &CompareArgs) -> Gate {
    Gate {
        mode: args.gate,
        timeout: args.gate_timeout,
        verify: args.load.verify,
    }
}

/// `10 rounds of 2 servers · open loop at 45,000 msg/s, found by a pilot · seed 7`.
fn describe_rounds(plan: &ComparisonPlan, servers: usize, rate: Rate) -> String {
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
        ", found by a pilot"
    } else {
        ""
    };
    format!(
        "{rounds} of {}{slices} · open loop at {} msg/s{found} · seed {}",
        counted(servers as u64, "server"),
        human_rate(rate.per_second()),
        plan.seed,
    )
}

/// `round 3: axum 76,336 msg/s · tungstenite 70,120 msg/s`.
fn describe_round(round: u32, rows: &[RoundRow]) -> String {
    let mut rows: Vec<_> = rows.iter().filter(|row| row.round == round).collect();
    rows.sort_by(|a, b| a.server.cmp(&b.server));
    let throughput = ComparedFigure::Throughput;
    let describe = |row: &&RoundRow| match (&row.failure, throughput.of(row)) {
        (Some(failure), _) => format!("failed: {failure}"),
        (None, Some(value)) => format!("{} {} msg/s", row.server, throughput.print(value)),
        (None, None) => format!("{} not to be believed", row.server),
    };
    let parts: Vec<_> = rows.iter().map(describe).collect();
    format!("round {round}: {}", parts.join(" · "))
}

/// The servers' URLs, with a notice of each that leads to another host than the one typed.
fn targets(args: &CompareArgs, candidates: &[Candidate]) -> anyhow::Result<Vec<ServerUrl>> {
    let targets = candidates.iter().map(|c| c.target(1, &args.path));
    let targets = targets.collect::<Result<Vec<_>, _>>()?;
    let notices = targets.iter().filter_map(wording::host_notice);
    let shown = notices.filter(|_| !args.quiet);
    shown.for_each(|notice| print_notice(&notice));
    Ok(targets)
}
