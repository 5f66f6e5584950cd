//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum, ValueHint};

use crate::misbehaviour::Misbehaviour;

/// Stress-tests a WebSocket server: ordinary load, clients that misbehave, and a check every second that the server
/// still answers. Reports growth of memory and open files.
#[derive(Debug, Parser)]
#[command(name = "ws-soak", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-soak -d 10m -- target/release/axum-ws --bind 127.0.0.1:0 --idle-timeout 2s
  ws-soak --fuzz handshake -- target/release/tungstenite-ws --bind 127.0.0.1:0

Exit codes:
  0  all checks passed
  1  a check failed, or the server could not be started
  2  wrong usage")]
pub(crate) struct SoakArgs {
    /// Length of the test (example: 10m)
    #[arg(short, long, value_name = "TIME", default_value = "1m", value_parser = units::parse_duration, help_heading = ABUSE)]
    pub(crate) duration: Duration,

    /// Send only requests or frames with random changes, without ordinary load [default: all kinds of misbehaviour,
    /// under load] (example: frames)
    #[arg(long, value_enum, help_heading = ABUSE)]
    pub(crate) fuzz: Option<FuzzTarget>,

    /// Number of misbehaving clients (example: 8)
    #[arg(long, value_name = "N", default_value_t = 4, help_heading = ABUSE)]
    pub(crate) abusers: u64,

    /// Seed of all random choices, so that tests can be repeated (example: 7)
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = ABUSE)]
    pub(crate) seed: u64,

    /// Command that starts the server, whose first line of output must be `listening on URL` (example: axum-ws --bind
    /// 127.0.0.1:0)
    #[arg(required = true, last = true, value_name = "COMMAND", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,
}

const ABUSE: &str = "Load";

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FuzzTarget {
    /// Requests before the upgrade
    Handshake,
    /// Frames after the upgrade
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
