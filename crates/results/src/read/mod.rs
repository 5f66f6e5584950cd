//! What was measured, read back: from our own files all that they carry, from a spreadsheet or CSV
//! file of anybody one column of times, and another to draw it against.
//!
//! | function | reads | from |
//! |---|---|---|
//! | [`read_times`] | one time a message, in order | `.xlsx .xls .ods .csv` |
//! | [`read_distributions`] | times and how often each occurred | those, `.json`, `.hlog` |
//! | [`read_moments`] | times and when each began | our `.xlsx`, `.csv`, `.hlog` |
//! | [`read_timeline`] | one row a second | our `.xlsx`, `.csv`, `.json`, `.hlog` |
//! | [`read_run`] | what a run says of itself | the same |
//! | [`read_comparison`] | a comparison of servers | its `.json` |
//!
//! | file | what lives there |
//! |---|---|
//! | `source` | a file as sheets of cells, its format told by its content |
//! | `archive` | what a workbook may inflate to |
//! | `workbook`, `text` | the two kinds of source: `.xlsx .xls .ods`, and CSV |
//! | `table` | a sheet's header and which of its columns hold numbers |
//! | `choose` | which column is meant, by name |
//! | `title` | what a column's name says: words and unit |
//! | `collect` | the values of that column, checked, and what they are drawn against |
//! | `kept` | a bounded number of values |
//! | `part` | which kinds of file carry what |
//! | `json`, `hlog` | the document of a run, an interval log |
//! | `messages` | the rows of a `.csv` of ours, counted by the second |
//! | `sheet` | the other sheets of ours, row by row |
//! | `summary` | the `summary` sheet, made a summary again |
//! | `run` | what a summary says about the run, in short |
//! | `times`, `distributions`, `moments`, `timeline`, `saved`, `comparison` | what can be read |
//!
//! Cells are streamed; only the wanted values are kept, and of more than 8,388,608 a uniform random choice,
//! which is told.

mod archive;
mod choose;
mod collect;
mod comparison;
mod distributions;
mod hlog;
mod json;
mod kept;
mod messages;
mod moments;
mod part;
mod run;
mod saved;
mod sheet;
mod source;
mod summary;
mod table;
mod text;
mod timeline;
mod times;
mod title;
mod workbook;

use std::fmt;
use std::path::PathBuf;

pub use comparison::{is_comparison, read_comparison};
pub use distributions::{Distributions, NamedSpread, Spread, read_distributions};
pub use moments::{Moments, When, read_moments};
pub use part::Part;
pub use run::RunInfo;
pub use saved::{SavedRun, read_run};
pub use timeline::{RunTimeline, read_timeline};
pub use times::{Times, Xs, read_times};
pub use title::Unit;

use crate::schema;

/// Which of a run's two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metric {
    /// Received minus sent.
    #[default]
    ServiceTime,
    /// Received minus intended.
    ResponseTime,
}

impl Metric {
    /// `service time` or `response time`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceTime => "service time",
            Self::ResponseTime => "response time",
        }
    }

    /// Its column in the files of this crate.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::ServiceTime => schema::SERVICE_TIME_COLUMN,
            Self::ResponseTime => schema::RESPONSE_TIME_COLUMN,
        }
    }
}

/// What to read. The default reads the service times of our own files, and finds out by itself in
/// a file of somebody else.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which time, where the file holds both.
    pub metric: Metric,
    /// Only this sheet.
    pub sheet: Option<String>,
    /// This column: its name in the header, or its letter.
    pub column: Option<String>,
    /// The unit of the numbers, whatever the column's name says.
    pub unit: Option<Unit>,
    /// This column as well, named in the same ways: numbers that the times are drawn against.
    pub x: Option<String>,
}

/// A file, and the sheet where it has sheets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The sheet; `None` in a CSV file.
    pub sheet: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet `{sheet}` of ")?;
        }
        self.path.display().fmt(f)
    }
}

/// `a, b, c`, each in quotes.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}
