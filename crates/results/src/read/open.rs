//! Opening of a file by its first bytes, not by its name.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use calamine::{Ods, Xls};

use super::cells::CellSource;
use super::csv::CsvFile;
use super::encoding::{TextFile, is_text};
use super::json_lines::JsonLines;
use super::json_table::JsonTable;
use super::percentile_table::{self, CountedTimes};
use super::tool_log::{OpenedText, ToolLog};
use super::workbook::{RangeFile, XlsxFile};
use super::{comparison, container, json_value, tool_text, zip_limits};
use crate::error::{Refusal, Result, ResultsError};

/// Number of bytes that identify every format.
const HEAD_BYTES: u64 = 64 << 10;

pub(super) enum OpenedFile {
    Cells(Box<dyn CellSource>),
    /// A single JSON object: of a run, or of another tool.
    Json(TextFile),
    Log(TextFile),
    Percentiles(CountedTimes),
}

pub(super) fn open(path: &Path) -> Result<OpenedFile> {
    let failed = |source| ResultsError::read(path, source);
    let refused = |reason| Err(ResultsError::Refused(path.to_owned(), reason));
    let mut file = File::open(path).map_err(failed)?;
    let head = head_of(&mut file).map_err(failed)?;
    if let Some(refusal) = container::refusal(path, &head) {
        return refused(refusal);
    }
    let ending = ending_of(path);
    let cells: Box<dyn CellSource> = match FileKind::of(&head) {
        FileKind::Nothing => return refused(Refusal::Empty),
        FileKind::Ods => {
            zip_limits::check(path, &file, zip_limits::ODS)?;
            Box::new(RangeFile::<Ods<_>>::open(path, file)?)
        }
        // An encrypted .xlsx lies in the same container; its own reader says so.
        FileKind::CompoundFile => match XlsxFile::open(path, file.try_clone().map_err(failed)?) {
            Err(e @ ResultsError::Refused(_, Refusal::Encrypted)) => return Err(e),
            Err(e) if ending == "xlsx" => return Err(e),
            _ => Box::new(RangeFile::<Xls<_>>::open(path, file)?),
        },
        FileKind::OtherZip => {
            if let Some(refusal) = container::zip_refusal(path, &file) {
                return refused(refusal);
            }
            Box::new(XlsxFile::open(path, file)?)
        }
        FileKind::Text => return open_text(path, file, &head, &ending),
        FileKind::Unknown => {
            return refused(Refusal::NotASpreadsheet("its content is something else"));
        }
    };
    Ok(OpenedFile::Cells(cells))
}

/// Opens a decoded text by its content.
fn open_text(path: &Path, file: File, head: &[u8], ending: &str) -> Result<OpenedFile> {
    let failed = |source| ResultsError::read(path, source);
    let refused = |reason| Err(ResultsError::Refused(path.to_owned(), reason));
    let mut text = TextFile::decode(file, head).map_err(failed)?;
    let head = head_of(&mut text.file).map_err(failed)?;
    let head = String::from_utf8_lossy(&head);
    let head = head.trim_start_matches('\u{feff}');
    if head.trim().is_empty() {
        return refused(Refusal::Empty);
    }
    if let Some(refusal) = container::markup_refusal(path, head) {
        return refused(refusal);
    }
    if comparison::is_head(head) {
        return refused(Refusal::Comparison);
    }
    let kind = TextKind::of(head);
    if kind == TextKind::Table
        && let Some(refusal) = tool_text::refusal(head)
    {
        return refused(refusal);
    }
    let is_named_workbook = matches!(ending, "xlsx" | "xlsm" | "xls" | "ods");
    Ok(match kind {
        TextKind::JsonObject => OpenedFile::Json(text),
        TextKind::JsonArray => OpenedFile::Cells(Box::new(JsonTable::of_array(path, text)?)),
        TextKind::JsonLines => OpenedFile::Cells(Box::new(JsonLines::open(path, text)?)),
        TextKind::Log => OpenedFile::Log(text),
        TextKind::Percentiles => OpenedFile::Percentiles(CountedTimes::read(path, text)?),
        TextKind::Table if is_named_workbook => {
            let csv = path.with_extension("csv");
            return refused(Refusal::TextNamedWorkbook(csv));
        }
        TextKind::Table => OpenedFile::Cells(match ToolLog::open(path, text, head)? {
            OpenedText::Log(log) => Box::new(log),
            OpenedText::Other(text) => Box::new(CsvFile::open(path, text, head)),
        }),
    })
}

fn head_of(file: &mut File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

fn ending_of(path: &Path) -> String {
    let ending = path.extension();
    ending.map_or_else(String::new, |ending| {
        ending.to_string_lossy().to_ascii_lowercase()
    })
}

/// Kinds of file, by their first bytes.
#[derive(Debug, PartialEq, Eq)]
enum FileKind {
    Nothing,
    Ods,
    /// Any other ZIP file; .xlsx is one.
    OtherZip,
    /// OLE2, the container of .xls.
    CompoundFile,
    Text,
    Unknown,
}

impl FileKind {
    fn of(head: &[u8]) -> Self {
        // The first entry of an OpenDocument file is stored as it is, its name at byte 30.
        const ODS: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet";
        match head {
            [] => Self::Nothing,
            [b'P', b'K', 3, 4, ..] if head.get(30..).is_some_and(|rest| rest.starts_with(ODS)) => {
                Self::Ods
            }
            [b'P', b'K', 1..=8, ..] => Self::OtherZip,
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Self::CompoundFile,
            _ if is_text(head) => Self::Text,
            _ => Self::Unknown,
        }
    }
}

/// Kinds of text, by their beginning without mark.
#[derive(Debug, PartialEq, Eq)]
enum TextKind {
    JsonObject,
    JsonArray,
    JsonLines,
    Log,
    Percentiles,
    Table,
}

impl TextKind {
    fn of(head: &str) -> Self {
        let text = head.trim_start();
        if let Some(rest) = text.strip_prefix('[') {
            let first = rest.trim_start().chars().next();
            let is_value = |c: char| c.is_ascii_digit() || "-[{\"]ntf".contains(c);
            let is_word = ["NaN", "Infinity"]
                .iter()
                .any(|word| rest.trim_start().starts_with(word));
            if is_word || first.is_none_or(is_value) {
                return Self::JsonArray;
            }
        }
        if text.starts_with('{') {
            return if are_json_lines(text) {
                Self::JsonLines
            } else {
                Self::JsonObject
            };
        }
        if is_log(head.as_bytes()) {
            Self::Log
        } else if percentile_table::is_one(head) {
            Self::Percentiles
        } else {
            Self::Table
        }
    }
}

/// Returns `true` when the first line is a whole object and another one follows.
fn are_json_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(json_value::is_whole)
        && lines.next().is_some_and(|line| line.starts_with('{'))
}

/// Returns `true` for a comment of the log format, or for its legend after other comments.
fn is_log(head: &[u8]) -> bool {
    head.starts_with(b"#[")
        || head
            .split(|byte| *byte == b'\n')
            .find(|line| !line.starts_with(b"#"))
            .is_some_and(|line| line.starts_with(b"\"StartTimestamp\","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_what_a_file_is() {
        let mut ods = b"PK\x03\x04".to_vec();
        ods.resize(30, 0);
        assert_eq!(FileKind::of(&ods), FileKind::OtherZip);
        ods.extend_from_slice(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK");
        assert_eq!(FileKind::of(&ods), FileKind::Ods);
        assert_eq!(
            FileKind::of(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1]),
            FileKind::CompoundFile
        );
        assert_eq!(FileKind::of(b"a,b\n1,2\n"), FileKind::Text);
        assert_eq!(FileKind::of(&[0xFF, 0xFE, b'a', 0]), FileKind::Text);
        assert_eq!(FileKind::of(b"\x01\x02\0\x04"), FileKind::Unknown);
    }

    #[test]
    fn content_decides_what_a_text_is() {
        let legend = "\"StartTimestamp\",\"Interval_Length\"\n";
        for (text, kind) in [
            ("a,b\n1,2\n", TextKind::Table),
            ("\n {\"a\":\n 1}", TextKind::JsonObject),
            ("{\"a\": 1}", TextKind::JsonObject),
            ("{\"a\": 1}\n{\"a\": 2}\n", TextKind::JsonLines),
            (" [1.5, 2]", TextKind::JsonArray),
            ("[\n{\"a\": 1}]", TextKind::JsonArray),
            ("[section]\nkey = 1\n", TextKind::Table),
            (legend, TextKind::Log),
            ("#[Logged with x]\n0.0,", TextKind::Log),
            ("# a table\na,b\n1,2\n", TextKind::Table),
            (
                "  Value   Percentile   TotalCount 1/(1-Percentile)\n",
                TextKind::Percentiles,
            ),
        ] {
            assert_eq!(TextKind::of(text), kind, "{text}");
        }
        let commented = format!("# by hand\n{legend}");
        assert_eq!(TextKind::of(&commented), TextKind::Log);
    }
}
