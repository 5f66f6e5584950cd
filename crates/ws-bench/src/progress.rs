//! How the run stands, on standard error and only on a terminal.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use measurement::plan::Plan;
use measurement::units::{grouped, human_time};
use swarm::control::{Control, Phase, Progress};

/// How often the display changes.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// What the bar of a phase is measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    done: u64,
    of: u64,
}

/// A display that goes on until it is dropped.
#[derive(Debug)]
pub(crate) struct Display {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Begins to show the run, if there is a terminal to show it on.
    pub(crate) fn start(plan: &Plan, control: &Control) -> Option<Self> {
        if !stderr().is_terminal() {
            return None;
        }
        control.watch();
        let over = Arc::new(AtomicBool::new(false));
        let (plan, control, ended) = (plan.clone(), control.clone(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let bar = ProgressBar::new(1);
            // Our own template, which is tested; without it the bar looks plain.
            if let Ok(style) = style() {
                bar.set_style(style);
            }
            while !ended.load(Ordering::Relaxed) {
                let progress = control.progress();
                let part = part(&plan, &progress);
                bar.set_length(part.of.max(1));
                bar.set_position(part.done.min(part.of));
                bar.set_prefix(progress.phase.name());
                let (_, columns) = Term::stderr().size_checked().unwrap_or((0, 0));
                let columns = match usize::from(columns) {
                    0 => USUAL_COLUMNS,
                    columns => columns,
                };
                bar.set_message(fitted(said(&plan, &progress, part), columns));
                thread::sleep(REDRAW_EVERY);
            }
            bar.finish_and_clear();
        });
        Some(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A display that panicked is no reason to end the run.
            let _ = thread.join();
        }
    }
}

fn style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    ProgressStyle::with_template("{prefix:>8} [{bar:16}] {msg}")
        .map(|style| style.progress_chars("=> "))
}

/// Columns that the bar takes before its message.
const BAR: usize = 28;
/// Columns left free at the end: a line that wraps is not cleared as a whole, and the terminal's
/// own `^C` needs room, too.
const MARGIN: usize = 3;
/// Columns taken for granted where the terminal does not tell.
const USUAL_COLUMNS: usize = 80;

fn part(plan: &Plan, progress: &Progress) -> Part {
    let time = |of: Duration| Part {
        done: millis(progress.in_phase),
        of: millis(of),
    };
    match progress.phase {
        Phase::Connect => Part {
            done: progress.opened + progress.failed,
            of: u64::from(plan.clients.get()),
        },
        Phase::WarmUp => time(plan.warmup),
        Phase::Measure => match (plan.planned_messages(), plan.measured_time()) {
            (Some(of), _) => Part {
                done: progress.received,
                of,
            },
            (None, of) => time(of.unwrap_or_default()),
        },
        Phase::Drain => time(plan.timeout),
        Phase::Close => Part { done: 1, of: 1 },
    }
}

/// Whole milliseconds; saturates after 584 million years.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What can be said of the run, the most important first.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]
fn said(plan: &Plan, progress: &Progress, part: Part) -> Vec<String> {
    let clients = format!("{} up", grouped(progress.opened));
    let failed = (progress.failed > 0).then(|| format!("{} failed", grouped(progress.failed)));
    if progress.phase != Phase::Measure {
        let of = grouped(u64::from(plan.clients.get()));
        let clients = format!("{} of {of} clients up", grouped(progress.opened));
        return std::iter::once(clients).chain(failed).collect();
    }
    let seconds = progress.in_phase.as_secs_f64().max(1e-3);
    let rate = (progress.received as f64 / seconds).round() as u64;
    let mut said = vec![format!("{} msg/s", grouped(rate))];
    let service = &progress.service;
    if let (Some(p50), Some(p99)) = (service.quantile(0.5), service.quantile(0.99)) {
        let (p50, p99) = (human_time(p50 as f64), human_time(p99 as f64));
        said.push(format!("p50 {p50} p99 {p99}"));
    }
    said.extend(
        time_left(progress.in_phase, part).map(|left| format!("{} s left", left.as_secs())),
    );
    said.extend(failed);
    said.push(clients);
    said.push(format!("{} messages", grouped(progress.received)));
    said
}

/// As much of it as there are columns for.
fn fitted(said: Vec<String>, columns: usize) -> String {
    let room = columns.saturating_sub(BAR + MARGIN);
    let mut text = String::new();
    for item in said {
        let separator = if text.is_empty() { "" } else { " · " };
        let longer = format!("{text}{separator}{item}");
        if longer.chars().count() > room {
            break;
        }
        text = longer;
    }
    text
}

/// How long the phase will go on at the pace it had so far.
#[allow(clippy::cast_precision_loss)]
fn time_left(so_far: Duration, part: Part) -> Option<Duration> {
    let left = part.of.checked_sub(part.done)? as f64;
    let factor = (part.done > 0).then(|| left / part.done as f64)?;
    Duration::try_from_secs_f64(so_far.as_secs_f64() * factor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(style().is_ok());
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let said = || {
            vec![
                "119,709 msg/s".to_owned(),
                "p50 1 ms".to_owned(),
                "9 s left".to_owned(),
            ]
        };
        assert_eq!(fitted(said(), 80), "119,709 msg/s · p50 1 ms · 9 s left");
        assert_eq!(fitted(said(), 60), "119,709 msg/s · p50 1 ms");
        assert_eq!(fitted(said(), 20), "");
    }

    #[test]
    fn the_time_left_follows_the_pace_so_far() {
        let left = |done, of| time_left(Duration::from_secs(10), Part { done, of });
        assert_eq!(left(50, 100), Some(Duration::from_secs(10)));
        assert_eq!(left(100, 100), Some(Duration::ZERO));
        assert_eq!(left(0, 100), None);
        assert_eq!(left(101, 100), None);
    }
}
