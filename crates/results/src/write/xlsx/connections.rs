//! One row a client.

use rust_xlsxwriter::{Worksheet, XlsxError};

use super::style::{Fine, Head, Styles, mark_unless};
use super::{Run, count, ms, row};
use crate::schema::{CONNECTIONS_COLUMNS, CONNECTIONS_SHEET, ROWS_PER_SHEET};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &Run<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    // More clients than rows cannot be told one by one.
    let rows = &run.clients[..run.clients.len().min(ROWS_PER_SHEET)];
    Head {
        name: CONNECTIONS_SHEET,
        columns: CONNECTIONS_COLUMNS,
        formats: [
            &styles.id,
            &styles.ms,
            &styles.count,
            &styles.count,
            &styles.id,
        ],
    }
    .write(sheet, rows.len(), styles)?;
    mark_unless(sheet, 3, rows.len(), Fine::Zero, styles)?;
    for (index, c) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, 0, c.client)?;
        if let Some(ns) = c.connect_ns {
            sheet.write_number(row, 1, ms(ns))?;
        }
        sheet.write_number(row, 2, count(c.messages))?;
        sheet.write_number(row, 3, count(c.failed))?;
        if let Some(code) = c.close_code {
            sheet.write_number(row, 4, code)?;
        }
    }
    Ok(())
}
