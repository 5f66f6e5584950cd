//! Reading of measured times: from our own files all that they hold, from any spreadsheet or CSV
//! file one column of times, and another to draw it against.
//!
//! | function | reads | from |
//! |---|---|---|
//! | [`read_run`] | parts of a run | our `.xlsx`, `.csv`, `.json`, `.hlog` |
//! | [`read_timeline`] | its seconds | those, and any log |
//! | [`read_times`] | one time a message, in order | `.xlsx .xls .ods .csv` |
//! | [`read_distribution`] | times and how often each occurred | those, our `.json`, any log |
//! | [`read_timed_latencies`] | times and the begin of each | our `.xlsx` and `.csv`, any log |
//! | [`read_comparison`] | a comparison of servers | its `.json` |
//!
//! Cells are streamed; only the wanted values are kept, and of more than 8,388,608 a uniform random sample,
//! which is reported.

mod cells;
mod comparison;
mod container;
mod csv;
mod csv_timeline;
mod distributions;
mod durations;
mod encoding;
mod foreign;
mod fortio;
mod hlog;
mod hlog_timeline;
mod json;
mod json_lines;
mod json_record;
mod json_table;
mod json_value;
mod message_rows;
mod open;
mod own_sheets;
mod percentile_table;
mod remark;
mod run;
mod run_origin;
mod summary_sheet;
mod text_layout;
mod time_column;
mod time_slices;
mod time_unit;
mod timed_latencies;
mod tool_json;
mod tool_log;
mod tool_text;
mod workbook;
mod zip_limits;

use std::path::Path;

use json_table::ForeignObject;
use open::OpenedFile;

pub use comparison::{encoding_of, is_comparison, read_comparison};
pub use distributions::read_distribution;
pub use foreign::DecimalSign;
pub use remark::{CellCount, Remark, RunnerUp};
pub use run::{RunPart, read_run, read_timeline};
pub use run_origin::RunOrigin;
pub use time_column::{Latencies, TimeColumn, XColumn};
pub use time_unit::TimeUnit;
pub use timed_latencies::{TimedLatencies, TimestampOf, read_timed_latencies};

use crate::content::Content;
pub use crate::error::Place;
use crate::error::{Result, ResultsError};
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
    /// Both times.
    pub const ALL: [Self; 2] = [Self::ServiceTime, Self::ResponseTime];

    /// `service time` or `response time`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceTime => "service time",
            Self::ResponseTime => "response time",
        }
    }

    /// Tag in an interval log, and word in the name of a column.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ServiceTime => "service",
            Self::ResponseTime => "response",
        }
    }

    pub(crate) fn column(self) -> &'static str {
        match self {
            Self::ServiceTime => LatencyColumn::ServiceTime.title(),
            Self::ResponseTime => LatencyColumn::ResponseTime.title(),
        }
    }
}

/// The column to read. The default reads the service times of our own files, and selects a column by itself in
/// a file of another program.
#[derive(Debug, Clone, Default)]
pub struct ColumnRequest {
    /// The time to read, where the file holds both.
    pub metric: Metric,
    /// Only this sheet.
    pub sheet: Option<String>,
    /// This column: its name in the header, or its letter.
    pub column: Option<String>,
    /// The unit of the numbers, whatever the column's name says.
    pub unit: Option<TimeUnit>,
    /// The sign before decimals, whatever the column's numbers show.
    pub decimal: Option<DecimalSign>,
    /// Leaves out cells that hold anything but a time, and reports them.
    pub skip_invalid: bool,
    /// This column as well, named in the same ways: numbers that the times are drawn against.
    pub x: Option<String>,
}

/// Reads one column of times from the file at `path`, top to bottom.
///
/// # Errors
/// [`ResultsError`] when the file is not a whole spreadsheet, when no column, or no single one, can be
/// meant, and when a cell of it holds anything but a time.
pub fn read_times(path: &Path, request: &ColumnRequest) -> Result<TimeColumn> {
    let lacks = Err(ResultsError::Lacks(path.to_owned(), Content::Messages));
    match open::open(path)? {
        OpenedFile::Cells(mut source) => foreign::read_times_of(source.as_mut(), request, false),
        OpenedFile::Json(mut text) => {
            if json::may_be_ours(path, &mut text)? {
                return lacks;
            }
            match ForeignObject::of_object(path, text)? {
                ForeignObject::Table(mut table) => {
                    foreign::read_times_of(&mut table, request, false)
                }
                ForeignObject::Distribution(_) => {
                    Err(ResultsError::OnlyDistribution(path.to_owned()))
                }
            }
        }
        OpenedFile::Log(_) => lacks,
        OpenedFile::Percentiles(_) => Err(ResultsError::OnlyDistribution(path.to_owned())),
    }
}
