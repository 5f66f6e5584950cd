//! The command line.

use std::time::Duration;

use clap::{Parser, ValueEnum, ValueHint};

use crate::misbehaviour::Misbehaviour;

/// Stress-tests a WebSocket server: ordinary load, misbehaving clients, and a check every second that the server still
/// answers. Reports growth of memory and open files
#[derive(Debug, Parser)]
#[command(name = "ws-soak", version, max_term_width = 100)]
#[command(after_help = "\
Examples:
  ws-soak -d 10m -- target/release/axum-ws --bind 127.0.0.1:0 --idle-timeout 2s
  ws-soak --fuzz handshake -- target/release/tungstenite-ws --bind 127.0.0.1:0

Ordinary load: closed loop, every echo verified, in runs of 5 s that take turns:
  50 clients, window 1, 16 B to 125 B
  10 clients, window 64, 16 B to 200 B
  20 clients, window 4, 1 B to 20,000 B
  4 clients, window 2, 100,000 B to 1,000,000 B

A test fails when
  - a message of the ordinary load is lost, late or corrupted, or its connection ends
  - the check of each second does not get its echo within 10 s
  - the server gives an answer that HTTP or WebSocket does not allow
  - memory grows: a line through the readings of each second, without the first fifth, rises by more than
    32 MiB and by more than half of the smallest reading. Fewer than 10 readings are not judged
  - more than 4 open files are left 20 s after the load
  - the server logs an error, or does not end with status 0 within 20 s after SIGTERM

Exit codes:
  0    all checks passed
  1    a check failed, or the server could not be started
  2    wrong usage
  130  interrupted, without a report")]
pub(crate) struct SoakArgs {
    /// Length of the test (example: 10m)
    #[arg(short, long, value_name = "TIME", default_value = "1m", value_parser = units::parse_duration, help_heading = ABUSE)]
    pub(crate) duration: Duration,

    /// Send only requests or frames with random changes, without ordinary load [default: all kinds of misbehaviour, with
    /// ordinary load] (example: frames)
    #[arg(long, value_enum, help_heading = ABUSE)]
    pub(crate) fuzz: Option<FuzzTarget>,

    /// Number of misbehaving clients (example: 8)
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = units::parse_count, help_heading = ABUSE)]
    pub(crate) abusers: u64,

    /// Seed of all random choices; the same seed repeats them (example: 7)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = units::parse_count, help_heading = ABUSE)]
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
