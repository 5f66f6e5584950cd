//! Errors of a run of several processes.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use units::{grouped, human_time, typed_duration};

/// Reason why a process cannot take part in a run of several. Programs add the flags to use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardsError {
    /// A text that is not the position of a shard.
    #[error(
        "`{0}` is not a shard: two whole numbers are needed, as in 0/4 for the first of 4 (at most 3/4)"
    )]
    Position(String),
    /// A number of shards above the limit.
    #[error("{} shards are too many: at most {}", grouped((*.count).into()), grouped((*.limit).into()))]
    TooManyShards {
        /// Number of shards.
        count: u32,
        /// The limit.
        limit: u32,
    },
    /// Two variables of the environment that do not give the position of a shard.
    #[error(
        "{index_name} is `{index}` and {count_name} is `{count}`: the first must be a whole number from 0 and less than the second"
    )]
    Environment {
        /// Variable with the index.
        index_name: &'static str,
        /// Value of the index.
        index: String,
        /// Variable with the number of shards.
        count_name: &'static str,
        /// Value of the number of shards.
        count: String,
    },
    /// An index in the environment without the number of shards.
    #[error("{index_name} is `{index}`, but {count_name} is not set")]
    NoCount {
        /// Variable with the index.
        index_name: &'static str,
        /// Value of the index.
        index: String,
        /// Variable that is not set.
        count_name: &'static str,
    },
    /// A number of shards in the environment without an index.
    #[error("{count_name} is `{count}`, but neither {} is set", .index_names.join(" nor "))]
    NoIndex {
        /// Variable with the number of shards.
        count_name: &'static str,
        /// Value of the number of shards.
        count: String,
        /// Variables that are not set.
        index_names: [&'static str; 2],
    },
    /// A folder for the results of shards, but no number of this one.
    #[error("{} is given for the results of shards, but this process has no number among them", _0.display())]
    NoIdentity(PathBuf),
    /// A batch script of Slurm that starts the program itself, so that only one process runs.
    #[error("SLURM_PROCID is `{procid}` and SLURM_STEP_ID is {}: this process runs outside of a job step, so Slurm starts it only once{}", step_text(.step.as_deref()), tasks_text(.tasks.as_deref()))]
    OutsideJobStep {
        /// Value of `SLURM_PROCID`.
        procid: String,
        /// Value of `SLURM_STEP_ID`, one that Slurm reserves for batch scripts and shells.
        step: Option<String>,
        /// Value of `SLURM_NTASKS`.
        tasks: Option<String>,
    },
    /// Several processes of a launcher that would each put the whole load on the server.
    #[error("this process is shard {index} of {}, but no folder for the results of shards is given: each of the {} processes would run the whole plan", grouped((*.count).into()), grouped((*.count).into()))]
    NoFolder {
        /// Index of this process.
        index: u32,
        /// Number of processes.
        count: u32,
    },
    /// A text that is not a time.
    #[error(
        "`{0}` is not a start: use RFC 3339 (2026-01-31T12:00:00Z) or milliseconds since 1970 (1769860800000)"
    )]
    Start(String),
    /// A number that looks like seconds since 1970.
    #[error("`{0}` is too small for milliseconds since 1970: multiply seconds by 1000")]
    StartInSeconds(String),
    /// A time after the year 9999.
    #[error("the start is later than the year 9999")]
    StartTooLate,
    /// A time that is not in the future.
    #[error("the start {start} is {} past", human_time(past.as_secs_f64() * 1e9))]
    StartPast {
        /// The time, in RFC 3339.
        start: String,
        /// Time since then, in whole milliseconds.
        past: Duration,
    },
    /// A file with the start that cannot be read.
    #[error("cannot read the start from {}", path.display())]
    ReadStartFile {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file without a valid start.
    #[error("{} does not hold a start", path.display())]
    StartFileContent {
        /// The file.
        path: PathBuf,
        /// The fault of its text.
        source: Box<ShardsError>,
    },
    /// A file that did not appear, or stayed empty.
    #[error("{} did not hold a start within {}", path.display(), typed_duration(*.timeout))]
    StartFileTimeout {
        /// The file.
        path: PathBuf,
        /// The limit.
        timeout: Duration,
    },
    /// A barrier that not all shards have reached in time.
    #[error("the other shards did not reach the start within {}", typed_duration(*.0))]
    BarrierTimeout(Duration),
    /// An interrupt before the start.
    #[error("interrupted before the start")]
    Interrupted,
    /// A value of `PMI_FD` that is not the number of an inherited Unix socket.
    #[error("PMI_FD is `{value}`, which is not the number of an inherited socket")]
    Descriptor {
        /// Value of the variable.
        value: String,
        /// Cause; `None` for a text that is not a number.
        source: Option<io::Error>,
    },
    /// A failed read or write of the launcher's socket.
    #[error("cannot talk to the launcher (PMI_FD)")]
    Launcher(#[source] io::Error),
    /// A launcher that closed its socket.
    #[error("the launcher closed its socket (PMI_FD) instead of sending `{expected}`")]
    LauncherClosed {
        /// The expected command.
        expected: &'static str,
    },
    /// An answer of the launcher that is not the expected one.
    #[error("the launcher sent `{answer}` (PMI_FD) instead of `{expected}`")]
    LauncherAnswer {
        /// The expected command.
        expected: &'static str,
        /// Beginning of the answer.
        answer: String,
    },
    /// A value that cannot be sent to other shards.
    #[error(
        "`{0}` cannot be sent to other shards: only letters, digits and -_.:+ can, at most 256"
    )]
    Value(String),
    /// A start that no shard has published.
    #[error("no shard has published the start")]
    NothingPublished,
    /// A file or folder that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file of a shard with another content than this version writes.
    #[error("{} is damaged, or from another version", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// A file that cannot be written.
    #[error(transparent)]
    Results(results::ResultsError),
    /// A folder that already holds files of this shard of this run.
    #[error("{} holds shard {shard} of the same run ({run}): a second process with the same number, or a second start", path.display())]
    ExistingRun {
        /// Index of the shard.
        shard: u32,
        /// File of the shard.
        path: PathBuf,
        /// Name of the run.
        run: String,
    },
    /// A folder in which no shard has started.
    #[error("{} holds no start of a shard (shard-000.start.json, …)", _0.display())]
    NoShards(PathBuf),
    /// A histogram of a shard that is damaged.
    #[error("the result of shard {shard} is damaged: {reason}")]
    DamagedResult {
        /// Index of the shard.
        shard: u32,
        /// The defect.
        reason: String,
    },
    /// A published start that is not a time.
    #[error("the shards agreed on an invalid start")]
    PublishedStart(#[source] Box<ShardsError>),
}

fn step_text(step: Option<&str>) -> String {
    step.map_or_else(|| "not set".to_owned(), |step| format!("`{step}`"))
}

fn tasks_text(tasks: Option<&str>) -> String {
    tasks.map_or_else(String::new, |tasks| format!(" (SLURM_NTASKS is `{tasks}`)"))
}
