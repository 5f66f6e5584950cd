//! Ctrl-C: once ends the run, twice the program.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use swarm::control::Control;

/// What a run has to do with signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop {
    /// Stopped by the first signal.
    pub(crate) control: Control,
    unfinished: Arc<Mutex<Vec<PathBuf>>>,
    talks: Arc<AtomicBool>,
}

impl Stop {
    /// Whether the first signal is answered with what happens now, on standard error.
    pub(crate) fn say_what_happens(&self, talks: bool) {
        self.talks.store(talks, Ordering::Relaxed);
    }

    /// Files to be removed when a second signal ends the program.
    pub(crate) fn remove_at_second(&self, files: impl IntoIterator<Item = PathBuf>) {
        let mut unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unfinished.extend(files);
    }
}

/// Runs `body`; the first interrupt stops its [`Control`], the second one leaves it behind and
/// ends with exit code 130.
///
/// # Errors
/// Those of `body`.
pub(crate) fn until_second(
    body: impl FnOnce(&Stop) -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let stop = Stop::default();
    let (ended, end) = mpsc::channel();
    let (listener, result) = (ended.clone(), stop.clone());
    thread::spawn(move || {
        // Without a listener the system's own way of ending a program is left in force.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            runtime.block_on(listen(&listener, &result));
        }
    });
    let running = stop.clone();
    let worker = thread::spawn(move || {
        let result = body(&running);
        // The main thread waits for nothing else.
        let _ = ended.send(Some(result));
    });
    match end.recv() {
        Ok(Some(result)) => result,
        Ok(None) => {
            let unfinished = stop
                .unfinished
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            for file in unfinished.iter() {
                // It may be published by now, or never have been made.
                let _ = std::fs::remove_file(file);
            }
            Ok(ExitCode::from(130))
        }
        // The body panicked, and said so.
        Err(_) => {
            drop(worker);
            Ok(ExitCode::from(101))
        }
    }
}

type End = Option<anyhow::Result<ExitCode>>;

async fn listen(ended: &Sender<End>, stop: &Stop) {
    for first in [true, false] {
        if interrupted().await.is_err() {
            return;
        }
        if first {
            stop.control.stop();
            if stop.talks.load(Ordering::Relaxed) {
                eprintln!(
                    "\nending the run and saving its files; once more ends at once and saves nothing"
                );
            }
        } else {
            let _ = ended.send(None);
        }
    }
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
