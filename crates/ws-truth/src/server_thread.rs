//! The thread of a server with a log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use std::time::Instant;

use host::cores;
use host::thread_usage::ThreadUsage;

/// The log of a server, and the share of its life that its thread waited for a core; `None` where the system does not say.
type ServedLog<L> = (L, Option<f64>);

/// A thread that serves until it is dropped or stopped, on the first core where there are several.
#[derive(Debug)]
pub(crate) struct ServerThread<L: Default> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<ServedLog<L>>>,
}

impl<L: Default + Send + 'static> ServerThread<L> {
    /// Starts a thread that serves until the flag is set, and returns its log then.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start(serve: impl FnOnce(&AtomicBool) -> L + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("ws-truth".to_owned())
            .spawn(move || {
                if let [first, _, ..] = cores::allowed_cores()[..] {
                    // A measurement on another core is better than none.
                    let _ = cores::pin_thread(first);
                }
                let (began, usage) = (Instant::now(), ThreadUsage::now());
                let log = serve(&stopped);
                let waited_s = ThreadUsage::now().since(usage).run_queue_wait_s;
                let life_s = began.elapsed().as_secs_f64();
                (log, waited_s.map(|waited_s| waited_s / life_s))
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl<L: Default> ServerThread<L> {
    /// Ends the thread and returns its log, which is empty if it panicked.
    pub(crate) fn finish(mut self) -> ServedLog<L> {
        self.end()
    }

    fn end(&mut self) -> ServedLog<L> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take();
        thread.and_then(|t| t.join().ok()).unwrap_or_default()
    }
}

impl<L: Default> Drop for ServerThread<L> {
    fn drop(&mut self) {
        self.end();
    }
}
