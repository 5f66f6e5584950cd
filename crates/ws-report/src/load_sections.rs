//! Sections that only capacity searches and sweeps have.

use measurement::run::Summary;
use units::human_rate;
use wording::capacity_view::{self, LoadTable};
use wording::summary_view::{FigureGroup, LabelledRow, UNKNOWN};

use crate::inputs::ReportedRun;
use crate::page::{Block, Page, Table, TableRow, Tile, Tone, capital};
use crate::section_tables::{counts, sentence};

/// Title of the section of a search, and of its group of figures.
const CAPACITY: &str = "capacity";

/// Most rows of a table of steps.
const MOST_ROWS: usize = 40;

/// Returns `true` for a group of figures that has a section of its own.
pub(crate) fn has_section(group: &FigureGroup) -> bool {
    group.title == CAPACITY
}

/// Adds the section of a search or a sweep, with this picture of its rates; nothing for any other run.
pub(crate) fn add(page: &mut Page, s: &Summary, picture: Vec<Block>) {
    let Some(title) = title([s].into_iter()) else {
        return;
    };
    let rows = capacity_view::rows(s);
    let mut blocks: Vec<_> = rows
        .iter()
        .map(|row| Block::Text(in_sentence(row, title)))
        .collect();
    let points = rows.iter().flat_map(|row| &row.points);
    blocks.push(Block::List(
        points.map(|point| sentence(&capital(point))).collect(),
    ));
    blocks.extend(picture);
    if let Some(table) = capacity_view::table(s, MOST_ROWS) {
        let name = if s.capacity.is_some() {
            "Steps"
        } else {
            "Rates"
        };
        blocks.push(Block::Tables(vec![table_of_rates(name, table)]));
    }
    let figures = capacity_view::figures(s);
    if !figures.is_empty() {
        blocks.push(Block::Tables(vec![counts("Search", figures)]));
    }
    page.add(title, blocks);
}

/// Adds the section of several runs, with this picture of all their rates. Only searches and sweeps have one.
pub(crate) fn add_all(page: &mut Page, runs: &[ReportedRun], picture: Vec<Block>) {
    let summaries = runs.iter().filter_map(ReportedRun::summary);
    let Some(title) = title(summaries) else {
        return;
    };
    let rows = runs.iter().filter_map(|run| {
        let rows = capacity_view::rows(run.summary()?);
        let text = rows.first()?.text.clone();
        Some(TableRow::new(&run.name, vec![text]))
    });
    let table = Table {
        rows: rows.collect(),
        ..Table::default()
    };
    let mut blocks = vec![Block::Tables(vec![table])];
    blocks.extend(picture);
    page.add(title, blocks);
}

/// The capacity as a headline; `None` for any other run than a search.
pub(crate) fn tile(s: &Summary) -> Option<Tile> {
    let own = s.capacity.as_ref()?;
    let rate = |per_s: f64| format!("{} msg/s", human_rate(per_s));
    let at_least = if own.at_least { "at least " } else { "" };
    let conditions = capacity_view::all_conditions(&own.conditions);
    Some(Tile {
        label: CAPACITY.to_owned(),
        value: own.rate_per_s.map_or_else(
            || UNKNOWN.to_owned(),
            |per_s| format!("{at_least}{}", rate(per_s)),
        ),
        note: format!("at {conditions}"),
        tone: match own.rate_per_s {
            Some(rate) if rate > 0.0 => Tone::Neutral,
            _ => Tone::Bad,
        },
    })
}

/// The sentence on the rate that the other figures belong to; `None` for any other run.
pub(crate) fn origin_of_figures(s: &Summary) -> Option<Block> {
    let origin = capacity_view::origin_of_figures(s)?;
    Some(Block::Text(sentence(&capital(&origin))))
}

/// `Capacity` of searches, `Load curve` of sweeps, `Capacity and load curve` of both; `None` without either.
fn title<'s>(summaries: impl Iterator<Item = &'s Summary>) -> Option<&'static str> {
    let (mut has_search, mut has_sweep) = (false, false);
    for s in summaries {
        has_search |= s.capacity.is_some();
        has_sweep |= s.capacity.is_none() && s.load_curve.is_some();
    }
    match (has_search, has_sweep) {
        (true, true) => Some("Capacity and load curve"),
        (true, false) => Some("Capacity"),
        (false, true) => Some("Load curve"),
        (false, false) => None,
    }
}

/// The text as a sentence, after its label if that is not the title of the section: `Search: ended at …`.
fn in_sentence(row: &LabelledRow, title: &str) -> String {
    match capital(row.label) {
        label if label == title => sentence(&capital(&row.text)),
        label => sentence(&format!("{label}: {}", row.text)),
    }
}

fn table_of_rates(title: &str, table: LoadTable) -> Table {
    let rows = table.rows.into_iter().filter_map(|row| {
        let mut cells = row.cells.into_iter();
        let offered = format!("{} msg/s", cells.next()?);
        Some(TableRow::new(offered, cells.collect()))
    });
    let notes = table.notes.iter().map(|note| sentence(&capital(note)));
    Table {
        title: title.to_owned(),
        columns: table
            .columns
            .iter()
            .skip(1)
            .map(|&name| name.to_owned())
            .collect(),
        rows: rows.collect(),
        note: notes.collect::<Vec<_>>().join(" "),
        figures: true,
    }
}

#[cfg(test)]
mod tests {
    use test_support::fixtures::{closed_loop_summary, search_run, sweep_run};

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
        assert!(titles_and_text(&s).0.is_empty() && tile(&s).is_none());
        assert!(origin_of_figures(&s).is_none());
    }

    #[test]
    fn a_search_has_its_capacity_and_its_steps() {
        let s = search_run(50_000.0, |_| {}).summary.unwrap();
        let (titles, text) = titles_and_text(&s);
        assert_eq!(titles, ["Capacity"]);
        for part in [
            "\n49,040 msg/s (48,500–49,600, 95 %) at p99 &lt; 5 ms.",
            "Hysteresis: after an overload it recovered only up to 42,170 msg/s, not at 44,140 msg/s.",
            "| 49,040 msg/s | below | 2 |",
            "| 41,680 msg/s | above | 1 | yes |",
            "| hysteresis | yes |",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let tile = tile(&s).unwrap();
        assert_eq!(
            (&*tile.value, &*tile.note),
            ("49,040 msg/s", "at p99 < 5 ms")
        );
    }

    #[test]
    fn a_sweep_has_its_rates_and_no_figures_of_a_search() {
        let s = sweep_run(50_000.0, &[1_000.0, 40_000.0, 60_000.0], |_| {});
        let (titles, text) = titles_and_text(&s.summary.unwrap());
        assert_eq!(titles, ["Load curve"]);
        assert!(text.contains("kept up with 40,000 msg/s"), "{text}");
        assert!(text.contains("| 60,000 msg/s | 50,000 |"), "{text}");
        assert!(!text.contains("hysteresis"), "{text}");
    }

    #[test]
    fn an_unknown_capacity_is_a_bad_headline() {
        let s = search_run(50_000.0, |s| s.capacity.as_mut().unwrap().rate_per_s = None);
        let tile = tile(&s.summary.unwrap()).unwrap();
        assert_eq!((&*tile.value, tile.tone), (UNKNOWN, Tone::Bad));
    }
}
