//! The figures that a verdict rests on.

// Fields whose name says it all have no comment.
#![allow(missing_docs)]

use super::latency::{Latency, SendLateness};
use super::reason::{NothingRight, SendConditions};
use super::resource_usage::Calibration;
use super::stops::{Stops, WithheldTime};

/// Little's law on a closed loop: messages in flight times the time that they were.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TimeInFlight {
    /// Time that all messages were in flight, each at most until it was given up, in seconds.
    pub spent_s: f64,
    /// Window times the time for which clients were active, in seconds.
    pub possible_s: f64,
    /// Every client sent enough messages for those missing at the beginning and the end not to count.
    pub is_long: bool,
}

/// The figures a verdict rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Messages with a service time.
    pub timed_messages: u64,
    pub service: Latency,
    /// Response times; in closed loop the same.
    pub response: Latency,
    /// The generator's own lateness; `None` in closed loop.
    pub lateness: Option<SendLateness>,
    /// `None` in open loop.
    pub time_in_flight: Option<TimeInFlight>,
    /// Times in which the generator stood still.
    pub stops: Stops,
    /// What was withheld from the generator, as far as it is known.
    pub withheld: WithheldTime,
    /// Size of the largest message, in bytes.
    pub largest_payload: u64,
    pub elapsed_s: f64,
    pub sending: SendConditions,
    /// Achieved rate as a share of the offered one; `None` in closed loop.
    pub achieved_share: Option<f64>,
    /// Every message sent was echoed.
    pub answered_all: bool,
    pub messages_per_s: f64,
    /// What the generator can do at its best; `None` when that was not measured.
    pub calibration: Option<Calibration>,
    /// The busiest generator thread's share of a core, with busy polling the share of its time in
    /// which it had something to do; `None` where the system does not report it.
    pub busiest_thread: Option<f64>,
    /// Time that the generator threads waited for a core, as a share of the time that they were
    /// measured for; `None` where the system does not report it.
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
    /// The run is not over: what is due may still be sent.
    pub goes_on: bool,
    /// The cause, if no right echo came.
    pub nothing_right: NothingRight,
    /// The run ended early: for a whole timeout messages came, and none carried an identity that was sent.
    pub recognized_nothing: bool,
    /// Messages that came later in such a run did carry one.
    pub recognized_late: bool,
    /// Echoes are not verified.
    pub unverified: bool,
    /// Messages matched by order among several that the echo may answer.
    pub matched_by_order: u64,
    /// Messages of the server that may be second answers, and those that are.
    pub unexplained_answers: u64,
}
