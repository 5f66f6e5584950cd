//! Reasons against a measurement, as data, and the limits that they are found at.

use serde::{Deserialize, Serialize};

use super::stops::{Stops, WithheldTime};
use crate::record::{DifferenceKind, MessageCounts};

/// Share of a core above which a generator thread may have been the bottleneck.
pub const BUSY_THREAD_LIMIT: f64 = 0.90;

/// Share of the measured time that a generator thread may wait for a core.
pub const RUN_QUEUE_WAIT_LIMIT: f64 = 0.05;

/// Messages beyond a percentile below which that percentile is not firm.
pub const FIRM_TAIL_MESSAGES: u64 = 1_000;

/// Share of the offered rate that must be achieved.
pub const ACHIEVED_SHARE_LIMIT: f64 = 0.95;

/// Share of the planned load that may be missing.
pub const MISSING_LOAD_LIMIT: f64 = 0.05;

/// Share of the response time's p99 that may be the generator's own lateness in a valid run.
pub const SUSPECT_LATENESS_SHARE: f64 = 0.10;

/// Share of it above which the run is invalid, unless it is finer than [`FINE_LATENESS_NS`].
pub const INVALID_LATENESS_SHARE: f64 = 0.50;

/// Part of the response time's p99, in nanoseconds, below which nobody tunes a server.
pub const FINE_LATENESS_NS: f64 = 1e6;

/// Share of a closed loop's time that the generator may take for itself, between an echo and the next
/// message.
pub const OWN_TIME_LIMIT: f64 = 0.10;

/// Share of the measured phase for which a quota may hold the generator back.
pub const THROTTLED_LIMIT: f64 = 0.01;

/// Suspension of the machine in seconds that is more than two clocks read one after the other differ.
pub const SUSPENSION_LIMIT_S: f64 = 1e-3;

/// How near a figure may come to what the generator can do at its best, as a share of that.
pub const OWN_LIMIT_MARGIN: f64 = 0.10;

/// The highest percentile that a verdict vouches for.
pub(super) const JUDGED_QUANTILE: f64 = 0.99;

/// How far a measurement can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it.
    Valid,
    /// Something may have bent the figures.
    Suspect,
    /// The figures say nothing about the server.
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

/// The conditions of sending, as far as cause and advice depend on them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendConditions {
    /// Upper bound of messages in flight per client.
    pub windowed: bool,
    /// Its threads never sleep.
    pub busy_poll: bool,
    /// Writes found the socket full.
    pub sockets_full: bool,
}

/// Cause of a run without a right echo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NothingRight {
    /// Nothing was sent.
    #[default]
    NothingSent,
    /// No message was answered.
    NoEcho,
    /// All echoes came as another type of message.
    OtherType {
        /// Type sent: `text` or `binary`.
        sent: String,
        /// Type that came back.
        came: String,
    },
    /// All echoes were wrong, not all of them in their type.
    WrongEchoes,
}

impl NothingRight {
    /// Tells the cause from the counts of such a run.
    #[must_use]
    pub fn of(counts: &MessageCounts) -> Self {
        match counts.differences.as_slice() {
            _ if counts.sent == 0 => Self::NothingSent,
            _ if counts.received == 0 => Self::NoEcho,
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

/// One thing that speaks against a measurement: the figure, and what its sentence needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// No right echo came back.
    NothingMeasured(NothingRight),
    /// Messages came back, and none carried an identity that was sent.
    NothingRecognized,
    /// The run ended early because for a whole timeout no message carried an identity that was sent; later
    /// ones did.
    RecognizedLate,
    /// Echoes were matched by order.
    MatchedByOrder {
        /// Messages among several that the echo may answer.
        messages: u64,
        /// Echoes are not verified.
        unverified: bool,
        /// Messages of the server that may be second answers, and those that are: others like them may have
        /// taken the place of an echo.
        unexplained: u64,
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
        /// Its share of the response time's p99.
        share: f64,
        /// The 99th percentile of the response times, in nanoseconds.
        response_p99_ns: u64,
        /// The threads never sleep.
        busy_poll: bool,
    },
    /// The generator stood still.
    GeneratorStopped {
        /// Number, length and time of the stops.
        stops: Stops,
        /// CPU time that was withheld from it.
        withheld: WithheldTime,
        /// Size of the largest message, in bytes.
        largest_payload: u64,
    },
    /// A quota held the generator back.
    GeneratorThrottled {
        /// Time withheld, in seconds over all cores.
        throttled_s: f64,
        /// Length of the measured phase, in seconds.
        elapsed_s: f64,
    },
    /// Share of the time that the generator took for itself, between echoes and the next messages.
    OwnTime(f64),
    /// The offered rate was not achieved.
    RateNotKept {
        /// Achieved rate as a share of the offered one.
        kept: f64,
        /// The server answered all that it was sent.
        answered_all: bool,
        /// So many connections failed or ended early that their share of the load alone explains it.
        ended_with_connections: bool,
        /// What sending was up to.
        sending: SendConditions,
    },
    /// The median service time is what the generator itself needs: found and floor, in nanoseconds.
    NearFloor(u64, u64),
    /// The median service time is far below what the generator needed by itself, so that this is not
    /// known: found and floor, in nanoseconds.
    BelowFloor(u64, u64),
    /// The throughput is what the generator itself can do: found and ceiling, in messages per second.
    NearCeiling(f64, f64),
    /// The throughput is far above what the generator reached by itself, so that this is not known:
    /// found and ceiling, in messages per second.
    AboveCeiling(f64, f64),
    /// A generator thread used nearly a whole core.
    GeneratorBusy(f64),
    /// The generator waited for a core.
    GeneratorWaited(f64),
    /// Too few messages lie beyond the 99th percentile.
    ThinTail(u64),
    /// Connections or messages of the plan are missing.
    LoadFellShort {
        /// Failed or early-closed connections.
        broken: u64,
        /// Connections attempted.
        connections: u64,
        /// Messages that were due and never sent.
        unsent: u64,
        /// Messages that were due; 0 where the server decides how many.
        due: u64,
        /// The part of the load that is missing.
        missing_share: f64,
    },
    /// The user ended the run early.
    Interrupted,
}

impl Reason {
    /// Position among reasons of the same verdict: first those about what was sent and answered, then those about
    /// the generator, then those about its machine and the number of messages.
    pub(super) fn order(&self) -> u8 {
        match self {
            Self::Interrupted => 0,
            Self::NothingMeasured(_)
            | Self::NothingRecognized
            | Self::RecognizedLate
            | Self::MatchedByOrder { .. } => 1,
            Self::RateNotKept { .. } => 2,
            Self::LoadFellShort { .. } => 3,
            Self::Impossible { .. } => 4,
            Self::GeneratorStopped { .. } | Self::GeneratorThrottled { .. } => 5,
            Self::SendLateness { .. } | Self::OwnTime(_) => 6,
            Self::NearFloor(..)
            | Self::BelowFloor(..)
            | Self::NearCeiling(..)
            | Self::AboveCeiling(..) => 7,
            Self::GeneratorBusy(_) | Self::GeneratorWaited(_) => 8,
            Self::ThinTail(_) => 9,
        }
    }

    /// Returns true for a time in which the generator was disturbed, or figures that contradict each other: reasons to
    /// leave out the part of a measurement that they are about, and not the rest.
    pub fn is_of_a_moment(&self) -> bool {
        matches!(
            self,
            Self::Impossible { .. }
                | Self::GeneratorStopped { .. }
                | Self::GeneratorThrottled { .. }
                | Self::SendLateness { .. }
                | Self::OwnTime(_)
        )
    }

    /// The verdict that follows from this reason alone.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NothingMeasured(_)
            | Self::NothingRecognized
            | Self::Impossible { .. }
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
            | Self::RecognizedLate
            | Self::SendLateness { .. }
            | Self::GeneratorStopped { .. }
            | Self::GeneratorThrottled { .. }
            | Self::OwnTime(_)
            | Self::NearFloor(..)
            | Self::BelowFloor(..)
            | Self::NearCeiling(..)
            | Self::AboveCeiling(..)
            | Self::GeneratorBusy(_)
            | Self::GeneratorWaited(_)
            | Self::ThinTail(_)
            | Self::LoadFellShort { .. }
            | Self::Interrupted => Verdict::Suspect,
        }
    }
}
