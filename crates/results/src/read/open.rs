//! Opening of a file by its content: the first bytes decide, not the name.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use calamine::{Ods, Xls};

use super::cells::CellSource;
use super::csv::CsvFile;
use super::workbook::{RangeFile, XlsxFile};
use super::zip_limits;
use crate::error::{Refusal, Result, ResultsError};

/// Bytes that are enough to recognize every format.
const HEAD_BYTES: u64 = 64 << 10;

pub(super) enum OpenedFile {
    Cells(Box<dyn CellSource>),
    Json(File),
    Log(File),
}

pub(super) fn open(path: &Path) -> Result<OpenedFile> {
    let failed = |source| ResultsError::read(path, source);
    let refused = |reason| Err(ResultsError::Refused(path.to_owned(), reason));
    let no_spreadsheet = |content| refused(Refusal::NotASpreadsheet(content));
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
    let cells: Box<dyn CellSource> = match FileKind::of(&head) {
        FileKind::Json => return Ok(OpenedFile::Json(file)),
        FileKind::Log => return Ok(OpenedFile::Log(file)),
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
        FileKind::OtherZip => Box::new(XlsxFile::open(path, file)?),
        FileKind::Text if !is_named_workbook => Box::new(CsvFile::open(path, file, &head)),
        FileKind::Text => return no_spreadsheet("its content is plain text"),
        FileKind::Utf16 => return no_spreadsheet("text must be UTF-8, this is UTF-16"),
        FileKind::Unknown => return no_spreadsheet("its content is something else"),
    };
    Ok(OpenedFile::Cells(cells))
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
    Json,
    Log,
    Text,
    Utf16,
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

/// Removes the byte order mark that some editors write.
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
        assert_eq!(FileKind::of(b"\x89PNG\r\n\x1a\n\0\0"), FileKind::Unknown);
        assert_eq!(FileKind::of(&[0xFF, 0xFE, b'a', 0]), FileKind::Utf16);
        assert_eq!(FileKind::of(b" \r\n"), FileKind::Nothing);
        assert_eq!(FileKind::of(b"\xEF\xBB\xBF\n {\"a\": 1}"), FileKind::Json);
        let legend = b"\"StartTimestamp\",\"Interval_Length\"\n";
        assert_eq!(FileKind::of(legend), FileKind::Log);
        let commented = [b"# by hand\n".as_slice(), legend].concat();
        assert_eq!(FileKind::of(&commented), FileKind::Log);
        assert_eq!(FileKind::of(b"#[Logged with x]\n0.0,"), FileKind::Log);
        assert_eq!(FileKind::of(b"# a table\na,b\n1,2\n"), FileKind::Text);
    }
}
