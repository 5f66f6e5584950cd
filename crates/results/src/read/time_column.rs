//! One column of times, or one distribution, with its origin.

use measurement::record::Sample;
use measurement::run::Samples;

use super::Metric;
use super::remark::{Remark, RunnerUp};
use super::run_origin::RunOrigin;
use super::time_unit::TimeUnit;
use crate::error::Place;

/// Times of messages, or of any events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latencies {
    /// The times in milliseconds; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// Number of times that each value stands for; empty when each stands for one time.
    pub counts: Vec<u64>,
    /// The row of each value, from 0 and ascending; empty when value N is that of row N, and when the values
    /// are not in the order of their rows.
    pub rows: Vec<u32>,
    /// Rows left out because of a missing or wrong echo: an empty cell, or the outcome `corrupted`. With a second column,
    /// also rows without a number in it.
    pub skipped: u64,
    /// Number of times from which these were chosen at random, by the run or by the reader of more than 8,388,608 rows;
    /// `None` when these are all, or it is not known.
    pub chosen_from: Option<u64>,
}

impl Latencies {
    /// The service times of samples in their order, from a run with this number of timed messages.
    pub fn of_samples(samples: &Samples, timed_messages: u64) -> Self {
        let timed = (0..)
            .zip(&samples.rows)
            .filter(|(_, s)| s.outcome.is_timed());
        let times_ns = timed.filter_map(|(row, s)| Some((row, Sample::service_time_ns(s)?)));
        // Exact up to 2^53: 104 days of nanoseconds.
        let (rows, values_ms): (Vec<u32>, Vec<f64>) =
            times_ns.map(|(row, ns)| (row, ns as f64 / 1e6)).unzip();
        let drawn = values_ms.len() as u64;
        let skipped = samples.rows.len() as u64 - drawn;
        Self {
            values_ms,
            counts: Vec::new(),
            rows: if skipped > 0 { rows } else { Vec::new() },
            skipped,
            chosen_from: (timed_messages > drawn).then_some(timed_messages),
        }
    }

    /// Number of times that the values stand for.
    pub fn count(&self) -> u64 {
        match self.counts.as_slice() {
            [] => self.values_ms.len() as u64,
            counts => counts.iter().sum(),
        }
    }

    /// Sorts the values, which must stand for themselves, and forgets their rows.
    pub(super) fn sort(&mut self) {
        self.values_ms.sort_unstable_by(f64::total_cmp);
        self.rows = Vec::new();
    }
}

/// One column of times of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeColumn {
    /// The file and sheet.
    pub place: Place,
    /// The run, if ws-bench wrote the file and it has a summary.
    pub run: Option<RunOrigin>,
    /// The column's name in the file, or its letter without one; the tag of a log.
    pub column: String,
    /// Name of the times: `service time`, or the column's name without the unit.
    pub name: String,
    /// The metric; `None` when the column is not known to be one of the two.
    pub metric: Option<Metric>,
    /// Unit of the numbers in the file.
    pub unit: TimeUnit,
    /// True if neither the request nor the file has a unit.
    pub unit_is_assumed: bool,
    /// True if the request has no column and another program wrote the file.
    pub column_is_guessed: bool,
    /// The column whose name fits second best, if the name decided.
    pub runner_up: Option<RunnerUp>,
    /// Remarks on how the file was read.
    pub remarks: Vec<Remark>,
    /// The second column of the same rows, if it was requested.
    pub x: Option<XColumn>,
    /// The times.
    pub times: Latencies,
}

/// The numbers of the column for the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub struct XColumn {
    /// The column's name in the file, or its letter without one.
    pub column: String,
    /// One for each time, in the same order; finite.
    pub values: Vec<f64>,
}
