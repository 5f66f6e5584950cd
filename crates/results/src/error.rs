//! Errors of reading and writing files.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::content::Content;

/// Reasons why a file could not be written or read. Each names the file, and the sheet where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be created or written, or the workbook cannot be put together.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
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
        /// The cause.
        source: std::io::Error,
    },
    /// The file is whole, but not one that can be read here.
    #[error("{} {reason}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: Refusal,
    },
    /// The file is whole, but of a kind that does not hold what is wanted.
    #[error("{} holds no {content}: give {}", path.display(), content.formats())]
    Lacks {
        /// The file.
        path: PathBuf,
        /// The missing content.
        content: Content,
    },
    /// A JSON document, or a `summary` sheet, of another shape than ours.
    #[error("{}", document.mismatch(path))]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The kind of document that was expected.
        document: DocumentKind,
        /// The first difference.
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
    /// A file or sheet that ends early, or whose bytes are not what they should be.
    #[error("cannot read {place}: it is truncated or damaged")]
    Damaged {
        /// The file or sheet.
        place: Place,
        /// The words of its reader.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row of a CSV file, or a line of a log, that ends early.
    #[error("{} is truncated or damaged: {defect}", path.display())]
    DamagedRow {
        /// The file.
        path: PathBuf,
        /// The row or line, and its defect.
        defect: RowDefect,
        /// The words of the reader of its histogram.
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
    /// The rows are a random sample, so they cannot be counted.
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
    /// No sheet has the name that was asked for.
    #[error("no sheet `{sheet}` in {}: it has {known}", path.display())]
    NoSuchSheet {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        sheet: String,
        /// The names there are, each between backticks.
        known: String,
    },
    /// No column, or no single one, can be meant.
    #[error("{}", problem.describe(place))]
    NoColumn {
        /// The sheet.
        place: Place,
        /// The cause.
        problem: ColumnProblem,
    },
    /// The column has no number in any row, or not together with the column to draw against.
    #[error("{}", no_values(place, column, x.as_deref(), *rows))]
    NoValues {
        /// The sheet.
        place: Place,
        /// The column of times.
        column: String,
        /// The column to draw against.
        x: Option<String>,
        /// Rows below the header.
        rows: u64,
    },
    /// A cell that holds something else than a number, a count or a time.
    #[error("cell {cell} of {} holds {found}, not a {expected}", path.display())]
    WrongCell {
        /// The file.
        path: PathBuf,
        /// The cell, `latencies!E17`.
        cell: String,
        /// Its content.
        found: String,
        /// `number`, `count` or `time`.
        expected: &'static str,
    },
}

impl ResultsError {
    /// Wraps the cause of a failed write.
    pub fn write(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Write {
            path: path.to_owned(),
            source: source.into(),
        }
    }

    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn refused(path: &Path, reason: Refusal) -> Self {
        Self::Refused {
            path: path.to_owned(),
            reason,
        }
    }

    pub(crate) fn lacks(path: &Path, content: Content) -> Self {
        Self::Lacks {
            path: path.to_owned(),
            content,
        }
    }

    pub(crate) fn damaged(place: Place, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Damaged {
            place,
            source: source.into(),
        }
    }
}

/// A file, and the sheet where it has sheets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The sheet; `None` in a file without sheets.
    pub sheet: Option<String>,
}

impl Place {
    /// A file without sheets.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            sheet: None,
        }
    }

    pub(crate) fn sheet(path: &Path, sheet: &str) -> Self {
        Self {
            path: path.to_owned(),
            sheet: Some(sheet.to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet `{sheet}` of ")?;
        }
        self.path.display().fmt(f)
    }
}

/// Reasons why a whole file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It holds nothing at all.
    #[error("is empty")]
    Empty,
    /// Its content is neither a workbook nor readable text, but this.
    #[error("is not a spreadsheet: {0}")]
    NotASpreadsheet(&'static str),
    /// Only its password opens it.
    #[error("is encrypted: save it without a password")]
    Encrypted,
    /// It would fill memory when it is inflated; this is too much.
    #[error("is refused, it looks like a zip bomb: {0}")]
    ZipBomb(String),
}

/// Kinds of JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// The summary of a run.
    Summary,
    /// A comparison of servers.
    Comparison,
}

impl DocumentKind {
    fn mismatch(self, path: &Path) -> String {
        let path = path.display();
        match self {
            Self::Summary => format!("the summary in {path} is not one that ws-bench wrote"),
            Self::Comparison => format!("{path} is no comparison that ws-compare wrote"),
        }
    }
}

/// Defects of a row or line; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowDefect {
    /// A row of a CSV file of ours has fewer or more fields than the others.
    #[error("row {row} has {found} fields instead of {wanted}")]
    Fields {
        /// The row.
        row: u32,
        /// Fields found.
        found: usize,
        /// Fields of every row.
        wanted: usize,
    },
    /// A line of a log holds no histogram.
    #[error("line {0} is no interval of a log")]
    Interval(u64),
}

/// Reasons why no column can be read, nearest to a choice last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnProblem {
    /// The sheet has no rows below its header.
    NoRows,
    /// It has rows, but no column of numbers except perhaps one that numbers the rows.
    NoNumbers {
        /// That one.
        index: Option<String>,
    },
    /// No column has the name that was asked for.
    NoSuchColumn {
        /// That name.
        wanted: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The only numbers are those that the times would be drawn against.
    OnlyX {
        /// The column to draw against.
        column: String,
    },
    /// Any of several columns may hold the times.
    Ambiguous {
        /// Their names.
        columns: Vec<String>,
    },
    /// A column with the name of a latency holds no numbers, and another one would be drawn in its place.
    NotNumbers {
        /// The column.
        column: String,
    },
}

impl ColumnProblem {
    /// Ranks it by how little was missing to a choice.
    pub(crate) fn nearness(&self) -> u8 {
        match self {
            Self::NoRows => 0,
            Self::NoNumbers { .. } => 1,
            Self::NoSuchColumn { .. } => 2,
            Self::OnlyX { .. } => 3,
            Self::Ambiguous { .. } => 4,
            Self::NotNumbers { .. } => 5,
        }
    }

    fn describe(&self, place: &Place) -> String {
        match self {
            Self::NoRows => format!("{place} has no rows"),
            Self::NoNumbers { index: None } => format!("{place} has no column of numbers"),
            Self::NoNumbers {
                index: Some(column),
            } => format!(
                "{place} has no column of numbers but `{column}`, which only numbers the rows"
            ),
            Self::NoSuchColumn { wanted, known } => {
                format!("no column `{wanted}` in {place}: it has {}", quoted(known))
            }
            Self::OnlyX { column } => format!("{place} has no column of numbers but `{column}`"),
            Self::Ambiguous { columns } => format!(
                "cannot tell which column of {place} to draw: choose one of {}",
                quoted(columns)
            ),
            Self::NotNumbers { column } => format!("column `{column}` of {place} holds no numbers"),
        }
    }
}

fn no_values(place: &Place, column: &str, x: Option<&str>, rows: u64) -> String {
    match x {
        None => format!("column `{column}` of {place} holds no number in any of its {rows} rows"),
        Some(x) => {
            format!("no row of {place} has a number in both `{x}` and `{column}`, of {rows} rows")
        }
    }
}

/// Joins names as `a`, `b`, each between backticks.
pub(crate) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}
