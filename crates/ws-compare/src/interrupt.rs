//! Ctrl-C, or a terminal that is closed: once ends the rounds, twice the program; either way no server is left behind.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use cli::say;
use host::signals::Signals;
use swarm::control::Control;

use crate::server::process_group::ProcessGroups;

/// What a comparison has to do with signals.
#[derive(Debug, Clone, Default)]
pub(crate) struct InterruptHandle {
    /// Stopped by the first signal.
    pub(crate) control: Control,
    /// Every server that was started: killed by the second.
    pub(crate) groups: ProcessGroups,
    unfinished: Arc<Mutex<Vec<PathBuf>>>,
    talks: Arc<AtomicBool>,
}

impl InterruptHandle {
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

    /// Leaves nothing behind.
    fn clear(&self) {
        self.groups.kill_all();
        let unfinished = self
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for file in unfinished.iter() {
            // It may be published by now, or never have been made.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Runs `body`; the first signal stops its [`Control`], the second one kills the servers, leaves
/// `body` behind and ends with exit code 130.
///
/// # Errors
/// Those of `body`.
pub(crate) fn until_second(
    body: impl FnOnce(&InterruptHandle) -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    let stop = InterruptHandle::default();
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
    let end = loop {
        match end.recv_timeout(std::time::Duration::from_millis(100)) {
            Ok(end) => break end,
            // The listener goes on for ever, so a panic of the body is seen by its thread alone.
            Err(_) if worker.is_finished() => match end.try_recv() {
                Ok(end) => break end,
                Err(_) => {
                    stop.clear();
                    return Ok(ExitCode::from(101));
                }
            },
            Err(_) => {}
        }
    };
    match end {
        Some(result) => result,
        None => {
            stop.clear();
            Ok(ExitCode::from(130))
        }
    }
}

type End = Option<anyhow::Result<ExitCode>>;

async fn listen(ended: &Sender<End>, stop: &InterruptHandle) {
    let Ok(mut signals) = Signals::catch().and_then(Signals::and_hangup) else {
        return;
    };
    for first in [true, false] {
        signals.next().await;
        if first {
            stop.control.stop();
            if stop.talks.load(Ordering::Relaxed) {
                say(
                    "\nending after the rounds so far and saving files; once more ends at once and saves nothing",
                );
            }
        } else {
            let _ = ended.send(None);
        }
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_panic_leaves_no_server_behind() {
        let (tell, told) = mpsc::channel();
        let ended = until_second(move |stop| {
            let group = stop.groups.spawn(Command::new("sleep").arg("600")).unwrap();
            tell.send((group.members()[0], stop.groups.clone()))
                .unwrap();
            panic!("on purpose");
        });
        assert_eq!(ended.unwrap(), ExitCode::from(101));
        let (pid, groups) = told.recv().unwrap();
        // Reaped as well: nothing has its number.
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(groups.spawn(&mut Command::new("true")).is_err());
    }
}
