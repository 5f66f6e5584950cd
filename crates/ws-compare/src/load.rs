//! The load of every run: the flags of ws-bench, and the plans that they make here.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use measurement::plan::{Length, Load, PlanDraft, Target, Trust, Verify};
use measurement::units::{Rate, SizeRange, parse_duration, parse_positive};

/// TEMPORARY stand-in for ws-bench's own.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// Connections
    #[arg(short, long, value_name = "N", default_value = "100")]
    pub clients: NonZeroU32,
    /// Measured messages per client
    #[arg(short, long, value_name = "N", conflicts_with = "duration")]
    pub messages: Option<NonZeroU64>,
    /// Measured time of each run
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Payload
    #[arg(short, long, value_name = "SIZE", default_value = "125")]
    pub size: SizeRange,
    /// Binary messages
    #[arg(long)]
    pub binary: bool,
    /// Window
    #[arg(short, long, value_parser = |t: &str| parse_positive::<NonZeroU32>(t, 65536))]
    pub window: Option<NonZeroU32>,
    /// Rate
    #[arg(short, long)]
    pub rate: Option<Rate>,
    /// Warm-up
    #[arg(long, default_value = "500ms", value_parser = parse_duration)]
    pub warmup: Duration,
    /// Threads
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// Seed
    #[arg(long)]
    pub seed: Option<u64>,
}

impl LoadArgs {
    /// The plan's figures for a server there.
    pub fn draft(&self, target: Target) -> PlanDraft {
        PlanDraft {
            target,
            trust: Trust::System,
            embedded: None,
            clients: self.clients,
            length: match self.messages {
                Some(n) => Length::MessagesPerClient(n),
                None => Length::Duration(self.duration),
            },
            payload: self.size,
            text: !self.binary,
            load: Load::Closed {
                window: self.window.unwrap_or(NonZeroU32::MIN),
            },
            connect_rate: None,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            warmup: self.warmup,
            verify: Verify::Full,
            threads: self
                .threads
                .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
            pin: Vec::new(),
            busy_poll: false,
            headers: http::HeaderMap::default(),
            seed: 0,
            max_samples: 1_000_000,
        }
    }
}
