//! Ctrl-C, SIGTERM, or a terminal that is closed: the first ends the work early, the second the program.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use host::signals::Signals;

use crate::exit_status::ExitStatus;
use crate::print::print_notice;

/// A program's reaction to interrupts.
pub struct InterruptReaction<C> {
    /// Text printed on standard error at the first interrupt, unless that is switched off.
    pub announcement: &'static str,
    /// Ends the work early, at the first interrupt.
    pub stop: Box<dyn Fn() + Send + Sync>,
    /// Gives back what must not be left behind, however the work ends; called once.
    pub clean_up: C,
}

/// Handle to the interrupts of a program that works: signals, and keys that stand for them.
#[derive(Clone)]
pub struct Interrupts(Arc<InterruptState>);

struct InterruptState {
    announcement: &'static str,
    stop: Box<dyn Fn() + Send + Sync>,
    announces: AtomicBool,
    is_interrupted: AtomicBool,
    unfinished: Mutex<Vec<PathBuf>>,
    ended: Sender<BodyEnd>,
}

/// The body's result, or the exit code of a program that ends without one: after a panic, which was printed, or
/// a second interrupt.
type BodyEnd = Result<anyhow::Result<ExitStatus>, ExitStatus>;

impl Interrupts {
    fn new(
        announcement: &'static str,
        stop: Box<dyn Fn() + Send + Sync>,
        ended: Sender<BodyEnd>,
    ) -> Self {
        Self(Arc::new(InterruptState {
            announcement,
            stop,
            announces: AtomicBool::new(false),
            is_interrupted: AtomicBool::new(false),
            unfinished: Mutex::default(),
            ended,
        }))
    }

    /// Switches the announcement at the first interrupt on or off; at first it is off.
    pub fn announce_on_interrupt(&self, announces: bool) {
        self.0.announces.store(announces, Ordering::Relaxed);
    }

    /// Adds files that are removed when a second interrupt ends the program.
    pub fn remove_on_abort(&self, files: impl IntoIterator<Item = PathBuf>) {
        self.unfinished().extend(files);
    }

    /// Interrupts the program, as a signal does: the first time its work, the second time all of it.
    pub fn interrupt(&self) {
        if self.0.is_interrupted.swap(true, Ordering::Relaxed) {
            // Nobody waits any more when the body has ended.
            let _ = self.0.ended.send(Err(ExitStatus::Interrupted));
            return;
        }
        (self.0.stop)();
        if self.0.announces.load(Ordering::Relaxed) {
            print_notice(self.0.announcement);
        }
    }

    fn unfinished(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        let unfinished = self.0.unfinished.lock();
        unfinished.unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(&self) {
        let Ok(mut signals) = Signals::catch().and_then(Signals::and_hangup) else {
            return;
        };
        for _ in 0..2 {
            signals.next().await;
            self.interrupt();
        }
    }
}

/// Runs `body`. The first interrupt stops it, the second one leaves it behind and ends with exit code 130; a
/// body that panics ends with 101.
///
/// # Errors
/// Those of `body`.
pub fn run_until_second_interrupt<C: FnOnce()>(
    reaction: InterruptReaction<C>,
    body: impl FnOnce(&Interrupts) -> anyhow::Result<ExitStatus> + Send + 'static,
) -> anyhow::Result<ExitStatus> {
    let (ended, end) = mpsc::channel();
    let interrupts = Interrupts::new(reaction.announcement, reaction.stop, ended);
    let listening = interrupts.clone();
    thread::spawn(move || {
        // Without a listener the system's own way of ending a program is left in force.
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            runtime.block_on(listening.listen());
        }
    });
    let running = interrupts.clone();
    thread::spawn(move || {
        // Nothing of a body that panicked is looked at again.
        let end = catch_unwind(AssertUnwindSafe(|| body(&running)));
        let end = end.map_err(|_| ExitStatus::Panicked);
        // The main thread waits for nothing else.
        let _ = running.0.ended.send(end);
    });
    // `interrupts` has a sender, so that there is always somebody to wait for.
    let end = end.recv().unwrap_or(Err(ExitStatus::Panicked));
    (reaction.clean_up)();
    let status = match end {
        Ok(result) => return result,
        Err(status) => status,
    };
    for file in interrupts.unfinished().iter() {
        // It may be published by now, or never have been made.
        let _ = std::fs::remove_file(file);
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interrupt_ends_the_run_and_the_second_the_program() {
        let (ended, end) = mpsc::channel();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let stop = Box::new(move || stopped.store(true, Ordering::Relaxed));
        let interrupts = Interrupts::new("", stop, ended);
        interrupts.interrupt();
        assert!(is_stopped.load(Ordering::Relaxed) && end.try_recv().is_err());
        interrupts.interrupt();
        assert!(matches!(end.try_recv(), Ok(Err(ExitStatus::Interrupted))));
    }

    #[test]
    fn a_body_that_panics_ends_the_program() {
        let mut is_clean = false;
        let reaction = InterruptReaction {
            announcement: "",
            stop: Box::new(|| {}),
            clean_up: || is_clean = true,
        };
        let status = run_until_second_interrupt(reaction, |_| panic!("on purpose")).unwrap();
        assert_eq!(status, ExitStatus::Panicked);
        assert!(is_clean);
    }
}
