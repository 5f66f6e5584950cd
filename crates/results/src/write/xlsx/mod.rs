//! The workbook of a run: summary, latencies, percentiles, timeline, connections, the moving average, the shards,
//! deliveries, messages of a feed, reconnects, openings of connections and the load curve, with native charts; and that of a
//! comparison.
//!
//! Sheets that grow with the run are written row by row into a temporary file, so that their memory is bounded.

mod chart;
mod comparison;
mod connections;
mod connects;
mod event_rows;
mod failing_once;
mod fan_out;
mod key_value_sheet;
mod latencies;
mod load_curve;
mod moving_average;
mod percentiles;
mod pushes;
mod reconnects;
mod shards;
mod style;
mod timeline;

use std::io::{self, Write};

use measurement::record::RowSeconds;
use measurement::run::{PlanSummary, Tool};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};
use serde_json::Value;

use self::failing_once::FailingOnce;
use super::{RunView, ms, outcome_name, seconds};
use crate::schema::{ROWS_PER_SHEET, SUMMARY_SHEET};

pub(super) use comparison::write as write_comparison;

type XlsxResult = Result<(), XlsxError>;

/// Second fastest level of deflate: half the time of the default for a tenth more bytes.
const COMPRESSION_LEVEL: u8 = 2;

pub(super) fn write(run: &RunView<'_>, file: impl Write + Send) -> io::Result<()> {
    workbook(run, ROWS_PER_SHEET)
        .and_then(|mut workbook| workbook.save_to_writer(FailingOnce::new(file)))
        .map_err(io::Error::other)
}

/// The title of a run's workbook. Excel limits its length, so further servers are only counted.
fn title_of(plan: &PlanSummary) -> String {
    let more = match plan.server_urls().len() {
        0 | 1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    format!("WebSocket benchmark of {}{more}", plan.url)
}

/// The workbook of a run, with this number of samples per sheet.
pub(super) fn workbook(run: &RunView<'_>, rows_per_sheet: usize) -> Result<Workbook, XlsxError> {
    let s = run.summary;
    let (title, subject) = (
        title_of(&s.plan),
        format!("{} clients, {} messages", s.plan.clients, s.messages.sent),
    );
    let mut workbook = new_workbook(title, subject, &s.tool, &s.started_at);
    // A summary always has a JSON form.
    let mut document = serde_json::to_value(s).unwrap_or_default();
    if let Some(Value::Object(shards)) = document.get_mut("shards") {
        // They have a sheet of their own, because there can be a thousand of them.
        shards.remove("rows");
    }
    if let Some(Value::Object(fan_out)) = document.get_mut("fan_out") {
        // They are on the sheets `fan_out` and `percentiles`.
        fan_out.remove("timeline");
        fan_out.remove("percentiles");
    }
    if let Some(Value::Object(reconnect)) = document.get_mut("reconnect") {
        reconnect.remove("timeline");
    }
    if let Some(Value::Object(capacity)) = document.get_mut("capacity") {
        capacity.remove("steps");
    }
    if let Value::Object(keys) = &mut document {
        keys.remove("connect_timeline");
        keys.remove("load_curve");
    }
    let (sheet, verdict) = (workbook.add_worksheet(), s.validity.verdict);
    key_value_sheet::write(sheet, SUMMARY_SHEET, &document, verdict)?;
    latencies::write(&mut workbook, run, rows_per_sheet)?;
    percentiles::write(workbook.add_worksheet(), run)?;
    timeline::write(workbook.add_worksheet(), run)?;
    connections::write(workbook.add_worksheet_with_low_memory()?, run)?;
    moving_average::write(workbook.add_worksheet(), run)?;
    if let Some(of_run) = &s.shards {
        shards::write(workbook.add_worksheet(), of_run)?;
    }
    if let Some(of_run) = &s.fan_out {
        fan_out::write_seconds(workbook.add_worksheet(), of_run, s.elapsed_s)?;
        fan_out::write_deliveries(&mut workbook, run, rows_per_sheet)?;
    }
    if s.push.is_some() {
        pushes::write(&mut workbook, run, rows_per_sheet)?;
    }
    if let Some(reconnect) = &s.reconnect {
        reconnects::write(&mut workbook, reconnect)?;
    }
    connects::write(&mut workbook, &s.connect_timeline)?;
    load_curve::write(&mut workbook, s, rows_per_sheet)?;
    Ok(workbook)
}

/// A workbook without sheets, with title, author and the other properties.
fn new_workbook(title: String, subject: String, tool: &Tool, started_at: &str) -> Workbook {
    let tool = format!("{} {}", tool.name, tool.version);
    let mut properties = DocProperties::new()
        .set_title(title)
        .set_subject(subject)
        .set_author(&tool)
        .set_comment(format!("Measured by {tool} at {started_at}"));
    if let Ok(started_at) = ExcelDateTime::parse_from_str(started_at) {
        properties = properties.set_creation_datetime(&started_at);
    }
    let mut workbook = Workbook::new();
    workbook
        .set_zip_compression_level(COMPRESSION_LEVEL)
        .set_properties(&properties);
    workbook
}

/// Returns `true` when response times differ from service times, as in open loop.
fn has_response_times(run: &RunView<'_>) -> bool {
    run.summary.offered_rate_per_s.is_some()
}

/// The rows of each sheet with its index, from 0: N rows a sheet, and at least one sheet.
fn chunks<T>(rows: &[T], rows_per_sheet: usize) -> impl Iterator<Item = (usize, &[T])> {
    let sheets = rows.len().div_ceil(rows_per_sheet).max(1);
    (0..sheets).map(move |index| {
        let from = index * rows_per_sheet;
        (index, &rows[from..rows.len().min(from + rows_per_sheet)])
    })
}

/// A row number, which fits because sheets are bounded.
#[allow(clippy::cast_possible_truncation)]
fn row(index: usize) -> u32 {
    index as u32
}

/// A column number, which fits because sheets are bounded.
#[allow(clippy::cast_possible_truncation)]
fn column(index: usize) -> u16 {
    index as u16
}

/// A count as a spreadsheet's number, exact below 2^53.
fn count(value: u64) -> f64 {
    value as f64
}

/// The name of a row of a table over time: `second`, `50 s`.
fn row_name(length: RowSeconds) -> String {
    if length.is_one() {
        "second".to_owned()
    } else {
        format!("{} s", length.get())
    }
}
