//! `tungstenite-ws`: parse, serve, exit code.

use std::process::ExitCode;

use echo_server::Args;
use tungstenite_ws::{PROGRAM, serve};

fn main() -> ExitCode {
    cli::run(Args::command(&PROGRAM), |args: Args| {
        Ok(echo_server::run(&args, serve)?)
    })
}
