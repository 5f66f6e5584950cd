//! One row per client.

use measurement::run::{ClientRow, SLOW_ROLE};
use rust_xlsxwriter::Worksheet;

use super::style::{FurtherColumn, mark_unless, write_wide_table};
use super::{RunView, XlsxResult, count, ms};
use crate::schema::{
    CONNECTIONS_SHEET, CellFormat, ConnectionColumn as Column, RECONNECTS_COLUMN, ROWS_PER_SHEET,
    SCENARIO_CONNECTION_COLUMNS,
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
    let scenario = run.summary.scenario.as_ref();
    let roles: Vec<&str> = scenario.map_or_else(Vec::new, |scenario| {
        scenario.roles.keys().map(String::as_str).collect()
    });
    let ready = |c: &ClientRow| c.ready_ns.map(ms).into();
    let role = |c: &ClientRow| {
        let named = || roles.get(usize::from(c.role?)).copied();
        if c.is_slow { Some(SLOW_ROLE) } else { named() }
    };
    let role = |c: &ClientRow| role(c).into();
    let step = |c: &ClientRow| c.setup_step.map(f64::from).into();
    let room = |c: &ClientRow| c.room.map(f64::from).into();
    let [ready_title, role_title, step_title, room_title] = SCENARIO_CONNECTION_COLUMNS;
    let column = |title, format, content| FurtherColumn {
        title,
        format,
        content,
    };
    let reconnects = |c: &ClientRow| count(c.reconnects).into();
    let has_rooms = rows.iter().any(|c| c.room.is_some());
    let has_roles = scenario.is_some() || rows.iter().any(|c| c.is_slow);
    let summary = run.summary;
    let reconnected = summary.reconnect.is_some() || summary.connections.replaced > 0;
    let further: [(bool, FurtherColumn<'_, '_, ClientRow>); 5] = [
        (
            has_roles,
            column(ready_title, CellFormat::Thousandths, &ready),
        ),
        (has_roles, column(role_title, CellFormat::Text, &role)),
        (has_roles, column(step_title, CellFormat::Id, &step)),
        (
            has_roles && has_rooms,
            column(room_title, CellFormat::Id, &room),
        ),
        (
            reconnected,
            column(RECONNECTS_COLUMN, CellFormat::Count, &reconnects),
        ),
    ];
    let further = further.into_iter().filter(|(is_written, _)| *is_written);
    let further: Vec<_> = further.map(|(_, column)| column).collect();
    write_wide_table(sheet, CONNECTIONS_SHEET, rows, content, &further)?;
    mark_unless(sheet, Column::Failed, rows.len(), 0)
}
