//! Times and the moments at which they began.

use std::path::Path;

use super::hlog::Log;
use super::source::{self, Opened, Source};
use super::{Metric, Part, Place, Request, RunInfo, Unit, times};
use crate::error::ResultsError;
use crate::schema;

/// What moments are those of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Messages were sent, as service times begin.
    Sent,
    /// Messages were due, as response times begin.
    Due,
    /// Echoes came.
    Echoed,
}

/// Times with the moment at which each began: what a heatmap is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Where they were found.
    pub place: Place,
    /// The run, when the file is ours and says so.
    pub run: Option<RunInfo>,
    /// `service time` or `response time`.
    pub name: String,
    /// When each time began, in seconds since T0: a service time when its message was sent, a response
    /// time when it was due. From a log, when the slice began in which its echo came.
    pub at_s: Vec<f64>,
    /// Which of these.
    pub when: When,
    /// As many times, in milliseconds; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// As many; empty when each stands for itself.
    pub counts: Vec<u64>,
    /// Moments are known only to a slice this long, in seconds, and are those of the echoes' coming, as a
    /// log has it; `None` = exact.
    pub slice_s: Option<f64>,
    /// Rows left out because no right echo came.
    pub skipped: u64,
    /// From how many times these were chosen at random; `None` when they are all, or nothing tells.
    pub chosen_from: Option<u64>,
}

/// Reads the times asked for together with their moments.
///
/// # Errors
/// [`ResultsError`] as [`read_times`](super::read_times) has it, and when the file does not tell the
/// moments.
pub fn read_moments(path: &Path, request: &Request) -> Result<Moments, ResultsError> {
    match source::open(path)? {
        Opened::Cells(mut source) => of_cells(path, source.as_mut(), request),
        Opened::Log(file) => of_log(Log::open(path, file)?, request),
        Opened::Json(_) => Err(Part::Moments.missing_in(path)),
    }
}

fn of_cells(
    path: &Path,
    source: &mut dyn Source,
    request: &Request,
) -> Result<Moments, ResultsError> {
    // In seconds as they are: the unit is only that of a check.
    let (column, when) = match request.metric {
        Metric::ServiceTime => (schema::SENT_COLUMN, When::Sent),
        Metric::ResponseTime => (schema::INTENDED_COLUMN, When::Due),
    };
    let beside = (column, Unit::Milliseconds);
    let times = times::read_beside(path, source, request, beside)?
        .ok_or_else(|| Part::Moments.missing_in(path))?;
    Ok(Moments {
        place: times.place,
        run: times.run,
        name: times.name,
        at_s: times.xs.map(|xs| xs.values).unwrap_or_default(),
        when,
        values_ms: times.values_ms,
        counts: Vec::new(),
        slice_s: None,
        skipped: times.skipped,
        chosen_from: times.chosen_from,
    })
}

/// Most values of a log that are held apart, each with its slice and count: 96 MiB of them.
const MOST_SLICED: usize = 1 << 22;

fn of_log(mut log: Log, request: &Request) -> Result<Moments, ResultsError> {
    let chosen = log.choose(request, request.metric)?;
    let mut sliced = Sliced::new(MOST_SLICED);
    log.visit(&chosen.tag, &mut |interval| {
        // The last one may be cut short, and a quiet one may stand for many.
        if !interval.histogram.is_empty() {
            sliced.lengthen(interval.length_s);
        }
        for bucket in interval.histogram.iter_recorded() {
            sliced.push(
                interval.start_s,
                bucket.value_iterated_to(),
                bucket.count_at_value(),
            );
        }
        Ok(())
    })?;
    if sliced.entries.is_empty() {
        return Err(ResultsError::EmptyColumn {
            place: log.place(),
            column: chosen.label().to_owned(),
            rows: 0,
        });
    }
    Ok(Moments {
        place: log.place(),
        run: None,
        name: chosen.name(),
        at_s: sliced.entries.iter().map(|(at, ..)| *at).collect(),
        when: When::Echoed,
        values_ms: sliced
            .entries
            .iter()
            // Exact up to 2^53: 104 days of nanoseconds.
            .map(|(_, value, _)| chosen.unit.to_ms(*value as f64))
            .collect(),
        counts: sliced.entries.iter().map(|(.., count)| *count).collect(),
        slice_s: Some(sliced.length_s),
        skipped: 0,
        chosen_from: None,
    })
}

/// Values by slices of time, which grow longer when there are too many.
struct Sliced {
    /// Start of the slice in seconds, value, count.
    entries: Vec<(f64, u64, u64)>,
    length_s: f64,
    limit: usize,
}

impl Sliced {
    fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            length_s: 0.0,
            limit,
        }
    }

    /// A slice is at least so long.
    fn lengthen(&mut self, length_s: f64) {
        if length_s.is_finite() {
            self.length_s = self.length_s.max(length_s);
        }
    }

    fn push(&mut self, at_s: f64, value: u64, count: u64) {
        // Once they are longer than an interval, intervals share them.
        while self.entries.len() >= self.limit {
            let before = self.entries.len();
            self.length_s = (self.length_s * 2.0).max(1e-3);
            let length_s = self.length_s;
            for entry in &mut self.entries {
                entry.0 = (entry.0 / length_s).floor() * length_s;
            }
            self.join();
            // All lie in one slice already: these are the buckets of a histogram, and they end.
            if self.entries.len() == before
                && self.entries.first().map(|e| e.0) == self.entries.last().map(|e| e.0)
            {
                self.limit *= 2;
            }
        }
        self.entries.push((at_s, value, count));
    }

    /// Brings together what has the same slice and value.
    fn join(&mut self) {
        self.entries
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.entries.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0 && next.1 == kept.1;
            if is_same {
                kept.2 += next.2;
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_grow_until_there_is_room_and_lose_nothing() {
        let mut sliced = Sliced::new(100);
        sliced.lengthen(1.0);
        for second in 0..1_000_u32 {
            for value in 0..5 {
                sliced.push(f64::from(second), value, 3);
            }
            assert!(sliced.entries.len() <= 100);
        }
        assert_eq!(sliced.entries.iter().map(|e| e.2).sum::<u64>(), 15_000);
        assert!(sliced.length_s >= 64.0, "{}", sliced.length_s);
        let mut one = Sliced::new(4);
        (0..9).for_each(|value| one.push(0.0, value, 1));
        assert_eq!(one.entries.len(), 9, "what is in one slice is kept apart");
    }
}
