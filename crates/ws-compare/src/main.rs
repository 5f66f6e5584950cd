//! `ws-compare`: see the library.

use std::process::ExitCode;

use clap::CommandFactory;
use ws_compare::cli::Args;
use ws_compare::{compare, signals};

fn main() -> ExitCode {
    command_line::run(Args::command(), |args: Args| {
        signals::until_second(move |stop| compare::run(&args, stop))
    })
}
