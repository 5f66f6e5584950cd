//! Reading of the steps of a capacity search or the points of a sweep.

use measurement::run::{LoadStep, StepOrigin, TimeInterval};

use super::cells::{Cell, CellSource, CellValue, content, nanoseconds};
use super::sheet_rows;
use super::time_unit::TimeUnit;
use crate::error::{Place, Result};
use crate::schema::{LOAD_CURVE_SHEET, LoadCurveColumn as Column, further_sheet};

/// The rows of all sheets of the load curve; `None` without such a sheet.
pub(super) fn read(source: &mut dyn CellSource) -> Result<Option<Vec<LoadStep>>> {
    let sheets = source.sheets();
    let names = (0..).map(|index| further_sheet(LOAD_CURVE_SHEET, index));
    let mut all = None;
    for name in names.take_while(|name| sheets.contains(name)) {
        let steps = all.get_or_insert_with(Vec::new);
        sheet_rows::visit(source, &name, fill, |step| steps.push(step))?;
    }
    Ok(all)
}

fn fill(step: &mut LoadStep, column: Column, cell: Cell<'_>, place: &Place) -> Result<()> {
    let number = || cell.number(place);
    let time_ns = || cell.time_ms(place, TimeUnit::Milliseconds).map(nanoseconds);
    match column {
        Column::Offered => step.offered_per_s = number()?,
        Column::Achieved => step.achieved_per_s = number()?,
        Column::From => step.from = origin(cell, place)?,
        Column::Held => step.held = Some(truth(cell, place)?),
        Column::Seconds => step.seconds = number()?,
        Column::P50 => step.response_p50_ns = Some(time_ns()?),
        Column::P99 => step.response_p99_ns = Some(time_ns()?),
        Column::P999 => step.response_p99_9_ns = Some(time_ns()?),
        Column::Failed => step.failed = cell.count(place)?,
        Column::Unsent => step.unsent = cell.count(place)?,
        Column::ServerCpu => step.server_cpu_share = Some(number()?),
        Column::Due => step.due = cell.count(place)?,
        Column::Start => step.start_s = number()?,
        Column::Settle => step.settle_s = number()?,
        Column::Lead => step.lead_per_s = Some(number()?),
        Column::P50Low => low(&mut step.response_p50_interval, time_ns()?),
        Column::P50High => high(&mut step.response_p50_interval, time_ns()?),
        Column::P99Low => low(&mut step.response_p99_interval, time_ns()?),
        Column::P99High => high(&mut step.response_p99_interval, time_ns()?),
        Column::P999Low => low(&mut step.response_p99_9_interval, time_ns()?),
        Column::P999High => high(&mut step.response_p99_9_interval, time_ns()?),
        Column::ClientCpu => step.client_cpu_share = Some(number()?),
        Column::GeneratorLimited => step.generator_limited = truth(cell, place)?,
        Column::Answered => step.answered_per_s = number()?,
        Column::Closed => step.closed = cell.count(place)?,
        Column::LongestSilence => step.longest_silence_s = Some(number()?),
        Column::GeneratorTimes => step.generator_times = truth(cell, place)?,
    }
    Ok(())
}

fn low(interval: &mut Option<TimeInterval>, low_ns: u64) {
    interval.get_or_insert_default().low_ns = low_ns;
}

fn high(interval: &mut Option<TimeInterval>, high_ns: u64) {
    interval.get_or_insert_default().high_ns = high_ns;
}

fn truth(cell: Cell<'_>, place: &Place) -> Result<bool> {
    match cell.value {
        CellValue::Bool(truth) => Ok(truth),
        other => Err(cell.wrong(place, content(other), "truth value")),
    }
}

fn origin(cell: Cell<'_>, place: &Place) -> Result<StepOrigin> {
    let mut all = [StepOrigin::Below, StepOrigin::Above].into_iter();
    all.find(|origin| cell.value == CellValue::Text(origin.name()))
        .ok_or_else(|| cell.wrong(place, content(cell.value), "origin of a step"))
}
