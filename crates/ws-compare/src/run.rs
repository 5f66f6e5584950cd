//! One comparison, from the checks to the exit code.

use anyhow::Context;
use cli::interrupt::Interrupts;
use cli::{ExitStatus, print_notice, print_text, print_text_while};
use measurement::run::comparison::Comparison;
use measurement::verdict::Verdict;
use results::atomic_file::AtomicFile;

use crate::args::{CompareArgs, usage_error};
use crate::experiment::Experiment;
use crate::fail_if::Conditions;
use crate::interrupt::InterruptHandle;
use crate::outputs::ComparisonFiles;
use crate::saved_runs::SavedRunsError;
use crate::{capacity_flags, process_figures, saved_runs, text, verdicts};

/// Runs the requested comparison, prints and saves it, and returns the exit status.
pub(crate) fn run(args: &CompareArgs, stop: &InterruptHandle) -> anyhow::Result<ExitStatus> {
    args.check_lone_flags().map_err(usage_error)?;
    let outputs = ComparisonFiles::check(&args.outputs).map_err(usage_error)?;
    if !args.files.is_empty() {
        return run_saved(args, &stop.interrupts, outputs);
    }
    let candidates = [args.servers.as_slice(), &args.urls].concat();
    for candidate in &candidates {
        candidate
            .check_url(&args.path)
            .map_err(|error| usage_error(cli::in_one_line(&error)))?;
    }
    let names: Vec<&str> = candidates.iter().map(|c| c.name.as_str()).collect();
    let conditions = conditions(&args.conditions, args.reference.as_deref(), &names)?;
    capacity_flags::check(args, &conditions).map_err(usage_error)?;
    process_figures::check(&args.figures, &conditions, &candidates).map_err(usage_error)?;
    if let Some(cwd) = args.cwd.as_ref().filter(|cwd| !cwd.is_dir()) {
        return Err(usage_error(format!(
            "--cwd: there is no folder {}",
            cwd.display()
        )));
    }
    let experiment = Experiment::new(args, stop, &candidates, &conditions)?;
    // Errors of files are reported before anything is started.
    let outputs = create(outputs)?;
    stop.interrupts.remove_on_abort(outputs.unfinished());
    let comparison = experiment.run()?;
    stop.keep_rounds();
    finish(args, &stop.interrupts, comparison, &conditions, outputs)
}

/// Compares saved runs, or reads a saved comparison.
fn run_saved(
    args: &CompareArgs,
    interrupts: &Interrupts,
    outputs: ComparisonFiles,
) -> anyhow::Result<ExitStatus> {
    let read = saved_runs::read(&args.files, args.reference.as_deref());
    let mut comparison = read.map_err(|error| match error {
        SavedRunsError::Unreadable(why) => anyhow::anyhow!(why),
        SavedRunsError::Refused(why) => usage_error(why),
    })?;
    if !args.quiet {
        let decoded = saved_runs::decoded_files(&args.files);
        decoded.iter().for_each(|line| print_notice(line));
    }
    if !args.figures.is_empty() {
        comparison.plan.figures = args.compared_figures();
    }
    let servers = comparison.servers.iter();
    let names: Vec<&str> = servers.map(|server| server.name.as_str()).collect();
    // The conditions of a saved comparison stay, unless there are others.
    let saved = comparison.conditions.iter();
    let saved: Vec<_> = saved.map(|own| own.expression.clone()).collect();
    let asked = match args.conditions.as_slice() {
        [] => &saved,
        given => given,
    };
    let conditions = conditions(asked, args.reference.as_deref(), &names)?;
    finish(args, interrupts, comparison, &conditions, create(outputs)?)
}

/// Creates all files. Reports every file that cannot be created.
fn create(outputs: ComparisonFiles) -> anyhow::Result<ComparisonFiles<AtomicFile>> {
    let (files, errors) = outputs.create();
    cli::print_all_but_last(errors)?;
    Ok(files)
}

fn finish(
    args: &CompareArgs,
    interrupts: &Interrupts,
    comparison: Comparison,
    conditions: &Conditions,
    outputs: ComparisonFiles<AtomicFile>,
) -> anyhow::Result<ExitStatus> {
    let comparison = &verdicts::add_verdicts(comparison, conditions);
    let text = if args.json {
        results::write::comparison_to_json(comparison).context("cannot print the comparison")?
    } else {
        text::text(comparison, args.verbose)
    };
    // A saved comparison may have been interrupted, but this program was not.
    let interrupted = comparison.interrupted && args.files.is_empty();
    let status = if interrupted {
        ExitStatus::Interrupted
    } else {
        exit_status(comparison)
    };
    // The files are saved even if the reader of the text is blocked.
    let (printed, saved) = print_text_while(&text, || {
        let saved = outputs.write(comparison);
        let all_saved = interrupted || saved.iter().all(Result::is_ok);
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
        if !args.quiet {
            lines.iter().for_each(|line| print_notice(line));
        }
    } else if printed.is_ok() && !lines.is_empty() {
        print_text(&format!("\n{}\n", lines.join("\n"))).context(NOT_PRINTED)?;
    }
    // Every file that can be saved is saved before the first error is reported.
    let results = saved.into_iter().chain([printed.map(|()| String::new())]);
    let reported = cli::print_all_but_last(results.filter_map(Result::err));
    if !interrupted {
        reported?;
    } else if let Err(error) = reported {
        cli::print_error(&error);
    }
    Ok(status)
}

const NOT_PRINTED: &str = "cannot print the comparison";

/// The exit status of a comparison that was not interrupted and whose files were all written.
fn exit_status(comparison: &Comparison) -> ExitStatus {
    if comparison.any_failed() {
        // A failure is a fact, independent of the validity of the other runs.
        ExitStatus::SomeFailed
    } else if comparison.validity.verdict == Verdict::Invalid {
        ExitStatus::Invalid
    } else if comparison.conditions.iter().any(|c| c.held) {
        ExitStatus::ConditionHeld
    } else {
        ExitStatus::Success
    }
}

/// Checks the names of the servers, and parses the conditions on them.
fn conditions(
    expressions: &[String],
    reference: Option<&str>,
    names: &[&str],
) -> anyhow::Result<Conditions> {
    if names.len() < 2 {
        return Err(usage_error(
            "there is nothing to compare: name at least two servers (--server, --url) or saved runs",
        ));
    }
    let earlier = |(index, name): &(usize, &&str)| names[..*index].contains(name);
    if let Some((_, name)) = names.iter().enumerate().find(earlier) {
        return Err(usage_error(format!(
            "two servers are called `{name}`: give each its own name, as in NAME=…"
        )));
    }
    if let Some(name) = reference.filter(|name| !names.contains(name)) {
        return Err(usage_error(format!(
            "there is no server `{name}` to compare with: there are {}",
            names.join(", ")
        )));
    }
    Conditions::parse(expressions, names).map_err(usage_error)
}
