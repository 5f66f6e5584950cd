//! Times and the moments at which their messages were sent.

use std::path::Path;

use super::source::{self, Opened};
use super::{Part, Place, Request, RunInfo, Unit, times};
use crate::error::ResultsError;
use crate::schema;

/// Times with the moment at which each was sent: what a heatmap is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Where they were found.
    pub place: Place,
    /// The run, when the file is ours and says so.
    pub run: Option<RunInfo>,
    /// `service time` or `response time`.
    pub name: String,
    /// When each message was sent, in seconds since T0; from a log, when the slice began in which its
    /// echo came.
    pub at_s: Vec<f64>,
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
    let mut source = match source::open(path)? {
        Opened::Cells(source) => source,
        Opened::Json(_) | Opened::Log(_) => return Err(Part::Moments.missing_in(path)),
    };
    // As they are: only checked, not converted.
    let beside = (schema::SENT_COLUMN, Unit::Milliseconds);
    let times = times::read_beside(path, source.as_mut(), request, beside)?
        .ok_or_else(|| Part::Moments.missing_in(path))?;
    Ok(Moments {
        place: times.place,
        run: times.run,
        name: times.name,
        at_s: times.xs.map(|xs| xs.values).unwrap_or_default(),
        values_ms: times.values_ms,
        counts: Vec::new(),
        slice_s: None,
        skipped: times.skipped,
        chosen_from: times.chosen_from,
    })
}
