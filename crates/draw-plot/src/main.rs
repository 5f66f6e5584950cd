//! `draw-plot`: draws the latencies of a spreadsheet with their moving average.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().checked().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", results::in_one_line(e.as_ref()));
            ExitCode::FAILURE
        }
    }
}
