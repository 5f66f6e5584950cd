//! Rows of events over time, whose columns are the keys of their JSON form.

use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};
use serde::Serialize;
use serde_json::{Map, Value};

use super::style::write_header;
use super::{column, row};
use crate::schema::{CellFormat, ROWS_PER_SHEET};

/// A filled sheet, for charts.
pub(super) struct EventSheet<'w> {
    pub(super) sheet: &'w mut Worksheet,
    /// Titles of the columns.
    pub(super) titles: Vec<String>,
    /// Last row.
    pub(super) last_row: u32,
}

impl EventSheet<'_> {
    /// The number of a column.
    pub(super) fn column(&self, title: &str) -> Option<u16> {
        let at = self.titles.iter().position(|known| known == title)?;
        Some(column(at))
    }
}

/// Adds a sheet with the rows; returns `None` without any. Rows beyond the last one of a sheet are left out.
pub(super) fn write<'w, R: Serialize>(
    workbook: &'w mut Workbook,
    name: &str,
    rows: &[R],
) -> Result<Option<EventSheet<'w>>, XlsxError> {
    let rows = &rows[..rows.len().min(ROWS_PER_SHEET)];
    // A row always has a JSON form.
    let objects = rows.iter().map(|row| serde_json::to_value(row).ok());
    let objects: Vec<Map<String, Value>> = objects
        .filter_map(|row| row?.as_object().cloned())
        .collect();
    let Some(first) = objects.first() else {
        return Ok(None);
    };
    let keys: Vec<&String> = first.keys().collect();
    let titles: Vec<_> = keys.iter().map(|key| title(key)).collect();
    let sheet = workbook.add_worksheet();
    let headers = titles.iter().zip(&keys);
    let headers = headers.map(|(title, key)| (title.as_str(), format(key)));
    write_header(sheet, name, headers, objects.len())?;
    for (at, object) in objects.iter().enumerate() {
        for (column_at, key) in keys.iter().enumerate() {
            let number = object.get(*key).and_then(Value::as_f64);
            if let Some(number) = number {
                let number = if is_time_ns(key) {
                    number / 1e6
                } else {
                    number
                };
                sheet.write_number(row(at + 1), column(column_at), number)?;
            }
        }
    }
    Ok(Some(EventSheet {
        sheet,
        titles,
        last_row: row(objects.len()),
    }))
}

fn is_time_ns(key: &str) -> bool {
    key.ends_with("_ns")
}

/// The title of the column of a key: times are in milliseconds.
fn title(key: &str) -> String {
    match key.strip_suffix("_ns") {
        Some(name) => format!("{name}_ms"),
        None => key.to_owned(),
    }
}

fn format(key: &str) -> CellFormat {
    match key {
        "second" => CellFormat::Id,
        _ if is_time_ns(key) => CellFormat::Thousandths,
        _ if key.ends_with("_s") => CellFormat::Micros,
        _ => CellFormat::Count,
    }
}
