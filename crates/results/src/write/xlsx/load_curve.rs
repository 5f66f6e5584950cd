//! Steps of a capacity search or points of a sweep, one row each, with a chart of their response times.

use measurement::run::{LoadStep, Summary, TimeInterval};
use rust_xlsxwriter::{Workbook, Worksheet};

use super::chart::{LineStyle, SheetAxis, SheetChart, SheetLine, SheetScale};
use super::style::{BLUE, GREEN, VERMILION, mark_unless, write_table};
use super::{XlsxResult, chunks, count, ms, row};
use crate::schema::{LOAD_CURVE_SHEET, LoadCurveColumn as Column, SheetColumn, further_sheet};

/// Ratio of the largest to the smallest rate from which the axis of rates is logarithmic.
const DECADE: f64 = 10.0;

/// Writes one sheet for every N steps, and at least one; none for a run that is neither a search nor a sweep.
pub(super) fn write(
    workbook: &mut Workbook,
    summary: &Summary,
    rows_per_sheet: usize,
) -> XlsxResult {
    let Some(steps) = summary.load_steps() else {
        return Ok(());
    };
    for (index, steps) in chunks(steps, rows_per_sheet) {
        let sheet = workbook.add_worksheet();
        write_steps(sheet, &further_sheet(LOAD_CURVE_SHEET, index), steps)?;
        if index == 0
            && let Some(chart) = chart(steps, summary.load_curve.is_some())
        {
            chart.insert(sheet, 1)?;
        }
    }
    Ok(())
}

fn write_steps(sheet: &mut Worksheet, name: &str, steps: &[LoadStep]) -> XlsxResult {
    let low = |interval: Option<TimeInterval>| interval.map(|interval| ms(interval.low_ns));
    let high = |interval: Option<TimeInterval>| interval.map(|interval| ms(interval.high_ns));
    let content = |step: &LoadStep, column| match column {
        Column::Offered => step.offered_per_s.into(),
        Column::Achieved => step.achieved_per_s.into(),
        Column::From => step.from.name().into(),
        Column::Held => step.held.into(),
        Column::Seconds => step.seconds.into(),
        Column::P50 => step.response_p50_ns.map(ms).into(),
        Column::P99 => step.response_p99_ns.map(ms).into(),
        Column::P999 => step.response_p99_9_ns.map(ms).into(),
        Column::Failed => count(step.failed).into(),
        Column::Unsent => count(step.unsent).into(),
        Column::ServerCpu => step.server_cpu_share.into(),
        Column::Due => count(step.due).into(),
        Column::Start => step.start_s.into(),
        Column::Settle => step.settle_s.into(),
        Column::Lead => step.lead_per_s.into(),
        Column::P50Low => low(step.response_p50_interval).into(),
        Column::P50High => high(step.response_p50_interval).into(),
        Column::P99Low => low(step.response_p99_interval).into(),
        Column::P99High => high(step.response_p99_interval).into(),
        Column::P999Low => low(step.response_p99_9_interval).into(),
        Column::P999High => high(step.response_p99_9_interval).into(),
        Column::ClientCpu => step.client_cpu_share.into(),
        Column::GeneratorLimited => step.generator_limited.into(),
        Column::Answered => step.answered_per_s.into(),
        Column::Closed => count(step.closed).into(),
        Column::LongestSilence => step.longest_silence_s.into(),
        Column::GeneratorTimes => step.generator_times.into(),
    };
    write_table(sheet, name, steps, content)?;
    mark_unless(sheet, Column::Failed, steps.len(), 0)?;
    mark_unless(sheet, Column::Unsent, steps.len(), 0)
}

/// The chart of response times over rates; `None` without a response time. Steps of a search are dots, because they stand
/// in the order of time and a rate can occur several times.
fn chart(steps: &[LoadStep], is_sweep: bool) -> Option<SheetChart<'static>> {
    let medians = || steps.iter().filter_map(|step| step.response_p50_ns);
    let largest = steps
        .iter()
        .filter_map(|step| step.response_p99_9_ns.or(step.response_p99_ns));
    let (smallest, largest) = (medians().min()?, largest.max().or(medians().max())?);
    let rates = || steps.iter().map(|step| step.offered_per_s);
    let style = |width| match is_sweep {
        true => LineStyle::Joined(width),
        false => LineStyle::Dots,
    };
    let line = |name, column: Column, colour, width| -> SheetLine<'static> {
        (name, column.at(), colour, style(width))
    };
    Some(SheetChart {
        sheet: LOAD_CURVE_SHEET,
        columns: Column::ALL.len(),
        last_row: row(steps.len()),
        title: "Response time over offered rate".to_owned(),
        x: SheetAxis {
            name: "offered rate, msg/s",
            format: "#,##0",
            scale: scale_of_rates(
                rates().fold(f64::INFINITY, f64::min),
                rates().fold(0.0, f64::max),
            ),
        },
        x_column: Column::Offered.at(),
        y: SheetAxis::of_times(SheetScale::of_times(smallest, smallest, largest)),
        are_names_in_header: false,
        lines: vec![
            line("p99.9", Column::P999, VERMILION, 1.25),
            line("p99", Column::P99, BLUE, 2.25),
            line("p50", Column::P50, GREEN, 1.75),
        ],
    })
}

fn scale_of_rates(lowest: f64, highest: f64) -> SheetScale {
    if lowest > 0.0 && highest / lowest >= DECADE {
        return SheetScale::Log {
            begin: 10_f64.powf(lowest.log10().floor()),
            end: 10_f64.powf(highest.log10().ceil()),
        };
    }
    SheetScale::Automatic
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_more_than_a_decade_make_the_axis_logarithmic() {
        assert_eq!(scale_of_rates(2_000.0, 19_000.0), SheetScale::Automatic);
        assert_eq!(scale_of_rates(0.0, 19_000.0), SheetScale::Automatic);
        let log = SheetScale::Log {
            begin: 1_000.0,
            end: 100_000.0,
        };
        assert_eq!(scale_of_rates(2_000.0, 20_000.0), log);
    }
}
