//! Sheets of events over time, whose columns are the keys of the JSON form of a row.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::cells::{Cell, CellSource, CellValue, for_each_row, nanoseconds};
use super::summary_sheet::json_number;
use super::time_unit::TimeUnit;
use crate::error::{Place, Result, ResultsError};

/// The rows of a sheet; empty without such a sheet. Columns of other versions are left out.
pub(super) fn read<R: DeserializeOwned>(
    source: &mut dyn CellSource,
    sheet: &str,
) -> Result<Vec<R>> {
    if !source.sheets().iter().any(|name| name == sheet) {
        return Ok(Vec::new());
    }
    let titles = titles(source, sheet)?;
    let place = source.place(sheet);
    let take = |row: &mut Map<String, Value>, cell: Cell<'_>| {
        if let Some(title) = titles.get(&cell.column) {
            let (key, value) = entry(title, cell, &place)?;
            row.insert(key, value);
        }
        Ok(())
    };
    let mut rows = Vec::new();
    for_each_row(source, sheet, 1, take, |_, row| {
        let not_a_row = |source| ResultsError::NotASummary(place.path.clone(), source);
        rows.push(serde_json::from_value(Value::Object(row)).map_err(not_a_row)?);
        Ok(())
    })?;
    Ok(rows)
}

/// The titles of the columns by their number.
fn titles(source: &mut dyn CellSource, sheet: &str) -> Result<BTreeMap<u32, String>> {
    let mut titles = BTreeMap::new();
    source.visit(sheet, &mut |cell| {
        if cell.row > 0 {
            return Ok(ControlFlow::Break(()));
        }
        if let CellValue::Text(title) = cell.value {
            titles.insert(cell.column, title.to_owned());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(titles)
}

/// Key and value of a cell: milliseconds become nanoseconds.
fn entry(title: &str, cell: Cell<'_>, place: &Place) -> Result<(String, Value)> {
    match title.strip_suffix("_ms") {
        Some(name) => {
            let time_ms = cell.time_ms(place, TimeUnit::Milliseconds)?;
            Ok((format!("{name}_ns"), nanoseconds(time_ms).into()))
        }
        None => Ok((title.to_owned(), json_number(cell.number(place)?))),
    }
}
