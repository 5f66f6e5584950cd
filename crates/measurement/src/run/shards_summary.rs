//! The shards of a run that several processes executed, as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use crate::verdict::Latency;

/// Start skew above which a shard is late, in nanoseconds.
pub const LATE_START_NS: u64 = 100_000_000;

/// Stop of a generator above which its shard is named, in nanoseconds.
pub const LONG_STOP_NS: u64 = 500_000_000;

/// Clock error between machines above which figures that compare their clocks are not reliable, in nanoseconds.
pub const CLOCK_ERROR_LIMIT_NS: u64 = 50_000_000;

/// The shards of a run. Shards are numbered from 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
// A workbook has no cells for what is empty.
#[serde(default)]
pub struct ShardsSummary {
    /// Name of the run, from the digest of its plan and T0.
    pub run: String,
    pub planned: u32,
    /// Shards with a complete result.
    pub complete: u32,
    /// True when a shard is missing, died, was late or had another plan.
    pub degraded: bool,
    /// Shards without any file of this run.
    pub missing: Vec<u32>,
    pub died: Vec<DiedShard>,
    pub late: Vec<LateShard>,
    /// Shards with another plan. Their figures are left out.
    pub differing: Vec<u32>,
    /// Shards that the user interrupted before their plan was complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interrupted: Vec<u32>,
    /// Time from T0 until a shard noticed it, by its own clock.
    pub start_skew_ns: StartSkew,
    /// The time in which all shards were at work; `None` when there is none.
    pub full_strength: Option<FullStrength>,
    pub clocks: ClockSummary,
    /// Files of other runs in the same folder.
    pub left_out: Vec<String>,
    /// One row per planned shard.
    pub rows: Vec<ShardRow>,
}

impl ShardsSummary {
    /// Returns true when a shard has no result in the figures: it is missing, died, or had another plan.
    pub fn lacks_results(&self) -> bool {
        !(self.missing.is_empty() && self.died.is_empty() && self.differing.is_empty())
    }
}

/// A shard that started and has no result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct DiedShard {
    pub shard: u32,
    /// Length of its data in whole seconds since T0.
    pub through_s: u64,
}

/// A shard that noticed T0 late.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct LateShard {
    pub shard: u32,
    pub skew_ns: u64,
}

/// Start skew over all shards, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct StartSkew {
    pub p50: Option<u64>,
    pub max: Option<u64>,
}

impl StartSkew {
    /// The median, the lower one of two, and the maximum of these delays.
    pub fn of(mut skews: Vec<u64>) -> Self {
        skews.sort_unstable();
        Self {
            p50: skews.get(skews.len().saturating_sub(1) / 2).copied(),
            max: skews.last().copied(),
        }
    }
}

/// The time in which all shards were at work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct FullStrength {
    /// Begin and end in whole seconds since T0.
    pub from_s: u64,
    pub to_s: u64,
    /// Echoes in this time.
    pub messages: u64,
    pub response_time_ns: Latency,
}

/// Clocks of the machines of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ClockSummary {
    /// Number of machines, by boot id.
    pub machines: u32,
    /// Largest error bound that a machine reports, in nanoseconds; `None` for one machine, and when unknown.
    pub max_error_ns: Option<u64>,
    /// Shards on machines without a synchronised clock; empty for one machine.
    pub unsynchronised: Vec<u32>,
}

impl ClockSummary {
    /// Returns true when times of different machines can be compared.
    pub fn is_reliable(&self) -> bool {
        self.machines <= 1
            || self.unsynchronised.is_empty()
                && self
                    .max_error_ns
                    .is_some_and(|ns| ns <= CLOCK_ERROR_LIMIT_NS)
    }
}

/// State of a shard's result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShardState {
    Complete,
    Died,
    Differing,
    #[default]
    Missing,
}

impl ShardState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Complete, Self::Died, Self::Differing, Self::Missing];

    /// The word used in every file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Died => "died",
            Self::Differing => "differing",
            Self::Missing => "missing",
        }
    }
}

/// Figures of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ShardRow {
    pub shard: u32,
    pub state: ShardState,
    /// Name of its machine; `None` when missing.
    pub host: Option<String>,
    pub opened: Option<u64>,
    pub sent: Option<u64>,
    pub received: Option<u64>,
    pub failed: Option<u64>,
    pub start_skew_ns: Option<u64>,
    /// Longest time for which a thread of its generator did not run; `None` without stops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_stop_ns: Option<u64>,
    /// The first differences between its plan and that of the run, as `clients: 10 (20)`, that of the run in parentheses;
    /// empty for the same plan, and for a difference that the plan's summary does not show.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}
