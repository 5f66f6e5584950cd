//! The rows of a `.csv` of ws-bench, counted by the second as in the run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;

use measurement::record::{Sample, ThreadTimeline};
use measurement::run::RunTimeline;

use super::cells::CellSource;
use super::message_rows;
use crate::error::{Result, ResultsError};

/// Counts the rows of a sheet with the columns of ws-bench.
pub(super) fn count(source: &mut dyn CellSource, sheet: &str) -> Result<RunTimeline> {
    let mut counter = MessageCounter {
        path: source.path().to_owned(),
        timeline: ThreadTimeline::new(true),
        in_flight: BinaryHeap::new(),
        sent_ns: 0,
        received_ns: 0,
        rows: 0,
        last_messages: BTreeMap::new(),
        is_open_loop: false,
    };
    message_rows::visit(source, sheet, &mut |row, sample| counter.take(row, &sample))?;
    counter.finish()
}

/// Arrival time of an echo, and its times if they belong in the figures.
type Echo = (u64, Option<(u64, u64)>);

struct MessageCounter {
    path: PathBuf,
    timeline: ThreadTimeline,
    /// Echoes in flight at the last row's send time. The timeline needs them in order of arrival.
    in_flight: BinaryHeap<Reverse<Echo>>,
    /// Send time of the last message.
    sent_ns: u64,
    /// Arrival of the last echo.
    received_ns: u64,
    rows: u64,
    /// Highest message number of each client, which is the number of its messages minus 1.
    last_messages: BTreeMap<u32, u64>,
    is_open_loop: bool,
}

impl MessageCounter {
    fn take(&mut self, row: u32, sample: &Sample) -> Result<()> {
        if sample.sent_ns < self.sent_ns {
            return Err(ResultsError::NotInOrder(self.path.clone(), row));
        }
        self.rows += 1;
        let last = self.last_messages.entry(sample.client).or_default();
        *last = sample.message.max(*last);
        self.sent_ns = sample.sent_ns;
        self.land(sample.sent_ns);
        self.timeline.sent(sample.sent_ns);
        if sample.outcome.is_failure() {
            self.timeline.failed(sample.sent_ns);
        }
        if let Some(received_ns) = sample.received_ns() {
            let times = sample.service_time_ns().zip(sample.response_time_ns());
            self.is_open_loop |= times.is_some_and(|(service, response)| service != response);
            let times = times.filter(|_| sample.outcome.is_timed());
            self.received_ns = self.received_ns.max(received_ns);
            self.in_flight.push(Reverse((received_ns, times)));
        }
        Ok(())
    }

    /// Counts the echoes that arrived until this time. No later row has an earlier one.
    fn land(&mut self, until_ns: u64) {
        while let Some(Reverse((received_ns, times))) = self.in_flight.peek().copied()
            && received_ns <= until_ns
        {
            self.timeline.received(received_ns, times);
            self.in_flight.pop();
        }
    }

    fn finish(mut self) -> Result<RunTimeline> {
        let messages: u64 = self.last_messages.values().map(|last| last + 1).sum();
        if messages > self.rows {
            return Err(ResultsError::ChosenRows {
                path: self.path,
                rows: self.rows,
                messages,
            });
        }
        self.land(u64::MAX);
        let mut rows = ThreadTimeline::merge(vec![self.timeline]);
        rows.iter_mut().for_each(|row| row.histograms = None);
        Ok(RunTimeline {
            rows,
            knows_sent: true,
            // The nanoseconds of a month are exact to a microsecond.
            ends_s: Some(self.sent_ns.max(self.received_ns) as f64 / 1e9),
            // A run in which every message was sent when it was due may be either.
            is_open_loop: self.is_open_loop.then_some(true),
        })
    }
}
