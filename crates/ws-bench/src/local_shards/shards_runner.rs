//! The steps of all children as those of one run.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use host::process_probe::{ProcessProbe, ProcessUsage};
use measurement::plan::Plan;
use measurement::record::{BottomK, Record};
use measurement::run::{Connections, LATE_START_NS, ShardRow};
use serde::de::DeserializeOwned;
use swarm::load_search::{ClosedRun, OrderRunner};
use swarm::{LoadOrder, OrderRecord, RunHandle, StartError, SwarmError};

use super::children::Children;
use super::steps::{StepCommand, StepReply, result_path, take_result};

/// Time from a command to the start of its step, in which all children become ready. Doubled when one of them was late.
const FIRST_LEAD: Duration = Duration::from_millis(50);

/// Longest such time.
const LONGEST_LEAD: Duration = Duration::from_secs(1);

/// Delay of a child's start above which the lead is doubled.
const GOOD_START: Duration = Duration::from_millis(5);

/// Delay of a child's start above which the step is repeated.
const LATE_START: Duration = Duration::from_nanos(LATE_START_NS);

/// Most repetitions of a step that a child started late.
const MOST_REPEATS: u32 = 2;

/// Longest time for a reply beyond that of the step: saving the result, on a busy machine.
const REPLY_LIMIT: Duration = Duration::from_secs(60);

/// Facts of the children that no figure of the run has.
#[derive(Debug, Clone, Default)]
pub(super) struct StepShards {
    /// One row per child, with the counts of the step whose figures are reported.
    pub(super) rows: Vec<ShardRow>,
    /// Start of the first step; `None` before it.
    pub(super) first_start: Option<SystemTime>,
    /// Children that ended before their connections were closed, and the whole seconds from the first step until then.
    pub(super) died: BTreeMap<u32, u64>,
    /// True when the run ended early because a child died.
    pub(super) ended_by_death: bool,
}

/// A runner whose steps are taken by all children at the same time, each with its share of the load. A step in which a child
/// dies is the last one.
pub(super) struct ShardsRunner<'a> {
    children: &'a mut Children,
    /// Folder for the results of the children.
    folder: &'a Path,
    control: &'a RunHandle,
    /// Probe of the server.
    probe: Option<&'a mut ProcessProbe>,
    facts: &'a mut StepShards,
    /// Chooses the samples of all children.
    budget: BottomK,
    /// Longest time for opening connections again.
    longest_reopening: Duration,
    lead: Duration,
    /// One row per child, with the counts of the latest step.
    latest: Vec<ShardRow>,
    /// Connections of each child at the end of its latest step.
    connections: BTreeMap<u32, Connections>,
    has_report: bool,
}

impl<'a> ShardsRunner<'a> {
    /// The runner of this number of children, whose connections are open.
    pub(super) fn new(
        children: &'a mut Children,
        count: usize,
        folder: &'a Path,
        plan: &Plan,
        control: &'a RunHandle,
        probe: Option<&'a mut ProcessProbe>,
        facts: &'a mut StepShards,
    ) -> Self {
        Self {
            children,
            folder,
            control,
            probe,
            facts,
            budget: BottomK::new(plan.max_samples, plan.seed),
            longest_reopening: super::longest_opening(plan),
            lead: FIRST_LEAD,
            latest: blank_rows(count),
            connections: BTreeMap::new(),
            has_report: false,
        }
    }

    /// Lets all children take a step. Returns their sum.
    fn take(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError> {
        let (start, begin) = (SystemTime::now() + self.lead, Instant::now() + self.lead);
        self.facts.first_start.get_or_insert(start);
        let command = StepCommand::Take(Box::new(LoadOrder {
            start: Some(start),
            ..order.clone()
        }));
        self.children.command(&command).map_err(failed)?;
        let end = begin + order.length();
        let mut watch = StepWatch::new(self.probe.as_deref_mut(), end - order.judged, end);
        let limit = self.lead + order.length() + order.drain.longest + REPLY_LIMIT;
        let mut observe = |now| watch.at(now);
        let replies = self
            .children
            .await_replies(self.control, limit, &mut observe);
        let used = watch.used;
        let mut all: Option<OrderRecord> = None;
        for (shard, reply) in (0..).zip(replies) {
            let Some(part) = self.result::<OrderRecord>(shard, reply, StepReply::Taken)? else {
                continue;
            };
            self.note_part(shard, &part);
            match &mut all {
                Some(all) => all.add(part).map_err(failed)?,
                None => all = Some(part),
            }
        }
        let mut all = all.unwrap_or_default();
        if self.note_deaths() {
            // The others offered a part of the load only.
            self.latest = blank_rows(self.latest.len());
            return Ok(OrderRecord {
                interrupted: true,
                ..OrderRecord::default()
            });
        }
        if all.late > GOOD_START {
            self.lead = (2 * self.lead).min(LONGEST_LEAD);
        }
        let usage = super::no_generator();
        all.server = used.and_then(|used| swarm::server_usage(used, &usage));
        choose_samples(&mut all.record, &self.budget);
        Ok(all)
    }

    /// Returns true when a child has died. Unless the user has interrupted the run, that ends it.
    fn note_deaths(&mut self) -> bool {
        let has_died = !self.facts.died.is_empty();
        self.facts.ended_by_death |= has_died && !self.control.is_stopped();
        has_died
    }

    /// Notes that a child has ended without a reply.
    fn note_death(&mut self, shard: u32) {
        let since = self.facts.first_start.map(|start| start.elapsed());
        let since = since.and_then(Result::ok).unwrap_or_default();
        self.facts.died.insert(shard, since.as_secs());
    }

    /// The result of a child that has sent this reply; `None` for one that has ended.
    fn result<T: DeserializeOwned>(
        &mut self,
        shard: u32,
        reply: Option<StepReply>,
        wanted: StepReply,
    ) -> Result<Option<T>, SwarmError> {
        if reply != Some(wanted) {
            self.note_death(shard);
            return Ok(None);
        }
        let path = result_path(self.folder, shard);
        take_result(&path).map(Some).map_err(failed)
    }

    /// Notes the counts of a child in the latest step.
    fn note_part(&mut self, shard: u32, part: &OrderRecord) {
        self.connections.insert(shard, part.connections.clone());
        let counts = &part.record.counts;
        let stops = part.stops.iter().map(|stop| stop.length_ns);
        if let Some(row) = self.latest.get_mut(shard as usize) {
            *row = ShardRow {
                shard,
                opened: Some(part.connections.opened),
                sent: Some(counts.sent),
                received: Some(counts.received),
                failed: Some(counts.failed() - counts.unsent),
                start_skew_ns: u64::try_from(part.late.as_nanos()).ok(),
                longest_stop_ns: stops.max(),
                ..ShardRow::default()
            };
        }
    }
}

impl OrderRunner for ShardsRunner<'_> {
    fn run(&mut self, order: &LoadOrder) -> Result<OrderRecord, SwarmError> {
        let (mut repeats, mut closed) = (0, 0);
        loop {
            let mut record = self.take(order)?;
            record.closed += closed;
            if repeats == MOST_REPEATS || record.late <= LATE_START || record.interrupted {
                return Ok(record);
            }
            if record.stale + record.lost > 0 && self.reopen()? == 0 {
                return Ok(record);
            }
            (repeats, closed) = (repeats + 1, record.closed);
        }
    }

    fn reopen(&mut self) -> Result<u64, SwarmError> {
        self.children
            .command(&StepCommand::Reopen)
            .map_err(failed)?;
        let limit = self.longest_reopening.saturating_add(REPLY_LIMIT);
        let replies = self
            .children
            .await_replies(self.control, limit, &mut |_| None);
        let mut open = 0;
        for (shard, reply) in (0..).zip(replies) {
            match reply {
                Some(StepReply::Reopened { clients }) => open += clients,
                _ => self.note_death(shard),
            }
        }
        self.note_deaths();
        Ok(open)
    }

    fn has_lost_process(&self) -> bool {
        self.facts.ended_by_death
    }

    fn report_latest(&mut self) {
        self.has_report = true;
        self.facts.rows.clone_from(&self.latest);
    }

    fn close(mut self: Box<Self>) -> Result<ClosedRun, SwarmError> {
        if !self.has_report {
            self.report_latest();
        }
        self.children.command(&StepCommand::Close).map_err(failed)?;
        let replies = self
            .children
            .await_replies(self.control, REPLY_LIMIT, &mut |_| None);
        let mut all: Option<ClosedRun> = None;
        for (shard, reply) in (0..).zip(replies) {
            if let Some(part) = self.result::<ClosedRun>(shard, reply, StepReply::Closed)? {
                all = Some(match all {
                    Some(all) => all.beside(part),
                    None => part,
                });
            }
        }
        let mut all = all.unwrap_or_default();
        for shard in self.facts.died.keys() {
            // Those of a child that died are known up to its latest step.
            if let Some(of_dead) = self.connections.remove(shard) {
                let known = std::mem::take(&mut all.context.connections);
                all.context.connections = known.beside(of_dead);
            }
        }
        Ok(all)
    }
}

/// Measures the server in the judged part of a step.
struct StepWatch<'a> {
    probe: Option<&'a mut ProcessProbe>,
    /// Instants at which the judged part begins and ends, as far as they are to come.
    begin: Option<Instant>,
    end: Option<Instant>,
    used: Option<ProcessUsage>,
}

impl<'a> StepWatch<'a> {
    fn new(probe: Option<&'a mut ProcessProbe>, begin: Instant, end: Instant) -> Self {
        Self {
            probe,
            begin: Some(begin),
            end: Some(end),
            used: None,
        }
    }

    /// Reads the probe when it is time. Returns the instant of the next reading.
    fn at(&mut self, now: Instant) -> Option<Instant> {
        let probe = self.probe.as_deref_mut()?;
        if self.begin.take_if(|begin| *begin <= now).is_some() {
            probe.begin();
        }
        if self.end.take_if(|end| *end <= now).is_some() {
            self.used = probe.end();
        }
        self.begin.or(self.end)
    }
}

/// Rows of this number of children, without counts.
fn blank_rows(count: usize) -> Vec<ShardRow> {
    let row = |shard| ShardRow {
        shard,
        ..ShardRow::default()
    };
    (0..).map(row).take(count).collect()
}

/// Keeps as many samples of all children as the plan wants, those that one process would have kept.
fn choose_samples(record: &mut Record, budget: &BottomK) {
    budget.choose(&mut record.samples);
    record
        .samples
        .sort_unstable_by_key(|s| (s.sent_ns, s.client, s.message));
    if let Some(fan_out) = &mut record.fan_out {
        fan_out.choose(budget);
    }
    if let Some(push) = &mut record.push {
        push.choose(budget);
    }
}

fn failed(error: impl Into<StartError>) -> SwarmError {
    SwarmError::Steps(error.into())
}
