//! Errors of reading and writing files.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use units::{counted, grouped};

pub use crate::column_problem::ColumnProblem;
use crate::content::Content;
pub use crate::place::Place;

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
    /// The file name is that of a log that grows, which gets its name when the log is whole.
    #[error("{} is the name of an unfinished log: use {}", .0.display(), .0.with_extension("").display())]
    PartialName(PathBuf),
    /// A log whose run was killed in its first second.
    #[error("{} holds no whole second", .0.display())]
    NoWholeSecond(PathBuf),
    /// A log whose run goes on or was killed does not hold what is wanted.
    #[error("{} holds no {}: use the kind timeline, heatmap, percentiles, cdf or histogram", .0.display(), .1)]
    LacksInPartial(PathBuf, Content),
    /// The file cannot be opened or read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The file is whole, but not one that can be read here.
    #[error("{} {}", .0.display(), .1)]
    Refused(PathBuf, Refusal),
    /// The file is whole, but of a kind that does not hold what is wanted.
    #[error("{} holds no {}: give {}", .0.display(), .1, .1.formats())]
    Lacks(PathBuf, Content),
    /// A table of percentiles, which holds the frequency of each time and no single times.
    #[error("{} holds a distribution of times, not single times", .0.display())]
    OnlyDistribution(PathBuf),
    /// A JSON document, or a `summary` sheet, that does not have the keys of a run's summary.
    #[error("{} is not a file of ws-bench: it does not hold the summary of a run", .0.display())]
    NotASummary(PathBuf, #[source] serde_json::Error),
    /// A JSON document that does not have the keys of a comparison of servers.
    #[error("{} is not a comparison that ws-compare wrote", .0.display())]
    NotAComparison(PathBuf, #[source] serde_json::Error),
    /// A document of a later schema, whose keys may mean something else.
    #[error("{} has schema {found}, but this version reads schemas up to {known}: use the version that wrote the file", path.display())]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Schema of the file.
        found: u32,
        /// Latest schema that can be read.
        known: u32,
    },
    /// A file or sheet that ends early, or whose bytes are not what they should be.
    #[error("cannot read {0}: it is truncated or damaged")]
    Damaged(Place, #[source] Cause),
    /// A row of a CSV file, or a line of a log, that ends early: the defect, and the error of the reader of its
    /// histogram.
    #[error("{} is truncated or damaged: {}", .0.display(), .1)]
    DamagedRow(PathBuf, String, #[source] Option<io::Error>),
    /// A row of a text with more cells than its header.
    #[error("row {} of {} has {cells} cells, but the header has {header}: quote numbers with thousands separators", grouped(*row), path.display())]
    LongRow {
        /// The file.
        path: PathBuf,
        /// Number of the row, from 1.
        row: u64,
        /// Cells of the row up to the last one that is not empty.
        cells: u64,
        /// Cells of the header up to the last one that is not empty.
        header: u64,
    },
    /// Number, from 1, of the row of a message that was sent before the one above it.
    #[error("row {} of {} was sent before the row above it: sort the rows by sent_s", grouped(u64::from(*.1)), .0.display())]
    NotInOrder(PathBuf, u32),
    /// The rows are a random sample, so they cannot be counted.
    #[error(
        "{} holds {} rows chosen at random from {} messages or more, so the figures of each second are unknown: give the .xlsx, .json or .hlog of the run",
        path.display(), grouped(*rows), grouped(*messages)
    )]
    ChosenRows {
        /// The file.
        path: PathBuf,
        /// Rows in it.
        rows: u64,
        /// Messages of the run, at least.
        messages: u64,
    },
    /// No column of the file or sheet qualifies, or several do.
    #[error("{}", .1.describe(.0))]
    NoColumn(Place, ColumnProblem),
    /// The column has no number in any row, or in no row together with the column for the horizontal axis.
    #[error("{}", no_values(place, column, x.as_deref(), *rows))]
    NoValues {
        /// The sheet.
        place: Place,
        /// The column of times.
        column: String,
        /// The column for the horizontal axis.
        x: Option<String>,
        /// Rows below the header.
        rows: u64,
    },
    /// A file of ws-bench without a time in any row: no message got a correct echo.
    #[error("{}", no_correct_echo(place, *messages, *corrupted))]
    NoCorrectEcho {
        /// The file, and the sheet of the messages.
        place: Place,
        /// Messages sent.
        messages: u64,
        /// Messages that got a wrong echo.
        corrupted: u64,
    },
    /// A log whose histograms with this tag are all empty.
    #[error("the histograms with the tag `{1}` of {0} are empty: no time was recorded")]
    EmptyHistograms(Place, String),
    /// A cell that holds something else than a number, a count or a time.
    #[error("cell {cell} of {} holds {found}, not a {expected}", path.display())]
    WrongCell {
        /// The file.
        path: PathBuf,
        /// The cell, `latencies!E17`.
        cell: String,
        /// Content of the cell, in words.
        found: String,
        /// `number`, `count`, `time` or `state of a shard`.
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

    /// The error about a file that would inflate too far; `excess` names the excess in words.
    pub(crate) fn zip_bomb(path: &Path, excess: String) -> Self {
        Self::Refused(path.to_owned(), Refusal::ZipBomb(excess))
    }

    /// The error about a document in which one object has a key twice, with the number of the line in a file of lines.
    pub(crate) fn repeated_key(path: &Path, key: &str, line: Option<u32>) -> Self {
        let line = line.map_or_else(String::new, |line| format!(" in line {line}"));
        let refusal = Refusal::RepeatedKey(format!("`{key}`{line}"));
        Self::Refused(path.to_owned(), refusal)
    }

    pub(crate) fn damaged(place: Place, source: impl Into<Cause>) -> Self {
        Self::Damaged(place, source.into())
    }

    pub(crate) fn empty_histograms(place: Place, tag: &str) -> Self {
        Self::EmptyHistograms(place, tag.to_owned())
    }
}

/// Reasons why a complete file is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file has no content.
    #[error("is empty")]
    Empty,
    /// The content is neither a workbook nor readable text, but of this kind.
    #[error("is not a spreadsheet: {0}")]
    NotASpreadsheet(&'static str),
    /// Plain text under the name of a workbook; the name under which the text can be read.
    #[error("is not a spreadsheet: its content is plain text; rename it to {}", .0.display())]
    TextNamedWorkbook(PathBuf),
    /// A kind of file that is not read.
    #[error("is {what}: {remedy}")]
    NotReadHere {
        /// The kind of file, with its article.
        what: String,
        /// Command or step that makes a readable file.
        remedy: String,
    },
    /// The figures of a load generator, without single times.
    #[error("is a summary of {tool}: {remedy}")]
    Summary {
        /// The program that wrote it.
        tool: &'static str,
        /// Command or step that writes single times.
        remedy: &'static str,
    },
    /// Servers side by side, in the place of a run.
    #[error("is a comparison that ws-compare wrote, not a run: give its .json to ws-compare")]
    Comparison,
    /// A JSON document without a list of numbers.
    #[error("holds neither a list of times nor a run of ws-bench")]
    NoList,
    /// A JSON object with the same key twice: the key and its line.
    #[error("can be read in two ways: one record has the key {0} twice")]
    RepeatedKey(String),
    /// The file needs a password.
    #[error("is encrypted: save it without a password")]
    Encrypted,
    /// The file would fill the memory when inflated; the excess in words.
    #[error("is not read because it looks like a zip bomb: {0}")]
    ZipBomb(String),
}

fn no_values(place: &Place, column: &str, x: Option<&str>, rows: u64) -> String {
    let below_header = counted(rows, "row");
    match x {
        _ if rows == 0 => format!("{place} is empty below its header"),
        None => format!("column `{column}` of {place} holds no number in its {below_header}"),
        Some(x) => format!(
            "none of the {below_header} of {place} has a number both in column `{x}` and in column `{column}`"
        ),
    }
}

/// `none of the 5 messages of a.csv got a correct echo: 3 corrupted, 2 lost`
fn no_correct_echo(place: &Place, messages: u64, corrupted: u64) -> String {
    let lost = messages.saturating_sub(corrupted);
    let parts = [(corrupted, "corrupted"), (lost, "lost")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, fate)| format!("{} {fate}", grouped(count)))
        .collect();
    let subject = match messages {
        0 => return format!("no message was sent in the run of {place}"),
        1 => format!("the only message of {place} did not get a correct echo"),
        _ => format!(
            "none of the {} of {place} got a correct echo",
            counted(messages, "message")
        ),
    };
    format!("{subject}: {}", parts.join(", "))
}
