//! Endurance test of a server: ordinary load and misbehaving clients, with checks from outside the server.
//!
//! | module | contents |
//! |---|---|
//! | `args` | the command line |
//! | `soak` | the test and its report |
//! | `server_process` | the server under test as a child process |
//! | `process_monitor` | memory and open files of that process, and their trend |
//! | `misbehaviour` | the kinds of misbehaviour of a client |
//! | `raw_client` | a blocking client that sends any bytes and checks the answer |
//! | `mutate` | frames, and valid bytes with random alterations |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod misbehaviour;
mod mutate;
mod process_monitor;
mod raw_client;
mod server_process;
mod soak;

use std::process::ExitCode;

use clap::CommandFactory;
use cli::ExitStatus::{Failed, Success};

use crate::args::SoakArgs;

fn main() -> ExitCode {
    cli::run(SoakArgs::command(), |args: SoakArgs| {
        let report = soak::run(&args)?;
        eprintln!("{report}");
        let is_fine = report.is_fine();
        Ok(if is_fine { Success } else { Failed })
    })
}
