//! Deliveries as text: counts, rows of tables, and remarks; and those of feeds and slow readers.

use measurement::run::FanOutSummary;
use measurement::verdict::Latency;
use units::{counted, grouped, human_rate};

use crate::summary_figure::{
    QuantileNames, SummaryFigure, count, figure, in_table, joined, quantiles, unusual,
};

pub use crate::feed_view::{
    clock_ahead, feed_counts, feed_figures, feed_notes, feed_time_figures, feed_time_rows,
};
pub use crate::slow_view::{BeforeAfterRow, before_and_after, slow_counts, slow_figures};
pub use crate::summary_figure::reach;

/// Heading of delivery times from the send time.
pub const FROM_SEND_TIME: &str = "From the send time";

/// Heading of delivery times from the intended send time.
pub const FROM_INTENDED_TIME: &str = "From the intended send time";

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

/// The line of deliveries: `1,000 published · 200,000 of 200,000 delivered · reach 100 % · 0 duplicated · 0 reordered · 15,000 deliveries/s`. Counts of other
/// faults follow when they are not zero.
pub fn line(deliveries: &FanOutSummary) -> String {
    let d = deliveries;
    let mut parts = vec![format!(
        "{} published · {} of {} delivered",
        grouped(d.published),
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
    parts.push(format!("{} deliveries/s", human_rate(d.deliveries_per_s)));
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
            Some(per_second(d.publishes_per_s, "publishes")),
        ),
        in_table("expected", Some(expected)),
        count("delivered", d.delivered).said(Some(delivered)),
        in_table(
            "delivered per second",
            Some(per_second(d.deliveries_per_s, "deliveries")),
        ),
        match d.reach {
            Some(share) => in_table("reach", Some(reach(share))),
            // A shard that died took its deliveries along.
            None if d.expected > 0 => figure("reach", Some("unknown".to_owned()), "reach {}"),
            None => in_table("reach", None),
        },
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

/// p50 and p99 of the delivery times, for tables that have a row for each.
pub fn time_figures(deliveries: &FanOutSummary) -> Vec<SummaryFigure> {
    const NAMES: [QuantileNames; 5] = [
        ["delivery p50", "delivery p99"],
        ["first p50", "first p99"],
        ["median p50", "median p99"],
        ["last p50", "last p99"],
        ["spread p50", "spread p99"],
    ];
    let rows = NAMES.into_iter().zip(time_rows(deliveries));
    rows.flat_map(|(names, row)| quantiles(names, &row.time))
        .collect()
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
        let times = match d.complete {
            0 => "no message has a first, median or last time".to_owned(),
            complete => format!(
                "first, median, last and spread are those of the other {}",
                grouped(complete)
            ),
        };
        let incomplete = counted(d.incomplete, "message");
        format!("{incomplete} did not reach all receivers; {times}")
    });
    let unknown = d.reordered.is_none().then(|| {
        "Reordered deliveries were not counted: there are too many pairs of publisher and receiver to keep their order"
            .to_owned()
    });
    [incomplete, unknown].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
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
            "1,000 published · 200,000 of 200,500 delivered · reach 99.75 % · 500 missing · 0 duplicated · reordered not counted · 3 late · 20,000 deliveries/s"
        );
        let whole = FanOutSummary {
            deliveries_per_s: 15_000.0,
            ..deliveries()
        };
        assert_eq!(
            line(&whole),
            "1,000 published · 200,000 of 200,000 delivered · reach 100 % · 0 duplicated · 0 reordered · 15,000 deliveries/s"
        );
        d.reach = None;
        assert!(counts(&d).contains(" delivered · reach unknown · "));
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
}
