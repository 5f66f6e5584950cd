//! The terminal while it is ours, and giving it back however the program ends.
//!
//! A program has one terminal, and the code that ends the program must be able to restore it: the thread that
//! draws, a thread that panics, the main thread at a second interrupt. So its state is the process's, and
//! every byte to it goes through one lock: nothing is drawn any more once it was given back. A terminal that
//! takes nothing holds that lock for as long, so a program that ends waits for it only for a time.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// True while the terminal is ours. Standard error is locked before it, never after: a thread that panics may
/// hold that already.
static OURS: Mutex<bool> = Mutex::new(false);

fn ours() -> MutexGuard<'static, bool> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal on standard error, on its alternate screen and in raw mode; dropped, it is given back.
pub struct Screen(Terminal<CrosstermBackend<Frames>>);

impl Screen {
    /// Takes the terminal. From now on a panic of any thread gives it back before it speaks.
    ///
    /// # Errors
    /// When the terminal, or the keyboard that belongs to it, cannot be taken.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                before(panic);
            }));
        });
        {
            let _first = io::stderr().lock();
            let mut ours = ours();
            enable_raw_mode()?;
            *ours = true;
        }
        let entered = execute!(io::stderr(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(Frames::default())));
        match entered {
            Ok(terminal) => Ok(Self(terminal)),
            Err(error) => {
                leave();
                Err(error)
            }
        }
    }

    /// The terminal to draw on.
    pub fn terminal(&mut self) -> &mut Terminal<CrosstermBackend<Frames>> {
        &mut self.0
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Returns true while the terminal is ours.
pub fn is_ours() -> bool {
    *ours()
}

/// Gives the terminal back as [`leave`] does, unless it takes nothing.
pub(crate) fn leave_in_time() {
    /// Maximum wait for the terminal.
    const LIMIT: Duration = Duration::from_millis(500);
    cli::within(LIMIT, leave);
}

/// Gives the terminal back, if it is ours: its own screen, a cursor, and the keyboard as it was.
pub fn leave() {
    let mut terminal = io::stderr().lock();
    let mut ours = ours();
    if std::mem::take(&mut *ours) {
        // Who has no terminal any more has nothing that could be given back.
        let _ = execute!(terminal, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Collects what is drawn, and writes it to standard error in one piece, unless the terminal was given
/// back meanwhile.
#[derive(Debug, Default)]
pub struct Frames(Vec<u8>);

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut terminal = io::stderr().lock();
        let ours = ours();
        let written = if *ours {
            terminal.write_all(&self.0).and_then(|()| terminal.flush())
        } else {
            Ok(())
        };
        self.0.clear();
        written
    }
}
