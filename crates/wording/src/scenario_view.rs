//! The figures that only runs with a scenario have: setup, rules, kinds of messages, roles.

use std::collections::BTreeMap;

use measurement::run::{KindSummary, ReceiverSummary, SLOW_ROLE, ScenarioSummary, Summary};
use units::{counted, grouped};

use crate::Tone;
use crate::summary::ended_word;
use crate::summary_figure::{LabelledRow, SummaryFigure, figure, known_time};

/// Clients that completed their setup, and the times that it took.
pub(crate) fn ready(s: &Summary) -> Vec<SummaryFigure> {
    let Some(setup) = &s.setup else {
        return Vec::new();
    };
    let of = grouped(setup.ready + setup.failed);
    let ready = format!("{} of {of}", grouped(setup.ready));
    let times = s.ready_ns.unwrap_or_default();
    vec![
        figure("ready", Some(ready), "{}"),
        figure(
            "time until ready p50",
            known_time(times.p50),
            "p50 {} until ready",
        ),
        figure("time until ready p99", known_time(times.p99), "p99 {}"),
        figure("time until ready max", known_time(times.max), "max {}"),
    ]
}

/// Failures of the setup, grouped: `setup failed, 2 of 2 clients: chat.toml:10:10: refused: {…}`.
pub(crate) fn setup_failures(s: &Summary) -> Vec<String> {
    let Some(setup) = &s.setup else {
        return Vec::new();
    };
    let all = grouped(setup.ready + setup.failed);
    let failures = setup.failures.iter();
    failures
        .map(|one| {
            let count = grouped(one.count);
            format!("setup failed, {count} of {all} clients: {}", one.failure)
        })
        .collect()
}

/// Lines on records of rules, and on each kind of message.
pub(crate) fn rows(s: &Summary) -> Vec<LabelledRow> {
    let row = |label, text: String, points| LabelledRow {
        label,
        text,
        tone: Tone::Neutral,
        points,
    };
    let mut rows = Vec::new();
    let ended = ended_word(s);
    if let Some(counts) = &s.messages.scenario {
        let names = |counts: &BTreeMap<String, u64>, verb| {
            let named = counts.iter().filter(|(_, n)| **n > 0);
            let texts: Vec<_> = named
                .map(|(name, n)| format!("{} × {name} {verb}", grouped(*n)))
                .collect();
            texts
        };
        let texts = [
            names(&counts.answered, "answered"),
            names(&counts.ignored, "ignored"),
        ]
        .concat();
        if !texts.is_empty() {
            rows.push(row("records", texts.join(" · "), Vec::new()));
        }
    }
    if !s.kinds.is_empty() {
        let kinds = counted(s.kinds.len() as u64, "kind") + " of messages";
        let points = s.kinds.iter().map(|kind| group(kind, ended)).collect();
        rows.push(row("kinds", kinds, points));
    }
    let roles: Vec<_> = s.roles.iter().filter(|role| !is_slow(role.0, s)).collect();
    if !roles.is_empty() {
        let names: Vec<_> = roles.iter().map(|role| role.0.as_str()).collect();
        let points = roles.iter().map(|role| group(*role, ended)).collect();
        rows.push(row("roles", names.join(", "), points));
    }
    rows
}

/// Returns true for the figures of slow readers, which stand among the roles.
fn is_slow(name: &str, s: &Summary) -> bool {
    let is_role = |scenario: &ScenarioSummary| scenario.roles.contains_key(name);
    s.slow.is_some() && name == SLOW_ROLE && !s.scenario.as_ref().is_some_and(is_role)
}

/// Messages that slow readers sent and received. They are in no figure of the run.
pub(crate) fn slow_points(s: &Summary) -> Vec<String> {
    let Some((_, own)) = s.roles.iter().find(|role| is_slow(role.0, s)) else {
        return Vec::new();
    };
    let sent =
        (own.messages.sent > 0).then(|| format!("they sent: {}", messages(own, ended_word(s))));
    let received = own.deliveries.as_ref();
    let received = received.map(|own| format!("they received: {}", deliveries(own)));
    let lines: Vec<_> = sent.into_iter().chain(received).collect();
    let note = (!lines.is_empty()).then(|| "these are not in the run's figures".to_owned());
    lines.into_iter().chain(note).collect()
}

/// The noun behind a number of error replies.
pub(crate) fn error_replies(n: u64) -> &'static str {
    if n == 1 {
        "error reply"
    } else {
        "error replies"
    }
}

/// One kind of message or one role: `say: 900 sent · 900 answered · service time p50 1.00 ms · p99 2.00 ms`. `ended` is
/// the end of a message in a word.
fn group((name, group): (&String, &KindSummary), ended: &str) -> String {
    let only_receives = group.deliveries.is_some() && group.messages.sent == 0;
    let sent = (!only_receives).then(|| messages(group, ended));
    let received = group.deliveries.as_ref().map(deliveries);
    let parts: Vec<_> = sent.into_iter().chain(received).collect();
    format!("{name}: {}", parts.join(" · "))
}

/// Messages and their ends: `900 sent · 900 answered · service time p50 1.00 ms · p99 2.00 ms`.
fn messages(group: &KindSummary, ended: &str) -> String {
    let counts = &group.messages;
    let mut parts = vec![
        format!("{} sent", grouped(counts.sent)),
        format!("{} {ended}", grouped(counts.received)),
    ];
    for (n, what) in [
        (counts.lost, "lost"),
        (counts.incomplete, "incomplete"),
        (counts.corrupted, "corrupted"),
        (counts.timed_out, "late"),
        (counts.error_reply, error_replies(counts.error_reply)),
        (counts.duplicated, "duplicated"),
        (counts.reordered, "reordered"),
        (counts.parts, "parts"),
    ] {
        if n > 0 {
            parts.push(format!("{} {what}", grouped(n)));
        }
    }
    let times = &group.service_time_ns;
    if let Some(p50) = known_time(times.p50) {
        parts.push(format!("service time p50 {p50}"));
        parts.extend(known_time(times.p99).map(|p99| format!("p99 {p99}")));
    }
    parts.join(" · ")
}

/// Deliveries to a role: `1,000 of 1,000 delivered · delivery time p50 1.00 ms · p99 2.00 ms`.
fn deliveries(own: &ReceiverSummary) -> String {
    let (delivered, expected) = (grouped(own.delivered), grouped(own.expected));
    let times = &own.delivery_time_ns;
    let p50 = known_time(times.p50).map(|p50| format!("delivery time p50 {p50}"));
    let p99 = known_time(times.p99).map(|p99| format!("p99 {p99}"));
    let counts = Some(format!("{delivered} of {expected} delivered"));
    let parts: Vec<_> = [counts, p50, p99].into_iter().flatten().collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use measurement::record::{KindCounts, ScenarioCounts, SetupFailure, SetupFault};
    use measurement::run::{FanOutSummary, SetupSummary, SlowSummary};
    use measurement::verdict::Latency;
    use test_support::fixtures::closed_loop_summary as summary;

    use super::*;
    use crate::summary_view::SummaryView;

    fn refused() -> SetupFailure {
        SetupFailure {
            step: 2,
            place: "socket.io.toml:10:10".to_owned(),
            fault: SetupFault::Refused,
            record: Some("44{\"message\":\"unauthorized\"}".to_owned()),
        }
    }

    #[test]
    fn failures_of_the_setup_are_grouped_with_their_place() {
        let mut s = summary(100);
        s.setup = Some(SetupSummary::new(0, [(refused(), 1), (refused(), 1)]));
        s.connections
            .failures
            .insert("setup failed: somewhere".to_owned(), 2);
        let view = SummaryView::new(&s);
        let connected = view.rows.iter().find(|row| row.label == "connected");
        assert_eq!(
            connected.unwrap().points,
            [
                "setup failed, 2 of 2 clients: socket.io.toml:10:10: refused: 44{\"message\":\"unauthorized\"}"
            ]
        );
        let ready = view.rows.iter().find(|row| row.label == "ready").unwrap();
        assert!(ready.text.starts_with("0 of 2"), "{}", ready.text);
    }

    #[test]
    fn counts_of_a_scenario_have_their_names() {
        let mut s = summary(100);
        let one = |name: &str, n| BTreeMap::from([(name.to_owned(), n)]);
        s.messages.scenario = Some(ScenarioCounts {
            error_reply: 3,
            parts: 0,
            server_errors: 1,
            ignored: one("news", 5),
            answered: one("ping", 2),
        });
        s.kinds = BTreeMap::from([(
            "say".to_owned(),
            KindSummary {
                messages: KindCounts {
                    sent: 10,
                    received: 9,
                    lost: 1,
                    ..KindCounts::default()
                },
                service_time_ns: Latency {
                    count: 9,
                    p50: Some(1_000_000),
                    ..Latency::default()
                },
                ..KindSummary::default()
            },
        )]);
        s.roles = BTreeMap::from([("guest".to_owned(), KindSummary::default())]);
        let view = SummaryView::new(&s);
        let text = |label: &str| {
            let row = view.rows.iter().find(|row| row.label == label).unwrap();
            (row.text.clone(), row.points.clone())
        };
        let messages = text("messages").0;
        assert!(
            messages.contains(" answered") && !messages.contains("echoed"),
            "{messages}"
        );
        assert!(
            messages.ends_with("3 error replies · 1 server errors"),
            "{messages}"
        );
        assert_eq!(text("records").0, "2 × ping answered · 5 × news ignored");
        assert_eq!(
            text("kinds").1,
            ["say: 10 sent · 9 answered · 1 lost · service time p50 1.00 ms"]
        );
        assert_eq!(text("roles").0, "guest");
        s.fan_out = Some(FanOutSummary::default());
        s.roles.insert(
            "listener".to_owned(),
            KindSummary {
                deliveries: Some(ReceiverSummary {
                    expected: 10,
                    delivered: 9,
                    ..ReceiverSummary::default()
                }),
                ..KindSummary::default()
            },
        );
        let view = SummaryView::new(&s);
        let roles = view.rows.iter().find(|row| row.label == "roles").unwrap();
        assert_eq!(roles.text, "guest, listener");
        assert_eq!(roles.points[1], "listener: 9 of 10 delivered");
        assert_eq!(text("roles").1, ["guest: 0 sent · 0 answered"]);
        // Slow readers are no role.
        let mut slow = s.roles["listener"].clone();
        (slow.messages.sent, slow.messages.received) = (3, 2);
        s.roles.insert("slow".to_owned(), slow);
        s.slow = Some(SlowSummary::default());
        let view = SummaryView::new(&s);
        let points = |label: &str| {
            let row = view.rows.iter().find(|row| row.label == label).unwrap();
            row.points.clone()
        };
        assert_eq!(points("roles").len(), 2);
        assert_eq!(
            points("slow readers"),
            [
                "they sent: 3 sent · 2 answered",
                "they received: 9 of 10 delivered",
                "these are not in the run's figures"
            ]
        );
    }
}
