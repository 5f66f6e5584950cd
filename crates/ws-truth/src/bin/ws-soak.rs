//! Starts a server, treats it badly beside ordinary load, and tells how it bore that.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ws_truth::abuse::Misdeed;
use ws_truth::soak::{self, Soak};

/// Soaks a server: ordinary load, clients that misbehave, and a witness who asks every second whether all
/// is well. Memory, open files and log lines are watched.
#[derive(Debug, Parser)]
#[command(name = "ws-soak", version, max_term_width = 100)]
#[command(
    after_help = "Example: ws-soak -d 10m -- target/release/axum-ws --bind 127.0.0.1:0 --idle-timeout 2s\n\
                  Exit codes: 0 it bore all of it · 1 it did not, or could not be started"
)]
struct Args {
    /// For how long (example: 10m)
    #[arg(short, long, value_name = "TIME", default_value = "1m", value_parser = measurement::units::parse_duration)]
    duration: Duration,

    /// Nothing but requests or frames altered at random, as fast as it goes, without ordinary load
    #[arg(long, value_enum)]
    fuzz: Option<Fuzz>,

    /// Misbehaving clients at a time (example: 8)
    #[arg(long, value_name = "N", default_value_t = 4)]
    abusers: u64,

    /// Every random choice follows from it (example: 7)
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// The server's program and flags; it says on its first line where it listens
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Fuzz {
    /// The path from the first byte to the upgrade
    Handshake,
    /// The path behind it
    Frames,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let misdeeds = match args.fuzz {
        None => Misdeed::ALL.to_vec(),
        Some(Fuzz::Handshake) => vec![Misdeed::MutatedHandshake],
        Some(Fuzz::Frames) => vec![Misdeed::MutatedFrames],
    };
    let soak = Soak {
        time: args.duration,
        with_load: args.fuzz.is_none(),
        misdeeds,
        abusers: args.abusers,
        seed: args.seed,
    };
    match soak::run(&soak, &args.command) {
        Ok(report) => {
            eprintln!("{report}");
            if report.is_fine() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
