//! Reasons of a verdict, as data, and their limits.

use serde::{Deserialize, Serialize};

use super::connection_evidence::OpeningEvidence;
use super::stops::{Stops, WithheldTime};
use crate::record::{DifferenceKind, MessageCounts};

/// Share of a core above which a generator thread may have been the bottleneck.
pub const BUSY_THREAD_LIMIT: f64 = 0.90;

/// Maximum share of the measured time that a generator thread may wait for a core.
pub const RUN_QUEUE_WAIT_LIMIT: f64 = 0.05;

/// Minimum number of messages beyond a percentile for it to be reliable.
pub const FIRM_TAIL_MESSAGES: u64 = 1_000;

/// Minimum share of the offered rate that must be achieved.
pub const ACHIEVED_SHARE_LIMIT: f64 = 0.95;

/// Maximum share of the planned load that may be missing.
pub const MISSING_LOAD_LIMIT: f64 = 0.05;

/// Maximum share of the response time's p99 that may be the generator's own lateness in a valid run.
pub const SUSPECT_LATENESS_SHARE: f64 = 0.10;

/// Share of the response time's p99 above which the run is invalid, unless the part is below [`FINE_LATENESS_NS`].
pub const INVALID_LATENESS_SHARE: f64 = 0.50;

/// Part of the response time's p99, in nanoseconds, that is too small to matter when tuning a server.
pub const FINE_LATENESS_NS: f64 = 1e6;

/// Maximum share of a closed loop's time that the generator may use itself, between an echo and the next message.
pub const OWN_TIME_LIMIT: f64 = 0.10;

/// Maximum share of the measured phase for which a quota may throttle the generator.
pub const THROTTLED_LIMIT: f64 = 0.01;

/// Maximum suspension of the machine in seconds. Smaller values may come from reading two clocks one after the other.
pub const SUSPENSION_LIMIT_S: f64 = 1e-3;

/// Maximum share of a scenario's records that may match none of its patterns.
pub const UNEXPECTED_RECORDS_LIMIT: f64 = 0.01;

/// Margin around the generator's own limits within which a figure is not attributed to the server, as a share of the
/// limit.
pub const OWN_LIMIT_MARGIN: f64 = 0.10;

/// Maximum change of a figure over a run with constant load, as a share of its median.
pub const DRIFT_LIMIT: f64 = 0.05;

/// Bytes that the kernel's buffers between a server and one slow reader can hold.
pub const SLOW_READER_BUFFER_BYTES: f64 = 2.5e6;

/// The highest percentile that a verdict covers.
pub(super) const JUDGED_QUANTILE: f64 = 0.99;

/// Reliability of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No reason against the figures.
    Valid,
    /// The figures may be distorted.
    Suspect,
    /// The figures do not describe the server.
    Invalid,
}

impl Verdict {
    /// The word used in every report: `valid`, `suspect`, `invalid`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// Conditions of sending on which cause and advice depend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendConditions {
    /// True when messages in flight per client are limited.
    pub windowed: bool,
    /// True when generator threads never sleep.
    pub busy_poll: bool,
    /// True when writes found the socket full.
    pub sockets_full: bool,
    /// Each thread has a core of its own to run on.
    pub pinned: bool,
    /// True when clients replace their connections by plan, so a message may wait for the next connection.
    pub replaces_connections: bool,
    /// True when connections failed or ended early.
    pub has_broken_connections: bool,
    /// True when messages became due while their client was away, so they were not due to a connected client.
    pub has_missed_messages: bool,
}

/// Change of a figure while the load stayed the same, as shares of its median. Negative where it falls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FigureChange {
    /// Name of the figure, such as `p99`.
    pub figure: &'static str,
    /// Change per hour.
    pub per_hour: f64,
    /// Lower bound of its interval.
    pub low_per_hour: f64,
    /// Upper bound of its interval.
    pub high_per_hour: f64,
    /// Change over the whole run.
    pub over_run: f64,
}

/// Connections lost otherwise than by plan, whose clients open them again.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ReopenedConnections {
    /// Connections that the server ended.
    pub ended: u64,
    /// Connections that ended by plan and whose replacement failed.
    pub not_replaced: u64,
    /// Time that their clients were away, as a share of the time of all clients.
    pub away_share: f64,
    /// Clients that were not back at the end, as a share of all connections.
    pub gone_share: f64,
}

impl ReopenedConnections {
    /// Returns true when there are any.
    pub fn any(&self) -> bool {
        self.ended + self.not_replaced > 0
    }
}

/// Cause of a run without a correct echo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NothingRight {
    /// Nothing was sent.
    #[default]
    NothingSent,
    /// No message was answered.
    NoEcho,
    /// Only messages of the warm-up were answered.
    OnlyWarmup {
        /// Echoes of warm-up messages that arrived in the measured phase.
        echoes: u64,
    },
    /// All echoes arrived with another message type.
    OtherType {
        /// Type sent: `text` or `binary`.
        sent: String,
        /// Type received.
        came: String,
    },
    /// All echoes were wrong, but not all by their type.
    WrongEchoes,
    /// All replies were error replies of a scenario.
    AllRefused,
    /// No record answered a message of a scenario.
    NoReply {
        /// Records that matched no pattern.
        unexpected: u64,
    },
}

impl NothingRight {
    /// Determines the cause from the counts of such a run.
    #[must_use]
    pub fn of(counts: &MessageCounts) -> Self {
        let refused = counts.scenario.as_ref().map_or(0, |own| own.error_reply);
        match counts.differences.as_slice() {
            _ if counts.sent == 0 => Self::NothingSent,
            _ if counts.received == 0 && counts.warmup_echoes > 0 => Self::OnlyWarmup {
                echoes: counts.warmup_echoes,
            },
            _ if counts.received == 0 && counts.scenario.is_some() => Self::NoReply {
                unexpected: counts.unexpected,
            },
            _ if counts.received == 0 => Self::NoEcho,
            _ if counts.received == refused => Self::AllRefused,
            [one] if one.count == counts.received => match &one.kind {
                DifferenceKind::Type { sent, came } => Self::OtherType {
                    sent: sent.clone(),
                    came: came.clone(),
                },
                _ => Self::WrongEchoes,
            },
            _ => Self::WrongEchoes,
        }
    }
}

/// One reason against a measurement, with the values that its sentence needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// No correct echo arrived.
    NothingMeasured(NothingRight),
    /// Messages arrived, but none with an identity that was sent.
    NothingRecognized,
    /// The run ended early because for a whole timeout no message had an identity that was sent. Later ones did.
    RecognizedLate,
    /// Echoes were matched by order.
    MatchedByOrder {
        /// Messages matched although the echo may answer any of several.
        messages: u64,
        /// True when echoes are not verified.
        unverified: bool,
        /// Messages from the server that are or may be duplicate echoes. Similar ones may have been taken for the echo
        /// of another message.
        unexplained: u64,
        /// True for replies of a scenario, whose pattern holds no identity.
        has_scenario: bool,
    },
    /// The server answered messages of a scenario with error replies.
    ErrorReplies {
        /// Number of error replies.
        refused: u64,
        /// Messages sent.
        sent: u64,
    },
    /// The server sent records that the scenario calls errors.
    ServerErrors(u64),
    /// Too many records matched no pattern of the scenario.
    UnexpectedRecords {
        /// Records without a pattern.
        unexpected: u64,
        /// These records and all replies.
        records: u64,
    },
    /// Two figures contradict each other.
    Impossible {
        /// The figure that should be the smaller one, with its value in nanoseconds.
        smaller: (&'static str, f64),
        /// The figure that should be the larger one, with its value in nanoseconds.
        larger: (&'static str, f64),
    },
    /// The generator's own lateness is a part of the response times.
    SendLateness {
        /// Share of the generator's lateness in the response time's p99.
        share: f64,
        /// The 99th percentile of the response times, in nanoseconds.
        response_p99_ns: u64,
        /// True when generator threads never sleep.
        busy_poll: bool,
        /// The threads are pinned to cores.
        pinned: bool,
    },
    /// The generator stood still.
    GeneratorStopped {
        /// Number, length and time of the stops.
        stops: Stops,
        /// CPU time withheld from the generator.
        withheld: WithheldTime,
        /// Size of the largest message, in bytes.
        largest_payload: u64,
        /// Length of the measured phase, in seconds.
        elapsed_s: f64,
        /// No message was to be sent then: the run only receives, or the sending was over.
        only_reads: bool,
    },
    /// A quota held the generator back.
    GeneratorThrottled {
        /// Time withheld by the quota, in seconds over all cores.
        throttled_s: f64,
        /// Length of the measured phase, in seconds.
        elapsed_s: f64,
    },
    /// Share of the time that the generator used itself, between echoes and the next messages.
    OwnTime(f64),
    /// The offered rate was not achieved.
    RateNotKept {
        /// Achieved rate as a share of the offered one.
        kept: f64,
        /// True when every message sent was echoed.
        answered_all: bool,
        /// True when failed and early-closed connections alone explain the missing load.
        ended_with_connections: bool,
        /// Conditions of sending.
        sending: SendConditions,
    },
    /// The median service time is as low as the generator can measure: measured value and floor, in nanoseconds.
    NearFloor(u64, u64),
    /// The median service time is far below the calibrated floor, so the generator's own limit is unknown: measured
    /// value and floor, in nanoseconds.
    BelowFloor(u64, u64),
    /// The throughput is as high as the generator can reach: measured value and ceiling, in messages per second.
    NearCeiling(f64, f64),
    /// The throughput is far above the calibrated ceiling, so the generator's own limit is unknown: measured value and
    /// ceiling, in messages per second.
    AboveCeiling(f64, f64),
    /// The deliveries are as many as the generator can receive, or more: measured value and ceiling, per second.
    NearDeliveryCeiling(f64, f64),
    /// A generator thread used nearly a whole core.
    GeneratorBusy(f64),
    /// The generator waited for a core.
    GeneratorWaited {
        /// Share of the measured time.
        share: f64,
        /// The threads are pinned to cores.
        pinned: bool,
    },
    /// Too few messages lie beyond the 99th percentile.
    ThinTail(u64),
    /// Connections or messages are missing from the planned load.
    LoadFellShort {
        /// Connections that failed or closed early, without those of `reopened`.
        broken: u64,
        /// Connections attempted.
        connections: u64,
        /// Messages that were due and never sent.
        unsent: u64,
        /// Messages that were due; 0 where the number depends on the server.
        due: u64,
        /// Connections lost otherwise than by plan, where clients open them again.
        reopened: ReopenedConnections,
        /// Share of the load that is missing.
        missing_share: f64,
    },
    /// Connections were begun later than they were due.
    ConnectLateness {
        /// Their punctuality.
        openings: OpeningEvidence,
        /// True when a connect rate set the due times.
        has_rate: bool,
    },
    /// Attempts to open lost connections again were begun later than they were due.
    ReconnectLateness(OpeningEvidence),
    /// Attempts to open lost connections again that the generator's machine could not make.
    AttemptsNotMade {
        /// All attempts.
        attempts: u64,
        /// Attempts without a port, file or memory.
        own_failed: u64,
    },
    /// The user interrupted the run.
    Interrupted,
    /// No message of a feed arrived.
    NothingPushed {
        /// Records that matched no pattern.
        unexpected: u64,
    },
    /// No message reached any receiver.
    NothingDelivered {
        /// Deliveries that should have come.
        expected: u64,
        /// Records that matched no pattern.
        unexpected: u64,
    },
    /// Too few messages of a feed lie beyond the 99th percentile.
    FewPushes(u64),
    /// A generator thread used nearly a whole core, so it read deliveries late: its share of a core.
    DeliveriesReadLate(f64),
    /// The server's clock is ahead of the generator's by at least this many nanoseconds.
    ServerClockAhead(u64),
    /// Senders got their own messages, and nobody else got any.
    OnlyOwnCopies {
        /// Deliveries to the senders of the messages.
        own_copies: u64,
        /// Deliveries that should have come.
        expected: u64,
    },
    /// Receivers got nothing at all.
    UnreachedReceivers {
        /// Number of these receivers.
        count: u64,
        /// Numbers of the first of them.
        first: Vec<u32>,
    },
    /// Messages did not reach all of their receivers.
    MissingDeliveries {
        /// Deliveries that did not come within the timeout.
        missing: u64,
        /// Deliveries that should have come.
        expected: u64,
        /// No message reached all of its receivers.
        none_complete: bool,
    },
    /// Deliveries came to clients that should not get them.
    MisdirectedDeliveries(u64),
    /// Share of the deliveries that waited for a delayed acknowledgement.
    DelayedAcknowledgements(f64),
    /// Share of the messages whose last receivers waited for the rest of a delayed acknowledgement.
    DelayedLastReceivers(f64),
    /// A figure changed over the run by more than [`DRIFT_LIMIT`].
    Drift(FigureChange),
    /// The buffers between the server and its slow readers can hold all that they were sent.
    SlowReadersNotFull {
        /// Bytes that one of them was sent.
        sent_bytes: f64,
        /// Bytes that fill the buffers, besides those that it read.
        limit_bytes: f64,
    },
    /// Most steps of a search that could decide the capacity are not counted, because the generator was late.
    StepsNotCounted {
        /// Number of these steps.
        limited: u64,
        /// Number of steps that could decide it.
        steps: u64,
        /// Their largest distance from the capacity, as a share of it; `None` without one, when all steps could decide it.
        near: Option<f64>,
    },
    /// A reason against the step of a search at the reported rate, whose figures are those of the run.
    OfReportedStep(Box<Reason>),
}

impl Reason {
    /// Order among reasons of the same verdict: first those about messages sent and echoed, then those about the
    /// generator, then those about its machine and the number of messages.
    pub(super) fn order(&self) -> u8 {
        match self {
            Self::Interrupted => 0,
            Self::NothingMeasured(_)
            | Self::NothingRecognized
            | Self::RecognizedLate
            | Self::MatchedByOrder { .. }
            | Self::ErrorReplies { .. }
            | Self::ServerErrors(_)
            | Self::UnexpectedRecords { .. }
            | Self::NothingPushed { .. }
            | Self::NothingDelivered { .. }
            | Self::ServerClockAhead(_)
            | Self::OnlyOwnCopies { .. }
            | Self::UnreachedReceivers { .. }
            | Self::MissingDeliveries { .. }
            | Self::MisdirectedDeliveries(_)
            | Self::DelayedAcknowledgements(_)
            | Self::DelayedLastReceivers(_)
            | Self::SlowReadersNotFull { .. } => 1,
            Self::OfReportedStep(reason) => reason.order(),
            Self::RateNotKept { .. } | Self::StepsNotCounted { .. } => 2,
            Self::LoadFellShort { .. } | Self::AttemptsNotMade { .. } => 3,
            Self::Impossible { .. } => 4,
            Self::GeneratorStopped { .. } | Self::GeneratorThrottled { .. } => 5,
            Self::SendLateness { .. }
            | Self::ConnectLateness { .. }
            | Self::ReconnectLateness(_)
            | Self::OwnTime(_) => 6,
            Self::NearFloor(..)
            | Self::BelowFloor(..)
            | Self::NearCeiling(..)
            | Self::AboveCeiling(..)
            | Self::NearDeliveryCeiling(..) => 7,
            Self::GeneratorBusy(_) | Self::DeliveriesReadLate(_) | Self::GeneratorWaited { .. } => {
                8
            }
            Self::ThinTail(_) | Self::FewPushes(_) => 9,
            Self::Drift(_) => 10,
        }
    }

    /// Returns true for a temporary disturbance of the generator, and for figures that contradict each other. Such a
    /// reason excludes a part of a measurement, not the rest. Lateness counts from the limit of an invalid run only,
    /// because the p99 of a part's few messages varies more than the lower limit.
    pub fn is_of_a_moment(&self) -> bool {
        match self {
            Self::SendLateness { .. } => self.verdict() == Verdict::Invalid,
            Self::Impossible { .. }
            | Self::GeneratorStopped { .. }
            | Self::GeneratorThrottled { .. }
            | Self::OwnTime(_) => true,
            _ => false,
        }
    }

    /// Returns true for a reason against one step of a search that leaves the others as they are: a disturbance, or a load
    /// that was not offered. Wrong messages concern them all.
    pub(crate) fn is_of_step(&self) -> bool {
        matches!(
            self,
            Self::SendLateness { .. }
                | Self::LoadFellShort { .. }
                | Self::GeneratorStopped { .. }
                | Self::GeneratorThrottled { .. }
                | Self::OwnTime(_)
                | Self::RateNotKept { .. }
                | Self::NearFloor(..)
                | Self::BelowFloor(..)
                | Self::NearCeiling(..)
                | Self::AboveCeiling(..)
                | Self::NearDeliveryCeiling(..)
                | Self::GeneratorBusy(_)
                | Self::GeneratorWaited { .. }
                | Self::ThinTail(_)
                | Self::FewPushes(_)
                | Self::DeliveriesReadLate(_)
                | Self::UnreachedReceivers { .. }
                | Self::MissingDeliveries { .. }
                | Self::DelayedAcknowledgements(_)
                | Self::DelayedLastReceivers(_)
        )
    }

    /// Returns true for a limit of the generator, such as lateness, a full core, or a rate that it could not offer.
    pub(crate) fn is_limit_of_generator(&self) -> bool {
        matches!(
            self,
            Self::SendLateness { .. }
                | Self::OwnTime(_)
                | Self::RateNotKept {
                    answered_all: true,
                    ..
                }
                | Self::NearCeiling(..)
                | Self::AboveCeiling(..)
                | Self::NearDeliveryCeiling(..)
                | Self::GeneratorBusy(_)
                | Self::GeneratorWaited { .. }
                | Self::DeliveriesReadLate(_)
        )
    }

    /// Returns true when connections failed or ended early.
    pub(super) fn has_broken_connections(&self) -> bool {
        matches!(self, Self::LoadFellShort { broken, .. } if *broken > 0)
    }

    /// The verdict that follows from this reason alone.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::OfReportedStep(reason) => reason.verdict().min(Verdict::Suspect),
            Self::StepsNotCounted { limited, steps, .. } if limited == steps => Verdict::Invalid,
            Self::NothingMeasured(_)
            | Self::NothingRecognized
            | Self::Impossible { .. }
            | Self::NothingPushed { .. }
            | Self::NothingDelivered { .. }
            | Self::OnlyOwnCopies { .. }
            | Self::DeliveriesReadLate(_)
            | Self::ServerClockAhead(_)
            | Self::RateNotKept {
                answered_all: true, ..
            } => Verdict::Invalid,
            Self::LoadFellShort { missing_share, .. } if *missing_share > MISSING_LOAD_LIMIT => {
                Verdict::Invalid
            }
            Self::SendLateness {
                share,
                response_p99_ns,
                ..
            } if *share > INVALID_LATENESS_SHARE
                && share * *response_p99_ns as f64 > FINE_LATENESS_NS =>
            {
                Verdict::Invalid
            }
            Self::RateNotKept { .. }
            | Self::MatchedByOrder { .. }
            | Self::ErrorReplies { .. }
            | Self::ServerErrors(_)
            | Self::UnexpectedRecords { .. }
            | Self::RecognizedLate
            | Self::SendLateness { .. }
            | Self::GeneratorStopped { .. }
            | Self::GeneratorThrottled { .. }
            | Self::OwnTime(_)
            | Self::NearFloor(..)
            | Self::BelowFloor(..)
            | Self::NearCeiling(..)
            | Self::AboveCeiling(..)
            | Self::NearDeliveryCeiling(..)
            | Self::GeneratorBusy(_)
            | Self::GeneratorWaited { .. }
            | Self::ThinTail(_)
            | Self::LoadFellShort { .. }
            | Self::FewPushes(_)
            | Self::UnreachedReceivers { .. }
            | Self::MissingDeliveries { .. }
            | Self::MisdirectedDeliveries(_)
            | Self::DelayedAcknowledgements(_)
            | Self::DelayedLastReceivers(_)
            | Self::SlowReadersNotFull { .. }
            | Self::ConnectLateness { .. }
            | Self::ReconnectLateness(_)
            | Self::AttemptsNotMade { .. }
            | Self::Drift(_)
            | Self::StepsNotCounted { .. }
            | Self::Interrupted => Verdict::Suspect,
        }
    }
}
