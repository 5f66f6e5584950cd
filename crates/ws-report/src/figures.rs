//! The figures of a run, each with its name, in the order of every report.

use measurement::record::TimelineRow;
use measurement::run::RunTimeline;
use units::grouped;
use wording::summary::is_feed_only;
use wording::summary_view::{FigureGroup, SummaryView, in_table};

use crate::inputs::ReportedRun;
use crate::{connection_sections, delivery_sections};

/// All figures except the times.
pub(crate) fn figures(run: &ReportedRun) -> Vec<FigureGroup> {
    match (run.summary(), &run.run.timeline) {
        (Some(s), _) => {
            let mut groups = SummaryView::new(s).groups;
            groups.retain(|group| !delivery_sections::has_section(group));
            if is_feed_only(s) {
                leave_out_sending(&mut groups);
            }
            groups.extend(connection_sections::groups(s));
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

/// Removes the figures of a sender, which are all zero in a run that only receives.
fn leave_out_sending(groups: &mut Vec<FigureGroup>) {
    groups.retain(|group| !matches!(group.title, "throughput" | "rate"));
    for group in groups {
        let is_shown = |name| !matches!(name, "sent" | "messages per CPU-second");
        group.figures.retain(|figure| is_shown(figure.name));
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
