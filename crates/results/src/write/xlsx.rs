//! The workbook: summary, latencies, percentiles, timeline and connections, with native charts.
//!
//! Sheets that grow with the run are written row by row and kept in a temporary file, so that memory
//! does not grow with them.

use std::io::Write;

use measurement::timeline::TimelineRow;
use rust_xlsxwriter::{
    Chart, ChartMarker, ChartType, Format, FormatAlign, Workbook, Worksheet, XlsxError,
};
use serde_json::Value;

use super::{Run, ms, seconds};
use crate::schema::{
    CONNECTIONS_COLUMNS, CONNECTIONS_SHEET, LATENCIES_COLUMNS, PERCENTILES_COLUMNS,
    PERCENTILES_SHEET, ROWS_PER_SHEET, SUMMARY_COLUMNS, SUMMARY_SHEET, TIMELINE_COLUMNS,
    TIMELINE_SHEET, latencies_sheet,
};

/// Points of a line up to which each is marked.
const FEW_POINTS: u32 = 30;

/// Deflate's fastest level but one: a third of the time of the default for a tenth more bytes.
const COMPRESSION_LEVEL: u8 = 2;

pub(super) fn write(run: &Run<'_>, file: impl Write + Send) -> Result<(), XlsxError> {
    workbook(run, ROWS_PER_SHEET)?.save_to_writer(file)
}

/// The workbook in memory, with fewer samples to a sheet than fit.
#[cfg(test)]
pub(super) fn write_sheets_of(run: &Run<'_>, rows: usize) -> Result<Vec<u8>, XlsxError> {
    workbook(run, rows)?.save_to_buffer()
}

fn workbook(run: &Run<'_>, rows_per_sheet: usize) -> Result<Workbook, XlsxError> {
    let mut workbook = Workbook::new();
    workbook.set_zip_compression_level(COMPRESSION_LEVEL);
    let styles = Styles::new();
    summary(workbook.add_worksheet(), run, &styles)?;
    latencies(&mut workbook, run, rows_per_sheet, &styles)?;
    percentiles(workbook.add_worksheet(), run, &styles)?;
    timeline(workbook.add_worksheet(), run, &styles)?;
    connections(workbook.add_worksheet_with_low_memory()?, run, &styles)?;
    Ok(workbook)
}

struct Styles {
    header: Format,
    text: Format,
    ms: Format,
}

impl Styles {
    fn new() -> Self {
        Self {
            header: Format::new().set_bold(),
            text: Format::new().set_align(FormatAlign::Left),
            ms: Format::new().set_num_format("0.000"),
        }
    }
}

/// Gives a sheet its name and its header, which stays in sight and can be filtered by.
fn head(
    sheet: &mut Worksheet,
    name: &str,
    columns: &[&str],
    rows: usize,
    styles: &Styles,
) -> Result<(), XlsxError> {
    sheet.set_name(name)?;
    sheet.set_freeze_panes(1, 0)?;
    // On paper, all columns and charts side by side on a page.
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    let last_column = column(columns.len().saturating_sub(1));
    sheet.autofilter(0, 0, row(rows), last_column)?;
    for (index, title) in columns.iter().enumerate() {
        // Room for the title and the filter's button.
        let width = title.len().max(8) + 4;
        #[allow(clippy::cast_precision_loss)]
        sheet.set_column_width(column(index), width as f64)?;
        sheet.write_with_format(0, column(index), *title, &styles.header)?;
    }
    Ok(())
}

fn summary(sheet: &mut Worksheet, run: &Run<'_>, styles: &Styles) -> Result<(), XlsxError> {
    let mut rows = Vec::new();
    // A summary of ours always has a JSON form.
    flatten(
        "",
        &serde_json::to_value(run.summary).unwrap_or_default(),
        &mut rows,
    );
    head(sheet, SUMMARY_SHEET, &SUMMARY_COLUMNS, rows.len(), styles)?;
    sheet.set_column_width(0, 36)?;
    sheet.set_column_width(1, 48)?;
    for (index, (key, value)) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, key)?;
        match value {
            Value::Null => {}
            Value::Bool(value) => {
                sheet.write_with_format(row, 1, *value, &styles.text)?;
            }
            // A spreadsheet's numbers are floats.
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                sheet.write_with_format(row, 1, number, &styles.text)?;
            }
            Value::String(text) => {
                sheet.write(row, 1, text)?;
            }
            // Flattening leaves only empty ones.
            Value::Array(_) | Value::Object(_) => {}
        }
    }
    Ok(())
}

/// The leaves of a JSON value with their dotted paths, in the order of the document.
fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, Value)>) {
    let join = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                flatten(&join(key), value, rows);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                flatten(&join(&index.to_string()), value, rows);
            }
        }
        leaf => rows.push((path.to_owned(), leaf.clone())),
    }
}

/// One sheet for every so many samples, and at least one.
fn latencies(
    workbook: &mut Workbook,
    run: &Run<'_>,
    rows_per_sheet: usize,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let sheets = run.samples.len().div_ceil(rows_per_sheet).max(1);
    for index in 0..sheets {
        let from = index * rows_per_sheet;
        let to = run.samples.len().min(from + rows_per_sheet);
        let samples = &run.samples[from..to];
        let sheet = workbook.add_worksheet_with_low_memory()?;
        let name = latencies_sheet(index);
        head(sheet, &name, &LATENCIES_COLUMNS, samples.len(), styles)?;
        for (index, s) in samples.iter().enumerate() {
            let row = row(index + 1);
            sheet.write_number(row, 0, s.client)?;
            // Below 2^53 in any run that ends.
            #[allow(clippy::cast_precision_loss)]
            sheet.write_number(row, 1, s.message as f64)?;
            sheet.write_number(row, 2, seconds(s.intended_ns))?;
            sheet.write_number(row, 3, seconds(s.sent_ns))?;
            if let (Some(service), Some(response)) = (s.service_time_ns(), s.response_time_ns()) {
                sheet.write_number(row, 4, ms(service))?;
                sheet.write_number(row, 5, ms(response))?;
            }
            sheet.write_string(row, 6, s.outcome.name())?;
        }
    }
    Ok(())
}

fn percentiles(sheet: &mut Worksheet, run: &Run<'_>, styles: &Styles) -> Result<(), XlsxError> {
    let rows = run.percentiles;
    head(
        sheet,
        PERCENTILES_SHEET,
        &PERCENTILES_COLUMNS,
        rows.len(),
        styles,
    )?;
    for (index, p) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, p.percentile)?;
        sheet.write_with_format(row, 1, ms(p.service_time_ns), &styles.ms)?;
        sheet.write_with_format(row, 2, ms(p.response_time_ns), &styles.ms)?;
        if p.percentile < 100.0 {
            // Rounded, because 1/(1 − 0.9) is 10 and a bit in binary.
            let one_in = 100.0 / (100.0 - p.percentile);
            sheet.write(row, 3, (one_in * 1e3).round() / 1e3)?;
        }
    }
    // The last row, the maximum, has no place on this axis.
    let last = row(rows.len().saturating_sub(1));
    if last >= 1 {
        let mut chart = Chart::new(ChartType::ScatterStraight);
        chart.title().set_name("Latency by percentile");
        chart
            .x_axis()
            .set_name("one message in … is slower")
            .set_log_base(10);
        chart.y_axis().set_name("ms");
        let series = [(1, "service time"), (2, "response time")];
        for (column, name) in series.into_iter().take(told_apart(run)) {
            chart
                .add_series()
                .set_name(name)
                .set_categories((PERCENTILES_SHEET, 1, 3, last, 3))
                .set_values((PERCENTILES_SHEET, 1, column, last, column));
        }
        place(sheet, 1, &mut chart, PERCENTILES_COLUMNS.len())?;
    }
    Ok(())
}

fn timeline(sheet: &mut Worksheet, run: &Run<'_>, styles: &Styles) -> Result<(), XlsxError> {
    let rows = run.timeline;
    head(sheet, TIMELINE_SHEET, &TIMELINE_COLUMNS, rows.len(), styles)?;
    for (index, t) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, t.second)?;
        sheet.write(row, 1, t.sent)?;
        sheet.write(row, 2, t.received)?;
        let times = [
            t.service_p50_ns,
            t.service_p99_ns,
            t.response_p99_ns,
            t.max_ns,
        ];
        for (index, ns) in times.into_iter().enumerate() {
            if let Some(ns) = ns {
                sheet.write_with_format(row, column(3 + index), ms(ns), &styles.ms)?;
            }
        }
        sheet.write(row, 7, t.failed)?;
    }
    // A second that was cut short by the end would look like a fall.
    #[allow(clippy::cast_precision_loss)]
    let is_whole = |t: &&TimelineRow| (t.second + 1) as f64 <= run.summary.elapsed_s;
    let whole = rows.iter().take_while(is_whole).count();
    let last = row(if whole > 0 { whole } else { rows.len() });
    if last >= 1 {
        let mut latency = vec![
            (3, "service time p50"),
            (4, "service time p99"),
            (6, "maximum"),
        ];
        if told_apart(run) > 1 {
            latency.insert(2, (5, "response time p99"));
        }
        let charts = [
            (
                "Messages in each second",
                "messages",
                vec![(1, "sent"), (2, "received")],
            ),
            ("Latency in each second", "ms", latency),
        ];
        for (nth, (title, unit, series)) in charts.into_iter().enumerate() {
            let mut chart = Chart::new(ChartType::Line);
            chart.title().set_name(title);
            chart.x_axis().set_name("seconds since T0");
            chart.y_axis().set_name(unit);
            for (column, name) in series {
                let series = chart.add_series();
                series
                    .set_name(name)
                    .set_categories((TIMELINE_SHEET, 1, 0, last, 0))
                    .set_values((TIMELINE_SHEET, 1, column, last, column));
                // A line of one point is no line.
                if last <= FEW_POINTS {
                    series.set_marker(ChartMarker::new().set_automatic());
                }
            }
            place(sheet, 1 + row(nth) * 21, &mut chart, TIMELINE_COLUMNS.len())?;
        }
    }
    Ok(())
}

/// How many times are worth a line: in closed loop response time is service time.
fn told_apart(run: &Run<'_>) -> usize {
    if run.summary.offered_rate_per_s.is_some() {
        2
    } else {
        1
    }
}

/// Puts a chart to the right of the columns.
fn place(
    sheet: &mut Worksheet,
    row: u32,
    chart: &mut Chart,
    columns: usize,
) -> Result<(), XlsxError> {
    chart.set_width(720).set_height(400);
    sheet.insert_chart(row, column(columns + 1), chart)?;
    Ok(())
}

fn connections(sheet: &mut Worksheet, run: &Run<'_>, styles: &Styles) -> Result<(), XlsxError> {
    // More clients than rows cannot be told one by one.
    let rows = &run.clients[..run.clients.len().min(ROWS_PER_SHEET)];
    head(
        sheet,
        CONNECTIONS_SHEET,
        &CONNECTIONS_COLUMNS,
        rows.len(),
        styles,
    )?;
    for (index, c) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, c.client)?;
        if let Some(ns) = c.connect_ns {
            sheet.write_with_format(row, 1, ms(ns), &styles.ms)?;
        }
        sheet.write(row, 2, c.messages)?;
        sheet.write(row, 3, c.failed)?;
        if let Some(code) = c.close_code {
            sheet.write(row, 4, code)?;
        }
    }
    Ok(())
}

/// A row number: no sheet of ours has more rows than fit.
#[allow(clippy::cast_possible_truncation)]
fn row(index: usize) -> u32 {
    index as u32
}

/// A column number: no sheet of ours has more than a dozen.
#[allow(clippy::cast_possible_truncation)]
fn column(index: usize) -> u16 {
    index as u16
}
