//! A search or a sweep by all children, and its shards as reported.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use cli::ExitStatus;
use cli::interrupt::Interrupts;
use host::open_files;
use host::process_probe::ProcessProbe;
use host::system_info::host_name;
use measurement::run::{
    ClockSummary, DiedShard, LATE_START_NS, LateShard, Run, ShardState, ShardsSummary, StartSkew,
    Summary,
};
use shards::run_name::RunName;
use shards::start::DEFAULT_TIMEOUT;
use swarm::load_search::{find_capacity_with, sweep_with};
use swarm::{Phase, RunHandle, RunSetup, SwarmError};

use super::children::{ChildInput, Children};
use super::order::ChildOrder;
use super::shards_runner::{ShardsRunner, StepShards};
use super::steps::{StepCommand, StepReply};
use crate::args::BenchArgs;
use crate::plan_digest::plan_digest;
use crate::run::{Started, name_scenario};
use crate::scenarios;
use crate::search_flags::SeveralRates;
use crate::tool::tool;

/// Longest time for the end of children that are not needed any more.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// A search or a sweep by all children.
pub(super) struct SteppedRun<'a> {
    pub(super) args: &'a BenchArgs,
    pub(super) started: &'a Started,
    pub(super) orders: &'a [ChildOrder],
    /// Folder for the results of the children.
    pub(super) folder: &'a Path,
    pub(super) control: &'a RunHandle,
    pub(super) interrupts: &'a Interrupts,
}

impl SteppedRun<'_> {
    /// Executes the run. Returns it, and an exit status that comes before that of its figures; `None` when the user interrupts
    /// it before its first step.
    pub(super) fn execute(
        &self,
        rates: &SeveralRates,
        mut probe: Option<ProcessProbe>,
    ) -> anyhow::Result<Option<(Run, Option<ExitStatus>)>> {
        let Self {
            args,
            started,
            control,
            ..
        } = *self;
        let plan = &started.plan;
        let children = Children::start(self.orders, ChildInput::Steps);
        let mut children = children.context("cannot start the shards")?;
        let display = super::start_display(args, started, control, self.interrupts)?;
        control.set_phase(Phase::Connect);
        let opened = self.open(&mut children);
        if control.is_stopped() || opened == Some(0) {
            drop(display);
            children.command(&StepCommand::Close)?;
            children.await_replies(control, CLOSE_LIMIT, &mut |_| None);
            if !control.is_stopped() {
                return Err(super::why_nothing_connected(plan)?.into());
            }
            return Ok(None);
        }
        if opened.is_none() {
            drop(display);
            anyhow::bail!(
                "cannot start the shards: {}",
                children.failures().join("; ")
            );
        }
        let mut facts = StepShards::default();
        let run = self.take_steps(rates, &mut children, probe.as_mut(), &mut facts);
        drop(display);
        self.interrupts.announce_on_interrupt(!args.quiet);
        let mut run = run?;
        children.await_ends(control);
        let failures = children.failures();
        failures.iter().for_each(|failure| args.notice(failure));
        name_scenario(&mut run, plan);
        let is_interrupted = control.is_interrupted();
        if let Some(summary) = &mut run.summary {
            self.describe(facts, summary);
        }
        Ok(Some((
            run,
            is_interrupted.then_some(ExitStatus::Interrupted),
        )))
    }

    /// Waits until all children have opened their connections. Returns the number of open ones; `None` when a child has
    /// ended.
    fn open(&self, children: &mut Children) -> Option<u64> {
        let longest = super::longest_opening(&self.started.plan);
        let limit = longest.saturating_add(DEFAULT_TIMEOUT);
        let replies = children.await_replies(self.control, limit, &mut |_| None);
        let opened = replies.into_iter().map(|reply| match reply {
            Some(StepReply::Opened { connections }) => Some(connections),
            _ => None,
        });
        opened.sum()
    }

    fn take_steps(
        &self,
        rates: &SeveralRates,
        children: &mut Children,
        probe: Option<&mut ProcessProbe>,
        facts: &mut StepShards,
    ) -> Result<Run, SwarmError> {
        let (plan, control) = (&self.started.plan, self.control);
        let (count, folder) = (self.orders.len(), self.folder);
        let runner = ShardsRunner::new(children, count, folder, plan, control, probe, facts);
        let runner = Box::new(runner);
        let scenario = plan.scenario().map(Arc::as_ref);
        let setup = RunSetup {
            tool: tool(),
            command_line: Some(scenarios::masked_command_line(scenario)),
            calibration: self.started.calibration,
            open_file_limit: open_files::limit(),
            ..RunSetup::default()
        };
        match rates {
            SeveralRates::Search(rules) => find_capacity_with(runner, plan, rules, control, setup),
            SeveralRates::Sweep(rules) => sweep_with(runner, plan, rules, control, setup),
        }
    }

    /// Adds the shards to the summary.
    fn describe(&self, facts: StepShards, summary: &mut Summary) {
        let orders = self.orders;
        summary.plan.threads = orders.iter().map(|order| order.threads).sum();
        summary.plan.pinned_to = orders.iter().flat_map(|order| order.pin.clone()).collect();
        let plan = &self.started.plan;
        let digest = plan_digest(plan, Some(plan.seed));
        let t0 = facts.first_start.unwrap_or_else(SystemTime::now);
        let run = RunName::new(&digest, t0).to_string();
        summary.shards = Some(shards_summary(run, facts));
    }
}

/// The shards of a run whose children took its steps.
fn shards_summary(run: String, facts: StepShards) -> ShardsSummary {
    let StepShards { mut rows, died, .. } = facts;
    let host = host_name();
    for row in &mut rows {
        row.host.clone_from(&host);
        row.state = match died.contains_key(&row.shard) {
            true => ShardState::Died,
            false => ShardState::Complete,
        };
    }
    let skew = StartSkew::of(rows.iter().filter_map(|row| row.start_skew_ns).collect());
    let late = rows.iter().filter_map(|row| {
        let skew_ns = row.start_skew_ns.filter(|skew| *skew > LATE_START_NS)?;
        let shard = row.shard;
        Some(LateShard { shard, skew_ns })
    });
    let late: Vec<_> = late.collect();
    let planned = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    ShardsSummary {
        run,
        planned,
        complete: planned.saturating_sub(u32::try_from(died.len()).unwrap_or(u32::MAX)),
        degraded: !(died.is_empty() && late.is_empty()),
        died: died
            .into_iter()
            .map(|(shard, through_s)| DiedShard { shard, through_s })
            .collect(),
        late,
        // A start that was kept to has no delay.
        start_skew_ns: match skew.max > Some(0) {
            true => skew,
            false => StartSkew::default(),
        },
        clocks: ClockSummary {
            machines: 1,
            ..ClockSummary::default()
        },
        rows,
        ..ShardsSummary::default()
    }
}

#[cfg(test)]
mod tests {
    use measurement::run::ShardRow;

    use super::*;

    fn rows(skews: [Option<u64>; 3]) -> Vec<ShardRow> {
        let row = |(shard, start_skew_ns)| ShardRow {
            shard,
            start_skew_ns,
            ..ShardRow::default()
        };
        (0..).zip(skews).map(row).collect()
    }

    #[test]
    fn children_that_died_or_started_late_degrade_a_run() {
        let summary = |skews, died: &[u32]| {
            let facts = StepShards {
                rows: rows(skews),
                died: died.iter().map(|shard| (*shard, 4)).collect(),
                ..StepShards::default()
            };
            shards_summary("name".to_owned(), facts)
        };
        let complete = summary([Some(0); 3], &[]);
        assert_eq!((complete.planned, complete.complete), (3, 3));
        assert!(!complete.degraded && complete.start_skew_ns.max.is_none());
        let died = summary([Some(0), None, Some(0)], &[1]);
        assert!(died.degraded && died.complete == 2);
        assert_eq!(died.rows[1].state, ShardState::Died);
        let late = summary([Some(3), Some(LATE_START_NS + 1), Some(5)], &[]);
        assert!(late.degraded && late.complete == 3);
        assert_eq!(late.late[0].shard, 1);
        assert_eq!(late.start_skew_ns.p50, Some(5));
        assert_eq!(late.start_skew_ns.max, Some(LATE_START_NS + 1));
    }
}
