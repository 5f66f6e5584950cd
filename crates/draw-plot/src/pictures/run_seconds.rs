//! The seconds of a run, as the pictures over time draw them.

use measurement::record::TimelineRow;
use measurement::run::{Run, StageSummary};

use crate::data::Labelled;

/// The seconds of a run, as far as they are drawn.
#[derive(Clone, Copy)]
pub(crate) struct RunSeconds<'a> {
    pub(crate) label: &'a str,
    pub(crate) rows: &'a [TimelineRow],
    pub(crate) knows_sent: bool,
    pub(crate) is_open_loop: bool,
    pub(crate) elapsed_s: Option<f64>,
    pub(crate) warmup_s: Option<f64>,
    pub(crate) stages: &'a [StageSummary],
}

impl<'a> RunSeconds<'a> {
    pub(crate) fn of(run: &'a Labelled<Run>) -> Self {
        let timeline = run.timeline.as_ref();
        let rows = timeline.map_or(&[][..], |timeline| &timeline.rows);
        let is_open_loop = run.is_open_loop();
        let differ = |row: &TimelineRow| row.response_p99_ns != row.service_p99_ns;
        Self {
            label: &run.label,
            rows,
            knows_sent: timeline.is_some_and(|timeline| timeline.knows_sent),
            is_open_loop: is_open_loop.unwrap_or_else(|| rows.iter().any(differ)),
            elapsed_s: run.elapsed_s(),
            warmup_s: run.warmup_s(),
            stages: run.stages(),
        }
    }
}
