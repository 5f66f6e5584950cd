//! Progress of the comparison on standard error: a bar on a terminal, a line a round elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use cli::print_notice;
use indicatif::{ProgressBar, ProgressStyle};

/// The display. Dropped, it removes the bar.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    /// Hidden when it is quiet, and without a terminal.
    bar: ProgressBar,
    is_quiet: bool,
}

impl ProgressDisplay {
    pub(crate) fn start(is_quiet: bool) -> Self {
        let bar = if is_quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            let bar = ProgressBar::new_spinner().with_style(style("{spinner} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        };
        Self { bar, is_quiet }
    }

    /// Turns the spinner into a bar of this many turns.
    pub(crate) fn begin_rounds(&self, turns: u64) {
        self.bar.set_length(turns);
        self.bar.set_position(0);
        self.bar.reset_eta();
        self.bar.set_style(style("{bar:24} {msg} · {eta} left"));
    }

    pub(crate) fn show(&self, label: &str, phase: &str) {
        self.bar.set_message(format!("{label} · {phase}"));
    }

    pub(crate) fn end_turn(&self) {
        self.bar.inc(1);
    }

    /// Prints a line that stays.
    pub(crate) fn line(&self, text: &str) {
        if !self.bar.is_hidden() {
            self.bar.println(text);
        } else if !self.is_quiet {
            print_notice(text);
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; a wrong one would be the library's usual bar.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        for template in ["{spinner} {msg}", "{bar:24} {msg} · {eta} left"] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
