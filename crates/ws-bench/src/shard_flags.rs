//! Flags of runs of several processes.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use cli::headings::SHARDS;
use cli::up_to;
use shards::identity::{MAX_SHARDS, ShardIdentity};
use shards::start_time::StartTime;
use units::{grouped, human_time, parse_duration};

/// Flags of runs of several processes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = SHARDS)]
pub(crate) struct ShardFlags {
    /// Run as N processes on this machine, which start together and merge their results (example: 4)
    ///
    /// Each process has a part of the clients, so the limit on open files of one process does not limit the run. The
    /// flags are those of the whole run: clients, messages, rates and --threads are divided.
    #[arg(long, value_name = "N", value_parser = up_to::<NonZeroU32>(MAX_SHARDS), conflicts_with_all = ["shard", "shard_dir", "start_at", "start_file", "is_trial"])]
    pub(crate) shards: Option<NonZeroU32>,

    /// Run as shard I of N, counted from 0: the clients k with k mod N = I; of a scenario with deliveries, the rooms r
    /// with r mod N = I. Needs --shard-dir [default: from Slurm,
    /// MPI, Kubernetes, or WS_BENCH_SHARD and WS_BENCH_SHARDS] (example: 0/4)
    #[arg(long, value_name = "I/N", conflicts_with = "is_trial")]
    pub(crate) shard: Option<ShardIdentity>,

    /// Folder for the results of all shards, which ws-merge adds up (example: results/)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "is_trial")]
    pub(crate) shard_dir: Option<PathBuf>,

    /// Begin to measure at this time: RFC 3339, or milliseconds since 1970 (example: 2026-01-31T12:00:00Z)
    #[arg(long, value_name = "TIME", conflicts_with = "start_file")]
    pub(crate) start_at: Option<StartTime>,

    /// Begin to measure at the time that will be in this file, in the form of --start-at (example: /shared/start)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) start_file: Option<PathBuf>,

    /// Time limit for the start: for --start-file, or for the launcher's barrier (example: 2m)
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse_duration, requires = "shard_dir")]
    pub(crate) start_timeout: Duration,
}

/// Several shards without a way to start together.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} shards need a common start: --start-at TIME, --start-file FILE, or a launcher with PMI (`srun --mpi=pmi2`, `mpiexec`)",
    grouped(u64::from(*.0))
)]
pub(crate) struct NoCommonStart(pub(crate) u32);

/// A start that leaves no time for the warm-up. Times are in seconds.
#[derive(Debug, thiserror::Error)]
#[error(
    "the start is {} ahead, but the warm-up takes {}: choose a later time, or a shorter --warmup",
    human_time(ahead * 1e9),
    human_time(warmup * 1e9)
)]
pub(crate) struct TooLateForWarmUp {
    pub(crate) ahead: f64,
    pub(crate) warmup: f64,
}
