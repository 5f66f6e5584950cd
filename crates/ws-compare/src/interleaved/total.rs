//! Slices judged and added up, and the row that they become.

use std::time::Duration;

use measurement::plan::{LoadSpec, PlanError, TargetServer};
use measurement::record::Record;
use measurement::run::comparison::{RunRow, RunSlices, SliceRow, Steadiness};
use measurement::run::{Connections, RunContext, Summary};
use measurement::verdict::{Calibration, GeneratorUsage, ServerUsage, Verdict};
use statistics::steady_state::{SteadyState, find_steady_state};
use swarm::SliceRecord;
use units::counted;

use super::lane::{MeasuredSlice, of_length};
use super::settle::SliceLength;
use crate::measure::{describe_faults, tool, whole_row};
use crate::steady_state::SteadyFigure;

/// Share of the cycles that may be left out of a run that is not suspect.
const MOST_LEFT_OUT: f64 = 0.2;

/// Share of the cycles beyond which nothing is left out: what touches most of them is no disturbance but the rule, and
/// the run as a whole is judged by it.
const RULE: f64 = 0.5;

/// Judge of a server's slices.
#[derive(Debug)]
pub(super) struct SliceJudge {
    pub(super) load: LoadSpec,
    pub(super) server: TargetServer,
    pub(super) calibration: Option<Calibration>,
}

/// A slice with what was found of it.
#[derive(Debug)]
pub(super) struct JudgedSlice {
    slice: MeasuredSlice,
    row: SliceRow,
    /// Sentence on the disturbance that touched it.
    pub(super) touched_by: Option<String>,
}

impl SliceJudge {
    /// Describes faults of the server in a slice; `None` when there are none.
    pub(super) fn faults(&self, slice: &SliceRecord) -> Result<Option<String>, PlanError> {
        // Sentences and percentiles are made for faults only.
        let (c, connections) = (&slice.record.counts, &slice.connections);
        let broken = connections.failed + connections.closed_early;
        let wrong = c.lost + c.corrupted.unwrap_or(0) + c.duplicated + c.unsent;
        if broken + wrong == 0 {
            return Ok(None);
        }
        let context = context_of(slice, self.calibration);
        let summary = self.summary(&slice.record, slice.counted, context)?;
        Ok(describe_faults(&summary))
    }

    /// Judges a slice by itself: stops, lateness, Little's law.
    pub(super) fn judge(&self, slice: MeasuredSlice, cycle: u32) -> Result<JudgedSlice, PlanError> {
        let MeasuredSlice { record, .. } = &slice;
        let mut summary = self.summary(
            &record.record,
            record.counted,
            context_of(record, self.calibration),
        )?;
        let found = &summary.validity.found;
        let touching = found.iter().position(|reason| reason.is_of_a_moment());
        wording::explain(&mut summary);
        let p50 = summary.response_time_ns.p50;
        Ok(JudgedSlice {
            row: SliceRow {
                cycle,
                messages_per_s: summary.throughput.messages_per_s,
                p50_ns: p50.map(|ns| ns as f64),
            },
            touched_by: touching.map(|index| summary.validity.reasons[index].clone()),
            slice,
        })
    }

    /// The summary of slices with this counted length.
    fn summary(
        &self,
        record: &Record,
        counted: Duration,
        context: RunContext,
    ) -> Result<Summary, PlanError> {
        let plan = of_length(&self.load, counted, self.server.clone())?;
        let context = RunContext {
            tool: tool(),
            elapsed_s: counted.as_secs_f64(),
            ..context
        };
        let window = plan.load.window().map_or(1, |n| u64::from(n.get()));
        let clients = context.connections.opened;
        let record = with_loaded_time(record.clone(), window, clients, counted);
        Ok(Summary::new(&plan, &record, context))
    }
}

/// Sets the time for which clients were active to the counted time. They are active until the last echo has come; but
/// messages sent in the counted part are on average in flight as long as the counted part is, and their own time
/// would be diluted. More time in flight than clients were active stays what it is: impossible.
fn with_loaded_time(mut record: Record, window: u64, clients: u64, counted: Duration) -> Record {
    if record.in_flight_ns <= record.active_ns.saturating_mul(window) {
        let counted_ns = u64::try_from(counted.as_nanos()).unwrap_or(u64::MAX);
        let loaded_ns = clients.saturating_mul(counted_ns);
        record.active_ns = loaded_ns.max(record.in_flight_ns.div_ceil(window.max(1)));
    }
    record
}

fn context_of(slice: &SliceRecord, calibration: Option<Calibration>) -> RunContext {
    RunContext {
        connections: slice.connections.clone(),
        client: slice.client.clone(),
        calibration,
        ..RunContext::default()
    }
}

/// Sums over slices.
#[derive(Debug, Default)]
struct SliceSum {
    record: Record,
    counted: Duration,
    took_s: f64,
    client: Option<GeneratorUsage>,
    /// CPU time of the server, as long as every slice has it.
    cpu_s: Option<f64>,
    all_sent: u64,
    rows: Vec<SliceRow>,
}

impl SliceSum {
    fn add(&mut self, judged: &JudgedSlice) {
        let MeasuredSlice { record, cpu_s } = &judged.slice;
        self.record.add(&record.record);
        self.counted += record.counted;
        let took_s = record.took.as_secs_f64();
        self.client = Some(match &self.client {
            Some(client) => client.followed_by(self.took_s, &record.client, took_s),
            None => record.client.clone(),
        });
        self.cpu_s = if self.rows.is_empty() {
            *cpu_s
        } else {
            self.cpu_s.zip(*cpu_s).map(|(sum, more)| sum + more)
        };
        self.took_s += took_s;
        self.all_sent += record.all_sent;
        self.rows.push(judged.row);
    }
}

/// All slices of a server's run.
#[derive(Debug, Default)]
pub(super) struct RunTotal {
    all: SliceSum,
    /// Those of cycles in which nothing was touched.
    kept: SliceSum,
    touched: u32,
    first_reason: Option<String>,
    background_cpu_s: f64,
    background_s: f64,
}

impl RunTotal {
    pub(super) fn add(&mut self, judged: &JudgedSlice, is_kept: bool) {
        self.all.add(judged);
        if is_kept {
            self.kept.add(judged);
        }
        if let Some(reason) = &judged.touched_by {
            self.touched += 1;
            self.first_reason.get_or_insert_with(|| reason.clone());
        }
    }

    /// Adds a slice of another server, in which this one used `cpu_s` seconds of CPU time.
    pub(super) fn add_background(&mut self, cpu_s: Option<f64>, took: Duration) {
        if let Some(cpu_s) = cpu_s {
            self.background_cpu_s += cpu_s;
            self.background_s += took.as_secs_f64();
        }
    }

    /// The row of the run; the inner error describes faults of the server. `context` is that of the closed
    /// connections.
    pub(super) fn finish(
        self,
        judge: &SliceJudge,
        context: RunContext,
        pids: &[u32],
        by: SteadyFigure,
        slice: SliceLength,
    ) -> Result<Result<RunRow, String>, PlanError> {
        let measured = self.all.rows.len();
        let left_out = measured - self.kept.rows.len();
        let is_rule = left_out as f64 > RULE * measured as f64;
        let (left_out, sum) = if is_rule {
            (0, self.all)
        } else {
            (left_out, self.kept)
        };
        let server = sum.cpu_s.zip(pids.first()).map(|(cpu_s, pid)| ServerUsage {
            pid: *pid,
            pids: pids.to_vec(),
            cpu_s,
            max_rss_bytes: None,
            messages_per_cpu_s: None,
            context_switches: None,
        });
        let is_implausible = server
            .as_ref()
            .is_none_or(|server| server.is_implausible(sum.all_sent));
        let context = RunContext {
            connections: Connections {
                close_codes: Default::default(),
                ..context.connections
            },
            client: sum.client.unwrap_or_default(),
            server,
            calibration: judge.calibration,
            ..RunContext::default()
        };
        let mut summary = judge.summary(&sum.record, sum.counted, context)?;
        if let Some(faults) = describe_faults(&summary) {
            return Ok(Err(faults));
        }
        wording::explain(&mut summary);
        let (steadiness, cut_s) = steadiness(&sum.rows, by);
        let mut row = RunRow {
            steadiness,
            cut_s,
            ..whole_row(&summary)
        };
        row.messages_per_cpu_s = sum
            .cpu_s
            .filter(|cpu_s| *cpu_s > 0.0 && !is_implausible)
            .map(|cpu_s| sum.all_sent as f64 / cpu_s);
        if left_out as f64 > MOST_LEFT_OUT * measured as f64 {
            row.verdict = row.verdict.max(Verdict::Suspect);
            row.reasons.push(describe_left_out(
                left_out,
                measured,
                self.first_reason.as_deref(),
            ));
        }
        let seen_s = Some(self.background_s).filter(|seconds| *seconds > 0.0);
        row.slices = Some(RunSlices {
            slice_s: slice.slice.as_secs_f64(),
            settle_s: slice.settle.as_secs_f64(),
            measured: as_u32(measured),
            left_out: as_u32(left_out),
            touched: self.touched,
            first_reason: self.first_reason,
            background_cpu_share: seen_s.map(|seconds| self.background_cpu_s / seconds),
            kept: sum.rows,
        });
        Ok(Ok(row))
    }
}

fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn describe_left_out(left_out: usize, measured: usize, reason: Option<&str>) -> String {
    let of_other = "a slice of another server was touched in the same cycle";
    format!(
        "{left_out} of {} were left out (limit {:.0} %), so what is left may not represent the run; repeat on an idle \
         machine. The first because: {}",
        counted(measured as u64, "slice"),
        MOST_LEFT_OUT * 100.0,
        reason.unwrap_or(of_other)
    )
}

/// Returns whether the slices were steady. Nothing is cut off: what precedes them is warm-up.
fn steadiness(rows: &[SliceRow], by: SteadyFigure) -> (Steadiness, Option<f64>) {
    let values = rows.iter().map(|row| match by {
        SteadyFigure::Echoes => Some(row.messages_per_s),
        SteadyFigure::ResponseTime => row.p50_ns,
    });
    let values: Option<Vec<f64>> = values.collect();
    let found = values.and_then(|values| find_steady_state(&values).ok());
    match found.map(|found| found.state) {
        None => (Steadiness::Unknown, None),
        Some(SteadyState::Steady) => (Steadiness::Steady, Some(0.0)),
        Some(SteadyState::Drifting) => (Steadiness::Drifting, Some(0.0)),
        Some(SteadyState::CutTooLate) => (Steadiness::Never, None),
    }
}
