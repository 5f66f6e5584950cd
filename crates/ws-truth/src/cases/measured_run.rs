//! A measured server, and the figures of the document that ws-bench reports about it.

use std::sync::Arc;

use measurement::plan::{LoadDraft, Plan};
use measurement::run::Summary;
use measurement::verdict::Reason;
use scenario::{Scenario, ScenarioOptions, ScenarioSource};
use serde_json::Value;
use swarm::{Recording, RunHandle};

use super::{note_noise, plan};
use crate::admission_log::AdmissionLog;
use crate::admission_rules::AdmissionRules;
use crate::admission_server::AdmissionServer;
use crate::fault_log::FaultLog;
use crate::faults::Faults;
use crate::faulty_server::FaultyServer;
use crate::finding::{FigureUnit, Findings};

/// Name and text of a scenario file.
pub(super) type ScenarioText = (&'static str, &'static str);

/// The scenario of a file that needs no other one.
pub(super) fn parse((name, text): ScenarioText) -> anyhow::Result<Arc<Scenario>> {
    let source = ScenarioSource::File { name, text };
    let no_files = |_: &str, _: Option<&str>| Err("no files".to_owned());
    let scenario = Scenario::parse(source, &ScenarioOptions::default(), &no_files)?;
    Ok(Arc::new(scenario))
}

/// The result of a run: the document that ws-bench prints with `--json`, what it is made from, and the log of the server.
pub(super) struct MeasuredRun<L> {
    document: Value,
    /// True if connections or messages failed, so that ws-bench ends with exit code 3.
    some_failed: bool,
    /// True if the verdict names connections that ended or messages that were not sent.
    fell_short: bool,
    pub(super) recording: Recording,
    /// Share of its life that the server waited for its core.
    server_waited_share: Option<f64>,
    pub(super) log: L,
}

/// The result of a scenario, or of load on a server with faults.
pub(super) type MeasuredScenario = MeasuredRun<FaultLog>;

/// The result of a run against a server that limits handshakes or restarts.
pub(super) type MeasuredConnections = MeasuredRun<AdmissionLog>;

impl MeasuredScenario {
    /// Measures a server whose faults are set by `spoil`.
    pub(super) fn new(
        file: ScenarioText,
        spoil: impl FnOnce(&mut Faults),
        change: impl FnOnce(&mut LoadDraft),
    ) -> anyhow::Result<Self> {
        let mut faults = Faults::default();
        spoil(&mut faults);
        let scenario = parse(file)?;
        let server = FaultyServer::start_on(0, faults)?;
        let plan = plan(&server.url(), |draft| {
            draft.scenario = Some(scenario);
            change(draft);
        })?;
        Self::record(&plan, || server.finish(), |log| log.waited_share)
    }
}

impl MeasuredConnections {
    /// Measures a server with these rules.
    pub(super) fn new(
        rules: AdmissionRules,
        change: impl FnOnce(&mut LoadDraft),
    ) -> anyhow::Result<Self> {
        let server = AdmissionServer::start(rules)?;
        let plan = plan(&server.url(), change)?;
        Self::record(&plan, || server.finish(), |log| log.waited_share)
    }
}

impl<L> MeasuredRun<L> {
    /// Executes the plan, and then ends the server.
    fn record(
        plan: &Plan,
        finish: impl FnOnce() -> L,
        waited_share: impl FnOnce(&L) -> Option<f64>,
    ) -> anyhow::Result<Self> {
        let recording = swarm::record(plan, &RunHandle::new())?;
        let summary = Summary::new(plan, &recording.record, recording.context.clone());
        let connections = &summary.connections;
        let names_shortfall = |reason: &Reason| matches!(reason, Reason::LoadFellShort { .. });
        let log = finish();
        Ok(Self {
            some_failed: connections.failed + connections.closed_early > 0 || summary.any_failed(),
            fell_short: summary.validity.found.iter().any(names_shortfall),
            document: serde_json::to_value(summary)?,
            recording,
            server_waited_share: waited_share(&log),
            log,
        })
    }

    /// Notes noise for the figures at this quantile, which are added next.
    pub(super) fn note_noise(&self, findings: &mut Findings, q: f64, limit_ms: f64) {
        let waited_share = self.server_waited_share;
        note_noise(findings, &self.recording, waited_share, q, limit_ms);
    }

    /// The figure at this JSON pointer; NaN without one, which no tolerance accepts.
    pub(super) fn figure(&self, pointer: &str) -> f64 {
        let figure = self.document.pointer(pointer).and_then(Value::as_f64);
        figure.unwrap_or(f64::NAN)
    }

    /// The time in nanoseconds at this JSON pointer, in milliseconds.
    pub(super) fn ms(&self, pointer: &str) -> f64 {
        self.figure(pointer) / 1e6
    }

    /// The value at this JSON pointer; null without one.
    pub(super) fn value(&self, pointer: &str) -> &Value {
        self.document.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Adds counts of one part of the document, which must be exact: their keys, and the truth about them.
    pub(super) fn counts(&self, findings: &mut Findings, part: &str, truths: &[(&str, u64)]) {
        self.figures(findings, part, truths, FigureUnit::Count);
    }

    /// Adds counts of one part of the document that depend on the clock: their keys, and the truth about them.
    pub(super) fn counts_of_times(
        &self,
        findings: &mut Findings,
        part: &str,
        truths: &[(&str, u64)],
    ) {
        self.figures(findings, part, truths, FigureUnit::CountOfTimes);
    }

    fn figures(
        &self,
        findings: &mut Findings,
        part: &str,
        truths: &[(&str, u64)],
        unit: FigureUnit,
    ) {
        for (key, truth) in truths {
            let pointer = format!("/{part}/{key}");
            let name = format!("{part}: {key}").replace("_ns/count", " times");
            let figure = name.replace(['_', '/'], " ");
            let truth = *truth as f64;
            findings.near(figure, unit, truth, self.figure(&pointer), 0.0);
        }
    }

    /// Adds that the run is reported as failed, or as complete. A generator without a core loses messages of its own.
    pub(super) fn judge_failure(&self, findings: &mut Findings, has_failed: bool) {
        let truth = u64::from(has_failed);
        findings.count_of_times("runs with exit code 3", truth, u64::from(self.some_failed));
        let reported = u64::from(self.fell_short);
        findings.count_of_times("runs whose load fell short", truth, reported);
    }

    /// Adds quantiles of the times at this JSON pointer, beside those of the server's log, which are sorted.
    pub(super) fn quantiles(
        &self,
        findings: &mut Findings,
        pointer: &str,
        quantiles: &[(f64, &str)],
        logged_ns: &[u64],
    ) {
        for (q, key) in quantiles {
            let truth_ms = sorted_quantile_ms(logged_ns, *q);
            let reported = self.ms(&format!("{pointer}/{key}"));
            let name = pointer.trim_start_matches('/').trim_end_matches("_ns");
            let name = name.replacen('/', ": ", 1).replace(['_', '/'], " ");
            let figure = format!("{name} {}", key.replace('_', "."));
            findings.ms(figure, truth_ms, reported, tolerance_ms(truth_ms));
        }
    }
}

/// Adds a time in the server's log beside the rule that it should follow. A server that did not keep to its rule is
/// noise.
pub(super) fn judge_schedule(findings: &mut Findings, what: &str, rule_ms: f64, logged_ms: f64) {
    let near_ms = tolerance_ms(rule_ms);
    if (rule_ms - logged_ms).abs() <= near_ms {
        findings.ms(
            format!("{what} in the server's log"),
            rule_ms,
            logged_ms,
            near_ms,
        );
    } else if findings.noise.is_none() {
        findings.noise = Some(format!(
            "the {what} in the server's log is {logged_ms:.2} ms, but the rule asks for {rule_ms:.2} ms"
        ));
    }
}

/// Tolerance of a time: a fiftieth, and the way through two sockets.
pub(super) fn tolerance_ms(truth_ms: f64) -> f64 {
    truth_ms.abs() * 0.02 + 0.3
}

/// The quantile of sorted times in milliseconds, with the rank of HdrHistogram; NaN without times.
pub(super) fn sorted_quantile_ms(sorted_ns: &[u64], q: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = ((q * sorted_ns.len() as f64).ceil() as usize).max(1) - 1;
    sorted_ns.get(rank).map_or(f64::NAN, |ns| *ns as f64 / 1e6)
}
