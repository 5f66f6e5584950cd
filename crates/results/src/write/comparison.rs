//! Writing a comparison of servers.

use std::io::{self, Write};

use measurement::run::comparison::Comparison;

use super::xlsx;
use crate::ResultsError;
use crate::atomic_file::AtomicFile;

/// Formats of a comparison's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonFormat {
    /// A workbook with every round.
    Xlsx,
    /// Everything, to be read back.
    Json,
}

/// The comparison as one JSON document, with a newline at its end.
///
/// # Errors
/// Only if a number in it has no JSON form.
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
) -> Result<(), ResultsError> {
    let path = file.path().to_owned();
    let failed = |source: io::Error| ResultsError::write(&path, source);
    let content = file.content();
    match format {
        ComparisonFormat::Xlsx => xlsx::write_comparison(comparison, content)
            .map_err(|source| ResultsError::write(&path, source))?,
        ComparisonFormat::Json => {
            let text = comparison_to_json(comparison).map_err(|e| failed(e.into()))?;
            content.write_all(text.as_bytes()).map_err(failed)?;
        }
    }
    file.publish()
}
