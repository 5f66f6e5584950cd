//! `--shards N`: a run of several processes of this program on this machine.
//!
//! The parent checks the plan, starts the embedded server, calibrates the generator once, starts the children and
//! brings them to a common start. It displays their progress, merges their results and saves the files.
//!
//! | module | contents |
//! |---|---|
//! | [`order`] | the order of a child, in its environment |
//! | [`child`], [`step_child`] | a process of the run; one that takes the steps of a search or a sweep |
//! | [`report`] | the lines that a child sends to its parent |
//! | [`children`] | the processes of the run, and their ends |
//! | [`steps`] | commands and results of the steps of a search or a sweep |
//! | [`shards_runner`] | the steps of all children as those of one run |
//! | [`stepped_run`] | a search or a sweep by all children, and its shards as reported |

pub(crate) mod child;
mod children;
pub(crate) mod order;
mod report;
mod shards_runner;
mod step_child;
mod stepped_run;
mod steps;
mod watched_server;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{DisplayThread, ExitStatus};
use measurement::plan::{ConnectionRules, Length, Load, LoadDraft, LoadSpec, Plan};
use measurement::record::{LoggedSecond, SecondMerger};
use measurement::run::{Run, Summary};
use measurement::verdict::{GeneratorUsage, ServerUsage};
use scenario::Scenario;
use shards::ShardsError;
use swarm::{Phase, RunHandle, RunSetup, SwarmError};

use crate::args::BenchArgs;
use crate::outputs::RunOutputs;
use crate::publish::{PublishedOutcome, publish};
use crate::run::{self, Checked, Started};
use crate::{progress_bar, tui};
use children::{ChildInput, Children};
use order::ChildOrder;
use watched_server::WatchedServer;

/// Executes a run of `count` processes and returns its exit status.
pub(crate) fn run(
    args: &BenchArgs,
    count: NonZeroU32,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let Checked {
        load,
        targets,
        metrics,
        mut outputs,
        probe,
    } = run::check(args, scenario, count)?;
    interrupts.remove_on_abort(outputs.unfinished());
    let started = run::start(args, control, load, targets, metrics)?;
    let folder = tempfile::Builder::new().prefix("ws-bench-").tempdir();
    let folder = folder.context("cannot create a folder for the results of the shards")?;
    control.follow(count.get() as usize);
    let orders = orders(args, &started, count, folder.path(), &outputs);
    if let Some(rates) = args.several_rates() {
        let stepped = stepped_run::SteppedRun {
            args,
            started: &started,
            orders: &orders,
            folder: folder.path(),
            control,
            interrupts,
        };
        let run = stepped.execute(&rates, probe)?;
        drop(started);
        return publish_steps(args, run, outputs, interrupts);
    }
    let children = Children::start(&orders, ChildInput::Launcher);
    let mut children = children.context("cannot start the shards")?;
    let mut led = LedRun {
        control,
        interrupts,
        outputs: &mut outputs,
        seconds: SecondMerger::new(orders.len()),
    };
    let mut watched = WatchedServer::new(probe);
    let server = led.lead(args, &started, &mut children, &mut watched)?;
    let failures = children.failures();
    let interrupted = control.is_interrupted();
    let merged = shards::merge_with(folder.path(), |context| {
        context.calibration = started.calibration;
        context.server = server;
        context.server_readings = watched.readings();
    });
    let merged = match merged {
        // Interrupted before the start, so no shard has measured anything.
        Err(_) if interrupted => {
            args.notice("interrupted before the start; nothing was measured");
            return Ok(ExitStatus::Interrupted);
        }
        Err(ShardsError::NoShards(_)) if !failures.is_empty() => {
            anyhow::bail!("no shard has started: {}", failures.join("; "))
        }
        merged => merged?,
    };
    failures.iter().for_each(|failure| args.notice(failure));
    if !interrupted && has_no_connection(merged.run.summary.as_ref()) {
        return Err(why_nothing_connected(&started.plan)?.into());
    }
    drop(started);
    let is_interrupted = interrupted || merged.interrupted;
    let outcome = PublishedOutcome {
        status: is_interrupted.then_some(ExitStatus::Interrupted),
        report: args.report(),
    };
    publish(merged.run, outputs, &outcome, interrupts)
}

/// Publishes a search or a sweep, which is `None` when it was interrupted before its first step.
fn publish_steps(
    args: &BenchArgs,
    run: Option<(Run, Option<ExitStatus>)>,
    outputs: RunOutputs,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let Some((run, status)) = run else {
        args.notice("interrupted before the start; nothing was measured");
        return Ok(ExitStatus::Interrupted);
    };
    let report = args.report();
    let outcome = PublishedOutcome { status, report };
    publish(run, outputs, &outcome, interrupts)
}

/// Returns true when it is known that no connection opened. A shard that died may have had some.
fn has_no_connection(summary: Option<&Summary>) -> bool {
    summary.is_some_and(|summary| {
        let shards = summary.shards.as_ref();
        summary.connections.opened == 0 && shards.is_none_or(|shards| shards.died.is_empty())
    })
}

/// The orders of all children. Threads and cores of the plan are divided, everything else is that of the whole run.
fn orders(
    args: &BenchArgs,
    started: &Started,
    count: NonZeroU32,
    folder: &Path,
    outputs: &RunOutputs,
) -> Vec<ChildOrder> {
    let plan = &started.plan;
    let sends_progress = !args.quiet || args.metrics_bind.is_some();
    let sends_seconds = outputs.growing().next().is_some();
    let urls = plan
        .servers()
        .iter()
        .map(|server| server.url.as_str().to_owned());
    let urls: Vec<_> = urls.collect();
    let shards = count.get() as usize;
    let threads = (args.generator.threads().get() / shards).max(1);
    (0..count.get())
        .map(|shard| ChildOrder {
            shard,
            shards: count,
            folder: folder.to_owned(),
            urls: urls.clone(),
            embedded: plan.server().embedded.clone(),
            seed: plan.seed,
            calibration: started.calibration,
            threads,
            pin: cores_of(&plan.pin, shard as usize, shards, threads),
            sends_progress,
            sends_seconds,
        })
        .collect()
}

/// The cores of one child: its threads take turns with those of the other children.
fn cores_of(cores: &[usize], shard: usize, shards: usize, threads: usize) -> Vec<usize> {
    if cores.is_empty() {
        return Vec::new();
    }
    let turns = (0..threads).map(|thread| shard + thread * shards);
    turns.map(|turn| cores[turn % cores.len()]).collect()
}

/// Starts the display that the user wants.
fn start_display(
    args: &BenchArgs,
    started: &Started,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<Option<DisplayThread>> {
    let (plan, calibration) = (&started.plan, started.calibration);
    // The live screen shows interrupts itself.
    interrupts.announce_on_interrupt(!args.quiet && !args.tui);
    if args.quiet {
        return Ok(None);
    }
    if !args.tui {
        return Ok(progress_bar::start(plan, control));
    }
    let rates = args.several_rates();
    tui::start(plan, rates.as_ref(), calibration, control, interrupts).map(Some)
}

/// The run of all children.
struct LedRun<'a> {
    control: &'a RunHandle,
    interrupts: &'a Interrupts,
    outputs: &'a mut RunOutputs,
    /// Seconds of the children, for the logs that grow.
    seconds: SecondMerger,
}

impl LedRun<'_> {
    /// Displays the run until all children have ended. Returns the usage of the server.
    fn lead(
        &mut self,
        args: &BenchArgs,
        started: &Started,
        children: &mut Children,
        watched: &mut WatchedServer,
    ) -> anyhow::Result<Option<ServerUsage>> {
        let (control, interrupts) = (self.control, self.interrupts);
        let display = start_display(args, started, control, interrupts)?;
        let mut phase = Phase::Connect;
        control.set_phase(phase);
        while children.are_running() {
            children.take_reports(control, &mut |shard, second| self.log(args, shard, second));
            if let Some(clients) = children.take_unreached()
                && !args.quiet
                && !args.tui
            {
                run::print_unreached("", &clients);
            }
            let next = children.phase().unwrap_or(phase).max(phase);
            if next != phase {
                watched.change(phase, next);
                phase = next;
                control.set_phase(phase);
            }
            watched.read();
            if control.is_stopped() {
                children.interrupt();
            }
            children.kill_silent();
        }
        control.end_followed(control.is_stopped() && phase < Phase::Close);
        drop(display);
        interrupts.announce_on_interrupt(!args.quiet);
        let used = watched.used.take();
        Ok(used.and_then(|used| swarm::server_usage(used, &no_generator())))
    }

    /// Adds a second of a child to the logs that grow; `None` when the child has ended.
    fn log(&mut self, args: &BenchArgs, shard: usize, second: Option<LoggedSecond>) {
        match second {
            Some(second) => {
                self.seconds.start_at(second.started_at);
                self.seconds.add(shard, second.into());
            }
            None => self.seconds.end(shard),
        }
        while let Some(second) = self.seconds.next_complete() {
            self.outputs.append(&second);
            if second.span.second == 0 && !args.quiet {
                self.interrupts.name_on_abort(self.outputs.growing());
            }
        }
    }
}

/// Longest time for opening all connections of a plan: at the connect rate, with the waits of a scenario, and the connect
/// timeout.
fn longest_opening(plan: &Plan) -> Duration {
    /// However long a plan may say.
    const LONGEST: Duration = Duration::from_secs(24 * 3600);
    let paced_s = plan
        .connect_rate
        .map(|rate| f64::from(plan.connections()) / rate.per_second());
    let paced = Duration::try_from_secs_f64(paced_s.unwrap_or(0.0)).unwrap_or(LONGEST);
    let waits = plan.scenario().map(|own| own.setup_waits());
    let longest = paced
        .saturating_add(waits.unwrap_or_default())
        .saturating_add(plan.connect_timeout);
    longest.min(LONGEST)
}

/// Usage of a generator in the parent. An embedded server is all of this process that works.
fn no_generator() -> GeneratorUsage {
    GeneratorUsage {
        cpu_s: Some(0.0),
        ..GeneratorUsage::default()
    }
}

/// The reason why no connection opened, learned from one client. Its failure is that of the others.
fn why_nothing_connected(plan: &Plan) -> anyhow::Result<SwarmError> {
    let connections = plan.connections().into();
    let whole = LoadDraft {
        threads: NonZeroUsize::MIN,
        warmup: Duration::ZERO,
        connect_rate: None,
        max_samples: 0,
        slow: None,
        connections: ConnectionRules::default(),
        ..LoadDraft::clone(plan)
    };
    let one = LoadSpec::new(match plan.scenario() {
        // Its roles and rooms may need all clients.
        Some(_) => LoadDraft {
            length: Length::Duration(Duration::from_millis(1)),
            ..whole
        },
        None => LoadDraft {
            clients: NonZeroU32::MIN,
            length: Length::MessagesPerClient(NonZeroU64::MIN),
            load: Load::PING_PONG,
            ..whole
        },
    })?;
    let one = one.against_all(plan.servers().to_vec())?;
    match swarm::run(&one, &RunHandle::new(), RunSetup::default()) {
        Err(SwarmError::NothingConnected {
            servers,
            cause,
            others,
            scenario,
            ..
        }) => Ok(SwarmError::NothingConnected {
            servers,
            attempted: connections,
            cause,
            others,
            scenario,
        }),
        Err(error) => Ok(error),
        Ok(_) => anyhow::bail!(
            "no connection of any shard opened, but a further one did: the server was too slow"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_dealt_out() {
        let all = [0, 1, 2, 3];
        assert_eq!(cores_of(&all, 0, 2, 2), [0, 2]);
        assert_eq!(cores_of(&all, 1, 2, 2), [1, 3]);
        assert_eq!(cores_of(&all, 5, 8, 1), [1]);
        assert!(cores_of(&[], 1, 2, 1).is_empty());
    }
}
