//! Reading of the folder of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use measurement::record::LoggedSecond;
use measurement::run::ProcessRecord;
use results::read::read_logged_seconds;

use crate::error::ShardsError;
use crate::identity::MAX_SHARDS;
use crate::logged_record::logged_record;
use crate::run_name::RunName;
use crate::shard_files::{FORMAT, ShardDone, ShardFileKind, ShardResult, ShardStart, read_json};

/// The shards of the latest run in a folder.
#[derive(Debug)]
pub struct RunFolder {
    folder: PathBuf,
    /// Name of the run.
    pub run: RunName,
    /// Planned number of shards.
    pub planned: u32,
    /// The shards that started, by index.
    pub starts: BTreeMap<u32, ShardStart>,
    /// Shards that started at the same time with another plan.
    pub differing: BTreeMap<u32, ShardStart>,
    /// Names of files of other runs, and of damaged ones.
    pub left_out: Vec<String>,
}

impl RunFolder {
    /// Reads which shards of the latest run in a folder have started. Of several plans with the same start, the one of
    /// most shards counts.
    ///
    /// # Errors
    /// [`ShardsError::Read`] when the folder cannot be read, [`ShardsError::NoShards`] when no shard has started.
    pub fn open(folder: &Path) -> Result<Self, ShardsError> {
        let mut starts = BTreeMap::new();
        let mut left_out = Vec::new();
        let names = names_in(folder)?;
        for name in &names {
            let Some((ShardFileKind::Start, shard)) = ShardFileKind::of(name) else {
                continue;
            };
            match read_json::<ShardStart>(&folder.join(name)) {
                Ok(start)
                    if start.format == FORMAT
                        && start.shard == shard
                        && shard < start.shards.get()
                        && start.shards.get() <= MAX_SHARDS =>
                {
                    starts.insert(shard, start);
                }
                _ => left_out.push(name.clone()),
            }
        }
        let run = latest(&starts, SystemTime::now())
            .ok_or_else(|| ShardsError::NoShards(folder.to_owned()))?;
        let (ours, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            starts.into_iter().partition(|(_, start)| start.run == run);
        let (differing, older): (BTreeMap<_, _>, BTreeMap<_, _>) = others
            .into_iter()
            .partition(|(_, start)| start.run.t0_unix_ms == run.t0_unix_ms);
        left_out.extend(older.keys().map(|shard| ShardFileKind::Start.name(*shard)));
        // Files without a start belong to no run that is known.
        let is_known = |shard: &u32| ours.contains_key(shard) || differing.contains_key(shard);
        left_out.extend(names.into_iter().filter(|name| {
            ShardFileKind::of(name)
                .is_some_and(|(kind, shard)| kind != ShardFileKind::Start && !is_known(&shard))
        }));
        left_out.sort();
        let planned = ours
            .values()
            .map(|start| start.shards.get())
            .max()
            .unwrap_or(1);
        Ok(Self {
            folder: folder.to_owned(),
            run,
            planned,
            starts: ours,
            differing,
            left_out,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Reads the result of a shard that has started; `None` without one.
    ///
    /// # Errors
    /// The name of its file, when it is damaged, is that of another shard or run, or has another size than its mark says.
    pub fn result(&self, start: &ShardStart) -> Result<Option<ProcessRecord>, String> {
        let path = |kind: ShardFileKind| self.folder.join(kind.name(start.shard));
        let file = path(ShardFileKind::Result);
        if file.symlink_metadata().is_err() {
            return Ok(None);
        }
        let damaged = || ShardFileKind::Result.name(start.shard);
        let result = read_json::<ShardResult>(&file).map_err(|_| damaged())?;
        let is_ours = result.run == self.run && result.shard == start.shard;
        let done = read_json::<ShardDone>(&path(ShardFileKind::Done)).ok();
        let has_its_size = done.is_none_or(|done| {
            done.run != self.run
                || file
                    .metadata()
                    .is_ok_and(|it| it.len() == done.result_bytes)
        });
        match is_ours && has_its_size {
            true => Ok(Some(result.part)),
            false => Err(damaged()),
        }
    }

    /// The record of a shard without result from its log, and its length in whole seconds since T0.
    pub fn log(&self, start: &ShardStart) -> (ProcessRecord, u64) {
        let path = |kind: ShardFileKind| self.folder.join(kind.name(start.shard));
        for log in [path(ShardFileKind::PartialLog), path(ShardFileKind::Log)] {
            let is_file = log.metadata().is_ok_and(|it| it.is_file());
            if let Some((seconds, state)) =
                is_file.then(|| read_logged_seconds(&log).ok()).flatten()
                && let Some(through_s) = whole_seconds(&seconds)
            {
                debug_assert!(through_s <= state.through_s);
                return (logged_record(start, &seconds, through_s), through_s);
            }
        }
        (logged_record(start, &[], 0), 0)
    }
}

/// Length of the rows of a log in seconds; `None` when they do not follow each other from T0 on.
fn whole_seconds(rows: &[LoggedSecond]) -> Option<u64> {
    rows.iter().try_fold(0, |end, row| {
        (row.span.second == end).then(|| row.span.end())
    })
}

/// Names of the files in a folder, sorted.
fn names_in(folder: &Path) -> Result<Vec<String>, ShardsError> {
    let failed = |source| ShardsError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The latest run that has begun, or of those in the future the latest: of several with the same start, the one of most
/// shards, and of these the one with the first shard.
fn latest(starts: &BTreeMap<u32, ShardStart>, now: SystemTime) -> Option<RunName> {
    let key = |run: &RunName| (run.t0() <= now, run.t0_unix_ms);
    let t0 = starts.values().map(|start| key(&start.run)).max()?;
    let mut counts: Vec<(&RunName, usize)> = Vec::new();
    for start in starts.values().filter(|start| key(&start.run) == t0) {
        match counts.iter_mut().find(|(run, _)| **run == start.run) {
            Some((_, count)) => *count += 1,
            None => counts.push((&start.run, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    let run = counts.into_iter().find(|(_, count)| *count == most);
    run.map(|(run, _)| run.clone())
}
