//! One run against one server: from a plan to what is kept of it.

use std::time::SystemTime;

use measurement::comparison::{RunRow, Steadiness};
use measurement::plan::Plan;
use measurement::recorder::Record;
use measurement::statistics::steady::{State, steadiness};
use measurement::summary::{Calibration, Circumstances, Host, Summary, Tool};
use swarm::SwarmError;
use swarm::control::{Control, Phase};

use crate::bins::{self, Watched};
use crate::watch::{Used, Watch};

/// What is the same for every run on this machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The host.
    pub host: Host,
    /// What the generator can do on it, if that is known.
    pub calibration: Option<Calibration>,
}

impl Machine {
    /// Looks at the host, and at what the generator can do with a load like the plan's.
    #[must_use]
    pub fn look(plan: &Plan) -> Self {
        Self {
            host: Host::default(),
            // Not known, it is no reason to measure nothing.
            calibration: swarm::calibrate(plan).ok().flatten(),
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Its figures.
    pub row: RunRow,
    /// Connections that opened.
    pub opened: u64,
    /// What the server used; `None` when it was not watched.
    pub used: Option<Used>,
    /// What the server did wrong, in words; `None` when every message came back right.
    pub wrong: Option<String>,
    /// The user ended it early.
    pub interrupted: bool,
}

/// Name and version of this program.
#[must_use]
pub fn tool() -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// An instant for files.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Carries the plan out, and looks at the server's processes meanwhile.
///
/// # Errors
/// [`SwarmError`] when the run did not take place.
pub fn carry_out(
    plan: &Plan,
    control: &Control,
    machine: &Machine,
    mut watch: Option<Watch>,
) -> Result<Outcome, SwarmError> {
    let finished = swarm::run_observed(plan, control, |phase| match (phase, &mut watch) {
        (Phase::Measure, Some(watch)) => watch.begin(),
        (Phase::Drain | Phase::Close, Some(watch)) => watch.end(),
        _ => {}
    })?;
    let used = watch.and_then(|watch| watch.used());
    let circumstances = Circumstances {
        tool: tool(),
        host: machine.host.clone(),
        started_at: rfc3339(finished.started_at),
        elapsed_s: finished.elapsed_s,
        connections: finished.connections,
        connect_ns: finished.connect_ns,
        server: None,
        client: finished.usage,
        calibration: machine.calibration,
        interrupted: finished.interrupted,
    };
    let summary = Summary::new(plan, &finished.record, circumstances);
    Ok(Outcome {
        row: row(&summary, &finished.record, used),
        opened: summary.connections.opened,
        used,
        wrong: wrong(&summary),
        interrupted: finished.interrupted,
    })
}

/// The figures of a run, from its steady part where that can be told.
fn row(summary: &Summary, record: &Record, used: Option<Used>) -> RunRow {
    let watched = if summary.offered_rate_per_s.is_some() {
        Watched::ResponseTime
    } else {
        Watched::Echoes
    };
    let elapsed_s = summary.elapsed_s;
    let (steadiness, cut_s) = bins::series(&record.samples, elapsed_s, watched)
        .map_or((Steadiness::Unknown, None), |series| steady_from(&series, elapsed_s));
    let timed = summary.service_time_ns.count;
    #[allow(clippy::cast_precision_loss)]
    let steady = cut_s.filter(|cut_s| *cut_s > 0.0).and_then(|cut_s| {
        let kept = record.samples.iter().filter(|s| s.outcome.is_timed());
        let share = kept.count() as f64 / timed.max(1) as f64;
        bins::after(&record.samples, cut_s, elapsed_s, share, watched)
    });
    let whole = &summary.response_time_ns;
    #[allow(clippy::cast_precision_loss)]
    let times = match &steady {
        Some(steady) => steady.quantiles_ns.map(Some),
        None => [whole.p50, whole.p99, whole.p99_9].map(|ns| ns.map(|ns| ns as f64)),
    };
    let messages_per_s = summary.throughput.messages_per_s;
    let server_cpu_s = used.and_then(|used| used.cpu_s);
    let m = &summary.messages;
    RunRow {
        verdict: summary.validity.verdict,
        reasons: summary.validity.reasons.clone(),
        timed_messages: timed,
        failed_messages: m.lost + m.corrupted + m.timed_out + m.unsent,
        elapsed_s,
        steadiness,
        cut_s,
        messages_per_s: steady.map_or(messages_per_s, |steady| steady.messages_per_s),
        p50_ns: times[0],
        p99_ns: times[1],
        p99_9_ns: times[2],
        server_cpu_s,
        messages_per_cpu_s: server_cpu_s
            .filter(|s| *s > 0.0)
            .map(|s| messages_per_s * elapsed_s / s),
    }
}

/// Whether a run was steady, and how many seconds of its beginning are to be cut off.
#[allow(clippy::cast_precision_loss)]
fn steady_from(series: &[f64], elapsed_s: f64) -> (Steadiness, Option<f64>) {
    let Ok(found) = steadiness(series) else {
        return (Steadiness::Unknown, None);
    };
    let cut_s = found.cut as f64 / found.intervals as f64 * elapsed_s;
    match found.state {
        State::Steady => (Steadiness::Steady, Some(cut_s)),
        State::Drifting => (Steadiness::Drifting, Some(cut_s)),
        // No part of it is better than another.
        State::CutTooLate => (Steadiness::Never, None),
    }
}

/// What a server did that no right one does. Being slow is not wrong: late echoes, and messages of an
/// open loop that could not be sent, are for the verdict.
fn wrong(summary: &Summary) -> Option<String> {
    let (m, c) = (&summary.messages, &summary.connections);
    let counts = [
        (c.failed, "connections failed"),
        (c.closed_early, "connections ended early"),
        (m.lost, "messages were lost"),
        (m.corrupted, "echoes were wrong"),
        (m.duplicated, "echoes came twice"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", measurement::units::grouped(*n)))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let reasons = c.failures.iter().chain(&c.early_ends);
    let most = reasons.max_by_key(|(_, n)| **n);
    let because = most.map_or_else(String::new, |(reason, _)| format!(" ({reason})"));
    Some(format!("{}{because}", parts.join(", ")))
}
