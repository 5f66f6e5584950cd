//! Progress of the comparison on standard error: a bar on a terminal, otherwise one line per round.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use cli::{DisplayThread, print_notice};
use indicatif::{ProgressBar, ProgressStyle};
use swarm::{RunHandle, SearchProgress};
use units::{human_rate, human_time, three_digits};

use crate::search::SEARCH_PHASE;

/// Interval between two updates of the bar.
const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// A change of the bar.
#[derive(Debug)]
enum Change {
    /// Replaces the spinner by a bar for this number of turns.
    Turns(u64),
    Message(String),
    EndTurn,
    /// Prints a permanent line above the bar.
    Line(String),
}

/// The display. It removes the bar when dropped.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    /// Sender of changes, and thread that draws them; `None` if quiet or without a terminal. The separate thread
    /// prevents a blocked terminal from delaying the rounds.
    bar: Option<(Sender<Change>, DisplayThread)>,
    is_quiet: bool,
}

impl ProgressDisplay {
    /// Starts the display. It shows the progress of the searches of `control` beside the message.
    pub(crate) fn start(is_quiet: bool, control: &RunHandle) -> Self {
        let has_bar = !is_quiet && stderr().is_terminal();
        let bar = has_bar.then(|| {
            let (changes, drawn) = mpsc::channel();
            let control = control.clone();
            let display = DisplayThread::start(move |is_over| draw(&drawn, &control, is_over));
            // A comparison without a display can still be measured.
            display.ok().map(|display| (changes, display))
        });
        Self {
            bar: bar.flatten(),
            is_quiet,
        }
    }

    /// Replaces the spinner by a bar for this number of turns.
    pub(crate) fn begin_rounds(&self, turns: u64) {
        self.change(Change::Turns(turns));
    }

    pub(crate) fn show(&self, label: &str, phase: &str) {
        self.change(Change::Message(format!("{label} · {phase}")));
    }

    pub(crate) fn end_turn(&self) {
        self.change(Change::EndTurn);
    }

    /// Prints a permanent line.
    pub(crate) fn line(&self, text: &str) {
        if self.bar.is_some() {
            self.change(Change::Line(text.to_owned()));
        } else if !self.is_quiet {
            print_notice(text);
        }
    }

    fn change(&self, change: Change) {
        if let Some((changes, _)) = &self.bar {
            // Fails when the terminal is gone and nothing draws any more.
            let _ = changes.send(change);
        }
    }
}

/// Draws the changes until the work is over and the last one is drawn, or the terminal is gone.
fn draw(changes: &Receiver<Change>, control: &RunHandle, is_over: &dyn Fn() -> bool) {
    let mut message = String::new();
    let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
    while stderr().is_terminal() {
        let wait = if is_over() {
            Duration::ZERO
        } else {
            REDRAW_EVERY
        };
        match changes.recv_timeout(wait) {
            Ok(change) => {
                if let Change::Message(text) = &change {
                    message.clone_from(text);
                }
                apply(&bar, change);
            }
            Err(RecvTimeoutError::Timeout) if !is_over() => {
                let search = control.search();
                let is_searching = message.ends_with(SEARCH_PHASE) && !control.is_final();
                if let Some(search) = search.filter(|_| is_searching) {
                    bar.set_message(format!("{message}{}", search_state(&search)));
                }
                bar.tick();
            }
            Err(_) => break,
        }
    }
    bar.finish_and_clear();
}

/// The state of a search: ` · step 12 at 41,000 msg/s · 31.0 s of 60.0 s · about 40,300 msg/s`.
fn search_state(search: &SearchProgress) -> String {
    let time = |seconds: f64| human_time(seconds * 1e9);
    let rate = |per_s: f64| format!("{} msg/s", human_rate(per_s));
    let step = match (search.step, search.offered_per_s) {
        (0, _) | (_, None) => "pilot".to_owned(),
        (step, Some(per_s)) => format!("step {step} at {}", rate(per_s)),
    };
    let estimate = search.estimate.as_ref().and_then(|found| found.rate_per_s);
    let estimate = estimate.map_or_else(String::new, |per_s| {
        format!(" · about {}", rate(three_digits(per_s)))
    });
    let [spent, budget] = [search.spent_s, search.budget_s].map(time);
    format!(" · {step} · {spent} of {budget}{estimate}")
}

fn apply(bar: &ProgressBar, change: Change) {
    match change {
        Change::Turns(turns) => {
            bar.set_length(turns);
            bar.set_position(0);
            bar.reset_eta();
            bar.set_style(style("{bar:24} {msg} · {eta} left"));
        }
        Change::Message(text) => bar.set_message(text),
        Change::EndTurn => bar.inc(1),
        Change::Line(text) if bar.is_hidden() => print_notice(&text),
        Change::Line(text) => bar.println(text),
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constant. An invalid one would be replaced by the library's default.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use statistics::capacity_search::CapacityEstimate;

    #[test]
    fn a_search_shows_its_step_and_estimate() {
        let mut search = SearchProgress {
            spent_s: 2.0,
            budget_s: 60.0,
            ..SearchProgress::default()
        };
        assert_eq!(search_state(&search), " · pilot · 2.00 s of 60.0 s");
        search.step = 12;
        search.offered_per_s = Some(41_000.0);
        search.estimate = Some(CapacityEstimate {
            rate_per_s: Some(40_317.2),
            low_per_s: 39_000.0,
            high_per_s: 41_500.0,
            ..CapacityEstimate::UNKNOWN
        });
        assert_eq!(
            search_state(&search),
            " · step 12 at 41,000 msg/s · 2.00 s of 60.0 s · about 40,300 msg/s"
        );
    }

    #[test]
    fn the_templates_are_valid() {
        for template in ["{spinner} {msg}", "{bar:24} {msg} · {eta} left"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
