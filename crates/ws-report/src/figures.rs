//! The figures of a run, each with its name, in the order of every report.

use measurement::record::TimelineRow;
use measurement::run::RunTimeline;
use units::grouped;
use wording::summary_view::{FigureGroup, SummaryView, in_table};

use crate::delivery_sections;
use crate::inputs::ReportedRun;

/// All figures except the times.
pub(crate) fn figures(run: &ReportedRun) -> Vec<FigureGroup> {
    match (run.summary(), &run.run.timeline) {
        (Some(s), _) => {
            let mut groups = SummaryView::new(s).groups;
            groups.retain(|group| !delivery_sections::has_section(group));
            groups.extend(delivery_sections::groups(s));
            groups
        }
        (None, Some(timeline)) if !timeline.rows.is_empty() => {
            let mut groups = vec![counted_by_second(timeline)];
            if let Some(counts) = run.partial.and_then(|partial| partial.counts) {
                let figures = &mut groups[0].figures;
                figures.push(in_table("unsent", Some(grouped(counts.unsent))));
                groups.push(FigureGroup {
                    title: "connections",
                    figures: vec![in_table("opened", Some(grouped(counts.opened)))],
                });
            }
            groups
        }
        (None, _) => Vec::new(),
    }
}

/// Sums over the seconds of a run without a summary.
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
