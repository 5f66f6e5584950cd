//! Whether a measurement can be believed, and if not, why and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{grouped, human_percent, human_time};

/// Share of a core above which a generator thread may have been the bottleneck.
pub const BUSY_THREAD_LIMIT: f64 = 0.90;

/// Share of the measured time that a generator thread may wait for a core.
pub const RUN_QUEUE_WAIT_LIMIT: f64 = 0.05;

/// Messages beyond a percentile below which that percentile is not firm.
pub const FIRM_TAIL_MESSAGES: u64 = 1_000;

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
    /// Median service time in nanoseconds.
    pub service_p50_ns: Option<u64>,
    /// 99th percentile of the service time in nanoseconds.
    pub service_p99_ns: Option<u64>,
    /// Mean service time in nanoseconds.
    pub service_mean_ns: Option<f64>,
    /// Largest service time in nanoseconds.
    pub service_max_ns: Option<u64>,
    /// CPU time of the busiest generator thread as a share of a core; `None` where it cannot be had.
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
            Self::NothingMeasured | Self::Impossible { .. } => Verdict::Invalid,
            Self::GeneratorBusy(_)
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
            Self::GeneratorBusy(share) => write!(
                f,
                "a generator thread used {} of a core (limit {}): it may have been slower than the server; more `--threads` help where cores are free, fewer clients where none is",
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
    /// Everything that speaks against it.
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
    Validity {
        verdict: reasons
            .iter()
            .map(Reason::verdict)
            .max()
            .unwrap_or(Verdict::Valid),
        reasons,
    }
}

#[allow(clippy::cast_precision_loss)]
fn impossible(evidence: &Evidence) -> Vec<Reason> {
    let p50 = evidence.service_p50_ns.map(|ns| ("p50", ns as f64));
    let p99 = evidence.service_p99_ns.map(|ns| ("p99", ns as f64));
    let mean = evidence.service_mean_ns.map(|ns| ("mean", ns));
    let max = evidence.service_max_ns.map(|ns| ("max", ns as f64));
    [(p50, p99), (p99, max), (mean, max)]
        .into_iter()
        .filter_map(|(smaller, larger)| smaller.zip(larger))
        .filter(|(smaller, larger)| smaller.1 > larger.1)
        .map(|(smaller, larger)| Reason::Impossible { smaller, larger })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            timed_messages: 100_000,
            service_p50_ns: Some(10),
            service_p99_ns: Some(20),
            service_mean_ns: Some(11.0),
            service_max_ns: Some(30),
            busiest_thread: Some(0.71),
            run_queue_wait: Some(0.01),
            broken_connections: 0,
            connections: 100,
            interrupted: false,
        }
    }

    fn verdict_of(change: fn(&mut Evidence)) -> (Verdict, Vec<Reason>) {
        let mut evidence = good();
        change(&mut evidence);
        let found = judge(&evidence);
        (found.verdict, found.reasons)
    }

    #[test]
    fn a_run_with_nothing_against_it_is_valid() {
        assert_eq!(verdict_of(|_| {}), (Verdict::Valid, vec![]));
        let unknown = |e: &mut Evidence| {
            e.busiest_thread = None;
            e.run_queue_wait = None;
        };
        assert_eq!(verdict_of(unknown).0, Verdict::Valid);
    }

    #[test]
    fn nothing_measured_is_invalid() {
        let (verdict, reasons) = verdict_of(|e| e.timed_messages = 0);
        assert_eq!(verdict, Verdict::Invalid);
        assert_eq!(reasons, [Reason::NothingMeasured]);
    }

    #[test]
    fn contradictions_are_invalid() {
        for change in [
            (|e| e.service_p50_ns = Some(21)) as fn(&mut Evidence),
            |e| e.service_p99_ns = Some(31),
            |e| e.service_mean_ns = Some(30.5),
        ] {
            assert_eq!(verdict_of(change).0, Verdict::Invalid);
        }
    }

    #[test]
    fn limits_are_where_the_contract_puts_them() {
        assert_eq!(
            verdict_of(|e| e.timed_messages = 99_949).0,
            Verdict::Suspect
        );
        assert_eq!(
            verdict_of(|e| e.busiest_thread = Some(0.90)).0,
            Verdict::Valid
        );
        assert_eq!(
            verdict_of(|e| e.busiest_thread = Some(0.91)).0,
            Verdict::Suspect
        );
        assert_eq!(
            verdict_of(|e| e.run_queue_wait = Some(0.06)).0,
            Verdict::Suspect
        );
        assert_eq!(verdict_of(|e| e.interrupted = true).0, Verdict::Suspect);
        assert_eq!(
            verdict_of(|e| e.broken_connections = 1),
            (Verdict::Suspect, vec![Reason::LoadFellShort(1, 100)])
        );
    }

    #[test]
    fn a_reason_names_figure_limit_and_remedy() {
        assert_eq!(
            Reason::ThinTail(12).to_string(),
            "12 messages lie beyond p99 (limit 1,000): the tail is not firm; send more (`-m`, `-d`)"
        );
        assert!(
            Reason::GeneratorBusy(0.97)
                .to_string()
                .contains("97 % of a core (limit 90 %)")
        );
    }

    #[test]
    fn beyond_is_counted_to_the_nearest_message() {
        assert_eq!(messages_beyond(100_000, 0.99), 1_000);
        assert_eq!(messages_beyond(100_000, 0.999), 100);
        assert_eq!(messages_beyond(0, 0.99), 0);
    }
}
