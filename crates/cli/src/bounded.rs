//! Work with a time limit, for example writing to a terminal that has stopped accepting output.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `work` in a new thread and waits for it, at most for `limit`. Returns `None` when it takes longer, panics, or
/// the system has no thread for it.
pub fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = mpsc::channel();
    let started = thread::Builder::new().spawn(move || {
        // Nobody receives the result after the limit.
        let _ = done.send(work());
    });
    started.ok().and_then(|_| result.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_never_ends_is_left_behind() {
        let (_held, never) = mpsc::channel::<()>();
        let stuck = within(Duration::from_millis(1), move || never.recv().is_ok());
        assert_eq!(stuck, None);
        assert_eq!(within(Duration::from_secs(600), || 7), Some(7));
    }
}
