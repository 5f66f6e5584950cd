//! Sheets of ours that hold one row of numbers for each second, percentile or client.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::TimelineRow;
use measurement::run::{ClientRow, PercentileRow};

use super::cells::{CellPosition, CellSource, CellValue, CheckedSheet, nanoseconds};
use super::time_unit::TimeUnit;
use crate::error::ResultsError;
use crate::schema::{
    CONNECTIONS_SHEET, ConnectionColumn, PERCENTILES_SHEET, PercentileColumn, SheetColumn,
    TIMELINE_SHEET, TimelineColumn,
};

/// Reads the `timeline` sheet; `None` when there is none.
pub(super) fn timeline(
    path: &Path,
    source: &mut dyn CellSource,
) -> Result<Option<Vec<TimelineRow>>, ResultsError> {
    use TimelineColumn as Column;
    let wanted = [Column::Second, Column::Sent, Column::Received];
    rows_of(path, source, TIMELINE_SHEET, &wanted, &|row| {
        Ok(TimelineRow {
            second: row.count(Column::Second)?,
            sent: row.count(Column::Sent)?,
            received: row.count(Column::Received)?,
            // Missing in a file from before there was such a column.
            failed: row.count(Column::Failed)?,
            service_p50_ns: row.time_ns(Column::ServiceP50)?,
            service_p99_ns: row.time_ns(Column::ServiceP99)?,
            response_p99_ns: row.time_ns(Column::ResponseP99)?,
            max_ns: row.time_ns(Column::Max)?,
            histograms: None,
        })
    })
}

/// Reads the `percentiles` sheet; `None` when there is none.
pub(super) fn percentiles(
    path: &Path,
    source: &mut dyn CellSource,
) -> Result<Option<Vec<PercentileRow>>, ResultsError> {
    use PercentileColumn as Column;
    let wanted = [
        Column::Percentile,
        Column::ServiceTime,
        Column::ResponseTime,
    ];
    rows_of(path, source, PERCENTILES_SHEET, &wanted, &|row| {
        let percentile = row.cells.get(Column::Percentile.title());
        Ok(PercentileRow {
            percentile: percentile.map_or(0.0, |(_, number)| *number),
            service_time_ns: row.time_ns(Column::ServiceTime)?.unwrap_or(0),
            response_time_ns: row.time_ns(Column::ResponseTime)?.unwrap_or(0),
        })
    })
}

/// Reads the `connections` sheet; `None` when there is none.
pub(super) fn connections(
    path: &Path,
    source: &mut dyn CellSource,
) -> Result<Option<Vec<ClientRow>>, ResultsError> {
    use ConnectionColumn as Column;
    rows_of(path, source, CONNECTIONS_SHEET, Column::ALL, &|row| {
        let small = |column| -> Result<u32, ResultsError> {
            Ok(u32::try_from(row.count(column)?).unwrap_or(u32::MAX))
        };
        let close_code = u16::try_from(small(Column::CloseCode)?).ok();
        Ok(ClientRow {
            client: small(Column::Client)?,
            connect_ns: row.time_ns(Column::Connect)?,
            messages: row.count(Column::Messages)?,
            failed: row.count(Column::Failed)?,
            close_code: close_code.filter(|code| *code > 0),
        })
    })
}

/// One row of such a sheet.
struct NumberRow<'r> {
    sheet: CheckedSheet<'r>,
    /// Its cells by the names of their columns.
    cells: BTreeMap<&'r str, (CellPosition, f64)>,
}

impl NumberRow<'_> {
    /// The count in a column; 0 where there is nothing.
    fn count(&self, column: impl SheetColumn) -> Result<u64, ResultsError> {
        match self.cells.get(column.title()) {
            Some((at, number)) => self.sheet.count(*at, CellValue::Number(*number)),
            None => Ok(0),
        }
    }

    fn time_ns(&self, column: impl SheetColumn) -> Result<Option<u64>, ResultsError> {
        let Some((at, number)) = self.cells.get(column.title()) else {
            return Ok(None);
        };
        let ms = CellValue::Number(*number);
        let ms = self.sheet.time_ms(*at, ms, TimeUnit::Milliseconds)?;
        Ok(Some(nanoseconds(ms)))
    }
}

/// Reads the rows below the header of a sheet; `None` when there is no such sheet, or it has not these columns.
fn rows_of<C: SheetColumn, R>(
    path: &Path,
    source: &mut dyn CellSource,
    name: &str,
    wanted: &[C],
    read: &dyn Fn(&NumberRow<'_>) -> Result<R, ResultsError>,
) -> Result<Option<Vec<R>>, ResultsError> {
    if !source.sheets().iter().any(|sheet| sheet == name) {
        return Ok(None);
    }
    let sheet = CheckedSheet {
        path,
        sheet: Some(name),
    };
    let mut header: BTreeMap<u32, String> = BTreeMap::new();
    let mut cells: Vec<(CellPosition, f64)> = Vec::new();
    let mut rows = Vec::new();
    let mut finish = |header: &BTreeMap<u32, String>, cells: &mut Vec<(CellPosition, f64)>| {
        let named = cells.drain(..).filter_map(|(at, number)| {
            let name = header.get(&at.column)?;
            Some((name.as_str(), (at, number)))
        });
        let cells: BTreeMap<_, _> = named.collect();
        if !cells.is_empty() {
            rows.push(read(&NumberRow { sheet, cells })?);
        }
        Ok(())
    };
    source.visit(name, &mut |at, value| {
        if at.row == 0 {
            if let CellValue::Text(name) = value {
                header.insert(at.column, name.to_owned());
            }
            return Ok(ControlFlow::Continue(()));
        }
        if cells.last().is_some_and(|(last, _)| last.row != at.row) {
            finish(&header, &mut cells)?;
        }
        if value != CellValue::Empty && header.contains_key(&at.column) {
            cells.push((at, sheet.number(at, value)?));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    finish(&header, &mut cells)?;
    let has = |column: &C| header.values().any(|known| known == column.title());
    Ok(wanted.iter().all(has).then_some(rows))
}
