//! The page about several runs beside each other.

use measurement::comparability::{Difference, Part, differences, facts};
use measurement::summary::Summary;

use crate::figures::{self, figures};
use crate::page::{Block, Page, Row, Section, Table};
use crate::run::Run;
use crate::single::{NOTHING, capital, how_to_repeat, moment};
use crate::verdict;

/// All but the pictures, which stand behind the figures.
pub(crate) fn page(runs: &[Run], pictures: Option<Section>) -> Page {
    let summaries: Vec<&Summary> = runs.iter().filter_map(Run::summary).collect();
    let differences = differences(&summaries);
    let mut page = Page::new(format!("{} of ws-bench", figures::runs(runs.len())));
    page.below = runs.iter().map(|run| run.name.clone()).collect();

    let mut blocks: Vec<Block> = Vec::new();
    blocks.extend(verdict::comparable(&differences).map(Block::Banner));
    for run in runs {
        let name = || Some(run.name.clone());
        blocks.push(Block::Banner(verdict::verdict(run, name())));
        let held = run.summary().and_then(|s| verdict::held_against(s, name()));
        blocks.extend(held.map(Block::Banner));
    }
    page.add(Section::new("Verdicts", blocks));
    page.add(Section::new(
        "Figures",
        vec![Block::Tables(vec![beside_each_other(runs)])],
    ));
    if let Some(pictures) = pictures {
        page.add(pictures);
    }
    let named: Vec<&Run> = runs.iter().filter(|run| run.summary().is_some()).collect();
    page.add(what_differs(&named, &differences));
    page.add(what_is_the_same(&summaries, &differences));
    let mut blocks = Vec::new();
    for (run, s) in runs.iter().filter_map(|run| Some((run, run.summary()?))) {
        blocks.push(Block::Text(format!("{}:", run.name)));
        blocks.extend(how_to_repeat(s));
    }
    page.add(Section::new("How to repeat them", blocks));
    page
}

/// Every figure that any run has, a column a run.
fn beside_each_other(runs: &[Run]) -> Table {
    let mut rows = Rows::default();
    let response = runs.iter().any(Run::has_response_time);
    for (column, run) in runs.iter().enumerate() {
        let times = run.times.clone();
        for time in &times {
            rows.put("service time", time.name, column, time.service.clone());
        }
        for time in times.into_iter().filter(|_| response) {
            rows.put("response time", time.name, column, time.response);
        }
        for figure in figures(run) {
            rows.put(figure.group, &figure.name, column, figure.value);
        }
    }
    Table {
        columns: runs.iter().map(|run| run.name.clone()).collect(),
        rows: rows.finish(runs.len()),
        figures: true,
        ..Table::default()
    }
}

/// Rows as they are found, a group's together.
#[derive(Default)]
struct Rows(Vec<FoundRow>);

struct FoundRow {
    group: &'static str,
    name: String,
    cells: Vec<(usize, String)>,
}

impl Rows {
    fn put(&mut self, group: &'static str, name: &str, column: usize, value: Option<String>) {
        let Some(value) = value else { return };
        let rows = &mut self.0;
        if let Some(row) = rows
            .iter_mut()
            .find(|row| row.group == group && row.name == name)
        {
            row.cells.push((column, value));
            return;
        }
        let behind = rows.iter().rposition(|row| row.group == group);
        rows.insert(
            behind.map_or(rows.len(), |at| at + 1),
            FoundRow {
                group,
                name: name.to_owned(),
                cells: vec![(column, value)],
            },
        );
    }

    fn finish(self, columns: usize) -> Vec<Row> {
        let mut group = "";
        let rows = self.0.into_iter();
        rows.map(|found| {
            let mut cells = vec![NOTHING.to_owned(); columns];
            for (column, value) in found.cells {
                cells[column] = value;
            }
            let is_first = found.group != group;
            group = found.group;
            Row {
                name: found.name,
                cells,
                group: is_first.then(|| capital(group)),
            }
        })
        .collect()
    }
}

fn what_differs(runs: &[&Run], differences: &[Difference]) -> Section {
    let mut blocks = Vec::new();
    let mut rows: Vec<_> = differences
        .iter()
        .map(|difference| Row::new(difference.what, difference.values.clone()))
        .collect();
    if runs.len() > 1 {
        let begun = |run: &&Run| {
            run.summary()
                .map(|s| moment(&s.started_at))
                .unwrap_or_default()
        };
        rows.push(Row::new("begun", runs.iter().map(begun).collect()));
        blocks.push(Block::Tables(vec![Table {
            columns: runs.iter().map(|run| run.name.clone()).collect(),
            rows,
            ..Table::default()
        }]));
    }
    Section::new("What differs", blocks)
}

/// The facts that all runs have in common.
fn what_is_the_same(summaries: &[&Summary], differences: &[Difference]) -> Section {
    let Some(first) = summaries.first() else {
        return Section::default();
    };
    let same = |part| -> Vec<Row> {
        let facts = facts(first).into_iter().filter(|fact| fact.part == part);
        facts
            .filter(|fact| differences.iter().all(|d| d.what != fact.what))
            .map(|fact| Row::new(fact.what, vec![fact.value]))
            .collect()
    };
    let table = |title: &str, part| Table {
        title: title.to_owned(),
        rows: same(part),
        ..Table::default()
    };
    let tables = [table("Plan", Part::Plan), table("Host", Part::Host)];
    let tables: Vec<_> = tables.into_iter().filter(|t| !t.rows.is_empty()).collect();
    Section::new("What is the same", vec![Block::Tables(tables)])
}
