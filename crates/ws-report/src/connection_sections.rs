//! Sections that only runs with connections at times of their own, lost connections or idle ones have.

use measurement::run::{IdleSummary, ReconnectSummary, Summary};
use measurement::verdict::Latency;
use wording::summary_view::FigureGroup;
use wording::{idle_view, reconnect_view};

use crate::page::{Block, Page, Table, capital};
use crate::section_tables::{columns_of_times, counts, row_of_times, sentence};

/// Titles of the sections, and of their groups of figures.
const LOST: &str = "lost connections";
const IDLE: &str = "idle connections";

/// Returns `true` for a group of figures that has a section of its own.
pub(crate) fn has_section(group: &FigureGroup) -> bool {
    [LOST, IDLE].contains(&group.title)
}

/// The groups of figures, for a page on which runs stand side by side.
pub(crate) fn groups(s: &Summary) -> Vec<FigureGroup> {
    let group = |title, figures| FigureGroup { title, figures };
    let lost = s.reconnect.as_ref();
    let lost = lost.map(|own| group(LOST, reconnect_view::figures(s, own)));
    let idle = s.idle.as_ref();
    let idle = idle.map(|own| group(IDLE, idle_view::idle_figures(own)));
    [lost, idle].into_iter().flatten().collect()
}

/// Adds the sections of a run, with this picture of its lost connections.
pub(crate) fn add(page: &mut Page, s: &Summary, picture: Vec<Block>) {
    let opening = times("", &reconnect_view::connect_time_rows(s));
    page.add("Opening of connections", opening);
    if let Some(own) = &s.reconnect {
        let mut blocks = lost(s, own);
        blocks.extend(picture);
        page.add("Lost connections", blocks);
    }
    if let Some(own) = &s.idle {
        page.add("Idle connections", idle(own));
    }
}

/// A table with a row for each of these times; none without any.
fn times(title: &str, rows: &[(&'static str, Latency)]) -> Vec<Block> {
    if rows.is_empty() {
        return Vec::new();
    }
    let table = Table {
        title: title.to_owned(),
        columns: columns_of_times(),
        rows: rows
            .iter()
            .map(|(label, times)| row_of_times(label, times))
            .collect(),
        note: "Connect: from the start of an attempt. Response: from its intended time.".to_owned(),
        figures: true,
    };
    vec![Block::Tables(vec![table])]
}

fn lost(s: &Summary, own: &ReconnectSummary) -> Vec<Block> {
    let mut tables = vec![
        counts("Losses", reconnect_view::loss_figures(s, own)),
        counts(
            "Time until they were back",
            reconnect_view::back_figures(own),
        ),
        counts("Attempts", reconnect_view::attempt_figures(own)),
        counts("Messages", reconnect_view::message_figures(own)),
    ];
    tables.retain(|table| !table.rows.is_empty());
    // The times until they were back have a table.
    let (line, back) = (
        reconnect_view::counts(s, own),
        reconnect_view::back_line(own),
    );
    let losses = line.strip_suffix(&back).unwrap_or(&line);
    let losses = losses.trim_end_matches(" · ");
    let notes = reconnect_view::notes(own);
    let mut blocks = vec![Block::Text(sentence(losses)), Block::Tables(tables)];
    let rows = reconnect_view::reconnect_time_rows(own);
    blocks.extend(times("Times of opening them again", &rows));
    blocks.push(Block::List(
        notes.iter().map(|note| sentence(&capital(note))).collect(),
    ));
    blocks
}

fn idle(own: &IdleSummary) -> Vec<Block> {
    vec![
        Block::Text(sentence(&idle_view::idle_counts(own))),
        Block::Tables(vec![counts("", idle_view::idle_figures(own))]),
    ]
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_summary, storm_run};

    use super::*;

    fn titles_and_text(s: &Summary) -> (Vec<String>, String) {
        let mut page = Page::new("a run");
        add(&mut page, s, Vec::new());
        let titles = page.sections.iter().map(|one| one.title.clone()).collect();
        (titles, crate::markdown(&page))
    }

    #[test]
    fn an_echo_has_none_of_the_sections() {
        let s = closed_loop_summary(100);
        assert!(titles_and_text(&s).0.is_empty() && groups(&s).is_empty());
    }

    #[test]
    fn a_storm_has_tables_of_its_losses_attempts_and_times() {
        let s = storm_run(50, |_| {}).summary.unwrap();
        let (titles, text) = titles_and_text(&s);
        assert_eq!(
            titles,
            [
                "Opening of connections",
                "Lost connections",
                "Idle connections"
            ]
        );
        for part in [
            "| response | ",
            "120 of 240 lost (reset by plan at 1.00 s) · 120 back · 0 not back.\n",
            "| 99 % back after | 4.44 s |",
            "| reconnect | backoff:100ms..1s |",
            "| attempts | 727 |",
            "| timed out | 1 |",
            "| missed messages | 170 |",
            "| listen queue overflows since T0 | 24 |",
            "| server memory per connection | 10.0 KiB |",
            "| 95 % interval | \\[9.6, 10.5\\] |",
            "| plain difference per connection | 11.1 KiB |",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_share_that_was_never_back_is_not_reached() {
        let s = storm_run(50, |s| {
            let own = s.reconnect.as_mut().unwrap();
            (own.back, own.back_99_ns, own.back_100_ns) = (110, None, None);
        });
        let (_, text) = titles_and_text(&s.summary.unwrap());
        assert!(text.contains("| 99 % back after | not reached |"), "{text}");
        assert!(text.contains("| not back | 10 |"), "{text}");
    }

    #[test]
    fn clients_that_stay_away_have_no_times_until_they_are_back() {
        let s = storm_run(50, |s| {
            let own = s.reconnect.as_mut().unwrap();
            (own.law, own.attempts, own.back) = (None, 0, 0);
            (own.connect_ns, own.connect_response_ns) = Default::default();
        });
        let (_, text) = titles_and_text(&s.summary.unwrap());
        assert!(text.contains("they stay away"), "{text}");
        assert!(
            !text.contains("back after") && !text.contains("Opening of lost"),
            "{text}"
        );
    }
}
