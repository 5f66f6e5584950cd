//! A child of `--shards`: one shard, which reports to its parent.

use std::io::stdout;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cli::ExitStatus;
use measurement::plan::{LoadDraft, LoadSpec, ServerUrl, Share, TargetServer};
use measurement::record::LoggedSecond;
use scenario::Scenario;
use shards::identity::{IdentitySource, ShardIdentity};
use shards::shard_files::ShardFiles;
use shards::start::{DEFAULT_TIMEOUT, StartBarrier, StartGate};
use swarm::RunHandle;

use super::order::ChildOrder;
use super::report::ChildReport;
use super::step_child;
use crate::args::BenchArgs;
use crate::plan_digest::plan_digest;
use crate::run::raise_file_limit;
use crate::shard::PreparedShard;

/// Maximum time until a new phase is reported to the parent.
const PHASE_INTERVAL: Duration = Duration::from_millis(10);

/// Interval of the other reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(250);

/// Executes a child. Its exit status says only whether its result was saved: the parent judges it.
pub(crate) fn run(
    args: &BenchArgs,
    order: &ChildOrder,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
) -> anyhow::Result<ExitStatus> {
    let identity = ShardIdentity {
        index: order.shard,
        count: order.shards,
        source: IdentitySource::Flag,
    };
    let draft = args.load_draft(scenario);
    let load = LoadSpec::new(LoadDraft {
        share: Share {
            index: order.shard,
            count: order.shards,
        },
        seed: order.seed,
        threads: NonZeroUsize::new(order.threads).unwrap_or(NonZeroUsize::MIN),
        pin: order.pin.clone(),
        ..draft
    })?;
    raise_file_limit(args);
    let plan = load.against_all(targets(args, order)?)?;
    plan.check_handshakes()?;
    if args.several_rates().is_some() {
        report_to_parent(control, order.sends_progress);
        return step_child::run(order, &plan, control);
    }
    let socket = shards::pmi::inherited_socket(|name| std::env::var(name).ok())?;
    let socket = socket.ok_or_else(|| anyhow::anyhow!("the parent gave no socket"))?;
    let files = ShardFiles::new(&order.folder, order.shard)?;
    let shard = PreparedShard {
        identity,
        digest: plan_digest(&plan, Some(order.seed)),
        is_seeded_by_start: false,
        calibration: None,
        gate: StartGate::Barrier(StartBarrier::new(
            socket,
            identity,
            plan.warmup,
            DEFAULT_TIMEOUT,
        )),
        plan,
    };
    report_to_parent(control, order.sends_progress);
    control.when_unreached(|clients| {
        let _ = ChildReport::Unreached(clients.to_vec()).send(stdout().lock());
    });
    let mut on_second = |second: &LoggedSecond| {
        if order.sends_seconds {
            // A parent that is gone is noticed by the reports of the state.
            let _ = ChildReport::Second(second.into()).send(stdout().lock());
        }
    };
    match shard.execute(args, &files, control, &mut on_second)? {
        Some(executed) => {
            executed.save(args, &files)?;
            Ok(ExitStatus::Success)
        }
        None => Ok(ExitStatus::Interrupted),
    }
}

/// The servers. The parent gives their URLs, because an embedded one is known to it alone.
fn targets(args: &BenchArgs, order: &ChildOrder) -> anyhow::Result<Vec<TargetServer>> {
    if order.embedded.is_none() {
        return args.targets();
    }
    let servers = order.urls.iter().map(|url| {
        Ok(TargetServer {
            embedded: order.embedded.clone(),
            ..ServerUrl::parse(url)?.into()
        })
    });
    servers.collect()
}

/// Reports the progress until the process ends. Ends the run when the parent is gone.
fn report_to_parent(control: &RunHandle, sends_progress: bool) {
    if sends_progress {
        control.watch();
    }
    let control = control.clone();
    // Without this thread the parent knows less, but the run goes on.
    let _ = thread::Builder::new()
        .name("reports".to_owned())
        .spawn(move || {
            let mut last = (None, Instant::now());
            loop {
                let phase = control.phase();
                // Also tells that the parent still runs.
                if last.0 != Some(phase) || last.1.elapsed() >= REPORT_INTERVAL {
                    let report = ChildReport::of(&control, sends_progress);
                    if report.send(stdout().lock()).is_err() {
                        control.stop();
                        return;
                    }
                    last = (Some(phase), Instant::now());
                }
                thread::sleep(PHASE_INTERVAL);
            }
        });
}
