//! Handle to stop and observe a run.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::progress::{Phase, RunProgress, ThreadProgress, sum_progress};
use crate::search_progress::SearchProgress;

/// A function that is called with the receivers that nothing has reached by T0.
type UnreachedCallback = Box<dyn FnOnce(&[u32]) + Send>;

#[derive(Default)]
struct HandleState {
    stopped: AtomicBool,
    interrupted: AtomicBool,
    is_final: AtomicBool,
    watched: AtomicBool,
    open_connections: AtomicU64,
    phase: Mutex<Option<(Phase, Instant)>>,
    threads: Mutex<Vec<Arc<ThreadProgress>>>,
    /// Progress of other processes; empty for a run of this one.
    processes: Mutex<Vec<RunProgress>>,
    on_unreached: Mutex<Option<UnreachedCallback>>,
    /// Progress of a search or a sweep, and the time at which it was set.
    search: Mutex<Option<(Arc<SearchProgress>, Instant)>>,
}

impl fmt::Debug for HandleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandleState").finish_non_exhaustive()
    }
}

/// A handle to a run, shared by its caller and its observers.
#[derive(Debug, Clone, Default)]
pub struct RunHandle(Arc<HandleState>);

impl RunHandle {
    /// A handle to a run that has not started.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the run early. No further message is sent. Messages in flight have one second to be echoed, then
    /// connections have half a second to close. After [`is_final`](Self::is_final), only the closing is shortened.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Returns true when a stop was requested, even if the record was already final.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Returns true when the last client is done. After that, only connections remain to be closed, and the record does
    /// not change.
    pub fn is_final(&self) -> bool {
        self.0.is_final.load(Ordering::Acquire)
    }

    /// Returns true when a stop was requested before the record was final.
    pub fn is_interrupted(&self) -> bool {
        if self.is_final() {
            self.0.interrupted.load(Ordering::Relaxed)
        } else {
            self.is_stopped()
        }
    }

    /// Calls this function once, at T0, with the numbers of the receivers, ascending, to whose rooms messages of the warm-up
    /// were sent and that have got none of them. The list is empty when there are none.
    pub fn when_unreached(&self, callback: impl FnOnce(&[u32]) + Send + 'static) {
        *lock(&self.0.on_unreached) = Some(Box::new(callback));
    }

    pub(crate) fn tell_unreached(&self, clients: &[u32]) {
        let callback = lock(&self.0.on_unreached).take();
        if let Some(callback) = callback {
            callback(clients);
        }
    }

    /// Makes the threads report their progress five times per second. By default they do not.
    pub fn watch(&self) {
        self.0.watched.store(true, Ordering::Relaxed);
    }

    /// Progress of the run, as of the last report of each thread.
    pub fn progress(&self) -> RunProgress {
        let (phase, since) = lock(&self.0.phase).unwrap_or((Phase::Connect, Instant::now()));
        // Summed outside of the lock, so that no generator thread waits for an observer.
        let processes = lock(&self.0.processes).clone();
        let sum = match processes.is_empty() {
            true => sum_progress(&lock(&self.0.threads).clone()),
            false => {
                let all = processes.into_iter();
                all.reduce(|sum, one| sum.beside(&one)).unwrap_or_default()
            }
        };
        RunProgress {
            phase,
            in_phase: since.elapsed(),
            ..sum
        }
    }

    /// Progress of a capacity search or a sweep; `None` for any other run, and before its first step.
    pub fn search(&self) -> Option<SearchProgress> {
        let (progress, at) = lock(&self.0.search).clone()?;
        let since_s = match self.is_final() {
            true => 0.0,
            false => at.elapsed().as_secs_f64(),
        };
        Some(SearchProgress {
            spent_s: progress.spent_s + since_s,
            ..SearchProgress::clone(&progress)
        })
    }

    pub(crate) fn set_search(&self, progress: SearchProgress) {
        *lock(&self.0.search) = Some((Arc::new(progress), Instant::now()));
    }

    /// Number of open connections of this process now, idle ones included.
    pub fn open_connections(&self) -> u64 {
        self.0.open_connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that has opened.
    pub(crate) fn connection_opened(&self) {
        self.0.open_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that has ended after it had opened.
    pub(crate) fn connection_closed(&self) {
        self.0.open_connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Current phase of the run.
    pub fn phase(&self) -> Phase {
        lock(&self.0.phase).map_or(Phase::Connect, |(phase, _)| phase)
    }

    /// Starts to follow a run of several other processes instead of one of this process.
    pub fn follow(&self, processes: usize) {
        *lock(&self.0.processes) = vec![RunProgress::default(); processes];
        self.begin_record();
    }

    /// Sets the progress of a followed process, by its index.
    pub fn set_progress(&self, process: usize, progress: RunProgress) {
        if let Some(slot) = lock(&self.0.processes).get_mut(process) {
            *slot = progress;
        }
    }

    /// Sets the phase of a followed run.
    pub fn set_phase(&self, phase: Phase) {
        self.enter(phase);
    }

    /// Ends the record of a followed run.
    pub fn end_followed(&self, interrupted: bool) {
        self.finish_record(interrupted);
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.0.watched.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_record(&self) {
        self.0.is_final.store(false, Ordering::Release);
        self.0.open_connections.store(0, Ordering::Relaxed);
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
        // Dropped outside of the lock.
        drop(before);
    }
}

/// Locks a mutex. A thread that panicked while holding the lock left the value consistent.
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
        // The same handle with another run.
        handle.begin_record();
        assert!(handle.is_interrupted() && !handle.is_final());
        handle.finish_record(true);
        assert!(handle.is_interrupted());
    }

    #[test]
    fn open_connections_are_those_of_the_current_record() {
        let handle = RunHandle::new();
        handle.begin_record();
        (0..3).for_each(|_| handle.clone().connection_opened());
        handle.connection_closed();
        assert_eq!(handle.open_connections(), 2);
        handle.begin_record();
        assert_eq!(handle.open_connections(), 0);
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
