//! Flags of capacity searches and sweeps, and the flags that cannot be combined with them.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::time::Duration;

use clap::Args;
use cli::headings::SEARCH;
use cli::{ConnectionFlags, OpenLoopFlags, SlowFlags, StormFlags};
use measurement::load_search::{
    CapacityCondition, CapacityRules, ConditionJudge, LoadSearchError, SweepRules, parse_precision,
};
use measurement::plan::{Arrivals, Length, Load, LoadDraft, RateProfile};
use measurement::run::PlanSummary;
use scenario::Scenario;
use units::{Rate, parse_duration};

use crate::shard_flags::ShardFlags;

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

    /// End the search after this time at the latest, calibration and drains included, 10s or longer [default: 2m] (example: 5m)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
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
    /// Rates that find the capacity.
    Search(CapacityRules),
    /// Rates of a load curve.
    Sweep(SweepRules),
}

/// A combination of flags that cannot be measured.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotSearchable(String);

/// A condition that the load cannot fulfil or break, and the flag that has it.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {typed}: {fault}")]
pub(crate) struct RefusedCondition {
    flag: &'static str,
    typed: String,
    fault: String,
}

impl RefusedCondition {
    /// The error of a condition of this flag.
    pub(crate) fn new(
        flag: &'static str,
        typed: &impl Display,
        fault: &impl std::error::Error,
    ) -> Self {
        Self {
            flag,
            typed: typed.to_string(),
            fault: fault.to_string(),
        }
    }
}

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

    /// Checks that the budget has room for the steps of a search.
    pub(crate) fn check_budget(&self) -> Result<(), LoadSearchError> {
        self.budget.map_or(Ok(()), CapacityRules::check_budget)
    }

    /// Checks that a run of this load has the figures of the conditions.
    pub(crate) fn check_load(&self, load: &LoadDraft) -> Result<(), RefusedCondition> {
        let mut conditions = self.find_capacity.iter();
        conditions.try_for_each(|condition| {
            let checked = condition.check_load(load);
            checked.map_err(|fault| RefusedCondition::new("--find-capacity", condition, &fault))
        })
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

    /// Limit of the p99 of the response time in nanoseconds; `None` without a condition on it.
    pub(crate) fn p99_limit_ns(&self) -> Option<u64> {
        let Self::Search(rules) = self else {
            return None;
        };
        let limits = rules.conditions.iter().map(CapacityCondition::judged_by);
        let mut limits = limits.filter_map(|judge| match judge {
            ConditionJudge::ResponseBeyond { limit_ns, allowed } => {
                ((allowed - 0.01).abs() < 1e-9).then_some(limit_ns)
            }
            _ => None,
        });
        limits.next()
    }

    /// Puts the rates into the plan that is reported.
    pub(crate) fn describe(&self, plan: &mut PlanSummary) {
        match self {
            Self::Search(rules) => plan.find_capacity = Some(rules.into()),
            Self::Sweep(rules) => plan.sweep = Some(rules.into()),
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

/// The flags that may exclude a search or a sweep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlagsBeside<'a> {
    pub(crate) search: &'a SearchFlags,
    pub(crate) open_loop: &'a OpenLoopFlags,
    pub(crate) has_messages: bool,
    pub(crate) has_duration: bool,
    pub(crate) connections: &'a ConnectionFlags,
    pub(crate) storm: &'a StormFlags,
    pub(crate) slow: &'a SlowFlags,
    pub(crate) shards: &'a ShardFlags,
    pub(crate) is_trial: bool,
    pub(crate) print_scenario: bool,
}

impl FlagsBeside<'_> {
    /// The usage error of flags that cannot be combined with a search or a sweep; `None` without one.
    pub(crate) fn conflict(&self) -> Option<String> {
        let search = self.search;
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
        let search = self.search;
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
        let open = self.open_loop;
        vec![
            (
                "--sweep",
                !is_sweep && search.sweep.is_some(),
                "run one after the other; the search reports the rates that it tried, too",
            ),
            ("--rate", open.rate.is_some(), rates),
            ("--ramp", open.ramp.is_some(), rates),
            ("--stages", !open.stages.is_empty(), rates),
            ("--messages", self.has_messages, length),
            ("--duration", !is_sweep && self.has_duration, length),
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
        let shards = self.shards;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use clap::Parser;
    use scenario::{ScenarioOptions, ScenarioSource};

    use super::*;
    use crate::args::BenchArgs;
    use crate::tests::plan;

    fn parse(line: &str) -> BenchArgs {
        let words = std::iter::once("ws-bench").chain(line.split_whitespace());
        BenchArgs::try_parse_from(words).unwrap()
    }

    fn usage_error(line: &str) -> clap::Error {
        let args = parse(line);
        args.check_usage().map(|()| panic!("{line}")).unwrap_err()
    }

    #[test]
    fn a_search_has_conditions_a_precision_and_a_budget() {
        assert!(parse("-r 5 -d 5s").several_rates().is_none());
        let line = "--find-capacity p99<10ms --find-capacity lost==0";
        let Some(SeveralRates::Search(rules)) = parse(line).several_rates() else {
            panic!("no search");
        };
        let conditions: Vec<_> = rules.conditions.iter().map(ToString::to_string).collect();
        assert_eq!(conditions, ["p99<10ms", "lost==0"]);
        assert_eq!(
            (rules.precision, rules.budget),
            (0.03, Duration::from_secs(120))
        );
        let line = format!("{line} --precision 1% --budget 5m");
        let Some(SeveralRates::Search(rules)) = parse(&line).several_rates() else {
            panic!("no search");
        };
        assert_eq!(
            (rules.precision, rules.budget),
            (0.01, Duration::from_secs(300))
        );
    }

    #[test]
    fn a_sweep_has_rates_and_a_time_at_each() {
        let sweep = |line: &str| match parse(line).several_rates() {
            Some(SeveralRates::Sweep(rules)) => rules,
            other => panic!("{other:?}"),
        };
        let rules = sweep("--sweep 1000..100_000");
        assert_eq!(
            (rules.rates.len(), rules.point),
            (8, Duration::from_secs(10))
        );
        let rules = sweep("--sweep 1000..100_000:12 -d 3s");
        assert_eq!(
            (rules.rates.len(), rules.point),
            (12, Duration::from_secs(3))
        );
        let total = SeveralRates::Sweep(rules).total();
        assert_eq!(total, Duration::from_secs(36));
    }

    #[test]
    fn several_rates_are_an_open_loop() {
        let open = |line: &str| match plan(line).load.clone() {
            Load::Open {
                profile,
                arrivals,
                window,
            } => (profile.rate_at(0.0), arrivals, window.map(NonZeroU32::get)),
            closed @ Load::Closed { .. } => panic!("{closed:?}"),
        };
        assert_eq!(
            open("--find-capacity p99<10ms -c 50"),
            (50.0, Arrivals::Constant, None)
        );
        assert_eq!(
            open("--sweep 10..1000 --arrivals poisson -w 3"),
            (1_000.0, Arrivals::Poisson, Some(3))
        );
        let length = |line: &str| plan(line).measured_time();
        assert_eq!(
            length("--find-capacity p99<10ms"),
            Some(CapacityRules::DEFAULT_BUDGET)
        );
        assert_eq!(
            length("--sweep 10..1000 -d 2s"),
            Some(Duration::from_secs(2))
        );
    }

    /// The budget of a search and all rates of a sweep decide whether the generator is calibrated.
    #[test]
    fn several_rates_are_calibrated_like_a_long_run() {
        let calibrates = |line: &str| parse(line).needs_calibration(&plan(line));
        assert!(calibrates("--find-capacity p99<10ms"));
        assert!(calibrates("--sweep 10..1000:5 -d 1s"));
        assert!(!calibrates("--sweep 10..1000:4 -d 1s"));
        assert!(!calibrates("--find-capacity p99<10ms --no-calibrate"));
    }

    #[test]
    fn every_refusal_names_both_flags_and_what_to_do() {
        let search = "--find-capacity p99<10ms";
        let sweep = "--sweep 1000..2000";
        let both = [search, sweep];
        for (with, other, advice) in [
            ("-r 5", "--rate", "leave it out"),
            ("--stages 5s:10", "--stages", "leave it out"),
            ("--ramp 5s", "--ramp", "leave it out"),
            ("-m 5", "--messages", "use "),
            ("ws://a/ --shard 0/2", "--shard", "use --shards N"),
            ("ws://a/ --shard-dir d", "--shard-dir", "use --shards N"),
            (
                "--start-at 2100-01-01T00:00:00Z",
                "--start-at",
                "use --shards N",
            ),
            ("--start-file f", "--start-file", "use --shards N"),
            (
                "--protocol echo --try --no-output",
                "--try",
                "first, without",
            ),
            (
                "--protocol echo --print-scenario",
                "--print-scenario",
                "first, without",
            ),
            ("--drop 5s", "--drop", "measure it at one rate"),
            ("--reconnect now", "--reconnect", "measure it at one rate"),
            ("--lifetime 5s", "--lifetime", "measure it at one rate"),
            (
                "--messages-per-connection 5",
                "--messages-per-connection",
                "measure it at one rate",
            ),
            ("--idle 5", "--idle", "measured at one rate"),
            ("--slow 5", "--slow", "measured at one rate"),
        ] {
            for line in both.map(|flag| format!("{flag} {with}")) {
                let error = usage_error(&line);
                let text = error.to_string();
                assert_eq!(error.exit_code(), 2, "{line}");
                let flag = line.split(' ').next().unwrap();
                let names = format!("{other} cannot be used with {flag}: ");
                assert!(text.contains(&names), "{line}: {text}");
                assert!(text.contains(advice), "{line}: {text}");
            }
        }
    }

    #[test]
    fn flags_of_a_search_do_not_end_a_sweep() {
        for (line, expected) in [
            (
                "--find-capacity p99<10ms -d 5s",
                "--duration cannot be used with --find-capacity: use --budget",
            ),
            (
                "--find-capacity p99<10ms --sweep 10..20",
                "--sweep cannot be used with --find-capacity: run one after the other",
            ),
            (
                "--sweep 10..20 --precision 3%",
                "--precision cannot be used with --sweep: it ends a search; use -d",
            ),
            (
                "--sweep 10..20 --budget 2m",
                "--budget cannot be used with --sweep: it ends a search; use -d",
            ),
            ("--precision 3%", "--precision needs --find-capacity"),
            ("-r 5 --budget 2m", "--budget needs --find-capacity"),
            // A budget that is too short comes after a budget that has no place.
            ("-r 5 --budget 5s", "--budget needs --find-capacity"),
            (
                "--find-capacity p99<10ms --budget 5s",
                "`5s` is not a budget: a time from 10s to 24h",
            ),
            ("--ramp 5s", "--ramp needs --rate"),
            (
                "--start-at 2100-01-01T00:00:00Z",
                "--start-at needs --shard-dir",
            ),
        ] {
            let text = usage_error(line).to_string();
            assert!(text.contains(expected), "{line}: {text}");
        }
    }

    #[test]
    fn what_a_search_can_have_is_accepted() {
        for line in [
            "--find-capacity p99<10ms --shards 2 -o a.hlog --seed 3 --warmup 0s",
            "--sweep 10..20 -d 5s --tui --metrics-bind 127.0.0.1:0",
            "ws://a/ --find-capacity p99<10ms --server-pid 1 --fail-if capacity<5 --json",
            "--sweep 10..20 --connect-rate 5 --connect-arrivals poisson --busy-poll",
            "--find-capacity p99<10ms --protocol echo",
        ] {
            assert!(parse(line).check_usage().is_ok(), "{line}");
        }
    }

    #[test]
    fn a_feed_has_no_rate_to_search() {
        let text = "[push]\nmatch = '{\"n\":${seq}}'";
        let source = ScenarioSource::File {
            name: "t.toml",
            text,
        };
        let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
        let feed = Scenario::parse(source, &ScenarioOptions::default(), &no_files).unwrap();
        for (line, flag) in [
            ("--find-capacity p99<10ms", "--find-capacity"),
            ("--sweep 10..20", "--sweep"),
        ] {
            let error = parse(line).search.check_scenario(Some(&feed)).unwrap_err();
            let text = error.to_string();
            assert!(
                text.starts_with(flag) && text.contains("--scenario"),
                "{text}"
            );
        }
        assert!(parse("-d 5s").search.check_scenario(Some(&feed)).is_ok());
    }

    #[test]
    fn a_condition_that_the_load_cannot_have_is_refused() {
        let check = |line: &str| {
            let args = parse(line);
            args.search.check_load(&args.load_draft(None))
        };
        assert!(check("--find-capacity p99<10ms").is_ok());
        let text = check("--find-capacity last.p99<10ms")
            .unwrap_err()
            .to_string();
        assert!(text.contains("cannot be measured in this run"), "{text}");
        let text = check("--find-capacity p99<10ms --timeout 5ms").unwrap_err();
        assert!(text.to_string().contains("--timeout"), "{text}");
    }
}
