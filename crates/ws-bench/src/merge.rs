//! `ws-merge`: one run out of the results of several shards.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueHint};
use cli::ExitStatus;
use cli::headings::OUTPUT;
use cli::interrupt::{InterruptReaction, Interrupts, run_until_second_interrupt};
use measurement::run::thresholds::Condition;

use crate::outputs::RunOutputs;
use crate::plot;
use crate::publish::{PublishedOutcome, ReportFlags, publish};
use crate::run::status_of_error;
use crate::with_connect_advice;

/// Adds up the results of the shards of a run: one summary, exact to the bucket of every histogram.
///
/// The run is complete, or degraded when a shard is missing, died, started late or had another plan. Each of them is
/// named. The verdict is that on the shards with a complete result.
#[derive(Debug, Clone, Parser)]
#[command(name = "ws-merge", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-merge results/                               the latest run in this folder
  ws-merge results/ -o run.xlsx -o run.json       its spreadsheet and its summary
  ws-merge results/ --fail-if 'p99>10ms'          a check for CI

Exit codes:
    0  success
    1  no result, or a file could not be written
    2  wrong usage
    3  degraded; or some connections or messages failed
    4  a --fail-if condition holds
    5  the measurement is invalid
  130  a shard was interrupted

If several apply, the exit code is the first of 130, 1, 3 (degraded), 5, 3, 4.")]
pub(crate) struct MergeArgs {
    /// Folder with the results of the shards: the --shard-dir of ws-bench
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,

    /// File to write, repeatable: .xlsx (everything), .csv (single messages), .json (summary),
    /// .hlog (HdrHistogram log). Existing files are replaced (example: run.json)
    #[arg(short, long = "output", value_name = "FILE", help_heading = OUTPUT)]
    outputs: Vec<PathBuf>,

    /// Draw the run, as draw-plot does (example: run.png)
    #[arg(long, value_name = "PNG|SVG", help_heading = OUTPUT)]
    plot: Option<PathBuf>,

    /// Exit with code 4 if this condition holds, repeatable, as in ws-bench (example: 'p99>10ms')
    #[arg(long = "fail-if", value_name = "EXPR", help_heading = OUTPUT)]
    conditions: Vec<Condition>,

    /// Print the summary as one JSON document instead of text
    #[arg(long, help_heading = OUTPUT)]
    json: bool,

    /// Print every reason of the verdict, and every shard [default: at most three]
    #[arg(short, long, help_heading = OUTPUT)]
    verbose: bool,

    /// Print no notices
    #[arg(short, long, help_heading = OUTPUT)]
    quiet: bool,
}

/// The complete program.
#[must_use]
pub fn main() -> ExitCode {
    cli::run(MergeArgs::command(), |args: MergeArgs| {
        let reaction = InterruptReaction {
            announcement: "",
            stop: Box::new(|| {}),
            is_final: Box::new(|| false),
            clean_up: || {},
        };
        run_until_second_interrupt(reaction, move |interrupts| merge(&args, interrupts)).or_else(
            |error| {
                cli::print_error(&with_connect_advice(&error));
                Ok(status_of_error(&error))
            },
        )
    })
}

fn merge(args: &MergeArgs, interrupts: &Interrupts) -> anyhow::Result<ExitStatus> {
    args.plot.as_deref().map(plot::check).transpose()?;
    let is_input = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(shards::shard_files::is_shard_file)
    };
    if let Some(path) = args.outputs.iter().find(is_input) {
        let text = format!(
            "{} has the name of a result of a shard: choose another name",
            path.display()
        );
        return Err(MergeArgs::command()
            .error(ErrorKind::ValueValidation, text)
            .into());
    }
    let outputs = RunOutputs::create(&args.outputs, args.plot.as_deref())?;
    interrupts.remove_on_abort(outputs.unfinished());
    let merged = shards::merge(&args.folder)?;
    let outcome = PublishedOutcome {
        status: merged.interrupted.then_some(ExitStatus::Interrupted),
        report: ReportFlags {
            conditions: &args.conditions,
            json: args.json,
            verbose: args.verbose,
            quiet: args.quiet,
        },
    };
    publish(merged.run, outputs, &outcome, interrupts)
}
