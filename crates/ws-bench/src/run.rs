//! One run: check, start, measure, report, save.

use std::sync::Arc;

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{ExitStatus, print_error, print_text, print_text_while};
use draw_plot::DrawError;
use host::open_files;
use host::process_probe::ProcessProbe;
use measurement::plan::{
    CertificatePolicy, HandshakeFault, LoadSpec, Plan, PlanError, ServerUrl, TargetServer,
};
use measurement::run::{Run, Summary};
use measurement::verdict::{Calibration, Verdict};
use results::ResultsError;
use scenario::Scenario;
use swarm::{RunHandle, RunSetup, SwarmError};
use units::grouped;

use crate::args::BenchArgs;
use crate::embedded::EmbeddedServer;
use crate::metrics::MetricsListener;
use crate::outputs::RunOutputs;
use crate::tool::tool;
use crate::tui::{self, NoTerminal};
use crate::{plot, progress_bar, report, scenarios};

/// Executes one run and returns its exit status.
pub(crate) fn run(
    args: &BenchArgs,
    scenario: Option<&Arc<Scenario>>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<ExitStatus> {
    let checked = check(args, scenario)?;
    let (load, targets) = (checked.load, checked.targets);
    interrupts.remove_on_abort(checked.outputs.unfinished());
    let started = start(args, control, load, targets, checked.metrics)?;
    let mut run = measure(args, control, interrupts, &started, checked.probe)?;
    drop(started);
    let mut summary = run.summary.context("the generator gave no summary")?;
    summary = summary.with_conditions(&args.conditions);
    wording::explain(&mut summary);
    let interrupted = control.is_interrupted();
    let status = if interrupted {
        ExitStatus::Interrupted
    } else {
        status(&summary)
    };
    let text = report::text(&summary, args.verbose);
    run.summary = Some(summary);
    let text = if args.json {
        results::write::to_json(&run).context("cannot print the summary")?
    } else {
        text
    };
    // Every file that can be saved is saved, even if the text cannot be printed, before the first error is reported.
    let (printed, saved) = print_text_while(&text, || {
        let saved = checked.outputs.save(&run);
        let all_saved = saved.iter().all(Result::is_ok);
        interrupts.end_at_once_with(if all_saved {
            status
        } else {
            ExitStatus::Failed
        });
        saved
    });
    let printed = printed.context(NOT_PRINTED);
    let lines: Vec<_> = saved.iter().flatten().cloned().collect();
    if args.json {
        lines.iter().for_each(|line| args.notice(line));
    } else if printed.is_ok() && !lines.is_empty() {
        print_text(&format!("\n{}\n", lines.join("\n"))).context(NOT_PRINTED)?;
    }
    cli::print_all_but_last(saved.into_iter().filter_map(Result::err))?;
    match printed {
        Err(error) if interrupted => print_error(&error),
        printed => printed?,
    }
    Ok(status)
}

const NOT_PRINTED: &str = "cannot print the summary";

struct Checked {
    load: LoadSpec,
    /// The servers to measure; empty = the embedded one, not started yet.
    targets: Vec<TargetServer>,
    metrics: Option<MetricsListener>,
    outputs: RunOutputs,
    probe: Option<ProcessProbe>,
}

/// Checks all arguments before anything is started.
fn check(args: &BenchArgs, scenario: Option<&Arc<Scenario>>) -> anyhow::Result<Checked> {
    let targets = args.targets()?;
    let load = args.load_spec(scenario)?;
    if let Some(flag) = args.scenario.line_without_holes() {
        args.notice(&format!(
            "{}; without one, all messages are equal and replies are recognised by their order",
            wording::scenarios::lost_holes(flag)
        ));
    }
    args.plot.as_deref().map(plot::check).transpose()?;
    if args.tui {
        tui::check()?;
    }
    let metrics = args.metrics_bind.map(MetricsListener::bind).transpose()?;
    check_connections(args, &load, &targets)?;
    let outputs = RunOutputs::create(args)?;
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

/// Checks that the connections can be opened, after raising the limit on open files.
fn check_connections(
    args: &BenchArgs,
    load: &LoadSpec,
    targets: &[TargetServer],
) -> anyhow::Result<()> {
    // If the limit cannot be raised, it stays as it is.
    let raised_from = open_files::raise_limit().ok().flatten();
    if let Some((from, to)) = raised_from.zip(open_files::limit()) {
        let (from, to) = (grouped(from), grouped(to));
        args.notice(&format!(
            "raised the limit on open files from {from} to {to}"
        ));
    }
    let urls = targets.iter().map(|server| &server.url);
    let notices = urls.filter_map(wording::host_notice);
    notices.for_each(|notice| args.notice(&notice));
    if !targets.is_empty() {
        load.clone().against_all(targets.to_vec())?;
    }
    let (clients, sources) = (load.clients.get(), &load.source_addresses);
    cli::check_source_addresses(sources)?;
    cli::check_room(clients, targets, sources)?;
    if !swarm::can_choose_ports()
        && let Some(warning) = cli::slow_ports(clients, targets, sources)
    {
        args.notice(&warning);
    }
    Ok(())
}

/// A run with its server and metrics started, and its generator calibrated.
struct Started {
    plan: Plan,
    calibration: Option<Calibration>,
    /// The embedded server. It ends when dropped.
    _server: Option<EmbeddedServer>,
}

/// Starts the embedded server and the metrics, and calibrates the generator.
fn start(
    args: &BenchArgs,
    control: &RunHandle,
    load: LoadSpec,
    targets: Vec<TargetServer>,
    metrics: Option<MetricsListener>,
) -> anyhow::Result<Started> {
    let (plan, server) = match targets.is_empty() {
        false => (load.against_all(targets)?, None),
        true => {
            let server = EmbeddedServer::start(args.embedded, load.clients.get())
                .context("cannot start the embedded server")?;
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
fn calibrate(args: &BenchArgs, plan: &Plan) -> Result<Option<Calibration>, SwarmError> {
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
) -> anyhow::Result<Run> {
    let Started {
        plan, calibration, ..
    } = started;
    // The live screen shows interrupts itself.
    interrupts.announce_on_interrupt(!args.quiet && !args.tui);
    let display = match (args.quiet, args.tui) {
        (true, _) => None,
        (false, true) => Some(tui::start(plan, *calibration, control, interrupts)?),
        (false, false) => progress_bar::start(plan, control),
    };
    let setup = RunSetup {
        tool: tool(),
        command_line: Some(scenarios::masked_command_line(
            plan.scenario().map(Arc::as_ref),
        )),
        calibration: *calibration,
        open_file_limit: open_files::limit(),
        probe: probe.as_mut(),
    };
    let run = swarm::run(plan, control, setup);
    drop(display);
    interrupts.announce_on_interrupt(!args.quiet);
    let mut run = run?;
    if let Some((summary, scenario)) = run.summary.as_mut().zip(plan.scenario())
        && let Some(about) = &mut summary.scenario
    {
        about.sha256 = Some(cli::scenario_fingerprint(scenario));
    }
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

/// The exit status of a run that was not interrupted and whose files were all written.
fn status(summary: &Summary) -> ExitStatus {
    let connections = &summary.connections;
    let some_failed =
        connections.failed > 0 || connections.closed_early > 0 || summary.messages.any_failed();
    if summary.validity.verdict == Verdict::Invalid {
        ExitStatus::Invalid
    } else if some_failed {
        ExitStatus::SomeFailed
    } else if summary.conditions.iter().any(|c| c.held) {
        ExitStatus::ConditionHeld
    } else {
        ExitStatus::Success
    }
}

/// The exit status of a run that did not take place. Wrong usage is distinguished from other errors.
pub(crate) fn status_of_error(error: &anyhow::Error) -> ExitStatus {
    let is_unreachable = matches!(error.downcast_ref(), Some(SwarmError::Unreachable(_)));
    let is_usage = error.is::<PlanError>()
        || is_unreachable
        || error.is::<HandshakeFault>()
        || error.is::<NoTerminal>()
        || matches!(error.downcast_ref(), Some(ResultsError::UnknownEnding(_)))
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
