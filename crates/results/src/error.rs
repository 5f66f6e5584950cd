//! Errors of reading and writing files.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use crate::content::Content;

pub(crate) type Result<T> = std::result::Result<T, ResultsError>;

type Cause = Box<dyn Error + Send + Sync>;

/// Reasons why a file could not be written or read. Each names the file, and the sheet where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The file cannot be created or written, or the workbook cannot be put together.
    #[error("cannot write {}", .0.display())]
    Write(PathBuf, #[source] Cause),
    /// The file name has an ending that no writer knows.
    #[error("cannot tell the format of {} by its ending: use .xlsx, .csv, .json or .hlog", .0.display())]
    UnknownEnding(PathBuf),
    /// The file cannot be opened or read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The file is whole, but not one that can be read here.
    #[error("{} {}", .0.display(), .1)]
    Refused(PathBuf, Refusal),
    /// The file is whole, but of a kind that does not hold what is wanted.
    #[error("{} holds no {}: give {}", .0.display(), .1, .1.formats())]
    Lacks(PathBuf, Content),
    /// A table of percentiles: times and how often each occurred, and no single one.
    #[error("{} holds a distribution of times, and no single ones", .0.display())]
    OnlyDistribution(PathBuf),
    /// A JSON document, or a `summary` sheet, of another shape than that of a run.
    #[error("the summary in {} is not one that ws-bench wrote", .0.display())]
    NotASummary(PathBuf, #[source] serde_json::Error),
    /// A JSON document of another shape than that of a comparison of servers.
    #[error("{} is not a comparison that ws-compare wrote", .0.display())]
    NotAComparison(PathBuf, #[source] serde_json::Error),
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
    #[error("cannot read {0}: it is truncated or damaged")]
    Damaged(Place, #[source] Cause),
    /// A row of a CSV file, or a line of a log, that ends early: the defect, and the words of the reader of its
    /// histogram.
    #[error("{} is truncated or damaged: {}", .0.display(), .1)]
    DamagedRow(PathBuf, String, #[source] Option<io::Error>),
    /// A row of a text with more cells than its header: its number, from 1, and both numbers of cells.
    #[error("row {row} of {} has {cells} cells, its header {header}: are thousands separators unquoted?", path.display())]
    LongRow {
        /// The file.
        path: PathBuf,
        /// The row.
        row: u64,
        /// Cells up to the last one that is not empty.
        cells: u64,
        /// The same of the header.
        header: u64,
    },
    /// A row, from 1, of a message that was sent before the one above it.
    #[error("row {} of {} was sent before the row above it: rows in order of sending are needed", .1, .0.display())]
    NotInOrder(PathBuf, u32),
    /// The rows are a random sample, so they cannot be counted.
    #[error(
        "{} holds {rows} rows chosen at random from {messages} messages or more, so the course of each second is not known: give the .xlsx, .json or .hlog of the run",
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
    /// No column of the file or sheet, or no single one, can be meant.
    #[error("{}", .1.describe(.0))]
    NoColumn(Place, ColumnProblem),
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
        Self::Write(path.to_owned(), source.into())
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read(path.to_owned(), source)
    }

    /// Refuses a file that inflates to this.
    pub(crate) fn zip_bomb(path: &Path, excess: String) -> Self {
        Self::Refused(path.to_owned(), Refusal::ZipBomb(excess))
    }

    /// Refuses a document in which a key occurs twice in one object, in a file of lines with the number of the line.
    pub(crate) fn repeated_key(path: &Path, key: &str, line: Option<u32>) -> Self {
        let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
        let refusal = Refusal::RepeatedKey(format!("`{key}`{line}"));
        Self::Refused(path.to_owned(), refusal)
    }

    pub(crate) fn damaged(place: Place, source: impl Into<Cause>) -> Self {
        Self::Damaged(place, source.into())
    }

    pub(crate) fn no_values(place: Place, column: &str, rows: u64) -> Self {
        Self::NoValues {
            place,
            column: column.to_owned(),
            x: None,
            rows,
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
    pub fn file(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            sheet: None,
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
    /// Plain text under the name of a workbook; the name under which it would be read.
    #[error("is not a spreadsheet: its content is plain text; rename it to {}", .0.display())]
    TextNamedWorkbook(PathBuf),
    /// A kind of file that is not read; the way to one that is.
    #[error("is {what}: {remedy}")]
    NotReadHere {
        /// The kind of file, with its article.
        what: String,
        /// The command or step.
        remedy: String,
    },
    /// The figures of a load generator without single times; the way to them.
    #[error("is a summary of {tool}: {remedy}")]
    Summary {
        /// The program that wrote it.
        tool: &'static str,
        /// The way to single times.
        remedy: &'static str,
    },
    /// A JSON document without a list of numbers.
    #[error("holds no list of times, and no run of ws-bench")]
    NoList,
    /// One JSON object has a key twice; the key and its line.
    #[error("can be read in two ways: one record has the key {0} twice")]
    RepeatedKey(String),
    /// Only its password opens it.
    #[error("is encrypted: save it without a password")]
    Encrypted,
    /// It would fill memory when it is inflated; this is too much.
    #[error("is refused, it looks like a zip bomb: {0}")]
    ZipBomb(String),
}

/// Reasons why no column can be read, nearest to a choice last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnProblem {
    /// No sheet has the name that was asked for; the names there are.
    NoSuchSheet(String, Vec<String>),
    /// The sheet has no rows below its header.
    NoRows,
    /// Rows without a column of numbers, except perhaps this one, which numbers the rows.
    NoNumbers(Option<String>),
    /// No column has the name that was asked for; the names there are.
    NoSuchColumn(String, Vec<String>),
    /// The only numbers are those of the column that the times would be drawn against.
    OnlyX(String),
    /// Any of these columns may hold the times.
    Ambiguous(Vec<String>),
    /// Several columns have the name that was asked for; their letters, names and headings.
    AmbiguousName {
        /// The name.
        name: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// This column has the name of a latency and holds no numbers: another one would be drawn in its place.
    NotNumbers {
        /// The column.
        column: String,
        /// The first cell that is not empty, and its content in words.
        first: Option<Box<(String, String)>>,
    },
    /// No column is named like a latency, and this one is a time of something else by its name.
    OtherTime(String),
    /// The name or the cells say that the column is something else than a time.
    NotATime {
        /// The column.
        column: String,
        /// The meaning, with an article, and what says so.
        meaning: &'static str,
    },
    /// The sheets that are shown have no column for this reason, and these are hidden and were left out.
    BesideHidden {
        /// The reason.
        problem: Box<Self>,
        /// The hidden sheets.
        hidden: Vec<String>,
    },
    /// The table says how times are distributed, and holds no single ones.
    Distribution {
        /// The column that says so.
        column: String,
        /// The content of the table, in words.
        holds: &'static str,
    },
    /// The name says something in place of a unit.
    UnclearUnit {
        /// The name.
        column: String,
        /// The part that should be a unit.
        says: String,
    },
    /// The numbers of the column cannot all be read alike, or can be read in two ways.
    MixedNumbers {
        /// The column.
        column: String,
        /// Two cells that show it, and their texts.
        cells: Box<[(String, String); 2]>,
    },
}

impl ColumnProblem {
    /// Ranks it by how little was missing to a choice.
    pub(crate) fn nearness(&self) -> u8 {
        match self {
            Self::NoSuchSheet(..) | Self::NoRows => 0,
            Self::NoNumbers(_) => 1,
            Self::NoSuchColumn(..) => 2,
            Self::OnlyX(_) => 3,
            Self::BesideHidden { problem, .. } => problem.nearness(),
            Self::Ambiguous(_) => 4,
            Self::AmbiguousName { .. } => 4,
            Self::NotNumbers { .. }
            | Self::OtherTime(_)
            | Self::NotATime { .. }
            | Self::Distribution { .. }
            | Self::UnclearUnit { .. }
            | Self::MixedNumbers { .. } => 5,
        }
    }

    fn describe(&self, place: &Place) -> String {
        match self {
            Self::NoSuchSheet(wanted, known) => {
                format!("no sheet `{wanted}` in {place}: it has {}", quoted(known))
            }
            // The program says what can be done about the others.
            Self::BesideHidden { problem, .. } => problem.describe(place),
            Self::NoRows => format!("{place} has no rows"),
            Self::NoNumbers(None) => format!("{place} has no column of numbers"),
            Self::NoNumbers(Some(column)) => format!(
                "{place} has no column of numbers but `{column}`, which only numbers the rows"
            ),
            Self::NoSuchColumn(wanted, known) => {
                format!("no column `{wanted}` in {place}: it has {}", quoted(known))
            }
            Self::OnlyX(column) => format!("{place} has no column of numbers but `{column}`"),
            Self::Ambiguous(columns) => format!(
                "cannot tell which column of {place} to draw: choose one of {}",
                quoted(columns)
            ),
            Self::AmbiguousName { name, columns } => format!(
                "{place} has {} columns `{name}`: choose one of {}",
                columns.len(),
                quoted(columns)
            ),
            Self::NotNumbers {
                column,
                first: None,
            } => format!(
                "column `{column}` of {place} holds no numbers: its cells are empty, as those of formulas that were \
                 never calculated"
            ),
            Self::NotNumbers {
                column,
                first: Some(first),
            } => {
                let (cell, found) = first.as_ref();
                format!("column `{column}` of {place} holds no numbers: cell {cell} holds {found}")
            }
            Self::NotATime { column, meaning } => {
                format!("column `{column}` of {place} is {meaning}, not a time")
            }
            Self::Distribution { column, holds } => {
                format!("{place} holds {holds}, not single times, by its column `{column}`")
            }
            Self::OtherTime(column) => format!(
                "{place} has no column that is named like a latency, and `{column}` is the time of something else by \
                 its name"
            ),
            Self::UnclearUnit { column, says } => format!(
                "the unit of column `{column}` of {place} is not known: its name says `{says}`"
            ),
            Self::MixedNumbers { column, cells } => {
                let [(one, one_text), (other, other_text)] = cells.as_ref();
                format!(
                    "the numbers of column `{column}` of {place} can be read in two ways: cell {one} holds \
                     `{one_text}`, cell {other} `{other_text}`"
                )
            }
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

/// Joins names as `a`, `b`, each between backticks, and counts those beyond the eighth.
fn quoted(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let quoted: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {} more", units::grouped(more as u64)),
    };
    quoted.join(", ") + &more
}
