//! The plan as reported in results.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::plan::{
    Arrivals, CertificatePolicy, DropMethod, Length, Load, Plan, RateProfile, Verify,
};

/// The plan as reported in results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PlanSummary {
    /// URL of the first server, its query values masked.
    pub url: String,
    /// URLs of all servers, their query values masked; empty with a single server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// True when the server's certificate was verified; `None` without TLS.
    pub certificate_checked: Option<bool>,
    /// Name of the embedded server; `None` for an external one.
    pub embedded: Option<String>,
    pub clients: u32,
    /// Clients that send the load; `None` when all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub senders: Option<u32>,
    /// Measured messages per client; `None` when a duration was planned.
    pub messages_per_client: Option<u64>,
    /// Planned duration of the measured phase in seconds; `None` when a number of messages was planned.
    pub duration_s: Option<f64>,
    pub payload_bytes: PayloadBytes,
    /// Text messages; otherwise binary.
    pub text: bool,
    /// Planned messages per second, with stages the average; `None` in closed loop.
    pub rate_per_s: Option<f64>,
    /// Duration of the ramp in seconds; `None` without a ramp.
    pub ramp_s: Option<f64>,
    /// The stages of the offered rate; empty without stages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageSummary>,
    /// Spacing of messages in open loop. Irrelevant in closed loop.
    pub arrivals: Arrivals,
    /// Maximum number of messages in flight per client; `None` = unbounded.
    pub window: Option<u32>,
    pub warmup_s: f64,
    /// Time limit for one echo, in seconds.
    pub timeout_s: f64,
    pub verify: Verify,
    /// Clients that read slowly; `None` without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow: Option<SlowReadersSummary>,
    /// When connections open, end by plan, and open again; `None` when each opens at once and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<ConnectionPlanSummary>,
    pub threads: usize,
    /// Cores that the threads were pinned to, assigned in turn; empty = not pinned.
    #[serde(default)]
    pub pinned_to: Vec<usize>,
    #[serde(default)]
    pub busy_poll: bool,
    pub seed: u64,
    /// The subject of a capacity search; `None` without one. Rate and length of the plan are then those of the final step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find_capacity: Option<CapacityPlanSummary>,
    /// The rates of a sweep; `None` without one. Rate and length of the plan are then those of the reported point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepPlanSummary>,
}

/// The subject of a capacity search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct CapacityPlanSummary {
    /// The conditions, as typed.
    pub conditions: Vec<String>,
    /// Target half-width of the interval as a share of the capacity.
    pub precision: f64,
    /// Time allowed for the search, in seconds.
    pub budget_s: f64,
}

/// The rates of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SweepPlanSummary {
    /// Messages per second over all clients, ascending.
    pub rates: Vec<f64>,
    /// Measured time at each rate, in seconds.
    pub point_s: f64,
}

impl PlanSummary {
    /// Number of connections at a time: those of the clients and idle ones.
    pub fn connections_at_once(&self) -> u64 {
        let idle = self.connections.as_ref().map_or(0, |rules| rules.idle);
        u64::from(self.clients) + u64::from(idle)
    }

    /// The URLs of all servers.
    pub fn server_urls(&self) -> &[String] {
        match &self.urls[..] {
            [] => std::slice::from_ref(&self.url),
            urls => urls,
        }
    }
}

/// Clients that read slowly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SlowReadersSummary {
    /// Number of these clients.
    pub clients: u32,
    /// Bytes per second that each of them reads; 0 = it never reads. `None` when they differ.
    pub read_bytes_per_s: Option<u64>,
    /// Time after T0 from which they are slow, in seconds.
    pub after_s: f64,
}

impl SlowReadersSummary {
    fn of(plan: &Plan) -> Option<Self> {
        let slow = plan.slow_readers()?;
        Some(Self {
            clients: slow.clients(),
            read_bytes_per_s: slow.bytes_per_s(),
            after_s: slow.after().as_secs_f64(),
        })
    }
}

/// When connections open, end by plan, and open again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct ConnectionPlanSummary {
    /// Connections opened per second; `None` = no limit.
    pub rate_per_s: Option<f64>,
    /// Spacing of the connections with a rate.
    pub arrivals: Arrivals,
    /// Lifetime of a connection, as typed: `30s`, `exp:30s`; `None` = as long as the run.
    pub lifetime: Option<String>,
    /// Mean lifetime of a connection in seconds.
    pub lifetime_s: Option<f64>,
    /// Messages after which a connection is replaced; `None` = no limit.
    pub messages_per_connection: Option<u64>,
    /// Connections that the clients end at once; `None` = none.
    pub drop: Option<DropSummary>,
    /// Times at which clients open a lost connection again, as typed; `None` = they stay away.
    pub reconnect: Option<String>,
    /// Connections that stay silent, besides those of the clients.
    pub idle: u32,
}

/// Connections that the clients end at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DropSummary {
    /// Time after T0, in seconds.
    pub after_s: f64,
    /// Share of the connections, from 0 to 1.
    pub share: f64,
    pub method: DropMethod,
}

impl ConnectionPlanSummary {
    /// Returns true when clients replace their connections by plan.
    pub fn replaces(&self) -> bool {
        self.lifetime.is_some() || self.messages_per_connection.is_some()
    }

    fn of(plan: &Plan) -> Option<Self> {
        let rules = &plan.connections;
        let all = Self {
            rate_per_s: plan.connect_rate.map(|rate| rate.per_second()),
            arrivals: rules.arrivals,
            lifetime: rules.lifetime.map(|lifetime| lifetime.to_string()),
            lifetime_s: rules.lifetime.map(|lifetime| lifetime.mean().as_secs_f64()),
            messages_per_connection: rules.messages_per_connection.map(|n| n.get()),
            drop: rules.drop.map(|drop| DropSummary {
                after_s: drop.after.as_secs_f64(),
                share: drop.share,
                method: drop.method,
            }),
            reconnect: rules.reconnect.map(|law| law.to_string()),
            idle: rules.idle,
        };
        (all != Self::default()).then_some(all)
    }
}

/// A stage of the offered rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StageSummary {
    pub duration_s: f64,
    /// Messages per second over all clients.
    pub rate_per_s: f64,
}

/// A fixed payload size, or the range of random sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PayloadBytes {
    /// The same size for all messages.
    Fixed(u64),
    /// Uniformly distributed sizes, both ends included.
    Range { min: u64, max: u64 },
}

impl PayloadBytes {
    /// Mean size of the messages in bytes, rounded down.
    pub fn mean(self) -> u64 {
        match self {
            Self::Fixed(bytes) => bytes,
            Self::Range { min, max } => u64::midpoint(min, max),
        }
    }

    /// Size of the largest message in bytes.
    pub fn max(self) -> u64 {
        match self {
            Self::Fixed(max) | Self::Range { max, .. } => max,
        }
    }
}

impl From<&Plan> for PlanSummary {
    fn from(plan: &Plan) -> Self {
        let messages_per_client = match plan.length {
            Length::MessagesPerClient(n) => Some(n.get()),
            Length::Duration(_) => None,
        };
        let (min, max) = (plan.payload.min, plan.payload.max);
        let profile = plan.load.profile();
        let stages = profile.into_iter().flat_map(RateProfile::as_stages);
        let stages = stages.map(|stage| StageSummary {
            duration_s: stage.time.as_secs_f64(),
            rate_per_s: stage.rate.per_second(),
        });
        let stages: Vec<_> = stages.collect();
        let urls: Vec<_> = plan
            .servers()
            .iter()
            .map(|server| server.url.masked())
            .collect();
        let mut with_tls = plan.servers().iter().filter(|server| server.url.is_tls());
        Self {
            url: plan.server_url().masked(),
            urls: if urls.len() > 1 { urls } else { Vec::new() },
            certificate_checked: with_tls
                .next()
                .map(|server| server.certificate_policy != CertificatePolicy::Unchecked),
            embedded: plan.server().embedded.clone(),
            clients: plan.clients.get(),
            senders: Some(plan.senders()).filter(|senders| *senders < plan.clients.get()),
            messages_per_client,
            duration_s: plan.measured_time().map(|time| time.as_secs_f64()),
            payload_bytes: if min == max {
                PayloadBytes::Fixed(min)
            } else {
                PayloadBytes::Range { min, max }
            },
            text: plan.text,
            rate_per_s: match profile {
                Some(profile) if stages.is_empty() => Some(profile.peak()),
                _ => plan.offered_rate(),
            },
            ramp_s: profile
                .and_then(RateProfile::ramp_time)
                .map(|time| time.as_secs_f64()),
            stages,
            arrivals: match &plan.load {
                Load::Open { arrivals, .. } => *arrivals,
                Load::Closed { .. } => Arrivals::default(),
            },
            window: plan.load.window().map(NonZeroU32::get),
            warmup_s: plan.warmup.as_secs_f64(),
            timeout_s: plan.timeout.as_secs_f64(),
            verify: plan.verify,
            slow: SlowReadersSummary::of(plan),
            connections: ConnectionPlanSummary::of(plan),
            threads: plan.threads.get(),
            pinned_to: plan.pin.clone(),
            busy_poll: plan.busy_poll,
            seed: plan.seed,
            find_capacity: None,
            sweep: None,
        }
    }
}
