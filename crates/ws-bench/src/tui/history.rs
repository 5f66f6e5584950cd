//! Rates and percentiles of the last two minutes, with a point every half second.

use std::collections::VecDeque;

use measurement::record::{LatencyHistogram, LazyHistogram, Record};
use swarm::{Phase, RunProgress};

/// Minimum time between two points, in seconds.
const EVERY_S: f64 = 0.5;
/// Maximum number of points, for two minutes.
const KEPT: usize = 240;

/// Figures of the messages between two points. Times are `None` when no timed echo arrived.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HistoryPoint {
    /// Time since T0 in seconds.
    pub(crate) at_s: f64,
    /// Echoes per second, correct or not.
    pub(crate) received_per_s: f64,
    pub(crate) sent_per_s: f64,
    pub(crate) service_p50_ns: Option<u64>,
    pub(crate) service_p99_ns: Option<u64>,
    /// 99th percentile of the response time in nanoseconds; `None` in closed loop.
    pub(crate) response_p99_ns: Option<u64>,
    /// Deliveries per second; 0 without them.
    pub(crate) delivered_per_s: f64,
    /// Messages of a feed per second; 0 without one.
    pub(crate) pushed_per_s: f64,
    /// Attempts to open lost connections again, per second; 0 without them.
    pub(crate) attempts_per_s: f64,
    /// Median delivery times, of each message's first, median and last receiver; `None` when no message reached all.
    pub(crate) first_p50_ns: Option<u64>,
    pub(crate) median_p50_ns: Option<u64>,
    pub(crate) last_p50_ns: Option<u64>,
    /// Times between two messages of a feed.
    pub(crate) gap_p50_ns: Option<u64>,
    pub(crate) gap_p99_ns: Option<u64>,
    /// 99th percentile of the lateness of a feed; `None` without an interval.
    pub(crate) lateness_p99_ns: Option<u64>,
}

/// A part of the times of deliveries or of a feed.
type Times = fn(&Record) -> Option<&LazyHistogram>;

/// The times recorded since an earlier state; `None` without any.
fn since(now: &Record, last: &Record, times: Times) -> Option<LatencyHistogram> {
    let now = times(now)?.get()?;
    Some(match times(last).and_then(LazyHistogram::get) {
        Some(last) => now.since(last),
        None => now.clone(),
    })
}

/// The points so far, and the record at the latest point.
#[derive(Debug, Default)]
pub(crate) struct History {
    points: VecDeque<HistoryPoint>,
    last: Record,
    last_s: f64,
}

impl History {
    /// Adds a point from this progress, if the interval has passed.
    pub(crate) fn update(&mut self, progress: &RunProgress) {
        let over_s = progress.elapsed_s - self.last_s;
        if progress.phase < Phase::Measure || over_s < EVERY_S {
            return;
        }
        let (now, last) = (&progress.record, &self.last);
        let service = now.service.since(&last.service);
        let response = now.open_loop.as_deref().map(|open| {
            let before = last.open_loop.as_deref().map(|last| &last.response);
            match before {
                Some(before) => open.response.since(before),
                None => open.response.clone(),
            }
        });
        let per_second = |now: u64, last: u64| now.saturating_sub(last) as f64 / over_s;
        let quantile = |times: Times, q| since(now, last, times)?.quantile(q);
        let delivered = |r: &Record| r.fan_out.as_ref().map_or(0, |own| own.counts.delivered);
        let pushed = |r: &Record| r.push.as_ref().map_or(0, |own| own.received);
        let attempts = |r: &Record| r.reconnect.as_ref().map_or(0, |own| own.attempts);
        if self.points.len() == KEPT {
            self.points.pop_front();
        }
        self.points.push_back(HistoryPoint {
            at_s: progress.elapsed_s,
            received_per_s: per_second(now.counts.received, last.counts.received),
            sent_per_s: per_second(now.counts.sent, last.counts.sent),
            service_p50_ns: service.quantile(0.5),
            service_p99_ns: service.quantile(0.99),
            response_p99_ns: response.and_then(|times| times.quantile(0.99)),
            delivered_per_s: per_second(delivered(now), delivered(last)),
            pushed_per_s: per_second(pushed(now), pushed(last)),
            attempts_per_s: per_second(attempts(now), attempts(last)),
            first_p50_ns: quantile(|r| Some(&r.fan_out.as_ref()?.times.first), 0.5),
            median_p50_ns: quantile(|r| Some(&r.fan_out.as_ref()?.times.median), 0.5),
            last_p50_ns: quantile(|r| Some(&r.fan_out.as_ref()?.times.last), 0.5),
            gap_p50_ns: quantile(|r| Some(&r.push.as_ref()?.gap), 0.5),
            gap_p99_ns: quantile(|r| Some(&r.push.as_ref()?.gap), 0.99),
            lateness_p99_ns: quantile(|r| Some(&r.push.as_ref()?.lateness), 0.99),
        });
        self.last_s = progress.elapsed_s;
        self.last = now.clone();
    }

    /// The stored points, oldest first.
    pub(crate) fn points(&self) -> impl ExactSizeIterator<Item = &HistoryPoint> {
        self.points.iter()
    }

    pub(crate) fn newest(&self) -> Option<&HistoryPoint> {
        self.points.back()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use measurement::record::{FanOutRecord, OpenLoopRecord};

    fn at(elapsed_s: f64, record: &Record) -> RunProgress {
        RunProgress {
            phase: Phase::Measure,
            elapsed_s,
            record: record.clone(),
            ..RunProgress::default()
        }
    }

    #[test]
    fn a_point_holds_only_what_came_since_the_one_before() {
        let mut history = History::default();
        let mut record = Record::default();
        record.service.record(1_000);
        record.counts.received = 1;
        record.counts.sent = 2;
        history.update(&at(0.4, &record));
        assert_eq!(history.newest(), None, "it is too early for a point");
        history.update(&at(0.5, &record));
        let first = *history.newest().unwrap();
        assert_eq!((first.received_per_s, first.sent_per_s), (2.0, 4.0));
        assert_eq!(first.service_p50_ns, Some(1_000));
        assert_eq!(first.response_p99_ns, None, "a closed loop has none");
        record.service.record(9_000);
        record.service.record(9_000);
        record.counts.received = 3;
        history.update(&at(2.5, &record));
        let second = history.newest().unwrap();
        assert_eq!(second.received_per_s, 1.0);
        assert!(second.service_p50_ns.unwrap() >= 9_000);
        history.update(&at(3.5, &record));
        assert_eq!(history.newest().unwrap().service_p50_ns, None);
        assert_eq!(history.points().len(), 3);
    }

    #[test]
    fn an_open_loop_has_response_times_too() {
        let mut history = History::default();
        let mut open = OpenLoopRecord::default();
        open.response.record(5_000);
        let mut record = Record {
            open_loop: Some(Box::new(open.clone())),
            ..Record::default()
        };
        history.update(&at(1.0, &record));
        assert_eq!(history.newest().unwrap().response_p99_ns, Some(5_000));
        open.response.record(70);
        record.open_loop = Some(Box::new(open));
        history.update(&at(2.0, &record));
        assert_eq!(history.newest().unwrap().response_p99_ns, Some(70));
    }

    #[test]
    fn a_point_of_a_room_holds_the_first_and_last_receivers_since_the_one_before() {
        let mut history = History::default();
        let mut fan_out = FanOutRecord::default();
        let mut add = |first_ns, last_ns| {
            fan_out.counts.delivered += 10;
            fan_out.times.first.record(first_ns);
            fan_out.times.last.record(last_ns);
            Record {
                fan_out: Some(Box::new(fan_out.clone())),
                ..Record::default()
            }
        };
        history.update(&at(1.0, &add(100, 900)));
        history.update(&at(2.0, &add(50, 400)));
        let newest = history.newest().unwrap();
        assert_eq!(newest.delivered_per_s, 10.0);
        assert_eq!(
            (newest.first_p50_ns, newest.last_p50_ns),
            (Some(50), Some(400))
        );
        assert_eq!(newest.median_p50_ns, None);
    }

    #[test]
    fn only_the_last_points_are_kept() {
        let mut history = History::default();
        for n in 1..=KEPT + 10 {
            history.update(&at(n as f64, &Record::default()));
        }
        assert_eq!(history.points().len(), KEPT);
        assert_eq!(history.points().next().unwrap().at_s, 11.0);
    }

    #[test]
    fn before_t0_there_is_nothing() {
        let mut history = History::default();
        history.update(&RunProgress {
            phase: Phase::WarmUp,
            elapsed_s: 5.0,
            ..RunProgress::default()
        });
        assert_eq!(history.points().len(), 0);
    }
}
