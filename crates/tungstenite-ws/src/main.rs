//! `tungstenite-ws`: parse, serve, exit code.

use std::process::ExitCode;

use echo_server::ServerArgs;
use tungstenite_ws::{PROGRAM, serve};

fn main() -> ExitCode {
    cli::run(ServerArgs::command(&PROGRAM), |args: ServerArgs| {
        echo_server::run(&args, serve)
            .map_err(|error| cli::with_advice(&error, echo_server::advice(&error)))
    })
}
