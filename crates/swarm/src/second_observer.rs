//! Seconds of a run for its observer, as soon as all threads have reported them.

use std::time::SystemTime;

use measurement::record::{LoggedSecond, SecondMerger, ThreadSecond};

/// Receiver of the complete seconds of a run, in order. It is called in the thread that called [`run`](crate::run),
/// which leads the generator threads through the phases: it must return within a few milliseconds.
pub type OnSecond<'a> = &'a mut dyn FnMut(LoggedSecond);

/// The observer of a run's seconds; without one, threads do not report them.
pub(crate) struct SecondObserver<'a> {
    merger: SecondMerger,
    observe: Option<OnSecond<'a>>,
}

impl<'a> SecondObserver<'a> {
    pub(crate) fn new(threads: usize, observe: Option<OnSecond<'a>>) -> Self {
        Self {
            merger: SecondMerger::new(threads),
            observe,
        }
    }

    /// Sets the wall-clock time of T0.
    pub(crate) fn start_at(&mut self, t0: SystemTime) {
        self.merger.start_at(t0);
    }

    /// Marks the measured phase as over.
    pub(crate) fn end_measured(&mut self) {
        self.merger.end_measured();
    }

    /// Adds a thread's next second; `None` when the thread reports no further one.
    pub(crate) fn add(&mut self, thread: usize, second: Option<ThreadSecond>) {
        match second {
            Some(second) => self.merger.add(thread, second),
            None => self.merger.end(thread),
        }
        if let Some(observe) = &mut self.observe {
            while let Some(second) = self.merger.next_complete() {
                observe(second);
            }
        }
    }
}
