//! Files to read, as the tests of the reader need them.

// Each test file needs some of it.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use results::read::{ColumnRequest, read_times};
use rust_xlsxwriter::Workbook;
use tempfile::TempDir;

/// A file of this content; the folder must outlive it.
pub(crate) fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// A workbook whose sheets have these rows: numbers as numbers, `-` as nothing, the rest as text.
pub(crate) fn workbook(sheets: &[(&str, &[&str])]) -> (TempDir, PathBuf) {
    let mut workbook = Workbook::new();
    for (name, rows) in sheets {
        let sheet = workbook.add_worksheet().set_name(*name).unwrap();
        for (row, line) in (0..).zip(*rows) {
            for (column, cell) in (0..).zip(line.split('|')).filter(|(_, cell)| *cell != "-") {
                match cell.parse::<f64>() {
                    Ok(number) => sheet.write_number(row, column, number).unwrap(),
                    Err(_) => sheet.write_string(row, column, cell).unwrap(),
                };
            }
        }
    }
    file("book.xlsx", workbook.save_to_buffer().unwrap())
}

/// The error as a user sees it, without the folder.
pub(crate) fn message(path: &Path, request: &ColumnRequest) -> String {
    let error = read_times(path, request).unwrap_err();
    let folder = format!(
        "{}{}",
        path.parent().unwrap().display(),
        std::path::MAIN_SEPARATOR
    );
    error.to_string().replace(&folder, "")
}

/// The header of our own sheets.
pub(crate) const HEADER: &str =
    "client|message|intended_s|sent_s|service_time_ms|response_time_ms|outcome";
