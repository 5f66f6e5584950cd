//! How the comparison stands, on standard error: a bar on a terminal, a line a round elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use cli::print_notice;
use indicatif::{ProgressBar, ProgressStyle};

use crate::rounds::Step;

/// The display; dropped, the bar is taken away.
#[derive(Debug)]
pub struct Display {
    bar: Option<ProgressBar>,
    is_quiet: bool,
}

impl Display {
    /// Shows nothing when it is to be quiet, and no bar without a terminal.
    #[must_use]
    pub fn start(is_quiet: bool) -> Self {
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(style("{spinner} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, is_quiet }
    }

    /// The rounds begin: so many turns are to come.
    pub fn begin(&self, turns: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(turns);
            bar.set_position(0);
            bar.reset_eta();
            bar.set_style(style("{bar:24} {msg} · {eta} left"));
        }
    }

    /// What happens now, and to whom.
    pub fn step(&self, whom: &str, step: Step) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{whom} · {}", step.name()));
        }
    }

    /// A turn is over.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if !self.is_quiet => print_notice(text),
            None => {}
        }
    }
}

impl Drop for Display {
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
