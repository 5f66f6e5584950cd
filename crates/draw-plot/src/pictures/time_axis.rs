//! The axis of a timeline: from what is shown of the warm-up to what is known of the drain.

use crate::data::Course;
use crate::series::time_unit;

/// The axis of time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct TimeAxis {
    /// Zero, or where what is shown of the warm-up begins.
    pub(crate) from_s: f64,
    pub(crate) to_s: f64,
    /// What came after the measured phase, if that is shown as well.
    pub(crate) drain: Option<Drain>,
    pub(crate) unit: &'static str,
    /// Seconds of the unit.
    pub(crate) unit_s: f64,
}

/// What came after the measured phase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Drain {
    /// When the measured phase ended.
    pub(crate) from_s: f64,
    /// Rows tell of whole seconds of it. Of one alone they only tell that echoes came in it, maybe within
    /// a millisecond: it is drawn narrow.
    pub(crate) is_to_scale: bool,
}

impl TimeAxis {
    pub(crate) fn of(all: &[Course]) -> Self {
        /// The most that the warm-up takes of the axis.
        const WARM_UP: f64 = 0.15;
        /// What a drain that is not to scale takes of it.
        const DRAIN: f64 = 0.04;
        let end = |one: &Course| {
            let last_s = last_row_s(one);
            match (drain_of(one), one.elapsed_s) {
                (Some(drain), _) if all.len() > 1 => drain.from_s,
                (Some(drain), _) if !drain.is_to_scale => (1.0 + DRAIN) * last_s,
                (None, Some(elapsed)) if elapsed > last_s => elapsed,
                _ => last_s + 1.0,
            }
        };
        let to_s = all.iter().map(end).fold(0.0, f64::max);
        let (unit, unit_s) = time_unit(to_s);
        let warmup = all
            .iter()
            .filter_map(|one| one.warmup_s)
            .fold(0.0, f64::max);
        let drain = match all {
            [only] => drain_of(only),
            _ => None,
        };
        Self {
            from_s: -warmup.min(WARM_UP * to_s),
            to_s,
            drain,
            unit,
            unit_s,
        }
    }
}

/// When the last second began in which anything happened.
fn last_row_s(course: &Course) -> f64 {
    let rows = &course.rows;
    let full = rows.iter().rev().find(|row| row.sent + row.received > 0);
    full.or(rows.last()).map_or(0.0, |row| row.second as f64)
}

/// What came in seconds that began after the measured phase; `None` where nothing did.
pub(crate) fn drain_of(course: &Course) -> Option<Drain> {
    let last_s = last_row_s(course);
    let from_s = course.elapsed_s.filter(|s| *s > 0.0 && *s <= last_s)?;
    Some(Drain {
        from_s,
        is_to_scale: last_s >= from_s + 1.0,
    })
}
