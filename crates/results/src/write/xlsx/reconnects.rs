//! Lost connections and attempts to open them again, one row per interval, with charts.

use measurement::run::{ReconnectRow, ReconnectSummary};
use rust_xlsxwriter::Workbook;

use super::XlsxResult;
use super::chart::{self, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale};
use super::event_rows::{self, EventSheet};
use super::style::{BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION};
use crate::schema::RECONNECTS_SHEET;

/// A cause of failure: title of its column, colour, and count of an interval.
type FailureColumn = (&'static str, u32, fn(&ReconnectRow) -> u64);

const FAILURES: [FailureColumn; 5] = [
    ("refused", VERMILION, |row| row.refused),
    ("timed_out", PURPLE, |row| row.timed_out),
    ("handshake_failed", ORANGE, |row| row.handshake_failed),
    ("setup_failed", SKY, |row| row.setup_failed),
    ("own_failed", 0x000000, |row| row.own_failed),
];

/// Writes the sheet if there is a row.
pub(super) fn write(workbook: &mut Workbook, reconnect: &ReconnectSummary) -> XlsxResult {
    let rows = &reconnect.timeline;
    let Some(written) = event_rows::write(workbook, RECONNECTS_SHEET, rows)? else {
        return Ok(());
    };
    let away = [("away", BLUE, LineStyle::Joined(1.75))];
    let away = chart_of(&written, "Clients away", "clients", &away);
    // Intervals without an event have no row, so a line between two points would show events that were not.
    let mut events = vec![
        ("attempts", BLUE, LineStyle::Dots),
        ("back", GREEN, LineStyle::Dots),
    ];
    let failures = FAILURES.iter();
    let failures = failures.filter(|(_, _, count)| rows.iter().any(|row| count(row) > 0));
    events.extend(failures.map(|(title, colour, _)| (*title, *colour, LineStyle::Dots)));
    let title = "Attempts, their failures, and clients back in each interval";
    let events = chart_of(&written, title, "events", &events);
    away.insert(written.sheet, 1)?;
    events.insert(written.sheet, 1 + chart::ROWS)
}

fn chart_of(
    written: &EventSheet<'_>,
    title: &str,
    unit: &'static str,
    lines: &[(&'static str, u32, LineStyle)],
) -> SheetChart<'static> {
    let line = |(title, colour, style): &(&'static str, u32, LineStyle)| -> Option<SheetLine<'_>> {
        Some((*title, written.column(title)?, *colour, *style))
    };
    let axis = |name, format, scale| SheetAxis {
        name,
        format,
        scale,
    };
    SheetChart {
        sheet: RECONNECTS_SHEET,
        columns: written.titles.len(),
        last_row: written.last_row,
        title: title.to_owned(),
        x: axis("seconds since T0", "General", SheetScale::Automatic),
        x_column: written.column("from_s").unwrap_or_default(),
        y: axis(unit, "#,##0", SheetScale::Linear { end: None }),
        are_names_in_header: true,
        lines: lines.iter().filter_map(line).collect(),
    }
}
