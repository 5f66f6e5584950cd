//! The latency with its moving average, at no more points than a chart can show.

use std::num::NonZeroUsize;

use measurement::moving_average::{MovingGroup, groups};
use measurement::record::Sample;
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::chart::{self, Axis, Line, Mark, Named, Picture, Scale};
use super::style::{BLUE, Head, ORANGE, SKY, Styles, VERMILION};
use super::{Run, count, ms, row, seconds, told_apart};
use crate::schema::{MOVING_AVERAGE_COLUMNS, MOVING_AVERAGE_SHEET, MOVING_AVERAGE_WINDOW};

/// Rows at most: more points could not be told apart in the chart.
const MOST: NonZeroUsize = NonZeroUsize::new(500).unwrap();

pub(super) fn write(
    sheet: &mut Worksheet,
    run: &Run<'_>,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let timed = || run.samples.iter().filter(|s| s.outcome.is_timed());
    let of = |time: fn(&Sample) -> Option<u64>| {
        groups(timed().filter_map(time), MOVING_AVERAGE_WINDOW, MOST)
    };
    let service = of(Sample::service_time_ns);
    let response = match told_apart(run) {
        1 => service.clone(),
        _ => of(Sample::response_time_ns),
    };
    let Styles {
        count: counted,
        seconds: second,
        ms: m,
        ..
    } = styles;
    Head {
        name: MOVING_AVERAGE_SHEET,
        columns: MOVING_AVERAGE_COLUMNS,
        formats: [counted, second, m, m, m, m, m, m, m, m],
    }
    .write(sheet, service.len(), styles)?;
    let (mut samples, mut passed) = (timed(), 0);
    for (index, (service, response)) in service.iter().zip(&response).enumerate() {
        let row = row(index + 1);
        sheet.write_number(row, 0, count(service.last as u64))?;
        if let Some(sample) = samples.nth(service.last - passed - 1) {
            sheet.write_number(row, 1, seconds(sample.sent_ns))?;
        }
        passed = service.last;
        for (group, first) in [(service, 2), (response, 6)] {
            if let Some(ns) = group.average {
                sheet.write_number(row, first, ns / 1e6)?;
            }
            sheet.write_number(row, first + 1, ms(group.min))?;
            sheet.write_number(row, first + 2, ms(group.p99))?;
            sheet.write_number(row, first + 3, ms(group.max))?;
        }
    }
    let times = [
        ("Service time", &service, 2),
        ("Response time", &response, 6),
    ];
    for (nth, (name, groups, first)) in times.into_iter().take(told_apart(run)).enumerate() {
        if let Some(picture) = picture(run, name, groups, first) {
            picture.insert(sheet, 1 + row(nth) * chart::ROWS)?;
        }
    }
    Ok(())
}

/// `None` without messages.
fn picture(
    run: &Run<'_>,
    name: &str,
    groups: &[MovingGroup],
    first: u16,
) -> Option<Picture<'static>> {
    let (begin, end) = (groups.first()?, groups.last()?);
    let kept = (run.samples.len() as u64) < run.summary.messages.sent;
    let line = |name, nth, colour, mark| Line {
        name,
        column: first + nth,
        colour,
        mark,
    };
    let size = begin.last;
    let mut title = match end.average {
        Some(_) => format!("{name}, average of the last {MOVING_AVERAGE_WINDOW} messages"),
        // Too few for a single one.
        None => format!("{name} of each message"),
    };
    // Dots leave the line in sight, whichever a program draws first.
    let mut lines = if size > 1 {
        title = format!("{title}, and the range of each {size}");
        vec![
            line("largest", 3, ORANGE, Mark::Dots),
            line("smallest", 1, SKY, Mark::Dots),
        ]
    } else {
        vec![line("each message", 3, SKY, Mark::Dots)]
    };
    if size >= 100 {
        lines.push(line("p99", 2, VERMILION, Mark::Line(1.0)));
    }
    if end.average.is_some() {
        lines.push(line("moving average", 0, BLUE, Mark::Line(2.0)));
    }
    let middle = {
        let mut p99s: Vec<_> = groups.iter().map(|g| g.p99).collect();
        let middle = p99s.len() / 2;
        *p99s.select_nth_unstable(middle).1
    };
    Some(Picture {
        sheet: MOVING_AVERAGE_SHEET,
        columns: MOVING_AVERAGE_COLUMNS.len(),
        last_row: row(groups.len()),
        title,
        x: Axis {
            name: if kept {
                "message, of those kept, in the order of sending"
            } else {
                "message, in the order of sending"
            },
            format: "#,##0",
            scale: Scale::Linear {
                end: (end.last > 1).then_some(count(end.last as u64)),
            },
        },
        x_column: 0,
        y: Axis {
            name: "ms",
            format: "General",
            scale: Scale::of_times(
                groups.iter().map(|g| g.min).min()?,
                middle,
                groups.iter().map(|g| g.max).max()?,
            ),
        },
        named: Named::ByLine,
        lines,
    })
}
