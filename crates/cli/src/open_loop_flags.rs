//! The flags of the open loop: a rate that is kept whatever the server does.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use clap::builder::TypedValueParser;
use measurement::plan::{Arrivals, Load, RateProfile, Stage};
use units::{Rate, parse_duration};

use crate::choices::{Choice, one_of};
use crate::headings::LOAD;

/// The flags of the open loop.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct OpenLoopFlags {
    /// Send at this rate over all clients, however fast the server answers: open loop (example: 20_000)
    ///
    /// Response time then counts from the intended send time. It includes every wait that a slow server causes
    /// (no coordinated omission).
    #[arg(short, long, value_name = "MSG/S", group = "open", help_heading = LOAD)]
    pub rate: Option<Rate>,

    /// Raise the rate linearly from 0 to --rate during this time, which is part of the measured phase (example: 10s)
    ///
    /// The clients send nothing during the warm-up then.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = LOAD)]
    pub ramp: Option<Duration>,

    /// Send at several rates, one after the other, in place of --rate and -d (example: 10s:1000,20s:5000)
    #[arg(long, value_name = "TIME:MSG/S,...", value_delimiter = ',', group = "open",
          conflicts_with_all = ["rate", "ramp", "messages", "duration"], help_heading = LOAD)]
    pub stages: Vec<Stage>,

    /// Intervals between messages in open loop (example: poisson)
    #[arg(long, value_parser = arrivals(), default_value = CONSTANT, requires = "open", help_heading = LOAD)]
    pub arrivals: Arrivals,
}

/// The default of `--arrivals`.
const CONSTANT: &str = "constant";

const ARRIVALS: [Choice<Arrivals>; 2] = [
    (
        CONSTANT,
        "Equal intervals; clients take turns",
        Arrivals::Constant,
    ),
    (
        "poisson",
        "Exponential intervals, as of many independent users",
        Arrivals::Poisson,
    ),
];

/// The parser of `--arrivals`.
pub fn arrivals() -> impl TypedValueParser<Value = Arrivals> {
    one_of(&ARRIVALS)
}

impl OpenLoopFlags {
    /// The open loop of these flags, with at most `window` messages in flight per client; `None` in closed loop.
    pub fn load(&self, window: Option<NonZeroU32>) -> Option<Load> {
        let profile = match (self.rate, self.ramp) {
            (Some(rate), Some(ramp)) => RateProfile::ramp(rate, ramp),
            (Some(rate), None) => RateProfile::constant(rate),
            (None, _) => RateProfile::stages(&self.stages)?,
        };
        Some(Load::Open {
            profile,
            arrivals: self.arrivals,
            window,
        })
    }
}
