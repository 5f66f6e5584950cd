//! A JSON object as a row of cells: nested objects by dotted keys.

use std::ops::ControlFlow;

use serde_json::Value as Json;

use super::cells::{Cell, CellValue, CellVisitor};
use crate::error::Result;

/// Deepest level of objects whose keys are read.
const DEEPEST: usize = 6;

/// Largest number of columns, which is that of Excel.
const MOST_COLUMNS: usize = 16_384;

/// The names of columns, in the order in which they first occurred.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnNames(Vec<String>);

impl ColumnNames {
    /// The index of a name, which is added if it is new; `None` when there are too many.
    pub(super) fn place_of(&mut self, name: &str) -> Option<u32> {
        let known = self.0.iter().position(|known| known == name);
        let place = known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        u32::try_from(place).ok().filter(|_| place < MOST_COLUMNS)
    }

    /// Visits the names as the cells of the first row.
    pub(super) fn visit(&self, visitor: &mut CellVisitor<'_>) -> Result<ControlFlow<()>> {
        for (column, name) in (0..).zip(self.iter()) {
            let value = CellValue::Text(name);
            let cell = Cell {
                row: 0,
                column,
                value,
            };
            if visitor(cell)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The keys and values of a record, without lists.
pub(super) fn fields(record: &Json) -> Vec<(String, &Json)> {
    let mut found = Vec::new();
    if let Some(point) = point_of_k6(record) {
        found.push(point);
    } else {
        collect(record, "", 0, &mut found);
    }
    found
}

/// The value of a measured point as k6 writes it, under the name of its metric.
fn point_of_k6(record: &Json) -> Option<(String, &Json)> {
    let is_point = record.get("type")?.as_str()? == "Point";
    let (metric, value) = (
        record.get("metric")?.as_str()?,
        record.get("data")?.get("value")?,
    );
    is_point.then(|| (metric.to_owned(), value))
}

/// Returns `true` for a line of k6 that declares a metric and holds no value.
pub(super) fn is_declaration(record: &Json) -> bool {
    record.get("type").and_then(Json::as_str) == Some("Metric") && record.get("data").is_some()
}

fn collect<'j>(value: &'j Json, key: &str, depth: usize, found: &mut Vec<(String, &'j Json)>) {
    match value {
        Json::Object(fields) if depth < DEEPEST => {
            for (name, value) in fields {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                collect(value, &key, depth + 1, found);
            }
        }
        Json::Object(_) | Json::Array(_) => {}
        value => found.push((key.to_owned(), value)),
    }
}

/// The cell of a value.
pub(super) fn cell_value(value: &Json) -> CellValue<'_> {
    match value {
        Json::Number(number) => number.as_f64().map_or(CellValue::Empty, CellValue::Number),
        Json::String(text) => CellValue::Field(text),
        Json::Bool(truth) => CellValue::Bool(*truth),
        Json::Null => CellValue::Field("null"),
        Json::Array(_) | Json::Object(_) => CellValue::Empty,
    }
}
