//! A file as sheets of cells. What it is is told by its first bytes, not by its name.

use std::fs::File;
use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::path::Path;

use super::Part;
use super::text::TextFile;
use super::workbook::{RangeFile, XlsxFile};
use crate::error::ResultsError;

/// What one cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Empty,
    Number(f64),
    Text(&'a str),
    Bool(bool),
    /// Something else, named for a message.
    Other(&'static str),
}

/// Where a cell stands; both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) row: u32,
    pub(super) column: u32,
}

/// Called with each cell; ends the visit when it likes.
pub(super) type Visitor<'v> =
    dyn FnMut(Position, Value<'_>) -> Result<ControlFlow<()>, ResultsError> + 'v;

/// A file of cells.
pub(super) trait Source {
    /// Names of the sheets that hold cells, in their order.
    fn sheets(&self) -> Vec<String>;

    /// Whether the sheet's name means anything to a reader.
    fn has_sheets(&self) -> bool {
        true
    }

    /// Shows each cell of a sheet, row by row.
    fn visit(&mut self, sheet: &str, visitor: &mut Visitor<'_>) -> Result<(), ResultsError>;
}

/// Enough to recognize every format.
const HEAD_BYTES: u64 = 64 << 10;

/// A file of a kind that is known.
pub(super) enum Opened {
    /// Sheets of cells, or one of fields.
    Cells(Box<dyn Source>),
    /// A JSON document.
    Json(File),
    /// An HdrHistogram interval log.
    Log(File),
}

/// Opens a file of cells; any other lacks this part.
pub(super) fn open_cells(path: &Path, part: Part) -> Result<Box<dyn Source>, ResultsError> {
    match open(path)? {
        Opened::Cells(source) => Ok(source),
        Opened::Json(_) | Opened::Log(_) => Err(part.missing_in(path)),
    }
}

/// Opens the file as what its content is.
pub(super) fn open(path: &Path) -> Result<Opened, ResultsError> {
    let failed = |source| ResultsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES)
        .read_to_end(&mut head)
        .map_err(failed)?;
    file.rewind().map_err(failed)?;

    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    let is_named_workbook = matches!(ending.as_str(), "xlsx" | "xlsm" | "xls" | "ods");
    let cells: Box<dyn Source> = match Content::of(&head) {
        Content::Json => return Ok(Opened::Json(file)),
        Content::Log => return Ok(Opened::Log(file)),
        Content::Nothing => {
            return Err(ResultsError::EmptyFile {
                path: path.to_owned(),
            });
        }
        Content::Ods => Box::new(RangeFile::open_ods(path, file)?),
        // An encrypted .xlsx lies in the same container; its own reader says so.
        Content::CompoundFile => match XlsxFile::open(path, file.try_clone().map_err(failed)?) {
            Err(e @ ResultsError::Encrypted { .. }) => return Err(e),
            Err(e) if ending == "xlsx" => return Err(e),
            _ => Box::new(RangeFile::open_xls(path, file)?),
        },
        Content::OtherZip => Box::new(XlsxFile::open(path, file)?),
        Content::Text if !is_named_workbook => Box::new(TextFile::open(path, file, &head)),
        Content::Text => return Err(not_a_spreadsheet(path, "its content is plain text")),
        Content::Utf16 => {
            return Err(not_a_spreadsheet(
                path,
                "text must be UTF-8, this is UTF-16",
            ));
        }
        Content::Unknown => return Err(not_a_spreadsheet(path, "its content is something else")),
    };
    Ok(Opened::Cells(cells))
}

fn not_a_spreadsheet(path: &Path, why: &'static str) -> ResultsError {
    ResultsError::NotASpreadsheet {
        path: path.to_owned(),
        why,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Nothing,
    Ods,
    /// Any other ZIP file; .xlsx is one.
    OtherZip,
    /// OLE2, the container of .xls.
    CompoundFile,
    Json,
    /// An HdrHistogram interval log.
    Log,
    Text,
    Utf16,
    Unknown,
}

impl Content {
    fn of(head: &[u8]) -> Self {
        // The first entry of an OpenDocument file is stored as it is, its name at byte 30.
        const ODS: &[u8] = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet";
        match head {
            [] => Self::Nothing,
            [b'P', b'K', 3, 4, ..] if head.get(30..).is_some_and(|rest| rest.starts_with(ODS)) => {
                Self::Ods
            }
            [b'P', b'K', ..] => Self::OtherZip,
            [0xD0, 0xCF, 0x11, 0xE0, ..] => Self::CompoundFile,
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Self::Utf16,
            _ if head.contains(&0) => Self::Unknown,
            _ if head.iter().all(u8::is_ascii_whitespace) => Self::Nothing,
            _ if without_bom(head).trim_ascii_start().starts_with(b"{") => Self::Json,
            _ if is_log(without_bom(head)) => Self::Log,
            _ => Self::Text,
        }
    }
}

/// What precedes the text of some editors.
fn without_bom(head: &[u8]) -> &[u8] {
    head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head)
}

/// A comment of the log's own, or after other comments the legend.
fn is_log(head: &[u8]) -> bool {
    head.starts_with(b"#[")
        || head
            .split(|byte| *byte == b'\n')
            .find(|line| !line.starts_with(b"#"))
            .is_some_and(|line| line.starts_with(b"\"StartTimestamp\","))
}

/// `A`, `B`, … `Z`, `AA`, …
pub(super) fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        // Below 26: a letter.
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered_as_in_excel() {
        let cases = [
            (0, "A"),
            (4, "E"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ];
        for (column, letters) in cases {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn content_decides_what_a_file_is() {
        let mut ods = b"PK\x03\x04".to_vec();
        ods.resize(30, 0);
        assert_eq!(Content::of(&ods), Content::OtherZip);
        ods.extend_from_slice(b"mimetypeapplication/vnd.oasis.opendocument.spreadsheetPK");
        assert_eq!(Content::of(&ods), Content::Ods);
        assert_eq!(
            Content::of(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1]),
            Content::CompoundFile
        );
        assert_eq!(Content::of(b"a,b\n1,2\n"), Content::Text);
        assert_eq!(Content::of(b"\x89PNG\r\n\x1a\n\0\0"), Content::Unknown);
        assert_eq!(Content::of(&[0xFF, 0xFE, b'a', 0]), Content::Utf16);
        assert_eq!(Content::of(b" \r\n"), Content::Nothing);
        assert_eq!(Content::of(b"\xEF\xBB\xBF\n {\"a\": 1}"), Content::Json);
        let legend = b"\"StartTimestamp\",\"Interval_Length\"\n";
        assert_eq!(Content::of(legend), Content::Log);
        let commented = [b"# by hand\n".as_slice(), legend].concat();
        assert_eq!(Content::of(&commented), Content::Log);
        assert_eq!(Content::of(b"#[Logged with x]\n0.0,"), Content::Log);
        assert_eq!(Content::of(b"# a table\na,b\n1,2\n"), Content::Text);
    }
}
