//! The progress bar on standard error, if that is a terminal.

use std::io::{IsTerminal, stderr};
use std::thread;
use std::time::Duration;

use cli::DisplayThread;
use console::Term;
use indicatif::{ProgressBar, ProgressStyle};
use measurement::plan::Plan;
use measurement::record::LatencyHistogram;
use measurement::verdict::shown_quantile;
use swarm::{Phase, RunHandle, RunProgress};
use units::{grouped, human_time};
use wording::deliveries_view::reach;

use crate::phase_progress::{PhaseProgress, connections_up, planned_connections};
use crate::search_progress;

/// Interval between two updates of the display.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Starts to display the run, if standard error is a terminal.
pub(crate) fn start(plan: &Plan, control: &RunHandle) -> Option<DisplayThread> {
    if !stderr().is_terminal() {
        return None;
    }
    control.watch();
    let (plan, control) = (plan.clone(), control.clone());
    let display = DisplayThread::start(move |is_over| {
        let bar = ProgressBar::new(1);
        // The template is constant and tested. Without it, the bar would have the library's default style.
        if let Ok(style) = style() {
            bar.set_style(style);
        }
        // A closed terminal does not count as a terminal.
        while !is_over() && stderr().is_terminal() {
            let progress = control.progress();
            let phase = PhaseProgress::new(&plan, &progress);
            let search = control.search();
            let phase = search.as_ref().map_or(phase, PhaseProgress::of_search);
            bar.set_length(phase.total.max(1));
            bar.set_position(phase.done.min(phase.total));
            bar.set_prefix(search.as_ref().map_or(progress.phase.name(), |_| SEARCH));
            let size = Term::stderr().size_checked();
            let size = size.filter(|(_, columns)| *columns > 0);
            let columns = size.map_or(USUAL_COLUMNS, |(_, columns)| columns.into());
            let figures = match &search {
                Some(search) => search_progress::parts(search),
                None => figures(&plan, &progress, phase),
            };
            bar.set_message(fit(figures, columns));
            thread::sleep(REDRAW_EVERY);
        }
        bar.finish_and_clear();
    });
    // A run without a display can still be measured.
    display.ok()
}

fn style() -> Result<ProgressStyle, indicatif::style::TemplateError> {
    ProgressStyle::with_template("{prefix:>8} [{bar:16}] {msg}")
        .map(|style| style.progress_chars("=> "))
}

/// Name in place of that of the phase while rates are offered one after the other.
const SEARCH: &str = "steps";

/// Columns used by the bar before its message.
const BAR: usize = 28;
/// Columns left free at the end. A wrapped line would not be cleared completely, and the terminal's own `^C` needs
/// room, too.
const MARGIN: usize = 3;
/// Columns assumed when the terminal does not report them.
const USUAL_COLUMNS: usize = 80;

/// The figures of the run, the most important ones first.
fn figures(plan: &Plan, progress: &RunProgress, phase: PhaseProgress) -> Vec<String> {
    let (up, failed) = (connections_up(progress), progress.connections.failed);
    let received = progress.record.counts.received;
    let clients = format!("{} up", grouped(up));
    let failed = (failed > 0).then(|| format!("{} failed", grouped(failed)));
    if progress.phase != Phase::Measure {
        let of = grouped(planned_connections(plan));
        let what = if plan.connections.idle > 0 {
            "connections"
        } else {
            "clients"
        };
        let clients = format!("{} of {of} {what} up", grouped(up));
        return std::iter::once(clients).chain(failed).collect();
    }
    let mut figures = measured(progress);
    figures.extend(away(progress));
    let left = phase.time_left(progress.in_phase);
    figures.extend(left.map(|left| format!("{} s left", left.as_secs())));
    figures.extend(failed);
    figures.push(clients);
    if received > 0 || progress.record.push.is_none() {
        figures.push(format!("{} messages", grouped(received)));
    }
    figures
}

/// Lost connections that are back; `None` when none was lost.
fn away(progress: &RunProgress) -> Option<String> {
    let lost = progress.record.reconnect.as_ref();
    let lost = lost.filter(|own| own.dropped > 0)?;
    let (back, lost) = (grouped(lost.back), grouped(lost.dropped));
    Some(format!("{back} of {lost} back"))
}

/// Rate and times of what the run is about: deliveries, messages of a feed, or messages and their answers.
fn measured(progress: &RunProgress) -> Vec<String> {
    let record = &progress.record;
    let seconds = progress.in_phase.as_secs_f64().max(1e-3);
    // A rate is never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate = |n: u64| grouped((n as f64 / seconds).round() as u64);
    if let Some(own) = &record.fan_out {
        let counts = &own.counts;
        let mut figures = vec![format!("{} deliveries/s", rate(counts.delivered))];
        let times = [("first", &own.times.first), ("last", &own.times.last)];
        let times = times.map(|(name, times)| quantile(name, times.get()?, 0.5));
        figures.extend(joined(times));
        if counts.expected > 0 {
            // Exact far beyond any number of deliveries.
            let share = counts.delivered as f64 / counts.expected as f64;
            figures.push(format!("reach so far {}", reach(share)));
        }
        return figures;
    }
    if let Some(own) = record.push.as_ref().filter(|_| record.counts.sent == 0) {
        let gap = own.gap.get();
        let times = [("gap p50", 0.5), ("p99", 0.99)].map(|(name, q)| quantile(name, gap?, q));
        let figures = [format!("{} msg/s", rate(own.received))];
        return figures.into_iter().chain(joined(times)).collect();
    }
    let times = [("p50", 0.5), ("p99", 0.99)];
    let times = times.map(|(name, q)| quantile(name, &record.service, q));
    let figures = [format!("{} msg/s", rate(record.counts.received))];
    figures.into_iter().chain(joined(times)).collect()
}

/// A quantile with its name; `None` where it is not shown.
fn quantile(name: &str, times: &LatencyHistogram, q: f64) -> Option<String> {
    let ns = shown_quantile(times.count(), q, times.quantile(q))?;
    Some(format!("{name} {}", human_time(ns as f64)))
}

/// The known figures as one; `None` without any.
fn joined<const N: usize>(figures: [Option<String>; N]) -> Option<String> {
    let known: Vec<_> = figures.into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(" "))
}

/// Joins as many figures as fit into the columns.
fn fit(figures: Vec<String>, columns: usize) -> String {
    let room = columns.saturating_sub(BAR + MARGIN);
    let mut text = String::new();
    for item in figures {
        let separator = if text.is_empty() { "" } else { " · " };
        let longer = format!("{text}{separator}{item}");
        if longer.chars().count() > room {
            break;
        }
        text = longer;
    }
    text
}

#[cfg(test)]
mod tests {
    use measurement::record::{FanOutRecord, PushRecord, ReconnectRecord};

    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(style().is_ok());
    }

    #[test]
    fn lost_connections_are_counted_until_they_are_back() {
        let mut progress = RunProgress::default();
        assert_eq!(away(&progress), None);
        let mut lost = ReconnectRecord::default();
        (0..2_000).for_each(|_| lost.lost(0, true));
        lost.back(1, 1);
        progress.record.reconnect = Some(Box::new(lost));
        assert_eq!(away(&progress).as_deref(), Some("1 of 2,000 back"));
    }

    #[test]
    fn a_room_and_a_feed_show_their_own_rates() {
        let mut fan_out = FanOutRecord::default();
        (fan_out.counts.expected, fan_out.counts.delivered) = (2_000, 1_990);
        fan_out.times.first.record(1_000_000);
        fan_out.times.last.record(2_000_000);
        let mut progress = RunProgress {
            in_phase: Duration::from_secs(2),
            ..RunProgress::default()
        };
        progress.record.fan_out = Some(Box::new(fan_out));
        let wanted = [
            "995 deliveries/s",
            "first 1.00 ms last 2.00 ms",
            "reach so far 99.50 %",
        ];
        assert_eq!(measured(&progress), wanted);
        let mut feed = PushRecord {
            received: 100,
            ..PushRecord::default()
        };
        feed.gap.record(10_000_000);
        progress.record.fan_out = None;
        progress.record.push = Some(Box::new(feed));
        assert_eq!(measured(&progress), ["50 msg/s", "gap p50 10.0 ms"]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let figures = || {
            vec![
                "119,709 msg/s".to_owned(),
                "p50 1 ms".to_owned(),
                "9 s left".to_owned(),
            ]
        };
        assert_eq!(fit(figures(), 80), "119,709 msg/s · p50 1 ms · 9 s left");
        assert_eq!(fit(figures(), 60), "119,709 msg/s · p50 1 ms");
        assert_eq!(fit(figures(), 20), "");
    }
}
