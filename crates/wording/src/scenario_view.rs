//! The figures that only runs with a scenario have: setup, rules, kinds of messages, roles.

use std::collections::BTreeMap;

use measurement::run::{KindSummary, Summary};
use units::{counted, grouped};

use crate::Tone;
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
        rows.push(row("kinds", kinds, s.kinds.iter().map(group).collect()));
    }
    if !s.roles.is_empty() {
        let roles = match s.roles.len() {
            1 => "1 role that sends".to_owned(),
            several => format!("{} roles that send", grouped(several as u64)),
        };
        rows.push(row("roles", roles, s.roles.iter().map(group).collect()));
    }
    rows
}

/// The noun behind a number of error replies.
pub(crate) fn error_replies(n: u64) -> &'static str {
    if n == 1 {
        "error reply"
    } else {
        "error replies"
    }
}

/// One kind of message or one role: `say: 900 sent · 900 answered · service time p50 1.00 ms · p99 2.00 ms`.
fn group((name, group): (&String, &KindSummary)) -> String {
    let counts = &group.messages;
    let mut parts = vec![
        format!("{} sent", grouped(counts.sent)),
        format!("{} answered", grouped(counts.received)),
    ];
    for (n, what) in [
        (counts.lost, "lost"),
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
    format!("{name}: {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use measurement::record::{KindCounts, ScenarioCounts, SetupFailure, SetupFault};
    use measurement::run::SetupSummary;
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
        assert_eq!(text("roles").0, "1 role that sends");
        assert_eq!(text("roles").1, ["guest: 0 sent · 0 answered"]);
    }
}
