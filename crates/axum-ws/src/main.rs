//! `axum-ws`: parse, serve, exit code.

use std::process::ExitCode;

use axum_ws::{PROGRAM, serve};
use echo_server::ServerArgs;

fn main() -> ExitCode {
    cli::run(ServerArgs::command(&PROGRAM), |args: ServerArgs| {
        Ok(echo_server::run(&args, serve)?)
    })
}
