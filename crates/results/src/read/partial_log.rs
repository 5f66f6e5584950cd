//! Logs of runs that go on or were killed: `.hlog.partial`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use measurement::record::{CountsSoFar, LoggedSecond, RowSeconds, RowSpan, SecondHistograms};
use measurement::run::RunTimeline;

use super::Metric;
use super::log_lines::{LONGEST_LINE, damaged_line};
use crate::counts_comment::parse_counts;
use crate::error::{Result, ResultsError};
use crate::histogram;
use crate::partial_name::is_partial_log;

/// State of a log whose run goes on or was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartialLog {
    /// End of the last whole second, in seconds since T0.
    pub through_s: u64,
    /// True when the last line is cut off, or the last second has only one of its two intervals. It is left out.
    pub is_torn: bool,
    /// Counts from T0 to `through_s`; `None` in a log of another program.
    pub counts: Option<CountsSoFar>,
}

/// Reads the state of a log that grows; `None` for a file with another name than `x.hlog.partial`.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or a line before the last one is damaged.
pub fn read_partial_log(path: &Path) -> Result<Option<PartialLog>> {
    if !is_partial_log(path) {
        return Ok(None);
    }
    let mut file = File::open(path).map_err(|source| ResultsError::read(path, source))?;
    Ok(Some(scan(path, &mut file, &mut |_| Ok(()))?.0))
}

/// Reads the whole seconds of a log that grows, as they were appended. A second whose response times equal its service
/// times has only these. The other value is the state of the log.
///
/// # Errors
/// [`ResultsError`] when the file cannot be read, or a line before the last one is damaged.
pub fn read_logged_seconds(path: &Path) -> Result<(Vec<LoggedSecond>, PartialLog)> {
    let mut file = File::open(path).map_err(|source| ResultsError::read(path, source))?;
    let mut seconds = Vec::new();
    let (state, _) = scan(path, &mut file, &mut |second| {
        seconds.push(second.decode().map_err(|source| {
            let defect = format!(
                "the histograms of second {} are damaged",
                second.span.second
            );
            ResultsError::DamagedRow(path.to_owned(), defect, Some(source))
        })?);
        Ok(())
    })?;
    Ok((seconds, state))
}

/// The texts of a whole second.
struct WholeSecond<'a> {
    started: Option<Duration>,
    span: RowSpan,
    counts: CountsSoFar,
    service: &'a str,
    response: &'a str,
}

impl WholeSecond<'_> {
    fn decode(&self) -> std::io::Result<LoggedSecond> {
        let service = histogram::inflate(self.service)?;
        let response = histogram::inflate(self.response)?;
        let started = SystemTime::UNIX_EPOCH.checked_add(self.started.unwrap_or_default());
        let is_empty = histogram::from_plain(&service)?.is_empty();
        Ok(LoggedSecond {
            started_at: started.unwrap_or(SystemTime::UNIX_EPOCH),
            span: self.span,
            histograms: (!is_empty).then(|| SecondHistograms {
                response: (response != service).then_some(response),
                service,
            }),
            counts: self.counts,
        })
    }
}

/// The whole part of a log that grows.
pub(super) struct WholePart {
    pub(super) state: PartialLog,
    /// Length of the part in bytes.
    pub(super) bytes: u64,
    /// Each second, with the counts to its end.
    counts: Vec<(u64, CountsSoFar)>,
}

impl WholePart {
    pub(super) fn scan(path: &Path, file: &mut File) -> Result<Self> {
        let mut counts = Vec::new();
        let (state, bytes) = scan(path, file, &mut |second| {
            counts.push((second.span.second, second.counts));
            Ok(())
        })?;
        if state.counts.is_none() {
            counts.clear();
        }
        Ok(Self {
            state,
            bytes,
            counts,
        })
    }

    /// Sets the counts of the rows to those of the log, which knows more than the number of times. A failure counts in
    /// the second in which it was known.
    pub(super) fn count_messages(&self, timeline: &mut RunTimeline) {
        let mut before = CountsSoFar::default();
        for (second, counts) in &self.counts {
            let rows = &mut timeline.rows;
            if let Ok(at) = rows.binary_search_by_key(second, |row| row.second) {
                rows[at].sent = counts.sent.saturating_sub(before.sent);
                rows[at].received = counts.received.saturating_sub(before.received);
                rows[at].failed = counts.failed.saturating_sub(before.failed);
            }
            before = *counts;
            timeline.knows_sent = true;
        }
    }
}

fn scan(
    path: &Path,
    file: &mut File,
    visitor: &mut dyn FnMut(&WholeSecond<'_>) -> Result<()>,
) -> Result<(PartialLog, u64)> {
    let failed = |source| ResultsError::read(path, source);
    file.rewind().map_err(failed)?;
    let mut reader = BufReader::new(file);
    let mut scanner = Scanner::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let mut limited = reader.by_ref().take(LONGEST_LINE);
        let length = limited.read_until(b'\n', &mut text).map_err(failed)?;
        if length == 0 {
            break;
        }
        let is_last = reader.fill_buf().map_err(failed)?.is_empty();
        if !scanner.add(&text, is_last, visitor)? {
            if !is_last {
                return Err(damaged_line(path, line, None));
            }
            scanner.state.is_torn = true;
        }
    }
    scanner.state.is_torn |= scanner.service.is_some();
    Ok((scanner.state, scanner.whole_bytes))
}

/// The length of an interval, which is a second in a log of another program.
fn row_seconds(interval: Duration) -> RowSeconds {
    let seconds = (interval + Duration::from_millis(1)).as_secs();
    RowSeconds::try_from(seconds).unwrap_or_default()
}

#[derive(Default)]
struct Scanner {
    state: PartialLog,
    read_bytes: u64,
    /// Bytes up to the end of the last whole second.
    whole_bytes: u64,
    started: Option<Duration>,
    /// Counts of the second that follows.
    counts: Option<CountsSoFar>,
    /// Start of a second in seconds, and the text of its service times, until its response times follow.
    service: Option<(u64, String)>,
}

impl Scanner {
    /// Adds a line; returns `false` when it is not whole.
    fn add(
        &mut self,
        text: &[u8],
        is_last: bool,
        visitor: &mut dyn FnMut(&WholeSecond<'_>) -> Result<()>,
    ) -> Result<bool> {
        self.read_bytes += text.len() as u64;
        if !text.ends_with(b"\n") {
            return Ok(false);
        }
        if let Some(counts) = parse_counts(text) {
            self.counts = Some(counts);
            return Ok(true);
        }
        for entry in IntervalLogIterator::new(text) {
            let interval = match entry {
                Ok(LogEntry::Interval(interval)) => interval,
                Ok(LogEntry::StartTime(time)) => {
                    self.started = Some(time);
                    continue;
                }
                Ok(LogEntry::BaseTime(_)) => continue,
                Err(_) => return Ok(false),
            };
            let encoded = interval.encoded_histogram();
            if is_last && histogram::decode(encoded).is_err() {
                return Ok(false);
            }
            let second = interval.start_timestamp().as_secs();
            let tag = interval.tag().map_or("", |tag| tag.as_str());
            if tag == Metric::ServiceTime.word() {
                self.service = Some((second, encoded.to_owned()));
                continue;
            }
            let service = self.service.take_if(|(start, _)| *start == second);
            if let Some((_, service)) = service.filter(|_| tag == Metric::ResponseTime.word()) {
                visitor(&WholeSecond {
                    started: self.started,
                    span: RowSpan {
                        second,
                        seconds: row_seconds(interval.duration()),
                    },
                    counts: self.counts.unwrap_or_default(),
                    service: &service,
                    response: encoded,
                })?;
            }
            self.state.counts = self.counts;
            self.state.through_s = second.saturating_add(interval.duration().as_secs());
            self.whole_bytes = self.read_bytes;
        }
        Ok(true)
    }
}
