//! A comparison of servers, saved as JSON.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use measurement::run::comparison::{Comparison, KIND, SCHEMA};

use super::cells::CellSource;
use super::encoding::{TextFile, is_text};
use super::json::DocumentHead;
use crate::error::{Refusal, Result, ResultsError};
use crate::schema::{COMPARISON_SHEET, ROUNDS_SHEET};

/// Number of bytes at the beginning of a file that are searched for its kind, which is the second key.
const HEAD_BYTES: usize = 256;

/// Returns `true` for a file whose kind is that of a comparison.
///
/// # Errors
/// [`ResultsError::Read`] when it cannot be read.
pub fn is_comparison(path: &Path) -> Result<bool> {
    let failed = |source| ResultsError::read(path, source);
    let mut head = Vec::new();
    let Some(TextFile { file, .. }) = open_text(path).map_err(failed)? else {
        return Ok(false);
    };
    file.take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(failed)?;
    Ok(is_head(&String::from_utf8_lossy(&head)))
}

/// Returns `true` for the beginning of a document whose kind is that of a comparison.
pub(super) fn is_head(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    let compact = text.chars().filter(|c| !c.is_whitespace());
    // Each character takes a byte at least.
    let compact: String = compact.take(HEAD_BYTES).collect();
    compact.starts_with('{') && compact.contains(&format!("\"kind\":\"{KIND}\""))
}

/// Refuses the workbook of a comparison, whose cells are those of rounds and not of messages.
pub(super) fn refuse_workbook(source: &dyn CellSource) -> Result<()> {
    let sheets = source.sheets();
    let is_there = |name: &str| sheets.iter().any(|sheet| sheet == name);
    match is_there(COMPARISON_SHEET) && is_there(ROUNDS_SHEET) {
        true => Err(ResultsError::Refused(
            source.path().to_owned(),
            Refusal::Comparison,
        )),
        false => Ok(()),
    }
}

/// Reads a comparison that ws-compare wrote as `.json`.
///
/// # Errors
/// [`ResultsError::Read`], [`ResultsError::NewerSchema`], or [`ResultsError::NotAComparison`].
pub fn read_comparison(path: &Path) -> Result<Comparison> {
    let failed = |source| ResultsError::read(path, source);
    let mut text = Vec::new();
    if let Some(TextFile { mut file, .. }) = open_text(path).map_err(failed)? {
        file.read_to_end(&mut text).map_err(failed)?;
    }
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    DocumentHead::of(text).check_schema(path, SCHEMA)?;
    serde_json::from_slice(text)
        .map_err(|source| ResultsError::NotAComparison(path.to_owned(), source))
}

/// The encoding of a text file that is not UTF-8 and was decoded to be read.
///
/// # Errors
/// [`ResultsError::Read`] when it cannot be read.
pub fn encoding_of(path: &Path) -> Result<Option<&'static str>> {
    let text = open_text(path).map_err(|source| ResultsError::read(path, source))?;
    Ok(text.and_then(|text| text.encoding))
}

/// Opens a text as UTF-8; `None` when it is none.
fn open_text(path: &Path) -> io::Result<Option<TextFile>> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref()
        .take(HEAD_BYTES as u64)
        .read_to_end(&mut head)?;
    if !is_text(&head) {
        return Ok(None);
    }
    TextFile::decode(file, &head).map(Some)
}
