//! `ws-report`: one page about one run of ws-bench, or about several beside each other.

mod cli;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    command_line::run(cli::Cli::command(), |cli: cli::Cli| {
        cli.run().map(|()| ExitCode::SUCCESS).or_else(|error| {
            command_line::report(&error);
            Ok(cli::exit_code_of(&error))
        })
    })
}
