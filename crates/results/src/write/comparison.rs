//! A comparison of servers as a workbook and as JSON.

use std::io::{Seek, Write};

use measurement::comparison::{Comparison, Decision, Figure, RoundRow, RunRow};
use rust_xlsxwriter::{
    Chart, ChartMarker, ChartType, Format, FormatAlign, Workbook, Worksheet, XlsxError,
};
use serde_json::Value;

use crate::schema::{
    BY_ROUND_SHEETS, COMPARED_COLUMNS, COMPARED_SHEET, COMPARISON_SHEET, ROUNDS_COLUMNS,
    ROUNDS_SHEET, SUMMARY_COLUMNS,
};

/// Rounds up to which a chart's lines have markers: beyond, they would hide each other.
const FEW_ROUNDS: usize = 60;

/// The comparison as one JSON document, with a newline at its end.
///
/// # Errors
/// Only if a number in it has no JSON form.
pub fn to_json(comparison: &Comparison) -> serde_json::Result<String> {
    serde_json::to_string_pretty(comparison).map(|text| text + "\n")
}

/// Writes the comparison as a workbook: what can be said of each figure, every round, the charts of
/// throughput and response time by round, and all the rest as keys and values.
///
/// # Errors
/// When the workbook cannot be put together or written.
pub(crate) fn write_xlsx(
    comparison: &Comparison,
    file: impl Write + Seek + Send,
) -> Result<(), XlsxError> {
    let mut workbook = Workbook::new();
    let styles = Styles::new();
    compared(workbook.add_worksheet(), comparison, &styles)?;
    rounds(workbook.add_worksheet(), comparison, &styles)?;
    for (name, figure) in BY_ROUND_SHEETS {
        by_round(workbook.add_worksheet(), comparison, name, figure, &styles)?;
    }
    keys(workbook.add_worksheet(), comparison, &styles)?;
    workbook.save_to_writer(file)
}

struct Styles {
    header: Format,
    text: Format,
    whole: Format,
    ratio: Format,
    ms: Format,
    seconds: Format,
}

impl Styles {
    fn new() -> Self {
        let number = |form: &str| Format::new().set_num_format(form);
        Self {
            header: Format::new().set_bold(),
            text: Format::new().set_align(FormatAlign::Left),
            whole: number("#,##0"),
            ratio: number("0.000"),
            ms: number("#,##0.000"),
            seconds: number("0.000"),
        }
    }

    /// How values of a figure are shown, in the unit of its column.
    fn of(&self, figure: Figure) -> &Format {
        match figure {
            Figure::Throughput | Figure::MessagesPerCpuS | Figure::MemoryPerConnection => {
                &self.whole
            }
            _ => &self.ms,
        }
    }
}

/// A value of a figure in the unit of its column: times in milliseconds, as people compare them.
fn shown(figure: Figure, value: f64) -> f64 {
    match figure.unit() {
        "ns" => value / 1e6,
        _ => value,
    }
}

fn unit(figure: Figure) -> &'static str {
    match figure.unit() {
        "ns" => "ms",
        unit => unit,
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
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    sheet.autofilter(0, 0, row(rows), column(columns.len().saturating_sub(1)))?;
    for (index, title) in columns.iter().enumerate() {
        // Room for the title and the filter's button.
        let width = u16::try_from(title.chars().count().max(8) + 4).unwrap_or(u16::MAX);
        sheet.set_column_width(column(index), f64::from(width))?;
        sheet.write_with_format(0, column(index), *title, &styles.header)?;
    }
    Ok(())
}

fn compared(sheet: &mut Worksheet, c: &Comparison, styles: &Styles) -> Result<(), XlsxError> {
    let rows: usize = c.figures.iter().map(|row| row.servers.len()).sum();
    head(sheet, COMPARED_SHEET, &COMPARED_COLUMNS, rows, styles)?;
    sheet.set_column_width(0, 24)?;
    sheet.set_column_width(10, 56)?;
    let mut at = 0;
    for figure in &c.figures {
        for server in &figure.servers {
            at += 1;
            let row = row(at);
            sheet.write(row, 0, figure.figure.key())?;
            sheet.write(row, 1, unit(figure.figure))?;
            sheet.write(row, 2, &server.server)?;
            if let Some(median) = server.median {
                let value = shown(figure.figure, median);
                sheet.write_with_format(row, 3, value, styles.of(figure.figure))?;
            }
            sheet.write(row, 4, server.rounds)?;
            let Some(against) = figure.against.iter().find(|a| a.server == server.server) else {
                continue;
            };
            sheet.write(row, 5, &against.reference)?;
            for (index, value) in [against.ratio, against.low, against.high]
                .into_iter()
                .enumerate()
            {
                if let Some(value) = value {
                    sheet.write_with_format(row, column(6 + index), value, &styles.ratio)?;
                }
            }
            sheet.write(
                row,
                9,
                match against.verdict {
                    Decision::Better => "better",
                    Decision::Worse => "worse",
                    Decision::CannotTell => "cannot tell",
                },
            )?;
            sheet.write(row, 10, &against.text)?;
            if let Some(more) = against.more_rounds {
                // Far below 2^53.
                #[allow(clippy::cast_precision_loss)]
                sheet.write(row, 11, more as f64)?;
            }
        }
    }
    Ok(())
}

fn rounds(sheet: &mut Worksheet, c: &Comparison, styles: &Styles) -> Result<(), XlsxError> {
    head(sheet, ROUNDS_SHEET, &ROUNDS_COLUMNS, c.rounds.len(), styles)?;
    for (index, r) in c.rounds.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, r.round)?;
        sheet.write(row, 1, r.turn)?;
        sheet.write(row, 2, &r.server)?;
        if let Some(ready_s) = r.ready_s {
            sheet.write_with_format(row, 3, ready_s, &styles.seconds)?;
        }
        let runs = [(4, r.capacity.as_ref()), (11, r.latency.as_ref())];
        for (first, run) in runs {
            if let Some(run) = run {
                write_run(sheet, row, first, run, styles)?;
            }
        }
        if let Some(value) = r.capacity.as_ref().and_then(|run| run.messages_per_cpu_s) {
            sheet.write_with_format(row, 18, value, &styles.whole)?;
        }
        if let Some(value) = r.memory_per_connection_bytes {
            sheet.write_with_format(row, 19, value, &styles.whole)?;
        }
        if let Some(failure) = &r.failure {
            sheet.write(row, 20, failure)?;
        }
    }
    Ok(())
}

/// Seven columns of a run.
fn write_run(
    sheet: &mut Worksheet,
    row: u32,
    first: u16,
    run: &RunRow,
    styles: &Styles,
) -> Result<(), XlsxError> {
    sheet.write(row, first, run.verdict.name())?;
    if let Some(cut_s) = run.cut_s {
        sheet.write_with_format(row, first + 1, cut_s, &styles.seconds)?;
    }
    sheet.write_with_format(row, first + 2, run.messages_per_s, &styles.whole)?;
    for (index, ns) in [run.p50_ns, run.p99_ns, run.p99_9_ns]
        .into_iter()
        .enumerate()
    {
        if let Some(ns) = ns {
            let column = first + 3 + column(index);
            sheet.write_with_format(row, column, ns / 1e6, &styles.ms)?;
        }
    }
    // Far below 2^53.
    #[allow(clippy::cast_precision_loss)]
    sheet.write_with_format(row, first + 6, run.failed_messages as f64, &styles.whole)?;
    Ok(())
}

/// A figure with one column a server and one row a round, and its chart.
fn by_round(
    sheet: &mut Worksheet,
    c: &Comparison,
    name: &str,
    figure: Figure,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let servers: Vec<&str> = c.compared().map(|s| s.name.as_str()).collect();
    let columns: Vec<&str> = std::iter::once("round")
        .chain(servers.iter().copied())
        .collect();
    let last = c.rounds.iter().map(|r| r.round).max().unwrap_or(0) as usize;
    head(sheet, name, &columns, last, styles)?;
    for number in 1..=last {
        let row = row(number);
        sheet.write(row, 0, row)?;
        for (index, server) in servers.iter().enumerate() {
            let is_it = |r: &&RoundRow| r.round == row && r.server == *server;
            let value = c.rounds.iter().find(is_it).and_then(|r| figure.of(r));
            if let Some(value) = value {
                let value = shown(figure, value);
                sheet.write_with_format(row, column(1 + index), value, styles.of(figure))?;
            }
        }
    }
    if last == 0 || servers.is_empty() {
        return Ok(());
    }
    let mut chart = Chart::new(ChartType::Line);
    chart
        .title()
        .set_name(&format!("{} by round", figure.short_name()));
    chart.x_axis().set_name("round");
    chart.y_axis().set_name(unit(figure));
    for index in 0..servers.len() {
        let at = column(1 + index);
        let series = chart.add_series();
        series
            .set_name((name, 0, at))
            .set_categories((name, 1, 0, row(last), 0))
            .set_values((name, 1, at, row(last), at));
        if last <= FEW_ROUNDS {
            series.set_marker(ChartMarker::new().set_automatic());
        }
    }
    chart.set_width(720).set_height(400);
    sheet.insert_chart(1, column(columns.len() + 1), &chart)?;
    Ok(())
}

/// All that is not in the other sheets, as keys and values.
fn keys(sheet: &mut Worksheet, c: &Comparison, styles: &Styles) -> Result<(), XlsxError> {
    // A comparison of ours always has a JSON form.
    let mut value = serde_json::to_value(c).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        for elsewhere in ["rounds", "figures"] {
            object.remove(elsewhere);
        }
    }
    let mut rows = Vec::new();
    super::xlsx::flatten("", &value, &mut rows);
    head(
        sheet,
        COMPARISON_SHEET,
        &SUMMARY_COLUMNS,
        rows.len(),
        styles,
    )?;
    sheet.set_column_width(0, 36)?;
    sheet.set_column_width(1, 64)?;
    for (index, (key, value)) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write(row, 0, key)?;
        match value {
            Value::Bool(value) => sheet.write_with_format(row, 1, *value, &styles.text)?,
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                sheet.write_with_format(row, 1, number, &styles.text)?
            }
            Value::String(text) => sheet.write(row, 1, text)?,
            _ => sheet,
        };
    }
    Ok(())
}

/// A row number: nobody waits for as many rounds as do not fit.
#[allow(clippy::cast_possible_truncation)]
fn row(index: usize) -> u32 {
    index as u32
}

/// A column number: there are a few dozen at most.
#[allow(clippy::cast_possible_truncation)]
fn column(index: usize) -> u16 {
    index as u16
}
