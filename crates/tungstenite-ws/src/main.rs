//! `tungstenite-ws`: parse, serve, exit code.

use std::process::ExitCode;

use echo_server::ServerArgs;
use tungstenite_ws::{PROGRAM, serve};

fn main() -> ExitCode {
    cli::run(ServerArgs::command(&PROGRAM), |args: ServerArgs| {
        Ok(echo_server::run(&args, serve)?)
    })
}
