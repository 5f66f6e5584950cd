//! Rows of messages in our files: a `.csv`, or the sheets `latencies`, `latencies_2`, …

use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::{Outcome, Sample};

use super::cells::{CellPosition, CellSource, CellValue, CheckedSheet, nanoseconds};
use super::foreign::detect_header::SheetHeader;
use super::time_unit::TimeUnit;
use crate::error::ResultsError;
use crate::schema::{LatencyColumn, SheetColumn};

/// Longest run whose rows are read: a month. A later row is a mistake, and one a century later would
/// fill memory with empty seconds.
const LONGEST_MS: f64 = 31.0 * 24.0 * 3_600.0 * 1e3;

/// One row as far as it has been seen.
#[derive(Default)]
struct MessageRow {
    number: u32,
    client: u32,
    message: u64,
    intended_ns: Option<u64>,
    sent_ns: u64,
    service_ns: Option<u64>,
    response_ns: Option<u64>,
    outcome: Option<Outcome>,
}

impl MessageRow {
    fn take(
        &mut self,
        sheet: CheckedSheet<'_>,
        column: LatencyColumn,
        at: CellPosition,
        value: CellValue<'_>,
    ) -> Result<(), ResultsError> {
        use TimeUnit::{Milliseconds, Seconds};
        let time_ns = |unit| {
            // Times are milliseconds here, whichever unit their column has.
            let ms = sheet.time_ms(at, value, unit)?;
            if ms <= LONGEST_MS {
                return Ok(nanoseconds(ms));
            }
            let found = format!("{} s, which is more than a month", ms / 1e3);
            Err(sheet.wrong(at, found, "time"))
        };
        match column {
            LatencyColumn::Client => {
                let client = sheet.count(at, value)?;
                self.client = u32::try_from(client)
                    .map_err(|_| sheet.wrong(at, client.to_string(), "count"))?;
            }
            LatencyColumn::Message => self.message = sheet.count(at, value)?,
            // Of an echo the due time follows from the response time.
            LatencyColumn::Intended => self.intended_ns = time_ns(Seconds).ok(),
            LatencyColumn::Sent => self.sent_ns = time_ns(Seconds)?,
            LatencyColumn::ServiceTime => self.service_ns = Some(time_ns(Milliseconds)?),
            LatencyColumn::ResponseTime => self.response_ns = Some(time_ns(Milliseconds)?),
            LatencyColumn::Outcome => {
                let is_it = |known: &Outcome| value == CellValue::Text(known.name());
                self.outcome = Outcome::ALL.into_iter().find(is_it);
            }
        }
        Ok(())
    }

    /// `None` of a row without an outcome, as there is one before the first.
    fn sample(&self) -> Option<Sample> {
        let (client, message, sent_ns) = (self.client, self.message, self.sent_ns);
        let outcome = self.outcome?;
        let (Some(service), Some(response)) = (self.service_ns, self.response_ns) else {
            let intended_ns = self.intended_ns.unwrap_or(sent_ns);
            return Some(Sample::lost(client, message, intended_ns, sent_ns));
        };
        let received_ns = sent_ns + service;
        let intended_ns = received_ns.saturating_sub(response);
        Some(Sample::echoed(
            client,
            message,
            intended_ns,
            sent_ns,
            received_ns,
            outcome,
        ))
    }
}

/// Places of our columns, left to right, and the first row below them; `None` when the columns are not ours.
fn places(
    source: &mut dyn CellSource,
    sheet: &str,
) -> Result<Option<(Vec<u32>, u32)>, ResultsError> {
    let header = SheetHeader::read(source, sheet)?;
    let index = |column: &LatencyColumn| Some(header.named(column.title())?.index);
    let columns: Option<Vec<u32>> = LatencyColumn::ALL.iter().map(index).collect();
    Ok(columns.map(|columns| (columns, header.first_row)))
}

/// Returns `true` when the columns of a sheet are ours.
pub(super) fn are_in(source: &mut dyn CellSource, sheet: &str) -> Result<bool, ResultsError> {
    Ok(places(source, sheet)?.is_some())
}

/// Shows each row of a sheet, with its number from 1; `false` when the columns are not ours.
pub(super) fn visit(
    path: &Path,
    source: &mut dyn CellSource,
    sheet: &str,
    show: &mut dyn FnMut(u32, Sample) -> Result<(), ResultsError>,
) -> Result<bool, ResultsError> {
    let Some((columns, first_row)) = places(source, sheet)? else {
        return Ok(false);
    };
    let checked = CheckedSheet {
        path,
        sheet: source.has_sheets().then_some(sheet),
    };
    let mut finish = |row: &MessageRow| match row.sample() {
        Some(sample) => show(row.number + 1, sample),
        None => Ok(()),
    };
    let mut row = MessageRow::default();
    source.visit(sheet, &mut |at, value| {
        if at.row < first_row || value == CellValue::Empty {
            return Ok(ControlFlow::Continue(()));
        }
        if at.row != row.number {
            finish(&row)?;
            row = MessageRow {
                number: at.row,
                ..MessageRow::default()
            };
        }
        if let Some(nth) = columns.iter().position(|column| *column == at.column) {
            row.take(checked, LatencyColumn::ALL[nth], at, value)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    finish(&row)?;
    Ok(true)
}
