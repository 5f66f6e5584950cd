//! One run from check to exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use cli::say;
use host::open_files;
use host::process_probe::ProcessProbe;
use measurement::percentiles::percentile_table;
use measurement::plan::Trust;
use measurement::summary::{Summary, Tool};
use measurement::validity::Verdict;
use results::ResultsError;
use results::write::{Output, Run, Written};
use runner::RunError;
use swarm::Measured;
use units::grouped;

use crate::args::Args;
use crate::embedded::Server;
use crate::metrics::Metrics;
use crate::picture::Picture;
use crate::signals::Stop;
use crate::tui::{self, NoTerminal};
use crate::{progress, report};

/// Exit codes beside 0; see `--help`.
const FAILED: u8 = 1;
const USAGE: u8 = 2;
const SOME_FAILED: u8 = 3;
const CONDITION_HELD: u8 = 4;
const INVALID: u8 = 5;
const INTERRUPTED: u8 = 130;

/// Carries out what was asked for; the code says how it went.
///
/// # Errors
/// When the run did not take place, or a file could not be written.
pub(crate) fn run(args: &Args, stop: &Stop) -> anyhow::Result<ExitCode> {
    let notice = |text: &str| {
        if !args.quiet {
            say(text);
        }
    };
    // Whatever is wrong with what was typed is said before anything is started.
    let (url, embedded) = match &args.url {
        Some(url) => (url.as_str(), false),
        None => ("ws://127.0.0.1:1/", true),
    };
    let checked = args.plan(url, embedded)?;
    let picture = args.plot.as_deref().map(Picture::at).transpose()?;
    if args.show.tui {
        tui::check()?;
    }
    let metrics = args.show.metrics_bind.map(Metrics::bind).transpose()?;
    // Where it cannot be raised, the limit stays as it is.
    let raised_from = open_files::raise_limit().ok().flatten();
    let open_file_limit = open_files::limit();
    if let Some((from, to)) = raised_from.zip(open_file_limit) {
        notice(&format!(
            "raised the limit on open files from {} to {}",
            grouped(from),
            grouped(to)
        ));
    }
    cli::check_room(args.load.clients.get(), &checked.target, embedded)?;
    let outputs = args
        .outputs()
        .iter()
        .map(|path| Output::create(path))
        .collect::<Result<Vec<_>, _>>()?;
    stop.remove_at_second(outputs.iter().map(|o| o.unfinished_path().to_owned()));
    let mut probe = match args.server_pid {
        Some(pid) => Some(ProcessProbe::process(pid)?),
        None => embedded.then(ProcessProbe::own_process),
    };
    let server = embedded
        .then(|| Server::start(args.embedded, args.load.clients.get()))
        .transpose()?;
    let plan = match &server {
        Some(server) => {
            notice(&format!(
                "no URL given: measuring an embedded {} echo server at {}",
                args.embedded.name(),
                server.url
            ));
            args.plan(&server.url, true)?
        }
        None => checked,
    };

    if let Some(metrics) = metrics {
        notice(&format!("metrics at {}", metrics.url()?));
        metrics.serve(&plan, &stop.control)?;
    }
    if plan.trust == Trust::Unchecked {
        notice("the server's certificate is not checked (--insecure): whoever answers is measured");
    }
    let calibration = match args.calibrates(&plan).then(|| swarm::calibrate(&plan)) {
        Some(Ok(None)) if plan.target.is_tls() || plan.target.is_unix() => {
            notice(
                "the generator's own limits are known only for ws://, so they are not looked for",
            );
            None
        }
        Some(Ok(found)) => found,
        Some(Err(error)) if args.calibrate => return Err(error.into()),
        // Not asked for, it is no reason to measure nothing.
        Some(Err(error)) => {
            notice(&format!(
                "the generator's own limits are not known: {error}"
            ));
            None
        }
        None => None,
    };
    // The live screen says itself what happens.
    stop.say_what_happens(!args.quiet && !args.show.tui);
    let display = match (args.quiet, args.show.tui) {
        (true, _) => None,
        (false, true) => Some(tui::start(&plan, calibration, stop)?),
        (false, false) => progress::start(&plan, &stop.control),
    };
    let measured = swarm::measure(
        tool(),
        &plan,
        &stop.control,
        probe.as_mut(),
        calibration,
        open_file_limit,
    );
    drop(display);
    stop.say_what_happens(!args.quiet);
    let Measured {
        summary,
        record,
        clients,
        server_ended,
    } = measured?;
    if let (Some(pid), true) = (args.server_pid, server_ended) {
        notice(&format!(
            "process {pid} ended before the run did: its CPU and memory are not known"
        ));
    }
    drop(server);

    let summary = summary.held_against(&args.conditions);
    let percentiles = percentile_table(&record);
    let run = Run {
        summary: &summary,
        samples: &record.samples,
        percentiles: &percentiles,
        timeline: &record.timeline,
        clients: &clients,
    };
    let text = if args.json {
        results::write::to_json(&run).context("cannot print the summary")?
    } else {
        report::text(&summary)
    };
    // A terminal that is gone must not cost the files.
    let printed = print(&text);
    // Every file that can be saved is, before the first one that cannot is told.
    let saved: Vec<_> = outputs
        .into_iter()
        .map(|output| output.write(&run))
        .collect();
    let drawn = picture.map(|picture| picture.draw(&summary, &record.samples));
    let timed = summary.service_time_ns.count;
    let mut lines: Vec<_> = saved
        .iter()
        .flatten()
        .map(|w| saved_line(w, timed))
        .collect();
    lines.extend(drawn.iter().flatten().cloned());
    if args.json {
        lines.iter().for_each(|line| notice(line));
    } else if printed.is_ok() && !lines.is_empty() {
        print(&format!("\n{}\n", lines.join("\n")))?;
    }
    for result in saved {
        result?;
    }
    drawn.transpose()?;
    let interrupted = stop.control.is_stopped();
    match printed {
        // Whoever closes a terminal has it ended, and cannot read there any more.
        Err(error) if interrupted => cli::report(&error),
        printed => printed?,
    }
    Ok(ExitCode::from(code(&summary, interrupted)))
}

/// How the run went, if all files were written.
fn code(summary: &Summary, interrupted: bool) -> u8 {
    let connections = &summary.connections;
    let some_failed =
        connections.failed > 0 || connections.closed_early > 0 || summary.messages.any_failed();
    if interrupted {
        INTERRUPTED
    } else if summary.validity.verdict == Verdict::Invalid {
        INVALID
    } else if some_failed {
        SOME_FAILED
    } else if summary.conditions.iter().any(|c| c.held) {
        CONDITION_HELD
    } else {
        0
    }
}

/// The exit code of a run that did not take place: wrong usage is told from bad luck.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    let is_usage = matches!(error.downcast_ref(), Some(RunError::Plan(_)))
        || error.is::<NoTerminal>()
        || matches!(
            error.downcast_ref(),
            Some(ResultsError::UnknownEnding { .. })
        )
        || matches!(
            error.downcast_ref(),
            Some(draw_plot::DrawError::UnknownEnding { .. })
        );
    ExitCode::from(if is_usage { USAGE } else { FAILED })
}

/// This program.
pub(crate) fn tool() -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// What became of a file, when the run timed so many messages.
fn saved_line(written: &Written, timed: u64) -> String {
    let path = written.path.display();
    let Some(rows) = written.rows.map(|rows| rows as u64) else {
        return format!("saved {path}");
    };
    let chosen = if rows < timed {
        format!(", chosen at random from {}", grouped(timed))
    } else {
        String::new()
    };
    let plural = if rows == 1 { "" } else { "s" };
    let draw = if rows > 0 && timed > 0 {
        format!(" · draw it with: draw-plot {path}")
    } else {
        String::new()
    };
    format!("saved {path} ({} row{plural}{chosen}){draw}", grouped(rows))
}

/// Prints to standard output, in colour only where that is wanted. A reader that has gone away has
/// seen what it wanted.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print the summary")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::plan::PlanError;
    use std::path::PathBuf;

    #[test]
    fn a_saved_file_says_what_it_holds_and_how_to_draw_it() {
        let line = |path: &str, rows, timed| {
            let path = PathBuf::from(path);
            saved_line(&Written { path, rows }, timed)
        };
        assert_eq!(
            line("latencies.xlsx", Some(100_000), 100_000),
            "saved latencies.xlsx (100,000 rows) · draw it with: draw-plot latencies.xlsx"
        );
        assert_eq!(
            line("a.csv", Some(1), 2_000),
            "saved a.csv (1 row, chosen at random from 2,000) · draw it with: draw-plot a.csv"
        );
        assert_eq!(line("a.csv", Some(0), 0), "saved a.csv (0 rows)");
        assert_eq!(line("a.json", None, 5), "saved a.json");
    }

    #[test]
    fn wrong_usage_is_told_from_bad_luck() {
        let usage = anyhow::Error::from(RunError::Plan(PlanError::OwnHeader("upgrade".to_owned())));
        assert_eq!(exit_code_of(&usage), ExitCode::from(2));
        assert_eq!(exit_code_of(&anyhow::anyhow!("no luck")), ExitCode::from(1));
    }
}
