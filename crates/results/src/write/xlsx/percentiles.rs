//! The percentile table, and the distribution on the axes of HdrHistogram's plots.

use measurement::run::PercentileRow;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{LegendNames, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale};
use super::style::{BLUE, Styles, VERMILION, begin_sheet};
use super::{RunView, has_response_times, ms, row};
use crate::schema::{PERCENTILES_SHEET, PercentileColumn as Column, SheetColumn};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &RunView<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = run.percentiles;
    let format = |column| match column {
        Column::Percentile => &styles.general,
        Column::ServiceTime | Column::ResponseTime => &styles.ms,
        Column::OneIn => &styles.one_in,
    };
    begin_sheet(sheet, PERCENTILES_SHEET, rows.len(), styles, format)?;
    for (index, p) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, Column::Percentile.at(), p.percentile)?;
        sheet.write_number(row, Column::ServiceTime.at(), ms(p.service_time_ns))?;
        sheet.write_number(row, Column::ResponseTime.at(), ms(p.response_time_ns))?;
        if let Some(one_in) = one_in(p) {
            sheet.write_number(row, Column::OneIn.at(), one_in)?;
        }
    }
    match chart(run) {
        Some(chart) => chart.insert(sheet, 1),
        None => Ok(()),
    }
}

/// 1/(1 − q); `None` for the maximum. Rounded, because 1/(1 − 0.9) is 10 and a bit in binary.
fn one_in(p: &PercentileRow) -> Option<f64> {
    (p.percentile < 100.0).then(|| (100.0 / (100.0 - p.percentile) * 1e3).round() / 1e3)
}

/// `None` without messages.
fn chart(run: &RunView<'_>) -> Option<SheetChart<'static>> {
    // The last row, the maximum, has no place on this axis.
    let (_, drawn @ [first, .., last]) = run.percentiles.split_last()? else {
        return None;
    };
    let line = |name, column: Column, colour, width| SheetLine {
        name,
        column: column.at(),
        colour,
        style: LineStyle::Line(width),
    };
    let mut lines = vec![line("service time", Column::ServiceTime, BLUE, 2.25)];
    let mut title = "Service time by percentile";
    if has_response_times(run) {
        title = "Service and response time by percentile";
        lines.push(line("response time", Column::ResponseTime, VERMILION, 1.75));
    }
    let middle = drawn[drawn.len() / 2];
    let largest_one_in = one_in(last).unwrap_or(1.0);
    Some(SheetChart {
        sheet: PERCENTILES_SHEET,
        columns: Column::ALL.len(),
        last_row: row(drawn.len()),
        title: title.to_owned(),
        x: SheetAxis {
            name: "one message in … is slower (10: p90, 100: p99, 1,000: p99.9)",
            format: "#,##0",
            scale: SheetScale::Log {
                begin: 1.0,
                end: 10_f64.powf(largest_one_in.log10().ceil().max(1.0)),
            },
        },
        x_column: Column::OneIn.at(),
        y: SheetAxis::of_times(SheetScale::of_times(
            first.service_time_ns,
            middle.service_time_ns,
            last.response_time_ns.max(last.service_time_ns),
        )),
        names: LegendNames::OfLines,
        lines,
    })
}
