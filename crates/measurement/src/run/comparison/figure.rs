//! The figures that servers are compared by: names, units, and which way is better.

use serde::{Deserialize, Serialize};

use super::{RoundRow, RunRow, SliceRow};
use crate::verdict::Verdict;
use units::{grouped, human_bytes, human_time};

/// A figure that servers are compared by. Response times are those of the open loop, the others of the closed
/// loop.
#[allow(missing_docs)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComparedFigure {
    Throughput,
    ServiceP50,
    ServiceP99,
    #[serde(rename = "service_p99_9")]
    ServiceP999,
    ResponseP50,
    ResponseP99,
    #[serde(rename = "response_p99_9")]
    ResponseP999,
    MessagesPerCpuS,
    MemoryPerConnection,
}

/// Everything fixed about a figure.
struct Facts {
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    comparatives: (&'static str, &'static str),
}

/// One row a figure, in the order of [`ComparedFigure::ALL`].
#[rustfmt::skip]
static FACTS: [Facts; 9] = {
    const fn facts(key: &'static str, name: &'static str, unit: &'static str, comparatives: (&'static str, &'static str)) -> Facts {
        Facts { key, name, unit, comparatives }
    }
    const SPEED: (&str, &str) = ("faster", "slower");
    [
        facts("throughput", "throughput, msg/s", "msg/s", SPEED),
        facts("service_p50", "service time p50", "ns", SPEED),
        facts("service_p99", "service time p99", "ns", SPEED),
        facts("service_p99_9", "service time p99.9", "ns", SPEED),
        facts("response_p50", "response time p50", "ns", SPEED),
        facts("response_p99", "response time p99", "ns", SPEED),
        facts("response_p99_9", "response time p99.9", "ns", SPEED),
        facts("messages_per_cpu_s", "messages per CPU-second", "msg/CPU-s", ("more efficient", "less efficient")),
        facts("memory_per_connection", "memory per connection", "bytes", ("smaller", "larger")),
    ]
};

impl ComparedFigure {
    /// All of them, in the order in which they are printed.
    pub const ALL: [Self; 9] = [
        Self::Throughput,
        Self::ServiceP50,
        Self::ServiceP99,
        Self::ServiceP999,
        Self::ResponseP50,
        Self::ResponseP99,
        Self::ResponseP999,
        Self::MessagesPerCpuS,
        Self::MemoryPerConnection,
    ];

    fn facts(self) -> &'static Facts {
        &FACTS[self as usize]
    }

    /// The key in files: `response_p99`.
    pub fn key(self) -> &'static str {
        self.facts().key
    }

    /// The name for a person, with the unit of numbers that have none of their own.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The name without the unit.
    pub fn short_name(self) -> &'static str {
        self.name().split(", ").next().unwrap_or_default()
    }

    /// The unit in files.
    pub fn unit(self) -> &'static str {
        self.facts().unit
    }

    /// Whether the larger value is the better one.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::Throughput | Self::MessagesPerCpuS)
    }

    /// Comparatives for the server with the better, and with the worse value: `faster`, `slower`.
    pub fn comparatives(self) -> (&'static str, &'static str) {
        self.facts().comparatives
    }

    /// A value of it for a person.
    pub fn print(self, value: f64) -> String {
        match self {
            // Never negative.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Throughput | Self::MessagesPerCpuS => grouped(value.round() as u64),
            Self::MemoryPerConnection => human_bytes(value),
            _ => human_time(value),
        }
    }

    /// The run that it is of.
    pub fn run(self, row: &RoundRow) -> Option<&RunRow> {
        match self {
            Self::ResponseP50 | Self::ResponseP99 | Self::ResponseP999 => row.latency.as_ref(),
            _ => row.capacity.as_ref(),
        }
    }

    /// Value of a server in one slice; `None` for figures that a slice is too short for.
    pub(super) fn of_slice(self, slice: &SliceRow) -> Option<f64> {
        let value = match self {
            Self::Throughput => Some(slice.messages_per_s),
            Self::ServiceP50 | Self::ResponseP50 => slice.p50_ns,
            _ => None,
        };
        value.filter(|value| value.is_finite() && *value > 0.0)
    }

    /// What a server had of it in a round. `None` when the round failed, when the run is not to be
    /// believed, and when it was not seen.
    pub fn of(self, row: &RoundRow) -> Option<f64> {
        if row.failure.is_some() {
            return None;
        }
        let run = self
            .run(row)
            .filter(|run| run.verdict != Verdict::Invalid)?;
        let value = match self {
            Self::Throughput => Some(run.messages_per_s),
            Self::ServiceP50 | Self::ResponseP50 => run.p50_ns,
            Self::ServiceP99 | Self::ResponseP99 => run.p99_ns,
            Self::ServiceP999 | Self::ResponseP999 => run.p99_9_ns,
            Self::MessagesPerCpuS => run.messages_per_cpu_s,
            Self::MemoryPerConnection => row.memory_per_connection_bytes,
        };
        // Only numbers above zero have a ratio.
        value.filter(|value| value.is_finite() && *value > 0.0)
    }
}
