//! Deliveries, feeds and slow readers as text: counts, rows of tables, and remarks.

use measurement::run::{FanOutSummary, NeighbourRatio, NeighbourSummary, PushSummary, SlowSummary};
use measurement::verdict::Latency;
use units::{counted, grouped, human_bytes, human_rate, human_time};

use crate::summary_figure::{SummaryFigure, count, figure, in_table, known_time, unusual};

/// Maximum number of clients listed in a sentence.
const LISTED: usize = 12;

/// A row of the table of delivery times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeliveryTimeRow {
    /// Name of the row: `delivery`, `first`, `median`, `last`, `spread`.
    pub label: &'static str,
    /// Times from the send time.
    pub time: Latency,
    /// Times from the intended send time; `None` for the spread, which has no beginning.
    pub response: Option<Latency>,
}

/// The rows of the table of delivery times.
pub fn time_rows(deliveries: &FanOutSummary) -> [DeliveryTimeRow; 5] {
    let d = deliveries;
    [
        ("delivery", d.delivery_time_ns, Some(d.delivery_response_ns)),
        ("first", d.first_ns, Some(d.first_response_ns)),
        ("median", d.median_ns, Some(d.median_response_ns)),
        ("last", d.last_ns, Some(d.last_response_ns)),
        ("spread", d.spread_ns, None),
    ]
    .map(|(label, time, response)| DeliveryTimeRow {
        label,
        time,
        response,
    })
}

/// Counts of deliveries: `1,000 published to 200 receivers · 200,000 of 200,000 delivered · 0 duplicated · 0 reordered`.
/// Counts of other faults follow when they are not zero.
pub fn counts(deliveries: &FanOutSummary) -> String {
    joined(&figures(deliveries))
}

/// The line of deliveries: `200,000 of 200,000 · reach 100 % · 0 duplicated · 0 reordered · 15,000 /s`. Counts of other
/// faults follow when they are not zero.
pub fn line(deliveries: &FanOutSummary) -> String {
    let d = deliveries;
    let mut parts = vec![format!(
        "{} of {}",
        grouped(d.delivered),
        grouped(d.expected)
    )];
    parts.extend(d.reach.map(|share| format!("reach {}", reach(share))));
    let named = |n: u64, name: &str| format!("{} {name}", grouped(n));
    let other = |n: u64, name: &str| (n > 0).then(|| named(n, name));
    parts.extend(other(d.missing, "missing"));
    parts.push(named(d.duplicated, "duplicated"));
    parts.push(match d.reordered {
        Some(reordered) => named(reordered, "reordered"),
        None => "reordered not counted".to_owned(),
    });
    parts.extend(other(d.late, "late"));
    parts.extend(other(d.corrupted, "corrupted"));
    parts.extend(other(d.unexpected, "unexpected"));
    parts.push(format!("{} /s", human_rate(d.deliveries_per_s)));
    parts.join(" · ")
}

/// Messages and deliveries per second: `100 publishes/s · 20,000 deliveries/s`.
pub fn rates(deliveries: &FanOutSummary) -> String {
    format!(
        "{} publishes/s · {} deliveries/s",
        human_rate(deliveries.publishes_per_s),
        human_rate(deliveries.deliveries_per_s)
    )
}

/// Counts and rates of deliveries, for a table and for the line of [`counts`].
pub fn figures(deliveries: &FanOutSummary) -> Vec<SummaryFigure> {
    let d = deliveries;
    let expected = grouped(d.expected);
    let published = format!("{} published to {}", grouped(d.published), receivers(d));
    let delivered = format!("{} of {expected} delivered", grouped(d.delivered));
    let per_second = |rate, what| format!("{} {what}/s", human_rate(rate));
    let table_only = |n: u64| (n > 0).then(|| grouped(n));
    vec![
        count("published", d.published).said(Some(published)),
        in_table(
            "published per second",
            Some(per_second(d.publishes_per_s, "msg")),
        ),
        in_table("expected", Some(expected)),
        count("delivered", d.delivered).said(Some(delivered)),
        in_table(
            "delivered per second",
            Some(per_second(d.deliveries_per_s, "msg")),
        ),
        in_table("reach", d.reach.map(reach)),
        unusual("missing", d.missing),
        count("duplicated", d.duplicated),
        match d.reordered {
            Some(reordered) => count("reordered", reordered),
            None => figure("reordered", Some("not counted".to_owned()), "reordered {}"),
        },
        unusual("late", d.late),
        unusual("corrupted", d.corrupted),
        unusual("unexpected", d.unexpected),
        in_table("messages that reached all", Some(grouped(d.complete))),
        in_table("messages that did not", table_only(d.incomplete)),
        in_table("receivers without any", table_only(d.unreached)),
    ]
}

/// Receivers of each message, on average if rooms differ: `200 receivers`, `12.5 receivers on average`.
fn receivers(d: &FanOutSummary) -> String {
    match d.published {
        0 => counted(0, "receiver"),
        published if d.expected.is_multiple_of(published) => {
            counted(d.expected / published, "receiver")
        }
        published => {
            let mean = d.expected as f64 / published as f64;
            format!("{mean:.1} receivers on average")
        }
    }
}

/// A share of deliveries that came: `100 %`, `99.50 %`. Only the whole is 100 %.
pub fn reach(share: f64) -> String {
    if share >= 1.0 {
        return "100 %".to_owned();
    }
    let text = format!("{:.2} %", share * 100.0);
    match text.as_str() {
        "100.00 %" => "just under 100 %".to_owned(),
        _ => text,
    }
}

/// The sentence on receivers that got nothing at all: `2 receivers got no delivery at all: clients 5, 9. Check that they
/// subscribe …`; `None` when each got some.
pub fn unreached(deliveries: &FanOutSummary) -> Option<String> {
    let n = deliveries.unreached;
    if n == 0 {
        return None;
    }
    let names = client_names(&deliveries.unreached_clients, n);
    Some(format!(
        "{} got no delivery at all{names}. {CHECK_SUBSCRIPTIONS}",
        counted(n, "receiver")
    ))
}

/// Advice on receivers that got nothing.
const CHECK_SUBSCRIPTIONS: &str =
    "Check with `--try` that each subscribes to its room before the load";

/// The notice on receivers, ascending, that got nothing in the warm-up.
pub fn unreached_in_warm_up(clients: &[u32]) -> String {
    let n = clients.len() as u64;
    let names = client_names(clients, n);
    format!(
        "{} got no delivery in the warm-up{names}. {CHECK_SUBSCRIPTIONS}",
        counted(n, "receiver")
    )
}

/// The first of these clients, and the number of the others, of `n` in all.
fn client_names(clients: &[u32], n: u64) -> String {
    let listed: Vec<_> = clients.iter().take(LISTED).map(u32::to_string).collect();
    let rest = n.saturating_sub(listed.len() as u64);
    match (listed.len(), rest) {
        (0, _) => String::new(),
        (1, 0) => format!(": client {}", listed[0]),
        (_, 0) => format!(": clients {}", listed.join(", ")),
        (_, rest) => format!(": clients {} and {} more", listed.join(", "), grouped(rest)),
    }
}

/// Remarks on deliveries: receivers without any, messages without times of first, median and last, and an order that was
/// not watched.
pub fn notes(deliveries: &FanOutSummary) -> Vec<String> {
    let unreached = unreached(deliveries).into_iter();
    unreached.chain(remarks(deliveries)).collect()
}

/// The [`notes`] without the one on receivers that got nothing, which is a reason of the verdict as well.
pub fn remarks(deliveries: &FanOutSummary) -> Vec<String> {
    let d = deliveries;
    let incomplete = (d.incomplete > 0).then(|| {
        format!(
            "{} did not reach all receivers; first, median, last and spread are those of the other {}",
            counted(d.incomplete, "message"),
            grouped(d.complete)
        )
    });
    let unknown = d.reordered.is_none().then(|| {
        "Reordered deliveries were not counted: there are too many pairs of publisher and receiver to keep their order"
            .to_owned()
    });
    [incomplete, unknown].into_iter().flatten().collect()
}

// Feeds.

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

/// Remarks on a feed's times: their meaning, their errors, and the clocks of the delay.
pub fn feed_notes(feed: &PushSummary) -> Vec<String> {
    let mut notes = Vec::new();
    if feed.late_ns.is_some() {
        notes.push(lateness_note(feed));
    }
    notes.extend(feed.skew_ns.map(|_| {
        "Skew is the time from the first client that got a message to the last".to_owned()
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
        "The server's clock is ahead by at least {}: {} a stamp later than the arrival, so delays are understated by at least that",
        human_time(ahead_ns as f64),
        match feed.negative_delays {
            1 => "1 message has".to_owned(),
            n => format!("{} messages have", grouped(n)),
        }
    ))
}

// Slow readers.

/// A row of the table of the other receivers before and after some turned slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeforeAfterRow {
    /// Name of the figure.
    pub label: &'static str,
    /// Figure before; `None` when unknown.
    pub before: Option<String>,
    /// Figure after; `None` when unknown.
    pub after: Option<String>,
    /// After divided by before, with its 95 % confidence interval: `1.72 × (1.60–1.85)`.
    pub ratio: Option<String>,
}

/// A figure of the other receivers: its name in tables, its name among the ratios, its time.
type NeighbourTime = (
    &'static str,
    &'static str,
    fn(&NeighbourSummary) -> Option<u64>,
);

const NEIGHBOUR_TIMES: [NeighbourTime; 8] = [
    ("first p50", "first.p50", |phase| phase.first_ns.p50),
    ("median p50", "median.p50", |phase| phase.median_ns.p50),
    ("last p50", "last.p50", |phase| phase.last_ns.p50),
    ("last p99", "last.p99", |phase| phase.last_ns.p99),
    ("delivery p50", "delivery.p50", |phase| {
        phase.delivery_ns.p50
    }),
    ("delivery p99", "delivery.p99", |phase| {
        phase.delivery_ns.p99
    }),
    ("service time p50", "service.p50", |phase| {
        phase.service_time_ns.p50
    }),
    ("service time p99", "service.p99", |phase| {
        phase.service_time_ns.p99
    }),
];

/// The rows of the other receivers before and after. Figures that neither phase has are left out.
pub fn before_and_after(slow: &SlowSummary) -> Vec<BeforeAfterRow> {
    let (before, after) = (&slow.before, &slow.after);
    let counted = |phase: &NeighbourSummary| (phase.expected > 0).then(|| grouped(phase.missing));
    let counts = [
        ("reach", before.reach.map(reach), after.reach.map(reach)),
        ("missing", counted(before), counted(after)),
    ];
    let counts = counts.map(|(label, before, after)| BeforeAfterRow {
        label,
        before,
        after,
        ratio: None,
    });
    let times = NEIGHBOUR_TIMES.map(|(label, figure, of)| {
        let ratios = slow.ratios.iter();
        BeforeAfterRow {
            label,
            before: known_time(of(before)),
            after: known_time(of(after)),
            ratio: ratios
                .into_iter()
                .find(|one| one.figure == figure)
                .map(ratio),
        }
    });
    let rows = counts.into_iter().chain(times);
    rows.filter(|row| row.before.is_some() || row.after.is_some())
        .collect()
}

/// A ratio with its interval: `1.72 × (1.60–1.85)`.
fn ratio(one: &NeighbourRatio) -> String {
    let (Some(low), Some(high)) = (one.low, one.high) else {
        return format!("{:.2} × (too few seconds for an interval)", one.ratio);
    };
    // Two digits would print an interval near 1 as if it started or ended there.
    let at_one = |end: f64| (0.995..1.005).contains(&end);
    let digits = if at_one(low) || at_one(high) { 4 } else { 2 };
    format!("{:.digits$} × ({low:.digits$}–{high:.digits$})", one.ratio)
}

/// Counts of slow readers: `10 from 10.0 s on · each reads 4.0 KiB/s of 4.0 KiB/s · 3 closed by the server (1013 × 3)`.
pub fn slow_counts(slow: &SlowSummary) -> String {
    joined(&slow_figures(slow))
}

/// Figures of slow readers, for a table and for the line of [`slow_counts`].
pub fn slow_figures(slow: &SlowSummary) -> Vec<SummaryFigure> {
    let per_second = |bytes| format!("{}/s", human_bytes(bytes));
    let after = human_time(slow.after_s * 1e9);
    let clients = format!("{} from {after} on", grouped(slow.clients));
    let planned = slow.planned_read_bytes_per_s.map(|bytes| match bytes {
        0 => "nothing".to_owned(),
        bytes => per_second(bytes as f64),
    });
    let read = per_second(slow.read_bytes_per_s);
    let reads = match slow.planned_read_bytes_per_s {
        Some(0) => "none reads".to_owned(),
        _ => {
            let of = planned.as_ref().map(|planned| format!(" of {planned}"));
            format!("each reads {read}{}", of.unwrap_or_default())
        }
    };
    let codes = slow.close_codes.iter();
    let codes: Vec<_> = codes
        .map(|(code, n)| format!("{code} × {}", grouped(*n)))
        .collect();
    let codes = (!codes.is_empty()).then(|| codes.join(", "));
    let closed = match &codes {
        Some(codes) => format!("{} closed by the server ({codes})", grouped(slow.closed)),
        None => format!("{} closed by the server", grouped(slow.closed)),
    };
    let closed_after = slow.closed_after_ns.unwrap_or_default();
    let memory = slow.server_bytes_per_client.map(memory);
    vec![
        count("slow readers", slow.clients).said(Some(clients)),
        in_table("slow from", Some(after)),
        in_table("planned to read", planned),
        in_table("read", Some(read)).said(Some(reads)),
        in_table("closed by the server", Some(grouped(slow.closed))).said(Some(closed)),
        in_table("close codes", codes),
        in_table("closed at, first", known_time(closed_after.min)),
        in_table("closed at, p50", known_time(closed_after.p50)),
        in_table("closed at, last", known_time(closed_after.max)),
        unusual("deliveries missing", slow.missing),
        figure(
            "server memory per slow reader",
            memory,
            "server memory {} per slow reader",
        ),
    ]
}

/// A growth of memory with its sign: `+1.3 MiB`.
fn memory(bytes: i64) -> String {
    let sign = if bytes < 0 { "−" } else { "+" };
    format!("{sign}{}", human_bytes(bytes.unsigned_abs() as f64))
}

fn joined(figures: &[SummaryFigure]) -> String {
    let phrases: Vec<_> = figures.iter().filter_map(|f| f.phrase.as_deref()).collect();
    phrases.join(" · ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn deliveries() -> FanOutSummary {
        FanOutSummary {
            published: 1_000,
            expected: 200_000,
            delivered: 200_000,
            reordered: Some(0),
            reach: Some(1.0),
            complete: 1_000,
            ..FanOutSummary::default()
        }
    }

    #[test]
    fn counts_of_deliveries_name_faults_only_where_there_are_some() {
        let mut d = deliveries();
        assert_eq!(
            counts(&d),
            "1,000 published to 200 receivers · 200,000 of 200,000 delivered · 0 duplicated · 0 reordered"
        );
        assert!(notes(&d).is_empty());
        (d.expected, d.missing, d.late, d.reordered) = (200_500, 500, 3, None);
        (d.complete, d.incomplete) = (900, 100);
        assert_eq!(
            counts(&d),
            "1,000 published to 200.5 receivers on average · 200,000 of 200,500 delivered · 500 missing · 0 duplicated · reordered not counted · 3 late"
        );
        let notes = notes(&d);
        assert!(notes[0].starts_with("100 messages did not reach all receivers; first,"));
        assert!(notes[1].starts_with("Reordered deliveries were not counted"));
        (d.publishes_per_s, d.deliveries_per_s) = (100.0, 20_000.0);
        d.reach = Some(0.9975);
        assert_eq!(
            line(&d),
            "200,000 of 200,500 · reach 99.75 % · 500 missing · 0 duplicated · reordered not counted · 3 late · 20,000 /s"
        );
        let whole = FanOutSummary {
            deliveries_per_s: 15_000.0,
            ..deliveries()
        };
        assert_eq!(
            line(&whole),
            "200,000 of 200,000 · reach 100 % · 0 duplicated · 0 reordered · 15,000 /s"
        );
        assert_eq!(rates(&d), "100 publishes/s · 20,000 deliveries/s");
    }

    #[test]
    fn only_a_complete_reach_is_a_hundred_percent() {
        assert_eq!(reach(1.0), "100 %");
        assert_eq!(reach(0.999_999), "just under 100 %");
        assert_eq!(reach(0.995), "99.50 %");
        assert_eq!(reach(0.0), "0.00 %");
    }

    #[test]
    fn clients_without_a_delivery_are_listed_up_to_a_dozen() {
        let mut d = deliveries();
        assert_eq!(unreached(&d), None);
        let begins = |d: &FanOutSummary, text: &str| {
            let said = unreached(d).unwrap();
            assert!(said.starts_with(text), "{said}");
        };
        (d.unreached, d.unreached_clients) = (1, vec![5]);
        begins(&d, "1 receiver got no delivery at all: client 5. ");
        (d.unreached, d.unreached_clients) = (1_000, (0..100).collect());
        begins(
            &d,
            "1,000 receivers got no delivery at all: clients 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 988 more. ",
        );
    }

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
    }

    #[test]
    fn neighbours_stand_before_and_after_with_their_ratios() {
        let times = |p50| Latency {
            count: 10,
            p50: Some(p50),
            ..Latency::default()
        };
        let phase = |missing, p50| NeighbourSummary {
            expected: 200,
            missing,
            reach: Some(1.0 - missing as f64 / 200.0),
            last_ns: times(p50),
            ..NeighbourSummary::default()
        };
        let mut slow = SlowSummary {
            clients: 10,
            after_s: 10.0,
            planned_read_bytes_per_s: Some(4_096),
            read_bytes_per_s: 4_096.0,
            closed: 3,
            close_codes: BTreeMap::from([(1013, 3)]),
            before: phase(0, 1_000_000),
            after: phase(4, 2_000_000),
            ratios: vec![NeighbourRatio {
                figure: "last.p50".to_owned(),
                ratio: 2.0,
                low: Some(1.8),
                high: Some(2.25),
            }],
            server_bytes_per_client: Some(-2_048),
            ..SlowSummary::default()
        };
        let rows: Vec<_> = before_and_after(&slow)
            .into_iter()
            .map(|row| {
                let cells = [row.before, row.after, row.ratio];
                (row.label, cells.map(Option::unwrap_or_default).join(" | "))
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("reach", "100 % | 98.00 % | ".to_owned()),
                ("missing", "0 | 4 | ".to_owned()),
                (
                    "last p50",
                    "1.00 ms | 2.00 ms | 2.00 × (1.80–2.25)".to_owned()
                ),
            ]
        );
        assert_eq!(
            slow_counts(&slow),
            "10 from 10.0 s on · each reads 4.0 KiB/s of 4.0 KiB/s · 3 closed by the server (1013 × 3) · server memory −2.0 KiB per slow reader"
        );
        slow.planned_read_bytes_per_s = Some(0);
        assert!(slow_counts(&slow).contains(" · none reads · "));
        slow.ratios[0].low = None;
        assert!(
            before_and_after(&slow)[2]
                .ratio
                .as_ref()
                .unwrap()
                .ends_with("(too few seconds for an interval)")
        );
    }
}
