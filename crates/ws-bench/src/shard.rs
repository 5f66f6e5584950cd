//! One shard of a run: its share of the plan, the common start, its files.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{ConnectionCount, ExitStatus, print_text};
use host::process_probe::ProcessProbe;
use host::system_info::host_name;
use host::{clocks, open_files};
use measurement::plan::{LoadDraft, LoadSpec, Plan, Share};
use measurement::record::LoggedSecond;
use measurement::run::{PlanFacts, ProcessRecord};
use measurement::verdict::Calibration;
use results::write::GrowingLog;
use scenario::Scenario;
use shards::ShardsError;
use shards::identity::ShardIdentity;
use shards::run_name::{PlanDigest, RunName};
use shards::shard_files::{FORMAT, ShardFiles, ShardResult, ShardStart};
use shards::start::{StartFile, StartGate};
use shards::start_time::StartTime;
use swarm::{CommonStart, RunHandle, RunSetup};
use units::{counted, grouped, human_time};

use crate::args::BenchArgs;
use crate::metrics::MetricsListener;
use crate::plan_digest::plan_digest;
use crate::run::{calibrate, check_servers, print_unreached, raise_file_limit};
use crate::scenarios;
use crate::shard_flags::{NoCommonStart, TooLateForWarmUp};
use crate::tool::tool;

/// A shard that can be started.
pub(crate) struct PreparedShard {
    pub(crate) identity: ShardIdentity,
    pub(crate) plan: Plan,
    pub(crate) digest: PlanDigest,
    /// The seed follows from T0, because the user gave none.
    pub(crate) is_seeded_by_start: bool,
    pub(crate) calibration: Option<Calibration>,
    pub(crate) gate: StartGate,
}

/// Executes one shard and returns its exit status.
pub(crate) fn run(
    args: &BenchArgs,
    identity: ShardIdentity,
    folder: &Path,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let shard = prepare(args, identity, scenario)?;
    let files = ShardFiles::new(folder, identity.index)?;
    if let Some(t0) = known_start(&shard.gate) {
        files.check_unused(&RunName::new(&shard.digest, t0))?;
    }
    if let Some(address) = args.metrics_bind {
        let url = MetricsListener::bind(address)?.serve(&shard.plan, control);
        let url = url.context("cannot serve metrics")?;
        args.notice(&format!("metrics at {url}"));
    }
    interrupts.announce_on_interrupt(!args.quiet);
    if !args.quiet {
        let prefix = format!("{identity}: ");
        control.when_unreached(move |clients| print_unreached(&prefix, clients));
    }
    let executed = shard.execute(args, &files, control, &mut |_| {})?;
    let Some(executed) = executed else {
        return Ok(ExitStatus::Interrupted);
    };
    let status = status(&executed.result.part);
    let text = report(args, identity, folder, &executed.result.part);
    executed.save(args, &files)?;
    // In one write, because launchers mix the lines of their processes.
    print_text(&text).context("cannot print the result of the shard")?;
    Ok(status)
}

/// Checks all arguments of a shard before anything is started, and calibrates its generator.
fn prepare(
    args: &BenchArgs,
    identity: ShardIdentity,
    scenario: Option<&Arc<Scenario>>,
) -> anyhow::Result<PreparedShard> {
    let targets = args.targets()?;
    let share = Share {
        index: identity.index,
        count: identity.count,
    };
    let draft = LoadDraft {
        share,
        max_samples: args.max_samples,
        ..args.load_draft(scenario)
    };
    let load = LoadSpec::new(draft)?;
    let gate = start_gate(args, identity, load.warmup)?;
    let known = known_start(&gate);
    if let Some(t0) = known {
        check_known_start(args, &load, t0)?;
    }
    raise_file_limit(args);
    let connections = ConnectionCount::of_share(&load);
    cli::check_files(connections, false)?;
    check_servers(args, &load, &targets, connections)?;
    let plan = load.against_all(targets)?;
    plan.check_handshakes()?;
    let given_seed = args.load.seed;
    let digest = plan_digest(&plan, given_seed);
    let plan = match given_seed {
        Some(_) => plan,
        None => plan.with_seed(digest.seed(known)),
    };
    Ok(PreparedShard {
        identity,
        calibration: calibrate(args, &plan)?,
        is_seeded_by_start: given_seed.is_none() && known.is_none(),
        plan,
        digest,
        gate,
    })
}

/// Checks that a start that is known leaves time for the warm-up, and says which connections are due before now.
fn check_known_start(args: &BenchArgs, load: &LoadSpec, t0: SystemTime) -> anyhow::Result<()> {
    let now = SystemTime::now();
    StartTime::new(t0)?.check_future(now)?;
    let ahead = t0.duration_since(now).unwrap_or_default();
    let Some(opening) = ahead.checked_sub(load.warmup) else {
        let (ahead, warmup) = (ahead.as_secs_f64(), load.warmup.as_secs_f64());
        return Err(TooLateForWarmUp { ahead, warmup }.into());
    };
    let connections = load.connections();
    if let Some(rate) = load.connect_rate
        && f64::from(connections) / rate.per_second() > opening.as_secs_f64()
    {
        args.notice(&format!(
            "--connect-rate: {} need {} before the warm-up, and {} are left. Those that are due already open at once; start later",
            counted(connections.into(), "connection"),
            human_time(f64::from(connections) / rate.per_second() * 1e9),
            human_time(opening.as_secs_f64() * 1e9),
        ));
    }
    Ok(())
}

/// A shard that has ended, and its log.
pub(crate) struct ExecutedShard {
    result: ShardResult,
    log: GrowingLog,
}

impl ExecutedShard {
    /// Saves the result, and removes the log, which holds nothing more.
    pub(crate) fn save(self, args: &BenchArgs, files: &ShardFiles) -> Result<(), ShardsError> {
        files.finish(&self.result)?;
        if let Err(error) = self.log.discard() {
            args.notice(&cli::in_one_line(&error));
        }
        Ok(())
    }
}

impl PreparedShard {
    /// Everything that is known when T0 is.
    fn start(&self, run: &RunName, t0: SystemTime) -> ShardStart {
        let clock = clocks::clock_state();
        let (plan, identity) = (&self.plan, self.identity);
        let mut facts = PlanFacts::from(plan);
        if self.is_seeded_by_start {
            facts.plan.seed = self.digest.seed(Some(t0));
        }
        ShardStart {
            format: FORMAT,
            run: run.clone(),
            shard: identity.index,
            shards: identity.count,
            tool: tool(),
            host: host_name().unwrap_or_default(),
            boot_id: clocks::boot_id(),
            clock_error_ns: clock
                .as_ref()
                .and_then(|clock| u64::try_from(clock.max_error.as_nanos()).ok()),
            is_synchronised: clock.map(|clock| clock.is_synchronized),
            pid: std::process::id(),
            facts,
            max_samples: plan.max_samples,
        }
    }

    /// Runs the shard's clients. Each complete second goes into the shard's log and to `on_second`. `None` when the user
    /// interrupts it before T0, so nothing was measured.
    pub(crate) fn execute(
        mut self,
        args: &BenchArgs,
        files: &ShardFiles,
        control: &RunHandle,
        on_second: &mut dyn FnMut(&LoggedSecond),
    ) -> anyhow::Result<Option<ExecutedShard>> {
        let known = known_start(&self.gate);
        let mut run = None;
        let mut probe = match args.server_pids().as_slice() {
            [] => None,
            pids => Some(ProcessProbe::trees(pids)?),
        };
        let mut log = GrowingLog::create(&files.log_path(), tool())?;
        let mut append = |second: LoggedSecond| {
            log.append(&second);
            on_second(&second);
        };
        let (digest, plan) = (self.digest.clone(), self.plan.clone());
        let (is_seeded_by_start, calibration) = (self.is_seeded_by_start, self.calibration);
        let (identity, command_line) = (
            self.identity,
            scenarios::masked_command_line(self.plan.scenario().map(Arc::as_ref)),
        );
        let setup = RunSetup {
            tool: tool(),
            command_line: Some(command_line),
            calibration,
            open_file_limit: open_files::limit(),
            probe: probe.as_mut(),
            on_second: Some(&mut append),
            start: Some(CommonStart {
                known,
                poll: Box::new(|has_opened| {
                    let Some(t0) = self.gate.poll(has_opened)? else {
                        return Ok(None);
                    };
                    StartTime::new(t0)?.check_future(SystemTime::now())?;
                    let name = RunName::new(&self.digest, t0);
                    files.begin(&self.start(&name, t0))?;
                    args.notice(&format!("{identity}: T0 is {}", StartTime::new(t0)?));
                    run = Some(name);
                    Ok(Some(t0))
                }),
                seed: is_seeded_by_start.then(|| -> swarm::SeedOfStart<'_> {
                    Box::new(move |t0| digest.seed(Some(t0)))
                }),
            }),
        };
        let mut part = swarm::run_process(&plan, control, setup)?;
        let is_before_t0 = part.context.interrupted && part.first_wake_ns.is_none();
        // The start of an earlier run stays.
        if is_before_t0 && let Some(run) = &run {
            files.withdraw(run)?;
        }
        let Some(run) = run.filter(|_| !is_before_t0) else {
            args.notice("interrupted before the start; nothing was measured");
            return Ok(None);
        };
        if let Some((about, scenario)) = part.facts.scenario.as_mut().zip(plan.scenario()) {
            about.summary.sha256 = Some(cli::scenario_fingerprint(scenario));
        }
        let shard = identity.index;
        let result = ShardResult { run, shard, part };
        Ok(Some(ExecutedShard { result, log }))
    }
}

/// The way to the start that the flags or the launcher give.
#[cfg_attr(not(unix), allow(unused_variables))]
fn start_gate(
    args: &BenchArgs,
    identity: ShardIdentity,
    warm_up: Duration,
) -> anyhow::Result<StartGate> {
    let flags = &args.shards;
    if let Some(start) = flags.start_at {
        return Ok(StartGate::At(start));
    }
    if let Some(path) = &flags.start_file {
        let file = StartFile::new(path.clone(), flags.start_timeout);
        return Ok(StartGate::File(file));
    }
    #[cfg(unix)]
    if let Some(socket) = shards::pmi::inherited_socket(|name| std::env::var(name).ok())? {
        let barrier =
            shards::start::StartBarrier::new(socket, identity, warm_up, flags.start_timeout);
        return Ok(StartGate::Barrier(barrier));
    }
    if identity.count.get() == 1 {
        let start = StartTime::after(SystemTime::now(), warm_up + ALONE)?;
        return Ok(StartGate::At(start));
    }
    Err(NoCommonStart(identity.count.get()).into())
}

/// Time for the opening of the connections of a shard that is alone.
const ALONE: Duration = Duration::from_secs(1);

fn known_start(gate: &StartGate) -> Option<SystemTime> {
    match gate {
        StartGate::At(start) => Some(start.time()),
        _ => None,
    }
}

/// Says what the shard has done, and how to go on.
fn report(
    args: &BenchArgs,
    identity: ShardIdentity,
    folder: &Path,
    part: &ProcessRecord,
) -> String {
    let connections = &part.context.connections;
    let counts = &part.record.counts;
    for (failure, count) in &connections.failures {
        args.notice(&format!(
            "{identity}: {} not open: {failure}",
            counted(*count, "connection")
        ));
    }
    format!(
        "{identity}: {} of {} open · {} sent · {} received · {} failed · merge all shards with: ws-merge {}\n",
        grouped(connections.opened),
        counted(connections.attempted, "connection"),
        grouped(counts.sent),
        grouped(counts.received),
        grouped(counts.failed()),
        folder.display(),
    )
}

/// The exit status of a shard whose result was saved.
fn status(part: &ProcessRecord) -> ExitStatus {
    let connections = &part.context.connections;
    if part.context.interrupted {
        ExitStatus::Interrupted
    } else if connections.failed + connections.closed_early > 0 || part.record.any_failed() {
        ExitStatus::SomeFailed
    } else {
        ExitStatus::Success
    }
}

/// Advice for an error of a shard, with the flags of this program.
pub(crate) fn advice(error: &ShardsError, command_line: &[String]) -> Option<String> {
    match error {
        ShardsError::NoFolder { .. } => Some(
            "add --shard-dir DIR, a folder that all of them can write to, and merge it afterwards with ws-merge DIR"
                .to_owned(),
        ),
        ShardsError::OutsideJobStep { .. } => {
            Some(format!("start it with srun: `srun {}`", command_line.join(" ")))
        }
        ShardsError::NoIdentity(_) => Some(
            "use --shard I/N, or start it with srun, mpiexec or an Indexed Job".to_owned(),
        ),
        ShardsError::BarrierTimeout(_) | ShardsError::StartFileTimeout { .. } => {
            Some("--start-timeout waits longer".to_owned())
        }
        ShardsError::NoShards(_) | ShardsError::Read { .. } => {
            Some("give the folder that the shards had as --shard-dir".to_owned())
        }
        ShardsError::ExistingRun { .. } => {
            Some("use another --shard-dir, or another start".to_owned())
        }
        ShardsError::StartPast { .. } => {
            Some("choose a later time: all shards must start before it".to_owned())
        }
        _ => None,
    }
}
