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
    /// Open loop: so many messages per second over all clients, whatever the server does (example: 20_000)
    ///
    /// Response time then counts from when a message was due, so that it holds all the waiting that a
    /// slow server causes (no coordinated omission).
    #[arg(short, long, value_name = "MSG/S", group = "open", help_heading = LOAD)]
    pub rate: Option<Rate>,

    /// Let the rate rise from 0 in a straight line for so long; part of what is measured (example: 10s)
    ///
    /// The warm-up sends nothing then: the clients are connected, and wait.
    #[arg(long, value_name = "TIME", requires = "rate", value_parser = parse_duration, help_heading = LOAD)]
    pub ramp: Option<Duration>,

    /// Open loop, one rate after the other, in place of --rate and -d (example: 10s:1000,20s:5000)
    #[arg(long, value_name = "TIME:MSG/S,...", value_delimiter = ',', group = "open",
          conflicts_with_all = ["rate", "ramp", "messages", "duration"], help_heading = LOAD)]
    pub stages: Vec<Stage>,

    /// Spacing of messages in open loop: evenly, or at random as many users send (example: poisson)
    #[arg(long, value_parser = arrivals(), default_value = CONSTANT, requires = "open", help_heading = LOAD)]
    pub arrivals: Arrivals,
}

/// The default of `--arrivals`.
const CONSTANT: &str = "constant";

const ARRIVALS: [Choice<Arrivals>; 2] = [
    (CONSTANT, "Evenly; clients take turns", Arrivals::Constant),
    (
        "poisson",
        "At random, independent of each other",
        Arrivals::Poisson,
    ),
];

/// The parser of `--arrivals`.
pub fn arrivals() -> impl TypedValueParser<Value = Arrivals> {
    one_of(&ARRIVALS)
}

impl OpenLoopFlags {
    /// The open loop of these flags, with at most `window` messages of a client in flight; `None` in
    /// closed loop.
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
