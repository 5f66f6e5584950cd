//! One row a second.

use measurement::record::TimelineRow;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{self, Axis, Line, Mark, Named, Picture, Scale};
use super::style::{BLUE, Fine, GREEN, Head, ORANGE, PURPLE, Styles, VERMILION, mark_unless};
use super::{Run, column, count, ms, row, told_apart};
use crate::schema::{TIMELINE_COLUMNS, TIMELINE_SHEET};

/// Column of the messages that failed.
const FAILED: u16 = 7;

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &Run<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = run.timeline;
    let Styles {
        id,
        count: counted,
        ms: milli,
        ..
    } = styles;
    Head {
        name: TIMELINE_SHEET,
        columns: TIMELINE_COLUMNS,
        formats: [id, counted, counted, milli, milli, milli, milli, counted],
    }
    .write(sheet, rows.len(), styles)?;
    mark_unless(sheet, FAILED, rows.len(), Fine::Zero, styles)?;
    for (index, t) in rows.iter().enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, 0, count(t.second))?;
        sheet.write_number(row, 1, count(t.sent))?;
        sheet.write_number(row, 2, count(t.received))?;
        let times = [
            t.service_p50_ns,
            t.service_p99_ns,
            t.response_p99_ns,
            t.max_ns,
        ];
        for (index, ns) in times.into_iter().enumerate() {
            if let Some(ns) = ns {
                sheet.write_number(row, column(3 + index), ms(ns))?;
            }
        }
        sheet.write_number(row, FAILED, count(t.failed))?;
    }
    // A second that was cut short by the end would look like a fall.
    #[allow(clippy::cast_precision_loss)]
    let is_whole = |t: &&TimelineRow| (t.second + 1) as f64 <= run.summary.elapsed_s;
    let whole = rows.iter().take_while(is_whole).count();
    let drawn = if whole > 0 { &rows[..whole] } else { rows };
    if drawn.is_empty() {
        return Ok(());
    }
    let picture = |title: &str, y, lines| Picture {
        sheet: TIMELINE_SHEET,
        columns: TIMELINE_COLUMNS.len(),
        last_row: row(drawn.len()),
        title: title.to_owned(),
        x: Axis {
            name: "seconds since T0",
            format: "#,##0",
            scale: Scale::Linear {
                end: (drawn.len() > 1).then(|| f64::from(row(drawn.len() - 1))),
            },
        },
        x_column: 0,
        y,
        named: Named::ByLine,
        lines,
    };
    // Dots on the line: the two mostly agree.
    let mut messages = vec![
        Line {
            name: "sent",
            column: 1,
            colour: BLUE,
            mark: Mark::Line(1.75),
        },
        Line {
            name: "received",
            column: 2,
            colour: ORANGE,
            mark: Mark::Dots,
        },
    ];
    if drawn.iter().any(|t| t.failed > 0) {
        messages.push(Line {
            name: "failed",
            column: FAILED,
            colour: VERMILION,
            mark: Mark::Line(1.75),
        });
    }
    let axis = Axis {
        name: "messages",
        format: "#,##0",
        scale: Scale::Linear { end: None },
    };
    picture("Messages in each second", axis, messages).insert(sheet, 1)?;

    let medians = || drawn.iter().filter_map(|t| t.service_p50_ns);
    let scale = Scale::of_times(
        medians().min().unwrap_or(0),
        medians().max().unwrap_or(0),
        drawn.iter().filter_map(|t| t.max_ns).max().unwrap_or(0),
    );
    let mut times = vec![
        Line {
            name: "largest",
            column: 6,
            colour: ORANGE,
            mark: Mark::Line(1.25),
        },
        Line {
            name: "service time p99",
            column: 4,
            colour: VERMILION,
            mark: Mark::Line(1.75),
        },
        Line {
            name: "service time p50",
            column: 3,
            colour: GREEN,
            mark: Mark::Line(2.25),
        },
    ];
    let title = if told_apart(run) > 1 {
        let response = Line {
            name: "response time p99",
            column: 5,
            colour: PURPLE,
            mark: Mark::Dots,
        };
        times.insert(1, response);
        "Service and response time in each second"
    } else {
        "Service time in each second"
    };
    let axis = Axis {
        name: "ms",
        format: "General",
        scale,
    };
    picture(title, axis, times).insert(sheet, 1 + chart::ROWS)
}
