//! A JSON document of another program as a table: a list of numbers or of records, or an object that holds such
//! lists.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::cells::{Cell, CellSource, CellVisitor};
use super::encoding::TextFile;
use super::json_record::{ColumnNames, cell_value, fields};
use super::percentile_table::CountedTimes;
use super::{fortio, json, json_value, tool_json};
use crate::error::{Place, Refusal, Result, ResultsError};

/// Deepest level of objects that is searched for lists.
const DEEPEST: usize = 6;

/// The lists of a document side by side, each with its own columns.
pub(super) struct JsonTable {
    path: PathBuf,
    encoding: Option<&'static str>,
    names: ColumnNames,
    has_names: bool,
    /// The cells of each row, by column.
    rows: Vec<Vec<(u32, Json)>>,
}

/// A JSON object of another program.
pub(super) enum ForeignObject {
    Table(JsonTable),
    /// Buckets of times, without single times.
    Distribution(CountedTimes),
}

impl ForeignObject {
    pub(super) fn of_object(path: &Path, text: TextFile) -> Result<Self> {
        let encoding = text.encoding;
        let document = parse(path, text)?;
        let refused = |refusal| ResultsError::Refused(path.to_owned(), refusal);
        if let Some(buckets) = fortio::buckets(&document) {
            let table = CountedTimes::of_buckets(path, encoding, buckets);
            return Ok(Self::Distribution(table));
        }
        if let Some(refusal) = tool_json::refusal(&document) {
            return Err(refused(refusal));
        }
        let mut table = JsonTable::empty(path, encoding);
        table.add_lists("", &document, 0)?;
        if table.rows.is_empty() {
            return Err(refused(Refusal::NoList));
        }
        Ok(Self::Table(table))
    }
}

impl JsonTable {
    /// Reads a document that is a list.
    pub(super) fn of_array(path: &Path, text: TextFile) -> Result<Self> {
        let encoding = text.encoding;
        let document = parse(path, text)?;
        let mut table = Self::empty(path, encoding);
        table.add_list("", &document)?;
        Ok(table)
    }

    fn empty(path: &Path, encoding: Option<&'static str>) -> Self {
        Self {
            path: path.to_owned(),
            encoding,
            names: ColumnNames::default(),
            has_names: true,
            rows: Vec::new(),
        }
    }

    fn add_lists(&mut self, key: &str, value: &Json, depth: usize) -> Result<()> {
        match value {
            Json::Array(items) if items.iter().all(holds_list) => {
                for (nth, item) in (1..).zip(items) {
                    // hyperfine names what it ran beside the times of it.
                    let name = item.get("command").and_then(Json::as_str);
                    let name = name.map_or_else(|| nth.to_string(), ToOwned::to_owned);
                    self.add_lists(&joined(key, &name), item, depth + 1)?;
                }
            }
            Json::Array(_) => self.add_list(key, value)?,
            Json::Object(fields) if depth < DEEPEST => {
                // hyperfine writes seconds.
                let is_hyperfine = fields.contains_key("command");
                for (name, value) in fields {
                    let name = match name.as_str() {
                        "times" if is_hyperfine => "times (s)",
                        name => name,
                    };
                    self.add_lists(&joined(key, name), value, depth + 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds the items of a list as rows, with the keys of records as columns.
    fn add_list(&mut self, key: &str, list: &Json) -> Result<()> {
        let items = list.as_array().map_or(&[][..], Vec::as_slice);
        for (row, item) in items.iter().enumerate() {
            let cells: Vec<(Option<u32>, Json)> = match item {
                Json::Object(_) => fields(item)
                    .into_iter()
                    .map(|(name, value)| (self.names.place_of(&joined(key, &name)), value.clone()))
                    .collect(),
                Json::Array(values) if key.is_empty() => {
                    self.has_names = false;
                    let places = (0..).map(Some);
                    places.zip(values.iter().cloned()).collect()
                }
                value if key.is_empty() => {
                    self.has_names = false;
                    vec![(Some(0), value.clone())]
                }
                value => vec![(self.names.place_of(key), value.clone())],
            };
            if self.rows.len() <= row {
                self.rows.push(Vec::new());
            }
            let known = cells
                .into_iter()
                .filter_map(|(place, value)| Some((place?, value)));
            for (place, value) in known {
                // `{"a.b": 1, "a": {"b": 2}}`
                if self.rows[row].iter().any(|(other, _)| *other == place) {
                    let name = self.names.iter().nth(place as usize).unwrap_or(key);
                    return Err(ResultsError::repeated_key(&self.path, name, None));
                }
                self.rows[row].push((place, value));
            }
        }
        Ok(())
    }
}

fn joined(key: &str, name: &str) -> String {
    if key.is_empty() {
        name.to_owned()
    } else {
        format!("{key}.{name}")
    }
}

/// Returns `true` for an object with a list of numbers in it.
fn holds_list(item: &Json) -> bool {
    let is_list = |value: &Json| {
        value
            .as_array()
            .is_some_and(|list| list.iter().any(Json::is_number))
    };
    item.as_object()
        .is_some_and(|fields| fields.values().any(is_list))
}

fn parse(path: &Path, mut text: TextFile) -> Result<Json> {
    let bytes = json::bytes_of(path, &mut text)?;
    let (document, repeated) = json_value::parse(&bytes)
        .map_err(|source| ResultsError::damaged(Place::file(path), std::io::Error::from(source)))?;
    match repeated {
        Some(key) => Err(ResultsError::repeated_key(path, &key, None)),
        None => Ok(document),
    }
}

impl CellSource for JsonTable {
    fn path(&self) -> &Path {
        &self.path
    }

    fn sheets(&self) -> Vec<String> {
        vec![String::new()]
    }

    fn has_sheets(&self) -> bool {
        false
    }

    fn encoding(&self) -> Option<&'static str> {
        self.encoding
    }

    fn visit(&mut self, _: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        if self.has_names && self.names.visit(visitor)?.is_break() {
            return Ok(());
        }
        for (row, cells) in (u32::from(self.has_names)..).zip(&self.rows) {
            for (column, value) in cells {
                let (column, value) = (*column, cell_value(value));
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
