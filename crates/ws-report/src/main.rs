//! `ws-report`: one page about one run of ws-bench, or about several beside each other.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {}", results::in_one_line(e.as_ref()));
            cli::exit_code_of(&e)
        }
    }
}
