//! Figures of each second of the measured phase. In a run of more than an hour, a row is longer than a second.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LatencyHistogram;
use super::row_seconds::{
    RowRule, RowSeconds, RowSpan, TableRow, widen_all, widen_counts, widen_next,
};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// One row of the measured phase: a second, or several in a long run. Times are `None` when no timed echo arrived in that
/// time. Field names are the JSON keys of the contract.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TimelineRow {
    /// Start of the row, in seconds since T0.
    pub second: u64,
    /// Messages sent in this row.
    pub sent: u64,
    /// Echoes that arrived in this row.
    pub received: u64,
    /// Messages sent in this row that were lost, corrupted or timed out.
    #[serde(default)]
    pub failed: u64,
    /// Median service time of the echoes that arrived in this row, in nanoseconds.
    pub service_p50_ns: Option<u64>,
    /// 99th percentile of the service time of these echoes, in nanoseconds.
    pub service_p99_ns: Option<u64>,
    /// 99th percentile of the response time of these echoes, in nanoseconds.
    pub response_p99_ns: Option<u64>,
    /// Maximum response time of these echoes, in nanoseconds.
    pub max_ns: Option<u64>,
    /// Length of the row in seconds; 1 in files of older versions.
    #[serde(default)]
    pub seconds: RowSeconds,
    /// Times of these echoes as HDR histograms; `None` without timed echoes, and in a row that was read from a file.
    #[serde(skip)]
    pub histograms: Option<SecondHistograms>,
}

impl TimelineRow {
    /// The time of the row.
    pub fn span(&self) -> RowSpan {
        RowSpan {
            second: self.second,
            seconds: self.seconds,
        }
    }
}

/// Service times, and response times where they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAndResponse<T> {
    /// Service times.
    pub service: T,
    /// Response times; `None` in closed loop, where they equal the service times.
    pub response: Option<T>,
}

/// The times of one second in HdrHistogram's V2 encoding, in nanoseconds, with the bounds and digits of a
/// [`LatencyHistogram`].
pub type SecondHistograms = ServiceAndResponse<Vec<u8>>;

impl SecondHistograms {
    /// Adds up the histograms of several threads or processes; `None` for no histograms.
    pub fn merge(parts: &[Self]) -> Option<Self> {
        if let [only] = parts {
            return Some(only.clone());
        }
        parts.first()?;
        let is_open_loop = parts.iter().any(|part| part.response.is_some());
        let mut times = EchoTimes::new(is_open_loop);
        parts.iter().for_each(|part| times.merge_encoded(part));
        Some(times.encode())
    }
}

/// The times of echoes, in nanoseconds.
pub type EchoTimes = ServiceAndResponse<LatencyHistogram>;

impl EchoTimes {
    fn new(open_loop: bool) -> Self {
        Self {
            service: LatencyHistogram::new(),
            response: open_loop.then(LatencyHistogram::new),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.service.merge(&other.service);
        if let (Some(response), Some(other)) = (&mut self.response, &other.response) {
            response.merge(other);
        }
    }

    fn merge_encoded(&mut self, second: &SecondHistograms) {
        self.service.merge_encoded(&second.service);
        if let Some(response) = &mut self.response {
            // A file has no response times for a second in which they equal the service times.
            response.merge_encoded(second.response.as_ref().unwrap_or(&second.service));
        }
    }

    fn clear(&mut self) {
        self.service.clear();
        if let Some(response) = &mut self.response {
            response.clear();
        }
    }

    fn encode(&self) -> SecondHistograms {
        SecondHistograms {
            service: self.service.encode(),
            response: self.response.as_ref().map(LatencyHistogram::encode),
        }
    }
}

/// A completed row with timed echoes.
#[derive(Debug, Clone)]
struct ClosedRow {
    span: RowSpan,
    max_ns: u64,
    histograms: SecondHistograms,
}

impl TableRow for ClosedRow {
    fn span(&self) -> RowSpan {
        self.span
    }

    fn sum(rows: &[Self], span: RowSpan) -> Self {
        let parts: Vec<_> = rows.iter().map(|row| row.histograms.clone()).collect();
        let empty = SecondHistograms {
            service: Vec::new(),
            response: None,
        };
        Self {
            span,
            max_ns: rows.iter().map(|row| row.max_ns).max().unwrap_or(0),
            histograms: SecondHistograms::merge(&parts).unwrap_or(empty),
        }
    }
}

/// A row of one thread that is complete and encoded, with counts from T0 to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSecond {
    /// The row, in seconds since T0.
    pub span: RowSpan,
    /// Times of the echoes that arrived in it; `None` without timed echoes.
    pub histograms: Option<SecondHistograms>,
    /// Messages sent by the end of the row.
    pub sent: u64,
    /// Echoes that arrived by the end of the row.
    pub received: u64,
    /// Messages sent by the end of the row that are known to be lost, corrupted or late.
    pub failed: u64,
}

/// Longest time between the encoding of two threads, in nanoseconds.
const LONGEST_ENCODE_SPACING_NS: u64 = 25_000_000;

/// Part of a second over which the encoding of all threads is spread, in nanoseconds. The rest is left for a late
/// thread.
const ENCODE_SPREAD_NS: u64 = 750_000_000;

/// Time after the end of a second at which a thread encodes it, in nanoseconds. Encoding evicts the caches, so threads do
/// it one after the other. `threads` counts the generator threads of the whole run, in all its processes, and `thread`
/// is the number of one of them.
pub fn encode_delay_ns(thread: u64, threads: u64) -> u64 {
    let spacing_ns = (ENCODE_SPREAD_NS / threads.max(1)).min(LONGEST_ENCODE_SPACING_NS);
    (thread * spacing_ns + spacing_ns / 2).min(ENCODE_SPREAD_NS)
}

/// Timeline of one thread: counters for each row, histograms of the running row, of the one before it and of all
/// earlier ones, and a few kilobytes for each completed row. A row is a second, or several of a long run; see
/// [`RowRule`]. A time is recorded once, in the row of its echo.
///
/// At the end of a row, its histogram is swapped for an empty one. It is encoded, added to those of earlier rows and
/// cleared at a time that is different for each thread.
#[derive(Debug, Clone)]
pub struct ThreadTimeline {
    rule: RowRule,
    /// Length of the rows of the counts, which is that of the running row.
    counted: RowSeconds,
    sent: Vec<u64>,
    received: Vec<u64>,
    /// Ends with the last row that has a failure.
    failed: Vec<u64>,
    running: RowSpan,
    current: EchoTimes,
    /// Times of `finished_row`; empty without one.
    finished: EchoTimes,
    /// The row that is complete but not encoded yet.
    finished_row: Option<RowSpan>,
    /// Times of all encoded rows; `None` before the first. Allocated with the first one, so that a short run does
    /// without.
    before: Option<EchoTimes>,
    closed: Vec<ClosedRow>,
    /// Number of closed rows that are as long as those of the counts, from the first on.
    widened: usize,
    encode_delay_ns: u64,
    /// End of the running row, or the time to encode the one before, whichever is earlier.
    next_step_ns: u64,
    /// End of the last row that [`next_encoded`](Self::next_encoded) has returned, in seconds.
    returned_until: u64,
}

impl ThreadTimeline {
    /// An empty timeline. `open_loop`: response times differ from service times.
    pub fn new(open_loop: bool) -> Self {
        Self {
            rule: RowRule::default(),
            counted: RowSeconds::ONE,
            sent: Vec::new(),
            received: Vec::new(),
            failed: Vec::new(),
            running: RowSpan::default(),
            current: EchoTimes::new(open_loop),
            finished: EchoTimes::new(open_loop),
            finished_row: None,
            before: None,
            closed: Vec::new(),
            widened: 0,
            encode_delay_ns: 0,
            next_step_ns: SECOND_NS,
            returned_until: 0,
        }
    }

    /// Sets the rule for the lengths of rows, before the first message.
    #[must_use]
    pub fn with_rows(mut self, rule: RowRule) -> Self {
        self.rule = rule;
        self.running = rule.span_at(0);
        self.counted = self.running.seconds;
        self.next_step_ns = self.counted.ns();
        self
    }

    /// Encodes each row this long after its end, less than a second later. See [`encode_delay_ns`].
    #[must_use]
    pub fn encode_after(mut self, delay_ns: u64) -> Self {
        self.encode_delay_ns = delay_ns.min(SECOND_NS - 1);
        self
    }

    /// Counts a message sent at this time after T0.
    #[inline]
    pub fn sent(&mut self, sent_ns: u64) {
        *slot(&mut self.sent, sent_ns, self.counted) += 1;
    }

    /// Counts a message sent at this time after T0 as failed.
    #[cold]
    pub fn failed(&mut self, sent_ns: u64) {
        *slot(&mut self.failed, sent_ns, self.counted) += 1;
    }

    /// Counts an echo. `times` are its service and response time; `None` excludes it from the latency figures.
    ///
    /// Echoes arrive in order of time. An echo of an earlier row counts in the running one.
    #[inline]
    pub fn received(&mut self, received_ns: u64, times: Option<(u64, u64)>) {
        self.advance(received_ns);
        *slot(&mut self.received, received_ns, self.counted) += 1;
        if let Some((service_ns, response_ns)) = times {
            self.current.service.record(service_ns);
            if let Some(response) = &mut self.current.response {
                response.record(response_ns);
            }
        }
    }

    /// Completes the rows that have ended by this time after T0, and encodes one when it is time for it. Every echo
    /// does that, too: call this for a thread that may be without echoes.
    #[inline]
    pub fn advance(&mut self, now_ns: u64) {
        if now_ns >= self.next_step_ns {
            self.step(now_ns);
        }
    }

    /// The times of all echoes so far.
    pub fn times(&self) -> EchoTimes {
        let mut all = match &self.before {
            Some(before) => before.clone(),
            None => EchoTimes::new(self.current.response.is_some()),
        };
        all.merge(&self.finished);
        all.merge(&self.current);
        all
    }

    /// Completes and encodes the running row, because no echo follows.
    pub fn finish(&mut self) {
        self.encode_finished();
        // No longer row follows, also where one would begin.
        self.complete_row(RowSpan {
            second: self.running.end(),
            ..self.running
        });
        self.encode_finished();
        self.next_step_ns = end_ns(self.running);
    }

    /// Returns the next row that is encoded, each once and in order, without gaps. Counts that are recorded later are in
    /// the next row.
    pub fn next_encoded(&mut self) -> Option<EncodedSecond> {
        let span = self.rule.span_at(self.returned_until);
        if span.second >= self.finished_row.unwrap_or(self.running).second {
            return None;
        }
        self.returned_until = span.end();
        let closed = self
            .closed
            .binary_search_by_key(&span.second, |row| row.span.second)
            .ok()
            .and_then(|at| self.closed.get(at))
            .filter(|row| row.span == span);
        let by_end = |counts: &[u64]| {
            let rows = self.returned_until / self.counted.get();
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            counts.iter().take(rows).sum()
        };
        Some(EncodedSecond {
            span,
            histograms: closed.map(|row| row.histograms.clone()),
            sent: by_end(&self.sent),
            received: by_end(&self.received),
            failed: by_end(&self.failed),
        })
    }

    #[cold]
    fn step(&mut self, now_ns: u64) {
        let has_ended = now_ns >= end_ns(self.running);
        let is_time_to_encode =
            |running: RowSpan| now_ns - running.second * SECOND_NS >= self.encode_delay_ns;
        let is_due = is_time_to_encode(self.running);
        let next = self.rule.span_at(now_ns / SECOND_NS);
        let is_next_due = has_ended && is_time_to_encode(next);
        if has_ended || is_due {
            self.encode_finished();
        }
        if has_ended {
            self.complete_row(next);
            if is_next_due {
                self.encode_finished();
            }
        }
        self.next_step_ns = match self.finished_row {
            Some(_) => self.running.second * SECOND_NS + self.encode_delay_ns,
            None => end_ns(self.running),
        };
    }

    /// Begins a later row. The row before the running one must be encoded.
    fn complete_row(&mut self, next: RowSpan) {
        let done = std::mem::replace(&mut self.running, next);
        if self.current.service.count() > 0 {
            std::mem::swap(&mut self.current, &mut self.finished);
            self.finished_row = Some(done);
        }
        if self.running.seconds > self.counted {
            self.widen_counts(self.running.seconds);
            self.widened = 0;
        }
    }

    fn widen_counts(&mut self, to: RowSeconds) {
        let factor = to.get() / self.counted.get();
        for counts in [&mut self.sent, &mut self.received, &mut self.failed] {
            widen_counts(counts, factor, |one, other| one + other);
        }
        self.counted = to;
    }

    fn encode_finished(&mut self) {
        let Some(span) = self.finished_row.take() else {
            return;
        };
        let EchoTimes { service, response } = &self.finished;
        let is_open_loop = response.is_some();
        let slowest = response.as_ref().unwrap_or(service);
        self.closed.push(ClosedRow {
            span,
            max_ns: slowest.max().unwrap_or(0),
            histograms: self.finished.encode(),
        });
        // One group for each new row, so that the number of rows does not grow.
        self.widened = widen_next(&mut self.closed, self.widened, self.counted);
        match &mut self.before {
            Some(before) => {
                // The histogram is in the cache after encoding, and of the sum only its buckets are touched.
                before.merge(&self.finished);
                self.finished.clear();
            }
            none => {
                let empty = EchoTimes::new(is_open_loop);
                *none = Some(std::mem::replace(&mut self.finished, empty));
            }
        }
    }

    /// Merges the timelines of all threads into rows of equal length, without gaps.
    pub fn merge(mut threads: Vec<Self>) -> Vec<TimelineRow> {
        threads.iter_mut().for_each(Self::finish);
        let lengths = threads.iter().map(|thread| thread.counted);
        let length = lengths.fold(RowSeconds::ONE, RowSeconds::common);
        for thread in &mut threads {
            thread.widen_counts(length);
            widen_all(&mut thread.closed, length);
        }
        let rows = threads
            .iter()
            .map(|t| t.sent.len().max(t.received.len()).max(t.failed.len()))
            .max()
            .unwrap_or(0);
        let mut next = vec![0_usize; threads.len()];
        let is_open_loop = threads.iter().any(|t| t.current.response.is_some());
        let mut times = EchoTimes::new(is_open_loop);
        let spans = (0..rows as u64).map(|row| RowSpan {
            second: row * length.get(),
            seconds: length,
        });
        let row = |span| Self::merge_row(&threads, &mut next, &mut times, span);
        spans.map(row).collect()
    }

    /// The sum of one row. `next`: index of the next closed row of each thread. `times` is reused.
    fn merge_row(
        threads: &[Self],
        next: &mut [usize],
        times: &mut EchoTimes,
        span: RowSpan,
    ) -> TimelineRow {
        let index = usize::try_from(span.second / span.seconds.get()).unwrap_or(usize::MAX);
        let at = |counts: &Vec<u64>| counts.get(index).copied().unwrap_or(0);
        let mut max_ns = None;
        // Clearing takes as long as recording a second, so it is skipped for rows without echoes.
        if times.service.count() > 0 {
            times.clear();
        }
        for (thread, next) in threads.iter().zip(next) {
            let Some(closed) = thread.closed.get(*next).filter(|c| c.span == span) else {
                continue;
            };
            *next += 1;
            max_ns = max_ns.max(Some(closed.max_ns));
            times.merge_encoded(&closed.histograms);
        }
        let quantile = |d: &LatencyHistogram, q| max_ns.map(|max| d.bucket_quantile(q).min(max));
        let response = times.response.as_ref().unwrap_or(&times.service);
        TimelineRow {
            histograms: max_ns.map(|_| times.encode()),
            second: span.second,
            seconds: span.seconds,
            sent: threads.iter().map(|t| at(&t.sent)).sum(),
            received: threads.iter().map(|t| at(&t.received)).sum(),
            failed: threads.iter().map(|t| at(&t.failed)).sum(),
            service_p50_ns: quantile(&times.service, 0.5),
            service_p99_ns: quantile(&times.service, 0.99),
            response_p99_ns: quantile(response, 0.99),
            max_ns,
        }
    }
}

/// Appends a row for every missing row of a measured phase of this length. Without them, a server that stopped
/// answering would make the run look shorter.
pub fn fill_timeline(rows: &mut Vec<TimelineRow>, measured_ns: u64) {
    let unknown = RowSeconds::for_duration(Duration::from_nanos(measured_ns));
    let seconds = rows.first().map_or(unknown, |row| row.seconds);
    for row in rows.len() as u64..measured_ns.div_ceil(seconds.ns()) {
        rows.push(TimelineRow {
            second: row * seconds.get(),
            seconds,
            ..TimelineRow::default()
        });
    }
}

/// End of a row in nanoseconds.
fn end_ns(row: RowSpan) -> u64 {
    row.end().saturating_mul(SECOND_NS)
}

#[inline]
fn slot(counts: &mut Vec<u64>, at_ns: u64, row: RowSeconds) -> &mut u64 {
    // Only a run of 584 years would exceed usize.
    #[allow(clippy::cast_possible_truncation)]
    let row = (at_ns / row.ns()) as usize;
    if row >= counts.len() {
        counts.resize(row + 1, 0);
    }
    &mut counts[row]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::MAX_ROWS;

    #[test]
    fn threads_add_up_and_quiet_seconds_stand_empty() {
        let mut a = ThreadTimeline::new(false);
        let mut b = ThreadTimeline::new(false);
        for (thread, service) in [(&mut a, 1_000), (&mut b, 3_000)] {
            thread.sent(10);
            thread.received(SECOND_NS / 2, Some((service, service)));
        }
        b.sent(2 * SECOND_NS);
        b.received(2 * SECOND_NS + 5, Some((5_000, 5_000)));
        let rows = ThreadTimeline::merge(vec![a, b]);
        assert_eq!(rows.len(), 3);
        assert_eq!((rows[0].sent, rows[0].received), (2, 2));
        assert_eq!(rows[0].service_p50_ns, Some(1_000));
        assert_eq!(rows[0].max_ns, Some(3_000));
        assert_eq!(
            (rows[1].sent, rows[1].received, rows[1].max_ns),
            (0, 0, None)
        );
        assert_eq!(rows[2].service_p99_ns, Some(5_000));
        assert_eq!(rows[2].response_p99_ns, Some(5_000));
    }

    #[test]
    fn all_threads_encoded_a_second_at_its_end() {
        let mut t = ThreadTimeline::new(false).encode_after(encode_delay_ns(1, 2));
        t.received(5, Some((1, 1)));
        t.received(SECOND_NS, Some((2, 2)));
        assert_eq!(t.next_encoded(), None, "it is not the thread's turn");
        t.advance(SECOND_NS + 37_499_999);
        assert_eq!(t.next_encoded(), None);
        t.advance(SECOND_NS + 37_500_000);
        assert_eq!(
            t.next_encoded().map(|s| (s.span.second, s.received)),
            Some((0, 1))
        );
        assert_eq!((t.next_encoded(), t.times().service.count()), (None, 2));
    }

    #[test]
    fn threads_encode_one_after_the_other_within_the_next_second() {
        assert_eq!(encode_delay_ns(0, 1), 12_500_000);
        for threads in [1, 2, 16, 1_000] {
            let delays: Vec<_> = (0..threads).map(|t| encode_delay_ns(t, threads)).collect();
            assert!(delays.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(delays.iter().all(|delay| *delay <= ENCODE_SPREAD_NS));
        }
    }

    #[test]
    fn a_thread_without_echoes_completes_its_seconds_too() {
        let mut t = ThreadTimeline::new(true).encode_after(500_000_000);
        t.sent(0);
        t.advance(3 * SECOND_NS + 1);
        let found: Vec<_> = std::iter::from_fn(|| t.next_encoded()).collect();
        let found: Vec<_> = found.iter().map(|s| (s.span.second, s.sent)).collect();
        assert_eq!(found, [(0, 1), (1, 1), (2, 1)]);
    }

    #[test]
    fn open_loop_keeps_response_time_apart() {
        let mut t = ThreadTimeline::new(true);
        t.sent(0);
        t.received(50, Some((10, 40)));
        let rows = ThreadTimeline::merge(vec![t]);
        assert_eq!(rows[0].service_p99_ns, Some(10));
        assert_eq!(rows[0].response_p99_ns, Some(40));
        assert_eq!(rows[0].max_ns, Some(40));
    }

    #[test]
    fn silence_until_the_end_is_part_of_the_run() {
        let mut t = ThreadTimeline::new(false);
        t.sent(0);
        let mut rows = ThreadTimeline::merge(vec![t]);
        fill_timeline(&mut rows, 2 * SECOND_NS + 1);
        let seconds: Vec<_> = rows.iter().map(|r| (r.second, r.sent)).collect();
        assert_eq!(seconds, [(0, 1), (1, 0), (2, 0)]);
        fill_timeline(&mut rows, SECOND_NS);
        assert_eq!(rows.len(), 3, "what came in the drain stays");
    }

    #[test]
    fn a_failure_belongs_to_the_second_in_which_its_message_was_sent() {
        let mut a = ThreadTimeline::new(false);
        let mut b = ThreadTimeline::new(false);
        a.sent(0);
        a.failed(0);
        b.sent(SECOND_NS);
        b.failed(SECOND_NS);
        a.sent(SECOND_NS + 1);
        a.failed(SECOND_NS + 1);
        a.sent(2 * SECOND_NS);
        let failed: Vec<_> = ThreadTimeline::merge(vec![a, b])
            .iter()
            .map(|r| r.failed)
            .collect();
        assert_eq!(failed, [1, 2, 0]);
    }

    /// One echo in every thirteen seconds, of a thread that runs for this long.
    fn sparse(rule: RowRule, length_s: u64) -> (ThreadTimeline, Vec<EncodedSecond>) {
        let mut thread = ThreadTimeline::new(false).with_rows(rule);
        let (mut encoded, mut most) = (Vec::new(), 0);
        for second in (0..length_s).step_by(13) {
            let at_ns = second * SECOND_NS + 5;
            thread.sent(at_ns);
            thread.received(at_ns + 3, Some((second + 1, second + 1)));
            if second % 65 == 0 {
                thread.failed(at_ns);
            }
            encoded.extend(std::iter::from_fn(|| thread.next_encoded()));
            most = most.max(thread.closed.len());
        }
        assert!(most as u64 <= MAX_ROWS + 1, "{most} closed rows");
        (thread, encoded)
    }

    /// Memory of the counts and of the encoded times.
    fn bytes(timeline: &ThreadTimeline) -> usize {
        let counts = timeline.sent.len() + timeline.received.len() + timeline.failed.len();
        let closed = timeline.closed.iter();
        let times: usize = closed.map(|row| row.histograms.service.len()).sum();
        counts * size_of::<u64>() + times
    }

    #[test]
    fn a_day_has_a_bounded_timeline_with_exact_counts() {
        const DAY: u64 = 86_400;
        let known = RowRule::for_timeline(Some(Duration::from_secs(DAY)));
        for (rule, length) in [(known, 50), (RowRule::default(), 100)] {
            let (thread, encoded) = sparse(rule, DAY);
            assert!(bytes(&thread) < 300_000, "{} B", bytes(&thread));
            let times = thread.times();
            let rows = ThreadTimeline::merge(vec![thread]);
            assert!(rows.iter().all(|row| row.seconds.get() == length));
            assert_eq!(rows.len() as u64, DAY / length);
            assert!(
                rows.iter()
                    .zip(0..)
                    .all(|(row, n)| row.second == n * length)
            );
            let sum = |of: fn(&TimelineRow) -> u64| rows.iter().map(of).sum::<u64>();
            assert_eq!(sum(|row| row.sent), DAY.div_ceil(13));
            assert_eq!(sum(|row| row.failed), DAY.div_ceil(65));
            // Each row counts what happened in it.
            let own = |row: &TimelineRow| row.span().end().div_ceil(13) - row.second.div_ceil(13);
            assert!(
                rows.iter()
                    .all(|row| (row.sent, row.received) == (own(row), own(row)))
            );
            let histograms: Vec<_> = rows.iter().filter_map(|r| r.histograms.clone()).collect();
            assert_eq!(SecondHistograms::merge(&histograms), Some(times.encode()));
            // The rows that were reported on the way follow each other, and their counts are those of their end.
            let mut pairs = encoded.windows(2);
            assert!(pairs.all(|two| two[0].span.end() == two[1].span.second));
            // Of a row that ends within one of the counts, the last message counts later.
            let exact = |row: &EncodedSecond| row.span.end().div_ceil(13);
            assert!(encoded.iter().all(|row| row.sent.abs_diff(exact(row)) <= 1));
            assert!(encoded.len() < 11_000, "{} rows", encoded.len());
        }
    }

    #[test]
    fn neighbouring_rows_of_a_long_run_are_put_together_one_group_at_a_time() {
        let mut thread = ThreadTimeline::new(false);
        let mut closed = Vec::new();
        for second in 0..3_700 {
            thread.received(second * SECOND_NS, Some((5, 5)));
            closed.push(thread.closed.len());
        }
        let most = closed.iter().max().copied();
        assert_eq!(most, Some(3_599));
        let short = |row: &&ClosedRow| row.span.seconds.is_one();
        // The last short row and 49 rows of two seconds have been encoded since.
        assert_eq!(thread.closed.iter().filter(short).count(), 3_600 - 2 * 50);
    }

    #[test]
    fn threads_that_ended_at_different_lengths_add_up() {
        let threads = [3_000, 3_700, 8_000].map(|length_s| sparse(RowRule::default(), length_s).0);
        let rows = ThreadTimeline::merge(threads.into());
        assert!(rows.iter().all(|row| row.seconds.get() == 10));
        let sent: u64 = rows.iter().map(|row| row.sent).sum::<u64>();
        assert_eq!(
            sent,
            [3_000_u64, 3_700, 8_000]
                .iter()
                .map(|s| s.div_ceil(13))
                .sum::<u64>()
        );
        let timed = rows.iter().filter_map(|row| row.histograms.as_ref());
        let timed = timed.map(|h| LatencyHistogram::from_encoded(&h.service).unwrap().count());
        assert_eq!(timed.sum::<u64>(), sent);
        let mut longer = rows.clone();
        fill_timeline(&mut longer, 9_005 * SECOND_NS);
        assert_eq!(longer.last().map(|row| row.second), Some(9_000));
    }

    #[test]
    fn a_rejected_echo_is_counted_but_not_timed() {
        let mut t = ThreadTimeline::new(false);
        t.received(5, None);
        let rows = ThreadTimeline::merge(vec![t]);
        assert_eq!((rows[0].received, rows[0].max_ns), (1, None));
    }
}
