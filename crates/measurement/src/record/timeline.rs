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
        if let (Some(response), Some(second)) = (&mut self.response, &second.response) {
            response.merge_encoded(second);
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

/// Timeline of one thread: counters for each second, histograms of the running second and of all completed ones, and a
/// few kilobytes for each completed second. A time is recorded once, in the second of its echo.
#[derive(Debug, Clone)]
pub struct ThreadTimeline {
    sent: Vec<u64>,
    received: Vec<u64>,
    /// Ends with the last second that has a failure.
    failed: Vec<u64>,
    current_second: u64,
    current: EchoTimes,
    before: EchoTimes,
    closed: Vec<ClosedSecond>,
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
            before: EchoTimes::new(open_loop),
            closed: Vec::new(),
        }
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
        let second = received_ns / SECOND_NS;
        if second > self.current_second {
            self.close_second();
            self.current_second = second;
        }
        *slot(&mut self.received, received_ns) += 1;
        if let Some((service_ns, response_ns)) = times {
            self.current.service.record(service_ns);
            if let Some(response) = &mut self.current.response {
                response.record(response_ns);
            }
        }
    }

    /// The times of all echoes so far.
    pub fn times(&self) -> EchoTimes {
        let mut all = self.before.clone();
        all.merge(&self.current);
        all
    }

    #[cold]
    fn close_second(&mut self) {
        let EchoTimes { service, response } = &self.current;
        if service.count() == 0 {
            return;
        }
        let slowest = response.as_ref().unwrap_or(service);
        self.closed.push(ClosedSecond {
            second: self.current_second,
            max_ns: slowest.max().unwrap_or(0),
            histograms: self.current.encode(),
        });
        self.before.merge(&self.current);
        self.current.clear();
    }

    /// Merges the timelines of all threads into one row per second, without gaps.
    pub fn merge(mut threads: Vec<Self>) -> Vec<TimelineRow> {
        for thread in &mut threads {
            thread.close_second();
        }
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
