//! One run out of the shards in a folder.

use std::collections::BTreeSet;
use std::path::Path;

use measurement::plan::Share;
use measurement::run::{
    ClockSummary, DiedShard, FullStrength, LATE_START_NS, LateShard, PlanSummary, ProcessRecord,
    Run, RunContext, RunSum, ShardRow, ShardState, ShardsSummary, StartSkew,
};
use measurement::verdict::Latency;

use serde_json::{Map, Value};

use crate::error::ShardsError;
use crate::folder::RunFolder;
use crate::shard_files::{ShardFileKind, ShardStart};

/// Adds up the latest run in a folder. Its summary names every shard that is missing, died, was late or had another
/// plan. The verdict is that on the shards with a complete result.
///
/// # Errors
/// [`ShardsError`] when the folder cannot be read or no shard has started.
pub fn merge(folder: &Path) -> Result<MergedRun, ShardsError> {
    merge_with(folder, |_| {})
}

/// Like [`merge`], with facts that no shard knows, such as the usage of the server. `complete` adds them.
///
/// # Errors
/// Those of [`merge`].
pub fn merge_with(
    folder: &Path,
    complete: impl FnOnce(&mut RunContext),
) -> Result<MergedRun, ShardsError> {
    let folder = RunFolder::open(folder)?;
    let mut merger = Merger::default();
    for start in folder.starts.values() {
        merger.add(&folder, start);
    }
    merger.finish(&folder, complete)
}

/// The sum of the shards of a run.
#[derive(Debug)]
pub struct MergedRun {
    /// The run.
    pub run: Run,
    /// True when the user interrupted a shard.
    pub interrupted: bool,
}

/// The sum of a run, and the states of its shards.
#[derive(Debug, Default)]
struct Merger {
    /// Sum of the shards with a complete result.
    complete: Option<RunSum>,
    /// Parts of the shards that died.
    died: Vec<ProcessRecord>,
    shards: ShardsSummary,
    skews: Vec<u64>,
    /// Whole seconds of the shards that the user interrupted.
    interrupted_ends: Vec<u64>,
    /// Messages that shards without a complete result should have sent.
    unsent: u64,
}

impl Merger {
    fn add(&mut self, folder: &RunFolder, start: &ShardStart) {
        let result = folder.result(start);
        if let Err(damaged) = &result {
            self.shards.left_out.push(damaged.clone());
        }
        let added = match result {
            Ok(Some(part)) => self.add_complete(start, part),
            _ => false,
        };
        if !added {
            let (part, through_s) = folder.log(start);
            let shard = start.shard;
            self.shards.died.push(DiedShard { shard, through_s });
            self.shards.rows.push(row(start, ShardState::Died, &part));
            let due = start.facts.due_of(share_of(start));
            let known = part.record.counts.sent + part.record.counts.unsent;
            self.unsent += due.saturating_sub(known);
            self.died.push(part);
        }
    }

    /// Adds a complete result. Returns false when it is damaged.
    fn add_complete(&mut self, start: &ShardStart, part: ProcessRecord) -> bool {
        let shard = start.shard;
        let row = row(start, ShardState::Complete, &part);
        let (skew_ns, context) = (part.first_wake_ns, &part.context);
        let (interrupted, elapsed_s) = (context.interrupted, context.elapsed_s);
        let sum = self.complete.get_or_insert_with(|| RunSum::new(&part));
        if sum.add(part).is_err() {
            let name = ShardFileKind::Result.name(shard);
            self.shards.left_out.push(name);
            return false;
        }
        self.shards.complete += 1;
        self.shards.rows.push(row);
        if let Some(skew_ns) = skew_ns {
            self.skews.push(skew_ns);
            if skew_ns > LATE_START_NS {
                self.shards.late.push(LateShard { shard, skew_ns });
            }
        }
        if interrupted {
            self.shards.interrupted.push(shard);
            // Whole seconds of a run that is shorter than a year.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            self.interrupted_ends.push(elapsed_s as u64);
        }
        true
    }

    fn finish(
        mut self,
        folder: &RunFolder,
        complete: impl FnOnce(&mut RunContext),
    ) -> Result<MergedRun, ShardsError> {
        self.describe(folder);
        if let Some(sum) = &mut self.complete {
            complete(sum.context_mut());
        }
        let first = self.died.first().map(RunSum::new);
        let complete = self.shards.complete > 0;
        let Some(mut all) = self.complete.filter(|_| complete).or(first) else {
            return Err(ShardsError::NoShards(folder.path().to_owned()));
        };
        // The shards with a complete result are judged: what the others did not send does not make the rest invalid. Their
        // times are those at full strength, if there are any.
        let interrupted_s = self.interrupted_ends.iter().min().copied();
        let window = full_strength_seconds(&self.shards, interrupted_s, &all);
        let judged = complete.then(|| {
            let times = window
                .filter(|_| self.shards.degraded)
                .map(|(from_s, to_s)| {
                    let (_, service, response) = all.window(from_s, to_s);
                    (Latency::from(&service), Latency::from(&response))
                });
            all.summary(times).validity
        });
        for (part, died) in self.died.into_iter().zip(&self.shards.died) {
            let shard = died.shard;
            all.add(part)
                .map_err(|reason| ShardsError::DamagedResult { shard, reason })?;
        }
        let interrupted = !self.shards.interrupted.is_empty();
        if !interrupted {
            all.add_unsent(self.unsent);
        }
        self.shards.full_strength = window.map(|window| full_strength(window, &all));
        let mut run = all.into_run();
        if let Some(summary) = &mut run.summary {
            if let Some(validity) = judged {
                summary.validity = validity;
            }
            // A log has no deliveries, so those of a shard without a result are unknown.
            if let Some(fan_out) = &mut summary.fan_out
                && self.shards.lacks_results()
            {
                fan_out.reach = None;
            }
            summary.shards = Some(self.shards);
        }
        Ok(MergedRun { run, interrupted })
    }

    /// Adds everything that is known without the parts.
    fn describe(&mut self, folder: &RunFolder) {
        let shards = &mut self.shards;
        let differing = folder.differing.values();
        let of_run = folder.starts.values().next().map(|start| &start.facts.plan);
        shards.rows.extend(differing.map(|start| ShardRow {
            state: ShardState::Differing,
            differences: of_run.map_or_else(Vec::new, |plan| differences(&start.facts.plan, plan)),
            host: Some(start.host.clone()),
            shard: start.shard,
            ..ShardRow::default()
        }));
        let known: BTreeSet<u32> = shards.rows.iter().map(|row| row.shard).collect();
        shards.missing = (0..folder.planned)
            .filter(|shard| !known.contains(shard))
            .collect();
        shards
            .rows
            .extend(shards.missing.iter().map(|shard| ShardRow {
                shard: *shard,
                ..ShardRow::default()
            }));
        shards.rows.sort_by_key(|row| row.shard);
        let absent = shards.missing.iter().chain(folder.differing.keys());
        if let Some(start) = folder.starts.values().next() {
            let due = absent.map(|index| {
                let index = *index;
                let count = start.shards;
                start.facts.due_of(Share { index, count })
            });
            self.unsent += due.sum::<u64>();
        }
        shards.run = folder.run.to_string();
        shards.planned = folder.planned;
        shards.differing = folder.differing.keys().copied().collect();
        shards.left_out.extend(folder.left_out.iter().cloned());
        shards.left_out.sort();
        shards.left_out.dedup();
        shards.clocks = clocks(folder);
        shards.start_skew_ns = StartSkew::of(std::mem::take(&mut self.skews));
        shards.degraded = !(shards.missing.is_empty()
            && shards.died.is_empty()
            && shards.late.is_empty()
            && shards.differing.is_empty());
    }
}

/// Most differences that are named.
const NAMED_DIFFERENCES: usize = 3;

/// The first differences between the plan of a shard and that of the run. Threads, cores and a seed that follows from the
/// plan are not part of it.
fn differences(shard: &PlanSummary, run: &PlanSummary) -> Vec<String> {
    let fields = |plan: &PlanSummary| match serde_json::to_value(plan) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let of_shard = fields(shard);
    let all = fields(run).into_iter();
    let differing = all.filter(|(name, value)| {
        !["threads", "pinned_to", "busy_poll", "seed"].contains(&name.as_str())
            && of_shard.get(name) != Some(value)
    });
    let named = differing.take(NAMED_DIFFERENCES).map(|(name, value)| {
        let of_shard = of_shard.get(&name).unwrap_or(&Value::Null);
        format!("{name}: {of_shard} ({value})")
    });
    named.collect()
}

fn row(start: &ShardStart, state: ShardState, part: &ProcessRecord) -> ShardRow {
    let counts = &part.record.counts;
    ShardRow {
        shard: start.shard,
        state,
        host: Some(start.host.clone()),
        opened: Some(part.context.connections.opened),
        sent: Some(counts.sent),
        received: Some(counts.received),
        failed: Some(counts.failed() - counts.unsent),
        start_skew_ns: part.first_wake_ns,
        longest_stop_ns: part.stops.iter().map(|stop| stop.length_ns).max(),
        differences: Vec::new(),
    }
}

fn share_of(start: &ShardStart) -> Share {
    Share {
        index: start.shard,
        count: start.shards,
    }
}

/// Clocks of the machines. On one machine there is nothing to compare.
fn clocks(folder: &RunFolder) -> ClockSummary {
    let starts = || folder.starts.values();
    // Without a boot id, each shard may be on a machine of its own, unless the host's name says otherwise.
    let mut machines: Vec<_> = starts()
        .map(|start| start.boot_id.as_ref().unwrap_or(&start.host))
        .collect();
    machines.sort();
    machines.dedup();
    let machines = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    if machines <= 1 {
        return ClockSummary {
            machines,
            ..ClockSummary::default()
        };
    }
    let errors: Option<Vec<u64>> = starts().map(|start| start.clock_error_ns).collect();
    let unsynchronised = starts().filter(|start| start.is_synchronised == Some(false));
    ClockSummary {
        machines,
        max_error_ns: errors.and_then(|errors| errors.into_iter().max()),
        unsynchronised: unsynchronised.map(|start| start.shard).collect(),
    }
}

/// The whole seconds in which all planned shards were at work.
fn full_strength_seconds(
    shards: &ShardsSummary,
    interrupted_s: Option<u64>,
    all: &RunSum,
) -> Option<(u64, u64)> {
    if !shards.missing.is_empty() || !shards.differing.is_empty() {
        return None;
    }
    let latest_ns = shards.late.iter().map(|late| late.skew_ns).max();
    let from_s = latest_ns.map_or(0, |ns| ns.div_ceil(1_000_000_000));
    let ends = shards.died.iter().map(|died| died.through_s);
    let first_end_s = ends.chain(interrupted_s).min();
    let to_s = first_end_s.unwrap_or(u64::MAX).min(all.seconds());
    let (from_s, to_s) = all.whole_rows(from_s, to_s);
    (from_s < to_s).then_some((from_s, to_s))
}

fn full_strength((from_s, to_s): (u64, u64), all: &RunSum) -> FullStrength {
    let (messages, _, response) = all.window(from_s, to_s);
    FullStrength {
        from_s,
        to_s,
        messages,
        response_time_ns: Latency::from(&response),
    }
}
