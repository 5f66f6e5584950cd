//! Sheets of ws-bench that hold one row of numbers for each second, percentile or client.
//!
//! A reader returns `None` if the sheet is missing or lacks a column that every version writes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use measurement::record::{RowSeconds, TimelineRow};
use measurement::run::{ClientRow, FanOutPercentiles, PercentileRow};

use super::cells::{Cell, CellSource, CellValue, for_each_row, nanoseconds};
use super::time_unit::TimeUnit;
use crate::error::{Place, Result};
use crate::schema::{
    CONNECTIONS_SHEET, ConnectionColumn, FAN_OUT_PERCENTILE_COLUMNS, PERCENTILES_SHEET,
    PercentileColumn, READY_COLUMN, RECONNECTS_COLUMN, ROOM_COLUMN, STEP_COLUMN, SheetColumn,
    TIMELINE_SHEET, TimelineColumn,
};

pub(super) fn timeline(source: &mut dyn CellSource) -> Result<Option<Vec<TimelineRow>>> {
    use TimelineColumn as Column;
    let wanted = [Column::Second, Column::Sent, Column::Received];
    rows_of(source, TIMELINE_SHEET, &wanted, &|row| {
        Ok(TimelineRow {
            second: row.count(Column::Second)?,
            sent: row.count(Column::Sent)?,
            received: row.count(Column::Received)?,
            // Missing in a file from before there was such a column.
            failed: row.count(Column::Failed)?,
            // As above.
            seconds: row.length()?,
            service_p50_ns: row.time_ns(Column::ServiceP50)?,
            service_p99_ns: row.time_ns(Column::ServiceP99)?,
            response_p99_ns: row.time_ns(Column::ResponseP99)?,
            max_ns: row.time_ns(Column::Max)?,
            histograms: None,
        })
    })
}

pub(super) fn percentiles(source: &mut dyn CellSource) -> Result<Option<Vec<PercentileRow>>> {
    use PercentileColumn as Column;
    let wanted = [
        Column::Percentile,
        Column::ServiceTime,
        Column::ResponseTime,
    ];
    let rows = rows_of(source, PERCENTILES_SHEET, &wanted, &|row| {
        let has_own = row.cells.contains_key(Column::ServiceTime.title());
        let percentile = PercentileRow {
            percentile: row.percentile()?,
            service_time_ns: row.time_ns(Column::ServiceTime)?.unwrap_or(0),
            response_time_ns: row.time_ns(Column::ResponseTime)?.unwrap_or(0),
        };
        // A row without these times is one of deliveries alone.
        Ok(has_own.then_some(percentile))
    })?;
    Ok(rows.map(|rows| rows.into_iter().flatten().collect()))
}

/// The rows of the percentile table that have times of deliveries.
pub(super) fn fan_out_percentiles(source: &mut dyn CellSource) -> Result<Vec<FanOutPercentiles>> {
    let wanted = [PercentileColumn::Percentile];
    let rows = rows_of(source, PERCENTILES_SHEET, &wanted, &|row| {
        let [delivery_time_ns, first_ns, median_ns, last_ns] =
            FAN_OUT_PERCENTILE_COLUMNS.map(|title| row.named_time_ns(title));
        let percentile = FanOutPercentiles {
            percentile: row.percentile()?,
            delivery_time_ns: delivery_time_ns?,
            first_ns: first_ns?,
            median_ns: median_ns?,
            last_ns: last_ns?,
        };
        Ok(percentile.delivery_time_ns.is_some().then_some(percentile))
    })?;
    Ok(rows.into_iter().flatten().flatten().collect())
}

pub(super) fn connections(source: &mut dyn CellSource) -> Result<Option<Vec<ClientRow>>> {
    use ConnectionColumn as Column;
    rows_of(source, CONNECTIONS_SHEET, Column::ALL, &|row| {
        let small =
            |column| -> Result<u32> { Ok(u32::try_from(row.count(column)?).unwrap_or(u32::MAX)) };
        let close_code = u16::try_from(small(Column::CloseCode)?).ok();
        Ok(ClientRow {
            client: small(Column::Client)?,
            connect_ns: row.time_ns(Column::Connect)?,
            messages: row.count(Column::Messages)?,
            failed: row.count(Column::Failed)?,
            close_code: close_code.filter(|code| *code > 0),
            ready_ns: row.named_time_ns(READY_COLUMN)?,
            setup_step: row.named_count(STEP_COLUMN)?,
            room: row.named_count(ROOM_COLUMN)?,
            reconnects: row.named_count(RECONNECTS_COLUMN)?.unwrap_or(0).into(),
            ..ClientRow::default()
        })
    })
}

struct NumberRow<'r> {
    place: &'r Place,
    /// Cells of numbers by the names of their columns.
    cells: BTreeMap<&'r str, Cell<'static>>,
}

impl NumberRow<'_> {
    /// The count in a column; 0 for an empty cell.
    fn count(&self, column: impl SheetColumn) -> Result<u64> {
        let cell = self.cells.get(column.title());
        cell.map_or(Ok(0), |cell| cell.count(self.place))
    }

    /// The length of a row of the timeline, which is a second where the column is missing.
    fn length(&self) -> Result<RowSeconds> {
        match self.cells.get(TimelineColumn::Seconds.title()) {
            Some(cell) => cell.row_seconds(self.place),
            None => Ok(RowSeconds::ONE),
        }
    }

    /// The count in a column that not every file has; `None` for an empty cell.
    fn named_count(&self, title: &str) -> Result<Option<u32>> {
        let cell = self.cells.get(title);
        let count = cell.map(|cell| cell.count(self.place)).transpose()?;
        Ok(count.and_then(|count| u32::try_from(count).ok()))
    }

    fn percentile(&self) -> Result<f64> {
        let cell = self.cells.get(PercentileColumn::Percentile.title());
        cell.map_or(Ok(0.0), |cell| cell.number(self.place))
    }

    fn time_ns(&self, column: impl SheetColumn) -> Result<Option<u64>> {
        self.named_time_ns(column.title())
    }

    fn named_time_ns(&self, title: &str) -> Result<Option<u64>> {
        let cell = self.cells.get(title);
        let ms = cell.map(|cell| cell.time_ms(self.place, TimeUnit::Milliseconds));
        Ok(ms.transpose()?.map(nanoseconds))
    }
}

/// Reads the rows below the header of a sheet.
fn rows_of<C: SheetColumn, R>(
    source: &mut dyn CellSource,
    name: &str,
    wanted: &[C],
    read: &dyn Fn(&NumberRow<'_>) -> Result<R>,
) -> Result<Option<Vec<R>>> {
    if !source.sheets().iter().any(|sheet| sheet == name) {
        return Ok(None);
    }
    let mut header: BTreeMap<u32, String> = BTreeMap::new();
    source.visit(name, &mut |cell| {
        if cell.row > 0 {
            return Ok(ControlFlow::Break(()));
        }
        // Columns of texts are left out.
        let is_number = |name: &str| {
            let further = [READY_COLUMN, STEP_COLUMN, ROOM_COLUMN, RECONNECTS_COLUMN];
            let further = further.iter().chain(&FAN_OUT_PERCENTILE_COLUMNS);
            C::TITLES.iter().chain(further).any(|title| *title == name)
        };
        if let CellValue::Text(name) = cell.value
            && is_number(name)
        {
            header.insert(cell.column, name.to_owned());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let place = &source.place(name);
    let mut rows = Vec::new();
    let take = |cells: &mut BTreeMap<_, _>, Cell { row, column, value }: Cell<'_>| {
        if let Some(name) = header.get(&column) {
            let value = CellValue::Number(Cell { row, column, value }.number(place)?);
            cells.insert(name.as_str(), Cell { row, column, value });
        }
        Ok(())
    };
    for_each_row(source, name, 1, take, |_, cells| {
        if !cells.is_empty() {
            rows.push(read(&NumberRow { place, cells })?);
        }
        Ok(())
    })?;
    let has = |column: &C| header.values().any(|known| known == column.title());
    Ok(wanted.iter().all(has).then_some(rows))
}
