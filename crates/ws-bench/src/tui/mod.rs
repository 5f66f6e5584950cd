//! The live screen of `--tui`.
//!
//! | module | contents |
//! |---|---|
//! | `view_model` | the content of the screen, as plain data |
//! | `history` | rates and percentiles of the last two minutes |
//! | `histogram` | a histogram as characters |
//! | `draw` | drawing of a view on a screen of any size |
//! | `keyboard` | keys that end the run |
//! | `screen` | taking over the terminal, and restoring it however the program ends |

mod draw;
mod histogram;
pub(crate) mod history;
mod keyboard;
pub mod screen;
pub(crate) mod view_model;

use std::io::{self, IsTerminal, stderr};
use std::time::Duration;

use anyhow::Context;
use cli::DisplayThread;
use cli::interrupt::Interrupts;
use measurement::plan::Plan;
use measurement::verdict::Calibration;
use swarm::RunHandle;

use self::draw::Palette;
use self::history::History;
use self::keyboard::Keyboard;
use self::screen::Screen;
use self::view_model::{LiveState, ViewModel};
use crate::search_flags::SeveralRates;

/// Interval between two updates of the screen, the same as that of progress reports.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// `--tui` without a suitable terminal.
#[derive(Debug, thiserror::Error)]
#[error(
    "--tui needs a terminal on standard error that can move the cursor (TERM must not be `dumb`); without --tui there is a progress bar"
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

/// Starts the live screen, which also reads keys.
pub(crate) fn start(
    plan: &Plan,
    rates: Option<&SeveralRates>,
    calibration: Option<Calibration>,
    control: &RunHandle,
    interrupts: &Interrupts,
) -> anyhow::Result<DisplayThread> {
    let screen = Screen::enter().context("cannot use the terminal for --tui")?;
    control.watch();
    let (plan, rates) = (plan.clone(), rates.cloned());
    let (control, interrupts) = (control.clone(), interrupts.clone());
    let display = DisplayThread::start(move |is_over| {
        let shown = ShownRun {
            plan: &plan,
            rates: rates.as_ref(),
            calibration,
            control: &control,
        };
        // A closed terminal ends the display, not the run, whose files are saved.
        let _ = show(screen, &shown, &interrupts, is_over);
    });
    display.context("cannot start the live screen")
}

/// The run on the screen.
struct ShownRun<'a> {
    plan: &'a Plan,
    rates: Option<&'a SeveralRates>,
    calibration: Option<Calibration>,
    control: &'a RunHandle,
}

fn show(
    mut screen: Screen,
    shown: &ShownRun<'_>,
    interrupts: &Interrupts,
    is_over: &dyn Fn() -> bool,
) -> io::Result<()> {
    let palette = Palette::from_environment();
    let mut history = History::default();
    let mut keyboard = Keyboard::open();
    // After a panic elsewhere, the terminal does not belong to this screen any more, and keys are signals again. A
    // closed terminal does not count as a terminal.
    while !is_over() && screen::is_ours() && stderr().is_terminal() {
        let progress = shown.control.progress();
        let search = shown.control.search();
        history.update(&progress);
        let state = LiveState {
            plan: shown.plan,
            progress: &progress,
            history: &history,
            calibration: shown.calibration,
            rates: shown.rates,
            search: search.as_ref(),
            is_interrupted: shown.control.is_interrupted(),
        };
        screen.terminal().draw(|frame| {
            let columns = draw::histogram_columns(frame.area());
            draw::draw(frame, &ViewModel::new(&state, columns), palette);
        })?;
        listen(&mut keyboard, interrupts, is_over);
    }
    Ok(())
}

/// Reads keys until the next update of the screen.
fn listen(keyboard: &mut Keyboard, interrupts: &Interrupts, is_over: &dyn Fn() -> bool) {
    // Waits in steps, so that the end of the run is noticed early.
    const STEPS: u32 = 4;
    for _ in 0..STEPS {
        if is_over() {
            return;
        }
        let keys = keyboard.wait(REDRAW_EVERY / STEPS);
        (0..keys).for_each(|_| interrupts.interrupt());
        if keys > 0 {
            return;
        }
    }
}
