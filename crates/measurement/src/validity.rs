//! Whether a measurement can be believed, and if not, why and what to do about it.

mod reason;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

pub use self::reason::{Reason, Sending};
use crate::summary::{Calibration, Latency};
use units::counted;

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
    /// What sending was up to.
    pub sending: Sending,
    /// Achieved rate as a share of the offered one; `None` in closed loop.
    pub kept_rate: Option<f64>,
    /// Every message sent was echoed.
    pub answered_all: bool,
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

/// `1 message lies`, `2 messages lie`.
pub(crate) fn messages_lie(beyond: u64) -> String {
    let verb = if beyond == 1 { "lies" } else { "lie" };
    format!("{} {verb}", counted(beyond, "message"))
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
        reasons.push(Reason::SendLag {
            lag_ns: lag,
            service_ns: service,
            sending: evidence.sending,
        });
    }
    if let Some(kept) = evidence.kept_rate.filter(|kept| *kept < KEPT_RATE_LIMIT) {
        // Exact far beyond any number of connections.
        #[allow(clippy::cast_precision_loss)]
        let share_lost = evidence.broken_connections as f64 / evidence.connections.max(1) as f64;
        reasons.push(Reason::RateNotKept {
            kept,
            answered_all: evidence.answered_all,
            ended_with_connections: share_lost > 0.0 && kept >= 1.0 - share_lost,
            sending: evidence.sending,
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
    let (near, far) = (1.0 - OWN_LIMIT_MARGIN, 1.0 + OWN_LIMIT_MARGIN);
    let (floor, ceiling) = (own.floor_service_p50_ns, own.ceiling_messages_per_s);
    if let Some(found) = evidence.service.p50 {
        let share = found as f64 / floor as f64;
        if share < near {
            reasons.push(Reason::BelowFloor(found, floor));
        } else if share <= far {
            reasons.push(Reason::NearFloor(found, floor));
        }
    }
    let found = evidence.messages_per_s;
    let share = found / ceiling;
    if share > far {
        reasons.push(Reason::AboveCeiling(found, ceiling));
    } else if share >= near {
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
