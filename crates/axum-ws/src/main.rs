//! `axum-ws`: parse, serve, exit code.

use std::process::ExitCode;

use axum_ws::{PROGRAM, serve};
use echo_server::Args;

fn main() -> ExitCode {
    let args = Args::parse(&PROGRAM);
    match echo_server::run(&args, serve).map_err(anyhow::Error::from) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
