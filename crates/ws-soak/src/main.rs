//! Endurance test of a server: ordinary load beside clients that misbehave, watched from outside.
//!
//! | module | contents |
//! |---|---|
//! | `soak` | the whole test, and its report |
//! | `server_process` | the server under test as a child process |
//! | `process_monitor` | memory and open files of that process, and their trend |
//! | `misbehaviour` | what a client can do wrong |
//! | `raw_client` | a blocking client that sends any bytes and judges the answer |
//! | `mutate` | frames, and bytes that are nearly right |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod misbehaviour;
mod mutate;
mod process_monitor;
mod raw_client;
mod server_process;
mod soak;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, ValueEnum, ValueHint};
use cli::ExitStatus::{Failed, Success};

use crate::misbehaviour::Misbehaviour;
use crate::soak::Soak;

/// Soaks a server: ordinary load, clients that misbehave, and a witness who asks every second whether all is
/// well. Memory, open files and log lines are watched.
#[derive(Debug, Parser)]
#[command(name = "ws-soak", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-soak -d 10m -- target/release/axum-ws --bind 127.0.0.1:0 --idle-timeout 2s
  ws-soak --fuzz handshake -- target/release/tungstenite-ws --bind 127.0.0.1:0

Exit codes:
  0  it bore all of it
  1  it did not, or could not be started
  2  usage")]
struct SoakArgs {
    /// For how long (example: 10m)
    #[arg(short, long, value_name = "TIME", default_value = "1m", value_parser = units::parse_duration, help_heading = ABUSE)]
    duration: Duration,

    /// Nothing but requests or frames altered at random, as fast as it goes, without ordinary load [default:
    /// all misdeeds, beside it] (example: frames)
    #[arg(long, value_enum, help_heading = ABUSE)]
    fuzz: Option<FuzzTarget>,

    /// Misbehaving clients at a time (example: 8)
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = ABUSE)]
    abusers: u64,

    /// Every random choice follows from it (example: 7)
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = ABUSE)]
    seed: u64,

    /// The server's program and flags; it says on its first line where it listens (example: axum-ws --bind
    /// 127.0.0.1:0)
    #[arg(required = true, last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    command: Vec<String>,
}

const ABUSE: &str = "Abuse";

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FuzzTarget {
    /// The path from the first byte to the upgrade
    Handshake,
    /// The path behind it
    Frames,
}

fn main() -> ExitCode {
    cli::run(SoakArgs::command(), |args: SoakArgs| {
        let report = soak::run(&args.soak(), &args.command)?;
        eprintln!("{report}");
        let is_fine = report.is_fine();
        Ok(if is_fine { Success } else { Failed })
    })
}

impl SoakArgs {
    fn soak(&self) -> Soak {
        Soak {
            duration: self.duration,
            with_load: self.fuzz.is_none(),
            misbehaviours: match self.fuzz {
                None => Misbehaviour::value_variants().to_vec(),
                Some(FuzzTarget::Handshake) => vec![Misbehaviour::MutatedHandshake],
                Some(FuzzTarget::Frames) => vec![Misbehaviour::MutatedFrames],
            },
            abusers: self.abusers,
            seed: self.seed,
        }
    }
}
