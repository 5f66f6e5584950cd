//! One run: check, start, measure, report, save.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{ConnectionCount, ExitStatus, print_notice};
use draw_plot::DrawError;
use host::open_files;
use host::process_probe::ProcessProbe;
use measurement::load_search::LoadSearchError;
use measurement::plan::{
    CertificatePolicy, HandshakeFault, LoadDraft, LoadSpec, Plan, PlanError, ServerUrl, Share,
    TargetServer,
};
use measurement::record::LoggedSecond;
use measurement::run::Run;
use measurement::verdict::Calibration;
use results::ResultsError;
use scenario::Scenario;
use shards::ShardsError;
use shards::identity::MAX_SHARDS;
use swarm::{RunHandle, RunSetup, SwarmError};
use units::grouped;

use crate::args::BenchArgs;
use crate::embedded::EmbeddedServer;
use crate::metrics::MetricsListener;
use crate::outputs::RunOutputs;
use crate::publish::{PublishedOutcome, publish};
use crate::search_flags::{NotSearchable, RefusedCondition, SeveralRates};
use crate::shard_flags::{NoCommonStart, TooLateForWarmUp};
use crate::tool::tool;
use crate::tui::{self, NoTerminal};
use crate::{plot, progress_bar, scenarios};

/// Executes one run and returns its exit status.
pub(crate) fn run(
    args: &BenchArgs,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let mut checked = check(args, scenario, NonZeroU32::MIN)?;
    interrupts.remove_on_abort(checked.outputs.unfinished());
    let (load, targets) = (checked.load, checked.targets);
    let started = start(args, control, load, targets, checked.metrics)?;
    let (probe, outputs) = (checked.probe, &mut checked.outputs);
    let run = measure(args, control, interrupts, &started, probe, outputs)?;
    drop(started);
    let outcome = PublishedOutcome {
        status: control.is_interrupted().then_some(ExitStatus::Interrupted),
        report: args.report(),
    };
    publish(run, checked.outputs, &outcome, interrupts)
}

pub(crate) struct Checked {
    pub(crate) load: LoadSpec,
    /// The servers to measure; empty = the embedded one, not started yet.
    pub(crate) targets: Vec<TargetServer>,
    pub(crate) metrics: Option<MetricsListener>,
    pub(crate) outputs: RunOutputs,
    pub(crate) probe: Option<ProcessProbe>,
}

/// Checks all arguments before anything is started, for a run of this number of processes.
pub(crate) fn check(
    args: &BenchArgs,
    scenario: Option<&Arc<Scenario>>,
    processes: NonZeroU32,
) -> anyhow::Result<Checked> {
    let targets = args.targets()?;
    args.search.check_scenario(scenario.map(Arc::as_ref))?;
    let load = args.load_spec(scenario)?;
    check_shares(&load, processes)?;
    args.search.check_load(&load)?;
    for condition in &args.conditions {
        let missing = args.lacks_for_idle_memory(processes);
        let checked = condition
            .check_load(&load)
            .and_then(|()| condition.check_capacity(!args.search.find_capacity.is_empty()))
            .and_then(|()| condition.check_idle_memory(missing));
        checked.map_err(|fault| RefusedCondition::new("--fail-if", condition, &fault))?;
    }
    if let Some(flag) = args.scenario.line_without_holes() {
        args.notice(&format!(
            "{}; without one, all messages are equal and replies are recognised by their order",
            wording::scenarios::lost_holes(flag)
        ));
    }
    let notice = scenario.and_then(|own| replaced_rooms(own, &load, &targets));
    notice.iter().for_each(|notice| args.notice(notice));
    args.plot.as_deref().map(plot::check).transpose()?;
    if args.tui {
        tui::check()?;
    }
    let metrics = args.metrics_bind.map(MetricsListener::bind).transpose()?;
    let connections = ConnectionCount::of(&load);
    raise_file_limit(args);
    if targets.is_empty() {
        // An embedded server has the connections of all processes.
        cli::check_files(connections, processes == NonZeroU32::MIN)?;
    } else {
        let most = load.most_connections(processes);
        cli::check_files_of_shards(connections, processes.get(), most)?;
    }
    if processes == NonZeroU32::MIN
        && load.connections.overlaps_connections()
        && let Some(warning) = cli::short_of_files_for_next(connections, targets.is_empty())
    {
        args.notice(&warning);
    }
    check_servers(args, &load, &targets, connections)?;
    let outputs = RunOutputs::create(args.outputs(), args.plot.as_deref())?;
    for log in outputs.growing().filter(|log| log.exists()) {
        args.notice(&format!(
            "{} of an earlier run will be replaced",
            log.display()
        ));
    }
    let pids = args.server_pids();
    let probe = if pids.is_empty() {
        targets.is_empty().then(ProcessProbe::own_process)
    } else {
        Some(ProcessProbe::trees(&pids)?)
    };
    if probe
        .as_ref()
        .is_some_and(ProcessProbe::has_left_itself_out)
    {
        args.notice(
            "--server-pid: one of these processes started ws-bench. The CPU and memory of ws-bench itself are not counted",
        );
    }
    Ok(Checked {
        load,
        targets,
        metrics,
        outputs,
        probe,
    })
}

/// The notice on a URL whose path replaces the rooms of the scenario, so that all clients are in one.
fn replaced_rooms(
    scenario: &Scenario,
    load: &LoadSpec,
    targets: &[TargetServer],
) -> Option<String> {
    let path = scenario
        .usual_path()
        .filter(|path| path.contains("${room"))?;
    let has_path = targets.iter().any(|target| target.url.has_path());
    let is_elsewhere = scenario.merged_file().matches("${room").count() > 1;
    (load.rooms.get() > 1 && has_path && !is_elsewhere)
        .then(|| wording::scenarios::replaced_rooms(path, load.rooms.get()))
}

/// Checks that every process has a client that sends.
fn check_shares(load: &LoadSpec, count: NonZeroU32) -> anyhow::Result<()> {
    LoadSpec::new(LoadDraft {
        share: Share { index: 0, count },
        ..LoadDraft::clone(load)
    })?;
    if count.get() > MAX_SHARDS {
        let (count, limit) = (count.get(), MAX_SHARDS);
        return Err(ShardsError::TooManyShards { count, limit }.into());
    }
    Ok(())
}

/// Raises the limit on open files as far as it can be. If it cannot, it stays as it is.
pub(crate) fn raise_file_limit(args: &BenchArgs) {
    let raised_from = open_files::raise_limit().ok().flatten();
    if let Some((from, to)) = raised_from.zip(open_files::limit()) {
        let (from, to) = (grouped(from), grouped(to));
        args.notice(&format!(
            "raised the limit on open files from {from} to {to}"
        ));
    }
}

/// Checks that the servers can be reached from this machine by these connections, those of all processes on it.
pub(crate) fn check_servers(
    args: &BenchArgs,
    load: &LoadSpec,
    targets: &[TargetServer],
    connections: ConnectionCount,
) -> anyhow::Result<()> {
    let urls = targets.iter().map(|server| &server.url);
    let notices = urls.filter_map(wording::host_notice);
    notices.for_each(|notice| args.notice(&notice));
    if !targets.is_empty() {
        load.clone().against_all(targets.to_vec())?;
    }
    let sources = &load.source_addresses;
    cli::check_source_addresses(sources)?;
    cli::check_ports(connections, targets, sources)?;
    if !swarm::can_choose_ports()
        && let Some(warning) = cli::slow_ports(connections, targets, sources)
    {
        args.notice(&warning);
    }
    Ok(())
}

/// A run with its server and metrics started, and its generator calibrated.
pub(crate) struct Started {
    pub(crate) plan: Plan,
    pub(crate) calibration: Option<Calibration>,
    /// The embedded server. It ends when dropped.
    _server: Option<EmbeddedServer>,
}

/// Starts the embedded server for a load.
pub(crate) fn start_embedded(args: &BenchArgs, load: &LoadSpec) -> anyhow::Result<EmbeddedServer> {
    // A connection and the one that replaces it may be open at the same time.
    let each = 1 + u32::from(load.connections.replaces_connections());
    let connections = load.connections().saturating_mul(each);
    EmbeddedServer::start(args.embedded, connections, load.scenario.as_deref())
}

/// Starts the embedded server and the metrics, and calibrates the generator.
pub(crate) fn start(
    args: &BenchArgs,
    control: &RunHandle,
    load: LoadSpec,
    targets: Vec<TargetServer>,
    metrics: Option<MetricsListener>,
) -> anyhow::Result<Started> {
    let (plan, server) = match targets.is_empty() {
        false => (load.against_all(targets)?, None),
        true => {
            let server = start_embedded(args, &load).context("cannot start the embedded server")?;
            args.notice(&format!(
                "no URL given: measuring an embedded {} echo server at {}",
                args.embedded.name(),
                server.url
            ));
            let target = TargetServer {
                embedded: Some(args.embedded.name().to_owned()),
                ..ServerUrl::parse(&server.url)?.into()
            };
            (load.against(target)?, Some(server))
        }
    };
    plan.check_handshakes()?;
    if let Some(metrics) = metrics {
        let url = metrics.serve(&plan, control);
        let url = url.context("cannot serve metrics")?;
        args.notice(&format!("metrics at {url}"));
    }
    let is_unchecked =
        |server: &TargetServer| server.certificate_policy == CertificatePolicy::Unchecked;
    if plan.servers().iter().any(is_unchecked) {
        args.notice("certificate not verified (--insecure)");
    }
    Ok(Started {
        calibration: calibrate(args, &plan)?,
        plan,
        _server: server,
    })
}

/// Calibrates the generator, if requested or if the run is long.
pub(crate) fn calibrate(args: &BenchArgs, plan: &Plan) -> Result<Option<Calibration>, SwarmError> {
    if !args.needs_calibration(plan) {
        return Ok(None);
    }
    match swarm::calibrate(plan) {
        Ok(found) => {
            if found.is_none() && !swarm::can_calibrate(plan) {
                args.notice("calibration skipped: available for ws:// only");
            }
            Ok(found)
        }
        Err(error) if args.calibrate => Err(error),
        // The calibration was not requested, so the run continues without it.
        Err(error) => {
            args.notice(&format!(
                "calibration failed, so the generator's own limits are unknown: {error}"
            ));
            Ok(None)
        }
    }
}

/// Measures, and displays the run meanwhile.
fn measure(
    args: &BenchArgs,
    control: &RunHandle,
    interrupts: &Interrupts,
    started: &Started,
    mut probe: Option<ProcessProbe>,
    outputs: &mut RunOutputs,
) -> anyhow::Result<Run> {
    let Started {
        plan, calibration, ..
    } = started;
    // The live screen shows interrupts itself.
    interrupts.announce_on_interrupt(!args.quiet && !args.tui);
    let rates = args.several_rates();
    let display = match (args.quiet, args.tui) {
        (true, _) => None,
        (false, true) => {
            let rates = rates.as_ref();
            Some(tui::start(plan, rates, *calibration, control, interrupts)?)
        }
        (false, false) => progress_bar::start(plan, control),
    };
    if !args.quiet && !args.tui {
        control.when_unreached(|clients| print_unreached("", clients));
    }
    let has_log = outputs.growing().next().is_some();
    let mut log = |second: LoggedSecond| {
        outputs.append(&second);
        if second.span.second == 0 && !args.quiet {
            interrupts.name_on_abort(outputs.growing());
        }
    };
    let setup = RunSetup {
        tool: tool(),
        command_line: Some(scenarios::masked_command_line(
            plan.scenario().map(Arc::as_ref),
        )),
        calibration: *calibration,
        open_file_limit: open_files::limit(),
        probe: probe.as_mut(),
        on_second: has_log.then_some(&mut log),
        start: None,
    };
    let run = execute(rates.as_ref(), plan, control, setup);
    drop(display);
    interrupts.announce_on_interrupt(!args.quiet);
    let mut run = run?;
    name_scenario(&mut run, plan);
    let server = run.summary.as_ref().and_then(|s| s.server.as_ref());
    if let ([pid, others @ ..], None) = (&args.server_pids()[..], server) {
        let processes = if others.is_empty() {
            format!("process {pid}")
        } else {
            "one of the server's processes".to_owned()
        };
        args.notice(&format!(
            "{processes} ended before the run, so the server's CPU and memory are unknown"
        ));
    }
    Ok(run)
}

/// Adds the fingerprint of the scenario to the summary.
pub(crate) fn name_scenario(run: &mut Run, plan: &Plan) {
    if let Some((summary, scenario)) = run.summary.as_mut().zip(plan.scenario())
        && let Some(about) = &mut summary.scenario
    {
        about.sha256 = Some(cli::scenario_fingerprint(scenario));
    }
}

/// Executes a run of one load, a search or a sweep in this process.
fn execute(
    rates: Option<&SeveralRates>,
    plan: &Plan,
    control: &RunHandle,
    setup: RunSetup<'_>,
) -> Result<Run, SwarmError> {
    match rates {
        None => swarm::run(plan, control, setup),
        Some(SeveralRates::Search(rules)) => {
            swarm::load_search::find_capacity(plan, rules, control, setup)
        }
        Some(SeveralRates::Sweep(rules)) => swarm::load_search::sweep(plan, rules, control, setup),
    }
}

/// Prints the notice on receivers that nothing has reached in the warm-up, behind this prefix.
pub(crate) fn print_unreached(prefix: &str, clients: &[u32]) {
    if !clients.is_empty() {
        let notice = wording::deliveries_view::unreached_in_warm_up(clients);
        print_notice(&format!("{prefix}{notice}"));
    }
}

/// The exit status of a run that did not take place. Wrong usage is distinguished from other errors.
pub(crate) fn status_of_error(error: &anyhow::Error) -> ExitStatus {
    let is_unreachable = matches!(error.downcast_ref(), Some(SwarmError::Unreachable(_)));
    let is_usage = error.is::<PlanError>()
        || error.is::<LoadSearchError>()
        || error.is::<NotSearchable>()
        || error.is::<RefusedCondition>()
        || is_unreachable
        || error.is::<HandshakeFault>()
        || error.is::<NoTerminal>()
        || error.is::<NoCommonStart>()
        || error.is::<TooLateForWarmUp>()
        || matches!(
            error.downcast_ref(),
            Some(
                ShardsError::StartPast { .. }
                    | ShardsError::Descriptor { .. }
                    | ShardsError::TooManyShards { .. }
            )
        )
        || matches!(
            error.downcast_ref(),
            Some(ResultsError::UnknownEnding(_) | ResultsError::PartialName(_))
        )
        || matches!(error.downcast_ref(), Some(DrawError::UnknownEnding { .. }));
    if is_usage {
        ExitStatus::Usage
    } else {
        ExitStatus::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_usage_is_told_from_bad_luck() {
        let usage = anyhow::Error::from(PlanError::OwnHeader("upgrade".to_owned()));
        assert_eq!(status_of_error(&usage), ExitStatus::Usage);
        let luck = anyhow::anyhow!("no luck");
        assert_eq!(status_of_error(&luck), ExitStatus::Failed);
    }
}
