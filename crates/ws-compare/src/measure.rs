//! One run against one server: from a plan to the figures used in a comparison.

use std::time::SystemTime;

use host::process_probe::ProcessProbe;
use measurement::plan::Plan;
use measurement::record::Sample;
use measurement::run::comparison::{RunConnections, RunDeliveries, RunRow, Steadiness};
use measurement::run::{Host, Summary, Tool};
use measurement::verdict::Calibration;
use swarm::{RunHandle, RunSetup, SwarmError};
use units::{counted, grouped, human_time};

use crate::steady_state::{self, SteadyFigure};

/// Facts about this machine, common to all runs.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) host: Host,
    pub(crate) open_file_limit: Option<u64>,
    /// The generator's own limits, if known.
    pub(crate) calibration: Option<Calibration>,
}

impl Machine {
    /// Describes the host, and calibrates the generator with a load like the plan's.
    pub(crate) fn describe(plan: &Plan, open_file_limit: Option<u64>) -> Self {
        Self {
            host: swarm::describe_host(open_file_limit),
            open_file_limit,
            // Runs can be measured without a calibration.
            calibration: swarm::calibrate(plan).ok().flatten(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct RunOutcome {
    pub(crate) row: RunRow,
    /// Growth of the server's resident memory over the run, per connection; `None` when it did not grow, or was not
    /// measured.
    pub(crate) memory_per_connection_bytes: Option<f64>,
    /// Description of the server's faults; `None` when every echo was correct.
    pub(crate) faults: Option<String>,
    /// Connections ended before their client was done with them.
    pub(crate) ends_early: bool,
}

pub(crate) fn tool() -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// Executes the plan, and samples these processes of the server meanwhile.
pub(crate) fn measure(
    plan: &Plan,
    control: &RunHandle,
    machine: &Machine,
    processes: &[u32],
) -> Result<RunOutcome, SwarmError> {
    // A server whose processes cannot be sampled can still be measured.
    let probe = ProcessProbe::group(processes).ok();
    let mut probe = probe.map(ProcessProbe::with_descendants);
    let before_bytes = probe.as_mut().and_then(ProcessProbe::max_rss_bytes);
    let setup = RunSetup {
        tool: tool(),
        calibration: machine.calibration,
        open_file_limit: machine.open_file_limit,
        probe: probe.as_mut(),
        ..RunSetup::default()
    };
    let run = swarm::run(plan, control, setup)?;
    let samples = run.samples.unwrap_or_default();
    #[allow(clippy::expect_used)]
    let mut summary = run.summary.expect("a fresh run has a summary");
    wording::explain(&mut summary);
    Ok(RunOutcome {
        row: steady_row(&summary, &samples.rows),
        memory_per_connection_bytes: memory_per_connection(&summary, before_bytes),
        faults: describe_faults(&summary),
        ends_early: summary.connections.closed_early > 0,
    })
}

fn memory_per_connection(summary: &Summary, before_bytes: Option<u64>) -> Option<f64> {
    let after_bytes = summary.server.as_ref()?.max_rss_bytes;
    let opened = summary.connections.opened;
    let at_once = opened.min(summary.plan.connections_at_once());
    memory_growth(before_bytes, after_bytes, at_once)
}

/// Growth of a server's memory per connection, in bytes; `None` if it did not grow, or is unknown.
pub(crate) fn memory_growth(
    before_bytes: Option<u64>,
    after_bytes: Option<u64>,
    opened: u64,
) -> Option<f64> {
    let grown = after_bytes?.checked_sub(before_bytes?)?;
    (grown > 0 && opened > 0).then(|| grown as f64 / opened as f64)
}

/// The figures of a whole run, without the search for its steady part.
pub(crate) fn whole_row(s: &Summary) -> RunRow {
    let m = &s.messages;
    let times = &s.response_time_ns;
    let exact = |ns: Option<u64>| ns.map(|ns| ns as f64);
    // A feed has no messages of the generator.
    let feed = s.push.as_ref().filter(|_| m.sent == 0);
    RunRow {
        verdict: s.validity.verdict,
        reasons: s.validity.reasons.clone(),
        timed_messages: feed.map_or(times.count, |own| own.received),
        failed_messages: m.failed(),
        elapsed_s: s.elapsed_s,
        steadiness: Steadiness::Unknown,
        cut_s: None,
        messages_per_s: feed.map_or(s.throughput.messages_per_s, |own| own.received_per_s),
        p50_ns: exact(times.p50),
        p99_ns: exact(times.p99),
        p99_9_ns: exact(times.p99_9),
        server_cpu_s: s.server.as_ref().map(|server| server.cpu_s),
        messages_per_cpu_s: s.server.as_ref().and_then(|s| s.messages_per_cpu_s),
        slices: None,
        deliveries: RunDeliveries::of(s),
        connections: RunConnections::of(s),
    }
}

/// The figures of a run, computed from its steady part if there is one.
fn steady_row(summary: &Summary, samples: &[Sample]) -> RunRow {
    let by = if summary.offered_rate_per_s.is_some() {
        SteadyFigure::ResponseTime
    } else {
        SteadyFigure::Echoes
    };
    let elapsed_s = summary.elapsed_s;
    let (steadiness, cut_s) = steady_state::steady_from(samples, elapsed_s, by);
    let mut row = RunRow {
        steadiness,
        cut_s,
        ..whole_row(summary)
    };
    let steady = cut_s.filter(|cut_s| *cut_s > 0.0).and_then(|cut_s| {
        steady_state::figures_after(cut_s, samples, row.timed_messages, elapsed_s, by)
    });
    if let Some(steady) = steady {
        row.messages_per_s = steady.messages_per_s;
        [row.p50_ns, row.p99_ns, row.p99_9_ns] = steady.quantiles_ns.map(Some);
    }
    row
}

/// Description of a run that ended before its plan was complete, although its connections were open: the user
/// interrupted it.
fn early_end(summary: &Summary) -> Option<String> {
    let (m, plan) = (&summary.messages, &summary.plan);
    let is_short = |planned_s: f64| summary.elapsed_s < 0.99 * planned_s;
    if let Some(planned_s) = plan.duration_s.filter(|planned_s| is_short(*planned_s)) {
        let stood = summary.connections.closed_early == 0;
        return stood.then(|| {
            let [took, planned] = [summary.elapsed_s, planned_s].map(|s| human_time(s * 1e9));
            format!("the run ended after {took} of {planned}")
        });
    }
    let missing = m.planned?.saturating_sub(m.sent + m.unsent);
    (missing > 0).then(|| format!("the run ended {} early", counted(missing, "message")))
}

/// Counts of a server's faults, each with its singular and plural.
fn fault_counts(summary: &Summary) -> [(u64, &'static str, &'static str); 10] {
    let (m, c) = (&summary.messages, &summary.connections);
    let clients = u64::from(summary.plan.clients);
    let is_search = summary.capacity.is_some();
    let unless_searched = |count: u64| if is_search { 0 } else { count };
    [
        (c.failed, "connection failed", "connections failed"),
        (
            clients.saturating_sub(c.opened + c.failed),
            "connection was never attempted",
            "connections were never attempted",
        ),
        (
            c.closed_early,
            "connection ended early",
            "connections ended early",
        ),
        (
            unless_searched(m.unsent),
            "message was never sent",
            "messages were never sent",
        ),
        (
            unless_searched(m.lost),
            "message was lost",
            "messages were lost",
        ),
        (
            m.corrupted.unwrap_or(0),
            "echo was wrong",
            "echoes were wrong",
        ),
        (m.duplicated, "echo came twice", "echoes came twice"),
        (
            summary.fan_out.as_ref().map_or(0, |own| own.duplicated),
            "delivery came twice",
            "deliveries came twice",
        ),
        (
            summary.fan_out.as_ref().map_or(0, |own| own.corrupted),
            "delivery was wrong",
            "deliveries were wrong",
        ),
        (
            summary.fan_out.as_ref().map_or(0, |own| own.unexpected),
            "delivery came to a client that should not get it",
            "deliveries came to clients that should not get them",
        ),
    ]
}

/// Description of a server's faults under load; `None` when every connection stayed open and every echo was correct.
/// Used for live rounds and saved runs alike. Slowness is not a fault: late echoes are judged by the verdict. Neither are
/// missing deliveries: `reach` compares them. The conditions of a search judge its lost and unsent messages.
pub(crate) fn describe_faults(summary: &Summary) -> Option<String> {
    let early_end = early_end(summary).filter(|_| summary.capacity.is_none());
    describe(summary, early_end)
}

/// Like [`describe_faults`], for slices: their time is not that of a plan.
pub(crate) fn describe_faults_under_load(summary: &Summary) -> Option<String> {
    describe(summary, None)
}

fn describe(summary: &Summary, early_end: Option<String>) -> Option<String> {
    let (m, c) = (&summary.messages, &summary.connections);
    let parts: Vec<_> = fault_counts(summary)
        .iter()
        .filter(|(n, ..)| *n > 0)
        .map(|(n, one, several)| format!("{} {}", grouped(*n), if *n == 1 { one } else { several }))
        .chain(early_end)
        .collect();
    if parts.is_empty() {
        return None;
    }
    let ends = c.failures.iter().chain(&c.early_ends);
    let most_frequent = ends
        .max_by_key(|(_, n)| **n)
        .map(|(reason, _)| reason.clone());
    let difference = m.differences.first().map(wording::messages::difference);
    let reasons: Vec<_> = most_frequent.into_iter().chain(difference).collect();
    let because = match reasons.as_slice() {
        [] => String::new(),
        reasons => format!(" ({})", reasons.join("; ")),
    };
    Some(format!("{}{because}", parts.join(", ")))
}
