//! One row a message, on as many sheets as needed.

use measurement::record::Outcome;
use rust_xlsxwriter::{Workbook, XlsxError};

use super::style::{Styles, begin_sheet, mark_unless};
use super::{RunView, count, ms, row, seconds};
use crate::schema::{LatencyColumn as Column, SheetColumn, latencies_sheet};

/// Writes one sheet for every N samples, and at least one.
pub(super) fn write(
    workbook: &mut Workbook,
    run: &RunView<'_>,
    rows_per_sheet: usize,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let sheets = run.samples.len().div_ceil(rows_per_sheet).max(1);
    for index in 0..sheets {
        let from = index * rows_per_sheet;
        let to = run.samples.len().min(from + rows_per_sheet);
        let samples = &run.samples[from..to];
        let sheet = workbook.add_worksheet_with_low_memory()?;
        let name = latencies_sheet(index);
        begin_sheet(sheet, &name, samples.len(), styles, |column| match column {
            Column::Client | Column::Outcome => &styles.plain,
            Column::Message => &styles.count,
            Column::Intended | Column::Sent => &styles.seconds,
            Column::ServiceTime | Column::ResponseTime => &styles.ms,
        })?;
        let ok = Outcome::Ok.name();
        mark_unless(sheet, Column::Outcome, samples.len(), ok, styles)?;
        for (index, s) in samples.iter().enumerate() {
            let row = row(index + 1);
            sheet.write_number(row, Column::Client.at(), s.client)?;
            sheet.write_number(row, Column::Message.at(), count(s.message))?;
            sheet.write_number(row, Column::Intended.at(), seconds(s.intended_ns))?;
            sheet.write_number(row, Column::Sent.at(), seconds(s.sent_ns))?;
            if let (Some(service), Some(response)) = (s.service_time_ns(), s.response_time_ns()) {
                sheet.write_number(row, Column::ServiceTime.at(), ms(service))?;
                sheet.write_number(row, Column::ResponseTime.at(), ms(response))?;
            }
            sheet.write_string(row, Column::Outcome.at(), s.outcome.name())?;
        }
    }
    Ok(())
}
