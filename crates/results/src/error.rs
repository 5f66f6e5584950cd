//! What can go wrong with a file.

use std::path::PathBuf;

use crate::read::{Part, Place};

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
    /// The file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds nothing at all.
    #[error("{} is empty", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The content is neither a workbook nor readable text.
    #[error("{} is not a spreadsheet: {why}", path.display())]
    NotASpreadsheet {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: &'static str,
    },
    /// The file is whole, but of a kind that does not carry what is wanted.
    #[error("{} holds no {part}: give {}", path.display(), part.carriers())]
    Lacks {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        part: Part,
    },
    /// What should be a comparison of servers is none.
    #[error("{} is no comparison that ws-compare wrote", path.display())]
    NotAComparison {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A text, JSON or histograms within it, that is not whole.
    #[error("cannot read {}: it is truncated or damaged", path.display())]
    DamagedText {
        /// The file.
        path: PathBuf,
        /// What its reader says.
        source: std::io::Error,
    },
    /// A line of a log that is not whole.
    #[error("{} is truncated or damaged: line {line} is no interval of a log", path.display())]
    DamagedLine {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What the reader of its histogram says.
        source: Option<std::io::Error>,
    },
    /// Rows of messages that were sent before those above them.
    #[error("row {row} of {} was sent before the row above it: rows in order of sending are needed", path.display())]
    NotInOrder {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: u32,
    },
    /// The rows are a choice, so that they count nothing.
    #[error(
        "{} holds {rows} rows chosen at random from {messages} messages or more, so it does not tell what happened in each second: give the .xlsx, .json or .hlog of the run",
        path.display()
    )]
    ChosenRows {
        /// The file.
        path: PathBuf,
        /// Rows in it.
        rows: u64,
        /// Messages that there were at least.
        messages: u64,
    },
    /// What should be the summary of a run is none.
    #[error("the summary in {} is not one that ws-bench wrote", path.display())]
    NotASummary {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A later version wrote it, whose keys may mean something else.
    #[error("{} has schema {found}, and {known} is the latest that is known here: use the version that wrote it", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The latest that can be read.
        known: u32,
    },
    /// A workbook that only its password opens.
    #[error("{} is encrypted: save it without a password", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// A workbook that would fill memory when it is inflated.
    #[error("{} is refused, it looks like a zip bomb: {why}", path.display())]
    ZipBomb {
        /// The file.
        path: PathBuf,
        /// What is too much.
        why: String,
    },
    /// A workbook that is not whole.
    #[error("cannot read {}: it is truncated or damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What its reader says.
        source: Box<calamine::Error>,
    },
    /// A sheet that is not whole.
    #[error("cannot read {place}: it is truncated or damaged")]
    DamagedSheet {
        /// The sheet.
        place: Place,
        /// What its reader says.
        source: Box<calamine::Error>,
    },
    /// A row of a CSV file of ours that ends early.
    #[error("{} is truncated or damaged: row {row} has {found} fields instead of {wanted}", path.display())]
    CutRow {
        /// The file.
        path: PathBuf,
        /// The row, from 1.
        row: u32,
        /// Fields found.
        found: usize,
        /// Fields of every row.
        wanted: usize,
    },
    /// No sheet has the name that was asked for.
    #[error("no sheet `{sheet}` in {}: it has {known}", path.display())]
    NoSuchSheet {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        sheet: String,
        /// The names there are.
        known: String,
    },
    /// No column has the name that was asked for.
    #[error("no column `{column}` in {place}: it has {known}")]
    NoSuchColumn {
        /// Where it was looked for.
        place: Place,
        /// The name that was asked for.
        column: String,
        /// The names there are.
        known: String,
    },
    /// A sheet without rows below its header.
    #[error("{place} has no rows")]
    EmptySheet {
        /// The sheet.
        place: Place,
    },
    /// A sheet with rows, but without a column of numbers.
    #[error("{place} has no column of numbers")]
    NoNumbers {
        /// The sheet.
        place: Place,
    },
    /// A column with the name of a latency, without numbers.
    #[error(
        "column `{column}` of {place} holds no numbers: mend it, or name another one with --column"
    )]
    NotNumbers {
        /// The sheet.
        place: Place,
        /// The column.
        column: String,
    },
    /// The only numbers are those that count the rows.
    #[error(
        "{place} has no column of numbers but `{column}`, which only numbers the rows; if it is meant, say so with --column"
    )]
    OnlyAnIndex {
        /// The sheet.
        place: Place,
        /// The column that counts.
        column: String,
    },
    /// The only numbers are those that the times would be drawn against.
    #[error("{place} has no column of numbers but `{column}`, which --x draws against")]
    OnlyX {
        /// The sheet.
        place: Place,
        /// The column to draw against.
        column: String,
    },
    /// More than one column may hold latencies.
    #[error("cannot tell which column of {place} to draw: choose one of {columns} with --column")]
    AmbiguousColumn {
        /// The sheet.
        place: Place,
        /// The columns of numbers.
        columns: String,
    },
    /// The column has no number in any row.
    #[error("column `{column}` of {place} holds no number in any of its {rows} rows")]
    EmptyColumn {
        /// The sheet.
        place: Place,
        /// The column.
        column: String,
        /// Rows below the header.
        rows: u64,
    },
    /// The two columns have numbers in no row together.
    #[error("no row of {place} has a number in both `{x}` and `{column}`, of {rows} rows")]
    NoWholeRow {
        /// The sheet.
        place: Place,
        /// The column to draw against.
        x: String,
        /// The column of times.
        column: String,
        /// Rows below the header.
        rows: u64,
    },
    /// A cell of the column to draw against that holds something else than a number.
    #[error("cell {cell} of {} holds {found}, not a number", path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// The cell, `B17`.
        cell: String,
        /// What it holds.
        found: String,
    },
    /// A cell of a column of counts that holds something else.
    #[error("cell {cell} of {} holds {found}, not a count", path.display())]
    NotACount {
        /// The file.
        path: PathBuf,
        /// The cell, `timeline!B17`.
        cell: String,
        /// What it holds.
        found: String,
    },
    /// A cell of the column that holds something else than a time.
    #[error("cell {cell} of {} holds {found}, not a time", path.display())]
    NotATime {
        /// The file.
        path: PathBuf,
        /// The cell, `latencies!E17`.
        cell: String,
        /// What it holds.
        found: String,
    },
}
