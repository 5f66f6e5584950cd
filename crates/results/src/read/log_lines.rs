//! Lines of interval logs.

use std::path::Path;

use crate::error::ResultsError;

/// Longest line that is read; a histogram takes a few kilobytes.
pub(super) const LONGEST_LINE: u64 = 16 << 20;

pub(super) fn damaged_line(path: &Path, line: u64, source: Option<std::io::Error>) -> ResultsError {
    let defect = format!("line {line} is not an interval of a log");
    ResultsError::DamagedRow(path.to_owned(), defect, source)
}
