//! The files of one shard in the folder of a run.
//!
//! | file | content |
//! |---|---|
//! | `shard-003.RUN.claim` | nothing; of two processes with the same number, the one that creates it goes on |
//! | `shard-003.start.json` | [`ShardStart`], as soon as T0 is known |
//! | `shard-003.hlog.partial` | the seconds so far; `shard-003.hlog` when the shard has ended |
//! | `shard-003.json` | [`ShardResult`], when the shard has ended |
//! | `shard-003.done` | [`ShardDone`], after all others |

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use measurement::run::{PlanFacts, ProcessRecord, Tool};
use results::ResultsError;
use results::atomic_file::AtomicFile;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ShardsError;
use crate::run_name::RunName;

/// Version of the files' format.
pub const FORMAT: u32 = 1;

/// Ending of the file with which a process takes the number of a shard.
const CLAIM: &str = ".claim";

/// Everything that is known about a shard when it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardStart {
    /// Version of the format.
    pub format: u32,
    /// Name of the run.
    pub run: RunName,
    /// Index of the shard, from 0.
    pub shard: u32,
    /// Number of shards.
    pub shards: NonZeroU32,
    /// The program.
    pub tool: Tool,
    /// Name of its machine.
    pub host: String,
    /// Identity of the machine's start, the same for all programs on it; `None` where unknown.
    pub boot_id: Option<String>,
    /// Bound of the clock's error in nanoseconds; `None` where unknown.
    pub clock_error_ns: Option<u64>,
    /// True when the clock is synchronised; `None` where unknown.
    pub is_synchronised: Option<bool>,
    /// Process ID.
    pub pid: u32,
    /// Facts of the whole plan, for the sum with a shard that dies.
    pub facts: PlanFacts,
    /// Maximum number of raw samples of the whole run.
    pub max_samples: u64,
}

/// Result of a shard.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShardResult {
    /// Name of the run.
    pub run: RunName,
    /// Index of the shard, from 0.
    pub shard: u32,
    /// Everything that the shard has recorded.
    pub part: ProcessRecord,
}

/// Mark of a complete result.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardDone {
    /// Name of the run.
    pub run: RunName,
    /// Size of the result's file in bytes.
    pub result_bytes: u64,
}

/// Kinds of files of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardFileKind {
    Start,
    Log,
    PartialLog,
    Result,
    Done,
}

impl ShardFileKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Start,
        Self::Log,
        Self::PartialLog,
        Self::Result,
        Self::Done,
    ];

    fn ending(self) -> &'static str {
        match self {
            Self::Start => "start.json",
            Self::Log => "hlog",
            Self::PartialLog => "hlog.partial",
            Self::Result => "json",
            Self::Done => "done",
        }
    }

    /// Name of the file of a shard.
    pub(crate) fn name(self, shard: u32) -> String {
        format!("shard-{shard:03}.{}", self.ending())
    }

    /// Kind and shard of a file name; `None` for other files.
    pub(crate) fn of(name: &str) -> Option<(Self, u32)> {
        let (digits, ending) = name.strip_prefix("shard-")?.split_once('.')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.ending() == ending)?;
        let shard: u32 = digits.parse().ok()?;
        (kind.name(shard) == name).then_some((kind, shard))
    }
}

/// Returns true for the name of a file of a shard, such as `shard-003.json`.
pub fn is_shard_file(name: &str) -> bool {
    ShardFileKind::of(name).is_some()
}

/// The files that one shard writes.
#[derive(Debug)]
pub struct ShardFiles {
    folder: PathBuf,
    shard: u32,
}

impl ShardFiles {
    /// The files of a shard in a folder, which is created if it does not exist. Nothing is written yet.
    ///
    /// # Errors
    /// [`ShardsError::Write`] when the folder cannot be created or written to.
    pub fn new(folder: &Path, shard: u32) -> Result<Self, ShardsError> {
        let failed = |source| ShardsError::Write {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let files = Self {
            folder: folder.to_owned(),
            shard,
        };
        drop(files.create(ShardFileKind::Start)?);
        Ok(files)
    }

    fn path(&self, kind: ShardFileKind) -> PathBuf {
        self.folder.join(kind.name(self.shard))
    }

    /// Name of the shard's log, `shard-003.hlog`.
    pub fn log_path(&self) -> PathBuf {
        self.path(ShardFileKind::Log)
    }

    fn create(&self, kind: ShardFileKind) -> Result<AtomicFile, ShardsError> {
        AtomicFile::create(&self.path(kind)).map_err(ShardsError::Results)
    }

    /// Returns an error when the folder holds files of this shard of this run.
    ///
    /// # Errors
    /// [`ShardsError::ExistingRun`], or [`ShardsError::Read`].
    pub fn check_unused(&self, run: &RunName) -> Result<(), ShardsError> {
        let path = self.path(ShardFileKind::Start);
        match read_json::<ShardStart>(&path) {
            Ok(start) if start.run == *run => Err(self.existing(run)),
            // Files of another run, or damaged ones, are replaced.
            Ok(_) | Err(ShardsError::Damaged { .. }) => Ok(()),
            Err(ShardsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn existing(&self, run: &RunName) -> ShardsError {
        ShardsError::ExistingRun {
            shard: self.shard,
            path: self.path(ShardFileKind::Start),
            run: run.to_string(),
        }
    }

    /// Removes this shard's files of earlier runs, and writes the start. Of two processes with the same number, one is
    /// refused.
    ///
    /// # Errors
    /// Those of [`check_unused`](Self::check_unused), and [`ShardsError::Write`].
    pub fn begin(&self, start: &ShardStart) -> Result<(), ShardsError> {
        self.claim(&start.run)?;
        self.check_unused(&start.run)?;
        self.remove_all()?;
        self.write(ShardFileKind::Start, start).map(|_| ())
    }

    /// Takes the number of this shard in a run. The file can be created once, and stays until the next run.
    fn claim(&self, run: &RunName) -> Result<(), ShardsError> {
        let (prefix, ours) = (self.claim_prefix(), self.claim_path(run));
        match fs::File::create_new(&ours) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.existing(run));
            }
            Err(source) => return Err(ShardsError::Write { path: ours, source }),
        }
        // Those of other runs are of no use any more. One that stays does no harm.
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_claim = name
                .to_str()
                .is_some_and(|name| name.starts_with(&prefix) && name.ends_with(CLAIM));
            if is_claim && entry.path() != ours {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn claim_prefix(&self) -> String {
        format!("shard-{:03}.", self.shard)
    }

    fn claim_path(&self, run: &RunName) -> PathBuf {
        self.folder
            .join(format!("{}{run}{CLAIM}", self.claim_prefix()))
    }

    /// Removes the start of a shard that was interrupted before T0.
    ///
    /// # Errors
    /// [`ShardsError::Write`].
    pub fn withdraw(&self, run: &RunName) -> Result<(), ShardsError> {
        remove(&self.path(ShardFileKind::Start))?;
        remove(&self.claim_path(run))
    }

    /// Removes all files of this shard. The mark of a complete result comes first: at no time does it belong to files of
    /// another run.
    fn remove_all(&self) -> Result<(), ShardsError> {
        let mut kinds = ShardFileKind::ALL.into_iter().rev();
        kinds.try_for_each(|kind| remove(&self.path(kind)))
    }

    /// Writes the result and its mark.
    ///
    /// # Errors
    /// [`ShardsError::Write`].
    pub fn finish(&self, result: &ShardResult) -> Result<(), ShardsError> {
        let result_bytes = self.write(ShardFileKind::Result, result)?;
        let run = result.run.clone();
        self.write(ShardFileKind::Done, &ShardDone { run, result_bytes })?;
        Ok(())
    }

    /// Writes a value. Returns the size of its file in bytes.
    fn write(&self, kind: ShardFileKind, value: &impl Serialize) -> Result<u64, ShardsError> {
        let path = self.path(kind);
        let failed = |source| ShardsError::Write {
            path: path.clone(),
            source,
        };
        let mut file = self.create(kind)?;
        let mut content = io::BufWriter::new(file.content());
        serde_json::to_writer(&mut content, value).map_err(|error| failed(error.into()))?;
        content.write_all(b"\n").map_err(failed)?;
        content.flush().map_err(failed)?;
        drop(content);
        let bytes = file.content().metadata().map_err(failed)?.len();
        file.publish()?;
        Ok(bytes)
    }
}

/// Removes a file that may not exist.
fn remove(path: &Path) -> Result<(), ShardsError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(ShardsError::Write {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Reads a value from a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ShardsError> {
    let failed = |source| ShardsError::Read {
        path: path.to_owned(),
        source,
    };
    let damaged = |source| ShardsError::Damaged {
        path: path.to_owned(),
        source,
    };
    // A folder or a pipe has no content that could be waited for.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(damaged(serde::de::Error::custom("it is not a file")));
    }
    serde_json::from_slice(&fs::read(path).map_err(failed)?).map_err(damaged)
}

impl From<ResultsError> for ShardsError {
    fn from(error: ResultsError) -> Self {
        Self::Results(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_read_back() {
        for kind in ShardFileKind::ALL {
            for shard in [0, 3, 999, 1_000, 123_456] {
                assert_eq!(ShardFileKind::of(&kind.name(shard)), Some((kind, shard)));
            }
        }
        for other in [
            "shard-3.json",
            "shard-0003.json",
            "shard-003.txt",
            "shard-.json",
            "x.json",
        ] {
            assert_eq!(ShardFileKind::of(other), None, "{other}");
        }
    }
}
