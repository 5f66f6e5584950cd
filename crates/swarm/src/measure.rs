//! A run whose server is probed: plan in, summary and record out.

use host::process_probe::{ProcessProbe, ProcessUsage};
use host::system_info::SystemInfo;
use measurement::plan::Plan;
use measurement::record::Record;
use measurement::run::{ClientRow, Host, RunContext, Summary, Tool};
use measurement::verdict::{Calibration, GeneratorUsage, ServerSample};

use crate::SwarmError;
use crate::handle::RunHandle;
use crate::progress::{Phase, context_switches};
use crate::run::run_observed;

/// The results of a run.
#[derive(Debug)]
pub struct Measured {
    /// Its figures and its verdict.
    pub summary: Summary,
    /// Counts, histograms and samples that the figures are computed from.
    pub record: Record,
    /// One row per client.
    pub clients: Vec<ClientRow>,
    /// The process that was probed ended before the run did, so that its usage is not known.
    pub server_ended: bool,
}

/// Executes a plan and summarises its results. `probe` observes the server during the measured phase;
/// `calibration` and `open_file_limit` become part of the summary.
///
/// # Errors
/// [`SwarmError`] when nothing could be measured at all.
pub fn measure(
    tool: Tool,
    plan: &Plan,
    handle: &RunHandle,
    mut probe: Option<&mut ProcessProbe>,
    calibration: Option<Calibration>,
    open_file_limit: Option<u64>,
) -> Result<Measured, SwarmError> {
    let mut used: Option<ProcessUsage> = None;
    let finished = run_observed(plan, handle, |phase| match (phase, &mut probe) {
        (Phase::Measure, Some(probe)) => probe.begin(),
        (Phase::Drain | Phase::Close, Some(probe)) if used.is_none() => used = probe.end(),
        _ => {}
    })?;
    let server_ended = probe.is_some() && used.is_none();
    let context = RunContext {
        command_line: None,
        tool,
        host: describe_host(open_file_limit),
        started_at: humantime::format_rfc3339_millis(finished.started_at).to_string(),
        elapsed_s: finished.elapsed_s,
        connections: finished.connections,
        connect_ns: finished.connect_ns,
        server: used.and_then(|used| server_sample(used, &finished.usage)),
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

/// Describes this machine, with the limit on open files in force.
#[must_use]
pub fn describe_host(open_file_limit: Option<u64>) -> Host {
    let info = SystemInfo::read();
    Host {
        os: info.os,
        kernel: info.kernel,
        cpu: info.cpu,
        cores: info.cores,
        allowed_cores: info.allowed_cores,
        open_file_limit,
    }
}

/// The server's part of its process's usage; `None` when the generator's part, in the same process, is not
/// known.
fn server_sample(used: ProcessUsage, generator: &GeneratorUsage) -> Option<ServerSample> {
    let generator_cpu_s = if used.is_own { generator.cpu_s? } else { 0.0 };
    Some(ServerSample {
        pid: used.pid,
        cpu_s: (used.cpu_s - generator_cpu_s).max(0.0),
        max_rss_bytes: used.max_rss_bytes,
        context_switches: used.context_switches.map(context_switches),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_described_with_its_limit() {
        assert_eq!(describe_host(Some(7)).open_file_limit, Some(7));
    }

    #[test]
    fn the_generators_time_is_not_the_servers() {
        let used = ProcessUsage {
            pid: 1,
            cpu_s: 3.0,
            max_rss_bytes: None,
            context_switches: None,
            is_own: true,
        };
        let generator = |cpu_s| GeneratorUsage {
            cpu_s,
            ..GeneratorUsage::default()
        };
        let server_s = server_sample(used, &generator(Some(1.0))).unwrap().cpu_s;
        assert_eq!(server_s, 2.0);
        assert_eq!(server_sample(used, &generator(None)), None);
    }
}
