//! What a comparison of servers found, as plain data. Field names are the keys of its JSON.

// Fields whose name says it all have no comment.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};

use super::plan_summary::PlanSummary;
use super::summary::{Host, Tool};
use crate::verdict::{ValiditySummary, Verdict};

pub use figure::ComparedFigure;
pub use slices::{RunSlices, SliceRow, SliceSpread};

mod figure;
mod slices;

/// Version of the JSON's shape.
pub const SCHEMA: u32 = 1;

/// What the key `kind` says, so that a comparison is not taken for a run.
pub const KIND: &str = "comparison";

/// Everything that a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// Version of the document's shape, [`SCHEMA`].
    pub schema: u32,
    /// The word `comparison`, [`KIND`].
    pub kind: String,
    pub tool: Tool,
    pub host: Host,
    /// Wall-clock time of its beginning, RFC 3339.
    pub started_at: String,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    pub plan: ComparisonPlan,
    /// The servers, in the order in which they were named.
    pub servers: Vec<CandidateRow>,
    /// One row a round and server, as they were measured.
    pub rounds: Vec<RoundRow>,
    pub figures: Vec<FigureRow>,
    /// Rounds that lie far from the others. They are named and counted, never left out.
    pub outliers: Vec<OutlierRow>,
    /// The conditions that it was to be held against.
    pub conditions: Vec<ConditionRow>,
    pub validity: ValiditySummary,
    /// The user ended it before all rounds were done.
    pub interrupted: bool,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ComparisonPlan {
    /// The load of the capacity runs (closed loop). Its URL is that of the first server.
    pub load: PlanSummary,
    /// Messages per second that the latency runs (open loop) offer; `None` when there were none.
    pub rate_per_s: Option<f64>,
    /// The rate was found by a pilot, not given.
    pub rate_was_found: bool,
    /// Rounds asked for; with `until_sure_percent` the fewest.
    pub rounds: u32,
    /// Rounds are added until every interval is at most so wide, in percent of its ratio.
    pub until_sure_percent: Option<f64>,
    pub max_rounds: u32,
    /// Seed of the order within rounds, of payloads and of the bootstrap.
    pub seed: u64,
    /// In this share of such comparisons no verdict is wrong, of all servers and figures together.
    pub confidence: f64,
    /// The figures that were to be compared.
    #[serde(default = "all_figures")]
    pub figures: Vec<ComparedFigure>,
    /// The server that the others are compared with.
    pub reference: String,
    /// Cores that the servers were kept on; empty = the system decided.
    pub server_cores: Vec<usize>,
    /// Cores that the generator was kept on.
    pub generator_cores: Vec<usize>,
    /// Checks that a server had to pass before it was measured: `off`, `plan` or `full`; `None` for saved runs,
    /// and in a file of an older version.
    #[serde(default)]
    pub gate: Option<String>,
    /// Planned length of the slices in which the servers of a round take turns, in seconds; `None` when they were
    /// measured one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice_s: Option<f64>,
    /// Time after which no round begins, in seconds; `None` without such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_s: Option<f64>,
}

fn all_figures() -> Vec<ComparedFigure> {
    ComparedFigure::ALL.to_vec()
}

/// A server under comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CandidateRow {
    pub name: String,
    /// The command that starts it; `None` when it ran already.
    pub command: Option<String>,
    /// Where it echoes, `{port}` standing for the port of each start.
    pub url: String,
    /// The saved runs that speak for it; empty when it was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Right echoes per second in the pilot, median of its runs.
    pub pilot_messages_per_s: Option<f64>,
    /// Why it is not compared; `None` when it is.
    pub excluded: Option<String>,
    /// Checks that it does not pass and that the load does not need: `a ping: nothing came within 5.00 s`.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What one server did in one round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RoundRow {
    /// From 1.
    pub round: u32,
    pub server: String,
    /// When it had its turn within the round, from 1.
    pub turn: u32,
    /// Seed of the payloads, the same for every server of a round.
    pub seed: u64,
    /// From its start until its first echo, in seconds; `None` when it ran already.
    pub ready_s: Option<f64>,
    /// Why the round is not counted for this server.
    pub failure: Option<String>,
    /// Closed loop: as fast as it answers.
    pub capacity: Option<RunRow>,
    /// Open loop: at the rate that all servers were offered.
    pub latency: Option<RunRow>,
    /// Resident memory with all connections open after the capacity run, less that before the first
    /// one, for each connection. `None` when it was not seen, or did not grow.
    pub memory_per_connection_bytes: Option<f64>,
}

/// What one run found, from its steady part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RunRow {
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    /// Messages echoed right and timed, of the whole measured phase.
    pub timed_messages: u64,
    /// Messages lost, corrupted, late or never sent, of the whole measured phase.
    pub failed_messages: u64,
    /// Length of the measured phase in seconds.
    pub elapsed_s: f64,
    /// Whether it was steady.
    pub steadiness: Steadiness,
    /// Seconds at its beginning that were not steady yet; the figures are of what follows. `None` when
    /// it was too short to tell, or never became steady: then they are of all of it.
    pub cut_s: Option<f64>,
    /// Right echoes per second.
    pub messages_per_s: f64,
    /// Median of the time that the run is about, in nanoseconds: closed loop the service time, open
    /// loop the response time.
    pub p50_ns: Option<f64>,
    pub p99_ns: Option<f64>,
    pub p99_9_ns: Option<f64>,
    /// CPU time of the server's processes during the whole measured phase, in seconds.
    pub server_cpu_s: Option<f64>,
    /// Right echoes for each second of it, of the whole measured phase.
    pub messages_per_cpu_s: Option<f64>,
    /// Slices in turn with those of the other servers; `None` when it was measured in one piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<RunSlices>,
}

/// Whether a run was steady, once its beginning was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Steadiness {
    Steady,
    /// It rose or fell to the end.
    Drifting,
    /// No cut made it so.
    Never,
    /// There were too few messages to tell, or no samples.
    Unknown,
}

/// What all rounds say of one figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FigureRow {
    pub figure: ComparedFigure,
    pub unit: String,
    /// One entry a compared server.
    pub servers: Vec<FigureOfServer>,
    /// Each server but the reference against it.
    pub against: Vec<AgainstReference>,
}

/// What one server had of a figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FigureOfServer {
    pub server: String,
    /// The median of its rounds; `None` when no round has the figure.
    pub median: Option<f64>,
    /// Rounds that have the figure.
    pub rounds: u32,
}

/// A server against the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct AgainstReference {
    pub server: String,
    pub reference: String,
    /// Rounds in which both have the figure.
    pub rounds: u32,
    /// The server's value over the reference's; `None` when no two rounds have both.
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Its level, which is such that of all figures and servers together no verdict is wrong as often as the
    /// plan's `confidence` says.
    pub level: Option<f64>,
    pub verdict: ComparisonVerdict,
    /// The same for a person: `axum 1.32 × faster (1.28–1.36)`.
    pub text: String,
    /// Further rounds after which a verdict is likely; `None` when it can be already, or when
    /// that cannot be told.
    pub more_rounds: Option<u64>,
    /// Variance of the ratios within and between rounds; `None` when the servers were not measured in slices, and
    /// where slices have no such figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<SliceSpread>,
}

/// What can be said of a server against the reference.
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
    /// The median of all rounds.
    pub median: f64,
}

/// What became of a condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConditionRow {
    /// As it was typed.
    pub expression: String,
    /// Whether the gate is shut: it held with confidence, or a figure of it was not measured.
    pub held: bool,
    /// Whether the rounds tell that; what they do not tell leaves the gate open.
    pub is_sure: bool,
    pub text: String,
}

/// The number of the last round; 0 before the first.
pub fn last_round(rounds: &[RoundRow]) -> u32 {
    rounds.iter().map(|row| row.round).max().unwrap_or(0)
}

impl Comparison {
    /// The servers that were compared.
    pub fn compared(&self) -> impl Iterator<Item = &CandidateRow> {
        self.servers.iter().filter(|s| s.excluded.is_none())
    }

    /// The rounds of a server.
    pub fn rounds_of<'a>(&'a self, server: &'a str) -> impl Iterator<Item = &'a RoundRow> {
        self.rounds.iter().filter(move |row| row.server == server)
    }

    /// Whether any server failed: in the gate, at its start or in a round.
    pub fn any_failed(&self) -> bool {
        self.servers.iter().any(|s| s.excluded.is_some())
            || self.rounds.iter().any(|row| row.failure.is_some())
    }
}
