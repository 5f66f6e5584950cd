//! The flags of the generator threads.

use std::num::NonZeroUsize;

use clap::Args;

use crate::choices::up_to;
use crate::headings::LOAD;

/// The flags of the generator threads.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct GeneratorFlags {
    /// Generator threads, at most one per client [default: number of CPUs] (example: 1)
    #[arg(long, value_name = "N", value_parser = up_to::<NonZeroUsize>(4096_u64), help_heading = LOAD)]
    pub threads: Option<NonZeroUsize>,

    /// Keep generator threads awake: send lag of about 1 µs instead of tens of µs, at the cost of one core per thread
    #[arg(long, help_heading = LOAD)]
    pub busy_poll: bool,
}

impl GeneratorFlags {
    /// The number of threads, by default the number of CPUs.
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}
