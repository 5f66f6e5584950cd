//! Messages that the server sends on its own, as text.

use measurement::run::PushSummary;
use measurement::verdict::Latency;
use units::{counted, grouped, human_rate, human_time};

use crate::summary_figure::{
    QuantileNames, SummaryFigure, count, figure, in_table, joined, quantiles, unusual,
};

/// Counts of a feed: `12,000 received by 100 clients · 1,000 msg/s · 0 missing · 0 duplicated · 0 reordered`.
pub fn feed_counts(feed: &PushSummary) -> String {
    joined(&feed_figures(feed))
}

/// Counts of a feed, for a table and for the line of [`feed_counts`].
pub fn feed_figures(feed: &PushSummary) -> Vec<SummaryFigure> {
    let clients = counted(feed.clients, "client");
    let received = format!("{} received by {clients}", grouped(feed.received));
    let rate = format!("{} msg/s", human_rate(feed.received_per_s));
    let numbered = |name, n: Option<u64>| match n {
        Some(n) => count(name, n),
        None => in_table(name, Some("not numbered".to_owned())),
    };
    vec![
        count("received", feed.received).said(Some(received)),
        figure("received per second", Some(rate), "{}"),
        in_table("clients that received", Some(grouped(feed.clients))),
        numbered("missing", feed.missing),
        numbered("duplicated", feed.duplicated),
        numbered("reordered", feed.reordered),
        unusual("stamps later than their arrival", feed.negative_delays).said(None),
    ]
}

/// The rows of the table of a feed's times: gap, lateness, skew, delay. A row that the feed does not have is left out.
pub fn feed_time_rows(feed: &PushSummary) -> Vec<(&'static str, Latency)> {
    let rows = [
        ("gap", Some(feed.gap_ns)),
        ("lateness", feed.late_ns),
        ("skew", feed.skew_ns),
        ("delay", feed.delay_ns),
    ];
    let known = rows
        .into_iter()
        .filter_map(|(name, times)| Some((name, times?)));
    known.collect()
}

/// p50 and p99 of a feed's times, for tables that have a row for each.
pub fn feed_time_figures(feed: &PushSummary) -> Vec<SummaryFigure> {
    const NAMES: [(&str, QuantileNames); 4] = [
        ("gap", ["gap p50", "gap p99"]),
        ("lateness", ["lateness p50", "lateness p99"]),
        ("skew", ["skew p50", "skew p99"]),
        ("delay", ["delay p50", "delay p99"]),
    ];
    let rows = feed_time_rows(feed);
    let named = |label| NAMES.iter().find(|(name, _)| *name == label);
    rows.into_iter()
        .filter_map(|(label, times)| Some(quantiles(named(label)?.1, &times)))
        .flatten()
        .collect()
}

/// Remarks on a feed's times: their meaning, their errors, and the clocks of the delay.
pub fn feed_notes(feed: &PushSummary) -> Vec<String> {
    let mut notes = Vec::new();
    if feed.late_ns.is_some() && feed.received > 0 {
        notes.push(lateness_note(feed));
    }
    notes.extend(feed.skew_ns.map(|_| {
        "Skew is the time from the first client that got a message to the last. It has no meaning if the server numbers the messages of each connection on its own"
            .to_owned()
    }));
    if let Some(ahead) = clock_ahead(feed) {
        notes.push(ahead);
    } else if feed.delay_ns.is_some() {
        notes.push(
            "Delay is arrival by this machine's clock minus the server's stamp: any difference between the two clocks is part of it"
                .to_owned(),
        );
    }
    notes
}

/// The basis of the lateness, and its error.
fn lateness_note(feed: &PushSummary) -> String {
    let by = if feed.late_by_count {
        ", counted by arrival because messages have no number"
    } else {
        ""
    };
    let error = match feed.late_error_ns {
        0 => String::new(),
        ns => format!("; up to {} more is possible", human_time(ns as f64)),
    };
    format!(
        "Lateness is measured against the feed's interval, from each client's earliest message{by}{error}"
    )
}

/// The sentence on a server whose clock is ahead, so that delays are not known; `None` without a negative delay.
pub fn clock_ahead(feed: &PushSummary) -> Option<String> {
    let ahead_ns = feed.server_clock_ahead_ns?;
    Some(format!(
        "The server's clock is ahead by at least {}: {} a stamp later than the arrival, so {}",
        human_time(ahead_ns as f64),
        match feed.negative_delays {
            1 => "1 message has".to_owned(),
            n => format!("{} messages have", grouped(n)),
        },
        match feed.delay_ns {
            Some(_) => "delays are understated by at least that",
            None => "no delay is known",
        }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_says_by_which_clock_its_times_are() {
        let mut feed = PushSummary {
            received: 12_000,
            received_per_s: 1_000.0,
            clients: 100,
            ..PushSummary::default()
        };
        assert_eq!(
            feed_counts(&feed),
            "12,000 received by 100 clients · 1,000 msg/s"
        );
        assert!(feed_notes(&feed).is_empty());
        feed.missing = Some(12);
        (feed.duplicated, feed.reordered) = (Some(0), Some(0));
        assert!(feed_counts(&feed).ends_with(" · 12 missing · 0 duplicated · 0 reordered"));
        feed.late_ns = Some(Latency::default());
        feed.received = 0;
        assert!(feed_notes(&feed).is_empty(), "nothing came");
        feed.received = 12_000;
        (feed.late_by_count, feed.late_error_ns) = (true, 2_000_000);
        feed.delay_ns = Some(Latency::default());
        let rows: Vec<_> = feed_time_rows(&feed).iter().map(|row| row.0).collect();
        assert_eq!(rows, ["gap", "lateness", "delay"]);
        let notes = feed_notes(&feed);
        assert!(notes[0].ends_with("messages have no number; up to 2.00 ms more is possible"));
        assert!(notes[1].starts_with("Delay is arrival by this machine's clock"));
        (feed.negative_delays, feed.server_clock_ahead_ns) = (1, Some(3_000_000));
        let said = feed_notes(&feed).pop().unwrap();
        assert!(
            said.starts_with("The server's clock is ahead by at least 3.00 ms: 1 message has"),
            "{said}"
        );
        assert!(said.ends_with("delays are understated by at least that"));
        feed.delay_ns = None;
        let said = feed_notes(&feed).pop().unwrap();
        assert!(said.ends_with("so no delay is known"), "{said}");
    }
}
