//! The terminal of the live screen, and its restoration however the program ends.
//!
//! A process has one terminal, and several threads may end it: the thread that draws, a panicking thread, or the main
//! thread at a second interrupt. All of them must be able to restore the terminal. Its state is therefore global, and
//! every byte to it is written under one lock, so that nothing is drawn after the restoration. A terminal that accepts
//! no output blocks this lock, so a program that ends waits for it only for a limited time.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

/// True while the live screen owns the terminal. Standard error is locked before it, never after, because a panicking
/// thread may already hold that lock.
static OURS: Mutex<bool> = Mutex::new(false);

fn ours() -> MutexGuard<'static, bool> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The terminal on standard error, on its alternate screen and in raw mode. It is restored when dropped.
pub struct Screen(Terminal<CrosstermBackend<Frames>>);

impl Screen {
    /// Takes over the terminal. From now on, a panic of any thread restores it before the panic message is printed.
    ///
    /// # Errors
    /// When the terminal or its keyboard cannot be taken over.
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
        // Cells that stay blank are never drawn, so whatever else stood there would remain.
        let entered = execute!(io::stderr(), EnterAlternateScreen, Clear(ClearType::All))
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

/// Returns true while the live screen owns the terminal.
pub fn is_ours() -> bool {
    *ours()
}

/// Restores the terminal as [`leave`] does, unless it accepts no output.
pub(crate) fn leave_in_time() {
    /// Maximum wait for the terminal.
    const LIMIT: Duration = Duration::from_millis(500);
    cli::within(LIMIT, leave);
}

/// Restores the terminal, if the live screen owns it: normal screen, cursor, and keyboard mode.
pub fn leave() {
    let mut terminal = io::stderr().lock();
    let mut ours = ours();
    if std::mem::take(&mut *ours) {
        // Errors are ignored, because a closed terminal needs no restoration.
        let _ = execute!(terminal, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Collects drawn bytes, and writes them to standard error in one piece, unless the terminal was restored in the
/// meantime.
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
