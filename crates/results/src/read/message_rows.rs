//! Rows of messages in files of ws-bench: a `.csv`, or the sheets `latencies`, `latencies_2`, …

use measurement::record::{Outcome, Sample};

use super::cells::{Cell, CellSource, CellValue, for_each_row, nanoseconds};
use super::foreign::detect_header::SheetHeader;
use super::time_unit::TimeUnit::{self, Milliseconds, Seconds};
use crate::error::{Place, Result};
use crate::schema::{LatencyColumn, SheetColumn};

/// Longest run whose rows are read: a month. A later row is an error. One a century later would fill the memory with
/// empty seconds.
const LONGEST_MS: f64 = 31.0 * 24.0 * 3_600.0 * 1e3;

/// The part of a row that has been read.
#[derive(Default)]
struct MessageRow {
    client: u32,
    message: u64,
    intended_ns: Option<u64>,
    sent_ns: u64,
    service_ns: Option<u64>,
    response_ns: Option<u64>,
    outcome: Option<Outcome>,
    over_stop: bool,
}

impl MessageRow {
    fn take(&mut self, place: &Place, column: LatencyColumn, cell: Cell<'_>) -> Result<()> {
        match column {
            LatencyColumn::Client => {
                let client = cell.count(place)?;
                self.client = u32::try_from(client)
                    .map_err(|_| cell.wrong(place, client.to_string(), "count"))?;
            }
            LatencyColumn::Message => self.message = cell.count(place)?,
            // Of an echo the due time follows from the response time.
            LatencyColumn::Intended => self.intended_ns = time_ns(cell, place, Seconds).ok(),
            LatencyColumn::Sent => self.sent_ns = time_ns(cell, place, Seconds)?,
            LatencyColumn::ServiceTime => {
                self.service_ns = Some(time_ns(cell, place, Milliseconds)?);
            }
            LatencyColumn::ResponseTime => {
                self.response_ns = Some(time_ns(cell, place, Milliseconds)?);
            }
            LatencyColumn::Outcome => {
                let is_it = |known: &Outcome| cell.value == CellValue::Text(known.name());
                self.outcome = Outcome::ALL.into_iter().find(is_it);
            }
            LatencyColumn::GeneratorStopped => self.over_stop = cell.count(place)? > 0,
        }
        Ok(())
    }

    /// The sample of the row; `None` without an outcome.
    fn sample(&self) -> Option<Sample> {
        let (client, message, sent_ns) = (self.client, self.message, self.sent_ns);
        let outcome = self.outcome?;
        let mut sample =
            if let (Some(service), Some(response)) = (self.service_ns, self.response_ns) {
                // The message was answered; the word is about its deliveries.
                let outcome = match outcome {
                    Outcome::Incomplete => Outcome::Ok,
                    outcome => outcome,
                };
                let received_ns = sent_ns + service;
                let due_ns = received_ns.saturating_sub(response);
                Sample::echoed(client, message, due_ns, sent_ns, received_ns, outcome)
            } else {
                let intended_ns = self.intended_ns.unwrap_or(sent_ns);
                Sample::lost(client, message, intended_ns, sent_ns)
            };
        if outcome == Outcome::Incomplete && sample.received_ns().is_none() {
            sample.outcome = outcome;
        }
        sample.over_stop = self.over_stop;
        Some(sample)
    }
}

fn time_ns(cell: Cell<'_>, place: &Place, unit: TimeUnit) -> Result<u64> {
    let ms = cell.time_ms(place, unit)?;
    if ms <= LONGEST_MS {
        return Ok(nanoseconds(ms));
    }
    let found = format!("{} s, which is more than a month", ms / 1e3);
    Err(cell.wrong(place, found, "time"))
}

pub(super) fn are_in(source: &mut dyn CellSource, sheet: &str) -> Result<bool> {
    Ok(SheetHeader::read(source, sheet)?.our_columns().is_some())
}

/// Calls the visitor with each row of a sheet and its number, from 1. Returns `false` if the sheet does not have the
/// columns of ws-bench.
pub(super) fn visit(
    source: &mut dyn CellSource,
    sheet: &str,
    show: &mut dyn FnMut(u32, Sample) -> Result<()>,
) -> Result<bool> {
    let header = SheetHeader::read(source, sheet)?;
    let Some(columns) = header.our_columns() else {
        return Ok(false);
    };
    let place = source.place(sheet);
    let take = |row: &mut MessageRow, cell: Cell<'_>| match columns
        .iter()
        .position(|column| *column == Some(cell.column))
    {
        Some(nth) => row.take(&place, LatencyColumn::ALL[nth], cell),
        None => Ok(()),
    };
    for_each_row(source, sheet, header.first_row, take, |row, message| {
        message
            .sample()
            .map_or(Ok(()), |sample| show(row + 1, sample))
    })?;
    Ok(true)
}
