//! Result of a comparison of servers, as plain data. Field names are the keys of its JSON.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use super::plan_summary::PlanSummary;
use super::run_context::{Host, Tool};
use super::scenario_summary::ScenarioSummary;
use super::summary::Summary;
use crate::verdict::{ValiditySummary, Verdict};

pub use figure::ComparedFigure;
pub use search_row::SearchRow;
pub use slices::{RunSlices, SliceRow, SliceSpread, set_slice_ratios};

mod figure;
mod search_row;
mod slices;

/// Version of the JSON format.
pub const SCHEMA: u32 = 1;

/// Value of the key `kind`, which distinguishes a comparison from a run.
pub const KIND: &str = "comparison";

/// Complete result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// Version of the document's format, [`SCHEMA`].
    pub schema: u32,
    /// The word `comparison`, [`KIND`].
    pub kind: String,
    pub tool: Tool,
    pub host: Host,
    /// Start of the comparison in wall-clock time, RFC 3339.
    pub started_at: String,
    /// Duration of the comparison, in seconds.
    pub elapsed_s: f64,
    pub plan: ComparisonPlan,
    /// The servers, in the order of the command line.
    pub servers: Vec<CandidateRow>,
    /// One row per round and server, in the order of measurement.
    pub rounds: Vec<RoundRow>,
    pub figures: Vec<FigureRow>,
    /// Rounds that lie far from the others. They are reported, and still included in every figure.
    pub outliers: Vec<OutlierRow>,
    /// The conditions that were checked.
    pub conditions: Vec<ConditionRow>,
    pub validity: ValiditySummary,
    /// True when the user interrupted the comparison before its last round.
    pub interrupted: bool,
    /// The scenario of all clients; `None` when the servers echo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioSummary>,
}

/// Settings of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ComparisonPlan {
    /// The load of the throughput runs (closed loop), or of the searches for a capacity. Its URL is that of the first server.
    pub load: PlanSummary,
    /// Messages per second offered in the latency runs (open loop); `None` without latency runs.
    pub rate_per_s: Option<f64>,
    /// True when the rate was determined by a pilot run instead of given.
    pub rate_was_found: bool,
    /// Planned rounds. With `until_sure_percent`, the minimum.
    pub rounds: u32,
    /// Maximum width of every interval, in percent of its ratio, until which rounds are added.
    pub until_sure_percent: Option<f64>,
    pub max_rounds: u32,
    /// Seed of the order within rounds, of payloads and of the bootstrap.
    pub seed: u64,
    /// Share of such comparisons in which no verdict is wrong, over all servers and figures together.
    pub confidence: f64,
    /// The figures to compare.
    #[serde(default = "all_figures")]
    pub figures: Vec<ComparedFigure>,
    /// The server that the others are compared with.
    pub reference: String,
    /// Cores that the servers were pinned to; empty = not pinned.
    pub server_cores: Vec<usize>,
    /// Cores that the generator was pinned to.
    pub generator_cores: Vec<usize>,
    /// Checks that a server had to pass before it was measured: `off`, `plan` or `full`; `None` for saved runs and in
    /// files of older versions.
    #[serde(default)]
    pub gate: Option<String>,
    /// Planned length of the slices in which the servers of a round take turns, in seconds; `None` if they were measured
    /// one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_s: Option<f64>,
    /// Time after which no round begins, in seconds; `None` without such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_s: Option<f64>,
}

fn all_figures() -> Vec<ComparedFigure> {
    ComparedFigure::OF_MESSAGES.to_vec()
}

/// A server under comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CandidateRow {
    pub name: String,
    /// The command that starts the server; `None` when it was already running.
    pub command: Option<String>,
    /// The server's URL. `{port}` is replaced by the port of each start.
    pub url: String,
    /// Files of the saved runs compared; empty when the server was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Policy of the clients, where the saved runs differ in it: `reconnect now`; `None` where all have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Correct echoes per second in the pilot, median of its runs.
    pub pilot_messages_per_s: Option<f64>,
    /// Reason for excluding the server from the comparison; `None` when it is compared.
    pub excluded: Option<String>,
    /// Failed checks that the load does not depend on, such as `a ping: nothing came within 5.00 s`.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Results of one server in one round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RoundRow {
    /// Number of the round, from 1.
    pub round: u32,
    pub server: String,
    /// Position of the server within the round, from 1.
    pub turn: u32,
    /// Seed of the payloads, the same for all servers of a round.
    pub seed: u64,
    /// Time from the server's start until its first echo, in seconds; `None` when it was already running.
    pub ready_s: Option<f64>,
    /// Reason for not counting the round for this server.
    pub failure: Option<String>,
    /// Closed loop, as fast as the server answers.
    #[serde(rename = "capacity")]
    pub throughput: Option<RunRow>,
    /// Open loop, at the same rate for all servers.
    pub latency: Option<RunRow>,
    /// Resident memory with all connections open after the throughput run, less that before the first one, per
    /// connection. `None` when it was not measured, or did not grow.
    pub memory_per_connection_bytes: Option<f64>,
    /// Search for the highest rate at which conditions hold; `None` unless servers are compared by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_under_slo: Option<SearchRow>,
}

/// Figures of one run, computed from its steady part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RunRow {
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    /// Correct, timed echoes of the whole measured phase.
    pub timed_messages: u64,
    /// Messages that were lost, corrupted, late or never sent in the whole measured phase.
    pub failed_messages: u64,
    /// Length of the measured phase in seconds.
    pub elapsed_s: f64,
    /// Steadiness of the run after the cut.
    pub steadiness: Steadiness,
    /// Seconds cut off at the beginning because the run was not yet steady. `None` when the run was too short to
    /// decide, or never became steady: the figures then cover all of it.
    pub cut_s: Option<f64>,
    /// Correct echoes per second.
    pub messages_per_s: f64,
    /// Median latency in nanoseconds: service time in closed loop, response time in open loop.
    pub p50_ns: Option<f64>,
    pub p99_ns: Option<f64>,
    pub p99_9_ns: Option<f64>,
    /// CPU time of the server's processes during the whole measured phase, in seconds.
    pub server_cpu_s: Option<f64>,
    /// Correct echoes per second of that CPU time, over the whole measured phase.
    pub messages_per_cpu_s: Option<f64>,
    /// Slices of the run; `None` if it was measured in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<RunSlices>,
    /// Figures of deliveries or of a feed; `None` without either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries: Option<RunDeliveries>,
    /// Figures of connections that were due at times of their own; `None` without a connect rate and replacements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<RunConnections>,
}

/// Figures of connections that were due at times of their own, over the whole run. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RunConnections {
    /// Connections that opened.
    pub opened: u64,
    /// Connections that their clients replaced by plan.
    pub replaced: u64,
    /// Times of opening from the intended times.
    pub connect_response_p50_ns: Option<f64>,
    pub connect_response_p99_ns: Option<f64>,
}

impl RunConnections {
    /// The figures of a run; `None` when its connections were due when they were begun.
    pub fn of(summary: &Summary) -> Option<Self> {
        let rules = summary.plan.connections.as_ref()?;
        let times = &summary.connect_response_ns;
        let exact = |ns: Option<u64>| ns.map(|ns| ns as f64);
        let has_due_times = rules.rate_per_s.is_some() || rules.replaces();
        (has_due_times && times.count > 0).then(|| Self {
            opened: summary.connections.opened,
            replaced: summary.connections.replaced,
            connect_response_p50_ns: exact(times.p50),
            connect_response_p99_ns: exact(times.p99),
        })
    }
}

/// Figures of a run's deliveries or of its feed, over the whole measured phase. Times are in nanoseconds; `None` where
/// they were not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct RunDeliveries {
    /// Share of the expected deliveries that came.
    pub reach: Option<f64>,
    pub first_p99_ns: Option<f64>,
    pub last_p50_ns: Option<f64>,
    pub last_p99_ns: Option<f64>,
    pub delivery_p50_ns: Option<f64>,
    pub delivery_p99_ns: Option<f64>,
    pub gap_p99_ns: Option<f64>,
    pub lateness_p99_ns: Option<f64>,
    pub skew_p99_ns: Option<f64>,
}

impl RunDeliveries {
    /// The figures of a run; `None` without deliveries and without a feed.
    pub fn of(summary: &Summary) -> Option<Self> {
        let (fan_out, feed) = (summary.fan_out.as_ref(), summary.push.as_ref());
        let exact = |ns: Option<u64>| ns.map(|ns| ns as f64);
        fan_out.map(|_| ()).or(feed.map(|_| ()))?;
        Some(Self {
            reach: fan_out.and_then(|own| own.reach),
            first_p99_ns: exact(fan_out.and_then(|own| own.first_ns.p99)),
            last_p50_ns: exact(fan_out.and_then(|own| own.last_ns.p50)),
            last_p99_ns: exact(fan_out.and_then(|own| own.last_ns.p99)),
            delivery_p50_ns: exact(fan_out.and_then(|own| own.delivery_time_ns.p50)),
            delivery_p99_ns: exact(fan_out.and_then(|own| own.delivery_time_ns.p99)),
            gap_p99_ns: exact(feed.and_then(|own| own.gap_ns.p99)),
            lateness_p99_ns: exact(feed.and_then(|own| own.late_ns?.p99)),
            skew_p99_ns: exact(feed.and_then(|own| own.skew_ns?.p99)),
        })
    }
}

/// Steadiness of a run after its beginning was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Steadiness {
    Steady,
    /// Rising or falling until the end.
    Drifting,
    /// Not steady after any cut.
    Never,
    /// Too few messages to decide, or no samples.
    Unknown,
}

/// Results of one figure over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FigureRow {
    pub figure: ComparedFigure,
    pub unit: String,
    /// One entry per compared server.
    pub servers: Vec<FigureOfServer>,
    /// Each server except the reference, compared with the reference.
    pub against: Vec<AgainstReference>,
}

/// One server's values of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FigureOfServer {
    pub server: String,
    /// Median over the server's rounds; `None` when no round has the figure.
    pub median: Option<f64>,
    /// Rounds that have the figure.
    pub rounds: u32,
}

/// A server compared with the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AgainstReference {
    pub server: String,
    pub reference: String,
    /// Rounds in which both servers have the figure.
    pub rounds: u32,
    /// The server's value divided by the reference's; `None` when no round has both.
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Confidence level of the interval, adjusted so that the plan's `confidence` holds for all figures and servers
    /// together.
    pub level: Option<f64>,
    pub verdict: ComparisonVerdict,
    /// The result as text, such as `axum 1.32 × faster (1.28–1.36)`.
    pub text: String,
    /// Additional rounds after which a verdict is likely; `None` when there is a verdict already, or when the number
    /// cannot be estimated.
    pub more_rounds: Option<u64>,
    /// Factor by which the measured time of all runs would have to grow in place of `more_rounds`; `None` without slices,
    /// and if longer runs do not suffice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longer_runs: Option<f64>,
    /// Spread of the ratios within and between rounds; `None` without slices, and for figures that slices do not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<SliceSpread>,
}

/// Verdict on a server relative to the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ComparisonVerdict {
    Better,
    Worse,
    CannotTell,
}

/// A round that lies far from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct OutlierRow {
    pub figure: ComparedFigure,
    pub server: String,
    pub round: u32,
    pub value: f64,
    /// Median of all rounds.
    pub median: f64,
}

/// Result of a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConditionRow {
    /// The condition as typed.
    pub expression: String,
    /// True when the condition held with confidence, or one of its figures was not measured. Either makes `--fail-if`
    /// fail.
    pub held: bool,
    /// True when the rounds decide the condition. An undecided one does not make `--fail-if` fail.
    pub is_sure: bool,
    pub text: String,
}

/// The number of the last round; 0 before the first.
pub fn last_round(rounds: &[RoundRow]) -> u32 {
    rounds.iter().map(|row| row.round).max().unwrap_or(0)
}

impl Comparison {
    /// The servers that were not excluded.
    pub fn compared(&self) -> impl Iterator<Item = &CandidateRow> {
        self.servers.iter().filter(|s| s.excluded.is_none())
    }

    /// The rounds of one server.
    pub fn rounds_of<'a>(&'a self, server: &'a str) -> impl Iterator<Item = &'a RoundRow> {
        self.rounds.iter().filter(move |row| row.server == server)
    }

    /// Returns true when any server failed: in its checks, at its start or in a round.
    pub fn any_failed(&self) -> bool {
        self.servers.iter().any(|s| s.excluded.is_some())
            || self.rounds.iter().any(|row| row.failure.is_some())
    }
}
