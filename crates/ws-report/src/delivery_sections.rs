//! Sections that only runs with deliveries, a feed or slow readers have.

use std::collections::BTreeMap;

use measurement::run::{FanOutSummary, KindSummary, PushSummary, SlowSummary, Summary};
use units::{grouped, human_time};
use wording::deliveries_view;
use wording::summary_view::{FigureGroup, UNKNOWN, in_table, time};

use crate::page::{Block, Page, Table, TableRow};
use crate::section_tables::{columns_of_times, counts, row_of_times, sentence};

/// Titles of the sections, and of their groups of figures.
const DELIVERIES: &str = "deliveries";
const PUSHES: &str = "pushes";
const SLOW_READERS: &str = "slow readers";

/// Returns `true` for a group of figures that has a section of its own.
pub(crate) fn has_section(group: &FigureGroup) -> bool {
    [DELIVERIES, PUSHES, SLOW_READERS].contains(&group.title)
}

/// The groups of figures, for a page on which runs stand side by side.
pub(crate) fn groups(s: &Summary) -> Vec<FigureGroup> {
    let group = |title, figures| FigureGroup { title, figures };
    let of_deliveries = s.fan_out.as_ref().map(|of_run| {
        let times = deliveries_view::time_figures(of_run);
        let figures = [deliveries_view::figures(of_run), times].concat();
        group(DELIVERIES, figures)
    });
    let of_feed = s.push.as_ref().map(|feed| {
        let times = deliveries_view::feed_time_figures(feed);
        group(
            PUSHES,
            [deliveries_view::feed_figures(feed), times].concat(),
        )
    });
    let of_slow = s.slow.as_ref().map(|slow| {
        let rows = deliveries_view::before_and_after(slow).into_iter();
        let ratios = rows.filter_map(|row| Some(in_table(row.label, Some(row.ratio?))));
        let mut figures = deliveries_view::slow_figures(slow);
        figures.extend(ratios);
        group(SLOW_READERS, figures)
    });
    [of_deliveries, of_feed, of_slow]
        .into_iter()
        .flatten()
        .collect()
}

/// Adds the sections of a run, with this picture of its deliveries.
pub(crate) fn add(page: &mut Page, s: &Summary, has_response: bool, picture: Vec<Block>) {
    if let Some(of_run) = &s.fan_out {
        let mut blocks = deliveries(of_run, &s.roles, has_response);
        blocks.extend(picture);
        page.add("Deliveries", blocks);
    }
    if let Some(feed) = &s.push {
        page.add("Pushes", pushes(feed));
    }
    if let Some(slow) = &s.slow {
        page.add("Slow readers", slow_readers(slow));
    }
}

fn deliveries(
    of_run: &FanOutSummary,
    roles: &BTreeMap<String, KindSummary>,
    has_response: bool,
) -> Vec<Block> {
    let notes = deliveries_view::notes(of_run);
    let mut tables = vec![delivery_times(of_run, has_response), receivers(roles)];
    tables.retain(|table| !table.rows.is_empty());
    vec![
        Block::Text(sentence(&deliveries_view::counts(of_run))),
        Block::List(notes.iter().map(|note| sentence(note)).collect()),
        Block::Tables(vec![counts("", deliveries_view::figures(of_run))]),
        Block::Tables(tables),
    ]
}

/// Delivery times from the send time and, in open loop, from the intended send time.
fn delivery_times(of_run: &FanOutSummary, has_response: bool) -> Table {
    let all = deliveries_view::time_rows(of_run);
    let mut rows: Vec<_> = all
        .iter()
        .map(|row| row_of_times(row.label, &row.time))
        .collect();
    if has_response {
        let responses = all
            .iter()
            .filter_map(|row| Some((row.label, row.response?)));
        let start = rows.len();
        rows.extend(responses.map(|(label, times)| row_of_times(label, &times)));
        rows[0].group = Some("From the send time".to_owned());
        rows[start].group = Some("From the intended send time".to_owned());
    }
    Table {
        title: "Delivery times".to_owned(),
        columns: columns_of_times(),
        rows,
        note: "Delivery: of every receiver. First, median, last and spread: of each message that reached all."
            .to_owned(),
        figures: true,
    }
}

/// One row per role that receives deliveries.
fn receivers(roles: &BTreeMap<String, KindSummary>) -> Table {
    let columns = [
        "expected",
        "delivered",
        "missing",
        "delivery p50",
        "p99",
        "max",
    ];
    let row = |(name, role): (&String, &KindSummary)| {
        let own = role.deliveries.as_ref()?;
        let counts = [own.expected, own.delivered, own.missing].map(grouped);
        let times = &own.delivery_time_ns;
        let times = [times.p50, times.p99, times.max].map(time);
        let cells = counts.into_iter().chain(times).collect();
        Some(TableRow::new(name.clone(), cells))
    };
    Table {
        title: "Roles that receive".to_owned(),
        columns: columns.map(str::to_owned).into(),
        rows: roles.iter().filter_map(row).collect(),
        figures: true,
        ..Table::default()
    }
}

fn pushes(feed: &PushSummary) -> Vec<Block> {
    let rows = deliveries_view::feed_time_rows(feed).into_iter();
    let times = Table {
        title: "Times of the feed".to_owned(),
        columns: columns_of_times(),
        rows: rows
            .map(|(label, times)| row_of_times(label, &times))
            .collect(),
        figures: true,
        ..Table::default()
    };
    let notes = deliveries_view::feed_notes(feed);
    vec![
        Block::Text(sentence(&deliveries_view::feed_counts(feed))),
        Block::Tables(vec![counts("", deliveries_view::feed_figures(feed))]),
        Block::Tables(vec![times]),
        Block::List(notes.iter().map(|note| sentence(note)).collect()),
    ]
}

fn slow_readers(slow: &SlowSummary) -> Vec<Block> {
    let known = |cell: Option<String>| cell.unwrap_or_else(|| UNKNOWN.to_owned());
    let rows = deliveries_view::before_and_after(slow).into_iter();
    let others = Table {
        title: "The other receivers".to_owned(),
        columns: ["before", "after", "after / before (95 % interval)"]
            .map(str::to_owned)
            .into(),
        rows: rows
            .map(|row| {
                let cells = [row.before, row.after, row.ratio].map(known);
                TableRow::new(row.label, cells.into())
            })
            .collect(),
        note: format!(
            "Messages sent before and after {} of the measurement, to the same receivers.",
            human_time(slow.after_s * 1e9)
        ),
        figures: true,
    };
    let mut tables = vec![
        counts("The slow readers", deliveries_view::slow_figures(slow)),
        others,
    ];
    tables.retain(|table| !table.rows.is_empty());
    vec![
        Block::Text(sentence(&deliveries_view::slow_counts(slow))),
        Block::Tables(tables),
    ]
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_summary, feed, room_run, slow_readers};

    use super::*;

    fn page(s: &Summary, has_response: bool) -> Page {
        let mut page = Page::new("a run");
        add(&mut page, s, has_response, Vec::new());
        page
    }

    fn room(change: impl FnOnce(&mut Summary)) -> Summary {
        room_run(100_000, false, change).summary.unwrap()
    }

    #[test]
    fn an_echo_has_none_of_the_sections() {
        let s = closed_loop_summary(100);
        assert!(page(&s, false).sections.is_empty() && groups(&s).is_empty());
    }

    #[test]
    fn deliveries_have_counts_times_roles_and_the_clients_that_got_nothing() {
        let s = room(|s| {
            let of_run = s.fan_out.as_mut().unwrap();
            (of_run.unreached, of_run.unreached_clients) = (1, vec![7]);
        });
        let text = crate::markdown(&page(&s, true));
        for part in [
            "## Deliveries",
            "600 published to 20 receivers · 11,940 of 12,000 delivered · 60 missing",
            "- 1 receiver got no delivery at all: client 7.",
            "| reach | 99.50 % |",
            "From the intended send time",
            "### Roles that receive",
            "| subscriber | 12,000 | 11,940 | 60 |",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let closed = crate::markdown(&page(&s, false));
        assert!(!closed.contains("intended"), "{closed}");
    }

    #[test]
    fn feeds_and_slow_readers_have_sections_of_their_own() {
        let s = room(|s| (s.fan_out, s.push, s.slow) = (None, Some(feed()), Some(slow_readers())));
        let page = page(&s, true);
        let titles: Vec<_> = page.sections.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["Pushes", "Slow readers"]);
        let text = crate::markdown(&page);
        for part in [
            "360 received by 2 clients · 180 msg/s · 40 missing",
            "| skew | 1.00 ms |",
            "| close codes | 1013 × 2 |",
            "| server memory per slow reader | +1.2 MiB |",
            "1.40 × (1.33–1.47)",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
