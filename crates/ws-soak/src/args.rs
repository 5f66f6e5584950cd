//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum, ValueHint};

use crate::misbehaviour::Misbehaviour;

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
pub(crate) struct SoakArgs {
    /// For how long (example: 10m)
    #[arg(short, long, value_name = "TIME", default_value = "1m", value_parser = units::parse_duration, help_heading = ABUSE)]
    pub(crate) duration: Duration,

    /// Nothing but requests or frames altered at random, as fast as it goes, without ordinary load [default:
    /// all misdeeds, beside it] (example: frames)
    #[arg(long, value_enum, help_heading = ABUSE)]
    pub(crate) fuzz: Option<FuzzTarget>,

    /// Misbehaving clients at a time (example: 8)
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = ABUSE)]
    pub(crate) abusers: u64,

    /// Every random choice follows from it (example: 7)
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = ABUSE)]
    pub(crate) seed: u64,

    /// The server's program and flags; it says on its first line where it listens (example: axum-ws --bind
    /// 127.0.0.1:0)
    #[arg(required = true, last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,
}

const ABUSE: &str = "Abuse";

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FuzzTarget {
    /// The path from the first byte to the upgrade
    Handshake,
    /// The path behind it
    Frames,
}

impl SoakArgs {
    /// The misbehaviours to choose from.
    pub(crate) fn misbehaviours(&self) -> &'static [Misbehaviour] {
        match self.fuzz {
            None => Misbehaviour::value_variants(),
            Some(FuzzTarget::Handshake) => &[Misbehaviour::MutatedHandshake],
            Some(FuzzTarget::Frames) => &[Misbehaviour::MutatedFrames],
        }
    }
}
