//! Progress of the comparison on standard error: a bar on a terminal, a line a round elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use cli::print_notice;
use indicatif::{ProgressBar, ProgressStyle};

/// The display. Dropped, it removes the bar.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    bar: Option<ProgressBar>,
    is_quiet: bool,
}

impl ProgressDisplay {
    /// Shows nothing when it is quiet, and no bar without a terminal.
    pub(crate) fn start(is_quiet: bool) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, is_quiet }
    }

    /// Turns the spinner into a bar of this many turns.
    pub(crate) fn begin_rounds(&self, turns: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(turns);
            bar.set_position(0);
            bar.reset_eta();
            bar.set_style(style("{bar:24} {msg} · {eta} left"));
        }
    }

    pub(crate) fn show(&self, label: &str, phase: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{label} · {}", phase));
        }
    }

    pub(crate) fn end_turn(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Prints a line that stays.
    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if !self.is_quiet => print_notice(text),
            None => {}
        }
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
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
