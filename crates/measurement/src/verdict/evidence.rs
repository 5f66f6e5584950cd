//! Figures on which a verdict is based.

// Fields with self-explanatory names have no comment.
#![allow(missing_docs)]

use super::connection_evidence::ConnectionEvidence;
use super::delivery_evidence::{FanOutEvidence, PushEvidence, SlowEvidence};
use super::latency::{Latency, SendLateness};
use super::reason::{FigureChange, NothingRight, ReopenedConnections, SendConditions};
use super::resource_usage::Calibration;
use super::stops::{Stops, WithheldTime};
use crate::record::MessageCounts;

/// Little's law for a closed loop: number of messages in flight times their time in flight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeInFlight {
    /// Total time that messages were in flight, at most the timeout for each, in seconds.
    pub spent_s: f64,
    /// Window size times the total time that clients were active, in seconds.
    pub possible_s: f64,
    /// True when every client sent enough messages for start and end of its run to be negligible.
    pub is_long: bool,
}

/// Figures on which a verdict is based.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Messages with a service time.
    pub timed_messages: u64,
    pub service: Latency,
    /// Response times. In closed loop, equal to the service times.
    pub response: Latency,
    /// The generator's own lateness; `None` in closed loop.
    pub lateness: Option<SendLateness>,
    /// `None` in open loop.
    pub time_in_flight: Option<TimeInFlight>,
    /// Stops of the generator.
    pub stops: Stops,
    /// CPU time withheld from the generator, as far as it is known.
    pub withheld: WithheldTime,
    /// Size of the largest message, in bytes.
    pub largest_payload: u64,
    pub elapsed_s: f64,
    pub sending: SendConditions,
    /// Achieved rate as a share of the offered one; `None` in closed loop.
    pub achieved_share: Option<f64>,
    /// True when every message sent was echoed.
    pub answered_all: bool,
    pub messages_per_s: f64,
    /// Changes of figures over a long run that exceed the limit.
    pub changes: Vec<FigureChange>,
    /// Calibration of the generator; `None` when not measured.
    pub calibration: Option<Calibration>,
    /// The busiest generator thread's share of a core. With busy polling, the share of time in which it had work;
    /// `None` where the system does not report it.
    pub busiest_thread: Option<f64>,
    /// Time that generator threads waited for a core, as a share of the time measured; `None` where the system does not
    /// report it.
    pub run_queue_wait: Option<f64>,
    /// Connections that failed to open or ended before their client finished, without those of `reopened`.
    pub broken_connections: u64,
    /// Connections attempted, without those opened again.
    pub connections: u64,
    /// Connections lost otherwise than by plan, where clients open them again.
    pub reopened: ReopenedConnections,
    /// Share of the load that the broken connections take away; `None` = their share of all connections.
    pub broken_share: Option<f64>,
    /// Openings of connections.
    pub openings: ConnectionEvidence,
    /// Messages that were due and never sent.
    pub unsent: u64,
    /// Messages that were due; `None` where the number depends on the server.
    pub due: Option<u64>,
    /// The user interrupted the run before its plan was complete.
    pub interrupted: bool,
    /// The run is not over, so due messages may still be sent.
    pub goes_on: bool,
    /// Cause of a run without a correct echo.
    pub nothing_right: NothingRight,
    /// The run ended early: for a whole timeout, messages arrived, but none with an identity that was sent.
    pub recognized_nothing: bool,
    /// After such an end, later messages did have such an identity.
    pub recognized_late: bool,
    /// True when echoes are not verified.
    pub unverified: bool,
    /// Messages matched by order, because the echo may answer any of several.
    pub matched_by_order: u64,
    /// Messages from the server that are or may be duplicate echoes.
    pub unexplained_answers: u64,
    /// Records that only scenarios have; all 0 without one.
    pub records: RecordEvidence,
    /// True when messages without a reply end with their last delivery.
    pub ends_with_deliveries: bool,
    /// Deliveries; `None` without them.
    pub fan_out: Option<FanOutEvidence>,
    /// Messages that the server sent on its own; `None` without them.
    pub push: Option<PushEvidence>,
    /// Slow readers; `None` without them.
    pub slow: Option<SlowEvidence>,
}

impl Evidence {
    /// Share of the load that the broken connections take away.
    pub(super) fn broken_share(&self) -> f64 {
        // Exact far beyond any number of connections.
        let plain = || self.broken_connections as f64 / self.connections.max(1) as f64;
        self.broken_share.unwrap_or_else(plain)
    }
}

/// Records of a scenario on which a verdict is based.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordEvidence {
    /// Messages sent.
    pub sent: u64,
    /// Replies, deliveries and messages of a feed, correct or not.
    pub matched: u64,
    /// Replies that say that the server refuses the message.
    pub error_replies: u64,
    /// Records that the scenario calls errors of the server.
    pub server_errors: u64,
    /// Records that match no pattern.
    pub unexpected: u64,
}

impl RecordEvidence {
    /// The records of a run; all 0 without a scenario.
    #[must_use]
    pub fn of(counts: &MessageCounts) -> Self {
        let own = counts.scenario.as_ref().map(|own| Self {
            sent: counts.sent,
            matched: counts.received,
            error_replies: own.error_reply,
            server_errors: own.server_errors,
            unexpected: counts.unexpected,
        });
        own.unwrap_or_default()
    }
}
