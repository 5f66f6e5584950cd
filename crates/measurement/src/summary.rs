//! What a run found, as plain data. Field names are the JSON keys of the contract.

mod plan;
mod times;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::condition::{Condition, ConditionResult};
use crate::plan::{Length, Plan};
use crate::recorder::{MessageCounts, OpenLoop, Record};
use crate::validity::{self, Evidence, Verdict};

pub use self::plan::{PayloadBytes, PlanSummary, StageSummary};
pub use self::times::{ConnectTimes, Latency, SendLag};
pub use crate::usage::{Calibration, ClientUsage, ContextSwitches, ServerSample, ServerUsage};

/// Version of the JSON summary's shape.
pub const SCHEMA: u32 = 1;

/// Everything that a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What measured.
    pub tool: Tool,
    /// What was asked for.
    pub plan: PlanSummary,
    /// Where it was measured from.
    pub host: Host,
    /// Wall-clock time of T0, RFC 3339.
    pub started_at: String,
    /// Length of the measured phase in seconds.
    pub elapsed_s: f64,
    /// How the connections fared.
    pub connections: Connections,
    /// How the messages fared.
    pub messages: MessageCounts,
    /// Right echoes per second of the measured phase.
    pub throughput: Throughput,
    /// Messages per second asked for, on average; `None` in closed loop.
    pub offered_rate_per_s: Option<f64>,
    /// Messages per second that were sent in the time planned for sending; `None` in closed loop.
    #[serde(default)]
    pub achieved_rate_per_s: Option<f64>,
    /// Share of the messages due that were sent in the time planned for sending, at most 1: how well
    /// the schedule was kept, whatever chance it left to the arrivals; `None` in closed loop.
    #[serde(default)]
    pub sent_in_time_share: Option<f64>,
    /// Received minus sent.
    pub service_time_ns: Latency,
    /// Received minus intended; in closed loop the same as the service time.
    pub response_time_ns: Latency,
    /// By how much the p99 of the response time exceeds that of the service time: what coordinated
    /// omission would have hidden. `None` in closed loop, where it cannot be known.
    #[serde(default)]
    pub coordinated_omission_p99_ns: Option<u64>,
    /// How long connections took to open.
    pub connect_ns: ConnectTimes,
    /// Actual minus intended send time.
    pub send_lag_ns: SendLag,
    /// What the generator itself used.
    pub client: ClientUsage,
    /// What the server used, where that could be sampled.
    pub server: Option<ServerUsage>,
    /// What the generator can do on this host, if that was measured before the run.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Whether to believe it.
    pub validity: ValiditySummary,
    /// The conditions that the run was to be held against.
    #[serde(default)]
    pub conditions: Vec<ConditionResult>,
}

/// Name and version of the tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `ws-bench`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The machine that measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// Processor name.
    pub cpu: String,
    /// Cores of the machine that are on.
    pub cores: usize,
    /// The cores that this process was confined to, as by `taskset`; empty = it may use all.
    pub allowed_cores: Vec<usize>,
    /// Open files this process may have; `None` where there is no such limit.
    pub open_file_limit: Option<u64>,
}

/// How the connections fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// Connections tried.
    pub attempted: u64,
    /// Connections that finished their handshake.
    pub opened: u64,
    /// Connections that did not.
    pub failed: u64,
    /// Connections that ended before their client was done with them.
    pub closed_early: u64,
    /// How many connections ended with each close code; 1006 = without a close frame.
    #[serde(default)]
    pub close_codes: BTreeMap<u16, u64>,
    /// From the first attempt until all had opened or failed, in seconds.
    pub opening_s: f64,
    /// Why connections failed to open, and how many for each reason.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// Why connections ended early, and how many for each reason.
    #[serde(default)]
    pub early_ends: BTreeMap<String, u64>,
}

/// Right echoes per second of the measured phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Messages.
    pub messages_per_s: f64,
    /// Payload bytes.
    pub payload_bytes_per_s: f64,
}

/// How an open loop kept to its schedule.
#[derive(Debug, Clone, Copy)]
struct Sending {
    achieved_per_s: f64,
    /// The achieved rate as a share of what was due; above 1 never.
    kept: f64,
}

impl Sending {
    /// `None` when nothing was due.
    #[allow(clippy::cast_precision_loss)]
    fn of(plan: &Plan, record: &Record, open: &OpenLoop, elapsed_s: f64) -> Option<Self> {
        let due = (record.counts.sent + record.counts.unsent) as f64;
        let sent = open.sent_in_time as f64;
        let (due_s, took_s) = match plan.length {
            Length::Duration(_) => (elapsed_s, elapsed_s),
            // The last message ends a gap, so that n messages a second take n gaps.
            Length::MessagesPerClient(_) => {
                let due_s = open.last_intended_ns as f64 / 1e9 + 1.0 / plan.offered_rate()?;
                (due_s, due_s.max(open.last_sent_ns as f64 / 1e9))
            }
        };
        (due > 0.0 && took_s > 0.0).then(|| Self {
            achieved_per_s: sent / took_s,
            kept: (sent / took_s) / (due / due_s),
        })
    }
}

/// The verdict as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValiditySummary {
    /// How far to believe the figures.
    pub verdict: Verdict,
    /// What speaks against them, each with what to do about it.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// What only the program that ran the plan can tell.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// What measured.
    pub tool: Tool,
    /// Where.
    pub host: Host,
    /// Wall-clock time of T0, RFC 3339.
    pub started_at: String,
    /// Length of the measured phase in seconds.
    pub elapsed_s: f64,
    /// How the connections fared.
    pub connections: Connections,
    /// How long they took to open.
    pub connect_ns: ConnectTimes,
    /// What the generator used.
    pub client: ClientUsage,
    /// CPU seconds and resident memory of the server.
    pub server: Option<ServerSample>,
    /// What the generator can do at its best.
    pub calibration: Option<Calibration>,
    /// The user ended the run before its plan was done.
    pub interrupted: bool,
}

impl Summary {
    /// The summary together with what became of conditions on it.
    #[must_use]
    pub fn held_against(mut self, conditions: &[Condition]) -> Self {
        self.conditions = conditions.iter().map(|c| c.check(&self)).collect();
        self
    }

    /// Makes the summary of a run from its plan, its record and its circumstances.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn new(plan: &Plan, record: &Record, c: Circumstances) -> Self {
        let service = Latency::from(&record.service);
        let per_second = |n: u64| {
            if c.elapsed_s > 0.0 {
                n as f64 / c.elapsed_s
            } else {
                0.0
            }
        };
        let response = Latency::from(record.response());
        let open = record.open_loop.as_deref();
        let sending = open.and_then(|open| Sending::of(plan, record, open, c.elapsed_s));
        let send_lag = match open {
            Some(open) => SendLag::from(&open.send_lag),
            None => SendLag::none(record.counts.sent),
        };
        let verdict = validity::judge(&Evidence {
            timed_messages: service.count,
            service,
            response,
            send_lag_p99_ns: open.and(send_lag.p99),
            sending: validity::Sending {
                windowed: plan.load.window().is_some(),
                busy_poll: plan.busy_poll,
                sockets_full: c.client.blocked_writes > 0,
            },
            kept_rate: sending.map(|s| s.kept),
            answered_all: record.counts.received == record.counts.sent && record.counts.sent > 0,
            messages_per_s: per_second(record.in_time.messages),
            calibration: c.calibration,
            // A thread that never sleeps uses a whole core whatever it has to do.
            busiest_thread: if plan.busy_poll {
                c.client.busy_share
            } else {
                c.client.cpu_per_core
            },
            run_queue_wait: c.client.run_queue_wait_share,
            broken_connections: c.connections.failed + c.connections.closed_early,
            connections: c.connections.attempted,
            interrupted: c.interrupted,
        });
        Self {
            schema: SCHEMA,
            tool: c.tool,
            plan: PlanSummary::from(plan),
            host: c.host,
            started_at: c.started_at,
            elapsed_s: c.elapsed_s,
            connections: c.connections,
            messages: MessageCounts {
                planned: plan.planned_messages(),
                ..record.counts
            },
            throughput: Throughput {
                messages_per_s: per_second(record.in_time.messages),
                payload_bytes_per_s: per_second(record.in_time.payload_bytes),
            },
            offered_rate_per_s: plan.offered_rate(),
            achieved_rate_per_s: sending.map(|s| s.achieved_per_s),
            sent_in_time_share: sending.map(|s| s.kept.min(1.0)),
            service_time_ns: service,
            response_time_ns: response,
            coordinated_omission_p99_ns: open
                .and(response.p99.zip(service.p99))
                .map(|(response, service)| response.saturating_sub(service)),
            connect_ns: c.connect_ns,
            send_lag_ns: send_lag,
            client: ClientUsage {
                messages_per_cpu_s: c
                    .client
                    .cpu_s
                    .filter(|s| *s > 0.0)
                    .map(|s| record.in_time.messages as f64 / s),
                ..c.client
            },
            server: c.server.map(|s| ServerUsage {
                pid: s.pid,
                cpu_s: s.cpu_s,
                max_rss_bytes: s.max_rss_bytes,
                context_switches: s.context_switches,
                messages_per_cpu_s: (s.cpu_s > 0.0)
                    .then(|| record.in_time.messages as f64 / s.cpu_s),
            }),
            calibration: c.calibration,
            validity: ValiditySummary {
                verdict: verdict.verdict,
                reasons: verdict.reasons.iter().map(ToString::to_string).collect(),
            },
            conditions: Vec::new(),
        }
    }
}

/// How one client fared.
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
    /// Close code its connection ended with; 1006 = without a close frame; `None` when it never
    /// opened.
    pub close_code: Option<u16>,
}

#[cfg(test)]
#[path = "summary_tests.rs"]
pub(crate) mod tests;
