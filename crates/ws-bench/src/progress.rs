//! How the run stands, on standard error and only on a terminal.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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
                bar.set_message(message(&plan, &progress, part));
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
    ProgressStyle::with_template("{prefix:>8} [{bar:24}] {wide_msg}")
        .map(|style| style.progress_chars("=> "))
}

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

#[allow(clippy::cast_precision_loss)]
fn message(plan: &Plan, progress: &Progress, part: Part) -> String {
    let mut text = format!(
        "{} of {} clients up",
        grouped(progress.opened),
        grouped(u64::from(plan.clients.get()))
    );
    if progress.failed > 0 {
        text += &format!(", {} failed", grouped(progress.failed));
    }
    if progress.phase == Phase::Measure {
        let seconds = progress.in_phase.as_secs_f64();
        if seconds > 0.0 {
            let rate = progress.received as f64 / seconds;
            text += &format!(
                " · {} messages · {rate:.0} msg/s",
                grouped(progress.received)
            );
        }
        let service = &progress.service;
        if let (Some(p50), Some(p99)) = (service.quantile(0.5), service.quantile(0.99)) {
            let (p50, p99) = (human_time(p50 as f64), human_time(p99 as f64));
            text += &format!(" · service time p50 {p50}, p99 {p99}");
        }
        if let Some(left) = time_left(progress.in_phase, part) {
            text += &format!(" · {} left", human_time(left.as_nanos() as f64));
        }
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
    fn the_time_left_follows_the_pace_so_far() {
        let left = |done, of| time_left(Duration::from_secs(10), Part { done, of });
        assert_eq!(left(50, 100), Some(Duration::from_secs(10)));
        assert_eq!(left(100, 100), Some(Duration::ZERO));
        assert_eq!(left(0, 100), None);
        assert_eq!(left(101, 100), None);
    }
}
