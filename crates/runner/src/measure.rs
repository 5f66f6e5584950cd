//! The run itself.

use measurement::plan::Plan;
use measurement::record::Record;
use measurement::run::{ClientRow, RunContext, Summary, Tool};
use measurement::verdict::Calibration;
use swarm::control::{Control, Phase};

use crate::error::RunError;
use crate::probe::{self, Probe, Reading};

/// What a run found.
#[derive(Debug)]
pub struct Measured {
    /// Its figures, and whether to believe them.
    pub summary: Summary,
    /// What they were made from.
    pub record: Record,
    /// One row a client.
    pub clients: Vec<ClientRow>,
    /// The process that was probed ended before the run did, so that its usage is not known.
    pub server_ended: bool,
}

/// Carries out a plan. `probe` watches the server during the measured phase; `calibration` is what the
/// generator can do at its best and `open_file_limit` the limit in force, as far as they are known.
///
/// # Errors
/// [`RunError::Swarm`] when nothing could be measured at all.
pub fn measure(
    tool: Tool,
    plan: &Plan,
    control: &Control,
    probe: Option<&mut Probe>,
    calibration: Option<Calibration>,
    open_file_limit: Option<u64>,
) -> Result<Measured, RunError> {
    let mut probe = probe;
    let mut used: Option<Reading> = None;
    let finished = swarm::run_observed(plan, control, |phase| match (phase, &mut probe) {
        (Phase::Measure, Some(probe)) => probe.begin(),
        (Phase::Drain | Phase::Close, Some(probe)) if used.is_none() => used = probe.end(),
        _ => {}
    })?;
    let server_ended = probe.is_some() && used.is_none();
    let context = RunContext {
        command_line: None,
        tool,
        host: probe::host(open_file_limit),
        started_at: humantime::format_rfc3339_millis(finished.started_at).to_string(),
        elapsed_s: finished.elapsed_s,
        connections: finished.connections,
        connect_ns: finished.connect_ns,
        server: used.and_then(|used| used.without(&finished.usage)),
        client: finished.usage,
        calibration,
        interrupted: finished.interrupted,
    };
    Ok(Measured {
        summary: Summary::new(plan, &finished.record, context),
        record: finished.record,
        clients: finished.clients,
        server_ended,
    })
}
