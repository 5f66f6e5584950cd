//! CSV, whatever separates its fields.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use super::source::{Position, Source, Value, Visitor};
use crate::error::ResultsError;
use crate::schema;

/// The only sheet of a text file; its name is never shown.
const ONLY_SHEET: &str = "";

/// A text file of fields.
pub(super) struct TextFile {
    path: PathBuf,
    file: File,
    separator: u8,
    /// What ends its lines.
    line_end: u8,
    /// Our own files have as many fields in each row; a shorter row means that the file was cut.
    fields: Option<usize>,
}

impl TextFile {
    pub(super) fn open(path: &Path, file: File, head: &[u8]) -> Self {
        let head = String::from_utf8_lossy(head);
        let head = head.trim_start_matches('\u{feff}');
        // As spreadsheets on a Macintosh wrote, and still can: lines end with CR alone.
        let line_end = match (head.contains('\n'), head.contains('\r')) {
            (false, true) => b'\r',
            _ => b'\n',
        };
        let in_lines = head.replace('\r', "\n");
        let head = if line_end == b'\r' {
            in_lines.as_str()
        } else {
            head
        };
        let is_ours = head.lines().next() == Some(schema::LATENCIES_COLUMNS.join(",").as_str());
        Self {
            path: path.to_owned(),
            file,
            separator: separator_of(head),
            line_end,
            fields: is_ours.then_some(schema::LATENCIES_COLUMNS.len()),
        }
    }
}

impl Source for TextFile {
    fn sheets(&self) -> Vec<String> {
        vec![ONLY_SHEET.to_owned()]
    }

    fn has_sheets(&self) -> bool {
        false
    }

    fn visit(&mut self, _: &str, visitor: &mut Visitor<'_>) -> Result<(), ResultsError> {
        let Self {
            path,
            file,
            separator,
            line_end,
            fields,
        } = self;
        let failed = |source: std::io::Error| ResultsError::Read {
            path: path.clone(),
            source,
        };
        file.rewind().map_err(failed)?;
        let last_end = [*line_end];
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(*separator)
            .has_headers(false)
            // Not CRLF, after which lines are counted one too few; the CR is trimmed with blanks.
            .terminator(csv::Terminator::Any(*line_end))
            .flexible(true)
            // So that the last row ends with its line as well.
            .from_reader(file.chain(&last_end[..]));
        let mut record = csv::ByteRecord::new();
        // Rows are numbered as a spreadsheet shows them: blank lines count, lines within quotes do not.
        let mut lines_within_quotes = 0;
        // The reader counts line feeds alone.
        let mut records: u64 = 0;
        loop {
            let more = rows
                .read_byte_record(&mut record)
                .map_err(|e| failed(e.into()))?;
            if !more {
                return Ok(());
            }
            let within = record.as_slice().iter().filter(|byte| **byte == b'\n');
            lines_within_quotes += within.count() as u64;
            records += 1;
            // The reader stands at the beginning of the next line; both count from 1.
            let row = if *line_end == b'\n' {
                (rows.position().line() - lines_within_quotes).saturating_sub(2)
            } else {
                records - 1
            };
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            if record.as_slice().trim_ascii().is_empty() && record.len() == 1 {
                continue;
            }
            if fields.is_some_and(|wanted| wanted != record.len()) {
                return Err(ResultsError::CutRow {
                    path: path.clone(),
                    row: row + 1,
                    found: record.len(),
                    wanted: schema::LATENCIES_COLUMNS.len(),
                });
            }
            for (column, field) in (0..).zip(&record) {
                let text = String::from_utf8_lossy(field);
                let value = value_of(&text, *separator);
                if visitor(Position { row, column }, value)?.is_break() {
                    return Ok(());
                }
            }
        }
    }
}

fn value_of(field: &str, separator: u8) -> Value<'_> {
    let field = field.trim();
    if field.is_empty() {
        return Value::Empty;
    }
    if let Ok(number) = field.parse() {
        return Value::Number(number);
    }
    // Where a comma separates nothing, it is a decimal comma.
    if separator != b','
        && field.matches(',').count() == 1
        && let Ok(number) = field.replace(',', ".").parse()
    {
        return Value::Number(number);
    }
    Value::Text(field)
}

/// Lines that decide about the separator.
const SNIFFED_LINES: usize = 50;

/// What separates the fields: the character that stands in most lines, outside of quotes.
fn separator_of(head: &str) -> u8 {
    let lines: Vec<String> = head
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(SNIFFED_LINES)
        .map(outside_quotes)
        .collect();
    // A name without a comma above numbers with one: a single column with decimal commas.
    let is_decimal = |line: &String| {
        line.split_once(',').is_some_and(|(whole, part)| {
            [whole, part]
                .iter()
                .all(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    if let [name, values @ ..] = lines.as_slice()
        && !values.is_empty()
        && !name.contains(',')
        && values.iter().all(is_decimal)
    {
        return b';';
    }
    // Before the comma, which may be a decimal one.
    let mut best = (0, b',');
    for separator in [b';', b'\t', b'|', b','] {
        let count = lines
            .iter()
            .filter(|line| line.bytes().any(|b| b == separator))
            .count();
        if count > best.0 {
            best = (count, separator);
        }
    }
    best.1
}

fn outside_quotes(line: &str) -> String {
    line.split('"').step_by(2).collect()
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
        assert_eq!(value_of("1,5", b';'), Value::Number(1.5));
        assert_eq!(value_of("1,5", b','), Value::Text("1,5"));
        assert_eq!(value_of("1,5,7", b';'), Value::Text("1,5,7"));
        assert_eq!(value_of(" 2e-3 ", b','), Value::Number(0.002));
        assert_eq!(value_of("  ", b','), Value::Empty);
    }
}
