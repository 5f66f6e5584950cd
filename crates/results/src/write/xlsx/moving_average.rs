//! The sheet of the latency with its moving average ([`measurement::moving_average`]), with as many points as a chart can
//! show.

use std::num::NonZeroUsize;

use measurement::moving_average::{MovingGroup, groups};
use measurement::record::Sample;
use rust_xlsxwriter::Worksheet;

use super::chart::{self, LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale, whole_axis};
use super::style::{BLUE, ORANGE, SKY, VERMILION, write_table};
use super::{RunView, XlsxResult, count, has_response_times, ms, row, seconds};
use crate::schema::{
    MOVING_AVERAGE_SHEET, MOVING_AVERAGE_WINDOW, MovingAverageColumn as Column, SheetColumn,
};

/// Largest number of rows: more points could not be distinguished in the chart.
const MOST: NonZeroUsize = NonZeroUsize::new(500).unwrap();

/// Columns of average, minimum, p99 and maximum of one of the two times.
type TimeColumns = [Column; 4];

const SERVICE: TimeColumns = [
    Column::ServiceAverage,
    Column::ServiceMin,
    Column::ServiceP99,
    Column::ServiceMax,
];

const RESPONSE: TimeColumns = [
    Column::ResponseAverage,
    Column::ResponseMin,
    Column::ResponseP99,
    Column::ResponseMax,
];

/// The groups of service and response times, and the last of their messages.
type AverageRow<'r> = (&'r MovingGroup, &'r MovingGroup, Option<&'r Sample>);

pub(super) fn write(sheet: &mut Worksheet, run: &RunView<'_>) -> XlsxResult {
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
    let (mut samples, mut passed) = (timed(), 0);
    let rows = service.iter().zip(&response).map(|(service, response)| {
        let last = samples.nth(service.last - passed - 1);
        passed = service.last;
        (service, response, last)
    });
    let rows: Vec<AverageRow<'_>> = rows.collect();
    let content = |(service, response, last): &AverageRow<'_>, column| match column {
        Column::Message => count(service.last as u64).into(),
        Column::Sent => last.map(|sample| seconds(sample.sent_ns)).into(),
        Column::ServiceAverage => service.average.map(|ns| ns / 1e6).into(),
        Column::ServiceMin => ms(service.min).into(),
        Column::ServiceP99 => ms(service.p99).into(),
        Column::ServiceMax => ms(service.max).into(),
        Column::ResponseAverage => response.average.map(|ns| ns / 1e6).into(),
        Column::ResponseMin => ms(response.min).into(),
        Column::ResponseP99 => ms(response.p99).into(),
        Column::ResponseMax => ms(response.max).into(),
    };
    write_table(sheet, MOVING_AVERAGE_SHEET, &rows, content)?;
    let is_sample = (run.samples.len() as u64) < run.summary.messages.sent;
    if let Some(chart) = chart_of("Service time", &service, SERVICE, is_sample) {
        chart.insert(sheet, 1)?;
    }
    if has_response_times(run)
        && let Some(chart) = chart_of("Response time", &response, RESPONSE, is_sample)
    {
        chart.insert(sheet, 1 + chart::ROWS)?;
    }
    Ok(())
}

/// `None` without messages.
fn chart_of(
    name: &str,
    groups: &[MovingGroup],
    columns: TimeColumns,
    is_sample: bool,
) -> Option<SheetChart<'static>> {
    let (first, last) = (groups.first()?, groups.last()?);
    let (title, lines) = title_and_lines(name, first.last, last.average.is_some(), columns);
    let mut p99s: Vec<_> = groups.iter().map(|g| g.p99).collect();
    let middle = p99s.len() / 2;
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
            *p99s.select_nth_unstable(middle).1,
            groups.iter().map(|g| g.max).max()?,
        )),
        are_names_in_header: false,
        lines,
    })
}

/// The chart's title, and its lines for groups of this size.
fn title_and_lines(
    name: &str,
    size: usize,
    has_average: bool,
    [average, min, p99, max]: TimeColumns,
) -> (String, Vec<SheetLine<'static>>) {
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
            ("largest", max.at(), ORANGE, LineStyle::Dots),
            ("smallest", min.at(), SKY, LineStyle::Dots),
        ]
    } else {
        vec![("each message", max.at(), SKY, LineStyle::Dots)]
    };
    if size >= 100 {
        lines.push(("p99", p99.at(), VERMILION, LineStyle::Line(1.0)));
    }
    if has_average {
        let style = LineStyle::Line(2.0);
        lines.push(("moving average", average.at(), BLUE, style));
    }
    (title, lines)
}
