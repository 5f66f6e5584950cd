//! Reading of measured times: from our own files all that they hold, from any spreadsheet or CSV
//! file one column of times, and another to draw it against.
//!
//! | function | reads | from |
//! |---|---|---|
//! | [`read_times`] | one time a message, in order | `.xlsx .xls .ods .csv` |
//! | [`read_distributions`] | times and how often each occurred | those, `.json`, `.hlog` |
//! | [`read_timed_latencies`] | times and when each began | our `.xlsx`, `.csv`, `.hlog` |
//! | [`read_timeline`] | one row a second | our `.xlsx`, `.csv`, `.json`, `.hlog` |
//! | [`read_run`] | a run without its samples | the same |
//! | [`read_comparison`] | a comparison of servers | its `.json` |
//!
//! | file | what lives there |
//! |---|---|
//! | `open` | a file opened by its content |
//! | `cells` | the cells of a sheet, and the numbers in them |
//! | `csv`, `workbook` | the two kinds of cell source: CSV, and `.xlsx .xls .ods` |
//! | `zip_limits` | most bytes that a workbook may inflate to |
//! | `json`, `hlog` | the document of a run, an interval log |
//! | `own_sheets`, `summary_sheet` | the sheets of ours beside the latencies |
//! | `csv_timeline` | the rows of a `.csv` of ours, counted by the second |
//! | [`foreign`] | one column of times of any spreadsheet |
//! | `times`, `distributions`, `timed_latencies`, `timeline`, `run`, `comparison` | the functions above |
//!
//! Cells are streamed; only the wanted values are kept, and of more than 8,388,608 a uniform random sample,
//! which is reported.

mod cells;
mod comparison;
mod csv;
mod csv_timeline;
mod distributions;
mod foreign;
mod hlog;
mod json;
mod open;
mod own_sheets;
mod run;
mod run_origin;
mod summary_sheet;
mod time_slices;
mod time_unit;
mod timed_latencies;
mod timeline;
mod times;
mod workbook;
mod zip_limits;

pub use comparison::{is_comparison, read_comparison};
pub use distributions::{Distributions, NamedSpread, Spread, read_distributions};
pub use run::{SavedRun, read_run};
pub use run_origin::RunOrigin;
pub use time_unit::TimeUnit;
pub use timed_latencies::{TimedLatencies, TimestampOf, read_timed_latencies};
pub use timeline::{RunTimeline, read_timeline};
pub use times::{TimeColumn, XColumn, read_times};

pub use crate::error::Place;

use crate::schema::{LatencyColumn, SheetColumn};

/// One of a run's two times.
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
            Self::ServiceTime => LatencyColumn::ServiceTime.title(),
            Self::ResponseTime => LatencyColumn::ResponseTime.title(),
        }
    }
}

/// The values to read. The default reads the service times of our own files, and selects a column by itself in
/// a file of another program.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The time to read, where the file holds both.
    pub metric: Metric,
    /// Only this sheet.
    pub sheet: Option<String>,
    /// This column: its name in the header, or its letter.
    pub column: Option<String>,
    /// The unit of the numbers, whatever the column's name says.
    pub unit: Option<TimeUnit>,
    /// This column as well, named in the same ways: numbers that the times are drawn against.
    pub x: Option<String>,
}
