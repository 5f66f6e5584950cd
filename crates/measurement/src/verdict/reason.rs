//! Reasons against a measurement, as data, and the limits that they are found at.

use serde::{Deserialize, Serialize};

/// Share of a core above which a generator thread may have been the bottleneck.
pub const BUSY_THREAD_LIMIT: f64 = 0.90;

/// Share of the measured time that a generator thread may wait for a core.
pub const RUN_QUEUE_WAIT_LIMIT: f64 = 0.05;

/// Messages beyond a percentile below which that percentile is not firm.
pub const FIRM_TAIL_MESSAGES: u64 = 1_000;

/// Share of the offered rate that must be achieved.
pub const ACHIEVED_SHARE_LIMIT: f64 = 0.95;

/// How near a figure may come to what the generator can do at its best, as a share of that.
pub const OWN_LIMIT_MARGIN: f64 = 0.10;

/// The highest percentile that a verdict vouches for.
pub(super) const JUDGED_QUANTILE: f64 = 0.99;

/// How far a measurement can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Each client has at most so many messages in flight.
    pub windowed: bool,
    /// Its threads never sleep.
    pub busy_poll: bool,
    /// Writes found the socket full.
    pub sockets_full: bool,
}

/// One thing that speaks against a measurement: the figure, and what its sentence needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// No message came back.
    NothingMeasured,
    /// Two figures contradict each other.
    Impossible {
        /// The figure that should be the smaller one, with its value in nanoseconds.
        smaller: (&'static str, f64),
        /// The figure that should be the larger one, with its value in nanoseconds.
        larger: (&'static str, f64),
    },
    /// The generator sent later than the server answered.
    SendLag {
        /// 99th percentile of the send lag, in nanoseconds.
        lag_ns: u64,
        /// Median service time, in nanoseconds.
        service_ns: u64,
        /// What it was up to.
        sending: SendConditions,
    },
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
    /// Failed or early-closed connections, and all connections attempted.
    LoadFellShort(u64, u64),
    /// The user ended the run early.
    Interrupted,
}

impl Reason {
    /// What this reason alone makes of a measurement.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::NothingMeasured
            | Self::Impossible { .. }
            | Self::SendLag { .. }
            | Self::RateNotKept {
                answered_all: true, ..
            } => Verdict::Invalid,
            Self::RateNotKept { .. }
            | Self::NearFloor(..)
            | Self::BelowFloor(..)
            | Self::NearCeiling(..)
            | Self::AboveCeiling(..)
            | Self::GeneratorBusy(_)
            | Self::GeneratorWaited(_)
            | Self::ThinTail(_)
            | Self::LoadFellShort(..)
            | Self::Interrupted => Verdict::Suspect,
        }
    }
}
