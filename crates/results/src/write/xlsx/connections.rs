//! One row per client.

use measurement::run::ClientRow;
use rust_xlsxwriter::Worksheet;

use super::style::{FurtherColumn, mark_unless, write_wide_table};
use super::{RunView, XlsxResult, count, ms};
use crate::schema::{
    CONNECTIONS_SHEET, CellFormat, ConnectionColumn as Column, READY_COLUMN, ROWS_PER_SHEET,
};

pub(super) fn write(sheet: &mut Worksheet, run: &RunView<'_>) -> XlsxResult {
    // Clients beyond the last row of a sheet are left out.
    let rows = &run.clients[..run.clients.len().min(ROWS_PER_SHEET)];
    let content = |c: &ClientRow, column| match column {
        Column::Client => f64::from(c.client).into(),
        Column::Connect => c.connect_ns.map(ms).into(),
        Column::Messages => count(c.messages).into(),
        Column::Failed => count(c.failed).into(),
        Column::CloseCode => c.close_code.map(f64::from).into(),
    };
    let ready = |c: &ClientRow| c.ready_ns.map(ms).into();
    let further = FurtherColumn {
        title: READY_COLUMN,
        format: CellFormat::Thousandths,
        content: &ready,
    };
    let further = run.summary.scenario.as_ref().map(|_| &further);
    write_wide_table(sheet, CONNECTIONS_SHEET, rows, content, further)?;
    mark_unless(sheet, Column::Failed, rows.len(), 0)
}
