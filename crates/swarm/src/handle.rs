//! Handle to stop and observe a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::progress::{Phase, RunProgress, ThreadProgress, sum_progress};

#[derive(Debug, Default)]
struct HandleState {
    stopped: AtomicBool,
    interrupted: AtomicBool,
    is_final: AtomicBool,
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

    /// Ends the run early: nothing more is sent, messages in flight get a second to come back, and then the
    /// connections half a second to close. Once the record is final, only the last of these is left.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Returns true when the run was to end early, also when its record was final by then.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Returns true once the last client is done. From then on only connections are left to be closed, and
    /// the record stays as it is.
    pub fn is_final(&self) -> bool {
        self.0.is_final.load(Ordering::Acquire)
    }

    /// Returns true when the run was to end early before its record was final.
    pub fn is_interrupted(&self) -> bool {
        if self.is_final() {
            self.0.interrupted.load(Ordering::Relaxed)
        } else {
            self.is_stopped()
        }
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

    pub(crate) fn begin_record(&self) {
        self.0.is_final.store(false, Ordering::Release);
    }

    pub(crate) fn finish_record(&self, interrupted: bool) {
        self.0.interrupted.store(interrupted, Ordering::Relaxed);
        self.0.is_final.store(true, Ordering::Release);
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
    fn a_stop_after_the_record_is_final_interrupts_nothing() {
        let handle = RunHandle::new();
        handle.begin_record();
        handle.finish_record(false);
        handle.stop();
        assert!(handle.is_stopped() && handle.is_final() && !handle.is_interrupted());
        // The same handle, and a further run.
        handle.begin_record();
        assert!(handle.is_interrupted() && !handle.is_final());
        handle.finish_record(true);
        assert!(handle.is_interrupted());
    }

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
