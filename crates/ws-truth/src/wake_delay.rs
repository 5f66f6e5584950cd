//! Delays with which a core runs a thread that wakes up, as a witness of other load on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::cores;

/// Time between two wake-ups.
const INTERVAL: Duration = Duration::from_millis(1);

/// A thread that sleeps again and again and measures how late it wakes up.
#[derive(Debug)]
pub(crate) struct WakeDelayWatch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<u64>>>,
}

impl WakeDelayWatch {
    /// Watches a core; `None` = whichever the system chooses.
    pub(crate) fn start(core: Option<usize>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = std::thread::Builder::new().name("ws-truth-watch".to_owned());
        let thread = watch.spawn(move || {
            if let Some(core) = core {
                // Delays on another core are better than none.
                let _ = cores::pin_thread(core);
            }
            let mut delays_ns = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let due = Instant::now() + INTERVAL;
                std::thread::sleep(INTERVAL);
                let late = Instant::now().saturating_duration_since(due);
                delays_ns.push(u64::try_from(late.as_nanos()).unwrap_or(u64::MAX));
            }
            delays_ns
        });
        Self {
            stop,
            thread: thread.ok(),
        }
    }

    /// Ends the watch and returns the delay that 1 % of the wake-ups exceeded.
    pub(crate) fn finish(mut self) -> Duration {
        Duration::from_nanos(p99_ns(self.end()))
    }

    fn end(&mut self) -> Vec<u64> {
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

/// The value that 1 % of the values exceed; 0 without values.
fn p99_ns(mut delays_ns: Vec<u64>) -> u64 {
    delays_ns.sort_unstable();
    let place = delays_ns.len() * 99 / 100;
    delays_ns.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_the_delays_is_longer() {
        assert_eq!(p99_ns((1..=1_000).rev().collect()), 991);
        assert_eq!(p99_ns(Vec::new()), 0);
    }

    #[test]
    fn a_watch_ends() {
        let watch = WakeDelayWatch::start(None);
        watch.finish();
    }
}
