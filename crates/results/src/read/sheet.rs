//! Sheets of ours that hold one row of numbers for each second or percentile.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::PercentileRow;

use super::collect::{cell_name, number, time_ms};
use super::source::{Position, Source, Value};
use super::title::Unit;
use crate::error::ResultsError;
use crate::schema;

/// The `timeline` sheet; `None` when there is none.
pub(super) fn timeline(
    path: &Path,
    source: &mut dyn Source,
) -> Result<Option<Vec<TimelineRow>>, ResultsError> {
    let mut rows = Vec::new();
    let found = visit(
        path,
        source,
        schema::TIMELINE_SHEET,
        &["second", "sent", "received"],
        &mut |row| {
            rows.push(TimelineRow {
                second: row.count("second")?,
                sent: row.count("sent")?,
                received: row.count("received")?,
                // Missing in a file from before there was such a column.
                failed: row.count("failed")?,
                service_p50_ns: row.time_ns("service_p50_ms")?,
                service_p99_ns: row.time_ns("service_p99_ms")?,
                response_p99_ns: row.time_ns("response_p99_ms")?,
                max_ns: row.time_ns("max_ms")?,
                histograms: None,
            });
            Ok(())
        },
    )?;
    Ok(found.then_some(rows))
}

/// The `percentiles` sheet; `None` when there is none.
pub(super) fn percentiles(
    path: &Path,
    source: &mut dyn Source,
) -> Result<Option<Vec<PercentileRow>>, ResultsError> {
    let mut rows = Vec::new();
    let found = visit(
        path,
        source,
        schema::PERCENTILES_SHEET,
        &schema::PERCENTILES_COLUMNS[..3],
        &mut |row| {
            rows.push(PercentileRow {
                percentile: row.number("percentile")?.unwrap_or_default(),
                service_time_ns: row.time_ns(schema::SERVICE_TIME_COLUMN)?.unwrap_or(0),
                response_time_ns: row.time_ns(schema::RESPONSE_TIME_COLUMN)?.unwrap_or(0),
            });
            Ok(())
        },
    )?;
    Ok(found.then_some(rows))
}

/// One row of such a sheet.
struct Row<'r> {
    path: &'r Path,
    sheet: &'r str,
    at: u32,
    /// Its cells by the names of their columns.
    cells: BTreeMap<&'r str, (u32, f64)>,
}

impl Row<'_> {
    fn cell(&self, column: u32) -> String {
        let at = Position {
            row: self.at,
            column,
        };
        cell_name(Some(self.sheet), at)
    }

    fn number(&self, name: &str) -> Result<Option<f64>, ResultsError> {
        let Some((column, number)) = self.cells.get(name) else {
            return Ok(None);
        };
        if number.is_finite() {
            return Ok(Some(*number));
        }
        Err(ResultsError::NotANumber {
            path: self.path.to_owned(),
            cell: self.cell(*column),
            found: number.to_string(),
        })
    }

    /// 0 where there is nothing.
    fn count(&self, name: &str) -> Result<u64, ResultsError> {
        /// Up to here a spreadsheet's number is exact.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        let Some((column, number)) = self.cells.get(name) else {
            return Ok(0);
        };
        if number.fract() == 0.0 && (0.0..=LARGEST).contains(number) {
            // In range and whole, so nothing is cut off.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Ok(*number as u64);
        }
        Err(ResultsError::NotACount {
            path: self.path.to_owned(),
            cell: self.cell(*column),
            found: number.to_string(),
        })
    }

    fn time_ns(&self, name: &str) -> Result<Option<u64>, ResultsError> {
        let Some((column, number)) = self.cells.get(name) else {
            return Ok(None);
        };
        time_ms(Value::Number(*number), Unit::Milliseconds)
            .map(|ms| Some(nanoseconds(ms)))
            .map_err(|found| ResultsError::NotATime {
                path: self.path.to_owned(),
                cell: self.cell(*column),
                found,
            })
    }
}

/// The nanoseconds that were written as milliseconds, 584 years at most.
pub(super) fn nanoseconds(ms: f64) -> u64 {
    // Rounded, and it saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    {
        (ms * 1e6).round() as u64
    }
}

/// Shows the rows below a header that has these columns; `false` when there is no such sheet.
fn visit(
    path: &Path,
    source: &mut dyn Source,
    sheet: &str,
    wanted: &[&str],
    show: &mut dyn FnMut(&Row<'_>) -> Result<(), ResultsError>,
) -> Result<bool, ResultsError> {
    if !source.sheets().iter().any(|name| name == sheet) {
        return Ok(false);
    }
    let mut header: BTreeMap<u32, String> = BTreeMap::new();
    let mut cells: Vec<(u32, f64)> = Vec::new();
    let mut at_row = 0;
    let mut finish = |at: u32, header: &BTreeMap<u32, String>, cells: &mut Vec<(u32, f64)>| {
        let named = cells.drain(..).filter_map(|(column, number)| {
            let name = header.get(&column)?;
            Some((name.as_str(), (column, number)))
        });
        let cells: BTreeMap<_, _> = named.collect();
        if cells.is_empty() {
            return Ok(());
        }
        show(&Row {
            path,
            sheet,
            at,
            cells,
        })
    };
    source.visit(sheet, &mut |at, value| {
        if at.row == 0 {
            if let Value::Text(name) = value {
                header.insert(at.column, name.to_owned());
            }
            return Ok(ControlFlow::Continue(()));
        }
        if at.row != at_row {
            finish(at_row, &header, &mut cells)?;
            at_row = at.row;
        }
        if value != Value::Empty && header.contains_key(&at.column) {
            let number = number(value).map_err(|found| ResultsError::NotANumber {
                path: path.to_owned(),
                cell: cell_name(Some(sheet), at),
                found,
            })?;
            cells.push((at.column, number));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    finish(at_row, &header, &mut cells)?;
    Ok(wanted
        .iter()
        .all(|name| header.values().any(|known| known == name)))
}
