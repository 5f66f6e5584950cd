//! The sheet of the latency with its moving average ([`measurement::moving_average`]), at no more points than a chart
//! can show.

use std::num::NonZeroUsize;

use measurement::moving_average::{MovingGroup, groups};
use measurement::record::Sample;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{
    self, LegendNames, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale, whole_axis,
};
use super::style::{BLUE, ORANGE, SKY, Styles, VERMILION, begin_sheet};
use super::{RunView, count, has_response_times, ms, row, seconds};
use crate::schema::{
    MOVING_AVERAGE_SHEET, MOVING_AVERAGE_WINDOW, MovingAverageColumn as Column, SheetColumn,
};

/// Rows at most: more points could not be distinguished in the chart.
const MOST: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// The columns of one of the two times.
struct TimeColumns {
    average: Column,
    min: Column,
    p99: Column,
    max: Column,
}

const SERVICE: TimeColumns = TimeColumns {
    average: Column::ServiceAverage,
    min: Column::ServiceMin,
    p99: Column::ServiceP99,
    max: Column::ServiceMax,
};

const RESPONSE: TimeColumns = TimeColumns {
    average: Column::ResponseAverage,
    min: Column::ResponseMin,
    p99: Column::ResponseP99,
    max: Column::ResponseMax,
};

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &RunView<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let timed = || run.samples.iter().filter(|s| s.outcome.is_timed());
    let of = |time: fn(&Sample) -> Option<u64>| {
        groups(timed().filter_map(time), MOVING_AVERAGE_WINDOW, MOST)
    };
    let service = of(Sample::service_time_ns);
    let response = if has_response_times(run) {
        of(Sample::response_time_ns)
    } else {
        service.clone()
    };
    let format = |column| match column {
        Column::Message => &styles.count,
        Column::Sent => &styles.seconds,
        _ => &styles.ms,
    };
    begin_sheet(sheet, MOVING_AVERAGE_SHEET, service.len(), styles, format)?;
    let (mut samples, mut passed) = (timed(), 0);
    for (index, (service, response)) in service.iter().zip(&response).enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, Column::Message.at(), count(service.last as u64))?;
        if let Some(sample) = samples.nth(service.last - passed - 1) {
            sheet.write_number(row, Column::Sent.at(), seconds(sample.sent_ns))?;
        }
        passed = service.last;
        for (group, columns) in [(service, SERVICE), (response, RESPONSE)] {
            if let Some(ns) = group.average {
                sheet.write_number(row, columns.average.at(), ns / 1e6)?;
            }
            sheet.write_number(row, columns.min.at(), ms(group.min))?;
            sheet.write_number(row, columns.p99.at(), ms(group.p99))?;
            sheet.write_number(row, columns.max.at(), ms(group.max))?;
        }
    }
    let is_sample = (run.samples.len() as u64) < run.summary.messages.sent;
    if let Some(chart) = chart_of("Service time", &service, &SERVICE, is_sample) {
        chart.insert(sheet, 1)?;
    }
    if has_response_times(run)
        && let Some(chart) = chart_of("Response time", &response, &RESPONSE, is_sample)
    {
        chart.insert(sheet, 1 + chart::ROWS)?;
    }
    Ok(())
}

/// `None` without messages.
fn chart_of(
    name: &str,
    groups: &[MovingGroup],
    columns: &TimeColumns,
    is_sample: bool,
) -> Option<SheetChart<'static>> {
    let (first, last) = (groups.first()?, groups.last()?);
    let (title, lines) = title_and_lines(name, first.last, last.average.is_some(), columns);
    let middle = {
        let mut p99s: Vec<_> = groups.iter().map(|g| g.p99).collect();
        let middle = p99s.len() / 2;
        *p99s.select_nth_unstable(middle).1
    };
    let x = if is_sample {
        "message, of those kept, in the order of sending"
    } else {
        "message, in the order of sending"
    };
    Some(SheetChart {
        sheet: MOVING_AVERAGE_SHEET,
        columns: Column::ALL.len(),
        last_row: row(groups.len()),
        title,
        x: whole_axis(x, last.last > 1, count(last.last as u64)),
        x_column: Column::Message.at(),
        y: SheetAxis::of_times(SheetScale::of_times(
            groups.iter().map(|g| g.min).min()?,
            middle,
            groups.iter().map(|g| g.max).max()?,
        )),
        names: LegendNames::OfLines,
        lines,
    })
}

/// The chart's title, and its lines for groups of this size.
fn title_and_lines(
    name: &str,
    size: usize,
    has_average: bool,
    columns: &TimeColumns,
) -> (String, Vec<SheetLine<'static>>) {
    let line = |name, column: Column, colour, style| SheetLine {
        name,
        column: column.at(),
        colour,
        style,
    };
    let mut title = if has_average {
        format!("{name}, average of the last {MOVING_AVERAGE_WINDOW} messages")
    } else {
        // Too few for a single one.
        format!("{name} of each message")
    };
    // Dots leave the line in sight, whichever a program draws first.
    let mut lines = if size > 1 {
        title = format!("{title}, and the range of each {size}");
        vec![
            line("largest", columns.max, ORANGE, LineStyle::Dots),
            line("smallest", columns.min, SKY, LineStyle::Dots),
        ]
    } else {
        vec![line("each message", columns.max, SKY, LineStyle::Dots)]
    };
    if size >= 100 {
        lines.push(line("p99", columns.p99, VERMILION, LineStyle::Line(1.0)));
    }
    if has_average {
        let style = LineStyle::Line(2.0);
        lines.push(line("moving average", columns.average, BLUE, style));
    }
    (title, lines)
}
