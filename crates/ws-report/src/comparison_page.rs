//! The page about several runs side by side.

use measurement::run::Summary;
use measurement::verdict::Latency;
use units::{counted, human_time};
use wording::run_differences::{RunDifference, Setting, differences, host_settings, plan_settings};
use wording::summary_view::{FigureGroup, UNKNOWN, in_table};

use crate::figures::figures;
use crate::inputs::ReportedRun;
use crate::page::{Banner, Block, Page, Table, TableRow, capital};
use crate::pictures::ReportPictures;
use crate::run_page::{how_to_repeat, moment, settings_table};
use crate::{load_sections, verdict};

/// The page about several runs, with these pictures after the figures.
pub(crate) fn page(runs: &[ReportedRun], pictures: ReportPictures) -> Page {
    let summaries: Vec<&Summary> = runs.iter().filter_map(ReportedRun::summary).collect();
    let differences = differences(&summaries);
    let mut page = Page::new(format!("{} of ws-bench", counted(runs.len() as u64, "run")));
    page.below = runs.iter().map(|run| run.name.clone()).collect();

    let mut blocks: Vec<Block> = Vec::new();
    blocks.extend(verdict::comparable(&differences, &summaries).map(Block::Banner));
    for run in runs {
        let shards = run.summary().and_then(verdict::shards);
        let conditions = run.summary().and_then(verdict::conditions);
        let further = shards.into_iter().chain(conditions);
        for banner in std::iter::once(verdict::verdict(run)).chain(further) {
            let about = Some(run.name.clone());
            blocks.push(Block::Banner(Banner { about, ..banner }));
        }
    }
    page.add("Verdicts", blocks);
    load_sections::add_all(&mut page, runs, pictures.of_rates);
    page.add(
        "Figures",
        vec![Block::Tables(vec![beside_each_other(runs)])],
    );
    page.add("Lost connections", pictures.of_storms);
    page.add("Deliveries", pictures.of_deliveries);
    page.add("Pictures", pictures.of_messages);
    let named: Vec<&ReportedRun> = runs.iter().filter(|run| run.summary().is_some()).collect();
    page.add("What differs", what_differs(&named, &differences));
    page.add(
        "What is the same",
        what_is_the_same(&summaries, &differences),
    );
    let mut blocks = Vec::new();
    for (run, s) in runs.iter().filter_map(|run| Some((run, run.summary()?))) {
        blocks.push(Block::Text(format!("{}:", run.name)));
        blocks.extend(how_to_repeat(s));
    }
    page.add("How to repeat them", blocks);
    page
}

/// Every figure that any run has, with a column for each run. Rows of a group stand together.
fn beside_each_other(runs: &[ReportedRun]) -> Table {
    let has_response = runs.iter().any(ReportedRun::has_response_time);
    let mut rows: Vec<(&str, TableRow)> = Vec::new();
    for (column, run) in runs.iter().enumerate() {
        let mut groups = vec![times("service time", &run.service)];
        groups.extend(has_response.then(|| times("response time", &run.response)));
        groups.extend(figures(run));
        let of_group = |g: FigureGroup| g.figures.into_iter().map(move |f| (g.title, f));
        for (group, figure) in groups.into_iter().flat_map(of_group) {
            let Some(value) = figure.value else { continue };
            let is_same =
                |(other, row): &(&str, TableRow)| *other == group && row.name == figure.name;
            let at = rows.iter().position(is_same).unwrap_or_else(|| {
                let last = rows.iter().rposition(|(other, _)| *other == group);
                let at = last.map_or(rows.len(), |last| last + 1);
                let cells = vec![UNKNOWN.to_owned(); runs.len()];
                rows.insert(at, (group, TableRow::new(figure.name, cells)));
                at
            });
            rows[at].1.cells[column] = value;
        }
    }
    let mut above = "";
    for (group, row) in &mut rows {
        row.group = (*group != above).then(|| capital(group));
        above = group;
    }
    Table {
        columns: runs.iter().map(|run| run.name.clone()).collect(),
        rows: rows.into_iter().map(|(_, row)| row).collect(),
        figures: true,
        ..Table::default()
    }
}

fn times(title: &'static str, times: &Latency) -> FigureGroup {
    let figure = |(name, ns): (&'static str, Option<f64>)| in_table(name, ns.map(human_time));
    FigureGroup {
        title,
        figures: times.shown().map(figure).into(),
    }
}

fn what_differs(runs: &[&ReportedRun], differences: &[RunDifference]) -> Vec<Block> {
    if runs.len() < 2 {
        return Vec::new();
    }
    let begun = |run: &&ReportedRun| {
        let summary = run.summary();
        summary.map_or_else(String::new, |s| moment(&s.started_at))
    };
    let begun = TableRow::new("begun", runs.iter().map(begun).collect());
    let rows = differences.iter();
    let rows = rows.map(|difference| TableRow::new(difference.what, difference.values.clone()));
    vec![Block::Tables(vec![Table {
        columns: runs.iter().map(|run| run.name.clone()).collect(),
        rows: rows.chain([begun]).collect(),
        ..Table::default()
    }])]
}

fn what_is_the_same(summaries: &[&Summary], differences: &[RunDifference]) -> Vec<Block> {
    let Some(first) = summaries.first() else {
        return Vec::new();
    };
    let same = |title, mut settings: Vec<Setting>| {
        settings.retain(|setting| differences.iter().all(|d| d.what != setting.what));
        settings_table(title, settings)
    };
    let mut tables = vec![
        same("Plan", plan_settings(&first.plan, first.scenario.as_ref())),
        same("Host", host_settings(first)),
    ];
    tables.retain(|table| !table.rows.is_empty());
    vec![Block::Tables(tables)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::save;
    use crate::inputs::read_runs;
    use measurement::run::{CapacityPlanSummary, Summary, SweepPlanSummary};
    use test_support::fixtures::{open_loop_run, search_run, sweep_run};

    /// A run for each change, saved and read again.
    fn runs(changes: &[fn(&mut Summary)]) -> Vec<ReportedRun> {
        let folder = tempfile::tempdir().unwrap();
        let made = changes.iter().enumerate().map(|(number, change)| {
            let path = folder.path().join(format!("{number}.json"));
            let run = open_loop_run(|s| {
                s.started_at = format!("{number}");
                change(s);
            });
            save(&run, &path);
            path
        });
        read_runs(&made.collect::<Vec<_>>()).unwrap()
    }

    fn table<'p>(page: &'p Page, section: &str) -> &'p Table {
        let section = page.sections.iter().find(|s| s.title == section).unwrap();
        let Block::Tables(tables) = &section.blocks[0] else {
            panic!("no tables")
        };
        &tables[0]
    }

    fn cells<'t>(table: &'t Table, group: &str, name: &str) -> &'t [String] {
        let mut rows = table.rows.iter();
        rows.by_ref()
            .find(|row| row.group.as_deref() == Some(group))
            .map(|first| {
                if first.name == name {
                    Some(first)
                } else {
                    None
                }
            })
            .unwrap()
            .or_else(|| rows.find(|row| row.name == name))
            .map(|row| row.cells.as_slice())
            .unwrap()
    }

    #[test]
    fn every_figure_stands_in_the_column_of_its_run() {
        let runs = runs(&[
            |s| s.messages.lost = 1,
            |s| s.messages.lost = 2_000,
            // A figure that no other run has.
            |s| s.messages.duplicated = 3,
        ]);
        let page = page(&runs, ReportPictures::default());
        let figures = table(&page, "Figures");
        assert_eq!(figures.columns, ["0.json", "1.json", "2.json"]);
        assert_eq!(cells(figures, "Messages", "lost"), ["1", "2,000", "0"]);
        assert_eq!(
            cells(figures, "Messages", "duplicated"),
            [UNKNOWN, UNKNOWN, "3"]
        );
        assert_eq!(cells(figures, "Service time", "min"), ["1.00 ms"; 3]);
        assert_eq!(cells(figures, "Response time", "min"), ["1.50 ms"; 3]);
        assert!(figures.rows.iter().all(|row| row.cells.len() == 3));
    }

    #[test]
    fn a_group_of_rows_has_its_name_once() {
        let runs = runs(&[|_| {}, |s| s.messages.reordered = 1]);
        let page = page(&runs, ReportPictures::default());
        let groups = table(&page, "Figures").rows.iter();
        let groups: Vec<_> = groups.filter_map(|row| row.group.as_ref()).collect();
        let mut once = groups.clone();
        once.dedup();
        assert_eq!(groups, once);
        assert_eq!(groups[..2], ["Service time", "Response time"]);
    }

    #[test]
    fn runs_of_another_load_are_not_comparable() {
        let words = |changes: &[fn(&mut Summary)]| -> Vec<String> {
            let page = page(&runs(changes), ReportPictures::default());
            let blocks = page.sections[0].blocks.iter();
            let words = blocks.filter_map(|block| match block {
                Block::Banner(banner) => Some(banner.word.clone()),
                _ => None,
            });
            words.collect()
        };
        let verdict = |n| vec!["suspect".to_owned(); n];
        let with = |word: &str| [vec![word.to_owned()], verdict(2)].concat();
        assert_eq!(words(&[|_| {}, |s| s.plan.seed = 9]), verdict(2));
        assert_eq!(
            words(&[|_| {}, |s| s.plan.rate_per_s = Some(2_000.0)]),
            with("not comparable")
        );
        assert_eq!(
            words(&[|_| {}, |s| s.host.cores = 64]),
            with("compare with care")
        );
    }

    /// A sweep beside a search of the same server was called not comparable.
    #[test]
    fn load_curves_of_a_search_and_a_sweep_can_be_compared() {
        let folder = tempfile::tempdir().unwrap();
        let words = |change: fn(&mut Summary)| {
            let search = search_run(50_000.0, |s| {
                s.plan.find_capacity = Some(CapacityPlanSummary {
                    conditions: vec!["p99<5ms".to_owned()],
                    precision: 0.03,
                    budget_s: 120.0,
                });
            });
            let rates = [1_000.0, 40_000.0];
            let sweep = sweep_run(50_000.0, &rates, |s| {
                s.started_at = "later".to_owned();
                s.plan.sweep = Some(SweepPlanSummary {
                    rates: rates.into(),
                    point_s: 10.0,
                });
                change(s);
            });
            let saved = [("a.json", search), ("b.json", sweep)].map(|(name, run)| {
                let path = folder.path().join(name);
                save(&run, &path);
                path
            });
            let page = page(&read_runs(&saved).unwrap(), ReportPictures::default());
            let titles: Vec<_> = page.sections.iter().map(|one| one.title.clone()).collect();
            assert_eq!(titles[1], "Capacity and load curve");
            let Block::Banner(banner) = &page.sections[0].blocks[0] else {
                panic!("no banner")
            };
            banner.word.clone()
        };
        assert_eq!(words(|_| {}), "compare with care");
        assert_eq!(words(|s| s.plan.clients = 7), "not comparable");
    }

    #[test]
    fn what_differs_is_not_among_what_is_the_same() {
        let runs = runs(&[|_| {}, |s| s.plan.clients = 7]);
        let page = page(&runs, ReportPictures::default());
        let names = |section| -> Vec<_> {
            let rows = &table(&page, section).rows;
            rows.iter().map(|row| row.name.as_str()).collect()
        };
        assert_eq!(names("What differs"), ["clients", "begun"]);
        let same = names("What is the same");
        assert!(same.contains(&"payload") && !same.contains(&"clients"));
    }
}
