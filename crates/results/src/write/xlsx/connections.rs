//! One row a client.

use rust_xlsxwriter::{Worksheet, XlsxError};

use super::style::{Styles, begin_sheet, mark_unless};
use super::{RunView, count, ms, row};
use crate::schema::{CONNECTIONS_SHEET, ConnectionColumn as Column, ROWS_PER_SHEET, SheetColumn};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &RunView<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    // Clients beyond the last row of a sheet are left out.
    let rows = &run.clients[..run.clients.len().min(ROWS_PER_SHEET)];
    let format = |column| match column {
        Column::Client | Column::CloseCode => &styles.id,
        Column::Connect => &styles.ms,
        Column::Messages | Column::Failed => &styles.count,
    };
    begin_sheet(sheet, CONNECTIONS_SHEET, rows.len(), styles, format)?;
    mark_unless(sheet, Column::Failed, rows.len(), 0, styles)?;
    for (index, c) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, Column::Client.at(), c.client)?;
        if let Some(ns) = c.connect_ns {
            sheet.write_number(row, Column::Connect.at(), ms(ns))?;
        }
        sheet.write_number(row, Column::Messages.at(), count(c.messages))?;
        sheet.write_number(row, Column::Failed.at(), count(c.failed))?;
        if let Some(code) = c.close_code {
            sheet.write_number(row, Column::CloseCode.at(), code)?;
        }
    }
    Ok(())
}
