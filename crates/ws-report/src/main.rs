//! `ws-report`: one page about one run of ws-bench, or about several side by side.

mod args;

use std::process::ExitCode;

use clap::CommandFactory;
use cli::ExitStatus;

fn main() -> ExitCode {
    cli::run(args::ReportArgs::command(), |args: args::ReportArgs| {
        args.run().map(|()| ExitStatus::Success).or_else(|error| {
            cli::print_error(&error);
            Ok(args::status_of(&error))
        })
    })
}
