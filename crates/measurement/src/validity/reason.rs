//! What speaks against a measurement, in words.

use std::fmt;

use super::{
    BUSY_THREAD_LIMIT, FIRM_TAIL_MESSAGES, KEPT_RATE_LIMIT, OWN_LIMIT_MARGIN, RUN_QUEUE_WAIT_LIMIT,
    Verdict, messages_lie,
};
use units::{grouped, human_percent, human_rate, human_time};

/// What sending was up to, as far as cause and advice depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sending {
    /// Each client has at most so many messages in flight (`--window`).
    pub windowed: bool,
    /// Its threads never sleep (`--busy-poll`).
    pub busy_poll: bool,
    /// Writes found the socket full.
    pub sockets_full: bool,
}

/// One thing that speaks against a measurement. Printed, it names the figure, the limit and what
/// to do about it.
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
        sending: Sending,
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
        sending: Sending,
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
    /// So many of so many connections failed or ended early.
    LoadFellShort(u64, u64),
    /// The user ended the run early.
    Interrupted,
}

impl Reason {
    /// What this reason alone makes of a measurement.
    #[must_use]
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

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingMeasured => write!(
                f,
                "nothing measured: not one right echo came back in the measured phase; `-c 1 -m 1 --verify off` shows whether the server echoes at all"
            ),
            Self::Impossible { smaller, larger } => write!(
                f,
                "impossible figures: {} {} exceeds {} {}; please report this as a bug",
                smaller.0,
                human_time(smaller.1),
                larger.0,
                human_time(larger.1)
            ),
            #[allow(clippy::cast_precision_loss)]
            Self::SendLag {
                lag_ns,
                service_ns,
                sending,
            } => {
                let (full, wider) = if sending.windowed {
                    (" or its `--window` full", " a wider `--window`,")
                } else {
                    ("", "")
                };
                let cause = if sending.sockets_full {
                    "the sockets were full, as the server took messages too slowly, or the generator was late"
                } else {
                    "the generator was late"
                };
                let spin = if sending.busy_poll {
                    ""
                } else {
                    " `--busy-poll`,"
                };
                write!(
                    f,
                    "send lag p99 of {} (limit: the service time p50, {}): messages went out later than the server answers, because {cause}{full}; use{spin} a core of its own (`taskset`, `--pin`),{wider} or a lower `--rate`",
                    human_time(*lag_ns as f64),
                    human_time(*service_ns as f64)
                )
            }
            Self::RateNotKept {
                kept,
                answered_all,
                ended_with_connections,
                sending,
            } => {
                let cause = match (answered_all, sending.sockets_full) {
                    (true, false) if *ended_with_connections => {
                        "connections failed or ended early, and what was due on them could not be sent; mend what ended them first"
                    }
                    (true, false) if sending.windowed => {
                        "the server answered all that it was sent, so the generator or its `--window` held back; use more `--threads`, a wider `--window`, or a lower `--rate`"
                    }
                    (true, false) => {
                        "the server answered all that it was sent, so the generator held back; use more `--threads` or a lower `--rate`"
                    }
                    (true, true) => {
                        "the sockets were full now and then, so the server took messages too slowly; this rate is beyond what it can do: use a lower `--rate`"
                    }
                    (false, _) => {
                        "the server did not answer all that it was sent: the rate is beyond what it can do; use a lower `--rate`"
                    }
                };
                write!(
                    f,
                    "{} of the offered rate was achieved (limit {}): {cause}",
                    percent_beside(*kept, KEPT_RATE_LIMIT),
                    human_percent(KEPT_RATE_LIMIT)
                )
            }
            #[allow(clippy::cast_precision_loss)]
            Self::NearFloor(found, floor) => write!(
                f,
                "you are measuring the tool: the service time p50 of {} is within {} of what the generator needs for a server that does nothing ({}); a slower server, larger messages or more load would show a difference",
                human_time(*found as f64),
                human_percent(OWN_LIMIT_MARGIN),
                human_time(*floor as f64)
            ),
            #[allow(clippy::cast_precision_loss)]
            Self::BelowFloor(found, floor) => write!(
                f,
                "the service time p50 of {} is below what the generator needed for a server that does nothing ({}): its calibration was disturbed, or its core slept there, so whether you are measuring the tool is not known; measure again while nothing else runs, or with `--busy-poll`",
                human_time(*found as f64),
                human_time(*floor as f64)
            ),
            Self::NearCeiling(found, ceiling) => write!(
                f,
                "you are measuring the tool: {} msg/s is within {} of the {} msg/s that the generator can do at its best; more `--threads` help where cores are free",
                human_rate(*found),
                human_percent(OWN_LIMIT_MARGIN),
                human_rate(*ceiling)
            ),
            Self::AboveCeiling(found, ceiling) => write!(
                f,
                "{} msg/s is more than the {} msg/s that the generator can do at its best: its calibration was disturbed, so whether you are measuring the tool is not known; measure again while nothing else runs",
                human_rate(*found),
                human_rate(*ceiling)
            ),
            Self::GeneratorBusy(share) => write!(
                f,
                "a generator thread was busy for {} of a core (limit {}): it may have been slower than the server; more `--threads` help where cores are free, fewer clients where none is",
                percent_beside(*share, BUSY_THREAD_LIMIT),
                human_percent(BUSY_THREAD_LIMIT)
            ),
            Self::GeneratorWaited(share) => write!(
                f,
                "the generator waited for a core {} of the time (limit {}): the times hold its own waiting; give generator and server cores of their own (`taskset`) or a machine each",
                percent_beside(*share, RUN_QUEUE_WAIT_LIMIT),
                human_percent(RUN_QUEUE_WAIT_LIMIT)
            ),
            Self::ThinTail(beyond) => write!(
                f,
                "{} beyond p99 (limit {}): the tail is not firm; send more (`-m`, `-d`)",
                messages_lie(*beyond),
                grouped(FIRM_TAIL_MESSAGES)
            ),
            Self::LoadFellShort(broken, of) => write!(
                f,
                "{} of {} connections failed or ended early (limit 0): the load was less than planned; see the reasons at `connected`",
                grouped(*broken),
                grouped(*of)
            ),
            Self::Interrupted => write!(
                f,
                "ended early by the user: the plan was not carried out; let it finish, or plan less (`-m`, `-d`)"
            ),
        }
    }
}

/// A share on the wrong side of its limit, with as many digits as it takes to see that.
fn percent_beside(share: f64, limit: f64) -> String {
    let whole = human_percent(share);
    if whole != human_percent(limit) {
        return whole;
    }
    let tenths = format!("{:.1} %", share * 100.0);
    if tenths == format!("{:.1} %", limit * 100.0) {
        let side = if share > limit { "over" } else { "under" };
        return format!("just {side} {whole}");
    }
    tenths
}
