//! `ws-compare`: see the library.

use std::process::ExitCode;

use clap::CommandFactory;
use ws_compare::args::Args;
use ws_compare::{compare, signals};

fn main() -> ExitCode {
    cli::run(Args::command(), |args: Args| {
        signals::until_second(move |stop| compare::run(&args, stop))
    })
}
