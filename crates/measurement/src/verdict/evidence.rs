//! The figures that a verdict rests on.

// Fields whose name says it all have no comment.
#![allow(missing_docs)]

use super::latency::Latency;
use super::reason::SendConditions;
use super::resource_usage::Calibration;

/// The figures a verdict rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Messages with a service time.
    pub timed_messages: u64,
    pub service: Latency,
    /// Response times; in closed loop the same.
    pub response: Latency,
    /// 99th percentile of the send lag in nanoseconds; `None` in closed loop.
    pub send_lag_p99_ns: Option<u64>,
    pub sending: SendConditions,
    /// Achieved rate as a share of the offered one; `None` in closed loop.
    pub achieved_share: Option<f64>,
    /// Every message sent was echoed.
    pub answered_all: bool,
    pub messages_per_s: f64,
    /// What the generator can do at its best; `None` when that was not measured.
    pub calibration: Option<Calibration>,
    /// The busiest generator thread's share of a core, with busy polling the share of its time in
    /// which it had something to do; `None` where it cannot be had.
    pub busiest_thread: Option<f64>,
    /// Time that the generator threads waited for a core, as a share of the time that they were
    /// measured for; `None` where it cannot be had.
    pub run_queue_wait: Option<f64>,
    /// Connections that failed to open or ended before their client was done with them.
    pub broken_connections: u64,
    pub connections: u64,
    /// Messages that were due and never sent.
    pub unsent: u64,
    /// Messages that were due; `None` where the server decides how many.
    pub due: Option<u64>,
    /// The user ended the run before its plan was done.
    pub interrupted: bool,
    /// Messages came, and none of them carried an identity that was sent.
    pub recognized_nothing: bool,
    /// Echoes are not verified.
    pub unverified: bool,
    /// Messages matched by order among several that the echo may answer.
    pub matched_by_order: u64,
    /// Messages of the server that answer nothing, and second answers.
    pub unexplained_answers: u64,
}
