//! The percentile table, and the distribution as HdrHistogram plots it.

use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{Axis, Line, Mark, Named, Picture, Scale};
use super::style::{BLUE, Head, Styles, VERMILION};
use super::{Run, ms, row, told_apart};
use crate::schema::{PERCENTILES_COLUMNS, PERCENTILES_SHEET};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &Run<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = run.percentiles;
    Head {
        name: PERCENTILES_SHEET,
        columns: PERCENTILES_COLUMNS,
        formats: [&styles.general, &styles.ms, &styles.ms, &styles.one_in],
    }
    .write(sheet, rows.len(), styles)?;
    let mut largest_one_in = 1.0;
    for (index, p) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, 0, p.percentile)?;
        sheet.write_number(row, 1, ms(p.service_time_ns))?;
        sheet.write_number(row, 2, ms(p.response_time_ns))?;
        if p.percentile < 100.0 {
            // Rounded, because 1/(1 − 0.9) is 10 and a bit in binary.
            let one_in = (100.0 / (100.0 - p.percentile) * 1e3).round() / 1e3;
            sheet.write_number(row, 3, one_in)?;
            largest_one_in = one_in;
        }
    }
    // The last row, the maximum, has no place on this axis.
    let Some((_, drawn @ [first, .., last])) = rows.split_last() else {
        return Ok(());
    };
    let lines = [
        Line {
            name: "service time",
            column: 1,
            colour: BLUE,
            mark: Mark::Line(2.25),
        },
        Line {
            name: "response time",
            column: 2,
            colour: VERMILION,
            mark: Mark::Line(1.75),
        },
    ];
    let middle = drawn[drawn.len() / 2];
    Picture {
        sheet: PERCENTILES_SHEET,
        columns: PERCENTILES_COLUMNS.len(),
        last_row: row(drawn.len()),
        title: match told_apart(run) {
            1 => "Service time by percentile".to_owned(),
            _ => "Service and response time by percentile".to_owned(),
        },
        x: Axis {
            name: "one message in … is slower (10: p90, 100: p99, 1,000: p99.9)",
            format: "#,##0",
            scale: Scale::Log {
                begin: 1.0,
                end: 10_f64.powf(largest_one_in.log10().ceil().max(1.0)),
            },
        },
        x_column: 3,
        y: Axis {
            name: "ms",
            format: "General",
            scale: Scale::of_times(
                first.service_time_ns,
                middle.service_time_ns,
                last.response_time_ns.max(last.service_time_ns),
            ),
        },
        named: Named::ByLine,
        lines: lines.into_iter().take(told_apart(run)).collect(),
    }
    .insert(sheet, 1)
}
