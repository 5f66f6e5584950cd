//! `draw-plot`: draws the latencies of a spreadsheet with their moving average.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;
mod flag_advice;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    ::cli::run(cli::PlotArgs::command(), |args: cli::PlotArgs| {
        args.validate()?.run()?;
        Ok(ExitCode::SUCCESS)
    })
}
