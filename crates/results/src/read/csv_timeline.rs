//! The rows of a `.csv` of ours, counted by the second as the run itself counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::{Outcome, ThreadTimeline, TimelineRow};

use super::cells::{CellPosition, CellSource, CellValue, CheckedSheet, nanoseconds};
use super::foreign::detect_header::SheetHeader;
use super::time_unit::TimeUnit;
use crate::error::ResultsError;
use crate::schema::{LatencyColumn, SheetColumn};

/// Longest run whose rows are counted: a month. A later row is a mistake, and one a century later would
/// fill memory with empty seconds.
const LONGEST_MS: f64 = 31.0 * 24.0 * 3_600.0 * 1e3;

/// The seconds of the rows.
pub(super) struct CsvTimeline {
    pub(super) rows: Vec<TimelineRow>,
    /// Seconds until the last message was sent or, if that was later, the last echo came.
    pub(super) ends_s: f64,
    /// Some response time differs from its service time.
    pub(super) is_open_loop: bool,
}

/// One row as far as it has been seen.
#[derive(Default)]
struct MessageRow {
    number: u32,
    client: u64,
    message: u64,
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
            LatencyColumn::Client => self.client = sheet.count(at, value)?,
            LatencyColumn::Message => self.message = sheet.count(at, value)?,
            LatencyColumn::Sent => self.sent_ns = time_ns(Seconds)?,
            LatencyColumn::ServiceTime => self.service_ns = Some(time_ns(Milliseconds)?),
            LatencyColumn::ResponseTime => self.response_ns = Some(time_ns(Milliseconds)?),
            LatencyColumn::Outcome => {
                let is_it = |known: &Outcome| value == CellValue::Text(known.name());
                self.outcome = Outcome::ALL.into_iter().find(is_it);
            }
            // The due time follows from the response time.
            LatencyColumn::Intended => {}
        }
        Ok(())
    }
}

/// Counts the rows; `None` when the columns are not ours.
pub(super) fn count(
    path: &Path,
    source: &mut dyn CellSource,
    sheet: &str,
) -> Result<Option<CsvTimeline>, ResultsError> {
    let header = SheetHeader::read(source, sheet)?;
    let index = |column: &LatencyColumn| Some(header.named(column.title())?.index);
    let columns: Option<Vec<u32>> = LatencyColumn::ALL.iter().map(index).collect();
    let Some(columns) = columns else {
        return Ok(None);
    };
    let checked = CheckedSheet { path, sheet: None };
    let mut counter = MessageCounter::new(path);
    let mut row = MessageRow::default();
    source.visit(sheet, &mut |at, value| {
        if at.row < header.first_row || value == CellValue::Empty {
            return Ok(ControlFlow::Continue(()));
        }
        if at.row != row.number {
            counter.take(&row)?;
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
    counter.take(&row)?;
    counter.finish().map(Some)
}

/// The moment at which an echo came, and its times if they belong in the figures.
type Echo = (u64, Option<(u64, u64)>);

/// Counts messages and their echoes by the second.
struct MessageCounter<'p> {
    path: &'p Path,
    timeline: ThreadTimeline,
    /// Echoes in flight when the last row's message was sent: the timeline wants them in order of coming.
    in_flight: BinaryHeap<Reverse<Echo>>,
    /// Send time of the last message.
    sent_ns: u64,
    /// Arrival of the last echo.
    received_ns: u64,
    rows: u64,
    /// The highest message number of each client: the number of its messages, less one.
    last_messages: BTreeMap<u64, u64>,
    is_open_loop: bool,
}

impl<'p> MessageCounter<'p> {
    fn new(path: &'p Path) -> Self {
        Self {
            path,
            timeline: ThreadTimeline::new(true),
            in_flight: BinaryHeap::new(),
            sent_ns: 0,
            received_ns: 0,
            rows: 0,
            last_messages: BTreeMap::new(),
            is_open_loop: false,
        }
    }

    fn take(&mut self, row: &MessageRow) -> Result<(), ResultsError> {
        // Before the first row there is an empty one.
        let Some(outcome) = row.outcome else {
            return Ok(());
        };
        if row.sent_ns < self.sent_ns {
            return Err(ResultsError::NotInOrder {
                path: self.path.to_owned(),
                row: row.number + 1,
            });
        }
        self.rows += 1;
        let last = self.last_messages.entry(row.client).or_default();
        *last = row.message.max(*last);
        self.sent_ns = row.sent_ns;
        self.land(row.sent_ns);
        self.timeline.sent(row.sent_ns);
        if outcome.is_failure() {
            self.timeline.failed(row.sent_ns);
        }
        if let (Some(service), Some(response)) = (row.service_ns, row.response_ns) {
            self.is_open_loop |= service != response;
            let times = outcome.is_timed().then_some((service, response));
            let received_ns = row.sent_ns + service;
            self.received_ns = self.received_ns.max(received_ns);
            self.in_flight.push(Reverse((received_ns, times)));
        }
        Ok(())
    }

    /// Counts the echoes that came until this time: no later row has an earlier one.
    fn land(&mut self, until_ns: u64) {
        while let Some(Reverse((received_ns, times))) = self.in_flight.peek().copied()
            && received_ns <= until_ns
        {
            self.timeline.received(received_ns, times);
            self.in_flight.pop();
        }
    }

    fn finish(mut self) -> Result<CsvTimeline, ResultsError> {
        let messages: u64 = self.last_messages.values().map(|last| last + 1).sum();
        if messages > self.rows {
            return Err(ResultsError::ChosenRows {
                path: self.path.to_owned(),
                rows: self.rows,
                messages,
            });
        }
        self.land(u64::MAX);
        let mut rows = ThreadTimeline::merge(vec![self.timeline]);
        rows.iter_mut().for_each(|row| row.histograms = None);
        // The nanoseconds of a month are exact to a microsecond.
        #[allow(clippy::cast_precision_loss)]
        let ends_s = self.sent_ns.max(self.received_ns) as f64 / 1e9;
        Ok(CsvTimeline {
            rows,
            ends_s,
            is_open_loop: self.is_open_loop,
        })
    }
}
