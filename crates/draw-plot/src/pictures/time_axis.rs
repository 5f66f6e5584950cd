//! The axis of a timeline: from the visible part of the warm-up to the known part of the drain.

use measurement::record::{RowSpan, TimelineRow};

use super::run_seconds::RunSeconds;
use crate::series::time_unit;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeAxis {
    /// Start of the axis: zero, or the beginning of the visible part of the warm-up.
    pub(crate) from_s: f64,
    /// End of the axis.
    pub(crate) to_s: f64,
    /// The drain, if it is shown as well.
    pub(crate) drain: Option<Drain>,
    pub(crate) unit: &'static str,
    pub(crate) unit_s: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drain {
    /// End of the measured phase.
    pub(crate) from_s: f64,
    /// False for a drain of a single row, which may have been a millisecond long and is drawn narrow.
    pub(crate) is_to_scale: bool,
    /// True if messages were sent in a second that began after the measured phase.
    pub(crate) has_sends: bool,
}

impl TimeAxis {
    pub(crate) fn of(all: &[RunSeconds<'_>]) -> Self {
        /// The most that the warm-up takes of the axis.
        const WARM_UP: f64 = 0.15;
        /// The share of the axis of a drain that is not to scale.
        const DRAIN: f64 = 0.04;
        let end = |one: &RunSeconds<'_>| {
            let last = last_row(one);
            let last_s = last.second as f64;
            match (drain_of(one), one.elapsed_s) {
                (Some(drain), _) if all.len() > 1 => drain.from_s,
                (Some(drain), _) if !drain.is_to_scale => (1.0 + DRAIN) * last_s,
                (None, Some(elapsed)) if elapsed > last_s => elapsed,
                _ => last.end() as f64,
            }
        };
        let to_s = all.iter().map(end).fold(0.0, f64::max);
        let (unit, unit_s) = time_unit(to_s);
        let warmups = all.iter().filter_map(|one| one.warmup_s);
        let drain = match all {
            [only] => drain_of(only),
            _ => None,
        };
        Self {
            from_s: -warmups.fold(0.0, f64::max).min(WARM_UP * to_s),
            to_s,
            drain,
            unit,
            unit_s,
        }
    }
}

/// The last row in which anything happened.
fn last_row(run: &RunSeconds<'_>) -> RowSpan {
    let rows = run.rows;
    let full = rows.iter().rev().find(|row| row.sent + row.received > 0);
    full.or(rows.last())
        .map(TimelineRow::span)
        .unwrap_or_default()
}

/// The drain, from rows that began after the measured phase; `None` without such rows.
pub(crate) fn drain_of(run: &RunSeconds<'_>) -> Option<Drain> {
    let last = last_row(run);
    let last_s = last.second as f64;
    let from_s = run.elapsed_s.filter(|s| *s > 0.0 && *s <= last_s)?;
    let mut rows = run.rows.iter();
    Some(Drain {
        from_s,
        is_to_scale: last_s >= from_s + last.seconds.get() as f64,
        has_sends: rows.any(|row| row.sent > 0 && row.second as f64 >= from_s),
    })
}
