//! Everything of a run that comes from neither its plan nor its record.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::connect_row::ConnectRow;
use super::connection_evidence::{broken_share, reopened};
use super::drift_summary::{DriftSummary, ServerReading};
use super::idle_summary::IdleSummary;
use super::plan_facts::PlanFacts;
use super::plan_summary::PlanSummary;
use super::reconnect_summary::ReconnectSummary;
use super::scenario_summary::SetupSummary;
use crate::plan::Verify;
use crate::record::{ConnectHistograms, MessageCounts, is_zero};
use crate::verdict::{
    Calibration, ConnectTimes, Evidence, GeneratorUsage, Latency, NothingRight, RecordEvidence,
    SendConditions, SendLateness, ServerUsage, WithheldTime,
};

/// Name and version of the tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Tool {
    /// Program name, such as `ws-bench`.
    pub name: String,
    pub version: String,
}

/// The machine that ran the generator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Host {
    pub os: String,
    pub kernel: String,
    /// Processor name.
    pub cpu: String,
    /// Online cores of the machine.
    pub cores: usize,
    /// Cores that this process was restricted to, for example by `taskset`; empty = all.
    pub allowed_cores: Vec<usize>,
    /// Limit of open files for this process; `None` where the system has no such limit.
    pub open_file_limit: Option<u64>,
}

/// Counts and times of the connections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Connections {
    pub attempted: u64,
    /// Connections that finished their handshake.
    pub opened: u64,
    /// Connections that did not open.
    pub failed: u64,
    /// Connections that ended before their client finished.
    pub closed_early: u64,
    /// Number of connections for each close code. 1006 = ended without a close frame.
    #[serde(default)]
    pub close_codes: BTreeMap<u16, u64>,
    /// Time from the first attempt until all connections had opened or failed, in seconds.
    pub opening_s: f64,
    /// Number of connections that failed to open, for each reason.
    #[serde(default)]
    pub failures: BTreeMap<String, u64>,
    /// Number of connections that ended early, for each reason.
    #[serde(default)]
    pub early_ends: BTreeMap<String, u64>,
    /// Close frames that the server sent before the generator sent its own.
    #[serde(default)]
    pub close_reasons: Vec<CloseFrameCount>,
    /// Number of connections opened to each address, `ADDR:PORT`; empty for a Unix socket and in files of older
    /// versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<String, u64>,
    /// Overflows of listen queues on the server's machine, from the first connection to the end of the run: SYNs that the
    /// kernel dropped, repeated ones too; `None` where it is another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_overflows: Option<u64>,
    /// Connections that the clients replaced by plan, because their lifetime or their messages were over.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replaced: u64,
}

impl Connections {
    /// Connections of two processes at the same time: counts are added.
    #[must_use]
    pub fn beside(mut self, other: Self) -> Self {
        fn add<K: Ord>(all: &mut BTreeMap<K, u64>, other: BTreeMap<K, u64>) {
            for (key, n) in other {
                *all.entry(key).or_default() += n;
            }
        }
        self.attempted += other.attempted;
        self.opened += other.opened;
        self.failed += other.failed;
        self.closed_early += other.closed_early;
        self.opening_s = self.opening_s.max(other.opening_s);
        add(&mut self.close_codes, other.close_codes);
        add(&mut self.failures, other.failures);
        add(&mut self.early_ends, other.early_ends);
        add(&mut self.addresses, other.addresses);
        self.replaced += other.replaced;
        // Processes of one machine see the same overflows.
        self.listen_overflows = self.listen_overflows.max(other.listen_overflows);
        let mut closes: BTreeMap<(Option<u16>, String), u64> = BTreeMap::new();
        for close in self.close_reasons.into_iter().chain(other.close_reasons) {
            *closes.entry((close.code, close.reason)).or_default() += close.count;
        }
        self.close_reasons = closes
            .into_iter()
            .map(|((code, reason), count)| CloseFrameCount {
                code,
                reason,
                count,
            })
            .collect();
        self
    }
}

/// Close frames with the same code and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CloseFrameCount {
    /// Close code; `None` for a frame without one.
    pub code: Option<u16>,
    /// Close reason, escaped.
    pub reason: String,
    /// Number of connections closed with this code and reason.
    pub count: u64,
}

/// All data of a `Summary` that come from neither plan nor record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RunContext {
    pub tool: Tool,
    pub command_line: Option<Vec<String>>,
    pub host: Host,
    pub started_at: String,
    pub elapsed_s: f64,
    pub connections: Connections,
    pub connect_ns: ConnectTimes,
    /// See `Summary::connect_response_ns`.
    #[serde(default)]
    pub connect_response_ns: Latency,
    /// See `Summary::connect_lateness_ns`.
    #[serde(default)]
    pub connect_lateness_ns: SendLateness,
    /// See `Summary::connect_timeline`.
    #[serde(default)]
    pub connect_timeline: Vec<ConnectRow>,
    pub client: GeneratorUsage,
    pub server: Option<ServerUsage>,
    pub calibration: Option<Calibration>,
    /// The user interrupted the run before its plan was complete.
    pub interrupted: bool,
    /// The run ended at the first timeout: messages arrived, but none with an identity that was sent.
    pub recognized_nothing: bool,
    /// After such an end, a later message did have such an identity.
    pub recognized_late: bool,
    /// The run is not over, so due messages may still be sent.
    pub goes_on: bool,
    /// Setup of a scenario's clients; `None` without a scenario.
    pub setup: Option<SetupSummary>,
    /// Times until the setup was complete; `None` without a scenario.
    pub ready_ns: Option<Latency>,
    /// Growth of the server's memory after readers turned slow, in bytes; `None` without them, or when the server was not
    /// watched.
    #[serde(default)]
    pub server_growth_bytes: Option<i64>,
    /// Resources of the server over the run; empty when it was not watched.
    #[serde(default)]
    pub server_readings: Vec<ServerReading>,
    /// Change of the figures over the run, where it is not computed from the timeline of the record.
    #[serde(skip)]
    pub drift: Option<DriftSummary>,
    /// Idle connections; `None` without any.
    #[serde(default)]
    pub idle: Option<IdleSummary>,
    /// Overflows of listen queues from T0 to the end of the run; `None` where the server is on another machine.
    #[serde(default)]
    pub listen_overflows: Option<u64>,
    /// Clients with a connection at the end of the step whose figures are those of the run, where connections are opened again
    /// between steps; `None` for a single load.
    #[serde(skip)]
    pub connected_in_step: Option<u64>,
}

impl RunContext {
    /// Sets the times of opening connections.
    pub fn set_connect_times(&mut self, times: &ConnectHistograms) {
        self.connect_ns = ConnectTimes::from(times);
        self.connect_response_ns = Latency::from_lazy(&times.response);
        let punctual = Latency::from_lazy(&times.punctual);
        let lateness = times.lateness.get().map(|lateness| {
            SendLateness::new(lateness, self.connect_response_ns.p99, punctual.p99)
        });
        self.connect_lateness_ns = lateness.unwrap_or_default();
        self.connect_timeline = ConnectRow::all(&times.seconds);
    }
}

impl RunContext {
    /// Connections attempted, failed, and closed early. Those of a step are its clients and the ones without a connection at its
    /// end. The counts of the run have those of all steps.
    fn broken_connections(&self, plan: &PlanSummary) -> (u64, u64, u64) {
        let all = &self.connections;
        match self.connected_in_step {
            Some(connected) => {
                let clients = plan.connections_at_once();
                (clients, 0, clients.saturating_sub(connected))
            }
            None => (all.attempted, all.failed, all.closed_early),
        }
    }

    /// The part of the evidence that does not come from recorded times.
    pub(super) fn evidence(
        &self,
        facts: &PlanFacts,
        counts: &MessageCounts,
        reconnect: Option<&ReconnectSummary>,
    ) -> Evidence {
        let plan = &facts.plan;
        let all = &self.connections;
        let broken = self.broken_connections(plan);
        let (attempted, failed, closed_early) = broken;
        let reopened = reopened(plan, self.elapsed_s, reconnect);
        let broken_connections = failed + closed_early.saturating_sub(reopened.ended);
        Evidence {
            sending: SendConditions {
                windowed: plan.window.is_some(),
                busy_poll: plan.busy_poll,
                pinned: !plan.pinned_to.is_empty(),
                sockets_full: self.client.blocked_writes > 0,
                replaces_connections: all.replaced > 0,
                has_broken_connections: failed + closed_early > 0,
                has_missed_messages: reconnect.is_some_and(|own| own.missed > 0),
            },
            answered_all: counts.received == counts.sent && counts.sent > 0,
            calibration: self.calibration,
            // A thread that never sleeps always uses a whole core.
            busiest_thread: if plan.busy_poll {
                self.client.busy_share
            } else {
                self.client.cpu_per_core
            },
            run_queue_wait: self.client.run_queue_wait_share,
            stops: self.client.stops.unwrap_or_default(),
            largest_payload: plan.payload_bytes.max(),
            withheld: WithheldTime {
                throttled_s: self.client.throttled_s,
                steal_s: self.client.steal_s,
                pressure_s: self.client.cpu_pressure_s,
                suspended_s: self.client.suspended_s,
            },
            elapsed_s: self.elapsed_s,
            broken_connections,
            connections: attempted,
            reopened,
            broken_share: Some(broken_share(plan, broken, self.elapsed_s, reconnect)),
            unsent: counts.unsent,
            due: (facts.is_open_loop || plan.messages_per_client.is_some())
                .then_some(counts.sent + counts.unsent),
            interrupted: self.interrupted,
            nothing_right: NothingRight::of(counts),
            recognized_nothing: self.recognized_nothing,
            recognized_late: self.recognized_late,
            goes_on: self.goes_on,
            unverified: plan.verify == Verify::Off,
            matched_by_order: counts.matched_by_order,
            unexplained_answers: counts.ambiguous + counts.duplicated,
            records: RecordEvidence::of(counts),
            ..Evidence::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::plan;

    /// A server closed 14 connections beyond its capacity. All were opened again, and 14 of 10 connections were said to be
    /// missing in a step with all of them.
    #[test]
    fn connections_closed_in_other_steps_were_missing_in_the_reported_one() {
        let facts = PlanFacts::from(&plan(|_| {}));
        let clients = facts.plan.connections_at_once();
        let mut context = RunContext {
            connections: Connections {
                attempted: clients,
                opened: clients,
                closed_early: clients + 4,
                ..Connections::default()
            },
            ..RunContext::default()
        };
        let counts = MessageCounts::default();
        let evidence = |context: &RunContext| context.evidence(&facts, &counts, None);
        assert_eq!(evidence(&context).broken_connections, clients + 4);
        context.connected_in_step = Some(clients);
        let found = evidence(&context);
        assert_eq!((found.broken_connections, found.connections), (0, clients));
        assert_eq!(found.broken_share, Some(0.0));
        assert!(!found.sending.has_broken_connections);
        context.connected_in_step = Some(0);
        let found = evidence(&context);
        assert_eq!(found.broken_connections, clients);
        assert_eq!(found.broken_share, Some(1.0));
    }
}
