//! One row per message, on as many sheets as needed.

use measurement::record::{Outcome, Sample};
use rust_xlsxwriter::Workbook;

use super::style::{FurtherColumn, mark_unless, write_wide_table};
use super::{RunView, XlsxResult, count, ms, seconds};
use crate::schema::{
    CellFormat, LatencyColumn as Column, SCENARIO_LATENCY_COLUMNS, latencies_sheet,
};

/// Writes one sheet for every N samples, and at least one.
pub(super) fn write(
    workbook: &mut Workbook,
    run: &RunView<'_>,
    rows_per_sheet: usize,
) -> XlsxResult {
    let kinds = run.kinds();
    let sheets = run.samples.len().div_ceil(rows_per_sheet).max(1);
    for index in 0..sheets {
        let from = index * rows_per_sheet;
        let to = run.samples.len().min(from + rows_per_sheet);
        let samples = &run.samples[from..to];
        let sheet = workbook.add_worksheet_with_low_memory()?;
        let content = |s: &Sample, column| match column {
            Column::Client => f64::from(s.client).into(),
            Column::Message => count(s.message).into(),
            Column::Intended => seconds(s.intended_ns).into(),
            Column::Sent => seconds(s.sent_ns).into(),
            Column::ServiceTime => s.service_time_ns().map(ms).into(),
            Column::ResponseTime => s.response_time_ns().map(ms).into(),
            Column::Outcome => s.outcome.name().into(),
            Column::GeneratorStopped => f64::from(u8::from(s.over_stop)).into(),
        };
        let kind = |s: &Sample| kinds.get(usize::from(s.kind)).map(String::as_str).into();
        let first_part = |s: &Sample| s.first_part_ns.map(|ns| ms(ns.get())).into();
        let [kind_title, first_part_title] = SCENARIO_LATENCY_COLUMNS;
        let further = [
            FurtherColumn {
                title: kind_title,
                format: CellFormat::Plain,
                content: &kind,
            },
            FurtherColumn {
                title: first_part_title,
                format: CellFormat::Thousandths,
                content: &first_part,
            },
        ];
        let further = if kinds.is_empty() { &[][..] } else { &further };
        write_wide_table(sheet, &latencies_sheet(index), samples, content, further)?;
        mark_unless(sheet, Column::Outcome, samples.len(), Outcome::Ok.name())?;
    }
    Ok(())
}
