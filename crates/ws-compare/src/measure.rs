//! One run against one server: from a plan to what is kept of it.

use std::time::SystemTime;

use host::process_probe::ProcessProbe;
use measurement::comparison::{RunRow, Steadiness};
use measurement::plan::Plan;
use measurement::recorder::Record;
use measurement::summary::{Calibration, Host, Summary, Tool};
use statistics::steady_state::{SteadyState, find_steady_state};
use swarm::SwarmError;
use swarm::control::Control;

use crate::bins::{self, Watched};

/// What is the same for every run on this machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The host.
    pub host: Host,
    /// Open files that this process may have.
    pub open_file_limit: Option<u64>,
    /// What the generator can do on it, if that is known.
    pub calibration: Option<Calibration>,
}

impl Machine {
    /// Looks at the host, and at what the generator can do with a load like the plan's.
    #[must_use]
    pub fn look(plan: &Plan, open_file_limit: Option<u64>) -> Self {
        Self {
            host: swarm::describe_host(open_file_limit),
            open_file_limit,
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
    /// By how many bytes for each connection the server's resident memory grew over the run; `None` when it
    /// did not, or was not seen.
    pub memory_per_connection_bytes: Option<f64>,
    /// What the server did wrong, in words; `None` when every message came back right.
    pub wrong: Option<String>,
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

/// Carries the plan out, and looks at these processes of the server meanwhile.
///
/// # Errors
/// [`SwarmError`] when the run did not take place.
pub fn carry_out(
    plan: &Plan,
    control: &Control,
    machine: &Machine,
    processes: &[u32],
) -> Result<Outcome, SwarmError> {
    // A server that cannot be looked at can still be measured.
    let mut probe = Some(processes)
        .filter(|processes| !processes.is_empty())
        .and_then(|processes| ProcessProbe::processes(processes).ok());
    let before_bytes = probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
    let measured = swarm::measure(
        tool(),
        plan,
        control,
        probe.as_mut(),
        machine.calibration,
        machine.open_file_limit,
    )?;
    let summary = &measured.summary;
    Ok(Outcome {
        row: row(summary, &measured.record),
        memory_per_connection_bytes: memory_per_connection(summary, before_bytes),
        wrong: wrong(summary),
    })
}

#[allow(clippy::cast_precision_loss)]
fn memory_per_connection(summary: &Summary, before_bytes: Option<u64>) -> Option<f64> {
    let after_bytes = summary.server.as_ref()?.max_rss_bytes?;
    let grown = after_bytes.checked_sub(before_bytes?)?;
    let opened = summary.connections.opened;
    (grown > 0 && opened > 0).then(|| grown as f64 / opened as f64)
}

/// The figures of a run, from its steady part where that can be told.
fn row(summary: &Summary, record: &Record) -> RunRow {
    let watched = if summary.offered_rate_per_s.is_some() {
        Watched::ResponseTime
    } else {
        Watched::Echoes
    };
    let elapsed_s = summary.elapsed_s;
    let (steadiness, cut_s) = bins::series(&record.samples, elapsed_s, watched)
        .map_or((Steadiness::Unknown, None), |series| {
            steady_from(&series, elapsed_s)
        });
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
        server_cpu_s: summary.server.as_ref().map(|server| server.cpu_s),
        messages_per_cpu_s: summary
            .server
            .as_ref()
            .and_then(|server| server.messages_per_cpu_s),
    }
}

/// Whether a run was steady, and how many seconds of its beginning are to be cut off.
#[allow(clippy::cast_precision_loss)]
fn steady_from(series: &[f64], elapsed_s: f64) -> (Steadiness, Option<f64>) {
    let Ok(found) = find_steady_state(series) else {
        return (Steadiness::Unknown, None);
    };
    let cut_s = found.cut as f64 / found.intervals as f64 * elapsed_s;
    match found.state {
        SteadyState::Steady => (Steadiness::Steady, Some(cut_s)),
        SteadyState::Drifting => (Steadiness::Drifting, Some(cut_s)),
        // No part of it is better than another.
        SteadyState::CutTooLate => (Steadiness::Never, None),
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
        .map(|(n, what)| format!("{} {what}", units::grouped(*n)))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let reasons = c.failures.iter().chain(&c.early_ends);
    let most = reasons.max_by_key(|(_, n)| **n);
    let because = most.map_or_else(String::new, |(reason, _)| format!(" ({reason})"));
    Some(format!("{}{because}", parts.join(", ")))
}
