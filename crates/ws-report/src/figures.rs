//! The figures of a run, each with its name, in the order of every report.

use measurement::record::TimelineRow;
use measurement::run::{ConditionResult, Connections, RunTimeline, Summary};
use units::grouped;
use wording::summary_view::{FigureGroup, SummaryView, in_table};

use crate::inputs::ReportedRun;

/// All figures but the times.
pub(crate) fn figures(run: &ReportedRun) -> Vec<FigureGroup> {
    match (run.summary(), &run.run.timeline) {
        (Some(s), _) => SummaryView::new(s).groups,
        (None, Some(timeline)) if !timeline.rows.is_empty() => vec![counted_by_second(timeline)],
        (None, _) => Vec::new(),
    }
}

/// Sums of the seconds of a run without a summary.
fn counted_by_second(timeline: &RunTimeline) -> FigureGroup {
    let sum = |of: fn(&TimelineRow) -> u64| grouped(timeline.rows.iter().map(of).sum());
    let of_sent = |of| timeline.knows_sent.then(|| sum(of));
    FigureGroup {
        title: "messages",
        figures: vec![
            in_table("sent", of_sent(|row| row.sent)),
            in_table("echoed", Some(sum(|row| row.received))),
            in_table("failed", of_sent(|row| row.failed)),
        ],
    }
}

/// Why connections failed or ended early, the most frequent first: `3 × connection refused`.
pub(crate) fn broken_connections(c: &Connections) -> Vec<String> {
    let mut reasons: Vec<_> = c.failures.iter().chain(&c.early_ends).collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let reasons = reasons.into_iter();
    reasons
        .map(|(reason, n)| format!("{} × {reason}", grouped(*n)))
        .collect()
}

/// The conditions that a run was held against: those that held, and those that did not.
pub(crate) fn conditions(s: &Summary) -> (Vec<String>, Vec<String>) {
    let (held, passed): (Vec<_>, Vec<_>) = s.conditions.iter().partition(|c| c.held);
    let say = |all: Vec<&ConditionResult>, word: &str| -> Vec<String> {
        let all = all.into_iter();
        all.map(|c| format!("{word}: `{}`, it is {}", c.expression, c.value_text))
            .collect()
    };
    (say(held, "held"), say(passed, "did not hold"))
}
