//! What can go wrong with a file.

use std::path::PathBuf;

/// Why a file could not be written or read. Each names the file, and the sheet where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be created or written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The workbook cannot be put together.
    #[error("cannot write {}", path.display())]
    Workbook {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<rust_xlsxwriter::XlsxError>,
    },
    /// The file name has an ending that no writer knows.
    #[error("cannot tell the format of {} by its ending: use {known}", path.display())]
    UnknownEnding {
        /// The file.
        path: PathBuf,
        /// The endings that are known.
        known: &'static str,
    },
}
