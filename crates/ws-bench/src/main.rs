//! `ws-bench`: measures the latency and throughput of a WebSocket server.
//!
//! | module | what lives there |
//! |---|---|
//! | `args` | what can be typed, and what it means: the plan, the outputs, how to report |
//! | `bench` | one run from check to exit code |
//! | `embedded` | an echo server of ours inside the process |
//! | `show` | the flags of who looks on |
//! | `standing` | how a run stands: what every display shares |
//! | `display` | a thread that shows it |
//! | `progress` | the progress bar |
//! | `tui` | the live screen |
//! | `metrics` | the same for Prometheus |
//! | `report` | the summary as text |
//! | `picture` | what `--plot` asks for |
//! | `signals` | Ctrl-C, or a terminal that is closed: once ends the run, twice the program |

mod args;
mod bench;
mod display;
mod embedded;
mod metrics;
mod picture;
mod progress;
mod report;
mod show;
mod signals;
mod standing;
mod tui;

use std::process::ExitCode;

use clap::CommandFactory;

fn main() -> ExitCode {
    cli::run(args::Args::command(), |args: args::Args| {
        args.check()?;
        signals::until_second(move |stop| bench::run(&args, stop)).or_else(|error| {
            cli::report(&error);
            Ok(bench::exit_code_of(&error))
        })
    })
}
