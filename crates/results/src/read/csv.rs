//! CSV with any separator of fields.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use super::cells::{Cell, CellSource, CellValue, CellVisitor};
use super::encoding::TextFile;
use super::text_layout::{self, TextLayout};
use crate::error::{Result, ResultsError};
use crate::schema::{
    FAN_OUT_LATENCY_COLUMNS, LATENCIES_COLUMNS, LatencyColumn, SCENARIO_LATENCY_COLUMNS,
};

pub(super) struct CsvFile {
    path: PathBuf,
    text: TextFile,
    layout: TextLayout,
    line_end: u8,
    /// Number of fields of each row in a file of ws-bench. A shorter row means that the file was truncated.
    fields: Option<usize>,
}

impl CsvFile {
    pub(super) fn open(path: &Path, text: TextFile, head: &str) -> Self {
        // Spreadsheets on a Macintosh ended lines with CR alone, and still can.
        let line_end = match (head.contains('\n'), head.contains('\r')) {
            (false, true) => b'\r',
            _ => b'\n',
        };
        let head = match line_end {
            b'\r' => head.replace('\r', "\n").into(),
            _ => Cow::from(head),
        };
        Self {
            path: path.to_owned(),
            text,
            layout: TextLayout::of(&head),
            line_end,
            fields: head.lines().next().and_then(our_fields),
        }
    }

    /// Calls the visitor with the fields of each row, separated by a comma or another character.
    fn visit_separated(&mut self, separator: u8, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let line_end = self.line_end;
        let failed = |source: std::io::Error| ResultsError::read(&self.path, source);
        let last_end = [line_end];
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            // Not CRLF, after which lines are counted one too few; the CR is trimmed with blanks.
            .terminator(csv::Terminator::Any(line_end))
            .flexible(true)
            // The last row ends with its line as well.
            .from_reader((&self.text.file).chain(&last_end[..]));
        let mut record = csv::ByteRecord::new();
        let mut counter = RowCounter::default();
        while rows
            .read_byte_record(&mut record)
            .map_err(|e| failed(e.into()))?
        {
            let row = counter.row_of(&record, line_end, rows.position().line());
            if record.as_slice().trim_ascii().is_empty() && record.len() == 1 {
                continue;
            }
            let found = record.len();
            if let Some(wanted) = self.fields.filter(|wanted| *wanted != found) {
                let defect = format!("row {} has {found} fields instead of {wanted}", row + 1);
                return Err(ResultsError::DamagedRow(self.path.clone(), defect, None));
            }
            let is_rule = |field: &[u8]| field.is_empty() || text_layout::is_rule(field);
            if record.iter().any(text_layout::is_rule) && record.iter().all(is_rule) {
                continue;
            }
            for (column, field) in (0..).zip(&record) {
                let text = String::from_utf8_lossy(field);
                let value = value_of(&text, self.fields.is_some());
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Calls the visitor with the fields of each row, separated by blanks. Comments with another number of fields are left
    /// out.
    fn visit_blanks(&mut self, fields: usize, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let failed = |source| ResultsError::read(&self.path, source);
        let mut lines = BufReader::new(&self.text.file);
        let mut line = Vec::new();
        for row in 0.. {
            line.clear();
            let mut limited = lines.by_ref().take(LONGEST_LINE);
            if limited
                .read_until(self.line_end, &mut line)
                .map_err(failed)?
                == 0
            {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let Some(found) = text_layout::fields_of(&text, fields) else {
                continue;
            };
            for (column, field) in (0..).zip(found) {
                let value = value_of(field, false);
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The number of fields of each row below a header of ws-bench, of this version or an older one. Runs with a scenario
/// have further ones.
fn our_fields(header: &str) -> Option<usize> {
    let all: Vec<_> = LATENCIES_COLUMNS
        .into_iter()
        .chain(SCENARIO_LATENCY_COLUMNS)
        .chain(FAN_OUT_LATENCY_COLUMNS)
        .collect();
    let versions = LatencyColumn::IN_EVERY_VERSION..=all.len();
    versions
        .rev()
        .find(|fields| header == all[..*fields].join(","))
}

/// Longest line that is read if blanks separate fields.
const LONGEST_LINE: u64 = 16 << 20;

impl CellSource for CsvFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn sheets(&self) -> Vec<String> {
        // A name that is never shown.
        vec![String::new()]
    }

    fn has_sheets(&self) -> bool {
        false
    }

    fn encoding(&self) -> Option<&'static str> {
        self.text.encoding
    }

    fn has_decimal_points(&self) -> bool {
        !matches!(self.layout, TextLayout::Separated(b';' | b'\t'))
    }

    fn has_separators(&self) -> bool {
        matches!(self.layout, TextLayout::Separated(_))
    }

    fn visit(&mut self, _: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let failed = |source: std::io::Error| ResultsError::read(&self.path, source);
        self.text.file.rewind().map_err(failed)?;
        match self.layout {
            TextLayout::Separated(separator) => self.visit_separated(separator, visitor),
            TextLayout::Blanks(fields) => self.visit_blanks(fields, visitor),
        }
    }
}

/// Numbering of rows as in a spreadsheet: blank lines count, line breaks within quotes do not.
#[derive(Default)]
struct RowCounter {
    lines_within_quotes: u64,
    records: u64,
}

impl RowCounter {
    /// The row of a record, from 0; the reader stands at the beginning of the next line, from 1.
    fn row_of(&mut self, record: &csv::ByteRecord, line_end: u8, next_line: u64) -> u32 {
        let within = record.as_slice().iter().filter(|byte| **byte == b'\n');
        self.lines_within_quotes += within.count() as u64;
        self.records += 1;
        // The reader counts line feeds alone.
        let row = if line_end == b'\n' {
            (next_line - self.lines_within_quotes).saturating_sub(2)
        } else {
            self.records - 1
        };
        u32::try_from(row).unwrap_or(u32::MAX)
    }
}

/// The value of a field. Numbers of ws-bench have one form; in other files their column decides.
fn value_of(field: &str, is_ours: bool) -> CellValue<'_> {
    let field = field.trim();
    if field.is_empty() {
        return CellValue::Empty;
    }
    if !is_ours {
        return CellValue::Field(field);
    }
    match field.parse() {
        Ok(number) => CellValue::Number(number),
        Err(_) => CellValue::Text(field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_ours_are_numbers_at_once() {
        assert_eq!(value_of(" 2e-3 ", true), CellValue::Number(0.002));
        assert_eq!(value_of("ok", true), CellValue::Text("ok"));
        assert_eq!(value_of("1.049", false), CellValue::Field("1.049"));
        assert_eq!(value_of("  ", false), CellValue::Empty);
    }
}
