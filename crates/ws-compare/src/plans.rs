//! The plans of the runs: one load, asked for in closed loop and at a rate.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use measurement::plan::{Length, Load, Plan, PlanDraft, PlanError, Target, Trust};
use measurement::schedule::{Arrivals, RateProfile};
use units::Rate;

use crate::args::Args;
use crate::seats::Seats;

/// Share of the slowest server's capacity that the latency runs offer: a rate that every server holds.
pub const RATE_SHARE: f64 = 0.6;

/// Runs of a pilot, of which the median counts.
pub const PILOT_RUNS: u32 = 3;
/// How long each measures at most, and warms up.
const PILOT: Duration = Duration::from_secs(1);
const PILOT_WARM_UP: Duration = Duration::from_millis(300);

/// Messages of a run that are kept to see from when on it is steady; of more, a uniform choice.
const MAX_SAMPLES: u64 = 1_000_000;

/// What every run has in common.
#[derive(Debug, Clone)]
pub struct Common {
    /// The load in closed loop; its target, seed and cores are set for each run.
    pub draft: PlanDraft,
    /// Spacing of messages at a rate.
    pub arrivals: Arrivals,
    /// Most messages in flight per client at a rate; `None` = unbounded.
    pub open_window: Option<NonZeroU32>,
    /// Cores of the generator; empty = the system decides.
    pub cores: Vec<usize>,
    /// The number of threads was not asked for.
    pub threads_are_free: bool,
}

impl Common {
    /// The load that was asked for against servers like `target`.
    ///
    /// # Errors
    /// When the certificates to trust cannot be had.
    pub fn new(args: &Args, target: Target, seats: Option<&Seats>) -> anyhow::Result<Self> {
        let trust = args.load.tls.read(&target, swarm::tls::count_roots)?;
        Ok(Self {
            draft: PlanDraft {
                max_samples: MAX_SAMPLES,
                ..args.load.draft(target, trust, &args.generator)
            },
            arrivals: args.arrivals,
            open_window: args.load.window,
            cores: seats.map(|s| s.generator.clone()).unwrap_or_default(),
            threads_are_free: args.generator.threads.is_none(),
        })
    }

    fn plan(
        &self,
        target: &Target,
        seed: u64,
        change: impl FnOnce(&mut PlanDraft),
    ) -> Result<Plan, PlanError> {
        let mut draft = PlanDraft {
            target: target.clone(),
            seed,
            ..self.draft.clone()
        };
        if !draft.target.is_tls() {
            // Whom to trust is for the servers among them that have a certificate.
            draft.trust = Trust::System;
        }
        if !self.cores.is_empty() {
            draft.pin.clone_from(&self.cores);
            if let (true, Some(n)) = (self.threads_are_free, NonZeroUsize::new(self.cores.len())) {
                draft.threads = n;
            }
        }
        change(&mut draft);
        Plan::new(draft)
    }

    /// As fast as the server answers.
    ///
    /// # Errors
    /// [`PlanError`] when a figure is out of range.
    pub fn capacity(&self, target: &Target, seed: u64) -> Result<Plan, PlanError> {
        self.plan(target, seed, |_| {})
    }

    /// At a rate, whatever the server does.
    ///
    /// # Errors
    /// As [`capacity`](Self::capacity).
    pub fn latency(&self, target: &Target, seed: u64, rate: Rate) -> Result<Plan, PlanError> {
        self.plan(target, seed, |draft| {
            draft.load = Load::Open {
                profile: RateProfile::constant(rate),
                arrivals: self.arrivals,
                window: self.open_window,
            };
        })
    }

    /// A short look at what the server can do.
    ///
    /// # Errors
    /// As [`capacity`](Self::capacity).
    pub fn pilot(&self, target: &Target, seed: u64) -> Result<Plan, PlanError> {
        self.plan(target, seed, |draft| {
            draft.length = Length::Duration(match draft.length {
                Length::Duration(time) => time.min(PILOT),
                Length::MessagesPerClient(_) => PILOT,
            });
            draft.warmup = draft.warmup.min(PILOT_WARM_UP);
            draft.max_samples = 0;
        })
    }
}

/// The rate that every server holds: so much of the slowest one's capacity, rounded down to two
/// digits. `None` when there is none.
#[must_use]
pub fn rate_below(capacities: &[f64]) -> Option<Rate> {
    let slowest = capacities.iter().copied().min_by(f64::total_cmp)?;
    let rate = RATE_SHARE * slowest;
    let step = 10_f64.powf(rate.log10().floor() - 1.0);
    // A rate that is already round must not lose a step to binary fractions.
    let rounded = (rate / step + 1e-9).floor() * step;
    Rate::new(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_a_round_share_of_the_slowest() {
        let rate = |capacities: &[f64]| rate_below(capacities).map(Rate::per_second);
        assert_eq!(rate(&[100_000.0, 76_336.0]), Some(45_000.0));
        assert_eq!(rate(&[50_000.0]), Some(30_000.0));
        assert_eq!(rate(&[20.0]), Some(12.0));
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[0.0]), None);
    }
}
