//! Logs of load generators, whose rows are values of several metrics. Each metric becomes a column.

use std::io::{BufRead, BufReader, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::cells::{Cell, CellSource, CellValue, CellVisitor};
use super::csv::CsvFile;
use super::encoding::TextFile;
use super::json_record::ColumnNames;
use crate::error::{Result, ResultsError};

/// First columns of `k6 run --out csv=FILE`.
const K6_HEAD: [&str; 3] = ["metric_name", "timestamp", "metric_value"];

/// Longest line that is read.
const LONGEST_LINE: u64 = 16 << 20;

/// Word for the time of a request that failed.
const FAILED: CellValue<'static> = CellValue::Field("failed");

pub(super) struct ToolLog {
    rows: LogRows,
    names: ColumnNames,
}

enum LogRows {
    /// The name and the value of a metric in each row.
    K6(CsvFile),
    /// The begin and end of a request in each line of this kind, in milliseconds.
    Gatling { path: PathBuf, text: TextFile },
}

/// Visitor of the row, the column's name and the value.
type PointVisitor<'v> = dyn FnMut(u32, &str, CellValue<'_>) -> Result<ControlFlow<()>> + 'v;

impl ToolLog {
    /// Returns the log; `None` if no known tool wrote the text.
    pub(super) fn open(path: &Path, text: TextFile, head: &str) -> Result<OpenedText> {
        let first = head.lines().next().unwrap_or_default();
        let rows = if first.starts_with("RUN\t") || first.starts_with("ASSERTION\t") {
            let path = path.to_owned();
            LogRows::Gatling { path, text }
        } else if first.split(',').take(K6_HEAD.len()).eq(K6_HEAD) {
            LogRows::K6(CsvFile::open(path, text, head))
        } else {
            return Ok(OpenedText::Other(text));
        };
        let mut names = ColumnNames::default();
        let mut log = Self {
            rows,
            names: ColumnNames::default(),
        };
        log.rows.visit(&mut |_, name, _| {
            names.place_of(name);
            Ok(ControlFlow::Continue(()))
        })?;
        log.names = names;
        Ok(OpenedText::Log(log))
    }
}

/// A log of a tool, or any other text.
pub(super) enum OpenedText {
    Log(ToolLog),
    Other(TextFile),
}

impl LogRows {
    fn visit(&mut self, show: &mut PointVisitor<'_>) -> Result<()> {
        match self {
            Self::K6(table) => visit_k6(table, show),
            Self::Gatling { path, text } => visit_gatling(path, text, show),
        }
    }
}

fn visit_k6(table: &mut CsvFile, show: &mut PointVisitor<'_>) -> Result<()> {
    let mut metric = String::new();
    table.visit("", &mut |cell| {
        if cell.row > 0 && cell.column == 0 {
            metric.clear();
            if let CellValue::Field(name) | CellValue::Text(name) = cell.value {
                metric.push_str(name);
            }
        } else if cell.row > 0 && cell.column == 2 {
            return show(cell.row, &metric, cell.value);
        }
        Ok(ControlFlow::Continue(()))
    })
}

fn visit_gatling(path: &Path, text: &mut TextFile, show: &mut PointVisitor<'_>) -> Result<()> {
    let failed = |source| ResultsError::read(path, source);
    text.file.rewind().map_err(failed)?;
    let mut lines = BufReader::new(&text.file);
    let mut line = Vec::new();
    for row in 0.. {
        line.clear();
        let mut limited = lines.by_ref().take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        let line = String::from_utf8_lossy(&line);
        if let Some((name, time)) = request(&line)
            && show(row, &format!("{name} (ms)"), time)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Name and time of a request: name, begin, end and status follow each other in every version.
fn request(line: &str) -> Option<(&str, CellValue<'static>)> {
    let fields: Vec<&str> = line.trim_end_matches(['\r', '\n']).split('\t').collect();
    if fields.first() != Some(&"REQUEST") {
        return None;
    }
    fields.windows(4).find_map(|window| {
        let [name, begin, end, status] = window else {
            return None;
        };
        let (begin, end) = (begin.parse::<i64>().ok()?, end.parse::<i64>().ok()?);
        match (*status, end.checked_sub(begin)) {
            // A request of hours fits exactly.
            ("OK", Some(ms)) if ms >= 0 => Some((*name, CellValue::Number(ms as f64))),
            ("OK" | "KO", _) => Some((*name, FAILED)),
            _ => None,
        }
    })
}

impl CellSource for ToolLog {
    fn path(&self) -> &Path {
        match &self.rows {
            LogRows::K6(table) => table.path(),
            LogRows::Gatling { path, .. } => path,
        }
    }

    fn sheets(&self) -> Vec<String> {
        vec![String::new()]
    }

    fn has_sheets(&self) -> bool {
        false
    }

    fn encoding(&self) -> Option<&'static str> {
        match &self.rows {
            LogRows::K6(table) => table.encoding(),
            LogRows::Gatling { text, .. } => text.encoding,
        }
    }

    fn has_decimal_points(&self) -> bool {
        true
    }

    fn visit(&mut self, _: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let mut names = self.names.clone();
        if self.names.visit(visitor)?.is_break() {
            return Ok(());
        }
        self.rows.visit(&mut |row, name, value| {
            let Some(column) = names.place_of(name) else {
                return Ok(ControlFlow::Continue(()));
            };
            visitor(Cell { row, column, value })
        })
    }
}
