//! One row per round and server, in the order of measurement.

use measurement::run::CapacitySummary;
use measurement::run::comparison::{Comparison, RoundRow, RunRow};
use measurement::verdict::Verdict;
use rust_xlsxwriter::Worksheet;

use super::super::style::{CellContent, mark_unless, write_table};
use super::super::{XlsxResult, count};
use super::fit_names;
use crate::schema::{ROUNDS_SHEET, RoundColumn as Column};

pub(super) fn write(sheet: &mut Worksheet, c: &Comparison) -> XlsxResult {
    let rows = c.rounds.len();
    write_table(sheet, ROUNDS_SHEET, &c.rounds, content)?;
    fit_names(sheet, Column::Server, c)?;
    let verdict = Verdict::Valid.name();
    mark_unless(sheet, Column::ThroughputVerdict, rows, verdict)?;
    mark_unless(sheet, Column::ThroughputFailed, rows, 0)?;
    mark_unless(sheet, Column::LatencyVerdict, rows, verdict)?;
    mark_unless(sheet, Column::LatencyFailed, rows, 0)?;
    mark_unless(sheet, Column::SearchVerdict, rows, verdict)
}

fn content(r: &RoundRow, column: Column) -> CellContent<'_> {
    let ms = |ns: Option<f64>| ns.map(|ns| ns / 1e6);
    let throughput = |value: fn(&RunRow) -> Option<f64>| r.throughput.as_ref().and_then(value);
    let latency = |value: fn(&RunRow) -> Option<f64>| r.latency.as_ref().and_then(value);
    let verdict = |run: &RunRow| run.verdict.name();
    let search = r.capacity_under_slo.as_ref();
    let found = |value: fn(&CapacitySummary) -> Option<f64>| value(&search?.found);
    match column {
        Column::Round => f64::from(r.round).into(),
        Column::Turn => f64::from(r.turn).into(),
        Column::Server => r.server.as_str().into(),
        Column::Ready => r.ready_s.into(),
        Column::ThroughputVerdict => r.throughput.as_ref().map(verdict).into(),
        Column::ThroughputCut => throughput(|run| run.cut_s).into(),
        Column::ThroughputRate => throughput(|run| Some(run.messages_per_s)).into(),
        Column::ServiceP50 => ms(throughput(|run| run.p50_ns)).into(),
        Column::ServiceP99 => ms(throughput(|run| run.p99_ns)).into(),
        Column::ServiceP999 => ms(throughput(|run| run.p99_9_ns)).into(),
        Column::ThroughputFailed => throughput(|run| Some(count(run.failed_messages))).into(),
        Column::LatencyVerdict => r.latency.as_ref().map(verdict).into(),
        Column::LatencyCut => latency(|run| run.cut_s).into(),
        Column::LatencyRate => latency(|run| Some(run.messages_per_s)).into(),
        Column::ResponseP50 => ms(latency(|run| run.p50_ns)).into(),
        Column::ResponseP99 => ms(latency(|run| run.p99_ns)).into(),
        Column::ResponseP999 => ms(latency(|run| run.p99_9_ns)).into(),
        Column::LatencyFailed => latency(|run| Some(count(run.failed_messages))).into(),
        Column::MessagesPerCpu => throughput(|run| run.messages_per_cpu_s).into(),
        Column::MemoryPerConnection => r.memory_per_connection_bytes.into(),
        Column::Failure => r.failure.as_deref().into(),
        Column::ThroughputSlices => throughput(kept).into(),
        Column::ThroughputLeftOut => throughput(left_out).into(),
        Column::ThroughputSettle => throughput(settle_ms).into(),
        Column::LatencySlices => latency(kept).into(),
        Column::LatencyLeftOut => latency(left_out).into(),
        Column::LatencySettle => latency(settle_ms).into(),
        Column::SearchVerdict => search.map(|search| search.verdict.name()).into(),
        Column::SearchRate => found(|own| own.rate_per_s).into(),
        Column::SearchLow => found(|own| Some(own.low_per_s)).into(),
        // Without an upper limit, the cell is empty.
        Column::SearchHigh => {
            found(|own| Some(own.high_per_s).filter(|high| high.is_finite())).into()
        }
        Column::SearchFromAbove => found(|own| own.from_above_per_s).into(),
        Column::SearchHysteresis => search.map(|search| search.found.hysteresis).into(),
        Column::SearchAtLeast => search.map(|search| search.found.at_least).into(),
        Column::SearchEnded => search.map(|search| search.found.ended_by.name()).into(),
        Column::Background => throughput(|run| run.slices.as_ref()?.background_cpu_share).into(),
        Column::ThroughputDisturbed => throughput(disturbed).into(),
        Column::ThroughputPaused => throughput(paused).into(),
        Column::LatencyDisturbed => latency(disturbed).into(),
        Column::LatencyPaused => latency(paused).into(),
        Column::Held => was_held(r).into(),
    }
}

fn kept(run: &RunRow) -> Option<f64> {
    Some(run.slices.as_ref()?.kept.len() as f64)
}

fn left_out(run: &RunRow) -> Option<f64> {
    Some(f64::from(run.slices.as_ref()?.left_out))
}

fn disturbed(run: &RunRow) -> Option<f64> {
    Some(run.slices.as_ref()?.disturbed.into())
}

fn paused(run: &RunRow) -> Option<f64> {
    Some(run.slices.as_ref()?.paused.into())
}

/// True if the server was stopped in the slices of the others in one of its runs; `None` without slices.
fn was_held(r: &RoundRow) -> Option<bool> {
    let runs = [&r.throughput, &r.latency].into_iter().flatten();
    let slices = runs.filter_map(|run| run.slices.as_ref());
    slices
        .map(|slices| slices.held)
        .reduce(|one, other| one || other)
}

fn settle_ms(run: &RunRow) -> Option<f64> {
    Some(run.slices.as_ref()?.settle_s * 1e3)
}
