//! A thread that shows the work until it is over.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::print::drop_notices;

/// Maximum wait for the end of a display. A terminal may take nothing that is written to it.
const LIMIT: Duration = Duration::from_secs(1);

/// A display that goes on until it is dropped, or its terminal is gone.
#[derive(Debug)]
pub struct DisplayThread {
    over: Arc<AtomicBool>,
    /// Disconnected once the thread has ended.
    ended: Receiver<()>,
}

impl DisplayThread {
    /// Runs `show` on a thread of its own. It has to return soon after its argument says that the work is
    /// over.
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
                // Dropped at the end, and by a panic: a display that panicked does not end the work.
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
            // It may hold standard error for as long as the terminal takes nothing.
            drop_notices();
        }
    }
}
