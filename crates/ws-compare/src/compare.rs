//! One comparison from check to exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use cli::say;
use measurement::comparison::Comparison;
use measurement::validity::Verdict;
use results::atomic_file::AtomicFile;

use crate::args::Args;
use crate::campaign::Campaign;
use crate::conditions::Conditions;
use crate::rounds::Entrant;
use crate::save::Outputs;
use crate::signals::Stop;
use crate::{judge, saved, text};

/// Exit codes beside 0 and 1; see `--help`.
const SERVER_FAILED: u8 = 3;
const CONDITION_HELD: u8 = 4;
const INVALID: u8 = 5;
const INTERRUPTED: u8 = 130;

/// Wrong usage that clap cannot see, told with exit code 2.
pub(crate) fn usage(message: impl std::fmt::Display) -> anyhow::Error {
    clap::Error::raw(
        clap::error::ErrorKind::ValueValidation,
        format!("{message}\n"),
    )
    .into()
}

/// Carries out what was asked for; the code says how it went.
///
/// # Errors
/// When the comparison did not take place, or a file could not be written.
pub fn run(args: &Args, stop: &Stop) -> anyhow::Result<ExitCode> {
    let outputs = Outputs::check(&args.outputs).map_err(usage)?;
    if args.files.is_empty() {
        let entrants = entrants(args)?;
        let names: Vec<&str> = entrants.iter().map(Entrant::name).collect();
        let conditions = conditions(args, &names)?;
        if args.until_sure.is_some() && !judge::can_be_sure(&args.compared_figures()) {
            return Err(usage(
                "--until-sure waits for throughput and p50, and --figures leaves out both",
            ));
        }
        if let Some(cwd) = args.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
            return Err(usage(format!(
                "--cwd: there is no folder {}",
                cwd.display()
            )));
        }
        let campaign = Campaign::new(args, stop, &entrants)?;
        // Whatever cannot be written is said before anything is started.
        let outputs = outputs.create()?;
        stop.remove_at_second(outputs.unfinished());
        let measured = campaign.carry_out()?;
        finish(args, &judge::judge(measured, &conditions), outputs)
    } else {
        let mut measured = saved::read(&args.files, args.reference.as_deref()).map_err(usage)?;
        if !args.figures.is_empty() {
            measured.plan.figures = args.compared_figures();
        }
        let names: Vec<&str> = measured.servers.iter().map(|s| s.name.as_str()).collect();
        let conditions = conditions(args, &names)?;
        let outputs = outputs.create()?;
        finish(args, &judge::judge(measured, &conditions), outputs)
    }
}

/// Prints, saves, and tells how it went.
fn finish(
    args: &Args,
    comparison: &Comparison,
    outputs: Outputs<AtomicFile>,
) -> anyhow::Result<ExitCode> {
    let text = if args.json {
        results::write::comparison_to_json(comparison).context("cannot print the comparison")?
    } else {
        text::text(comparison)
    };
    // A terminal that is gone must not cost the files.
    let printed = print(&text);
    let saved = outputs.write(comparison);
    let lines: Vec<_> = saved.iter().flatten().cloned().collect();
    if args.json {
        if !args.quiet {
            lines.iter().for_each(|line| say(line));
        }
    } else if printed.is_ok() && !lines.is_empty() {
        print(&format!("\n{}\n", lines.join("\n")))?;
    }
    // A saved comparison may have been interrupted; this program was not.
    let interrupted = comparison.interrupted && args.files.is_empty();
    // Every file that can be saved is, before the first one that cannot is told.
    match saved
        .into_iter()
        .chain([printed.map(|()| String::new())])
        .find_map(Result::err)
    {
        Some(error) if interrupted => cli::report(&error),
        Some(error) => return Err(error),
        None => {}
    }
    Ok(ExitCode::from(if interrupted {
        INTERRUPTED
    } else {
        code(comparison)
    }))
}

/// How the comparison went, if all files were written and nobody ended it.
fn code(comparison: &Comparison) -> u8 {
    if comparison.any_failed() {
        // A fact, whatever the clocks say of the others.
        SERVER_FAILED
    } else if comparison.validity.verdict == Verdict::Invalid {
        INVALID
    } else if comparison.conditions.iter().any(|c| c.held) {
        CONDITION_HELD
    } else {
        0
    }
}

fn entrants(args: &Args) -> anyhow::Result<Vec<Entrant>> {
    let started = args.servers.iter().cloned().map(Entrant::Start);
    let running = args.urls.iter().cloned().map(Entrant::Runs);
    let entrants: Vec<_> = started.chain(running).collect();
    for spec in &args.servers {
        spec.check(&args.path)
            .map_err(|error| usage(cli::in_one_line(&error)))?;
    }
    Ok(entrants)
}

/// The conditions, when there are enough servers, each with a name of its own, and only such names
/// are asked for.
fn conditions(args: &Args, names: &[&str]) -> anyhow::Result<Conditions> {
    if names.len() < 2 {
        return Err(usage(
            "there is nothing to compare: name at least two servers (--server, --url) or saved runs",
        ));
    }
    let earlier = |(index, name): &(usize, &&str)| names[..*index].contains(name);
    if let Some((_, name)) = names.iter().enumerate().find(earlier) {
        return Err(usage(format!(
            "two servers are called `{name}`: give each a name of its own, as in NAME=…"
        )));
    }
    if let Some(name) = args
        .reference
        .as_deref()
        .filter(|name| !names.contains(name))
    {
        return Err(usage(format!(
            "there is no server `{name}` to compare with: there are {}",
            names.join(", ")
        )));
    }
    Conditions::parse(&args.conditions, names).map_err(usage)
}

/// Prints to standard output, in colour only where that is wanted. A reader that has gone away has
/// seen what it wanted.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot print the comparison")
        }
        _ => Ok(()),
    }
}
