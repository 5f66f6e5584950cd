//! One run, from generator to picture, as plain data.
//!
//! | module | what lives there |
//! |---|---|
//! | `summary` | [`Summary`]: the figures, under the JSON keys of the contract |
//! | `plan_summary` | [`PlanSummary`]: the plan as it is reported |
//! | `live_summary` | the summary of a run that goes on, as if it ended now |
//! | `percentile_table` | [`percentile_table`] |
//! | [`thresholds`] | conditions of `--fail-if` on a summary, such as `p99>10ms`, and between compared servers |
//! | [`comparison`] | the result of a comparison of servers |

pub mod comparison;
mod live_summary;
mod percentile_table;
mod plan_summary;
mod summary;
#[cfg(test)]
mod tests;
pub mod thresholds;

use hdrhistogram::Histogram;

use crate::record::{Record, Sample, ServiceAndResponse, TimelineRow};

pub use percentile_table::{PercentileRow, percentile_table};
pub use plan_summary::{PayloadBytes, PlanSummary, StageSummary};
pub use summary::{
    CloseFrameCount, ConditionResult, Connections, Host, RunContext, SCHEMA, Summary, Throughput,
    Tool,
};

pub use crate::verdict::ValiditySummary;

/// One run: what the generator recorded, or what a file holds of it.
///
/// A part that a file does not hold, or that nobody asked for, is `None`. A run fresh from the
/// generator has every part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Run {
    /// Tool, command line, plan, host, figures and verdict.
    pub summary: Option<Summary>,
    /// The percentile table.
    pub percentiles: Option<Vec<PercentileRow>>,
    /// Seconds of the run.
    pub timeline: Option<RunTimeline>,
    /// Histograms of the whole run.
    pub histograms: Option<RunHistograms>,
    /// Records of single messages.
    pub samples: Option<Samples>,
    /// One row a client, by number.
    pub clients: Option<Vec<ClientRow>>,
}

/// The seconds of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunTimeline {
    /// One row a second, ascending.
    pub rows: Vec<TimelineRow>,
    /// Whether `sent` and `failed` are known: an interval log holds right echoes only, and has 0 there.
    pub knows_sent: bool,
    /// End of the last sending or echo in seconds since T0, where no summary gives the length.
    pub ends_s: Option<f64>,
    /// Whether the run was an open loop, where no summary says so; `None` = unknown.
    pub is_open_loop: Option<bool>,
}

/// Histograms of a whole run, in nanoseconds with the bounds and digits of a
/// [`LatencyHistogram`](crate::record::LatencyHistogram).
pub type RunHistograms = ServiceAndResponse<Histogram<u64>>;

/// Records of single messages, all of them or a uniform random sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// Ordered by send time.
    pub rows: Vec<Sample>,
    /// Number of messages that the rows were chosen from at random; `None` when they are all.
    pub chosen_from: Option<u64>,
}

/// Record of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientRow {
    /// Number of the client, from 0.
    pub client: u32,
    /// Time it took to open, in nanoseconds; `None` when it did not.
    pub connect_ns: Option<u64>,
    /// Measured messages it sent.
    pub messages: u64,
    /// How many of them did not come back as they should.
    pub failed: u64,
    /// Close code its connection ended with; 1006 = without a close frame; `None` when it never opened, or
    /// the user did not wait for the server's.
    pub close_code: Option<u16>,
}

impl Run {
    /// Builds a fresh run; `clients` has one row a client, by number.
    pub fn with_summary(summary: Summary, record: Record, clients: Vec<ClientRow>) -> Self {
        let sent = record.counts.sent;
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
        }
    }

    /// Length of the measured phase in seconds; of a file without summary the end of the last sending
    /// or echo.
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

    /// The stages of the offered rate; empty when there are none, or none are known.
    pub fn stages(&self) -> &[StageSummary] {
        match &self.summary {
            Some(summary) => &summary.plan.stages,
            None => &[],
        }
    }

    /// Whether the run was an open loop; `None` = unknown.
    pub fn is_open_loop(&self) -> Option<bool> {
        match &self.summary {
            Some(summary) => Some(summary.offered_rate_per_s.is_some()),
            None => self.timeline.as_ref()?.is_open_loop,
        }
    }
}
