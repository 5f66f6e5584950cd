//! The log of a server with one queue.

use std::ops::Range;
use std::time::Duration;

/// One message. Times are nanoseconds on the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedMessage {
    /// Time at which the server read it. For a message that an idle server found after a stop of its own, the middle of
    /// this stop.
    pub arrived_ns: u64,
    /// The later one of its arrival and the end of the service before.
    pub began_ns: u64,
    /// Service time by the server's rules.
    pub planned_ns: u64,
    /// Time just before the answer was written.
    pub ended_ns: u64,
}

impl ServedMessage {
    /// Service time as delivered, with every delay of the server.
    pub fn service_ns(&self) -> u64 {
        self.ended_ns - self.began_ns
    }

    /// Time from arrival to answer.
    pub fn stay_ns(&self) -> u64 {
        self.ended_ns - self.arrived_ns
    }
}

/// The log of one server.
#[derive(Debug, Clone, Default)]
pub struct QueueLog {
    /// The messages, in order of arrival.
    pub served: Vec<ServedMessage>,
    /// Messages that did not fit in the log.
    pub unlogged: u64,
    /// Stops of the idle server, each from one look at its sockets to the next.
    pub idle_stops_ns: Vec<Range<u64>>,
}

impl QueueLog {
    /// The messages that arrived in this time.
    pub fn arrived_in(&self, time_ns: Range<u64>) -> &[ServedMessage] {
        let before = |ns: u64| self.served.partition_point(|m| m.arrived_ns < ns);
        let (begin, end) = (before(time_ns.start), before(time_ns.end));
        self.served.get(begin..end).unwrap_or_default()
    }

    /// Lengths of the server's stops, of messages that arrived and of idle stops that ended in this time. The log does not
    /// have the true arrival of messages that came during a stop.
    fn stops_ns(&self, time_ns: &Range<u64>) -> impl Iterator<Item = u64> {
        let services = self.arrived_in(time_ns.clone()).iter();
        let in_services = services.map(|m| m.service_ns().saturating_sub(m.planned_ns));
        let idle = self.idle_stops_ns.iter();
        let idle = idle.filter(|stop| time_ns.contains(&stop.end));
        in_services.chain(idle.map(|stop| stop.end - stop.start))
    }

    /// Total length of the server's stops in this time that are longer than `longest_allowed`.
    pub fn stopped_ns(&self, time_ns: &Range<u64>, longest_allowed: Duration) -> u64 {
        let stops = self.stops_ns(time_ns);
        stops
            .filter(|stop_ns| u128::from(*stop_ns) > longest_allowed.as_nanos())
            .sum()
    }

    /// Mean time in nanoseconds that messages of this time waited unread during the server's stops: half of a stop for those
    /// that came in one, and none for the others.
    pub fn mean_unread_ns(&self, time_ns: &Range<u64>) -> f64 {
        let squares = self
            .stops_ns(time_ns)
            .map(|stop_ns| (stop_ns as f64).powi(2));
        squares.sum::<f64>() / 2.0 / (time_ns.end - time_ns.start) as f64
    }
}

/// Time by which services took longer than by the rules, as a share of the time by the rules; NaN without messages.
pub fn late_share(served: &[ServedMessage]) -> f64 {
    let sum = |time: fn(&ServedMessage) -> u64| served.iter().map(time).sum::<u64>() as f64;
    let planned_ns = sum(|m| m.planned_ns);
    (sum(ServedMessage::service_ns) - planned_ns) / planned_ns
}

/// Service times in seconds, in order.
pub fn service_times_s(served: &[ServedMessage]) -> Vec<f64> {
    let times = served.iter();
    times.map(|m| m.service_ns() as f64 / 1e9).collect()
}

/// Median of the service times in seconds; NaN without messages.
pub fn median_service_s(served: &[ServedMessage]) -> f64 {
    let mut times: Vec<_> = served.iter().map(ServedMessage::service_ns).collect();
    let middle = times.len() / 2;
    if times.is_empty() {
        return f64::NAN;
    }
    *times.select_nth_unstable(middle).1 as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(arrived_ns: u64, service_ns: u64) -> ServedMessage {
        ServedMessage {
            arrived_ns,
            began_ns: arrived_ns,
            planned_ns: 5,
            ended_ns: arrived_ns + service_ns,
        }
    }

    #[test]
    fn messages_are_found_by_their_arrival() {
        let log = QueueLog {
            served: vec![served(10, 5), served(20, 7), served(30, 6)],
            ..QueueLog::default()
        };
        assert_eq!(log.arrived_in(10..30), &log.served[..2]);
        assert_eq!(log.arrived_in(31..99), &[]);
        assert_eq!(service_times_s(&log.served), [5e-9, 7e-9, 6e-9]);
        assert!((median_service_s(&log.served) - 6e-9).abs() < 1e-15);
        assert!(median_service_s(&[]).is_nan());
        assert!((late_share(&log.served) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn stops_of_a_busy_and_of_an_idle_server_count() {
        let log = QueueLog {
            served: vec![served(10, 5), served(20, 25), served(50, 6)],
            idle_stops_ns: vec![60..64, 70..85, 95..120],
            ..QueueLog::default()
        };
        assert_eq!(log.stopped_ns(&(0..100), Duration::from_nanos(4)), 20 + 15);
        assert_eq!(log.stopped_ns(&(30..200), Duration::ZERO), 1 + 4 + 15 + 25);
        let squares = 1.0 + 16.0 + 225.0 + 625.0;
        assert!((log.mean_unread_ns(&(30..200)) - squares / 2.0 / 170.0).abs() < 1e-9);
    }
}
