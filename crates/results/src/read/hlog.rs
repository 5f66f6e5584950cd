//! An HdrHistogram interval log, line by line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::log_lines::{LONGEST_LINE, damaged_line};
use super::partial_log::WholePart;
use super::remark::Remark;
use super::time_column::{Latencies, TimeColumn};
use super::time_unit::TimeUnit;
use super::{ColumnRequest, Metric};
use crate::error::{ColumnProblem, Place, Result, ResultsError};
use crate::histogram;
use crate::partial_name::is_partial_log;

/// Most tags that are kept.
const MOST_TAGS: usize = 64;

/// A log whose tags are known.
pub(super) struct IntervalLog {
    place: Place,
    file: File,
    /// Tags of the intervals; the empty one for an interval without.
    tags: BTreeSet<String>,
    /// The part of a log that grows which is read; `None` for a whole log.
    pub(super) partial: Option<WholePart>,
}

/// A line with an interval.
pub(super) struct LogInterval<'l> {
    /// Number of the line, from 1.
    line: u64,
    /// Tag of the interval; empty without one.
    tag: &'l str,
    /// Start of the interval, in seconds since the log's.
    pub(super) start_s: f64,
    pub(super) length_s: f64,
    /// The text of its histogram.
    encoded: &'l str,
}

impl IntervalLog {
    pub(super) fn open(path: &Path, mut file: File) -> Result<Self> {
        let partial = if is_partial_log(path) {
            Some(WholePart::scan(path, &mut file)?)
        } else {
            None
        };
        let mut log = Self {
            place: Place::file(path),
            file,
            tags: BTreeSet::new(),
            partial,
        };
        let mut tags: BTreeSet<String> = BTreeSet::new();
        log.visit_lines(&mut |interval| {
            if tags.len() < MOST_TAGS && !tags.contains(interval.tag) {
                tags.insert(interval.tag.to_owned());
            }
            Ok(())
        })?;
        if tags.is_empty() && log.partial.is_some() {
            return Err(ResultsError::NoWholeSecond(path.to_owned()));
        }
        if tags.is_empty() {
            return Err(ResultsError::NoColumn(log.place, ColumnProblem::NoRows));
        }
        log.tags = tags;
        Ok(log)
    }

    /// Returns `true` when the log has both times of a run.
    pub(super) fn is_ours(&self) -> bool {
        let mut ours = Metric::ALL.into_iter();
        ours.all(|metric| self.tags.contains(metric.word()))
    }

    fn remarks(&self) -> Vec<Remark> {
        let partial = self.partial.iter();
        partial.map(|part| Remark::Partial(part.state)).collect()
    }

    /// Selects a tag; the empty one for intervals without a tag. Returns it with the column of its times, which is still
    /// empty.
    pub(super) fn select(
        &self,
        request: &ColumnRequest,
        metric: Metric,
    ) -> Result<(String, TimeColumn)> {
        let tag = self
            .find_tag(request, metric)
            .map_err(|problem| ResultsError::NoColumn(self.place.clone(), problem))?;
        let is_ours = self.is_ours();
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| is_ours && metric.word() == tag);
        let name = match (metric, tag) {
            (Some(metric), _) => metric.name(),
            (None, "") => "time",
            (None, tag) => tag,
        };
        let column = TimeColumn {
            place: self.place.clone(),
            run: None,
            column: label_of(tag).to_owned(),
            name: name.to_owned(),
            metric,
            unit: request.unit.unwrap_or(TimeUnit::Nanoseconds),
            unit_is_assumed: request.unit.is_none() && !is_ours,
            column_is_guessed: request.column.is_none() && !is_ours,
            runner_up: None,
            remarks: self.remarks(),
            x: None,
            times: Latencies::default(),
        };
        Ok((tag.to_owned(), column))
    }

    /// Returns the requested tag, else that of the metric, else the only one.
    fn find_tag(
        &self,
        request: &ColumnRequest,
        metric: Metric,
    ) -> std::result::Result<&str, ColumnProblem> {
        let mut tags = self.tags.iter().map(String::as_str);
        let labels = || self.tags.iter().map(|tag| label_of(tag).into()).collect();
        if let Some(wanted) = &request.column {
            return tags
                .find(|tag| tag == wanted || label_of(tag) == wanted)
                .ok_or_else(|| ColumnProblem::NoSuchColumn(wanted.clone(), labels()));
        }
        if self.tags.contains(metric.word()) {
            return Ok(metric.word());
        }
        match (tags.next(), tags.next()) {
            (Some(tag), None) => Ok(tag),
            // The empty one comes first: the whole of which the others are parts.
            (Some(""), _) => Ok(""),
            _ => Err(ColumnProblem::Ambiguous(labels())),
        }
    }

    /// Calls the visitor with every interval with this tag, and its histogram.
    pub(super) fn visit(
        &mut self,
        tag: &str,
        visitor: &mut dyn FnMut(&LogInterval<'_>, Histogram<u64>) -> Result<()>,
    ) -> Result<()> {
        let path = self.place.path.clone();
        self.visit_lines(&mut |interval| {
            if interval.tag != tag {
                return Ok(());
            }
            let histogram = histogram::decode(interval.encoded)
                .map_err(|source| damaged_line(&path, interval.line, Some(source)))?;
            visitor(interval, histogram)
        })
    }

    /// Merges all intervals with this tag.
    pub(super) fn whole(&mut self, tag: &str) -> Result<Histogram<u64>> {
        let (mut sum, place) = (None, self.place.clone());
        self.visit(tag, &mut |_, histogram| {
            histogram::add(&mut sum, histogram)
                .map_err(|source| ResultsError::damaged(place.clone(), source))
        })?;
        sum.filter(|sum| !sum.is_empty())
            .ok_or_else(|| ResultsError::empty_histograms(place, label_of(tag)))
    }

    fn visit_lines(
        &mut self,
        visitor: &mut dyn FnMut(&LogInterval<'_>) -> Result<()>,
    ) -> Result<()> {
        let bytes = self.partial.as_ref().map_or(u64::MAX, |part| part.bytes);
        let Self { place, file, .. } = self;
        let path = &place.path;
        let failed = |source| ResultsError::read(path, source);
        file.rewind().map_err(failed)?;
        let mut reader = BufReader::new((&*file).take(bytes));
        let (mut started, mut base) = (None, None);
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let mut limited = reader.by_ref().take(LONGEST_LINE);
            if limited.read_until(b'\n', &mut text).map_err(failed)? == 0 {
                return Ok(());
            }
            let is_cut = !text.ends_with(b"\n");
            if is_cut {
                text.push(b'\n');
            }
            if line == 1 && text.starts_with(BOM) {
                text.drain(..BOM.len());
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            for entry in IntervalLogIterator::new(&text) {
                match entry.map_err(|_| damaged_line(path, line, None))? {
                    LogEntry::StartTime(time) => started = Some(time),
                    LogEntry::BaseTime(time) => base = Some(time),
                    LogEntry::Interval(interval) => {
                        let encoded = interval.encoded_histogram();
                        // Only a whole histogram makes up for a line that has no end.
                        if is_cut && let Err(source) = histogram::decode(encoded) {
                            return Err(damaged_line(path, line, Some(source)));
                        }
                        visitor(&LogInterval {
                            line,
                            tag: interval.tag().map_or("", |tag| tag.as_str()),
                            start_s: since_start(interval.start_timestamp(), started, base),
                            length_s: interval.duration().as_secs_f64(),
                            encoded,
                        })?;
                    }
                }
            }
        }
        Ok(())
    }
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Start of an interval in seconds since the log's start. Without a base time, timestamps are seconds since 1970 unless
/// they are more than a year before the log's start, as in HdrHistogram's own reader.
fn since_start(at: Duration, started: Option<Duration>, base: Option<Duration>) -> f64 {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    match (started, base) {
        (Some(started), Some(base)) => {
            (base.as_secs_f64() - started.as_secs_f64()) + at.as_secs_f64()
        }
        (Some(started), None) if at + YEAR > started => at.as_secs_f64() - started.as_secs_f64(),
        _ => at.as_secs_f64(),
    }
}

fn label_of(tag: &str) -> &str {
    if tag.is_empty() { "untagged" } else { tag }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_told_from_the_start_of_the_log() {
        let s = Duration::from_secs;
        assert_eq!(
            since_start(s(3), Some(s(1_700_000_000)), Some(s(1_700_000_000))),
            3.0
        );
        assert_eq!(since_start(s(3), Some(s(1_700_000_000)), None), 3.0);
        assert_eq!(
            since_start(s(1_700_000_003), Some(s(1_700_000_000)), None),
            3.0
        );
        assert_eq!(since_start(s(3), None, None), 3.0);
    }
}
