//! Deliveries: one row per second with a chart, and one row per delivery.

use measurement::record::{DeliveryOutcome, DeliverySample};
use measurement::run::{FanOutRow, FanOutSummary};
use rust_xlsxwriter::{Workbook, Worksheet};

use super::chart::{LineStyle, SheetAxis, SheetChart, SheetScale, whole_axis};
use super::style::{BLUE, GREEN, VERMILION, mark_unless, write_table};
use super::{RunView, XlsxResult, chunks, count, ms, row, row_name, seconds};
use crate::schema::{
    DELIVERIES_SHEET, DeliveryColumn, FAN_OUT_SHEET, FanOutColumn as Column, ROWS_PER_SHEET,
    SheetColumn, further_sheet,
};

/// Writes the seconds of deliveries.
pub(super) fn write_seconds(
    sheet: &mut Worksheet,
    of_run: &FanOutSummary,
    elapsed_s: f64,
) -> XlsxResult {
    // Seconds beyond the last row of a sheet are left out.
    let rows = &of_run.timeline[..of_run.timeline.len().min(ROWS_PER_SHEET)];
    let content = |t: &FanOutRow, column| match column {
        Column::Second => count(t.second).into(),
        Column::Published => count(t.published).into(),
        Column::Expected => count(t.expected).into(),
        Column::Delivered => count(t.delivered).into(),
        Column::FirstP50 => t.first_p50_ns.map(ms).into(),
        Column::MedianP50 => t.median_p50_ns.map(ms).into(),
        Column::LastP50 => t.last_p50_ns.map(ms).into(),
        Column::LastP99 => t.last_p99_ns.map(ms).into(),
        Column::DeliveryP50 => t.delivery_p50_ns.map(ms).into(),
        Column::DeliveryP99 => t.delivery_p99_ns.map(ms).into(),
        Column::Seconds => count(t.seconds.get()).into(),
    };
    write_table(sheet, FAN_OUT_SHEET, rows, content)?;
    // A second that the end of the run cut short would look like a decrease.
    let is_whole = |t: &&FanOutRow| (t.second + t.seconds.get()) as f64 <= elapsed_s;
    let drawn = match rows.iter().take_while(is_whole).count() {
        0 => rows,
        whole => &rows[..whole],
    };
    chart(drawn).map_or(Ok(()), |chart| chart.insert(sheet, 1))
}

/// The chart of first, median and last over time; `None` when no message reached all of its receivers.
fn chart(drawn: &[FanOutRow]) -> Option<SheetChart<'static>> {
    let lasts = || drawn.iter().filter_map(|t| t.last_p50_ns);
    let firsts = drawn.iter().filter_map(|t| t.first_p50_ns);
    let scale = SheetScale::of_times(firsts.min()?, lasts().min()?, lasts().max()?);
    let last_second = drawn.last()?.second;
    let line = |name, column: Column, colour| (name, column.at(), colour, LineStyle::Joined(1.75));
    Some(SheetChart {
        sheet: FAN_OUT_SHEET,
        columns: Column::ALL.len(),
        last_row: row(drawn.len()),
        title: format!(
            "Delivery time of first, median and last receiver in each {}",
            row_name(drawn[0].seconds)
        ),
        x: whole_axis("seconds since T0", drawn.len() > 1, count(last_second)),
        x_column: Column::Second.at(),
        y: SheetAxis::of_times(scale),
        are_names_in_header: false,
        lines: vec![
            line("last receiver p50", Column::LastP50, VERMILION),
            line("median receiver p50", Column::MedianP50, BLUE),
            line("first receiver p50", Column::FirstP50, GREEN),
        ],
    })
}

/// Writes one sheet for every N deliveries, and at least one.
pub(super) fn write_deliveries(
    workbook: &mut Workbook,
    run: &RunView<'_>,
    rows_per_sheet: usize,
) -> XlsxResult {
    use DeliveryColumn as Column;
    let content = |d: &DeliverySample, column| match column {
        Column::Publisher => f64::from(d.publisher).into(),
        Column::Message => count(d.message).into(),
        Column::Subscriber => f64::from(d.subscriber).into(),
        Column::Sent => seconds(d.sent_ns).into(),
        Column::DeliveryTime => d.delivery_time_ns().map(ms).into(),
        Column::ResponseTime => d.response_time_ns().map(ms).into(),
        Column::Outcome => d.outcome.name().into(),
    };
    for (index, deliveries) in chunks(run.deliveries, rows_per_sheet) {
        let sheet = workbook.add_worksheet_with_low_memory()?;
        let name = further_sheet(DELIVERIES_SHEET, index);
        write_table(sheet, &name, deliveries, content)?;
        let ok = DeliveryOutcome::Ok.name();
        mark_unless(sheet, Column::Outcome, deliveries.len(), ok)?;
    }
    Ok(())
}
