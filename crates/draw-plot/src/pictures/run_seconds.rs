//! The seconds of a run, as the pictures over time draw them.

use measurement::record::{RowSeconds, TimelineRow};
use measurement::run::{Run, StageSummary};

use wording::summary::{ends_with_deliveries, is_feed_only};

use crate::data::Labelled;

/// The event that is counted as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceivedEvent {
    /// An echo, or another reply.
    Echo,
    /// The last delivery of a message without reply.
    LastDelivery,
    /// A message of a feed. It has no service time.
    Push,
}

impl ReceivedEvent {
    fn of(run: &Run) -> Self {
        match &run.summary {
            Some(s) if is_feed_only(s) => Self::Push,
            Some(s) if ends_with_deliveries(s) => Self::LastDelivery,
            _ => Self::Echo,
        }
    }
}

/// The seconds of a run, as far as they are drawn.
#[derive(Clone, Copy)]
pub(crate) struct RunSeconds<'a> {
    pub(crate) label: &'a str,
    pub(crate) rows: &'a [TimelineRow],
    pub(crate) received: ReceivedEvent,
    /// Numbers that a feed left out.
    pub(crate) missing_pushes: u64,
    /// False for a feed, whose run sends nothing.
    pub(crate) knows_sent: bool,
    pub(crate) is_open_loop: bool,
    pub(crate) elapsed_s: Option<f64>,
    pub(crate) warmup_s: Option<f64>,
    pub(crate) stages: &'a [StageSummary],
}

/// The name of a row: `second`, `50 s`. Of rows of different lengths, the longest.
pub(crate) fn row_name(lengths: impl Iterator<Item = RowSeconds>) -> String {
    match lengths.max() {
        Some(length) if !length.is_one() => format!("{} s", length.get()),
        _ => "second".to_owned(),
    }
}

impl<'a> RunSeconds<'a> {
    pub(crate) fn of(run: &'a Labelled<Run>) -> Self {
        let timeline = run.timeline.as_ref();
        let rows = timeline.map_or(&[][..], |timeline| &timeline.rows);
        let is_open_loop = run.is_open_loop();
        let differ = |row: &TimelineRow| row.response_p99_ns != row.service_p99_ns;
        let received = ReceivedEvent::of(run);
        let feed = run.summary.as_ref().and_then(|s| s.push.as_ref());
        let is_feed = received == ReceivedEvent::Push;
        Self {
            label: &run.label,
            rows,
            received,
            missing_pushes: feed.and_then(|feed| feed.missing).unwrap_or(0),
            knows_sent: !is_feed && timeline.is_some_and(|timeline| timeline.knows_sent),
            is_open_loop: is_open_loop.unwrap_or_else(|| rows.iter().any(differ)),
            elapsed_s: run.elapsed_s(),
            warmup_s: run.warmup_s(),
            stages: run.stages(),
        }
    }
}
