//! Handle to stop and observe a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::progress::{Phase, RunProgress, ThreadProgress, sum_progress};

#[derive(Debug, Default)]
struct HandleState {
    stopped: AtomicBool,
    watched: AtomicBool,
    phase: Mutex<Option<(Phase, Instant)>>,
    threads: Mutex<Vec<Arc<ThreadProgress>>>,
}

/// A handle on a run, shared by its caller and its observers.
#[derive(Debug, Clone, Default)]
pub struct RunHandle(Arc<HandleState>);

impl RunHandle {
    /// A handle on a run that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run early: nothing more is sent, and messages in flight get a second to come back.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Returns true when the run was ended early.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Asks the threads to report their progress five times a second; by default they do not.
    pub fn watch(&self) {
        self.0.watched.store(true, Ordering::Relaxed);
    }

    /// Progress of the run, as of the last report of each thread.
    pub fn progress(&self) -> RunProgress {
        let (phase, since) = lock(&self.0.phase).unwrap_or((Phase::Connect, Instant::now()));
        // Added up outside of the lock: no generator thread waits for an observer.
        let threads = lock(&self.0.threads).clone();
        RunProgress {
            phase,
            in_phase: since.elapsed(),
            ..sum_progress(&threads)
        }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.0.watched.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        *lock(&self.0.phase) = Some((phase, Instant::now()));
    }

    pub(crate) fn set_threads(&self, threads: usize) {
        *lock(&self.0.threads) = vec![Arc::default(); threads];
    }

    pub(crate) fn publish(&self, thread: usize, progress: Arc<ThreadProgress>) {
        let before = match lock(&self.0.threads).get_mut(thread) {
            Some(slot) => std::mem::replace(slot, progress),
            None => progress,
        };
        // Freed outside of the lock.
        drop(before);
    }
}

/// A thread that panicked while it held a lock left nothing half-done in the value.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use measurement::record::Record;

    #[test]
    fn progress_adds_the_threads_up() {
        let handle = RunHandle::new();
        handle.set_threads(2);
        for thread in 0..2 {
            let mut record = Record::default();
            record.service.record(10 + thread as u64);
            record.counts.sent = 5;
            let progress = ThreadProgress {
                opened: 1,
                record,
                ..ThreadProgress::default()
            };
            handle.publish(thread, Arc::new(progress));
        }
        let progress = handle.progress();
        assert_eq!(progress.connections.opened, 2);
        assert_eq!(progress.record.counts.sent, 10);
        assert_eq!(progress.record.service.max(), Some(11));
        handle.stop();
        assert!(handle.clone().is_stopped());
    }
}
