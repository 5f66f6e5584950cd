//! Data of one run, for all programs and file formats.
//!
//! | module | contents |
//! |---|---|
//! | `summary` | [`Summary`]: the figures, under the JSON keys of the contract |
//! | `plan_summary` | [`PlanSummary`]: the plan as reported in results |
//! | `process_record` | [`ProcessRecord`]: everything that one of several processes has recorded; [`RunSum`] adds them up |
//! | `plan_facts` | [`PlanFacts`]: what a summary takes from a plan, as plain data |
//! | `capacity_summary` | [`CapacitySummary`], [`LoadStep`]: rates offered one after the other, and the capacity found with them |
//! | `search_validity` | the verdict on a search, by all of its steps |
//! | `step_groups` | [`StepGroup`]: steps of one rate and one result put together |
//! | `condition_result` | results of conditions |
//! | `scenario_summary` | scenario and setup as reported in results |
//! | `scenario_figures` | kinds of messages and roles as reported in results |
//! | `fan_out_summary` | [`FanOutSummary`]: deliveries as reported in results |
//! | `push_summary` | [`PushSummary`]: messages that a server sends on its own |
//! | `neighbour_ratios` | the others after slow readers turned slow, compared with before |
//! | `reconnect_summary` | [`ReconnectSummary`]: connections that were lost and opened again |
//! | `idle_summary` | [`IdleSummary`]: connections that stay silent |
//! | `drift_summary` | [`DriftSummary`]: change of the figures over a long run |
//! | `connect_row` | [`ConnectRow`]: openings of one second |
//! | `run_context` | [`RunContext`]: what comes from neither plan nor record; [`Connections`], [`Host`] |
//! | `slow_summary` | [`SlowSummary`]: slow readers, and the others before and after |
//! | `shards_summary` | [`ShardsSummary`]: the processes of a run |
//! | `live_summary` | summary of a running measurement, as if it ended now |
//! | `percentile_table` | [`percentile_table`] |
//! | [`thresholds`] | conditions of `--fail-if` on a summary, such as `p99>10ms`, and between servers |
//! | [`comparison`] | result of a comparison of servers |

mod capacity_summary;
pub mod comparison;
mod condition_result;
mod connect_row;
mod connection_evidence;
mod drift_summary;
mod fan_out_summary;
mod idle_summary;
mod live_summary;
mod neighbour_ratios;
mod percentile_table;
mod plan_facts;
mod plan_summary;
mod process_record;
mod push_summary;
mod reconnect_summary;
mod run_context;
mod scenario_figures;
mod scenario_summary;
mod search_validity;
mod shards_summary;
mod slow_summary;
mod step_groups;
mod summary;
#[cfg(test)]
pub(crate) mod tests;
pub mod thresholds;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::record::{
    DeliverySample, LatencyHistogram, PublicationSample, PushSample, Record, Sample,
    ServiceAndResponse, TimelineRow,
};

pub use capacity_summary::{
    CapacitySummary, LoadStep, SearchEnd, StepOrigin, TimeInterval, answered_rank,
};
pub use condition_result::ConditionResult;
pub use connect_row::ConnectRow;
pub use drift_summary::{
    DriftDirection, DriftSummary, DriftingFigure, FigureDrift, MIN_DRIFT_S, ServerReading,
    ServerReadings,
};
pub use fan_out_summary::{FanOutPercentiles, FanOutRow, FanOutSummary, ReceiverSummary};
pub use idle_summary::{ConnectionMemory, IdleSummary, MemoryReading};
pub use percentile_table::{PercentileRow, percentile_table};
pub use plan_facts::{PlanFacts, RoleFacts, RuleFacts, ScenarioFacts};
pub use plan_summary::{
    CapacityPlanSummary, ConnectionPlanSummary, DropSummary, PayloadBytes, PlanSummary,
    SlowReadersSummary, StageSummary, SweepPlanSummary,
};
pub use process_record::{ProcessRecord, RunSum};
pub use push_summary::PushSummary;
pub use reconnect_summary::{ReconnectRow, ReconnectSummary};
pub use run_context::{CloseFrameCount, Connections, Host, RunContext, Tool};
pub use scenario_figures::{KindSummary, SLOW_ROLE};
pub use scenario_summary::{ScenarioSummary, SetupFailureCount, SetupSummary};
pub use shards_summary::{
    CLOCK_ERROR_LIMIT_NS, ClockSummary, DiedShard, FullStrength, LATE_START_NS, LONG_STOP_NS,
    LateShard, ShardRow, ShardState, ShardsSummary, StartSkew,
};
pub use slow_summary::{NeighbourRatio, NeighbourSummary, SlowSummary};
pub use step_groups::{StepGroup, StepMeaning};
pub use summary::{SCHEMA, Summary, Throughput, is_p99_of_generator};

pub use crate::verdict::ValiditySummary;

/// Data of one run, recorded by the generator or read from a file.
///
/// A part is `None` when the file does not contain it or it was not requested. A run fresh from the generator has every
/// part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// Tool, command line, plan, host, figures and verdict.
    pub summary: Option<Summary>,
    /// The percentile table.
    pub percentiles: Option<Vec<PercentileRow>>,
    /// Counts and times of each second.
    pub timeline: Option<RunTimeline>,
    /// Histograms of the whole run.
    pub histograms: Option<RunHistograms>,
    /// Records of single messages.
    pub samples: Option<Samples>,
    /// One row per client, ordered by number.
    pub clients: Option<Vec<ClientRow>>,
    /// Samples of messages that were delivered to several receivers, ordered by send time; empty without them.
    pub publications: Vec<PublicationSample>,
    /// Samples of deliveries, ordered by send time; empty without them.
    pub deliveries: Vec<DeliverySample>,
    /// Samples of messages that the server sent on its own, ordered by arrival; empty without them.
    pub pushes: Vec<PushSample>,
    /// Further histograms of a run with a scenario. Empty without one, and in a run that was read from a file.
    pub tagged: Vec<TaggedHistogram>,
}

/// A histogram of a whole run with its tag in an interval log: `service.NAME` and `response.NAME` for each kind of
/// message, `first_part`, `error_reply`; `delivery`, `first`, `last` of deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct TaggedHistogram {
    /// The tag.
    pub tag: String,
    /// Times in nanoseconds.
    pub histogram: Histogram<u64>,
}

/// Counts and times of each second of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTimeline {
    /// One row per second, ascending.
    pub rows: Vec<TimelineRow>,
    /// True when `sent` and `failed` are known. An interval log contains correct echoes only, so both are 0.
    pub knows_sent: bool,
    /// Time of the last send or echo in seconds since T0, for files without summary.
    pub ends_s: Option<f64>,
    /// True for an open loop, for files without summary; `None` = unknown.
    pub is_open_loop: Option<bool>,
}

/// Histograms of a whole run, in nanoseconds, with the bounds and digits of a
/// [`LatencyHistogram`].
pub type RunHistograms = ServiceAndResponse<Histogram<u64>>;

/// Records of single messages: all, or a uniform random sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// The records, ordered by send time.
    pub rows: Vec<Sample>,
    /// Number of messages that the sample was drawn from; `None` when all messages are included.
    pub chosen_from: Option<u64>,
}

/// Record of one client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRow {
    /// Number of the client, from 0.
    pub client: u32,
    /// Time to open the connection, in nanoseconds; `None` when it did not open.
    pub connect_ns: Option<u64>,
    /// Measured messages that the client sent.
    pub messages: u64,
    /// Messages that failed.
    pub failed: u64,
    /// Close code of the connection. 1006 = without a close frame; `None` when the connection never opened, or the user
    /// did not wait for the server's close frame.
    pub close_code: Option<u16>,
    /// Time from the first attempt to connect until the client was ready for the load, in nanoseconds; `None` when it
    /// was not, without a scenario, and in files of older versions.
    pub ready_ns: Option<u64>,
    /// Index of the client's role among the names of the scenario's roles in alphabetical order; `None` without a
    /// scenario, and in a run that was read from a file.
    pub role: Option<u16>,
    /// Number of the setup step that failed, in the merged file, from 1; `None` when none did.
    pub setup_step: Option<u32>,
    /// Room of the client; `None` in a run without deliveries.
    #[serde(default)]
    pub room: Option<u32>,
    /// The client was chosen as a slow reader by `--slow`. Not known of a run that was read from a file.
    #[serde(default)]
    pub is_slow: bool,
    /// Connections of the client after its first one.
    #[serde(default)]
    pub reconnects: u64,
}

impl Run {
    /// Builds a fresh run. `clients` has one row per client, ordered by number.
    pub fn with_summary(summary: Summary, mut record: Record, clients: Vec<ClientRow>) -> Self {
        let sent = record.counts.sent;
        let tagged = tagged_histograms(&summary, &record);
        // Its histograms take megabytes, and are not needed any more.
        let fan_out = record.fan_out.take().map(|own| *own);
        let (publications, deliveries) = fan_out
            .map(|own| (own.publications, own.deliveries))
            .unwrap_or_default();
        Self {
            summary: Some(summary),
            percentiles: Some(percentile_table(&record)),
            timeline: Some(RunTimeline {
                rows: record.timeline,
                knows_sent: true,
                ..RunTimeline::default()
            }),
            histograms: Some(RunHistograms {
                service: record.service.into_buckets(),
                response: record.open_loop.map(|open| open.response.into_buckets()),
            }),
            samples: Some(Samples {
                chosen_from: ((record.samples.len() as u64) < sent).then_some(sent),
                rows: record.samples,
            }),
            clients: Some(clients),
            publications,
            deliveries,
            pushes: record.push.map(|push| push.samples).unwrap_or_default(),
            tagged,
        }
    }

    /// Length of the measured phase in seconds. For files without summary, the time of the last send or echo.
    pub fn elapsed_s(&self) -> Option<f64> {
        match &self.summary {
            Some(summary) => Some(summary.elapsed_s),
            None => self.timeline.as_ref()?.ends_s,
        }
    }

    /// Length of the warm-up in seconds.
    pub fn warmup_s(&self) -> Option<f64> {
        self.summary.as_ref().map(|summary| summary.plan.warmup_s)
    }

    /// The stages of the offered rate; empty without stages, or when unknown.
    pub fn stages(&self) -> &[StageSummary] {
        match &self.summary {
            Some(summary) => &summary.plan.stages,
            None => &[],
        }
    }

    /// Returns true for an open loop; `None` = unknown.
    pub fn is_open_loop(&self) -> Option<bool> {
        match &self.summary {
            Some(summary) => Some(summary.offered_rate_per_s.is_some()),
            None => self.timeline.as_ref()?.is_open_loop,
        }
    }
}

/// The histograms that only runs with a scenario have. Those of kinds exist for the kinds that the summary lists.
fn tagged_histograms(summary: &Summary, record: &Record) -> Vec<TaggedHistogram> {
    let (Some(about), Some(own)) = (&summary.scenario, &record.scenario) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut add = |tag: String, times: Option<&LatencyHistogram>| {
        all.extend(times.map(|times| TaggedHistogram {
            tag,
            histogram: times.clone().into_buckets(),
        }));
    };
    // The times of the only kind are those of the run.
    let is_only = own.kinds.len() == 1;
    let listed = about.kinds.iter().zip(&own.kinds);
    for (name, kind) in listed.filter(|(name, _)| summary.kinds.contains_key(*name)) {
        let (service, response) = if is_only {
            (Some(&record.service), Some(record.response()))
        } else {
            let service = kind.service.get();
            (service, kind.response.get().or(service))
        };
        add(format!("service.{name}"), service);
        add(format!("response.{name}"), response);
    }
    add("first_part".to_owned(), own.first_part().get());
    add("error_reply".to_owned(), own.error_time().get());
    if let Some(fan_out) = &record.fan_out {
        let times = &fan_out.times;
        add("delivery".to_owned(), times.delivery.get());
        add("first".to_owned(), times.first.get());
        add("last".to_owned(), times.last.get());
    }
    all
}
