//! `draw-plot`: draws the latencies of a spreadsheet with their moving average.

mod args;
mod flag_advice;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    cli::run(args::Cli::command(), |cli: args::Cli| {
        cli.checked()?.run()?;
        Ok(ExitCode::SUCCESS)
    })
}
