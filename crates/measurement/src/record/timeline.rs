//! Figures of each second of the measured phase.

use serde::{Deserialize, Serialize};

use super::LatencyHistogram;

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;

/// One second of the measured phase. Times are `None` when no timed echo arrived in that second. Field names are the
/// JSON keys of the contract.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TimelineRow {
    /// Start of the second, in seconds since T0.
    pub second: u64,
    /// Messages sent in this second.
    pub sent: u64,
    /// Echoes that arrived in this second.
    pub received: u64,
    /// Messages sent in this second that were lost, corrupted or timed out.
    #[serde(default)]
    pub failed: u64,
    /// Median service time of the echoes that arrived in this second, in nanoseconds.
    pub service_p50_ns: Option<u64>,
    /// 99th percentile of the service time of these echoes, in nanoseconds.
    pub service_p99_ns: Option<u64>,
    /// 99th percentile of the response time of these echoes, in nanoseconds.
    pub response_p99_ns: Option<u64>,
    /// Maximum response time of these echoes, in nanoseconds.
    pub max_ns: Option<u64>,
    /// Times of these echoes as HDR histograms; `None` without timed echoes, and in a row that was read from a file.
    #[serde(skip)]
    pub histograms: Option<SecondHistograms>,
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

/// A completed second.
#[derive(Debug, Clone)]
struct ClosedSecond {
    second: u64,
    max_ns: u64,
    histograms: SecondHistograms,
}

/// A second of one thread that is complete and encoded, with counts from T0 to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedSecond {
    /// Number of the second since T0.
    pub second: u64,
    /// Times of the echoes that arrived in it; `None` without timed echoes.
    pub histograms: Option<SecondHistograms>,
    /// Messages sent by the end of the second.
    pub sent: u64,
    /// Echoes that arrived by the end of the second.
    pub received: u64,
    /// Messages sent by the end of the second that are known to be lost, corrupted or late.
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

/// Timeline of one thread: counters for each second, histograms of the running second, of the one before it and of all
/// earlier ones, and a few kilobytes for each completed second. A time is recorded once, in the second of its echo.
///
/// At the end of a second, its histogram is swapped for an empty one. It is encoded, added to those of earlier seconds
/// and cleared at a time that is different for each thread.
#[derive(Debug, Clone)]
pub struct ThreadTimeline {
    sent: Vec<u64>,
    received: Vec<u64>,
    /// Ends with the last second that has a failure.
    failed: Vec<u64>,
    current_second: u64,
    current: EchoTimes,
    /// Times of `finished_second`; empty without one.
    finished: EchoTimes,
    /// The second that is complete but not encoded yet.
    finished_second: Option<u64>,
    /// Times of all encoded seconds; `None` before the first. Allocated with the first one, so that a short run does
    /// without.
    before: Option<EchoTimes>,
    closed: Vec<ClosedSecond>,
    encode_delay_ns: u64,
    /// End of the running second, or the time to encode the one before, whichever is earlier.
    next_step_ns: u64,
    /// Number of seconds that [`next_encoded`](Self::next_encoded) has returned.
    returned_seconds: u64,
}

impl ThreadTimeline {
    /// An empty timeline. `open_loop`: response times differ from service times.
    pub fn new(open_loop: bool) -> Self {
        Self {
            sent: Vec::new(),
            received: Vec::new(),
            failed: Vec::new(),
            current_second: 0,
            current: EchoTimes::new(open_loop),
            finished: EchoTimes::new(open_loop),
            finished_second: None,
            before: None,
            closed: Vec::new(),
            encode_delay_ns: 0,
            next_step_ns: SECOND_NS,
            returned_seconds: 0,
        }
    }

    /// Encodes each second this long after its end, less than a second later. See [`encode_delay_ns`].
    #[must_use]
    pub fn encode_after(mut self, delay_ns: u64) -> Self {
        self.encode_delay_ns = delay_ns.min(SECOND_NS - 1);
        self
    }

    /// Counts a message sent at this time after T0.
    #[inline]
    pub fn sent(&mut self, sent_ns: u64) {
        *slot(&mut self.sent, sent_ns) += 1;
    }

    /// Counts a message sent at this time after T0 as failed.
    #[cold]
    pub fn failed(&mut self, sent_ns: u64) {
        *slot(&mut self.failed, sent_ns) += 1;
    }

    /// Counts an echo. `times` are its service and response time; `None` excludes it from the latency figures.
    ///
    /// Echoes arrive in order of time. An echo of an earlier second counts in the running one.
    #[inline]
    pub fn received(&mut self, received_ns: u64, times: Option<(u64, u64)>) {
        self.advance(received_ns);
        *slot(&mut self.received, received_ns) += 1;
        if let Some((service_ns, response_ns)) = times {
            self.current.service.record(service_ns);
            if let Some(response) = &mut self.current.response {
                response.record(response_ns);
            }
        }
    }

    /// Completes the seconds that have ended by this time after T0, and encodes one when it is time for it. Every echo
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

    /// Completes and encodes the running second, because no echo follows.
    pub fn finish(&mut self) {
        self.encode_finished();
        self.complete_second(self.current_second + 1);
        self.encode_finished();
        self.next_step_ns = (self.current_second + 1).saturating_mul(SECOND_NS);
    }

    /// Returns the next second that is encoded, each once and in order, without gaps. Counts that are recorded later are
    /// in the next second.
    pub fn next_encoded(&mut self) -> Option<EncodedSecond> {
        let second = self.returned_seconds;
        if second >= self.finished_second.unwrap_or(self.current_second) {
            return None;
        }
        self.returned_seconds += 1;
        let closed = self.closed.binary_search_by_key(&second, |c| c.second);
        let by_end = |counts: &[u64]| {
            let seconds = usize::try_from(self.returned_seconds).unwrap_or(usize::MAX);
            counts.iter().take(seconds).sum()
        };
        Some(EncodedSecond {
            second,
            histograms: closed.ok().map(|at| self.closed[at].histograms.clone()),
            sent: by_end(&self.sent),
            received: by_end(&self.received),
            failed: by_end(&self.failed),
        })
    }

    #[cold]
    fn step(&mut self, now_ns: u64) {
        let second = now_ns / SECOND_NS;
        let is_time_to_encode = now_ns % SECOND_NS >= self.encode_delay_ns;
        if second > self.current_second || is_time_to_encode {
            self.encode_finished();
        }
        if second > self.current_second {
            self.complete_second(second);
            if is_time_to_encode {
                self.encode_finished();
            }
        }
        self.next_step_ns = match self.finished_second {
            Some(_) => self.current_second * SECOND_NS + self.encode_delay_ns,
            None => (self.current_second + 1).saturating_mul(SECOND_NS),
        };
    }

    /// Begins a later second. The one before it must be encoded.
    fn complete_second(&mut self, next: u64) {
        let second = std::mem::replace(&mut self.current_second, next);
        if self.current.service.count() > 0 {
            std::mem::swap(&mut self.current, &mut self.finished);
            self.finished_second = Some(second);
        }
    }

    fn encode_finished(&mut self) {
        let Some(second) = self.finished_second.take() else {
            return;
        };
        let EchoTimes { service, response } = &self.finished;
        let is_open_loop = response.is_some();
        let slowest = response.as_ref().unwrap_or(service);
        self.closed.push(ClosedSecond {
            second,
            max_ns: slowest.max().unwrap_or(0),
            histograms: self.finished.encode(),
        });
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

    /// Merges the timelines of all threads into one row per second, without gaps.
    pub fn merge(mut threads: Vec<Self>) -> Vec<TimelineRow> {
        threads.iter_mut().for_each(Self::finish);
        let seconds = threads
            .iter()
            .map(|t| t.sent.len().max(t.received.len()).max(t.failed.len()))
            .max()
            .unwrap_or(0);
        let mut next = vec![0_usize; threads.len()];
        let is_open_loop = threads.iter().any(|t| t.current.response.is_some());
        let mut times = EchoTimes::new(is_open_loop);
        let mut rows = Vec::with_capacity(seconds);
        for index in 0..seconds {
            let second = index as u64;
            let at = |counts: &Vec<u64>| counts.get(index).copied().unwrap_or(0);
            let mut max_ns = None;
            // Clearing takes as long as recording a second, so it is skipped for seconds without echoes.
            if times.service.count() > 0 {
                times.clear();
            }
            for (thread, next) in threads.iter().zip(&mut next) {
                let Some(closed) = thread.closed.get(*next).filter(|c| c.second == second) else {
                    continue;
                };
                *next += 1;
                max_ns = max_ns.max(Some(closed.max_ns));
                times.merge_encoded(&closed.histograms);
            }
            let quantile =
                |d: &LatencyHistogram, q| max_ns.map(|max| d.bucket_quantile(q).min(max));
            let response = times.response.as_ref().unwrap_or(&times.service);
            rows.push(TimelineRow {
                histograms: max_ns.map(|_| times.encode()),
                second,
                sent: threads.iter().map(|t| at(&t.sent)).sum(),
                received: threads.iter().map(|t| at(&t.received)).sum(),
                failed: threads.iter().map(|t| at(&t.failed)).sum(),
                service_p50_ns: quantile(&times.service, 0.5),
                service_p99_ns: quantile(&times.service, 0.99),
                response_p99_ns: quantile(response, 0.99),
                max_ns,
            });
        }
        rows
    }
}

/// Appends a row for every missing second of a measured phase of this length. Without them, a server that stopped
/// answering would make the run look shorter.
pub fn fill_timeline(rows: &mut Vec<TimelineRow>, measured_ns: u64) {
    for second in rows.len() as u64..measured_ns.div_ceil(SECOND_NS) {
        rows.push(TimelineRow {
            second,
            ..TimelineRow::default()
        });
    }
}

#[inline]
fn slot(counts: &mut Vec<u64>, at_ns: u64) -> &mut u64 {
    // Only a run of 584 years would exceed usize.
    #[allow(clippy::cast_possible_truncation)]
    let second = (at_ns / SECOND_NS) as usize;
    if second >= counts.len() {
        counts.resize(second + 1, 0);
    }
    &mut counts[second]
}

#[cfg(test)]
mod tests {
    use super::*;

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
            t.next_encoded().map(|s| (s.second, s.received)),
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
        let found: Vec<_> = found.iter().map(|s| (s.second, s.sent)).collect();
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

    #[test]
    fn a_rejected_echo_is_counted_but_not_timed() {
        let mut t = ThreadTimeline::new(false);
        t.received(5, None);
        let rows = ThreadTimeline::merge(vec![t]);
        assert_eq!((rows[0].received, rows[0].max_ns), (1, None));
    }
}
