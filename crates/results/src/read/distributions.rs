//! Times and how often each occurred.

use std::path::Path;

use super::source::{self, Opened};
use super::times::{self, Times};
use super::{Metric, Part, Place, Request, RunInfo, Unit};
use crate::error::ResultsError;
use crate::schema;

/// Times with how often each occurred: what a distribution is drawn from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// Ascending, in milliseconds; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// As many; empty when each stands for itself.
    pub counts: Vec<u64>,
}

impl Spread {
    fn of(mut values_ms: Vec<f64>) -> Self {
        values_ms.sort_unstable_by(f64::total_cmp);
        Self {
            values_ms,
            counts: Vec::new(),
        }
    }

    /// How many times it stands for.
    #[must_use]
    pub fn count(&self) -> u64 {
        if self.counts.is_empty() {
            self.values_ms.len() as u64
        } else {
            self.counts.iter().sum()
        }
    }
}

/// A distribution and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedSpread {
    /// `service time`, or the column's name without the unit.
    pub name: String,
    /// Which of the two times it is, where that is known.
    pub metric: Option<Metric>,
    /// The times.
    pub spread: Spread,
}

/// The distributions that a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// Where they were found.
    pub place: Place,
    /// The run, when the file is ours and says so.
    pub run: Option<RunInfo>,
    /// One, or service and response time in this order.
    pub times: Vec<NamedSpread>,
    /// Rows left out because no right echo came.
    pub skipped: u64,
    /// From how many times these were chosen at random; `None` when they are all, or nothing tells.
    pub chosen_from: Option<u64>,
    /// Unit of the numbers in the file.
    pub unit: Unit,
    /// Nothing told the unit: neither the request nor the file.
    pub unit_is_assumed: bool,
    /// The column's name in the file; its letter where it has none. Of a log the tag.
    pub column: String,
    /// Nobody named the column, and the file is not ours.
    pub column_is_guessed: bool,
}

/// Reads the distribution of the time asked for; with `both`, of service and response time where the file
/// has both and they differ.
///
/// From histograms (`.json`, `.hlog`) come the largest values of their buckets, as HdrHistogram's
/// quantiles are, and never more than the largest time where the file tells it.
///
/// # Errors
/// [`ResultsError`] as [`read_times`](super::read_times) has it, and when the file holds no times.
pub fn read_distributions(
    path: &Path,
    request: &Request,
    both: bool,
) -> Result<Distributions, ResultsError> {
    let mut source = match source::open(path)? {
        Opened::Cells(source) => source,
        Opened::Json(_) | Opened::Log(_) => return Err(Part::Distribution.missing_in(path)),
    };
    let source = source.as_mut();
    if both && request.column.is_none() {
        let service = Request {
            metric: Metric::ServiceTime,
            ..request.clone()
        };
        let beside = (schema::RESPONSE_TIME_COLUMN, Unit::Milliseconds);
        if let Some(mut times) = times::read_beside(path, source, &service, beside)?
            && let Some(xs) = times.xs.take()
            && xs.values != times.values_ms
        {
            let response = NamedSpread {
                name: Metric::ResponseTime.name().to_owned(),
                metric: Some(Metric::ResponseTime),
                spread: Spread::of(xs.values),
            };
            let mut all = of_times(times);
            all.times.push(response);
            return Ok(all);
        }
    }
    let request = Request {
        x: None,
        ..request.clone()
    };
    times::read_from(path, source, &request).map(of_times)
}

fn of_times(times: Times) -> Distributions {
    Distributions {
        place: times.place,
        run: times.run,
        times: vec![NamedSpread {
            name: times.name,
            metric: times.metric,
            spread: Spread::of(times.values_ms),
        }],
        skipped: times.skipped,
        chosen_from: times.chosen_from,
        unit: times.unit,
        unit_is_assumed: times.unit_is_assumed,
        column: times.column,
        column_is_guessed: times.column_is_guessed,
    }
}
