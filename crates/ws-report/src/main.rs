//! `ws-report`: one page about one run of ws-bench, or about several beside each other.

mod args;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    cli::run(args::Cli::command(), |cli: args::Cli| {
        cli.run().map(|()| ExitCode::SUCCESS).or_else(|error| {
            cli::print_error(&error);
            Ok(args::exit_code_of(&error))
        })
    })
}
