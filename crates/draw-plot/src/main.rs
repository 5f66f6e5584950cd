//! `draw-plot`: draws the latencies of a spreadsheet with their moving average.

mod cli;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    command_line::run(cli::Cli::command(), |cli: cli::Cli| {
        cli.checked()?.run()?;
        Ok(ExitCode::SUCCESS)
    })
}
