//! One row per message of a feed at a client, on as many sheets as needed.

use measurement::record::PushSample;
use rust_xlsxwriter::Workbook;

use super::style::write_table;
use super::{RunView, XlsxResult, chunks, count, ms, seconds};
use crate::schema::{PUSHES_SHEET, PushColumn as Column, further_sheet};

/// Writes one sheet for every N messages, and at least one.
pub(super) fn write(
    workbook: &mut Workbook,
    run: &RunView<'_>,
    rows_per_sheet: usize,
) -> XlsxResult {
    let content = |p: &PushSample, column| match column {
        Column::Client => f64::from(p.client).into(),
        Column::Seq => count(p.seq).into(),
        Column::Received => seconds(p.received_ns).into(),
        Column::Gap => p.gap_ns.map(ms).into(),
        Column::Late => p.late_ns.map(ms).into(),
        Column::Delay => p.delay_ns.map(|ns| ns as f64 / 1e6).into(),
    };
    for (index, pushes) in chunks(run.pushes, rows_per_sheet) {
        let sheet = workbook.add_worksheet_with_low_memory()?;
        write_table(sheet, &further_sheet(PUSHES_SHEET, index), pushes, content)?;
    }
    Ok(())
}
