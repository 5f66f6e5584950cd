//! CSV, whatever separates its fields.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use super::cells::{Cell, CellSource, CellValue, CellVisitor};
use crate::error::{Result, ResultsError};
use crate::schema::LATENCIES_COLUMNS;

pub(super) struct CsvFile {
    path: PathBuf,
    file: File,
    separator: u8,
    line_end: u8,
    /// Our own files have as many fields in each row; a shorter row means that the file was cut.
    fields: Option<usize>,
}

impl CsvFile {
    pub(super) fn open(path: &Path, file: File, head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let head = head.trim_start_matches('\u{feff}');
        // Spreadsheets on a Macintosh ended lines with CR alone, and still can.
        let line_end = match (head.contains('\n'), head.contains('\r')) {
            (false, true) => b'\r',
            _ => b'\n',
        };
        let head = match line_end {
            b'\r' => head.replace('\r', "\n").into(),
            _ => Cow::from(head),
        };
        let is_ours = head.lines().next() == Some(LATENCIES_COLUMNS.join(",").as_str());
        Self {
            path: path.to_owned(),
            file,
            separator: separator_of(&head),
            line_end,
            fields: is_ours.then_some(LATENCIES_COLUMNS.len()),
        }
    }
}

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

    fn visit(&mut self, _: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let (separator, line_end) = (self.separator, self.line_end);
        let failed = |source: std::io::Error| ResultsError::read(&self.path, source);
        self.file.rewind().map_err(failed)?;
        let last_end = [line_end];
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(separator)
            .has_headers(false)
            // Not CRLF, after which lines are counted one too few; the CR is trimmed with blanks.
            .terminator(csv::Terminator::Any(line_end))
            .flexible(true)
            // The last row ends with its line as well.
            .from_reader((&self.file).chain(&last_end[..]));
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
            for (column, field) in (0..).zip(&record) {
                let text = String::from_utf8_lossy(field);
                let value = value_of(&text, separator);
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Numbers rows as a spreadsheet shows them: blank lines count, lines within quotes do not.
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

fn value_of(field: &str, separator: u8) -> CellValue<'_> {
    let field = field.trim();
    if field.is_empty() {
        return CellValue::Empty;
    }
    if let Ok(number) = field.parse() {
        return CellValue::Number(number);
    }
    // Where a comma separates nothing, it is a decimal comma.
    if separator != b','
        && field.matches(',').count() == 1
        && let Ok(number) = field.replace(',', ".").parse()
    {
        return CellValue::Number(number);
    }
    CellValue::Text(field)
}

/// Lines that decide about the separator.
const SNIFFED_LINES: usize = 50;

/// Finds the separator of fields: the character that stands in most lines, outside of quotes.
fn separator_of(head: &str) -> u8 {
    let lines: Vec<String> = head
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(SNIFFED_LINES)
        .map(|line| line.split('"').step_by(2).collect())
        .collect();
    // A name without a comma above numbers with one: a single column with decimal commas.
    let is_decimal = |line: &String| {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let parts = line.split_once(',');
        parts.is_some_and(|(whole, part)| is_digits(whole) && is_digits(part))
    };
    if let [name, values @ ..] = lines.as_slice()
        && !values.is_empty()
        && !name.contains(',')
        && values.iter().all(is_decimal)
    {
        return b';';
    }
    let lines_with = |separator: &u8| {
        let holds = |line: &&String| line.as_bytes().contains(separator);
        lines.iter().filter(holds).count()
    };
    // Of equals the last, which is not the comma: that may be a decimal one.
    let best = *b",|\t;"
        .iter()
        .max_by_key(|separator| lines_with(separator))
        .unwrap_or(&b',');
    if lines_with(&best) > 0 { best } else { b',' }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_what_most_lines_hold() {
        assert_eq!(separator_of("a,b\n1,2\n"), b',');
        assert_eq!(separator_of("a;b\n1,5;2,5\n"), b';');
        assert_eq!(separator_of("a\tb\n1\t2\n"), b'\t');
        assert_eq!(separator_of("\"a;b\",c\n1,2\n"), b',');
        assert_eq!(separator_of("latency\n1,5\n12,25\n"), b';');
        assert_eq!(separator_of("latency\n1.5\n"), b',');
    }

    #[test]
    fn a_comma_is_decimal_only_where_it_separates_nothing() {
        assert_eq!(value_of("1,5", b';'), CellValue::Number(1.5));
        assert_eq!(value_of("1,5", b','), CellValue::Text("1,5"));
        assert_eq!(value_of("1,5,7", b';'), CellValue::Text("1,5,7"));
        assert_eq!(value_of(" 2e-3 ", b','), CellValue::Number(0.002));
        assert_eq!(value_of("  ", b','), CellValue::Empty);
    }
}
