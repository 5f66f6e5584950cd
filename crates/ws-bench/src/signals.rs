//! Ctrl-C, or a terminal that is closed: once ends the run, twice the program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use cli::say;
use host::signals::Signals;
use swarm::control::Control;

use crate::tui::screen;

/// What a run has to do with signals, and with keys that stand for them.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    /// Stopped by the first interrupt.
    pub(crate) control: Control,
    unfinished: Arc<Mutex<Vec<PathBuf>>>,
    talks: Arc<AtomicBool>,
    is_interrupted: Arc<AtomicBool>,
    ended: Sender<End>,
}

/// How the wait for the body ended.
#[derive(Debug)]
enum End {
    /// It returned.
    Returned(anyhow::Result<ExitCode>),
    /// It panicked, and said so.
    Panicked,
    /// A second interrupt left it behind.
    Left,
}

impl Stop {
    fn new(ended: Sender<End>) -> Self {
        Self {
            control: Control::new(),
            unfinished: Arc::default(),
            talks: Arc::default(),
            is_interrupted: Arc::default(),
            ended,
        }
    }

    /// Whether the first interrupt is answered with what happens now, on standard error.
    pub(crate) fn say_what_happens(&self, talks: bool) {
        self.talks.store(talks, Ordering::Relaxed);
    }

    /// Files to be removed when a second interrupt ends the program.
    pub(crate) fn remove_at_second(&self, files: impl IntoIterator<Item = PathBuf>) {
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unfinished.extend(files);
    }

    /// A signal, or a key that means the same: the first one ends the run, the second one the program.
    pub(crate) fn interrupt(&self) {
        if self.is_interrupted.swap(true, Ordering::Relaxed) {
            // Nobody waits any more when the body has ended.
            let _ = self.ended.send(End::Left);
            return;
        }
        self.control.stop();
        if self.talks.load(Ordering::Relaxed) {
            say("\nending the run and saving its files; once more ends at once and saves nothing");
        }
    }
}

/// Runs `body`; the first interrupt stops its [`Control`], the second one leaves it behind and
/// ends with exit code 130. However it ends, the terminal is as it was.
///
/// # Errors
/// Those of `body`.
pub(crate) fn until_second(
    body: impl FnOnce(&Stop) -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let (ended, end) = mpsc::channel();
    let stop = Stop::new(ended);
    let listening = stop.clone();
    thread::spawn(move || {
        // Without a listener the system's own way of ending a program is left in force.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            runtime.block_on(listen(&listening));
        }
    });
    let running = stop.clone();
    thread::spawn(move || {
        // Nothing of a body that panicked is looked at again.
        let end = match catch_unwind(AssertUnwindSafe(|| body(&running))) {
            Ok(result) => End::Returned(result),
            Err(_) => End::Panicked,
        };
        // The main thread waits for nothing else.
        let _ = running.ended.send(end);
    });
    let end = end.recv();
    screen::leave();
    match end {
        Ok(End::Returned(result)) => result,
        Ok(End::Left) => {
            let unfinished = stop
                .unfinished
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for file in unfinished.iter() {
                // It may be published by now, or never have been made.
                let _ = std::fs::remove_file(file);
            }
            Ok(ExitCode::from(INTERRUPTED))
        }
        // `stop` has a sender, so that there is always somebody to wait for.
        Ok(End::Panicked) | Err(_) => Ok(ExitCode::from(PANICKED)),
    }
}

/// Exit code of a program that a second interrupt ended.
const INTERRUPTED: u8 = 130;
/// Exit code of a program that panicked, as the language has it.
const PANICKED: u8 = 101;

async fn listen(stop: &Stop) {
    let Ok(mut signals) = Signals::catch().and_then(Signals::and_hangup) else {
        return;
    };
    for _ in 0..2 {
        signals.next().await;
        stop.interrupt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_ends_the_run_and_the_second_the_program() {
        let (ended, end) = mpsc::channel();
        let stop = Stop::new(ended);
        stop.interrupt();
        assert!(stop.control.is_stopped() && end.try_recv().is_err());
        stop.interrupt();
        assert!(matches!(end.try_recv(), Ok(End::Left)));
    }

    #[test]
    fn a_body_that_panics_ends_the_program() {
        let code = until_second(|_| panic!("on purpose")).unwrap_or(ExitCode::SUCCESS);
        assert_eq!(code, ExitCode::from(PANICKED));
    }
}
