//! `axum-ws`: parse, serve, exit code.

use std::process::ExitCode;

use axum_ws::{PROGRAM, serve};
use echo_server::Args;

fn main() -> ExitCode {
    cli::run(Args::command(&PROGRAM), |args: Args| {
        Ok(echo_server::run(&args, serve)?)
    })
}
