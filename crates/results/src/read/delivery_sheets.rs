//! Sheets of deliveries and of messages that the server sent on its own.

use measurement::record::{DeliveryOutcome, DeliverySample, PublicationSample, PushSample};
use measurement::run::FanOutRow;

use super::cells::{Cell, CellSource, CellValue, nanoseconds};
use super::sheet_rows::visit;
use super::time_unit::TimeUnit::{self, Milliseconds, Seconds};
use crate::error::{Place, Result};
use crate::schema::{
    DELIVERIES_SHEET, DeliveryColumn, FAN_OUT_SHEET, FanOutColumn, PUSHES_SHEET, PublicationColumn,
    PushColumn, further_sheet,
};

fn time_ns(cell: Cell<'_>, place: &Place, unit: TimeUnit) -> Result<u64> {
    cell.time_ms(place, unit).map(nanoseconds)
}

/// The number of a client or a count of clients.
fn small(cell: Cell<'_>, place: &Place) -> Result<u32> {
    let count = cell.count(place)?;
    u32::try_from(count).map_err(|_| cell.wrong(place, count.to_string(), "count"))
}

/// The seconds of deliveries; empty without such a sheet.
pub(super) fn seconds(source: &mut dyn CellSource) -> Result<Vec<FanOutRow>> {
    use FanOutColumn as Column;
    let mut rows = Vec::new();
    let take = |row: &mut FanOutRow, column, cell: Cell<'_>, place: &Place| {
        let time = || time_ns(cell, place, Milliseconds).map(Some);
        match column {
            Column::Second => row.second = cell.count(place)?,
            Column::Published => row.published = cell.count(place)?,
            Column::Expected => row.expected = cell.count(place)?,
            Column::Delivered => row.delivered = cell.count(place)?,
            Column::FirstP50 => row.first_p50_ns = time()?,
            Column::MedianP50 => row.median_p50_ns = time()?,
            Column::LastP50 => row.last_p50_ns = time()?,
            Column::LastP99 => row.last_p99_ns = time()?,
            Column::DeliveryP50 => row.delivery_p50_ns = time()?,
            Column::DeliveryP99 => row.delivery_p99_ns = time()?,
            Column::Seconds => row.seconds = cell.row_seconds(place)?,
        }
        Ok(())
    };
    visit(source, FAN_OUT_SHEET, take, |row| rows.push(row))?;
    Ok(rows)
}

/// The samples of messages with deliveries, on the sheet of latencies with this name or in a `.csv`.
pub(super) fn read_publications(
    source: &mut dyn CellSource,
    sheet: &str,
    all: &mut Vec<PublicationSample>,
) -> Result<()> {
    use PublicationColumn as Column;
    #[derive(Default)]
    struct PublicationCells {
        client: u32,
        message: u64,
        sent_ns: u64,
        expected: Option<u32>,
        delivered: u32,
        /// First, median, last.
        times_ns: [Option<u64>; 3],
    }
    let take = |row: &mut PublicationCells, column, cell: Cell<'_>, place: &Place| {
        let time = || time_ns(cell, place, Milliseconds).map(Some);
        match column {
            Column::Client => row.client = small(cell, place)?,
            Column::Message => row.message = cell.count(place)?,
            Column::Sent => row.sent_ns = time_ns(cell, place, Seconds)?,
            Column::Expected => row.expected = Some(small(cell, place)?),
            Column::Delivered => row.delivered = small(cell, place)?,
            Column::First => row.times_ns[0] = time()?,
            Column::Median => row.times_ns[1] = time()?,
            Column::Last => row.times_ns[2] = time()?,
        }
        Ok(())
    };
    visit(source, sheet, take, |row: PublicationCells| {
        // A message of a kind without deliveries has none.
        let Some(expected) = row.expected else { return };
        let [first_ns, median_ns, last_ns] = row.times_ns;
        all.push(PublicationSample {
            client: row.client,
            message: row.message,
            sent_ns: row.sent_ns,
            expected,
            delivered: row.delivered,
            first_ns,
            median_ns,
            last_ns,
        });
    })
}

/// The samples of deliveries, from all of their sheets. The intended send time of a missing delivery is that of sending,
/// because its row has no response time.
pub(super) fn deliveries(source: &mut dyn CellSource) -> Result<Vec<DeliverySample>> {
    use DeliveryColumn as Column;
    #[derive(Default)]
    struct DeliveryCells {
        publisher: u32,
        message: u64,
        subscriber: u32,
        sent_ns: u64,
        delivery_ns: Option<u64>,
        response_ns: Option<u64>,
        outcome: Option<DeliveryOutcome>,
    }
    let take = |row: &mut DeliveryCells, column, cell: Cell<'_>, place: &Place| {
        match column {
            Column::Publisher => row.publisher = small(cell, place)?,
            Column::Message => row.message = cell.count(place)?,
            Column::Subscriber => row.subscriber = small(cell, place)?,
            Column::Sent => row.sent_ns = time_ns(cell, place, Seconds)?,
            Column::DeliveryTime => row.delivery_ns = Some(time_ns(cell, place, Milliseconds)?),
            Column::ResponseTime => row.response_ns = Some(time_ns(cell, place, Milliseconds)?),
            Column::Outcome => {
                let is_it = |known: &DeliveryOutcome| cell.value == CellValue::Text(known.name());
                row.outcome = DeliveryOutcome::ALL.into_iter().find(is_it);
            }
        }
        Ok(())
    };
    let mut all = Vec::new();
    for sheet in own_names(source, DELIVERIES_SHEET) {
        visit(source, &sheet, take, |row: DeliveryCells| {
            let Some(outcome) = row.outcome else { return };
            let received_ns = row.delivery_ns.map(|ns| row.sent_ns.saturating_add(ns));
            let intended_ns = received_ns
                .zip(row.response_ns)
                .map(|(received_ns, response_ns)| received_ns.saturating_sub(response_ns));
            all.push(DeliverySample {
                publisher: row.publisher,
                message: row.message,
                subscriber: row.subscriber,
                outcome,
                intended_ns: intended_ns.unwrap_or(row.sent_ns),
                sent_ns: row.sent_ns,
                received_ns: received_ns.unwrap_or(0),
            });
        })?;
    }
    Ok(all)
}

/// The samples of messages that the server sent on its own, from all of their sheets.
pub(super) fn pushes(source: &mut dyn CellSource) -> Result<Vec<PushSample>> {
    use PushColumn as Column;
    #[derive(Default)]
    struct PushCells {
        client: u32,
        seq: u64,
        received_ns: u64,
        gap_ns: Option<u64>,
        late_ns: Option<u64>,
        delay_ns: Option<i64>,
    }
    let take = |row: &mut PushCells, column, cell: Cell<'_>, place: &Place| {
        match column {
            Column::Client => row.client = small(cell, place)?,
            Column::Seq => row.seq = seq(cell, place)?,
            Column::Received => row.received_ns = time_ns(cell, place, Seconds)?,
            Column::Gap => row.gap_ns = Some(time_ns(cell, place, Milliseconds)?),
            Column::Late => row.late_ns = Some(time_ns(cell, place, Milliseconds)?),
            Column::Delay => row.delay_ns = Some(signed_ns(cell.number(place)?)),
        }
        Ok(())
    };
    let mut all = Vec::new();
    for sheet in own_names(source, PUSHES_SHEET) {
        visit(source, &sheet, take, |row: PushCells| {
            all.push(PushSample {
                client: row.client,
                seq: row.seq,
                received_ns: row.received_ns,
                gap_ns: row.gap_ns,
                late_ns: row.late_ns,
                delay_ns: row.delay_ns,
            });
        })?;
    }
    Ok(all)
}

/// A number of the server's own, which can be larger than those that a spreadsheet holds exactly.
fn seq(cell: Cell<'_>, place: &Place) -> Result<u64> {
    let number = cell.number(place)?;
    if number < 0.0 {
        return Err(cell.wrong(place, number.to_string(), "count"));
    }
    // The cast saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(number.round() as u64)
}

/// Milliseconds as nanoseconds, rounded.
fn signed_ns(ms: f64) -> i64 {
    // The cast saturates.
    #[allow(clippy::cast_possible_truncation)]
    {
        (ms * 1e6).round() as i64
    }
}

/// The names of the sheets `NAME`, `NAME_2`, … that exist.
fn own_names(source: &mut dyn CellSource, name: &str) -> Vec<String> {
    let sheets = source.sheets();
    let names = (0..).map(|index| further_sheet(name, index));
    names.take_while(|name| sheets.contains(name)).collect()
}
