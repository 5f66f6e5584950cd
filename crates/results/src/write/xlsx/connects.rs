//! Openings of connections, one row per second, with a chart.

use measurement::run::ConnectRow;
use rust_xlsxwriter::Workbook;

use super::chart::{LineStyle, SheetAxis, SheetChart, SheetScale, whole_axis};
use super::style::SERIES;
use super::{XlsxResult, count, event_rows, row_name};
use crate::schema::CONNECTS_SHEET;

/// Writes the sheet if there is a row.
pub(super) fn write(workbook: &mut Workbook, rows: &[ConnectRow]) -> XlsxResult {
    let Some(written) = event_rows::write(workbook, CONNECTS_SHEET, rows)? else {
        return Ok(());
    };
    let times = written.titles.iter().filter(|title| title.ends_with("_ms"));
    let lines = times.zip(SERIES).filter_map(|(title, colour)| {
        let at = written.column(title)?;
        Some((title.as_str(), at, colour, LineStyle::Joined(1.75)))
    });
    let last = rows.last().map_or(0.0, |row| count(row.second));
    let name = "seconds since the first connection was due";
    let chart = SheetChart {
        sheet: CONNECTS_SHEET,
        columns: written.titles.len(),
        last_row: written.last_row,
        title: format!(
            "Times of opening a connection in each {}",
            row_name(rows[0].seconds)
        ),
        x: whole_axis(name, rows.len() > 1, last),
        x_column: written.column("second").unwrap_or_default(),
        y: SheetAxis::of_times(SheetScale::Linear { end: None }),
        are_names_in_header: true,
        lines: lines.collect(),
    };
    chart.insert(written.sheet, 1)
}
