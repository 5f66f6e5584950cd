//! Stopping a run from outside, and looking on while it goes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use measurement::record::Record;
use measurement::run::Connections;
use measurement::verdict::GeneratorUsage;

use crate::told::{self, Told};

/// The phases of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    /// Connections are opened.
    #[default]
    Connect,
    /// Load without recording.
    WarmUp,
    /// The measured phase, from T0.
    Measure,
    /// Everything is sent; late echoes are waited for.
    Drain,
    /// Connections are closed with 1000.
    Close,
}

impl Phase {
    /// Its name for a person.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Drain => "drain",
            Self::Close => "close",
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// The phase it is in.
    pub phase: Phase,
    /// How long it has been in it.
    pub in_phase: Duration,
    /// How the connections fare. Close codes and the time it took to open them are known at the end.
    pub connections: Connections,
    /// Counts and histograms so far, without timeline and samples.
    pub record: Record,
    /// What the generator threads have used since T0.
    pub usage: GeneratorUsage,
    /// How long after T0 this was told, in seconds; no longer than the measured phase, 0 before it.
    pub elapsed_s: f64,
}

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    watched: AtomicBool,
    phase: Mutex<Option<(Phase, Instant)>>,
    threads: Mutex<Vec<Arc<Told>>>,
}

/// A handle on a run, shared by who runs it and who looks on or ends it.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<State>);

impl Control {
    /// A handle on a run that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run early: nothing more is sent, what is in flight gets a second to come back.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the run was ended early.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::Relaxed)
    }

    /// Asks the threads to tell how they stand five times a second; unasked, they do not.
    pub fn watch(&self) {
        self.0.watched.store(true, Ordering::Relaxed);
    }

    /// How the run stands, as of the last time each thread told.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (phase, since) = lock(&self.0.phase).unwrap_or((Phase::Connect, Instant::now()));
        // Added up outside of the lock: no generator thread waits for who looks on.
        let threads = lock(&self.0.threads).clone();
        Progress {
            phase,
            in_phase: since.elapsed(),
            ..told::add_up(&threads)
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

    pub(crate) fn tell(&self, thread: usize, told: Told) {
        let told = Arc::new(told);
        let before = match lock(&self.0.threads).get_mut(thread) {
            Some(slot) => std::mem::replace(slot, told),
            None => told,
        };
        // Its memory is given back when nobody waits for the lock any more.
        drop(before);
    }
}

/// A thread that panicked while it held one of these left nothing half-done in it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_in_the_order_of_a_run() {
        let order = [
            Phase::Connect,
            Phase::WarmUp,
            Phase::Measure,
            Phase::Drain,
            Phase::Close,
        ];
        assert!(order.is_sorted());
    }

    #[test]
    fn progress_adds_the_threads_up() {
        let control = Control::new();
        control.set_threads(2);
        for thread in 0..2 {
            let mut record = Record::default();
            record.service.record(10 + thread as u64);
            record.counts.sent = 5;
            let told = Told {
                opened: 1,
                record,
                ..Told::default()
            };
            control.tell(thread, told);
        }
        let progress = control.progress();
        assert_eq!(progress.connections.opened, 2);
        assert_eq!(progress.record.counts.sent, 10);
        assert_eq!(progress.record.service.max(), Some(11));
        control.stop();
        assert!(control.clone().is_stopped());
    }
}
