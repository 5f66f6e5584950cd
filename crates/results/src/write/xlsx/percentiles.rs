//! The percentile table, and a chart of the distribution on the axes of HdrHistogram's plots.

use measurement::run::{FanOutPercentiles, PercentileRow};
use rust_xlsxwriter::Worksheet;

use super::chart::{LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale};
use super::style::{BLUE, FurtherColumn, GREEN, ORANGE, PURPLE, SKY, VERMILION, write_wide_table};
use super::{RunView, XlsxResult, column, has_response_times, ms, row};
use crate::schema::{
    CellFormat, FAN_OUT_PERCENTILE_COLUMNS, PERCENTILES_SHEET, PercentileColumn as Column,
    SheetColumn,
};

/// A percentile with the figures that the run has for it.
#[derive(Default)]
struct PercentileFigures {
    percentile: f64,
    own: Option<PercentileRow>,
    of_deliveries: Option<FanOutPercentiles>,
}

pub(super) fn write(sheet: &mut Worksheet, run: &RunView<'_>) -> XlsxResult {
    let rows = rows(run);
    let content = |p: &PercentileFigures, column| match column {
        Column::Percentile => p.percentile.into(),
        Column::ServiceTime => p.own.map(|own| ms(own.service_time_ns)).into(),
        Column::ResponseTime => p.own.map(|own| ms(own.response_time_ns)).into(),
        Column::OneIn => one_in(p.percentile).into(),
    };
    let figures: [fn(&FanOutPercentiles) -> Option<u64>; 4] = [
        |one| one.delivery_time_ns,
        |one| one.first_ns,
        |one| one.median_ns,
        |one| one.last_ns,
    ];
    let contents = figures.map(|figure| {
        move |p: &PercentileFigures| p.of_deliveries.and_then(|p| figure(&p)).map(ms).into()
    });
    let titles = FAN_OUT_PERCENTILE_COLUMNS.into_iter().zip(&contents);
    let mut further: Vec<_> = titles
        .map(|(title, content)| FurtherColumn {
            title,
            format: CellFormat::Thousandths,
            content,
        })
        .collect();
    if run.summary.fan_out.is_none() {
        further.clear();
    }
    write_wide_table(sheet, PERCENTILES_SHEET, &rows, content, &further)?;
    chart(run, &rows).map_or(Ok(()), |chart| chart.insert(sheet, 1))
}

/// The percentiles of messages and of deliveries, ascending.
fn rows(run: &RunView<'_>) -> Vec<PercentileFigures> {
    let own = run.percentiles.iter().map(|own| PercentileFigures {
        percentile: own.percentile,
        own: Some(*own),
        ..PercentileFigures::default()
    });
    let mut rows: Vec<_> = own.collect();
    let of_deliveries = run.summary.fan_out.iter();
    for one in of_deliveries.flat_map(|fan_out| &fan_out.percentiles) {
        let percentile = one.percentile;
        match rows.binary_search_by(|row| row.percentile.total_cmp(&percentile)) {
            Ok(at) => rows[at].of_deliveries = Some(*one),
            Err(at) => rows.insert(
                at,
                PercentileFigures {
                    percentile,
                    of_deliveries: Some(*one),
                    ..PercentileFigures::default()
                },
            ),
        }
    }
    rows
}

/// Computes 1/(1 − q); `None` for the maximum. Rounded, because 1/(1 − 0.9) is not exactly 10 in binary.
fn one_in(percentile: f64) -> Option<f64> {
    (percentile < 100.0).then(|| (100.0 / (100.0 - percentile) * 1e3).round() / 1e3)
}

/// `None` without messages.
fn chart(run: &RunView<'_>, rows: &[PercentileFigures]) -> Option<SheetChart<'static>> {
    // The last row, the maximum, has no place on this axis.
    let (_, drawn @ [_, .., last]) = rows.split_last()? else {
        return None;
    };
    let (title, lines) = lines(run, rows);
    let largest_one_in = one_in(last.percentile).unwrap_or(1.0);
    Some(SheetChart {
        sheet: PERCENTILES_SHEET,
        columns: Column::ALL.len() + further_columns(run),
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
        y: SheetAxis::of_times(scale(drawn)?),
        are_names_in_header: false,
        lines,
    })
}

/// Number of the columns behind those of every run.
fn further_columns(run: &RunView<'_>) -> usize {
    match run.summary.fan_out {
        Some(_) => FAN_OUT_PERCENTILE_COLUMNS.len(),
        None => 0,
    }
}

fn lines(run: &RunView<'_>, rows: &[PercentileFigures]) -> (&'static str, Vec<SheetLine<'static>>) {
    let (wide, narrow) = (LineStyle::Line(2.25), LineStyle::Line(1.75));
    let mut lines = Vec::new();
    let mut title = "Service time by percentile";
    let has_own = rows.iter().any(|row| row.own.is_some());
    if has_own {
        lines.push(("service time", Column::ServiceTime.at(), BLUE, wide));
    }
    if has_own && has_response_times(run) {
        title = "Service and response time by percentile";
        let response = Column::ResponseTime.at();
        lines.push(("response time", response, VERMILION, narrow));
    }
    if run.summary.fan_out.is_some() {
        title = "Times by percentile";
        let names = [
            "delivery",
            "first receiver",
            "median receiver",
            "last receiver",
        ];
        let columns = (Column::ALL.len()..).map(column);
        let named = names.into_iter().zip(columns);
        let named = named.zip([PURPLE, GREEN, SKY, ORANGE]);
        lines.extend(named.map(|((name, column), colour)| (name, column, colour, narrow)));
    }
    (title, lines)
}

/// The scale of the times from the first to the last row; `None` without times.
fn scale(drawn: &[PercentileFigures]) -> Option<SheetScale> {
    let own = |row: &PercentileFigures| {
        let own = row.own.as_ref()?;
        let larger = own.response_time_ns.max(own.service_time_ns);
        Some((own.service_time_ns, larger))
    };
    let of_deliveries = |row: &PercentileFigures| {
        let one = row.of_deliveries.as_ref()?;
        let times = [
            one.delivery_time_ns,
            one.first_ns,
            one.median_ns,
            one.last_ns,
        ];
        let known = || times.into_iter().flatten();
        Some((known().min()?, known().max()?))
    };
    let ends = |row: &PercentileFigures| {
        let ends = [own(row), of_deliveries(row)];
        ends.into_iter()
            .flatten()
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    };
    let known: Vec<_> = drawn.iter().filter_map(ends).collect();
    let typical = known.get(known.len() / 2)?.0;
    Some(SheetScale::of_times(
        known.first()?.0,
        typical,
        known.last()?.1,
    ))
}
