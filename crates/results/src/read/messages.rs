//! The rows of a `.csv` of ours, counted by the second as the run itself counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::{Outcome, ThreadTimeline, TimelineRow};

use super::collect::{cell_name, number, time_ms};
use super::sheet::nanoseconds;
use super::source::{Position, Source, Value};
use super::table::Table;
use super::title::Unit;
use crate::error::ResultsError;
use crate::schema;

/// Longest run that rows are counted for: a month. A later row is a mistake, and one a century later would
/// fill memory with empty seconds.
const LONGEST_MS: f64 = 31.0 * 24.0 * 3_600.0 * 1e3;

/// What the rows tell.
pub(super) struct Counted {
    pub(super) rows: Vec<TimelineRow>,
    /// When the last message went out or, if that was later, the last echo came, in seconds.
    pub(super) ends_s: f64,
    /// Some response time differs from its service time.
    pub(super) is_open_loop: bool,
}

/// One row as far as it has been seen.
#[derive(Default)]
struct Row {
    number: u32,
    client: u64,
    message: u64,
    sent_ns: u64,
    service_ns: Option<u64>,
    response_ns: Option<u64>,
    outcome: Option<Outcome>,
}

/// Counts the rows; `None` when the columns are not ours.
pub(super) fn count(
    path: &Path,
    source: &mut dyn Source,
    sheet: &str,
) -> Result<Option<Counted>, ResultsError> {
    let table = Table::read(source, sheet)?;
    let mut columns = [0; schema::LATENCIES_COLUMNS.len()];
    for (at, name) in columns.iter_mut().zip(schema::LATENCIES_COLUMNS) {
        match table.named(name) {
            Some(column) => *at = column.index,
            None => return Ok(None),
        }
    }
    let mut counter = Counter::new(path);
    let mut row = Row::default();
    source.visit(sheet, &mut |at, value| {
        if at.row < table.first_row || value == Value::Empty {
            return Ok(ControlFlow::Continue(()));
        }
        if at.row != row.number {
            counter.take(&row)?;
            row = Row {
                number: at.row,
                ..Row::default()
            };
        }
        let Some(column) = columns.iter().position(|column| *column == at.column) else {
            return Ok(ControlFlow::Continue(()));
        };
        match column {
            0 => row.client = whole(path, at, value)?,
            1 => row.message = whole(path, at, value)?,
            3 => row.sent_ns = time_ns(path, at, value, Unit::Seconds)?,
            4 => row.service_ns = Some(time_ns(path, at, value, Unit::Milliseconds)?),
            5 => row.response_ns = Some(time_ns(path, at, value, Unit::Milliseconds)?),
            6 => row.outcome = outcome(value),
            // When it was due is known from the response time.
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    counter.take(&row)?;
    counter.finish().map(Some)
}

/// Times are milliseconds here, whatever their column has.
fn time_ns(path: &Path, at: Position, value: Value<'_>, unit: Unit) -> Result<u64, ResultsError> {
    let time = time_ms(value, unit).and_then(|ms| {
        if ms <= LONGEST_MS {
            Ok(ms)
        } else {
            Err(format!("{} s, which is more than a month", ms / 1e3))
        }
    });
    time.map(nanoseconds)
        .map_err(|found| ResultsError::NotATime {
            path: path.to_owned(),
            cell: cell_name(None, at),
            found,
        })
}

fn whole(path: &Path, at: Position, value: Value<'_>) -> Result<u64, ResultsError> {
    let found = match number(value) {
        Ok(number) if number.fract() == 0.0 && (0.0..=1e15).contains(&number) => {
            // In range and whole, so nothing is cut off.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Ok(number as u64);
        }
        Ok(number) => number.to_string(),
        Err(found) => found,
    };
    Err(ResultsError::NotACount {
        path: path.to_owned(),
        cell: cell_name(None, at),
        found,
    })
}

fn outcome(value: Value<'_>) -> Option<Outcome> {
    Outcome::ALL
        .into_iter()
        .find(|known| value == Value::Text(known.name()))
}

/// An echo that came: when, and its times if they belong in the figures.
type Echo = (u64, Option<(u64, u64)>);

struct Counter<'p> {
    path: &'p Path,
    timeline: ThreadTimeline,
    /// Echoes in flight when the last row's message was sent: the timeline wants them in order of coming.
    in_flight: BinaryHeap<Reverse<Echo>>,
    /// When the last message went out.
    sent_ns: u64,
    /// When the last echo came.
    received_ns: u64,
    rows: u64,
    /// The highest message number of each client, by which it is known how many there were.
    last_messages: BTreeMap<u64, u64>,
    is_open_loop: bool,
}

impl<'p> Counter<'p> {
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

    fn take(&mut self, row: &Row) -> Result<(), ResultsError> {
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

    fn finish(mut self) -> Result<Counted, ResultsError> {
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
        // What a run of a month takes in nanoseconds is exact to a microsecond.
        #[allow(clippy::cast_precision_loss)]
        let ends_s = self.sent_ns.max(self.received_ns) as f64 / 1e9;
        Ok(Counted {
            rows,
            ends_s,
            is_open_loop: self.is_open_loop,
        })
    }
}
