//! Seconds of a run that goes on: those of all threads, merged as soon as they are complete. In a run of more than an hour,
//! several seconds are one row, and count as one second here.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::row_seconds::RowSpan;
use super::timeline::{EncodedSecond, SecondHistograms};

/// Counts of measured messages and of connections from T0 to the end of a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsSoFar {
    /// Messages sent.
    pub sent: u64,
    /// Echoes that arrived.
    pub received: u64,
    /// Messages of `sent` that are known to be lost, corrupted or late. A message still in flight is not among them.
    pub failed: u64,
    /// Messages that were due but not sent, of clients that have ended. Those of other clients are counted at the end of
    /// the run.
    pub unsent: u64,
    /// Connections that have opened.
    pub opened: u64,
}

impl CountsSoFar {
    /// Adds the counts of another thread or process.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.received += other.received;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.opened += other.opened;
    }
}

/// A complete second of one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadSecond {
    /// The second and its times. Its counts are those of the thread.
    pub encoded: EncodedSecond,
    /// Messages due but not sent, when the second was encoded.
    pub unsent: u64,
    /// Connections open, when the second was encoded.
    pub opened: u64,
}

impl ThreadSecond {
    fn counts(&self) -> CountsSoFar {
        let EncodedSecond {
            sent,
            received,
            failed,
            ..
        } = self.encoded;
        CountsSoFar {
            sent,
            received,
            failed,
            unsent: self.unsent,
            opened: self.opened,
        }
    }
}

/// A complete second of a run that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSecond {
    /// Wall-clock time of T0.
    pub started_at: SystemTime,
    /// The second, or the seconds of a long run's row, since T0.
    pub span: RowSpan,
    /// Times of the echoes that arrived in it; `None` without timed echoes.
    pub histograms: Option<SecondHistograms>,
    /// Counts from T0 to the end of the second.
    pub counts: CountsSoFar,
}

impl From<LoggedSecond> for ThreadSecond {
    /// The second of a process, for the merger of a run of several.
    fn from(logged: LoggedSecond) -> Self {
        let CountsSoFar {
            sent,
            received,
            failed,
            unsent,
            opened,
        } = logged.counts;
        Self {
            encoded: EncodedSecond {
                span: logged.span,
                histograms: logged.histograms,
                sent,
                received,
                failed,
            },
            unsent,
            opened,
        }
    }
}

/// Merger of the seconds of all threads, or of all processes. A second is complete when every thread has reported it or has ended.
#[derive(Debug)]
pub struct SecondMerger {
    started_at: SystemTime,
    threads: Vec<ReportedSeconds>,
    counts: CountsSoFar,
    is_measured: bool,
}

/// The reports of one thread.
#[derive(Debug, Clone, Default)]
struct ReportedSeconds {
    /// Seconds not merged yet, in order.
    waiting: VecDeque<ThreadSecond>,
    /// Counts at the end of the last merged second.
    counts: CountsSoFar,
    has_ended: bool,
}

impl SecondMerger {
    /// A merger without reports, for this number of threads.
    pub fn new(threads: usize) -> Self {
        Self {
            started_at: SystemTime::UNIX_EPOCH,
            threads: vec![ReportedSeconds::default(); threads],
            counts: CountsSoFar::default(),
            is_measured: true,
        }
    }

    /// Sets the wall-clock time of T0, which is known before the first report.
    pub fn start_at(&mut self, t0: SystemTime) {
        self.started_at = t0;
    }

    /// Marks the measured phase as over. Later seconds without echoes and without new counts are left out, because they
    /// are not part of the run.
    pub fn end_measured(&mut self) {
        self.is_measured = false;
    }

    /// Adds a thread's next second.
    pub fn add(&mut self, thread: usize, second: ThreadSecond) {
        if let Some(thread) = self.threads.get_mut(thread) {
            thread.waiting.push_back(second);
        }
    }

    /// Marks a thread as ended: it reports no further second.
    pub fn end(&mut self, thread: usize) {
        if let Some(thread) = self.threads.get_mut(thread) {
            thread.has_ended = true;
        }
    }

    /// Returns the next second that is complete, each once and in order.
    pub fn next_complete(&mut self) -> Option<LoggedSecond> {
        loop {
            let is_complete = |t: &ReportedSeconds| t.has_ended || !t.waiting.is_empty();
            let is_over = self.threads.iter().all(|t| t.waiting.is_empty());
            if is_over || !self.threads.iter().all(is_complete) {
                return None;
            }
            let second = self.merge_next();
            let is_new = second.histograms.is_some() || second.counts != self.counts;
            self.counts = second.counts;
            if self.is_measured || is_new {
                return Some(second);
            }
        }
    }

    fn merge_next(&mut self) -> LoggedSecond {
        let waiting = self.threads.iter().filter_map(|t| t.waiting.front());
        let spans = waiting.map(|report| report.encoded.span);
        // Every thread has the same rows, but one that has ended has fewer.
        let span = spans.min_by_key(|span| span.second).unwrap_or_default();
        let mut counts = CountsSoFar::default();
        let mut parts = Vec::with_capacity(self.threads.len());
        for thread in &mut self.threads {
            let is_next = |report: &mut ThreadSecond| report.encoded.span.second == span.second;
            if let Some(report) = thread.waiting.pop_front_if(is_next) {
                thread.counts = report.counts();
                parts.extend(report.encoded.histograms);
            }
            counts.add(&thread.counts);
        }
        LoggedSecond {
            started_at: self.started_at,
            span,
            histograms: SecondHistograms::merge(&parts),
            counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ThreadTimeline;
    use proptest::prelude::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// Reports everything that a thread has encoded.
    fn report(merger: &mut SecondMerger, thread: usize, timeline: &mut ThreadTimeline) {
        while let Some(encoded) = timeline.next_encoded() {
            let (unsent, opened) = (0, 1);
            let second = ThreadSecond {
                encoded,
                unsent,
                opened,
            };
            merger.add(thread, second);
        }
    }

    fn complete(merger: &mut SecondMerger) -> Vec<LoggedSecond> {
        std::iter::from_fn(|| merger.next_complete()).collect()
    }

    #[test]
    fn a_second_is_complete_when_no_thread_can_add_to_it() {
        let mut merger = SecondMerger::new(2);
        merger.start_at(SystemTime::UNIX_EPOCH);
        let mut threads = [ThreadTimeline::new(false), ThreadTimeline::new(false)];
        for (at, thread) in threads.iter_mut().enumerate() {
            thread.sent(5);
            thread.received(10, Some((5, 5)));
            if at == 0 {
                thread.advance(2 * SECOND_NS);
            }
            report(&mut merger, at, thread);
        }
        assert_eq!(merger.next_complete(), None, "one thread is late");
        threads[1].finish();
        report(&mut merger, 1, &mut threads[1]);
        merger.end(1);
        let found = complete(&mut merger);
        let seconds: Vec<_> = found
            .iter()
            .map(|s| (s.span.second, s.counts.sent))
            .collect();
        // The counts of the thread that has ended stay.
        assert_eq!(seconds, [(0, 2), (1, 2)]);
        assert_eq!(found[0].counts.opened, 2);
        assert!(found[0].histograms.is_some() && found[1].histograms.is_none());
    }

    #[test]
    fn seconds_of_the_closing_without_news_are_left_out() {
        let mut merger = SecondMerger::new(1);
        let mut thread = ThreadTimeline::new(false);
        thread.sent(0);
        thread.advance(2 * SECOND_NS);
        report(&mut merger, 0, &mut thread);
        assert_eq!(complete(&mut merger).len(), 2, "a silent server is news");
        merger.end_measured();
        thread.advance(5 * SECOND_NS);
        thread.received(5 * SECOND_NS, Some((1, 1)));
        thread.finish();
        report(&mut merger, 0, &mut thread);
        merger.end(0);
        let found: Vec<_> = complete(&mut merger)
            .iter()
            .map(|s| s.span.second)
            .collect();
        assert_eq!(found, [5]);
    }

    proptest! {
        #[test]
        fn the_seconds_of_a_running_measurement_are_those_of_its_end(
            gaps in prop::collection::vec((0..400_000_000_u64, 0..4_usize, 1..5_000_u64, any::<bool>()), 0..60),
            delays in prop::array::uniform4(0..SECOND_NS),
            is_open_loop: bool,
        ) {
            let mut threads = delays.map(|d| ThreadTimeline::new(is_open_loop).encode_after(d));
            let mut whole = ThreadTimeline::new(is_open_loop);
            let mut merger = SecondMerger::new(4);
            let mut logged = Vec::new();
            let mut now_ns = 0;
            for (gap, at, time_ns, is_timed) in gaps {
                now_ns += gap;
                let times = is_timed.then_some((time_ns, time_ns + 3));
                for timeline in [&mut whole, &mut threads[at]] {
                    timeline.sent(now_ns);
                    timeline.received(now_ns, times);
                }
                // Threads wake up at different times, and may be late.
                threads[(at + 1) % 4].advance(now_ns);
                (0..4).for_each(|at| report(&mut merger, at, &mut threads[at]));
                logged.extend(complete(&mut merger));
            }
            for (at, thread) in threads.iter_mut().enumerate() {
                prop_assert_eq!(thread.clone().times().service.count(), {
                    let mut end = thread.clone();
                    end.finish();
                    end.times().service.count()
                });
                thread.finish();
                report(&mut merger, at, thread);
                merger.end(at);
            }
            logged.extend(complete(&mut merger));
            let rows = ThreadTimeline::merge(vec![whole]);
            prop_assert_eq!(&ThreadTimeline::merge(threads.into()), &rows);
            prop_assert!(logged.iter().map(|s| s.span.second).eq(0..logged.len() as u64));
            let (mut sent, mut received) = (0, 0);
            for (row, second) in rows.iter().zip(&logged) {
                sent += row.sent;
                received += row.received;
                prop_assert_eq!(&row.histograms, &second.histograms);
                prop_assert_eq!((second.counts.sent, second.counts.received), (sent, received));
            }
            prop_assert!(logged.len() >= rows.len());
        }
    }
}
