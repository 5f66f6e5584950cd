//! `ws-bench`: measures the latency and throughput of a WebSocket server.
//!
//! | module | contents |
//! |---|---|
//! | `args` | the flags, and the plan that they define |
//! | `scenarios` | errors and list of scenarios |
//! | `trial`, `trial_text` | `--try`: one client of each role, every frame printed |
//! | `run` | one run: check, start, measure, report, save |
//! | `embedded` | an echo server inside the process |
//! | `phase_progress` | progress of a phase, and the summary so far; shared by all displays |
//! | `progress_bar` | the progress bar |
//! | `tui` | the live screen |
//! | `metrics` | the figures of a running measurement for Prometheus |
//! | `report` | the summary as text |
//! | `publish` | the end of a run: its text is printed and its files are saved |
//! | `search_flags`, `search_progress` | flags of capacity searches and sweeps; their progress |
//! | `shard_flags`, `shard` | flags of runs of several processes; one shard |
//! | `local_shards` | `--shards`: several processes on this machine |
//! | `merge` | `ws-merge`: one run out of the results of several shards |
//! | `plan_digest` | digest of a plan, the same for all shards |
//! | `outputs`, `plot` | the files of a run, and the picture of `--plot` |
//! | `tool` | name and version of this program |

mod args;
mod embedded;
#[cfg(unix)]
mod local_shards;
mod merge;
mod metrics;
mod outputs;
mod phase_progress;
mod plan_digest;
mod plot;
mod progress_bar;
mod publish;
mod report;
mod run;
mod scenarios;
mod search_flags;
mod search_progress;
mod shard;
mod shard_flags;
#[cfg(test)]
mod tests;
mod tool;
mod trial;
mod trial_text;
mod tui;

pub use merge::main as merge_main;
pub use tui::screen;

use std::num::NonZeroU32;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::CommandFactory;
use cli::ExitStatus;
use cli::interrupt::{InterruptReaction, Interrupts, run_until_second_interrupt};
use measurement::plan::PlanError;
use scenario::Scenario;
use shards::ShardsError;
use shards::identity::ShardIdentity;
use swarm::{RunHandle, SwarmError};

/// The complete program.
#[must_use]
pub fn main() -> ExitCode {
    cli::run(args::BenchArgs::command(), |args: args::BenchArgs| {
        if args.json_schema {
            cli::print_text(results::write::RUN_SCHEMA).context("cannot print the schema")?;
            return Ok(cli::ExitStatus::Success);
        }
        if args.protocols {
            cli::print_text(&scenarios::protocol_list()).context("cannot print the list")?;
            return Ok(cli::ExitStatus::Success);
        }
        args.check_usage()?;
        let scenario = match args.scenario.load(&args.load) {
            Ok(scenario) => scenario.map(Arc::new),
            Err(error) => return Ok(scenarios::refuse(&error)),
        };
        if let Some(scenario) = scenario.as_ref().filter(|_| args.print_scenario) {
            cli::print_text(&scenarios::printed(scenario)).context("cannot print the scenario")?;
            return Ok(cli::ExitStatus::Success);
        }
        let identity = match shard_identity(&args) {
            Ok(identity) => identity,
            Err(error) => return Ok(refuse_shard(&error)),
        };
        let control = RunHandle::new();
        let (stopped, finished) = (control.clone(), control.clone());
        let reaction = InterruptReaction {
            announcement: if args.has_growing_log() {
                LOG_STAYS
            } else {
                NOTHING_SAVED
            },
            stop: Box::new(move || stopped.stop()),
            is_final: Box::new(move || finished.is_final()),
            clean_up: tui::screen::leave_in_time,
        };
        run_until_second_interrupt(reaction, move |interrupts| {
            match scenario.as_ref().filter(|_| args.is_trial) {
                Some(scenario) => trial::run(&args, scenario, &control),
                None => measure(&args, identity, scenario.as_ref(), &control, interrupts),
            }
        })
        .or_else(|error| {
            let status = run::status_of_error(&error);
            if !scenarios::print_fault(&error) {
                cli::print_error(&with_connect_advice(&error));
            }
            Ok(status)
        })
    })
}

/// Executes a run of this process, of several processes, or of this process as one of several.
fn measure(
    args: &args::BenchArgs,
    identity: Option<ShardIdentity>,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    if let Some(count) = args.shards.shards {
        return measure_in_processes(args, count, scenario, control, interrupts);
    }
    match (identity, &args.shards.shard_dir) {
        (Some(identity), Some(folder)) => {
            shard::run(args, identity, folder, scenario, control, interrupts)
        }
        _ => run::run(args, scenario, control, interrupts),
    }
}

/// Executes a run of several processes on this machine. This process is their parent, or one of them.
#[cfg(unix)]
fn measure_in_processes(
    args: &args::BenchArgs,
    count: NonZeroU32,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    use local_shards::order::ChildOrder;
    match ChildOrder::of_this_process() {
        Some(order) => {
            // Its parent prints the notices, and observes the server.
            let args = args::BenchArgs {
                quiet: true,
                server_pid: Vec::new(),
                ..args.clone()
            };
            local_shards::child::run(&args, &order, scenario, control)
        }
        None => local_shards::run(args, count, scenario, control, interrupts),
    }
}

#[cfg(not(unix))]
fn measure_in_processes(
    _: &args::BenchArgs,
    _: NonZeroU32,
    _: Option<&Arc<Scenario>>,
    _: &RunHandle,
    _: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    anyhow::bail!("--shards needs Unix sockets; use --shard I/N with --start-at")
}

/// The identity of this process among the shards of a run; `None` for an ordinary run.
fn shard_identity(args: &args::BenchArgs) -> Result<Option<ShardIdentity>, ShardsError> {
    if args.shards.shards.is_some() || args.is_trial {
        return Ok(None);
    }
    let folder = args.shards.shard_dir.as_ref();
    let identity = ShardIdentity::detect(args.shards.shard, folder.is_some(), |name| {
        std::env::var(name).ok()
    })?;
    match folder {
        Some(folder) if identity.is_none() => Err(ShardsError::NoIdentity(folder.clone())),
        _ => Ok(identity),
    }
}

/// Reports that this process cannot be a shard.
fn refuse_shard(error: &ShardsError) -> ExitStatus {
    let advice = shard::advice(error, &scenarios::masked_command_line(None));
    cli::print_error(&cli::with_advice(error, advice.as_deref()));
    ExitStatus::Usage
}

/// Announcement of the end of a run at its first interrupt.
const NOTHING_SAVED: &str =
    "\nending the run and saving its files; a second interrupt quits at once and saves nothing";

/// The same for a run with a log that grows.
const LOG_STAYS: &str = "\nending the run and saving its files; a second interrupt quits at once and leaves only the .hlog.partial";

/// Adds advice to the error of a run of which no connection opened, or of a URL that is refused.
fn with_connect_advice(error: &anyhow::Error) -> anyhow::Error {
    let of_shards = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<ShardsError>());
    if let Some(of_shards) = of_shards {
        let advice = shard::advice(of_shards, &[]);
        return cli::with_advice(error.as_ref(), advice.as_deref());
    }
    if let Some(refused) = error.downcast_ref::<PlanError>() {
        return anyhow::anyhow!("{}", wording::with_url_advice(refused));
    }
    let swarm_error = error.downcast_ref::<SwarmError>();
    if let Some(SwarmError::Roots(trust)) = swarm_error
        && trust.has_no_roots()
    {
        return cli::with_advice(error.as_ref(), Some(wording::NO_ROOTS_ADVICE));
    }
    let failure = swarm_error.and_then(SwarmError::connect_failure);
    let advice = failure
        .and_then(|(failure, url, scenario)| wording::connect_advice(failure, url, scenario));
    cli::with_advice(error.as_ref(), advice.as_deref())
}
