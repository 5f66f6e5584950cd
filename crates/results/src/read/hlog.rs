//! An HdrHistogram interval log, line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{Metric, Place, Request, Unit, listed};
use crate::error::ResultsError;
use crate::histogram;

/// Longest line that is read; a histogram takes a few kilobytes.
const LONGEST_LINE: u64 = 16 << 20;

/// Most tags that are told apart.
const MOST_TAGS: usize = 64;

/// The name shown for intervals without a tag.
const UNTAGGED: &str = "untagged";

/// A log that was looked through once.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// How many intervals have each tag; without one, the empty one.
    tags: BTreeMap<String, u64>,
}

/// The intervals that are meant.
pub(super) struct Chosen {
    /// Empty for those without a tag.
    pub(super) tag: String,
    pub(super) metric: Option<Metric>,
    pub(super) unit: Unit,
    pub(super) unit_is_assumed: bool,
    pub(super) is_guessed: bool,
}

impl Chosen {
    /// The tag as it is shown.
    pub(super) fn label(&self) -> &str {
        match self.tag.as_str() {
            "" => UNTAGGED,
            tag => tag,
        }
    }

    /// What it holds.
    pub(super) fn name(&self) -> String {
        self.metric.map_or_else(
            || match self.tag.as_str() {
                "" => "time".to_owned(),
                tag => tag.to_owned(),
            },
            |metric| metric.name().to_owned(),
        )
    }
}

/// One interval.
pub(super) struct Interval {
    /// Its start in seconds since the log's.
    pub(super) start_s: f64,
    pub(super) length_s: f64,
    pub(super) histogram: Histogram<u64>,
}

impl Log {
    pub(super) fn open(path: &Path, file: File) -> Result<Self, ResultsError> {
        let mut log = Self {
            path: path.to_owned(),
            file,
            tags: BTreeMap::new(),
        };
        let mut tags: BTreeMap<String, u64> = BTreeMap::new();
        log.lines(&mut |_, tag, _, _| {
            if tags.len() < MOST_TAGS || tags.contains_key(tag) {
                *tags.entry(tag.to_owned()).or_default() += 1;
            }
            Ok(())
        })?;
        if tags.is_empty() {
            return Err(ResultsError::EmptySheet { place: log.place() });
        }
        log.tags = tags;
        Ok(log)
    }

    pub(super) fn place(&self) -> Place {
        Place {
            path: self.path.clone(),
            sheet: None,
        }
    }

    /// Whether it has both times of a run.
    pub(super) fn is_ours(&self) -> bool {
        let has = |metric| self.tags.contains_key(tag_of(metric));
        has(Metric::ServiceTime) && has(Metric::ResponseTime)
    }

    /// The tag that was asked for; else that of the metric; else the only one.
    pub(super) fn choose(&self, request: &Request, metric: Metric) -> Result<Chosen, ResultsError> {
        let labels = || {
            let label = |tag: &String| if tag.is_empty() { UNTAGGED } else { tag }.to_owned();
            listed(&self.tags.keys().map(label).collect::<Vec<_>>())
        };
        let tag = if let Some(wanted) = &request.column {
            let is_wanted =
                |tag: &&String| *tag == wanted || tag.is_empty() && wanted.as_str() == UNTAGGED;
            let found = self.tags.keys().find(is_wanted);
            found.ok_or_else(|| ResultsError::NoSuchColumn {
                place: self.place(),
                column: wanted.clone(),
                known: labels(),
            })?
        } else {
            let mut tags = self.tags.keys();
            let by_name = self.tags.get_key_value(tag_of(metric));
            match (by_name, tags.next(), tags.next()) {
                (Some((tag, _)), ..) | (None, Some(tag), None) => tag,
                // The empty one comes first: the whole of which the others are parts.
                (None, Some(tag), _) if tag.is_empty() => tag,
                _ => {
                    return Err(ResultsError::AmbiguousColumn {
                        place: self.place(),
                        columns: labels(),
                    });
                }
            }
        };
        let mut of_ours = [Metric::ServiceTime, Metric::ResponseTime].into_iter();
        Ok(Chosen {
            tag: tag.clone(),
            metric: of_ours.find(|m| self.is_ours() && tag_of(*m) == tag),
            unit: request.unit.unwrap_or(Unit::Nanoseconds),
            unit_is_assumed: request.unit.is_none() && !self.is_ours(),
            is_guessed: request.column.is_none() && !self.is_ours(),
        })
    }

    /// Shows every interval with this tag.
    pub(super) fn visit(
        &mut self,
        wanted: &str,
        visitor: &mut dyn FnMut(Interval) -> Result<(), ResultsError>,
    ) -> Result<(), ResultsError> {
        let path = self.path.clone();
        self.lines(&mut |line, tag, (start_s, length_s), encoded| {
            if tag != wanted {
                return Ok(());
            }
            let histogram =
                histogram::decode(encoded).map_err(|source| ResultsError::DamagedLine {
                    path: path.clone(),
                    line,
                    source: Some(source),
                })?;
            visitor(Interval {
                start_s,
                length_s,
                histogram,
            })
        })
    }

    /// All intervals with this tag together.
    pub(super) fn whole(&mut self, chosen: &Chosen) -> Result<Histogram<u64>, ResultsError> {
        let failed = |path: &Path, source| ResultsError::DamagedText {
            path: path.to_owned(),
            source,
        };
        let (mut sum, path) = (None, self.path.clone());
        self.visit(&chosen.tag, &mut |interval| {
            histogram::add(&mut sum, interval.histogram).map_err(|e| failed(&path, e))
        })?;
        sum.filter(|sum| !sum.is_empty())
            .ok_or_else(|| ResultsError::EmptyColumn {
                place: self.place(),
                column: chosen.label().to_owned(),
                rows: self.tags.get(&chosen.tag).copied().unwrap_or(0),
            })
    }

    /// Shows each line that has an interval: its number, tag, start and length, and encoded histogram.
    fn lines(&mut self, visitor: &mut LineVisitor<'_>) -> Result<(), ResultsError> {
        let Self { path, file, .. } = self;
        let failed = |source| ResultsError::Read {
            path: path.clone(),
            source,
        };
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
                let damaged = |source| ResultsError::DamagedLine {
                    path: path.clone(),
                    line: number,
                    source,
                };
                let entry = entry.map_err(|_| damaged(None))?;
                // Only a whole histogram makes up for a line that has no end.
                if let LogEntry::Interval(interval) = &entry
                    && is_cut
                {
                    histogram::decode(interval.encoded_histogram())
                        .map_err(|e| damaged(Some(e)))?;
                }
                match entry {
                    LogEntry::StartTime(time) => started = Some(time),
                    LogEntry::BaseTime(time) => base = Some(time),
                    LogEntry::Interval(interval) => visitor(
                        number,
                        interval.tag().map_or("", |tag| tag.as_str()),
                        (
                            since_start(interval.start_timestamp(), started, base),
                            interval.duration().as_secs_f64(),
                        ),
                        interval.encoded_histogram(),
                    )?,
                }
            }
        }
        Ok(())
    }
}

type LineVisitor<'v> = dyn FnMut(u64, &str, (f64, f64), &str) -> Result<(), ResultsError> + 'v;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Where an interval begins in seconds since the log's start. Without a base time, HdrHistogram's own
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

/// Its tag in the logs of this crate.
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
