//! The percentile table, and a chart of the distribution on the axes of HdrHistogram's plots.

use measurement::run::PercentileRow;
use rust_xlsxwriter::Worksheet;

use super::chart::{LineStyle, SheetAxis, SheetChart, SheetScale};
use super::style::{BLUE, VERMILION, write_table};
use super::{RunView, XlsxResult, has_response_times, ms, row};
use crate::schema::{PERCENTILES_SHEET, PercentileColumn as Column, SheetColumn};

pub(super) fn write(sheet: &mut Worksheet, run: &RunView<'_>) -> XlsxResult {
    let content = |p: &PercentileRow, column| match column {
        Column::Percentile => p.percentile.into(),
        Column::ServiceTime => ms(p.service_time_ns).into(),
        Column::ResponseTime => ms(p.response_time_ns).into(),
        Column::OneIn => one_in(p).into(),
    };
    write_table(sheet, PERCENTILES_SHEET, run.percentiles, content)?;
    chart(run).map_or(Ok(()), |chart| chart.insert(sheet, 1))
}

/// Computes 1/(1 − q); `None` for the maximum. Rounded, because 1/(1 − 0.9) is not exactly 10 in binary.
fn one_in(p: &PercentileRow) -> Option<f64> {
    (p.percentile < 100.0).then(|| (100.0 / (100.0 - p.percentile) * 1e3).round() / 1e3)
}

/// `None` without messages.
fn chart(run: &RunView<'_>) -> Option<SheetChart<'static>> {
    // The last row, the maximum, has no place on this axis.
    let (_, drawn @ [first, .., last]) = run.percentiles.split_last()? else {
        return None;
    };
    let (wide, narrow) = (LineStyle::Line(2.25), LineStyle::Line(1.75));
    let mut lines = vec![("service time", Column::ServiceTime.at(), BLUE, wide)];
    let mut title = "Service time by percentile";
    if has_response_times(run) {
        title = "Service and response time by percentile";
        lines.push((
            "response time",
            Column::ResponseTime.at(),
            VERMILION,
            narrow,
        ));
    }
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
            drawn[drawn.len() / 2].service_time_ns,
            last.response_time_ns.max(last.service_time_ns),
        )),
        are_names_in_header: false,
        lines,
    })
}
