//! A thread that displays progress while the program works.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::print::drop_notices;

/// Maximum wait for the end of a display, because a terminal may have stopped accepting output.
const LIMIT: Duration = Duration::from_secs(1);

/// A display that runs until it is dropped, or its terminal is gone.
#[derive(Debug)]
pub struct DisplayThread {
    over: Arc<AtomicBool>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

impl DisplayThread {
    /// Runs `show` in a new thread. `show` must return soon after its argument returns true.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn start(show: impl FnOnce(&dyn Fn() -> bool) + Send + 'static) -> io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let (running, ended) = mpsc::channel();
        thread::Builder::new()
            .name("display".to_owned())
            .spawn(move || {
                // Dropped at the end and on a panic, so that a panicked display does not block the end of the work.
                let _running = running;
                show(&|| is_over.load(Ordering::Relaxed));
            })?;
        Ok(Self { over, ended })
    }
}

impl Drop for DisplayThread {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if self.ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // The display may hold the lock of standard error while the terminal does not accept output.
            drop_notices();
        }
    }
}
