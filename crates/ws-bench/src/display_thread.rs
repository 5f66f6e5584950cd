//! A thread that shows the run until it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// A display that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct DisplayThread {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DisplayThread {
    /// Runs `show` on a thread of its own; it has to return soon after its argument says that the run is over.
    pub(crate) fn start(show: impl FnOnce(&dyn Fn() -> bool) + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = thread::spawn(move || show(&|| ended.load(Ordering::Relaxed)));
        Self {
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for DisplayThread {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A display that panicked is no reason to end the run.
            let _ = thread.join();
        }
    }
}
