//! JSON Lines, one object per line, streamed.

use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::cells::{Cell, CellSource, CellVisitor};
use super::encoding::TextFile;
use super::json_record::{ColumnNames, cell_value, fields, is_declaration};
use super::json_value;
use crate::error::{Result, ResultsError};

/// Longest line that is read.
const LONGEST_LINE: u64 = 16 << 20;

/// A file whose lines are records; their keys are the header.
pub(super) struct JsonLines {
    path: PathBuf,
    text: TextFile,
    names: ColumnNames,
}

impl JsonLines {
    /// Reads all lines once to collect the names of the columns.
    pub(super) fn open(path: &Path, text: TextFile) -> Result<Self> {
        let mut lines = Self {
            path: path.to_owned(),
            text,
            names: ColumnNames::default(),
        };
        let mut names = ColumnNames::default();
        lines.visit_records(&mut |number, record| {
            let found = fields(record);
            for (nth, (name, _)) in found.iter().enumerate() {
                // `{"a.b": 1, "a": {"b": 2}}`
                if found[..nth].iter().any(|(other, _)| other == name) {
                    return Err(ResultsError::repeated_key(path, name, Some(number)));
                }
                names.place_of(name);
            }
            Ok(true)
        })?;
        lines.names = names;
        Ok(lines)
    }

    /// Calls the visitor with each record and the number of its line, from 1, until it returns `false`.
    fn visit_records(&mut self, visitor: &mut dyn FnMut(u32, &Json) -> Result<bool>) -> Result<()> {
        let failed = |source| ResultsError::read(&self.path, source);
        self.text.file.rewind().map_err(failed)?;
        let mut reader = BufReader::new(&self.text.file);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let mut limited = reader.by_ref().take(LONGEST_LINE);
            if limited.read_line(&mut line).map_err(failed)? == 0 {
                break;
            }
            let text = line.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            let (record, repeated) = json_value::parse(text.as_bytes()).map_err(|source| {
                let defect = format!("line {number} is not JSON");
                ResultsError::DamagedRow(self.path.clone(), defect, Some(source.into()))
            })?;
            if let Some(key) = repeated {
                return Err(ResultsError::repeated_key(&self.path, &key, Some(number)));
            }
            if !is_declaration(&record) && !visitor(number, &record)? {
                break;
            }
        }
        Ok(())
    }
}

impl CellSource for JsonLines {
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
        self.text.encoding
    }

    fn visit(&mut self, _: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let mut names = self.names.clone();
        if names.visit(visitor)?.is_break() {
            return Ok(());
        }
        self.visit_records(&mut |row, record| {
            for (name, value) in fields(record) {
                let Some(column) = names.place_of(&name) else {
                    continue;
                };
                let value = cell_value(value);
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}
