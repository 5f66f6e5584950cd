//! Lines on deliveries, feeds and slow readers in the text summary.

use measurement::run::Summary;

use crate::Tone;
use crate::deliveries_view::{feed_counts, feed_notes, line, remarks, slow_counts};
use crate::scenario_view::slow_points;
use crate::summary_figure::LabelledRow;

/// The lines, as far as the run has them.
pub(crate) fn rows(s: &Summary) -> Vec<LabelledRow> {
    let tone = |any_failed| if any_failed { Tone::Bad } else { Tone::Neutral };
    let deliveries = s.fan_out.as_ref().map(|own| LabelledRow {
        label: "deliveries",
        text: line(own),
        tone: tone(own.any_failed()),
        points: remarks(own),
    });
    let feed = s.push.as_ref().map(|own| LabelledRow {
        label: "feed",
        text: feed_counts(own),
        tone: tone(own.any_failed()),
        points: feed_notes(own),
    });
    let slow = s.slow.as_ref().map(|own| LabelledRow {
        label: "slow readers",
        text: slow_counts(own),
        points: slow_points(s),
        ..LabelledRow::default()
    });
    [deliveries, feed, slow].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use measurement::run::{FanOutSummary, PushSummary, ScenarioSummary, SlowSummary};
    use test_support::fixtures::closed_loop_summary;

    use super::*;
    use crate::summary_view::SummaryView;

    fn lines(s: &Summary) -> Vec<String> {
        let rows = SummaryView::new(s).rows.into_iter();
        rows.map(|row| format!("{}: {}", row.label, row.text))
            .collect()
    }

    #[test]
    fn messages_without_a_reply_are_delivered_and_not_echoed() {
        let mut s = closed_loop_summary(100);
        s.scenario = Some(ScenarioSummary {
            ends_with_deliveries: true,
            ..ScenarioSummary::default()
        });
        s.messages.scenario = Some(Default::default());
        s.messages.incomplete = 2;
        s.fan_out = Some(FanOutSummary {
            expected: 1_000,
            delivered: 998,
            missing: 2,
            reach: Some(0.998),
            incomplete: 2,
            complete: 98,
            reordered: Some(0),
            ..FanOutSummary::default()
        });
        let lines = lines(&s);
        assert_eq!(
            lines[0],
            "messages: 100 sent · 100 delivered to all · 2 incomplete"
        );
        assert!(
            lines[1]
                .starts_with("deliveries: 0 published · 998 of 1,000 delivered · reach 99.80 % · 2 missing · 0 duplicated"),
            "{}",
            lines[1]
        );
        assert!(!lines.concat().contains("echo"), "{lines:?}");
        let view = SummaryView::new(&s);
        assert_eq!([view.rows[0].tone, view.rows[1].tone], [Tone::Bad; 2]);
        assert!(view.rows[1].points[0].starts_with("2 messages did not reach all receivers"));
    }

    #[test]
    fn a_feed_has_neither_messages_nor_throughput_of_its_own() {
        let mut s = closed_loop_summary(0);
        s.plan.senders = Some(0);
        s.push = Some(PushSummary {
            received: 1_000,
            received_per_s: 100.0,
            clients: 10,
            missing: Some(0),
            ..PushSummary::default()
        });
        s.messages.unexpected = 3;
        let lines = lines(&s);
        assert_eq!(
            lines[0],
            "messages: none sent: the server sends on its own · 3 unexpected"
        );
        assert!(lines[1].starts_with("feed: 1,000 received by 10 clients · 100 msg/s"));
        assert!(lines[2].starts_with("connected: "), "{lines:?}");
    }

    #[test]
    fn slow_readers_that_the_server_closed_are_no_fault() {
        let mut s = closed_loop_summary(100);
        s.slow = Some(SlowSummary {
            clients: 10,
            closed: 3,
            ..SlowSummary::default()
        });
        let view = SummaryView::new(&s);
        let row = view.rows.iter().find(|row| row.label == "slow readers");
        let row = row.unwrap();
        assert!(row.text.contains("3 closed by the server"), "{}", row.text);
        assert_eq!(row.tone, Tone::Neutral);
    }
}
