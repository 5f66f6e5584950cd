//! An HdrHistogram interval log, line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::time_column::{Latencies, TimeColumn};
use super::time_unit::TimeUnit;
use super::{ColumnRequest, Metric};
use crate::error::{ColumnProblem, Place, ResultsError, RowDefect};
use crate::histogram;

/// Longest line that is read; a histogram takes a few kilobytes.
const LONGEST_LINE: u64 = 16 << 20;

/// Most tags that are counted.
const MOST_TAGS: usize = 64;

/// The name shown for intervals without a tag.
const UNTAGGED: &str = "untagged";

/// A log whose tags are known.
pub(super) struct IntervalLog {
    path: PathBuf,
    file: File,
    /// Number of intervals with each tag; without one, the empty one.
    tags: BTreeMap<String, u64>,
}

/// The tag whose intervals are read.
pub(super) struct SelectedTag {
    /// Empty for those without a tag.
    pub(super) tag: String,
    metric: Option<Metric>,
    pub(super) unit: TimeUnit,
    unit_is_assumed: bool,
    is_guessed: bool,
}

impl SelectedTag {
    /// The tag as it is shown.
    pub(super) fn label(&self) -> &str {
        label_of(&self.tag)
    }

    /// The times of its intervals.
    pub(super) fn into_column(self, place: Place, times: Latencies) -> TimeColumn {
        let name = match (self.metric, self.tag.as_str()) {
            (Some(metric), _) => metric.name(),
            (None, "") => "time",
            (None, tag) => tag,
        };
        TimeColumn {
            place,
            run: None,
            column: self.label().to_owned(),
            name: name.to_owned(),
            metric: self.metric,
            unit: self.unit,
            unit_is_assumed: self.unit_is_assumed,
            column_is_guessed: self.is_guessed,
            x: None,
            times,
        }
    }
}

/// One interval.
pub(super) struct LogInterval {
    /// Its start in seconds since the log's.
    pub(super) start_s: f64,
    pub(super) length_s: f64,
    pub(super) histogram: Histogram<u64>,
}

impl IntervalLog {
    pub(super) fn open(path: &Path, file: File) -> Result<Self, ResultsError> {
        let mut log = Self {
            path: path.to_owned(),
            file,
            tags: BTreeMap::new(),
        };
        let mut tags: BTreeMap<String, u64> = BTreeMap::new();
        log.visit_lines(&mut |line| {
            if tags.len() < MOST_TAGS || tags.contains_key(line.tag) {
                *tags.entry(line.tag.to_owned()).or_default() += 1;
            }
            Ok(())
        })?;
        if tags.is_empty() {
            return Err(ResultsError::NoColumn {
                place: log.place(),
                problem: ColumnProblem::NoRows,
            });
        }
        log.tags = tags;
        Ok(log)
    }

    pub(super) fn place(&self) -> Place {
        Place::file(&self.path)
    }

    /// Returns `true` when it has both times of a run.
    pub(super) fn is_ours(&self) -> bool {
        let has = |metric| self.tags.contains_key(tag_of(metric));
        has(Metric::ServiceTime) && has(Metric::ResponseTime)
    }

    /// Selects the tag that was asked for; else that of the metric; else the only one.
    pub(super) fn select(
        &self,
        request: &ColumnRequest,
        metric: Metric,
    ) -> Result<SelectedTag, ResultsError> {
        let labels = || {
            self.tags
                .keys()
                .map(|tag| label_of(tag).to_owned())
                .collect()
        };
        let no_column = |problem| ResultsError::NoColumn {
            place: self.place(),
            problem,
        };
        let tag = if let Some(wanted) = &request.column {
            let is_wanted = |tag: &&String| *tag == wanted || label_of(tag) == wanted;
            self.tags.keys().find(is_wanted).ok_or_else(|| {
                no_column(ColumnProblem::NoSuchColumn {
                    wanted: wanted.clone(),
                    known: labels(),
                })
            })?
        } else {
            let mut tags = self.tags.keys();
            let by_name = self.tags.get_key_value(tag_of(metric));
            match (by_name, tags.next(), tags.next()) {
                (Some((tag, _)), ..) | (None, Some(tag), None) => tag,
                // The empty one comes first: the whole of which the others are parts.
                (None, Some(tag), _) if tag.is_empty() => tag,
                _ => return Err(no_column(ColumnProblem::Ambiguous { columns: labels() })),
            }
        };
        let mut of_ours = [Metric::ServiceTime, Metric::ResponseTime].into_iter();
        Ok(SelectedTag {
            tag: tag.clone(),
            metric: of_ours.find(|m| self.is_ours() && tag_of(*m) == tag),
            unit: request.unit.unwrap_or(TimeUnit::Nanoseconds),
            unit_is_assumed: request.unit.is_none() && !self.is_ours(),
            is_guessed: request.column.is_none() && !self.is_ours(),
        })
    }

    /// Shows every interval with this tag.
    pub(super) fn visit(
        &mut self,
        wanted: &str,
        visitor: &mut dyn FnMut(LogInterval) -> Result<(), ResultsError>,
    ) -> Result<(), ResultsError> {
        let path = self.path.clone();
        self.visit_lines(&mut |line| {
            if line.tag != wanted {
                return Ok(());
            }
            let histogram = histogram::decode(line.encoded)
                .map_err(|source| damaged_line(&path, line.number, Some(source)))?;
            visitor(LogInterval {
                start_s: line.start_s,
                length_s: line.length_s,
                histogram,
            })
        })
    }

    /// Merges all intervals with this tag.
    pub(super) fn whole(&mut self, selected: &SelectedTag) -> Result<Histogram<u64>, ResultsError> {
        let (mut sum, place) = (None, self.place());
        self.visit(&selected.tag, &mut |interval| {
            histogram::add(&mut sum, interval.histogram)
                .map_err(|source| ResultsError::damaged(place.clone(), source))
        })?;
        sum.filter(|sum| !sum.is_empty())
            .ok_or_else(|| ResultsError::NoValues {
                place,
                column: selected.label().to_owned(),
                x: None,
                rows: self.tags.get(&selected.tag).copied().unwrap_or(0),
            })
    }

    /// Shows each line that has an interval.
    fn visit_lines(
        &mut self,
        visitor: &mut dyn FnMut(LogLine<'_>) -> Result<(), ResultsError>,
    ) -> Result<(), ResultsError> {
        let Self { path, file, .. } = self;
        let failed = |source| ResultsError::read(path, source);
        file.rewind().map_err(failed)?;
        let mut reader = BufReader::new(&*file);
        let (mut started, mut base) = (None, None);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut limited = reader.by_ref().take(LONGEST_LINE);
            if limited.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                return Ok(());
            }
            let is_cut = !line.ends_with(b"\n");
            if is_cut {
                line.push(b'\n');
            }
            if number == 1 && line.starts_with(BOM) {
                line.drain(..BOM.len());
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            for entry in IntervalLogIterator::new(&line) {
                match entry.map_err(|_| damaged_line(path, number, None))? {
                    LogEntry::StartTime(time) => started = Some(time),
                    LogEntry::BaseTime(time) => base = Some(time),
                    LogEntry::Interval(interval) => {
                        let encoded = interval.encoded_histogram();
                        // Only a whole histogram makes up for a line that has no end.
                        if is_cut && let Err(source) = histogram::decode(encoded) {
                            return Err(damaged_line(path, number, Some(source)));
                        }
                        visitor(LogLine {
                            number,
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

/// A line with an interval.
struct LogLine<'l> {
    /// Number of the line, from 1.
    number: u64,
    /// Empty without a tag.
    tag: &'l str,
    /// Its start in seconds since the log's.
    start_s: f64,
    length_s: f64,
    /// Its histogram.
    encoded: &'l str,
}

fn damaged_line(path: &Path, line: u64, source: Option<std::io::Error>) -> ResultsError {
    ResultsError::DamagedRow {
        path: path.to_owned(),
        defect: RowDefect::Interval(line),
        source,
    }
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The begin of an interval in seconds since the log's start. Without a base time, HdrHistogram's own
/// reader takes timestamps for seconds of the epoch unless they lie a year before the start.
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

/// A tag as it is shown.
fn label_of(tag: &str) -> &str {
    if tag.is_empty() { UNTAGGED } else { tag }
}

/// Tag of a metric in the logs of this crate.
fn tag_of(metric: Metric) -> &'static str {
    match metric {
        Metric::ServiceTime => "service",
        Metric::ResponseTime => "response",
    }
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
