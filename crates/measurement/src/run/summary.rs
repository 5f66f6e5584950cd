//! Result of a run, as plain data. Field names are the JSON keys of the contract.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capacity_summary::{CapacitySummary, LoadStep, SearchEnd};
use super::condition_result::ConditionResult;
use super::connect_row::ConnectRow;
use super::connection_evidence::openings;
use super::drift_summary::DriftSummary;
use super::fan_out_summary::FanOutSummary;
use super::idle_summary::IdleSummary;
use super::plan_facts::PlanFacts;
use super::plan_summary::PlanSummary;
use super::push_summary::PushSummary;
use super::reconnect_summary::ReconnectSummary;
use super::run_context::{Connections, Host, RunContext, Tool};
use super::scenario_figures::{KindSummary, ScenarioFigures};
use super::scenario_summary::{ScenarioSummary, SetupSummary};
use super::shards_summary::ShardsSummary;
use super::slow_summary::SlowSummary;
use crate::plan::Plan;
use crate::record::{
    EchoTotals, FanOutTimes, LazyHistogram, MessageCounts, OpenLoopRecord, Record,
};
use crate::verdict::{
    self, Calibration, ConnectTimes, Evidence, FanOutEvidence, GeneratorUsage, Latency,
    PushEvidence, Reason, RecordEvidence, SendLag, SendLateness, ServerUsage, SlowEvidence,
    TimeInFlight, ValiditySummary, Verdict,
};

/// Version of the JSON summary's format.
pub const SCHEMA: u32 = 1;

/// Complete result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// Version of the document's format, [`SCHEMA`].
    pub schema: u32,
    pub tool: Tool,
    /// The command line, secrets masked; `None` in files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_line: Option<Vec<String>>,
    pub plan: PlanSummary,
    pub host: Host,
    /// Wall-clock time of T0, RFC 3339.
    pub started_at: String,
    /// Length of the measured phase in seconds.
    pub elapsed_s: f64,
    pub connections: Connections,
    pub messages: MessageCounts,
    pub throughput: Throughput,
    /// Planned messages per second, on average, without those of slow readers; `None` in closed loop.
    pub offered_rate_per_s: Option<f64>,
    /// Messages sent per second of [`achieved_over_s`](Self::achieved_over_s), the time planned for sending; `None` in
    /// closed loop.
    pub achieved_rate_per_s: Option<f64>,
    /// Share of the due messages that were sent in the time planned for sending, at most 1. Unlike the achieved rate,
    /// it does not vary with random arrivals. `None` in closed loop.
    pub sent_in_time_share: Option<f64>,
    /// Received minus sent time.
    pub service_time_ns: Latency,
    /// Received minus intended time. In closed loop, equal to the service time.
    pub response_time_ns: Latency,
    /// p99 of the response time minus p99 of the service time: the delay that coordinated omission would have hidden.
    /// `None` in closed loop, where it cannot be determined.
    pub coordinated_omission_p99_ns: Option<u64>,
    pub connect_ns: ConnectTimes,
    /// Total duration of opening, from the intended time of each connection. Without a connect rate, a connection is due
    /// when it is begun.
    #[serde(default)]
    pub connect_response_ns: Latency,
    /// The generator's own lateness: actual start of each opening minus the time from which it could be begun, which is its
    /// intended time, or the end of the client's connection before.
    #[serde(default)]
    pub connect_lateness_ns: SendLateness,
    /// Openings of each second, without reconnects; empty when a single second has them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connect_timeline: Vec<ConnectRow>,
    /// Actual minus intended send time.
    pub send_lag_ns: SendLag,
    /// The generator's own lateness, without waits for window and socket; `None` in closed loop.
    pub send_lateness_ns: Option<SendLateness>,
    pub client: GeneratorUsage,
    pub server: Option<ServerUsage>,
    /// Calibration of the generator on this host; `None` when not measured.
    pub calibration: Option<Calibration>,
    pub validity: ValiditySummary,
    /// The conditions that were checked.
    #[serde(default)]
    pub conditions: Vec<ConditionResult>,
    /// Time over which `achieved_rate_per_s` is averaged, in seconds: the planned time, even if all connections ended
    /// earlier; after an interrupt, `elapsed_s`. `None` in closed loop and in files of older versions.
    #[serde(default)]
    pub achieved_over_s: Option<f64>,
    /// The scenario; `None` when clients expect an echo. So are the following figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<ScenarioSummary>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<SetupSummary>,
    /// Time from the first attempt to connect until the setup was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ns: Option<Latency>,
    /// Figures of each kind of message, by its name; empty without names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, KindSummary>,
    /// Figures of each role that sends, by its name; empty for a scenario with one role.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, KindSummary>,
    /// Time from sent to the first part of a reply; `None` without parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_part_ns: Option<Latency>,
    /// Time from sent to an error reply; `None` without error replies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_time_ns: Option<Latency>,
    /// Messages that are delivered to several receivers; `None` without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanOutSummary>,
    /// Messages that the server sends on its own; `None` without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push: Option<PushSummary>,
    /// Slow readers; `None` without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowSummary>,
    /// Connections that were lost, and the attempts to open them again; `None` without `drop` and `reconnect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconnect: Option<ReconnectSummary>,
    /// Connections that stay silent; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleSummary>,
    /// Change of the figures over a long run with constant load; `None` when it was not examined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftSummary>,
    /// The processes of the run; `None` for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<ShardsSummary>,
    /// The capacity that was searched for; `None` without a search. The other figures are those of the steps at the reported
    /// rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Box<CapacitySummary>>,
    /// The rates of a sweep, ascending; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_curve: Option<Vec<LoadStep>>,
    /// The reason why a sweep ended before its last rate; `None` when it measured all rates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_curve_ended_by: Option<SearchEnd>,
}

/// Correct echoes per second of [`Summary::elapsed_s`], which is shorter than planned when all connections end early.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Throughput {
    pub messages_per_s: f64,
    pub payload_bytes_per_s: f64,
}

impl Throughput {
    /// Rates are 0 when nothing was measured.
    fn new(echoes: &EchoTotals, elapsed_s: f64) -> Self {
        if elapsed_s <= 0.0 {
            return Self::default();
        }
        Self {
            messages_per_s: echoes.messages as f64 / elapsed_s,
            payload_bytes_per_s: echoes.payload_bytes as f64 / elapsed_s,
        }
    }
}

/// Adherence of an open loop to its schedule.
#[derive(Debug, Clone, Copy)]
struct ScheduleAdherence {
    achieved_per_s: f64,
    /// Time over which the rate is averaged, in seconds.
    over_s: f64,
    /// Achieved rate as a share of the rate due, at most 1.
    kept: f64,
}

impl ScheduleAdherence {
    /// Returns `None` when no message was due. The rate is averaged over the planned time, even if all connections
    /// ended earlier. Interrupted runs and live summaries use the time so far.
    fn of(
        facts: &PlanFacts,
        record: &Record,
        open: &OpenLoopRecord,
        c: &RunContext,
    ) -> Option<Self> {
        let unsent = record.counts.unsent;
        let due = (record.counts.sent + unsent) as f64;
        let sent = open.sent_in_time as f64;
        let ended_early = c.interrupted || c.goes_on;
        let planned_s = facts.sending_s.filter(|_| !ended_early);
        let (due_s, took_s) = match facts.plan.messages_per_client {
            None => {
                let time_s = planned_s.unwrap_or(c.elapsed_s);
                (time_s, time_s)
            }
            // The interval after the last message is included, so that n messages per second take one second.
            Some(_) => {
                let last_s =
                    open.last_intended_ns as f64 / 1e9 + 1.0 / facts.measured_rate_per_s()?;
                let due_s = planned_s
                    .filter(|_| unsent > 0)
                    .map_or(last_s, |s| s.max(last_s));
                (due_s, due_s.max(open.last_sent_ns as f64 / 1e9))
            }
        };
        (due > 0.0 && took_s > 0.0).then(|| Self {
            achieved_per_s: sent / took_s,
            over_s: took_s,
            kept: (sent / took_s) / (due / due_s),
        })
    }
}

impl Summary {
    /// Builds the summary of a run from its plan, its record and its context. The reasons of the verdict are data.
    /// [`ValiditySummary::explain`] adds sentences.
    pub fn new(plan: &Plan, record: &Record, c: RunContext) -> Self {
        Self::from_facts(PlanFacts::from(plan), record, c, None)
    }

    /// Builds the summary from the facts of the plan. See [`new`](Self::new). `judged`: service and response times on
    /// which the verdict is based; `None` = all.
    pub fn from_facts(
        facts: PlanFacts,
        record: &Record,
        c: RunContext,
        judged: Option<(Latency, Latency)>,
    ) -> Self {
        let service = Latency::from(&record.service);
        let response = Latency::from(record.response());
        let own = ScenarioFigures::new(&facts, record, (service, response), c.elapsed_s);
        let measured_rate_per_s = facts.measured_rate_per_s();
        let reconnect = reconnect_summary(&facts, record, c.listen_overflows);
        let open = record.open_loop.as_deref();
        let adherence = open.and_then(|open| ScheduleAdherence::of(&facts, record, open, &c));
        let send_lag = open.map(|open| SendLag::from(&open.send_lag));
        let lateness = open.map(|open| send_lateness(open, &response));
        let throughput = Throughput::new(&record.in_time, c.elapsed_s);
        let echoes = record.in_time.messages;
        let drift = c.drift.clone().or_else(|| {
            DriftSummary::new(
                &facts.plan,
                &record.timeline,
                &c.server_readings,
                c.elapsed_s,
            )
        });
        let (judged_service, judged_response) = judged.unwrap_or((service, response));
        let validity = verdict::judge(&Evidence {
            timed_messages: judged_service.count,
            service: judged_service,
            response: judged_response,
            lateness,
            time_in_flight: time_in_flight(&facts, record),
            achieved_share: adherence.map(|a| a.kept),
            messages_per_s: throughput.messages_per_s,
            changes: drift.as_ref().map_or_else(Vec::new, DriftSummary::changes),
            openings: openings(
                &facts.plan,
                (&c.connect_response_ns, &c.connect_lateness_ns),
                reconnect.as_ref(),
            ),
            ..delivery_evidence(
                &facts,
                record,
                &own,
                c.evidence(&facts, &own.counts, reconnect.as_ref()),
            )
        });
        Self {
            schema: SCHEMA,
            tool: c.tool,
            command_line: c.command_line,
            plan: facts.plan,
            host: c.host,
            started_at: c.started_at,
            elapsed_s: c.elapsed_s,
            connections: c.connections,
            messages: own.counts,
            throughput,
            offered_rate_per_s: measured_rate_per_s,
            achieved_rate_per_s: adherence.map(|a| a.achieved_per_s),
            sent_in_time_share: adherence.map(|a| a.kept.min(1.0)),
            service_time_ns: service,
            response_time_ns: response,
            coordinated_omission_p99_ns: open.and(omission(response.p99, service.p99)),
            connect_ns: c.connect_ns,
            connect_response_ns: c.connect_response_ns,
            connect_lateness_ns: c.connect_lateness_ns,
            connect_timeline: several_seconds(c.connect_timeline),
            send_lag_ns: send_lag.unwrap_or_else(|| SendLag::none(record.counts.sent)),
            send_lateness_ns: lateness,
            client: GeneratorUsage {
                messages_per_cpu_s: c.client.cpu_s.and_then(|s| per_cpu_s(echoes, s)),
                ..c.client
            },
            server: c.server.map(|server| with_rate(server, echoes)),
            calibration: c.calibration,
            validity,
            conditions: Vec::new(),
            achieved_over_s: adherence.map(|a| a.over_s),
            scenario: own.scenario,
            setup: c.setup,
            ready_ns: c.ready_ns,
            kinds: own.kinds,
            roles: own.roles,
            first_part_ns: own.first_part_ns,
            error_time_ns: own.error_time_ns,
            fan_out: own.fan_out,
            push: own.push,
            slow: own
                .slow
                .map(|slow| slow.with_server_growth(c.server_growth_bytes)),
            reconnect,
            idle: c.idle,
            drift,
            shards: None,
            capacity: None,
            load_curve: None,
            load_curve_ended_by: None,
        }
    }
}

/// The rows; none when a single second has all openings, because its figures are those of the run.
fn several_seconds(rows: Vec<ConnectRow>) -> Vec<ConnectRow> {
    if rows.len() > 1 { rows } else { Vec::new() }
}

/// Lost connections; `None` when they are not reported.
fn reconnect_summary(
    facts: &PlanFacts,
    record: &Record,
    listen_overflows: Option<u64>,
) -> Option<ReconnectSummary> {
    let record = record.reconnect.as_deref()?;
    let rules = facts.plan.connections.as_ref();
    let law = rules.and_then(|rules| rules.reconnect.clone());
    let drop_at_s = rules.and_then(|rules| Some(rules.drop.as_ref()?.after_s));
    Some(ReconnectSummary {
        listen_overflows,
        ..ReconnectSummary::new(record, law, drop_at_s)
    })
}

fn delayed_last(times: &FanOutTimes) -> Option<f64> {
    verdict::delayed_last(times.last.get()?, times.median.get()?)
}

/// The evidence with that of deliveries, feeds and slow readers.
fn delivery_evidence(
    facts: &PlanFacts,
    record: &Record,
    own: &ScenarioFigures,
    evidence: Evidence,
) -> Evidence {
    let delayed = |times: &LazyHistogram| verdict::delayed_acknowledgements(times.get()?);
    let fan_out = record.fan_out.as_deref().zip(own.fan_out.as_ref());
    let fan_out = fan_out.map(|(record, own)| FanOutEvidence {
        published: own.published,
        expected: own.expected,
        delivered: own.delivered,
        own_copies: record.own_copies,
        complete: own.complete,
        misdirected: own.unexpected,
        deliveries_per_s: own.deliveries_per_s,
        unreached: own.unreached,
        unreached_clients: own.unreached_clients.clone(),
        // Not of the last receivers: those of a server that serves one after the other in 40 ms pile up there as well.
        delayed_share: delayed(&record.times.delivery),
        delayed_last_share: delayed_last(&record.times),
    });
    let push = own.push.as_ref().map(|own| PushEvidence {
        received: own.received,
        clock_ahead_ns: own.server_clock_ahead_ns,
    });
    let scenario = facts.scenario.as_ref();
    let ends_with_deliveries = scenario.is_some_and(|s| s.summary.ends_with_deliveries);
    let counts = record.fan_out.as_deref().map(|own| own.counts);
    let arrived = counts.map_or(0, |own| own.delivered + own.late + own.duplicated);
    let replies = if ends_with_deliveries {
        0
    } else {
        evidence.records.matched
    };
    Evidence {
        ends_with_deliveries,
        records: RecordEvidence {
            matched: replies + arrived + push.map_or(0, |own| own.received),
            ..evidence.records
        },
        fan_out,
        push,
        slow: slow_evidence(facts, record, evidence.elapsed_s),
        ..evidence
    }
}

/// Bytes that slow readers were sent and have read since they turned slow; `None` without any.
fn slow_evidence(facts: &PlanFacts, record: &Record, elapsed_s: f64) -> Option<SlowEvidence> {
    let own = record.slow.as_ref().filter(|own| own.clients > 0)?;
    if record.push.is_some() && record.fan_out.is_none() && own.messages.counts.sent == 0 {
        // The bytes of a feed are not known.
        return None;
    }
    let after_s = facts.plan.slow.as_ref().map_or(0.0, |slow| slow.after_s);
    let messages = match record.fan_out {
        Some(_) => own.receivers.expected,
        None => own.messages.counts.sent,
    };
    // Exact far beyond any number of bytes.
    let (clients, read) = (own.clients as f64, own.read_bytes as f64);
    let bytes = messages as f64 * facts.plan.payload_bytes.mean() as f64;
    let slow_share = (1.0 - after_s / elapsed_s).clamp(0.0, 1.0);
    (elapsed_s > after_s).then(|| SlowEvidence {
        sent_bytes: bytes * slow_share / clients,
        read_bytes: read / clients,
        closed: own.closed,
    })
}

impl Summary {
    /// The steps of a capacity search in the order of time, or the points of a sweep in that of their rates; `None` for any
    /// other run.
    pub fn load_steps(&self) -> Option<&[LoadStep]> {
        let searched = self.capacity.as_ref();
        searched
            .map(|capacity| capacity.steps.as_slice())
            .or(self.load_curve.as_deref())
    }

    /// Number of rates of a sweep that were not measured, because the user interrupted it or all connections had ended.
    pub fn rates_not_measured(&self) -> usize {
        let planned = self.plan.sweep.as_ref().map_or(0, |own| own.rates.len());
        planned.saturating_sub(self.load_curve.as_ref().map_or(0, Vec::len))
    }

    /// Returns true when any message, delivery or message of a feed failed, was duplicated or was reordered. Slow readers
    /// do not count.
    pub fn any_failed(&self) -> bool {
        let fan_out = self.fan_out.as_ref();
        let feed = self.push.as_ref();
        self.messages.any_failed()
            || fan_out.is_some_and(FanOutSummary::any_failed)
            || feed.is_some_and(PushSummary::any_failed)
    }
}

/// Messages per second of CPU time; `None` when no time was used.
fn per_cpu_s(messages: u64, cpu_s: f64) -> Option<f64> {
    (cpu_s > 0.0).then(|| messages as f64 / cpu_s)
}

/// The usage of a server that has answered this many messages.
fn with_rate(server: ServerUsage, messages: u64) -> ServerUsage {
    let rate = per_cpu_s(messages, server.cpu_s);
    ServerUsage {
        messages_per_cpu_s: rate.filter(|_| !server.is_implausible(messages)),
        ..server
    }
}

fn omission(response_ns: Option<u64>, service_ns: Option<u64>) -> Option<u64> {
    Some(response_ns?.saturating_sub(service_ns?))
}

fn send_lateness(open: &OpenLoopRecord, response: &Latency) -> SendLateness {
    let punctual_p99 = open.punctual_response.quantile(0.99);
    SendLateness::new(&open.lateness, response.p99, punctual_p99)
}

/// Returns true when the share of the generator's own lateness in the p99 of the response times makes a run invalid.
pub fn is_p99_of_generator(record: &Record) -> bool {
    let Some(open) = record.open_loop.as_deref() else {
        return false;
    };
    let response = Latency::from(record.response());
    let share = send_lateness(open, &response).share_of_response_p99;
    let known = share.zip(response.p99);
    let reason = known.map(|(share, response_p99_ns)| Reason::SendLateness {
        share,
        response_p99_ns,
        busy_poll: false,
        pinned: false,
    });
    reason.is_some_and(|reason| reason.verdict() == Verdict::Invalid)
}

/// Actual and possible time in flight of a closed loop; `None` in open loop.
fn time_in_flight(facts: &PlanFacts, record: &Record) -> Option<TimeInFlight> {
    /// Windows of messages per client from which on start and end of the client's run are negligible.
    const LONG: u64 = 20;

    if facts.is_open_loop {
        return None;
    }
    let window = u64::from(facts.plan.window?);
    let rules = facts.plan.connections.as_ref();
    let replaces = rules.is_some_and(|rules| rules.replaces());
    let seconds = |ns: u64| ns as f64 / 1e9;
    Some(TimeInFlight {
        spent_s: seconds(record.in_flight_ns),
        possible_s: seconds(record.active_ns) * window as f64,
        // Each connection that is replaced has a start and an end of its own.
        is_long: !replaces && record.counts.sent >= LONG * window * u64::from(facts.senders()),
    })
}

#[cfg(test)]
mod tests {
    //! Figures of a summary, and the keys of its JSON.

    use super::*;
    use crate::run::tests::summary;

    /// A point of a sweep whose times were the generator's had no mark.
    #[test]
    fn the_times_of_a_late_generator_are_its_own() {
        let record = |response_ns, punctual_ns| {
            let mut open = OpenLoopRecord::default();
            for _ in 0..1_000 {
                open.response.record(response_ns);
                open.punctual_response.record(punctual_ns);
            }
            Record {
                open_loop: Some(Box::new(open)),
                ..Record::default()
            }
        };
        assert!(is_p99_of_generator(&record(100_000_000, 20_000_000)));
        assert!(!is_p99_of_generator(&record(100_000_000, 80_000_000)));
        assert!(!is_p99_of_generator(&Record::default()));
    }

    #[test]
    fn rates_are_right_echoes_over_the_measured_time() {
        let s = summary(100);
        assert_eq!(s.throughput.messages_per_s, 50.0);
        assert_eq!(s.throughput.payload_bytes_per_s, 50.0 * 125.0);
        assert_eq!(s.server.unwrap().messages_per_cpu_s, Some(200.0));
        assert_eq!(s.messages.planned, Some(100_000));
    }

    #[test]
    fn the_json_has_the_keys_of_the_contract() {
        let json = serde_json::to_value(summary(100)).unwrap();
        for (path, keys) in [
            (
                "",
                "schema tool plan host started_at elapsed_s connections messages throughput offered_rate_per_s \
                 service_time_ns response_time_ns connect_ns send_lag_ns client server validity",
            ),
            ("/tool", "name version"),
            (
                "/plan",
                "url embedded clients messages_per_client duration_s payload_bytes text rate_per_s arrivals \
                 window warmup_s timeout_s verify threads seed",
            ),
            ("/host", "os kernel cpu cores open_file_limit"),
            (
                "/connections",
                "attempted opened failed closed_early close_codes",
            ),
            (
                "/messages",
                "planned sent received lost corrupted duplicated reordered timed_out",
            ),
            ("/throughput", "messages_per_s payload_bytes_per_s"),
            (
                "/service_time_ns",
                "count min mean stdev p50 p75 p90 p95 p99 p99_9 p99_99 max",
            ),
            ("/connect_ns", "tcp tls upgrade total"),
            ("/send_lag_ns", "p50 p99 max"),
            (
                "/client",
                "cpu_s cpu_per_core max_rss_bytes run_queue_wait_s",
            ),
            ("/server", "pid cpu_s max_rss_bytes messages_per_cpu_s"),
            ("/validity", "verdict reasons"),
        ] {
            let object = json.pointer(path).and_then(|v| v.as_object()).unwrap();
            for key in keys.split_whitespace() {
                assert!(object.contains_key(key), "{path}/{key}");
            }
        }
        assert_eq!(json["plan"]["payload_bytes"], 125);
        assert_eq!(json["plan"]["verify"], "full");
        let back: Summary = serde_json::from_value(json).unwrap();
        assert_eq!(back, summary(100));
    }

    #[test]
    fn a_missing_delivery_is_a_failure_and_a_closed_slow_reader_is_none() {
        let mut s = summary(100);
        s.slow = Some(SlowSummary {
            closed: 3,
            missing: 30,
            ..SlowSummary::default()
        });
        s.fan_out = Some(FanOutSummary {
            expected: 10,
            delivered: 10,
            reordered: None,
            ..FanOutSummary::default()
        });
        s.push = Some(PushSummary::default());
        assert!(!s.any_failed());
        for change in [
            (|s| s.fan_out.as_mut().unwrap().missing = 1) as fn(&mut Summary),
            |s| s.fan_out.as_mut().unwrap().duplicated = 1,
            |s| s.fan_out.as_mut().unwrap().reordered = Some(1),
            |s| s.fan_out.as_mut().unwrap().unexpected = 1,
            |s| s.push.as_mut().unwrap().missing = Some(1),
            |s| s.messages.incomplete = 1,
        ] {
            let mut other = s.clone();
            change(&mut other);
            assert!(other.any_failed());
        }
    }

    #[test]
    fn nothing_measured_leaves_the_figures_empty() {
        let s = summary(0);
        assert_eq!(s.service_time_ns, Latency::default());
        assert_eq!(s.validity.verdict, Verdict::Invalid);
        assert_eq!(s.send_lag_ns.max, None);
    }
}
