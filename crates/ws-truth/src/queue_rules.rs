//! Rules of a server with one queue, and the service time of each message by them.

use std::time::Duration;

/// Rules of an echo server that serves the messages of all connections one after the other, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueRules {
    /// Service time of a message.
    pub service: Duration,
    /// Number of messages in the system, beyond which the service time doubles until the queue is empty; `None` = never.
    pub slow_beyond: Option<usize>,
    /// A handler that blocks the server; `None` = never.
    pub block: Option<HandlerBlock>,
    /// Growth of the service time; `None` = constant.
    pub growth: Option<ServiceGrowth>,
    /// Bytes that the server allocates at each message and never frees.
    pub leaked_bytes: usize,
    /// Largest number of messages in the log, which takes 32 B for each from the start.
    pub log_capacity: usize,
}

impl QueueRules {
    /// A constant service time of 500 µs.
    pub const SERVICE: Duration = Duration::from_micros(500);

    /// A service time that doubles beyond 200 messages, which takes an overload: below the capacity at p99 < 10 ms the
    /// queue stays far shorter.
    pub const HYSTERESIS: Self = Self {
        slow_beyond: Some(200),
        ..Self::PLAIN
    };

    const PLAIN: Self = Self {
        service: Self::SERVICE,
        slow_beyond: None,
        block: None,
        growth: None,
        leaked_bytes: 0,
        log_capacity: 1_000_000,
    };
}

impl Default for QueueRules {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// A handler that blocks the server at regular times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandlerBlock {
    /// Time from the begin of a block to the begin of the next one. The first message that is due behind it is the one
    /// that is blocked.
    pub every: Duration,
    /// Time added to the service of that message.
    pub lasts: Duration,
}

/// Growth of the service time on a clock that runs faster than the real one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceGrowth {
    /// Share of the first service time, by which it grows per hour of the fast clock.
    pub share_per_hour: f64,
    /// Hours of the fast clock per second, from the first message on.
    pub hours_per_s: f64,
}

/// The service times of one server: its rules, and the state that they depend on.
#[derive(Debug, Clone)]
pub(crate) struct ServiceLaw {
    rules: QueueRules,
    is_slow: bool,
    first_ns: Option<u64>,
    /// Blocks that have been due.
    blocks: u128,
}

impl ServiceLaw {
    pub(crate) fn new(rules: QueueRules) -> Self {
        Self {
            rules,
            is_slow: false,
            first_ns: None,
            blocks: 0,
        }
    }

    /// Service time in nanoseconds of a message whose service begins at this time. `in_system` is the number of messages
    /// that wait or are served, with this one.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(crate) fn service_ns(&mut self, begin_ns: u64, in_system: usize) -> u64 {
        let since_first_ns = begin_ns - *self.first_ns.get_or_insert(begin_ns);
        if self.rules.slow_beyond.is_some_and(|most| in_system > most) {
            self.is_slow = true;
        }
        let mut service = self.rules.service;
        if let Some(growth) = self.rules.growth {
            let hours = since_first_ns as f64 / 1e9 * growth.hours_per_s;
            service = service.mul_f64(1.0 + growth.share_per_hour * hours);
        }
        if self.is_slow {
            service *= 2;
        }
        if let Some(block) = self.rules.block {
            let due = u128::from(since_first_ns) / block.every.as_nanos().max(1);
            if due > self.blocks {
                self.blocks = due;
                service += block.lasts;
            }
        }
        service.as_nanos() as u64
    }

    /// Notes that no message waits or is served.
    pub(crate) fn note_empty(&mut self) {
        self.is_slow = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S_NS: u64 = 500_000;

    #[test]
    fn the_service_time_doubles_beyond_a_queue_length_and_recovers_when_empty() {
        let mut law = ServiceLaw::new(QueueRules {
            slow_beyond: Some(3),
            ..QueueRules::default()
        });
        assert_eq!(law.service_ns(0, 3), S_NS);
        assert_eq!(law.service_ns(S_NS, 4), 2 * S_NS);
        assert_eq!(law.service_ns(3 * S_NS, 1), 2 * S_NS, "not empty yet");
        law.note_empty();
        assert_eq!(law.service_ns(9 * S_NS, 1), S_NS);
    }

    #[test]
    fn a_handler_blocks_once_per_interval() {
        let mut law = ServiceLaw::new(QueueRules {
            block: Some(HandlerBlock {
                every: Duration::from_secs(1),
                lasts: Duration::from_millis(50),
            }),
            ..QueueRules::default()
        });
        let after_first = |ms: u64| 7_000_000 + ms * 1_000_000;
        let mut service = |ms| law.service_ns(after_first(ms), 1);
        assert_eq!(service(0), S_NS);
        assert_eq!(service(999), S_NS);
        assert_eq!(service(1_003), 50_000_000 + S_NS);
        assert_eq!(service(1_060), S_NS);
        assert_eq!(service(3_500), 50_000_000 + S_NS, "a missed one is over");
        assert_eq!(service(3_600), S_NS);
    }

    #[test]
    fn the_service_time_grows_on_a_fast_clock() {
        let mut law = ServiceLaw::new(QueueRules {
            growth: Some(ServiceGrowth {
                share_per_hour: 0.05,
                hours_per_s: 0.1,
            }),
            ..QueueRules::default()
        });
        assert_eq!(law.service_ns(5_000_000_000, 1), S_NS);
        assert_eq!(law.service_ns(15_000_000_000, 1), 525_000);
        assert_eq!(law.service_ns(25_000_000_000, 1), 550_000);
    }
}
