//! Reading of measured times: all contents of files of ws-bench, and from any spreadsheet or CSV file one column of
//! times, with a second column for the horizontal axis.
//!
//! | function | reads | from |
//! |---|---|---|
//! | [`read_run`] | parts of a run | our `.xlsx`, `.csv`, `.json`, `.hlog`, `.hlog.partial` |
//! | [`read_timeline`] | the seconds of a run | those, and any log |
//! | [`read_times`] | the time of each message, in order | `.xlsx .xls .ods .csv` |
//! | [`read_distribution`] | times with their numbers of occurrences | those, our `.json`, any log |
//! | [`read_timed_latencies`] | times with the begin of each | our `.xlsx` and `.csv`, any log |
//! | [`read_partial_log`], [`read_logged_seconds`] | state and seconds of a log that grows | `.hlog.partial` |
//! | [`read_comparison`] | a comparison of servers | its `.json` |
//!
//! Cells are streamed and only the requested values are kept. Of more than 8,388,608 values, a uniform random sample is
//! kept and reported.

mod cells;
mod comparison;
mod container;
mod csv;
mod csv_timeline;
mod delivery_sheets;
mod distributions;
mod durations;
mod encoding;
mod event_sheets;
mod foreign;
mod fortio;
mod hlog;
mod hlog_timeline;
mod json;
mod json_lines;
mod json_record;
mod json_table;
mod json_value;
mod load_curve_sheets;
mod log_lines;
mod message_rows;
mod open;
mod own_sheets;
mod partial_log;
mod percentile_table;
mod remark;
mod run;
mod run_origin;
mod shards_sheet;
mod sheet_rows;
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
pub use partial_log::{PartialLog, read_logged_seconds, read_partial_log};
pub use remark::{CellCount, Remark, RunnerUp};
pub use run::{
    RunPart, read_deliveries, read_load_curve, read_reconnects, read_run, read_timeline,
};
pub use run_origin::RunOrigin;
pub use time_column::{Latencies, TimeColumn, XColumn};
pub use time_unit::TimeUnit;
pub use timed_latencies::{TimedLatencies, TimestampOf, read_timed_latencies};

use crate::content::Content;
pub use crate::error::Place;
use crate::error::{Result, ResultsError};
use crate::partial_name::is_partial_log;
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

/// The column to read. The default reads the service times of a file of ws-bench, and selects a column of another file by
/// name and contents.
#[derive(Debug, Clone, Default)]
pub struct ColumnRequest {
    /// The time to read if the file holds both.
    pub metric: Metric,
    /// The sheet; `None` selects one.
    pub sheet: Option<String>,
    /// The column, by its name in the header or its letter; `None` selects one.
    pub column: Option<String>,
    /// The unit of the numbers; `None` takes that of the column's name.
    pub unit: Option<TimeUnit>,
    /// The decimal separator; `None` detects it from the numbers.
    pub decimal: Option<DecimalSign>,
    /// True to leave out and report cells that do not hold a time. Otherwise the first one is an error.
    pub skip_invalid: bool,
    /// A second column, by name or letter: the numbers for the horizontal axis.
    pub x: Option<String>,
}

/// Reads one column of times from the file at `path`, top to bottom.
///
/// # Errors
/// [`ResultsError`] when the file is not a complete spreadsheet, when no column or several columns qualify, and when a
/// cell of the column does not hold a time.
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
        OpenedFile::Log(_) if is_partial_log(path) => Err(ResultsError::LacksInPartial(
            path.to_owned(),
            Content::Messages,
        )),
        OpenedFile::Log(_) => lacks,
        OpenedFile::Percentiles(_) => Err(ResultsError::OnlyDistribution(path.to_owned())),
    }
}
