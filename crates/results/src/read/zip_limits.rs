//! Limits on the size of a workbook's inflated ZIP archive, because a small archive can inflate to any size.
//!
//! calamine holds all parts of an `.xlsx` except its sheets in memory, and a whole `.ods`. Their sizes are limited by the
//! archive's own directory, beyond which the zip crate inflates nothing. Sheets are streamed cell by cell, so only the
//! data between two cells can grow. [`LimitedReader`] bounds that by the compressed bytes read for it.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use units::grouped;
use zip::ZipArchive;

use crate::error::{Result, ResultsError};

/// Largest numbers of bytes that are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZipLimits {
    /// Bytes of all parts held in memory, more than those of a million texts of a hundred letters.
    held: u64,
    /// Bytes of the inflated archive, by its own directory. A full sheet of ws-bench has 300 million.
    declared: u64,
}

/// Limits for a workbook of Excel.
pub(super) const XLSX: ZipLimits = ZipLimits {
    held: 128 << 20,
    declared: 16 << 30,
};

/// Limits for a sheet of OpenDocument, which is one part.
pub(super) const ODS: ZipLimits = ZipLimits {
    held: 1 << 30,
    declared: 4 << 30,
};

/// Largest ratio of inflated to compressed size of a large part. Rows of zeros have a ratio of about 15.
const HIGHEST_RATIO: u64 = 200;

/// Smallest inflated size at which the ratio is checked.
const LARGE: u64 = 256 << 20;

/// Shortest text of a workbook that takes memory: `<si/>`.
const SHORTEST_TEXT: u64 = 5;

/// Number of bytes within which a list of texts must begin.
const HEAD_BYTES: u64 = 64 << 10;

/// Refuses an archive that would inflate beyond the limits. The error about an unreadable archive comes from its reader.
pub(super) fn check(path: &Path, file: &File, limits: ZipLimits) -> Result<()> {
    match find_excess(file, limits) {
        Ok(None) | Err(_) => Ok(()),
        Ok(Some(excess)) => Err(ResultsError::zip_bomb(path, excess)),
    }
}

/// The excess in words: the part that is too long, and its size.
fn find_excess(file: &File, limits: ZipLimits) -> io::Result<Option<String>> {
    let mut zip = ZipArchive::new(BufReader::new(file))?;
    let (mut all, mut held) = (0_u64, 0_u64);
    for index in 0..zip.len() {
        let part = zip.by_index_raw(index)?;
        let (size, compressed) = (part.size(), part.compressed_size());
        all = all.saturating_add(size);
        let name = part.name()?.to_lowercase();
        drop(part);
        if is_held(&name) {
            held = held.saturating_add(size);
        }
        let is_inflated = size > LARGE && size / HIGHEST_RATIO > compressed;
        let (shown_size, compressed) = (grouped(size), grouped(compressed));
        if is_inflated || held > limits.held {
            return Ok(Some(format!(
                "its part `{name}` of {compressed} bytes inflates to {shown_size}"
            )));
        }
        // One that cannot be inflated ends its reader, too.
        if name.ends_with("sharedstrings.xml")
            && let Ok(part) = zip.by_index(index)
        {
            let mut head = Vec::new();
            let is_begun = part.take(HEAD_BYTES).read_to_end(&mut head).is_ok();
            if is_begun && texts(&head) > size / SHORTEST_TEXT {
                return Ok(Some(format!(
                    "`{name}` claims more texts than its {shown_size} bytes can hold"
                )));
            }
        }
    }
    if all > limits.declared {
        return Ok(Some(format!("it would inflate to {} bytes", grouped(all))));
    }
    Ok(None)
}

/// Returns `true` for a part that the reader holds as a whole: every XML except sheets. Pictures are not read.
fn is_held(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_sheet = name.contains("worksheets/sheet") && file.starts_with("sheet");
    (name.ends_with(".xml") || name.ends_with(".rels")) && !is_sheet
}

/// The number of texts that the list declares, for which its reader reserves memory. A list that does not begin in its
/// first bytes counts as any number.
fn texts(head: &[u8]) -> u64 {
    let head = String::from_utf8_lossy(head);
    let Some((_, list)) = head.split_once("<sst").or_else(|| head.split_once(":sst")) else {
        return u64::MAX;
    };
    let Some((_, count)) = list.split_once("uniqueCount") else {
        return 0;
    };
    let mut numbers = count.split(|c: char| !c.is_ascii_digit());
    let first = numbers.find(|digits| !digits.is_empty());
    first.map_or(u64::MAX, |digits| digits.parse().unwrap_or(u64::MAX))
}

/// Largest number of compressed bytes between two cells. They inflate to at most 258 MiB, because deflate's highest ratio
/// is 1,032 to 1. The longest text of a cell takes 96 KiB.
const MOST_BETWEEN_CELLS: u64 = 256 << 10;

/// A file that returns no more bytes than its allowance.
pub(super) struct LimitedReader<R> {
    inner: R,
    left: ReadAllowance,
}

/// Number of bytes that a [`LimitedReader`] can still return, shared with the code that renews it.
#[derive(Debug, Clone)]
pub(super) struct ReadAllowance(Rc<Cell<u64>>);

impl ReadAllowance {
    /// Allows the bytes of one more cell.
    pub(super) fn renew(&self) {
        self.0.set(MOST_BETWEEN_CELLS);
    }

    /// Returns `true` when the reader needed more than its allowance.
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

impl<R> LimitedReader<R> {
    /// A file without limit until the allowance is first renewed. The parts read before that have been checked.
    pub(super) fn new(inner: R) -> (Self, ReadAllowance) {
        let left = ReadAllowance(Rc::new(Cell::new(u64::MAX)));
        let limited = Self {
            inner,
            left: left.clone(),
        };
        (limited, left)
    }
}

impl<R: Read> Read for LimitedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.is_spent() {
            return Err(io::Error::other("too many bytes without a cell"));
        }
        let read = self.inner.read(buffer)?;
        let left = &self.left.0;
        left.set(left.get().saturating_sub(read as u64));
        Ok(read)
    }
}

impl<R: Seek> Seek for LimitedReader<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use zip::write::SimpleFileOptions;

    /// An archive of these parts; the sizes told in its directory are then multiplied.
    fn archive(parts: &[(&str, &[u8])], told_size: Option<u32>) -> File {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, content) in parts {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        let mut bytes = zip.finish().unwrap().into_inner();
        if let Some(size) = told_size {
            for (signature, at) in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)] {
                let starts: Vec<_> = (0..bytes.len() - 4)
                    .filter(|i| bytes[*i..].starts_with(signature))
                    .collect();
                for start in starts {
                    bytes[start + at..start + at + 4].copy_from_slice(&size.to_le_bytes());
                }
            }
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    const SMALL: ZipLimits = ZipLimits {
        held: 100_000,
        declared: 1 << 40,
    };

    fn excess(parts: &[(&str, &[u8])], told_size: Option<u32>) -> Option<String> {
        find_excess(&archive(parts, told_size), SMALL).unwrap()
    }

    #[test]
    fn what_would_be_too_much_is_refused() {
        let said = excess(&[("xl/worksheets/sheet1.xml", b"<x/>")], Some(u32::MAX)).unwrap();
        assert!(said.contains("`xl/worksheets/sheet1.xml`"), "{said}");
        assert!(said.ends_with("inflates to 4,294,967,295"), "{said}");
        let long = vec![b' '; 100_001];
        assert!(excess(&[("xl/workbook.xml", &long)], None).is_some());
        // Together, too.
        let half = &long[..60_000];
        assert!(excess(&[("xl/a.xml", half), ("xl/b.xml", half)], None).is_some());
        assert_eq!(
            excess(&[("xl/a.xml", half), ("xl/media/b.png", half)], None),
            None
        );
        // Sheets are not held.
        assert_eq!(excess(&[("xl/worksheets/sheet1.xml", &long)], None), None);
        let all = ZipLimits {
            held: 100,
            declared: 100_000,
        };
        let sheet = archive(&[("xl/worksheets/sheet1.xml", &long)], None);
        assert!(find_excess(&sheet, all).unwrap().is_some());
    }

    /// The limits rely on this.
    #[test]
    fn an_archive_that_lies_is_inflated_no_further_than_it_says() {
        let long = vec![b' '; 1_000_000];
        let parts = [("xl/workbook.xml", long.as_slice())];
        assert_eq!(excess(&parts, Some(10)), None);
        let mut zip = ZipArchive::new(archive(&parts, Some(10))).unwrap();
        let mut inflated = Vec::new();
        let read = zip.by_index(0).unwrap().read_to_end(&mut inflated);
        assert!(
            read.is_err() && inflated.len() < 100_000,
            "{}",
            inflated.len()
        );
    }

    #[test]
    fn room_is_made_for_no_more_texts_than_there_can_be() {
        let list = |count: &str| {
            let xml =
                format!("<?xml?><sst count=\"1\" uniqueCount=\"{count}\"><si><t>ok</t></si></sst>");
            excess(&[("xl/sharedStrings.xml", xml.as_bytes())], None)
        };
        assert_eq!(list("1"), None);
        assert!(list("999999999999").unwrap().contains("claims more texts"));
        assert!(list("99999999999999999999999").is_some());
        assert!(excess(&[("xl/sharedStrings.xml", b"<!-- nothing -->")], None).is_some());
    }

    #[test]
    fn a_limited_file_gives_no_more_than_is_allowed() {
        let (mut limited, allowance) = LimitedReader::new(io::repeat(1));
        let mut buffer = vec![0; 200 << 10];
        limited.read_exact(&mut buffer).unwrap();
        allowance.renew();
        limited.read_exact(&mut buffer).unwrap();
        allowance.renew();
        limited.read_exact(&mut buffer).unwrap();
        assert!(!allowance.is_spent());
        assert!(limited.read_exact(&mut buffer).is_err() || allowance.is_spent());
        assert!(limited.read(&mut buffer).is_err());
    }
}
