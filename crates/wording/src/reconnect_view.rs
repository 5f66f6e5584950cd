//! Connections that were lost, replaced or opened again, as text.

use measurement::plan::DropMethod;
use measurement::run::{DropSummary, ReconnectSummary, Summary};
use measurement::verdict::{Latency, shown_quantile};
use units::{counted, grouped, human_percent, human_time};

use crate::Tone;
use crate::summary_figure::{
    LabelledRow, SummaryFigure, count, figure, in_table, joined, known_time, unusual,
};

/// Text in place of a time that was not reached.
pub const NOT_REACHED: &str = "not reached";

/// Heading of the times of opening connections.
pub const OPENING: &str =
    "Opening of connections (connect: from the start; response: from the intended time)";

/// Heading of the times of opening lost connections again.
pub const OPENING_AGAIN: &str =
    "Opening of lost connections (connect: from the start; response: from the intended time)";

/// The sentence on overflows of listen queues, which explains steps in the times.
pub fn overflow_note(overflows: u64) -> String {
    format!(
        "the listen queues of this machine overflowed {}: the kernel dropped a SYN, which its client repeats after 1 s and later; a larger backlog of the server (and `net.core.somaxconn`) avoids these waits",
        counted(overflows, "time")
    )
}

/// Returns true when connections are due at times of their own, because of a connect rate, a lifetime or a number of
/// messages per connection.
pub fn has_due_times(s: &Summary) -> bool {
    let rules = s.plan.connections.as_ref();
    rules.is_some_and(|rules| rules.rate_per_s.is_some() || rules.replaces())
}

/// Times of opening connections: `connect` and, where connections are due at times of their own, `response`. Empty
/// without due times.
pub fn connect_time_rows(s: &Summary) -> Vec<(&'static str, Latency)> {
    if !has_due_times(s) || s.connect_response_ns.count == 0 {
        return Vec::new();
    }
    vec![
        ("connect", s.connect_ns.total),
        ("response", s.connect_response_ns),
    ]
}

/// Times of opening lost connections again: `connect` and `response`. Empty when none was opened.
pub fn reconnect_time_rows(own: &ReconnectSummary) -> Vec<(&'static str, Latency)> {
    if own.connect_ns.count == 0 {
        return Vec::new();
    }
    vec![
        ("connect", own.connect_ns),
        ("response", own.connect_response_ns),
    ]
}

/// Figures of the connections' due times and planned ends, for the line and the table of connections.
pub(crate) fn connection_figures(s: &Summary) -> Vec<SummaryFigure> {
    let due = has_due_times(s);
    let response = Some(s.connect_response_ns).filter(|_| due);
    let response = response.unwrap_or_default();
    let lateness = s.connect_lateness_ns.p99.filter(|_| due);
    let lateness = shown_quantile(response.count, 0.99, lateness);
    let p99 = shown_quantile(response.count, 0.99, response.p99);
    let replaced = s.connections.replaced;
    vec![
        in_table("connect response p50", known_time(response.p50)),
        figure(
            "connect response p99",
            known_time(p99),
            "connect response p99 {}",
        ),
        in_table("connect response max", known_time(response.max)),
        in_table("begun late p99", known_time(lateness)),
        unusual("replaced by plan", replaced).said(
            (replaced > 0).then(|| format!("{} replaced by plan", counted(replaced, "connection"))),
        ),
        in_table(
            "listen queue overflows",
            s.connections
                .listen_overflows
                .filter(|n| *n > 0)
                .map(grouped),
        ),
    ]
}

/// The remark on overflows of listen queues in a run whose lost connections are not reported; `None` without any.
pub(crate) fn connection_note(s: &Summary) -> Option<String> {
    let overflows = s.connections.listen_overflows.filter(|n| *n > 0)?;
    let is_reported = s
        .reconnect
        .as_ref()
        .is_some_and(|own| own.listen_overflows > Some(0));
    (!is_reported).then(|| overflow_note(overflows))
}

/// The planned end in words: `reset by plan at 10.0 s`.
fn planned_end(drop: &DropSummary) -> String {
    let how = match drop.method {
        DropMethod::Reset => "reset",
        DropMethod::Close => "closed",
    };
    if drop.after_s == 0.0 {
        return format!("{how} by plan at the start of measuring");
    }
    format!("{how} by plan at {}", human_time(drop.after_s * 1e9))
}

/// The remark on a drop that was not reached; `None` when it was, and without one.
pub fn missed_drop(s: &Summary, own: &ReconnectSummary) -> Option<String> {
    let plan = s.plan.connections.as_ref()?;
    let after_s = plan.drop?.after_s;
    let is_missed = own.by_plan() == 0 && s.elapsed_s < after_s;
    is_missed.then(|| {
        format!(
            "the run ended before the drop at {}: use `-d`, or an earlier `--drop`",
            human_time(after_s * 1e9)
        )
    })
}

/// Causes of the losses: `reset by plan at 10.0 s`, `1,990 reset by plan at 10.0 s, 10 ended by the server`.
fn loss_causes(s: &Summary, own: &ReconnectSummary) -> String {
    let plan = s.plan.connections.as_ref().and_then(|plan| plan.drop);
    let by_plan = plan.map_or_else(|| "dropped by plan".to_owned(), |drop| planned_end(&drop));
    let causes = [
        (own.by_plan(), by_plan.as_str()),
        (own.by_server, "ended by the server"),
        (own.not_replaced, "not replaced"),
    ];
    let mut found = causes.into_iter().filter(|(count, _)| *count > 0);
    match (found.next(), found.next()) {
        (Some((_, cause)), None) => cause.to_owned(),
        _ => {
            let found = causes.into_iter().filter(|(count, _)| *count > 0);
            let texts = found.map(|(count, cause)| format!("{} {cause}", grouped(count)));
            texts.collect::<Vec<_>>().join(", ")
        }
    }
}

/// Figures of the losses: `2,000 of 2,100 lost (reset by plan at 10.0 s) · 1,990 back · 10 not back`.
pub fn loss_figures(s: &Summary, own: &ReconnectSummary) -> Vec<SummaryFigure> {
    let all = s.plan.connections_at_once();
    let lost = match own.dropped {
        0 => "no connection was lost".to_owned(),
        dropped if dropped <= all => format!(
            "{} of {} lost ({})",
            grouped(dropped),
            grouped(all),
            loss_causes(s, own)
        ),
        // A client can lose several connections one after the other.
        dropped => format!(
            "{} losses of {} ({})",
            grouped(dropped),
            counted(all, "connection"),
            loss_causes(s, own)
        ),
    };
    let away = own.not_back();
    let stay = (own.law.is_none() && own.dropped > 0)
        .then(|| "they stay away: no `--reconnect`".to_owned());
    let back = own.law.as_ref().filter(|_| own.dropped > 0);
    let away_s = human_time(own.away_client_s * 1e9);
    let away_share = human_percent(own.away_share(all, s.elapsed_s));
    let away_share = back.map(|_| away_share);
    vec![
        count("lost", own.dropped).said(Some(lost)),
        in_table("drop", None).said(missed_drop(s, own)),
        in_table("lost by plan", Some(grouped(own.by_plan()))),
        in_table("ended by the server", Some(grouped(own.by_server))),
        in_table(
            "not replaced",
            (own.not_replaced > 0).then(|| grouped(own.not_replaced)),
        ),
        in_table("reconnect", own.law.clone()).said(stay),
        figure("back", back.map(|_| grouped(own.back)), "{} back"),
        figure("not back", back.map(|_| grouped(away)), "{} not back"),
        in_table(
            "time away, over all clients",
            (own.dropped > 0).then_some(away_s),
        ),
        // The reason against such a run names it.
        in_table("share of the time away", away_share.clone()).said(
            away_share
                .filter(|_| own.dropped > own.by_plan())
                .map(|share| format!("away for {share} of the time")),
        ),
    ]
}

/// Times until shares of the lost connections were back, for a table and for the line of [`back_line`]. A time that was
/// not reached is [`NOT_REACHED`].
pub fn back_figures(own: &ReconnectSummary) -> Vec<SummaryFigure> {
    let waits = own.law.is_some() && own.dropped > 0;
    let times = [
        ("50 % back after", "50 % {}", own.back_50_ns),
        ("90 % back after", "90 % {}", own.back_90_ns),
        ("99 % back after", "99 % {}", own.back_99_ns),
        ("100 % back after", "100 % {}", own.back_100_ns),
    ];
    let times = times.into_iter().map(|(name, phrase, ns)| {
        let text = known_time(ns).unwrap_or_else(|| NOT_REACHED.to_owned());
        figure(name, waits.then_some(text), phrase)
    });
    times.collect()
}

/// Times until shares of the lost connections were back: `50 % 1.02 s · 90 % 1.80 s · 99 % 1.98 s · 100 % not reached`;
/// empty when none was lost, or all stay away.
pub fn back_line(own: &ReconnectSummary) -> String {
    joined(&back_figures(own))
}

/// A noun in the number of what it counts.
fn plural(noun: &str, count: u64) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

/// Failed attempts by cause, those that occurred: `refused`, `timed out`, `answered 503`, …
pub fn failure_causes(own: &ReconnectSummary) -> Vec<(String, u64)> {
    let handshakes = own.handshake_failed.iter().map(|(status, n)| {
        let name = match status.as_str() {
            "other" => plural("failed handshake", *n),
            status => format!("answered {status}"),
        };
        (name, *n)
    });
    let first = [
        ("refused".to_owned(), own.refused),
        ("timed out".to_owned(), own.timed_out),
    ];
    let last = [
        (plural("failed setup", own.setup_failed), own.setup_failed),
        (
            "without a port or file of this machine".to_owned(),
            own.own_failed,
        ),
    ];
    let all = first.into_iter().chain(handshakes).chain(last);
    all.filter(|(_, n)| *n > 0).collect()
}

/// Figures of the attempts: `2,450 · 450 failed: 400 refused, 50 answered 503 · begun 120 µs late (p99)`.
pub fn attempt_figures(own: &ReconnectSummary) -> Vec<SummaryFigure> {
    let causes = failure_causes(own);
    let causes: Vec<_> = causes
        .iter()
        .map(|(cause, n)| format!("{} {cause}", grouped(*n)))
        .collect();
    let failed = match own.failed() {
        0 => "0 failed".to_owned(),
        n => format!("{} failed: {}", grouped(n), causes.join(", ")),
    };
    let handshakes = own.handshake_failed.iter();
    let handshakes: Vec<_> = handshakes
        .map(|(status, n)| format!("{status} × {}", grouped(*n)))
        .collect();
    let handshakes = (!handshakes.is_empty()).then(|| handshakes.join(", "));
    let lag = shown_quantile(own.attempts, 0.99, own.attempt_lag_ns.p99);
    vec![
        count("attempts", own.attempts).said(Some(grouped(own.attempts))),
        count("failed attempts", own.failed()).said(Some(failed)),
        unusual("open at the end", own.open_at_end).said((own.open_at_end > 0).then(|| {
            format!(
                "{} not answered by the end of the run",
                grouped(own.open_at_end)
            )
        })),
        unusual("refused", own.refused).said(None),
        unusual("timed out", own.timed_out).said(None),
        in_table("failed handshakes", handshakes),
        unusual("failed setups", own.setup_failed).said(None),
        unusual("without a port or file of this machine", own.own_failed).said(None),
        figure(
            "attempts begun late p99",
            known_time(lag),
            "begun {} late (p99)",
        ),
        in_table(
            "listen queue overflows since T0",
            own.listen_overflows.map(grouped),
        ),
    ]
}

/// Figures of the messages: `12,000 messages missed (due while away, not sent) · 312 in flight when dropped`.
pub fn message_figures(own: &ReconnectSummary) -> Vec<SummaryFigure> {
    let missed = format!(
        "{} missed (due while away, not sent)",
        counted(own.missed, "message")
    );
    vec![
        count("missed messages", own.missed).said((own.missed > 0).then_some(missed)),
        unusual("in flight when dropped", own.in_flight),
    ]
}

/// All figures of lost connections, for tables.
pub fn figures(s: &Summary, own: &ReconnectSummary) -> Vec<SummaryFigure> {
    let times = [
        ("connect p50", own.connect_ns.p50),
        ("connect p99", own.connect_ns.p99),
        ("connect response p50", own.connect_response_ns.p50),
        ("connect response p99", own.connect_response_ns.p99),
        ("connect response max", own.connect_response_ns.max),
    ];
    let times = times.map(|(name, ns)| in_table(name, known_time(ns)));
    [
        loss_figures(s, own),
        back_figures(own),
        attempt_figures(own),
        message_figures(own),
        times.into(),
    ]
    .concat()
}

/// Losses, and times until shares of the connections were back, in one line.
pub fn counts(s: &Summary, own: &ReconnectSummary) -> String {
    joined(&[loss_figures(s, own), back_figures(own)].concat())
}

/// Remarks: reasons of failed attempts, `400 × connection refused`, and overflows of listen queues.
pub fn notes(own: &ReconnectSummary) -> Vec<String> {
    let reasons = own.failures.iter();
    let reasons = reasons.map(|(reason, n)| format!("{} × {reason}", grouped(*n)));
    let overflows = own.listen_overflows.filter(|n| *n > 0).map(overflow_note);
    reasons.chain(overflows).collect()
}

/// The lines of the text summary.
pub(crate) fn rows(s: &Summary) -> Vec<LabelledRow> {
    let Some(own) = &s.reconnect else {
        return Vec::new();
    };
    let is_missing = own.law.is_some() && own.back < own.dropped;
    let row = |label, figures: &[SummaryFigure]| LabelledRow {
        label,
        text: joined(figures),
        ..LabelledRow::default()
    };
    let lost = row("lost", &loss_figures(s, own));
    let lost = LabelledRow {
        tone: missed_drop(s, own).map_or(lost.tone, |_| Tone::Warning),
        ..lost
    };
    let back = LabelledRow {
        tone: if is_missing {
            Tone::Warning
        } else {
            Tone::Neutral
        },
        ..row("back after", &back_figures(own))
    };
    let attempts = LabelledRow {
        points: notes(own),
        ..row("attempts", &attempt_figures(own))
    };
    let rows = [
        Some(lost),
        (!back.text.is_empty()).then_some(back),
        (own.attempts > 0 || !attempts.points.is_empty()).then_some(attempts),
        Some(row("while away", &message_figures(own))).filter(|row| !row.text.is_empty()),
    ];
    rows.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use measurement::run::ConnectionPlanSummary;
    use measurement::verdict::SendLag;
    use test_support::fixtures::closed_loop_summary;

    use super::*;
    use crate::summary_view::SummaryView;

    /// A storm of 2,000 of 2,100 connections, all but 10 of which came back.
    fn storm() -> Summary {
        let mut s = closed_loop_summary(100);
        (s.plan.clients, s.elapsed_s) = (2_000, 60.0);
        s.plan.connections = Some(ConnectionPlanSummary {
            drop: Some(DropSummary {
                after_s: 10.0,
                share: 0.95,
                method: DropMethod::Reset,
            }),
            reconnect: Some("now".to_owned()),
            idle: 100,
            ..ConnectionPlanSummary::default()
        });
        s.messages.abandoned = 320;
        s.reconnect = Some(ReconnectSummary {
            law: Some("now".to_owned()),
            drop_at_s: Some(10.0),
            dropped: 2_000,
            in_flight: 312,
            attempts: 2_440,
            refused: 400,
            handshake_failed: BTreeMap::from([("503".to_owned(), 40), ("other".to_owned(), 2)]),
            own_failed: 3,
            failures: BTreeMap::from([("connection refused".to_owned(), 400)]),
            back: 1_990,
            back_50_ns: Some(1_020_000_000),
            back_90_ns: Some(1_800_000_000),
            back_99_ns: Some(1_980_000_000),
            back_100_ns: None,
            missed: 12_000,
            attempt_lag_ns: SendLag {
                p99: Some(120_000),
                ..SendLag::default()
            },
            listen_overflows: Some(1_234),
            ..ReconnectSummary::default()
        });
        s
    }

    fn text(s: &Summary, label: &str) -> Option<String> {
        let rows = SummaryView::new(s).rows.into_iter();
        let mut rows = rows.filter(|row| row.label == label);
        rows.next().map(|row| row.text)
    }

    #[test]
    fn a_storm_is_told_from_loss_to_return() {
        let s = storm();
        assert_eq!(
            text(&s, "lost").unwrap(),
            "2,000 of 2,100 lost (reset by plan at 10.0 s) · 1,990 back · 10 not back"
        );
        assert_eq!(
            text(&s, "back after").unwrap(),
            "50 % 1.02 s · 90 % 1.80 s · 99 % 1.98 s · 100 % not reached"
        );
        assert_eq!(
            text(&s, "attempts").unwrap(),
            "2,440 · 445 failed: 400 refused, 40 answered 503, 2 failed handshakes, 3 without a port or file of this machine · begun 120 µs late (p99)"
        );
        assert_eq!(
            text(&s, "while away").unwrap(),
            "12,000 messages missed (due while away, not sent) · 312 in flight when dropped"
        );
        let view = SummaryView::new(&s);
        let row = |label| view.rows.iter().find(|row| row.label == label).unwrap();
        assert_eq!(row("back after").tone, Tone::Warning);
        let points = &row("attempts").points;
        assert_eq!(points[0], "400 × connection refused");
        assert!(points[1].contains("overflowed 1,234 times"), "{points:?}");
        assert!(points[1].contains("after 1 s and later"), "{points:?}");
    }

    #[test]
    fn attempts_without_an_answer_by_the_end_are_counted() {
        let mut s = storm();
        let own = s.reconnect.as_mut().unwrap();
        own.open_at_end = 63;
        own.handshake_failed = BTreeMap::from([("other".to_owned(), 1)]);
        let attempts = text(&s, "attempts").unwrap();
        assert!(
            attempts.contains(" · 63 not answered by the end of the run · begun"),
            "{attempts}"
        );
        assert!(attempts.contains(", 1 failed handshake, "), "{attempts}");
    }

    /// A run of 100 messages was over before its drop, and said no more than that no connection was lost.
    #[test]
    fn a_run_that_ends_before_its_drop_says_so() {
        let mut s = storm();
        s.elapsed_s = 0.2;
        s.reconnect = Some(ReconnectSummary {
            law: Some("now".to_owned()),
            ..ReconnectSummary::default()
        });
        let view = SummaryView::new(&s);
        let lost = view.rows.iter().find(|row| row.label == "lost").unwrap();
        assert_eq!(
            lost.text,
            "no connection was lost · the run ended before the drop at 10.0 s: use `-d`, or an earlier `--drop`"
        );
        assert_eq!(lost.tone, Tone::Warning);
        s.elapsed_s = 10.0;
        assert_eq!(text(&s, "lost").unwrap(), "no connection was lost");
    }

    #[test]
    fn a_drop_at_once_is_not_dated_0_ns() {
        let mut s = storm();
        let plan = s.plan.connections.as_mut().unwrap();
        plan.drop.as_mut().unwrap().after_s = 0.0;
        let lost = text(&s, "lost").unwrap();
        assert!(
            lost.contains("(reset by plan at the start of measuring)"),
            "{lost}"
        );
    }

    #[test]
    fn messages_in_flight_at_the_drop_are_not_in_flight_at_the_end() {
        let messages = text(&storm(), "messages").unwrap();
        let ending = " · 8 in flight at the end · 312 in flight when dropped";
        assert!(messages.ends_with(ending), "{messages}");
    }

    #[test]
    fn losses_name_the_server_and_clients_that_stay_away() {
        let mut s = storm();
        let own = s.reconnect.as_mut().unwrap();
        (own.law, own.by_server, own.attempts, own.back) = (None, 15, 0, 0);
        own.failures.clear();
        own.listen_overflows = None;
        assert_eq!(
            text(&s, "lost").unwrap(),
            "2,000 of 2,100 lost (1,985 reset by plan at 10.0 s, 15 ended by the server) · they stay away: no `--reconnect`"
        );
        assert_eq!(text(&s, "back after"), None);
        assert_eq!(text(&s, "attempts"), None);
        s.reconnect.as_mut().unwrap().not_replaced = 1_985;
        assert!(
            text(&s, "lost")
                .unwrap()
                .contains("(15 ended by the server, 1,985 not replaced)")
        );
        let own = s.reconnect.as_mut().unwrap();
        (own.law, own.dropped) = (Some("now".to_owned()), 0);
        assert_eq!(text(&s, "lost").unwrap(), "no connection was lost");
        assert_eq!(text(&s, "back after"), None);
        let own = s.reconnect.as_mut().unwrap();
        (own.dropped, own.by_server, own.back) = (4_200, 4_200, 4_200);
        (own.not_replaced, own.away_client_s) = (0, 0.03 * 2_100.0 * 60.0);
        assert_eq!(
            text(&s, "lost").unwrap(),
            "4,200 losses of 2,100 connections (ended by the server) · 4,200 back · 0 not back · away for 3 % of the time"
        );
    }

    #[test]
    fn connect_response_is_shown_where_connections_are_due() {
        let mut s = closed_loop_summary(100);
        s.connect_response_ns = Latency {
            count: 200,
            p50: Some(1_000_000),
            p99: Some(30_000_000),
            max: Some(40_000_000),
            ..Latency::default()
        };
        assert!(connect_time_rows(&s).is_empty());
        assert!(!text(&s, "connected").unwrap().contains("response"));
        s.plan.connections = Some(ConnectionPlanSummary {
            lifetime: Some("30s".to_owned()),
            ..ConnectionPlanSummary::default()
        });
        s.connections.replaced = 12_000;
        let labels: Vec<_> = connect_time_rows(&s).iter().map(|row| row.0).collect();
        assert_eq!(labels, ["connect", "response"]);
        let connected = text(&s, "connected").unwrap();
        assert!(
            connected
                .ends_with(" · connect response p99 30.0 ms · 12,000 connections replaced by plan"),
            "{connected}"
        );
        s.connections.listen_overflows = Some(1);
        let view = SummaryView::new(&s);
        let row = view.rows.iter().find(|row| row.label == "connected");
        assert!(row.unwrap().points[0].contains("overflowed 1 time: "));
    }
}
