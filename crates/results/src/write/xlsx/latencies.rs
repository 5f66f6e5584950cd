//! One row a message, on as many sheets as it takes.

use measurement::record::Outcome;
use rust_xlsxwriter::{Workbook, XlsxError};

use super::style::{Fine, Head, Styles, mark_unless};
use super::{Run, column, count, ms, row, seconds};
use crate::schema::{LATENCIES_COLUMNS, latencies_sheet};

/// One sheet for every so many samples, and at least one.
pub(super) fn write(
    workbook: &mut Workbook,
    run: &Run<'_>,
    rows_per_sheet: usize,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let sheets = run.samples.len().div_ceil(rows_per_sheet).max(1);
    for index in 0..sheets {
        let from = index * rows_per_sheet;
        let to = run.samples.len().min(from + rows_per_sheet);
        let samples = &run.samples[from..to];
        let sheet = workbook.add_worksheet_with_low_memory()?;
        let Styles {
            count: counted,
            seconds: second,
            ms: milli,
            plain,
            ..
        } = styles;
        Head {
            name: &latencies_sheet(index),
            columns: LATENCIES_COLUMNS,
            formats: [plain, counted, second, second, milli, milli, plain],
        }
        .write(sheet, samples.len(), styles)?;
        let outcome = column(LATENCIES_COLUMNS.len() - 1);
        let fine = Fine::Text(Outcome::Ok.name());
        mark_unless(sheet, outcome, samples.len(), fine, styles)?;
        for (index, s) in samples.iter().enumerate() {
            let row = row(index + 1);
            sheet.write_number(row, 0, s.client)?;
            sheet.write_number(row, 1, count(s.message))?;
            sheet.write_number(row, 2, seconds(s.intended_ns))?;
            sheet.write_number(row, 3, seconds(s.sent_ns))?;
            if let (Some(service), Some(response)) = (s.service_time_ns(), s.response_time_ns()) {
                sheet.write_number(row, 4, ms(service))?;
                sheet.write_number(row, 5, ms(response))?;
            }
            sheet.write_string(row, outcome, s.outcome.name())?;
        }
    }
    Ok(())
}
