//! Whether a measurement can be believed, and if not, why and what to do about it.

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::summary::{Calibration, Latency};
use crate::units::{grouped, human_percent, human_time};

/// Share of a core above which a generator thread may have been the bottleneck.
pub const BUSY_THREAD_LIMIT: f64 = 0.90;

/// Share of the measured time that a generator thread may wait for a core.
pub const RUN_QUEUE_WAIT_LIMIT: f64 = 0.05;

/// Messages beyond a percentile below which that percentile is not firm.
pub const FIRM_TAIL_MESSAGES: u64 = 1_000;

/// Share of the offered rate that must be achieved.
pub const KEPT_RATE_LIMIT: f64 = 0.95;

/// How near a figure may come to what the generator can do at its best, as a share of that.
pub const OWN_LIMIT_MARGIN: f64 = 0.10;

/// The highest percentile that a verdict vouches for.
const JUDGED_QUANTILE: f64 = 0.99;

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
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// The figures a verdict rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Messages with a service time.
    pub timed_messages: u64,
    /// Service times.
    pub service: Latency,
    /// Response times; in closed loop the same.
    pub response: Latency,
    /// 99th percentile of the send lag in nanoseconds; `None` in closed loop.
    pub send_lag_p99_ns: Option<u64>,
    /// Achieved rate as a share of the offered one; `None` in closed loop.
    pub kept_rate: Option<f64>,
    /// Every message sent was echoed.
    pub answered_all: bool,
    /// Writes that found the socket full.
    pub blocked_writes: u64,
    /// Right echoes per second.
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
    /// Connections tried.
    pub connections: u64,
    /// The user ended the run before its plan was done.
    pub interrupted: bool,
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
    /// The generator sent later than the server answered: lag p99 and service time p50, in
    /// nanoseconds.
    SendLag(u64, u64),
    /// The offered rate was not achieved.
    RateNotKept {
        /// Achieved rate as a share of the offered one.
        kept: f64,
        /// The server answered all that it was sent.
        answered_all: bool,
        /// Writes that found the socket full.
        blocked_writes: u64,
        /// So many connections failed or ended early that their share of the load alone explains it.
        ended_with_connections: bool,
    },
    /// The median service time is what the generator itself needs: found and floor, in nanoseconds.
    NearFloor(u64, u64),
    /// The throughput is what the generator itself can do: found and ceiling, in messages per second.
    NearCeiling(f64, f64),
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
            | Self::SendLag(..)
            | Self::RateNotKept {
                answered_all: true, ..
            } => Verdict::Invalid,
            Self::RateNotKept { .. }
            | Self::NearFloor(..)
            | Self::NearCeiling(..)
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
            Self::SendLag(lag, service) => write!(
                f,
                "send lag p99 of {} (limit: the service time p50, {}): messages went out later than the server answers, because the generator was late or its `--window` full; use `--busy-poll`, a core of its own (`taskset`, `--pin`), a wider `--window`, or a lower `--rate`",
                human_time(*lag as f64),
                human_time(*service as f64)
            ),
            Self::RateNotKept {
                kept,
                answered_all,
                blocked_writes,
                ended_with_connections,
            } => {
                let cause = match (answered_all, blocked_writes) {
                    (true, 0) if *ended_with_connections => {
                        "connections failed or ended early, and what was due on them could not be sent; mend what ended them first"
                    }
                    (true, 0) => {
                        "the server answered all that it was sent, so the generator or its `--window` held back; use more `--threads`, a wider `--window`, or a lower `--rate`"
                    }
                    (true, _) => {
                        "the sockets were full now and then, so the server took messages too slowly; this rate is beyond what it can do: use a lower `--rate`"
                    }
                    (false, _) => {
                        "the server did not answer all that it was sent: the rate is beyond what it can do; use a lower `--rate`"
                    }
                };
                write!(
                    f,
                    "{:.1} % of the offered rate was achieved (limit {}): {cause}",
                    kept * 100.0,
                    human_percent(KEPT_RATE_LIMIT)
                )
            }
            #[allow(clippy::cast_precision_loss)]
            Self::NearFloor(found, floor) => write!(
                f,
                "you are measuring the tool: the service time p50 of {} is at most {} above what the generator needs for a server that does nothing ({}); a slower server, larger messages or more load would show a difference",
                human_time(*found as f64),
                human_percent(OWN_LIMIT_MARGIN),
                human_time(*floor as f64)
            ),
            Self::NearCeiling(found, ceiling) => write!(
                f,
                "you are measuring the tool: {found:.0} msg/s is within {} of the {ceiling:.0} msg/s that the generator can do at its best; more `--threads` help where cores are free",
                human_percent(OWN_LIMIT_MARGIN),
            ),
            Self::GeneratorBusy(share) => write!(
                f,
                "a generator thread was busy for {} of a core (limit {}): it may have been slower than the server; more `--threads` help where cores are free, fewer clients where none is",
                human_percent(*share),
                human_percent(BUSY_THREAD_LIMIT)
            ),
            Self::GeneratorWaited(share) => write!(
                f,
                "the generator waited for a core {} of the time (limit {}): the times hold its own waiting; give generator and server cores of their own (`taskset`) or a machine each",
                human_percent(*share),
                human_percent(RUN_QUEUE_WAIT_LIMIT)
            ),
            Self::ThinTail(beyond) => write!(
                f,
                "{} messages lie beyond p99 (limit {}): the tail is not firm; send more (`-m`, `-d`)",
                grouped(*beyond),
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

/// The verdict and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Validity {
    /// The worst that any reason makes of the measurement.
    pub verdict: Verdict,
    /// Everything that speaks against it, the worst first.
    pub reasons: Vec<Reason>,
}

/// Messages that lie beyond a quantile.
#[must_use]
pub fn messages_beyond(count: u64, quantile: f64) -> u64 {
    // Rounded to the nearest message: (1 − 0.99)·100,000 is a hair below 1,000 in binary.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let beyond = ((1.0 - quantile) * count as f64).round() as u64;
    beyond
}

/// Judges a measurement by its evidence.
#[must_use]
pub fn judge(evidence: &Evidence) -> Validity {
    let mut reasons = Vec::new();
    if evidence.timed_messages == 0 {
        reasons.push(Reason::NothingMeasured);
    } else {
        reasons.extend(impossible(evidence));
        let beyond = messages_beyond(evidence.timed_messages, JUDGED_QUANTILE);
        if beyond < FIRM_TAIL_MESSAGES {
            reasons.push(Reason::ThinTail(beyond));
        }
    }
    if let (Some(lag), Some(service)) = (evidence.send_lag_p99_ns, evidence.service.p50)
        && lag > service
    {
        reasons.push(Reason::SendLag(lag, service));
    }
    if let Some(kept) = evidence.kept_rate.filter(|kept| *kept < KEPT_RATE_LIMIT) {
        // Exact far beyond any number of connections.
        #[allow(clippy::cast_precision_loss)]
        let share_lost = evidence.broken_connections as f64 / evidence.connections.max(1) as f64;
        reasons.push(Reason::RateNotKept {
            kept,
            answered_all: evidence.answered_all,
            blocked_writes: evidence.blocked_writes,
            ended_with_connections: share_lost > 0.0 && kept >= 1.0 - share_lost,
        });
    }
    reasons.extend(own_limits(evidence));
    if let Some(share) = evidence.busiest_thread.filter(|s| *s > BUSY_THREAD_LIMIT) {
        reasons.push(Reason::GeneratorBusy(share));
    }
    if let Some(share) = evidence
        .run_queue_wait
        .filter(|s| *s > RUN_QUEUE_WAIT_LIMIT)
    {
        reasons.push(Reason::GeneratorWaited(share));
    }
    if evidence.broken_connections > 0 {
        let (broken, of) = (evidence.broken_connections, evidence.connections);
        reasons.push(Reason::LoadFellShort(broken, of));
    }
    if evidence.interrupted {
        reasons.push(Reason::Interrupted);
    }
    // A screen may have room for the first one only.
    reasons.sort_by_key(|reason| Reverse(reason.verdict()));
    Validity {
        verdict: reasons.first().map_or(Verdict::Valid, Reason::verdict),
        reasons,
    }
}

/// Figures that say more about the generator than about the server.
#[allow(clippy::cast_precision_loss)]
fn own_limits(evidence: &Evidence) -> Vec<Reason> {
    let Some(own) = evidence.calibration else {
        return Vec::new();
    };
    let mut reasons = Vec::new();
    let (floor, ceiling) = (own.floor_service_p50_ns, own.ceiling_messages_per_s);
    if let Some(found) = evidence.service.p50
        && found as f64 <= floor as f64 * (1.0 + OWN_LIMIT_MARGIN)
    {
        reasons.push(Reason::NearFloor(found, floor));
    }
    let found = evidence.messages_per_s;
    if found >= ceiling * (1.0 - OWN_LIMIT_MARGIN) {
        reasons.push(Reason::NearCeiling(found, ceiling));
    }
    reasons
}

#[allow(clippy::cast_precision_loss)]
fn impossible(evidence: &Evidence) -> Vec<Reason> {
    let figure = |name, ns: Option<u64>| ns.map(|ns| (name, ns as f64));
    let (service, response) = (&evidence.service, &evidence.response);
    let mean = service.mean.map(|ns| ("mean", ns));
    let mut pairs = vec![
        (figure("min", service.min), figure("p50", service.p50)),
        (figure("p50", service.p50), figure("p99", service.p99)),
        (figure("p99", service.p99), figure("max", service.max)),
        (mean, figure("max", service.max)),
    ];
    // A message is never sent before it is due.
    for (name, of) in [
        ("min", (|l| l.min) as fn(&Latency) -> Option<u64>),
        ("p50", |l| l.p50),
        ("p99", |l| l.p99),
        ("max", |l| l.max),
    ] {
        let smaller = figure(name, of(service)).map(|(_, ns)| (name, ns));
        pairs.push((
            smaller,
            figure("the same of the response time", of(response)),
        ));
    }
    pairs
        .into_iter()
        .filter_map(|(smaller, larger)| smaller.zip(larger))
        .filter(|(smaller, larger)| smaller.1 > larger.1)
        .map(|(smaller, larger)| Reason::Impossible { smaller, larger })
        .collect()
}

#[cfg(test)]
#[path = "validity_tests.rs"]
mod tests;
