//! Writing of a comparison of servers.

use std::io::Write;

use measurement::run::comparison::Comparison;

use super::xlsx;
use crate::atomic_file::AtomicFile;
use crate::error::{Result, ResultsError};

/// Formats of a comparison's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonFormat {
    /// A workbook with every round.
    Xlsx,
    /// All data, in a form that can be read back.
    Json,
}

/// The comparison as one JSON document, with a newline at its end.
///
/// # Errors
/// Only if a number has no JSON form.
pub fn comparison_to_json(comparison: &Comparison) -> serde_json::Result<String> {
    serde_json::to_string_pretty(comparison).map(|text| text + "\n")
}

/// Writes a comparison into a file and gives the file its name.
///
/// # Errors
/// [`ResultsError::Write`].
pub fn write_comparison(
    comparison: &Comparison,
    format: ComparisonFormat,
    mut file: AtomicFile,
) -> Result<()> {
    let content = file.content();
    let written = match format {
        ComparisonFormat::Xlsx => xlsx::write_comparison(comparison, content),
        ComparisonFormat::Json => comparison_to_json(comparison)
            .map_err(Into::into)
            .and_then(|text| content.write_all(text.as_bytes())),
    };
    written.map_err(|source| ResultsError::write(file.path(), source))?;
    file.publish()
}
