//! Handling of Ctrl-C, SIGTERM and closed terminals. The first one ends the work early, the second one ends the
//! program, unless everything is measured and not yet saved.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use host::signals::{Signal, Signals};
use tokio::runtime::Runtime;

use crate::bounded::within;
use crate::exit_status::ExitStatus;
use crate::print::print_notice;

/// Text printed at an interrupt that comes when everything is measured.
const SAVED_ANYWAY: &str =
    "\neverything is measured; the program ends as soon as its files are saved";

/// Maximum wait for a terminal to accept the text of an interrupt.
const PRINT_LIMIT: Duration = Duration::from_millis(200);

/// Reaction of a program to interrupts.
pub struct InterruptReaction<C> {
    /// Text printed on standard error at the first interrupt, if announcements are switched on.
    pub announcement: &'static str,
    /// Ends the work early. Called at every interrupt that does not end the program.
    pub stop: Box<dyn Fn() + Send + Sync>,
    /// Returns true once everything is measured. After that, interrupts do not end the program before
    /// [`Interrupts::end_at_once_with`].
    pub is_final: Box<dyn Fn() -> bool + Send + Sync>,
    /// Releases resources that must not be left behind, however the work ends. Called once.
    pub clean_up: C,
}

/// Handle to the interrupts of a running program: signals, and keys with the same effect.
#[derive(Clone)]
pub struct Interrupts(Arc<InterruptState>);

struct InterruptState {
    announcement: &'static str,
    stop: Box<dyn Fn() + Send + Sync>,
    is_final: Box<dyn Fn() -> bool + Send + Sync>,
    announces: AtomicBool,
    is_interrupted: AtomicBool,
    /// Set by a closed terminal, which is not counted as an interrupt: a Ctrl-C from before it may be handled after it.
    is_hung_up: AtomicBool,
    /// The exit code once everything is saved.
    saved: Mutex<Option<ExitStatus>>,
    unfinished: Mutex<Vec<PathBuf>>,
    /// Files that stay behind.
    left: Mutex<Vec<PathBuf>>,
    ended: Sender<BodyEnd>,
}

/// The body's result, or the exit code of a program that ends without one: after a panic (already printed) or a second
/// interrupt.
type BodyEnd = Result<anyhow::Result<ExitStatus>, ExitStatus>;

impl Interrupts {
    fn new<C>(reaction: InterruptReaction<C>, ended: Sender<BodyEnd>) -> (Self, C) {
        let state = InterruptState {
            announcement: reaction.announcement,
            stop: reaction.stop,
            is_final: reaction.is_final,
            announces: AtomicBool::new(false),
            is_interrupted: AtomicBool::new(false),
            is_hung_up: AtomicBool::new(false),
            saved: Mutex::default(),
            unfinished: Mutex::default(),
            left: Mutex::default(),
            ended,
        };
        (Self(Arc::new(state)), reaction.clean_up)
    }

    /// Switches the announcement at the first interrupt on or off. Initially off.
    pub fn announce_on_interrupt(&self, announces: bool) {
        self.0.announces.store(announces, Ordering::Relaxed);
    }

    /// Adds files to remove when a second interrupt ends the program.
    pub fn remove_on_abort(&self, files: impl IntoIterator<Item = PathBuf>) {
        self.unfinished().extend(files);
    }

    /// Adds files that stay when a second interrupt ends the program, and are then named on standard error.
    pub fn name_on_abort(&self, files: impl IntoIterator<Item = PathBuf>) {
        lock(&self.0.left).extend(files);
    }

    /// Marks everything as saved. From now on, an interrupt ends the program immediately with this exit code.
    pub fn end_at_once_with(&self, status: ExitStatus) {
        *lock(&self.0.saved) = Some(status);
    }

    /// Handles an interrupt in the same way as a signal: the first ends the work, the second the program. Once
    /// everything is measured, the program is not ended before the results are saved.
    pub fn interrupt(&self) {
        let is_first = !self.0.is_interrupted.swap(true, Ordering::Relaxed);
        // Checked before the work is stopped, because stopping may make it final.
        let is_final = (self.0.is_final)();
        if let Some(status) = *lock(&self.0.saved) {
            self.end(status);
        } else if is_first || is_final {
            self.stop(is_final);
        } else {
            self.end(ExitStatus::Interrupted);
        }
    }

    /// Ends the work early when a terminal is closed, unless it ends already. Shell and system both send SIGHUP, so any
    /// number of them has the effect of one.
    fn hang_up(&self) {
        let is_first = !self.0.is_hung_up.swap(true, Ordering::Relaxed);
        if is_first && !self.0.is_interrupted.load(Ordering::Relaxed) {
            self.stop((self.0.is_final)());
        }
    }

    fn stop(&self, is_final: bool) {
        (self.0.stop)();
        let text = if is_final {
            SAVED_ANYWAY
        } else {
            self.0.announcement
        };
        if self.0.announces.load(Ordering::Relaxed) {
            // The time limit keeps the next interrupt working when the terminal accepts no output.
            within(PRINT_LIMIT, move || print_notice(text));
        }
    }

    /// Ends the program without waiting for its body.
    fn end(&self, status: ExitStatus) {
        // Fails only if the body has already ended.
        let _ = self.0.ended.send(Err(status));
    }

    fn unfinished(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        lock(&self.0.unfinished)
    }

    async fn listen(&self, mut signals: Signals) {
        loop {
            match signals.next().await {
                Signal::Interrupt | Signal::Terminate => self.interrupt(),
                Signal::Hangup => self.hang_up(),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts catching the signals. The returned runtime must run to deliver them.
fn catch_signals() -> io::Result<(Runtime, Signals)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signals = {
        let _entered = runtime.enter();
        Signals::catch().and_then(Signals::and_hangup)?
    };
    Ok((runtime, signals))
}

/// Runs `body`. The first interrupt stops it. The second one abandons it and returns exit code 130, unless everything
/// is measured by then. A panic of the body returns 101.
///
/// # Errors
/// The errors of `body`.
pub fn run_until_second_interrupt<C: FnOnce()>(
    reaction: InterruptReaction<C>,
    body: impl FnOnce(&Interrupts) -> anyhow::Result<ExitStatus> + Send + 'static,
) -> anyhow::Result<ExitStatus> {
    let (ended, end) = mpsc::channel();
    let (interrupts, clean_up) = Interrupts::new(reaction, ended);
    // Caught before the body creates its first file. An earlier signal would kill the program and leave the file
    // behind. If the signals cannot be caught, the system's default behaviour remains.
    if let Ok((runtime, signals)) = catch_signals() {
        let listening = interrupts.clone();
        thread::spawn(move || runtime.block_on(listening.listen(signals)));
    }
    let running = interrupts.clone();
    thread::spawn(move || {
        // No state of a panicked body is used again.
        let end = catch_unwind(AssertUnwindSafe(|| body(&running)));
        let end = end.map_err(|_| ExitStatus::Panicked);
        // The main thread waits for this end.
        let _ = running.0.ended.send(end);
    });
    // Never disconnected, because `interrupts` has a sender.
    let end = end.recv().unwrap_or(Err(ExitStatus::Panicked));
    clean_up();
    let status = match end {
        Ok(result) => return result,
        Err(status) => status,
    };
    for file in interrupts.unfinished().iter() {
        // The file may be complete already, or not exist.
        let _ = std::fs::remove_file(file);
    }
    for file in lock(&interrupts.0.left).iter() {
        let text = format!("{} holds the seconds until then", file.display());
        within(PRINT_LIMIT, move || print_notice(&text));
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::Receiver;

    use super::*;

    /// Interrupts of a program that is final when `is_final` is set, with its number of stops and its end.
    struct Fixture {
        interrupts: Interrupts,
        is_final: Arc<AtomicBool>,
        stops: Arc<AtomicUsize>,
        end: Receiver<BodyEnd>,
    }

    impl Fixture {
        fn new() -> Self {
            let (ended, end) = mpsc::channel();
            let (is_final, stops) = (Arc::default(), Arc::default());
            let (asked, counted) = (Arc::clone(&is_final), Arc::clone(&stops));
            let reaction = InterruptReaction {
                announcement: "",
                stop: Box::new(move || {
                    AtomicUsize::fetch_add(&counted, 1, Ordering::Relaxed);
                }),
                is_final: Box::new(move || AtomicBool::load(&asked, Ordering::Relaxed)),
                clean_up: (),
            };
            Self {
                interrupts: Interrupts::new(reaction, ended).0,
                is_final,
                stops,
                end,
            }
        }

        /// The exit code of the program, if it was ended.
        fn ended_with(&self) -> Option<ExitStatus> {
            self.end.try_recv().ok().map(|end| end.unwrap_err())
        }

        fn stops(&self) -> usize {
            self.stops.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_first_interrupt_ends_the_run_and_the_second_the_program() {
        let program = Fixture::new();
        program.interrupts.interrupt();
        assert_eq!((program.stops(), program.ended_with()), (1, None));
        program.interrupts.interrupt();
        assert_eq!(program.ended_with(), Some(ExitStatus::Interrupted));
    }

    #[test]
    fn no_interrupt_ends_the_program_between_the_last_measurement_and_the_last_file() {
        let program = Fixture::new();
        program.interrupts.interrupt();
        program.is_final.store(true, Ordering::Relaxed);
        program.interrupts.interrupt();
        program.interrupts.interrupt();
        assert_eq!((program.stops(), program.ended_with()), (3, None));
        program.interrupts.end_at_once_with(ExitStatus::SomeFailed);
        program.interrupts.interrupt();
        assert_eq!(program.ended_with(), Some(ExitStatus::SomeFailed));
    }

    #[test]
    fn a_terminal_that_is_closed_twice_is_closed_once() {
        let program = Fixture::new();
        program.interrupts.hang_up();
        program.interrupts.hang_up();
        assert_eq!((program.stops(), program.ended_with()), (1, None));
        // After Ctrl-C, a closed terminal does not count as a second interrupt.
        let program = Fixture::new();
        program.interrupts.interrupt();
        program.interrupts.hang_up();
        assert_eq!((program.stops(), program.ended_with()), (1, None));
    }

    #[test]
    fn an_interrupt_handled_after_the_hang_up_that_followed_it_is_no_second_one() {
        let program = Fixture::new();
        program.interrupts.hang_up();
        program.interrupts.interrupt();
        assert_eq!(program.ended_with(), None);
        program.interrupts.interrupt();
        assert_eq!(program.ended_with(), Some(ExitStatus::Interrupted));
    }

    #[test]
    fn a_body_that_panics_ends_the_program() {
        let mut is_clean = false;
        let reaction = InterruptReaction {
            announcement: "",
            stop: Box::new(|| {}),
            is_final: Box::new(|| false),
            clean_up: || is_clean = true,
        };
        let status = run_until_second_interrupt(reaction, |_| panic!("on purpose")).unwrap();
        assert_eq!(status, ExitStatus::Panicked);
        assert!(is_clean);
    }
}
