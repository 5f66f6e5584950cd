//! The live screen of `--tui`.
//!
//! | module | contents |
//! |---|---|
//! | `view_model` | the content of the screen, as plain data |
//! | `history` | rates and percentiles of the last two minutes |
//! | `histogram` | a histogram as characters |
//! | `draw` | a view on a screen of any size |
//! | `screen` | taking the terminal, and giving it back however the program ends |

mod draw;
mod histogram;
pub(crate) mod history;
pub mod screen;
pub(crate) mod view_model;

use std::io::{self, IsTerminal, stderr};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use cli::interrupt::Interrupts;
use measurement::plan::Plan;
use measurement::verdict::Calibration;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use swarm::RunHandle;

use self::draw::Palette;
use self::history::History;
use self::screen::Screen;
use self::view_model::{LiveState, ViewModel};
use crate::display_thread::DisplayThread;

/// Time between two changes of the screen; threads report their progress as often.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// `--tui` without a screen.
#[derive(Debug, thiserror::Error)]
#[error(
    "--tui needs a terminal on standard error that can do more than print lines; without --tui there is the progress bar"
)]
pub(crate) struct NoTerminal;

pub(crate) fn check() -> Result<(), NoTerminal> {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if stderr().is_terminal() && !is_dumb {
        Ok(())
    } else {
        Err(NoTerminal)
    }
}

/// Starts the live screen, which also takes keys.
pub(crate) fn start(
    plan: &Plan,
    calibration: Option<Calibration>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<DisplayThread> {
    let screen = Screen::enter().context("cannot take the terminal for --tui")?;
    control.watch();
    let (plan, control, interrupts) = (plan.clone(), control.clone(), interrupts.clone());
    Ok(DisplayThread::start(move |is_over| {
        // A terminal that is gone is no reason to end the run, whose files are to be saved.
        let _ = show(screen, &plan, calibration, &control, &interrupts, is_over);
    }))
}

fn show(
    mut screen: Screen,
    plan: &Plan,
    calibration: Option<Calibration>,
    control: &RunHandle,
    interrupts: &Interrupts,
    is_over: &dyn Fn() -> bool,
) -> io::Result<()> {
    let palette = Palette::from_environment();
    let mut history = History::default();
    // After a panic elsewhere the terminal is no longer ours, and keys are signals again.
    while !is_over() && screen::is_ours() {
        let progress = control.progress();
        history.update(&progress);
        let state = LiveState {
            plan,
            progress: &progress,
            history: &history,
            calibration,
            is_stopped: control.is_stopped(),
        };
        screen.terminal().draw(|frame| {
            let columns = draw::histogram_columns(frame.area());
            draw::draw(frame, &ViewModel::new(&state, columns), palette);
        })?;
        listen(interrupts, is_over)?;
    }
    Ok(())
}

/// Takes keys until it is time to draw anew.
fn listen(interrupts: &Interrupts, is_over: &dyn Fn() -> bool) -> io::Result<()> {
    // In steps, so that the end of the run is not kept waiting.
    const STEPS: u32 = 4;
    for _ in 0..STEPS {
        if is_over() {
            return Ok(());
        }
        match event::poll(REDRAW_EVERY / STEPS) {
            Ok(true) => match event::read()? {
                Event::Key(key) if is_end_key(key) => {
                    interrupts.interrupt();
                    return Ok(());
                }
                Event::Resize(..) => return Ok(()),
                _ => {}
            },
            Ok(false) => {}
            // Without a keyboard there is still something to see, and signals still come.
            Err(_) => thread::sleep(REDRAW_EVERY / STEPS),
        }
    }
    Ok(())
}

/// Returns true for a key that means what Ctrl-C means outside of raw mode.
fn is_end_key(key: KeyEvent) -> bool {
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    let is_plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty()
        && matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc);
    // Held down, a key is pressed once.
    key.kind == KeyEventKind::Press && (is_ctrl_c || is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_ctrl_c_end_the_run_and_nothing_else_does() {
        let key = |code, modifiers| is_end_key(KeyEvent::new(code, modifiers));
        let none = KeyModifiers::NONE;
        assert!(key(KeyCode::Char('q'), none));
        assert!(key(KeyCode::Char('Q'), KeyModifiers::SHIFT));
        assert!(key(KeyCode::Esc, none));
        assert!(key(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert!(!key(KeyCode::Char('c'), none));
        assert!(!key(KeyCode::Char('q'), KeyModifiers::ALT));
        assert!(!key(KeyCode::Enter, none));
        let mut release = KeyEvent::new(KeyCode::Esc, none);
        release.kind = KeyEventKind::Release;
        assert!(!is_end_key(release));
    }
}
