//! `ws-bench`: measures the latency and throughput of a WebSocket server.
//!
//! | module | what lives there |
//! |---|---|
//! | `cli` | what can be typed, and what it means: the plan, the outputs, how to report |
//! | `bench` | one run from check to exit code |
//! | `embedded` | an echo server of ours inside the process |
//! | `progress` | how the run stands, on a terminal |
//! | `report` | the summary as text |
//! | `picture` | what `--plot` asks for |
//! | `signals` | Ctrl-C: once ends the run, twice the program |

mod bench;
mod cli;
mod embedded;
mod picture;
mod progress;
mod report;
mod signals;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    command_line::run(cli::Args::command(), |args: cli::Args| {
        signals::until_second(move |stop| bench::run(&args, stop)).or_else(|error| {
            command_line::report(&error);
            Ok(bench::exit_code_of(&error))
        })
    })
}
