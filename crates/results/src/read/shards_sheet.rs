//! Reading of the `shards` sheet.

use measurement::run::{ShardRow, ShardState};

use super::cells::{Cell, CellSource, CellValue, nanoseconds};
use super::sheet_rows;
use super::time_unit::TimeUnit;
use crate::error::{Place, Result};
use crate::schema::{SHARDS_SHEET, ShardColumn as Column};

/// The rows of the shards; empty without such a sheet.
pub(super) fn read(source: &mut dyn CellSource) -> Result<Vec<ShardRow>> {
    let mut rows = Vec::new();
    sheet_rows::visit(source, SHARDS_SHEET, fill, |row| rows.push(row))?;
    Ok(rows)
}

fn fill(row: &mut ShardRow, column: Column, cell: Cell<'_>, place: &Place) -> Result<()> {
    let count = || cell.count(place).map(Some);
    let time_ns = || cell.time_ms(place, TimeUnit::Milliseconds).map(nanoseconds);
    match column {
        Column::Shard => row.shard = u32::try_from(cell.count(place)?).unwrap_or(u32::MAX),
        Column::State => row.state = state(cell, place)?,
        Column::Host => {
            if let CellValue::Text(host) = cell.value {
                row.host = Some(host.to_owned());
            }
        }
        Column::Opened => row.opened = count()?,
        Column::Sent => row.sent = count()?,
        Column::Received => row.received = count()?,
        Column::Failed => row.failed = count()?,
        Column::StartSkew => row.start_skew_ns = Some(time_ns()?),
        Column::LongestStop => row.longest_stop_ns = Some(time_ns()?),
        // The summary has it.
        Column::Through => {}
        Column::Differences => {
            if let CellValue::Text(text) = cell.value {
                row.differences = text.lines().map(str::to_owned).collect();
            }
        }
    }
    Ok(())
}

fn state(cell: Cell<'_>, place: &Place) -> Result<ShardState> {
    let found = match cell.value {
        CellValue::Text(text) => text.to_owned(),
        CellValue::Number(number) => number.to_string(),
        _ => "another type of cell".to_owned(),
    };
    let mut all = ShardState::ALL.into_iter();
    all.find(|state| state.name() == found)
        .ok_or_else(|| cell.wrong(place, found, "state of a shard"))
}
