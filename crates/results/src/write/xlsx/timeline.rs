//! One row a second.

use measurement::record::TimelineRow;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{
    self, LegendNames, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale, whole_axis,
};
use super::style::{BLUE, GREEN, ORANGE, PURPLE, Styles, VERMILION, begin_sheet, mark_unless};
use super::{RunView, count, has_response_times, ms, row};
use crate::schema::{SheetColumn, TIMELINE_SHEET, TimelineColumn as Column};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &RunView<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows = run.timeline;
    let format = |column| match column {
        Column::Second => &styles.id,
        Column::Sent | Column::Received | Column::Failed => &styles.count,
        Column::ServiceP50 | Column::ServiceP99 | Column::ResponseP99 | Column::Max => &styles.ms,
    };
    begin_sheet(sheet, TIMELINE_SHEET, rows.len(), styles, format)?;
    mark_unless(sheet, Column::Failed, rows.len(), 0, styles)?;
    for (index, t) in rows.iter().enumerate() {
        let row = row(index + 1);
        for (column, n) in [
            (Column::Second, t.second),
            (Column::Sent, t.sent),
            (Column::Received, t.received),
            (Column::Failed, t.failed),
        ] {
            sheet.write_number(row, column.at(), count(n))?;
        }
        for (column, ns) in [
            (Column::ServiceP50, t.service_p50_ns),
            (Column::ServiceP99, t.service_p99_ns),
            (Column::ResponseP99, t.response_p99_ns),
            (Column::Max, t.max_ns),
        ] {
            if let Some(ns) = ns {
                sheet.write_number(row, column.at(), ms(ns))?;
            }
        }
    }
    let drawn = whole_seconds(run);
    if drawn.is_empty() {
        return Ok(());
    }
    messages(drawn).insert(sheet, 1)?;
    times(drawn, has_response_times(run)).insert(sheet, 1 + chart::ROWS)
}

/// All seconds but those that the end cut short, which would look like a fall.
fn whole_seconds<'r>(run: &RunView<'r>) -> &'r [TimelineRow] {
    let is_whole = |t: &&TimelineRow| (t.second + 1) as f64 <= run.summary.elapsed_s;
    match run.timeline.iter().take_while(is_whole).count() {
        0 => run.timeline,
        whole => &run.timeline[..whole],
    }
}

fn line(name: &'static str, column: Column, colour: u32, style: LineStyle) -> SheetLine<'static> {
    SheetLine {
        name,
        column: column.at(),
        colour,
        style,
    }
}

fn chart_of(
    drawn: &[TimelineRow],
    title: &str,
    y: SheetAxis<'static>,
    lines: Vec<SheetLine<'static>>,
) -> SheetChart<'static> {
    SheetChart {
        sheet: TIMELINE_SHEET,
        columns: Column::ALL.len(),
        last_row: row(drawn.len()),
        title: title.to_owned(),
        x: whole_axis(
            "seconds since T0",
            drawn.len() > 1,
            f64::from(row(drawn.len() - 1)),
        ),
        x_column: Column::Second.at(),
        y,
        names: LegendNames::OfLines,
        lines,
    }
}

fn messages(drawn: &[TimelineRow]) -> SheetChart<'static> {
    // Dots on the line: the two mostly agree.
    let mut lines = vec![
        line("sent", Column::Sent, BLUE, LineStyle::Line(1.75)),
        line("received", Column::Received, ORANGE, LineStyle::Dots),
    ];
    if drawn.iter().any(|t| t.failed > 0) {
        let style = LineStyle::Line(1.75);
        lines.push(line("failed", Column::Failed, VERMILION, style));
    }
    let y = SheetAxis {
        name: "messages",
        format: "#,##0",
        scale: SheetScale::Linear { end: None },
    };
    chart_of(drawn, "Messages in each second", y, lines)
}

fn times(drawn: &[TimelineRow], has_response_times: bool) -> SheetChart<'static> {
    let medians = || drawn.iter().filter_map(|t| t.service_p50_ns);
    let scale = SheetScale::of_times(
        medians().min().unwrap_or(0),
        medians().max().unwrap_or(0),
        drawn.iter().filter_map(|t| t.max_ns).max().unwrap_or(0),
    );
    let solid = LineStyle::Line;
    let mut lines = vec![
        line("largest", Column::Max, ORANGE, solid(1.25)),
        line(
            "service time p99",
            Column::ServiceP99,
            VERMILION,
            solid(1.75),
        ),
        line("service time p50", Column::ServiceP50, GREEN, solid(2.25)),
    ];
    let mut title = "Service time in each second";
    if has_response_times {
        title = "Service and response time in each second";
        let dots = LineStyle::Dots;
        let response = line("response time p99", Column::ResponseP99, PURPLE, dots);
        lines.insert(1, response);
    }
    chart_of(drawn, title, SheetAxis::of_times(scale), lines)
}
