//! Delays with which a core runs a thread that wakes up, as a witness of other load on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::cores;

use crate::clock::nanoseconds;

/// Time between two wake-ups.
const INTERVAL: Duration = Duration::from_millis(1);

/// One wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WakeDelay {
    /// Due time in nanoseconds on the clock of the watch.
    pub(crate) due_ns: u64,
    /// Time from the due time to the wake-up.
    pub(crate) late: Duration,
}

impl WakeDelay {
    /// Time for which this wake-up is a witness: the sleep before it, and the delay.
    fn span(self) -> Duration {
        INTERVAL + self.late
    }

    /// Delay of a thread with work at this time within the span.
    fn delay_at(self, time: Duration) -> Duration {
        self.late.min(self.span().saturating_sub(time))
    }
}

/// Delays of `count` messages that are due at even distances while these wake-ups were watched. A stop of 10 ms delays
/// one wake-up, but every message that is due in it. Empty without wake-ups.
pub(crate) fn delays_of_messages(wakes: &[WakeDelay], count: usize) -> Vec<Duration> {
    let total: Duration = wakes.iter().map(|wake| wake.span()).sum();
    let mut delays = Vec::with_capacity(count);
    let mut begin = Duration::ZERO;
    for wake in wakes {
        let end = begin + wake.span();
        while delays.len() < count {
            let due = total.mul_f64((delays.len() as f64 + 0.5) / count as f64);
            if due >= end {
                break;
            }
            delays.push(wake.delay_at(due.saturating_sub(begin)));
        }
        begin = end;
    }
    delays
}

/// A thread that sleeps again and again and measures how late it wakes up.
#[derive(Debug)]
pub(crate) struct WakeDelayWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<WakeDelay>>>,
}

impl WakeDelayWatch {
    /// Watches a core; `None` = whichever the system chooses. Due times count from `clock`.
    pub(crate) fn start(core: Option<usize>, clock: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = std::thread::Builder::new().name("ws-truth-watch".to_owned());
        let thread = watch.spawn(move || {
            if let Some(core) = core {
                // Delays on another core are better than none.
                let _ = cores::pin_thread(core);
            }
            let mut delays = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let due = Instant::now() + INTERVAL;
                std::thread::sleep(INTERVAL);
                let late = Instant::now().saturating_duration_since(due);
                let due_ns = nanoseconds(due.saturating_duration_since(clock));
                delays.push(WakeDelay { due_ns, late });
            }
            delays
        });
        Self {
            stop,
            thread: thread.ok(),
        }
    }

    /// Ends the watch and returns all wake-ups, in their order.
    pub(crate) fn finish(mut self) -> Vec<WakeDelay> {
        self.end()
    }

    fn end(&mut self) -> Vec<WakeDelay> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread.and_then(|t| t.join().ok()).unwrap_or_default()
    }
}

impl Drop for WakeDelayWatch {
    fn drop(&mut self) {
        self.end();
    }
}

/// The delay that 1 % of the delays exceed; 0 without delays.
pub(crate) fn p99(mut late: Vec<Duration>) -> Duration {
    late.sort_unstable();
    let place = late.len() * 99 / 100;
    late.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_the_delays_is_longer() {
        let delays = (1..=1_000).rev().map(Duration::from_nanos).collect();
        assert_eq!(p99(delays), Duration::from_nanos(991));
        assert_eq!(p99(Vec::new()), Duration::ZERO);
    }

    #[test]
    fn a_stop_delays_every_message_that_is_due_in_it() {
        let wake = |late_us| WakeDelay {
            due_ns: 0,
            late: Duration::from_micros(late_us),
        };
        // 20 ms, of which one millisecond each is slept, and 16 ms are one stop.
        let wakes = [wake(0), wake(0), wake(16_000), wake(0)];
        let delays = delays_of_messages(&wakes, 10);
        let us: Vec<_> = delays.iter().map(Duration::as_micros).collect();
        assert_eq!(
            us,
            [
                0, 16_000, 14_000, 12_000, 10_000, 8_000, 6_000, 4_000, 2_000, 0
            ]
        );
        assert_eq!(delays_of_messages(&wakes, 0), []);
        assert_eq!(delays_of_messages(&[], 3), []);
    }

    #[test]
    fn a_watch_ends() {
        let watch = WakeDelayWatch::start(None, Instant::now());
        watch.finish();
    }
}
