//! One row per message, on as many sheets as needed.

use measurement::record::{Outcome, PublicationSample, Sample};
use rust_xlsxwriter::Workbook;

use super::style::{CellContent, FurtherColumn, mark_unless, write_wide_table};
use super::{RunView, XlsxResult, chunks, count, ms, outcome_name, seconds};
use crate::schema::{
    CellFormat, FAN_OUT_LATENCY_COLUMNS, LatencyColumn as Column, SCENARIO_LATENCY_COLUMNS,
    latencies_sheet,
};

/// A figure of a message's deliveries.
type DeliveryFigure = fn(&PublicationSample) -> Option<f64>;

/// Figures of a message's deliveries, in the order of [`FAN_OUT_LATENCY_COLUMNS`].
const DELIVERY_FIGURES: [(CellFormat, DeliveryFigure); 5] = [
    (CellFormat::Count, |one| Some(f64::from(one.expected))),
    (CellFormat::Count, |one| Some(f64::from(one.delivered))),
    (CellFormat::Thousandths, |one| one.first_ns.map(ms)),
    (CellFormat::Thousandths, |one| one.median_ns.map(ms)),
    (CellFormat::Thousandths, |one| one.last_ns.map(ms)),
];

/// A column of any content.
type Content<'c> = Box<dyn Fn(&Sample) -> CellContent<'c> + 'c>;

/// Writes one sheet for every N samples, and at least one.
pub(super) fn write(
    workbook: &mut Workbook,
    run: &RunView<'_>,
    rows_per_sheet: usize,
) -> XlsxResult {
    let publications = run.publications();
    let of = |s: &Sample| {
        let all = publications.as_ref()?;
        all.get(&(s.client, s.message)).copied()
    };
    let kinds = run.kinds();
    let mut further: Vec<(&str, CellFormat, Content<'_>)> = Vec::new();
    if !kinds.is_empty() || publications.is_some() {
        let [kind, first_part] = SCENARIO_LATENCY_COLUMNS;
        let name = |s: &Sample| kinds.get(usize::from(s.kind)).map(String::as_str).into();
        further.push((kind, CellFormat::Plain, Box::new(name)));
        let first_part_ms = |s: &Sample| s.first_part_ns.map(|ns| ms(ns.get())).into();
        let format = CellFormat::Thousandths;
        further.push((first_part, format, Box::new(first_part_ms)));
    }
    if publications.is_some() {
        let titles = FAN_OUT_LATENCY_COLUMNS.into_iter();
        further.extend(
            titles
                .zip(DELIVERY_FIGURES)
                .map(|(title, (format, figure))| {
                    let content: Content<'_> = Box::new(move |s| of(s).and_then(figure).into());
                    (title, format, content)
                }),
        );
    }
    for (index, samples) in chunks(run.samples, rows_per_sheet) {
        let content = |s: &Sample, column| match column {
            Column::Client => f64::from(s.client).into(),
            Column::Message => count(s.message).into(),
            Column::Intended => seconds(s.intended_ns).into(),
            Column::Sent => seconds(s.sent_ns).into(),
            Column::ServiceTime => s.service_time_ns().map(ms).into(),
            Column::ResponseTime => s.response_time_ns().map(ms).into(),
            Column::Outcome => outcome_name(s, of(s)).into(),
            Column::GeneratorStopped => f64::from(u8::from(s.over_stop)).into(),
        };
        let further: Vec<_> = further
            .iter()
            .map(|(title, format, content)| FurtherColumn {
                title,
                format: *format,
                content: content.as_ref(),
            })
            .collect();
        let sheet = workbook.add_worksheet_with_low_memory()?;
        write_wide_table(sheet, &latencies_sheet(index), samples, content, &further)?;
        mark_unless(sheet, Column::Outcome, samples.len(), Outcome::Ok.name())?;
    }
    Ok(())
}
