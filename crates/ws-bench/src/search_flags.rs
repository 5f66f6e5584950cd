//! Flags of capacity searches and sweeps, and the flags that cannot be combined with them.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use cli::headings::SEARCH;
use measurement::load_search::{
    CapacityCondition, CapacityRules, LoadSearchError, SweepRules, parse_budget, parse_precision,
};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile};
use scenario::Scenario;
use units::Rate;

use crate::args::BenchArgs;

/// Flags of capacity searches and sweeps.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = SEARCH)]
pub(crate) struct SearchFlags {
    /// Find the highest rate at which this condition holds: the capacity, with its interval. Repeatable; all conditions must
    /// hold (example: 'p99<10ms')
    ///
    /// Open loop. The search chooses the rates. The conditions are those of --fail-if, but say what must hold. Messages that
    /// are lost, late, corrupted or never sent count as slower than any limit. The other figures of the report are those of
    /// the last step, at the capacity.
    #[arg(long, value_name = "COND")]
    pub(crate) find_capacity: Vec<CapacityCondition>,

    /// End the search when the interval of the capacity is this narrow: its half-width as a percentage of the capacity
    /// [default: 3%] (example: 5%)
    #[arg(long, value_name = "PERCENT%", value_parser = parse_precision)]
    pub(crate) precision: Option<f64>,

    /// End the search after this time at the latest, calibration and drains included [default: 2m] (example: 5m)
    #[arg(long, value_name = "TIME", value_parser = parse_budget)]
    pub(crate) budget: Option<Duration>,

    /// Measure at several rates, from A to B at equal ratios, in random order: the load curve. N rates, 8 by default, -d at
    /// each, 10s by default (examples: 1000..100_000, 1000..100_000:12)
    ///
    /// Open loop. The server answers everything before the next rate begins. The other figures of the report are those of the
    /// highest rate that the server kept up with.
    #[arg(long, value_name = "A..B[:N]")]
    pub(crate) sweep: Option<SweepRules>,
}

/// The rates that a run offers one after the other.
#[derive(Debug, Clone)]
pub(crate) enum SeveralRates {
    /// Those that find the capacity.
    Search(CapacityRules),
    /// Those of a load curve.
    Sweep(SweepRules),
}

/// A combination of flags that cannot be measured.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotSearchable(String);

impl SearchFlags {
    /// The rules of the search or the sweep; `None` for any other run. `point`: the time at each rate of a sweep.
    pub(crate) fn rates(&self, point: Option<Duration>) -> Option<SeveralRates> {
        if let Some(sweep) = &self.sweep {
            let mut rules = sweep.clone();
            rules.point = point.unwrap_or(rules.point);
            return Some(SeveralRates::Sweep(rules));
        }
        if self.find_capacity.is_empty() {
            return None;
        }
        let mut rules = CapacityRules::new(self.find_capacity.clone());
        rules.precision = self.precision.unwrap_or(rules.precision);
        rules.budget = self.budget.unwrap_or(rules.budget);
        Some(SeveralRates::Search(rules))
    }

    /// The flag of the search or the sweep; `None` for any other run.
    pub(crate) fn flag(&self) -> Option<&'static str> {
        match (&self.find_capacity[..], &self.sweep) {
            ([_, ..], _) => Some("--find-capacity"),
            ([], Some(_)) => Some("--sweep"),
            ([], None) => None,
        }
    }

    /// Checks that the clients send messages, whose rate can be changed.
    pub(crate) fn check_scenario(&self, scenario: Option<&Scenario>) -> Result<(), NotSearchable> {
        let (Some(flag), Some(scenario)) = (self.flag(), scenario) else {
            return Ok(());
        };
        if !scenario.is_push_only() {
            return Ok(());
        }
        Err(NotSearchable(format!(
            "{flag} cannot be used with a scenario without messages (--scenario, --protocol): the server alone sets the rate of a feed. Measure it with -d, and compare runs with more --clients"
        )))
    }

    /// Checks that a run of this load has the figures of the conditions.
    pub(crate) fn check_load(&self, load: &LoadDraft) -> Result<(), LoadSearchError> {
        let conditions = self.find_capacity.iter();
        conditions
            .map(|condition| condition.check_load(load))
            .collect()
    }
}

impl SeveralRates {
    /// Puts an open loop with these arrivals and this window into the draft of a load. The rates are set while the run goes
    /// on.
    pub(crate) fn apply(
        &self,
        arrivals: Arrivals,
        window: Option<NonZeroU32>,
        draft: &mut LoadDraft,
    ) {
        let (rate, length) = match self {
            // One message per second and client: any rate that is possible.
            Self::Search(rules) => (Rate::new(draft.clients.get().into()), rules.budget),
            Self::Sweep(rules) => (rules.rates.last().copied(), rules.point),
        };
        draft.length = Length::Duration(length);
        if let Some(rate) = rate {
            draft.load = Load::Open {
                profile: RateProfile::constant(rate),
                arrivals,
                window,
            };
        }
    }

    /// Time at all rates together, without drains.
    pub(crate) fn total(&self) -> Duration {
        match self {
            Self::Search(rules) => rules.budget,
            Self::Sweep(rules) => {
                let points = u32::try_from(rules.rates.len()).unwrap_or(u32::MAX);
                rules.point.saturating_mul(points)
            }
        }
    }
}

/// A flag, whether it was given, and what to do instead.
type Excluded = (&'static str, bool, &'static str);

impl BenchArgs {
    /// The usage error of flags that cannot be combined with a search or a sweep; `None` without one.
    pub(crate) fn search_conflict(&self) -> Option<String> {
        let search = &self.search;
        let Some(flag) = search.flag() else {
            let alone = [
                ("--precision", search.precision.is_some(), "--precision 3%"),
                ("--budget", search.budget.is_some(), "--budget 2m"),
            ];
            let (flag, _, example) = alone.into_iter().find(|(_, is_given, _)| *is_given)?;
            return Some(format!(
                "{flag} needs --find-capacity, whose search it ends (example: --find-capacity 'p99<10ms' {example})"
            ));
        };
        let is_sweep = flag == "--sweep";
        let all = [
            self.excluded_by_both(is_sweep),
            self.excluded_modes(is_sweep),
            self.excluded_connections(),
        ];
        let mut all = all.into_iter().flatten();
        let (other, _, advice) = all.find(|(_, is_given, _)| *is_given)?;
        Some(format!("{other} cannot be used with {flag}: {advice}"))
    }

    /// Flags of rate and length.
    fn excluded_by_both(&self, is_sweep: bool) -> Vec<Excluded> {
        let search = &self.search;
        let rates = match is_sweep {
            true => {
                "the sweep sets the rates; leave it out, or measure a single load without --sweep"
            }
            false => {
                "the search sets the rates; leave it out, or measure a single load without --find-capacity"
            }
        };
        let length = match is_sweep {
            true => "use -d for the time at each rate",
            false => "use --budget for the length of the search",
        };
        let open = &self.open_loop;
        vec![
            (
                "--sweep",
                !is_sweep && search.sweep.is_some(),
                "run one after the other; the search reports the rates that it tried, too",
            ),
            ("--rate", open.rate.is_some(), rates),
            ("--ramp", open.ramp.is_some(), rates),
            ("--stages", !open.stages.is_empty(), rates),
            ("--messages", self.typed.has_messages, length),
            (
                "--duration",
                !is_sweep && self.load.duration.is_some(),
                length,
            ),
            (
                "--precision",
                is_sweep && search.precision.is_some(),
                "it ends a search; use -d for the time at each rate, or --find-capacity",
            ),
            (
                "--budget",
                is_sweep && search.budget.is_some(),
                "it ends a search; use -d for the time at each rate, or --find-capacity",
            ),
        ]
    }

    /// Flags of other kinds of runs.
    fn excluded_modes(&self, is_sweep: bool) -> Vec<Excluded> {
        let shards = &self.shards;
        let one_machine = "the rates depend on results of all processes; use --shards N, which runs them on this machine";
        let try_first = match is_sweep {
            true => "try the scenario first, without --sweep",
            false => "try the scenario first, without --find-capacity",
        };
        vec![
            ("--shard", shards.shard.is_some(), one_machine),
            ("--shard-dir", shards.shard_dir.is_some(), one_machine),
            ("--start-at", shards.start_at.is_some(), one_machine),
            ("--start-file", shards.start_file.is_some(), one_machine),
            ("--try", self.is_trial, try_first),
            ("--print-scenario", self.print_scenario, try_first),
        ]
    }

    /// Flags of connections that do not stay, and of slow readers: a server with them has another capacity in each step.
    fn excluded_connections(&self) -> Vec<Excluded> {
        const STAY: &str = "connections stay open from step to step; measure it at one rate (example: -r 20_000 -d 1m)";
        vec![
            ("--drop", self.storm.drop.is_some(), STAY),
            ("--reconnect", self.storm.reconnect.is_some(), STAY),
            ("--lifetime", self.connections.lifetime.is_some(), STAY),
            (
                "--messages-per-connection",
                self.connections.messages_per_connection.is_some(),
                STAY,
            ),
            (
                "--idle",
                self.storm.idle.is_some(),
                "idle connections are measured at one rate (example: -r 20_000 -d 1m)",
            ),
            (
                "--slow",
                self.slow.slow.is_some(),
                "slow readers are measured at one rate (example: -r 20_000 -d 1m)",
            ),
        ]
    }
}
