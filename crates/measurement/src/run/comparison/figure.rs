//! Figures by which servers are compared: names, units and direction.

use serde::{Deserialize, Serialize};

use super::{RoundRow, RunRow};
use crate::verdict::Verdict;
use units::{grouped, human_bytes, human_time};

/// A figure by which servers are compared. Response times are measured in open loop, all other figures in closed loop.
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

/// Constant properties of a figure.
struct Facts {
    key: &'static str,
    name: &'static str,
    unit: &'static str,
    comparatives: (&'static str, &'static str),
}

/// One row per figure, in the order of [`ComparedFigure::ALL`].
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
    /// All figures in display order.
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

    /// The key in files, such as `response_p99`.
    pub fn key(self) -> &'static str {
        self.facts().key
    }

    /// The display name, with the unit of figures that are printed as plain numbers.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The display name without the unit.
    pub fn short_name(self) -> &'static str {
        self.name().split(", ").next().unwrap_or_default()
    }

    /// The unit in files.
    pub fn unit(self) -> &'static str {
        self.facts().unit
    }

    /// Returns true when a larger value is better.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::Throughput | Self::MessagesPerCpuS)
    }

    /// Comparatives for the servers with the better and the worse value: `faster`, `slower`.
    pub fn comparatives(self) -> (&'static str, &'static str) {
        self.facts().comparatives
    }

    /// Formats a value of the figure for display.
    pub fn print(self, value: f64) -> String {
        match self {
            // Never negative.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Self::Throughput | Self::MessagesPerCpuS => grouped(value.round() as u64),
            Self::MemoryPerConnection => human_bytes(value),
            _ => human_time(value),
        }
    }

    /// Returns true for a figure of latency runs (open loop), false for one of capacity runs (closed loop).
    pub fn is_of_latency_run(self) -> bool {
        matches!(
            self,
            Self::ResponseP50 | Self::ResponseP99 | Self::ResponseP999
        )
    }

    /// The run of the round that the figure is taken from.
    pub fn run(self, row: &RoundRow) -> Option<&RunRow> {
        if self.is_of_latency_run() {
            row.latency.as_ref()
        } else {
            row.capacity.as_ref()
        }
    }

    /// The figure's value for a server in a round. `None` when the round failed, the run is invalid, or the value was
    /// not measured or is not above 0.
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
        // Ratios need values above zero.
        value.filter(|value| value.is_finite() && *value > 0.0)
    }
}
