//! The comparison as a page: complete for a browser, short for a pull request.

use measurement::run::comparison::{
    ComparedFigure, Comparison, ComparisonVerdict, FigureRow, RoundRow,
};
use statistics::order_statistics::quantile_of_sorted;
use units::{human_rate, human_time};
use wording::capacity_view::search_end;
use wording::run_differences::plan_settings;
use ws_report::page::{Banner, Block, Page, PagePicture, Table, TableRow};

use crate::round_values::RoundValues;
use crate::sentences;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Verdicts and figures, for a pull request.
    Short,
    /// All rounds in addition.
    Full,
}

/// Builds the page. Its format decides whether the pictures are shown.
pub(crate) fn page(c: &Comparison, extent: Extent, pictures: Vec<PagePicture>) -> Page {
    let mut page = Page::new(sentences::title(c));
    page.above = format!("{} {} · {}", c.tool.name, c.tool.version, c.started_at);
    page.footer = format!("written by {} {}", c.tool.name, c.tool.version);
    page.below = vec![sentences::rounds(c), sentences::load(c)];
    page.add("Verdict", verdicts(c));
    page.add("Figures", vec![Block::Tables(figures(c))]);
    page.add("Rounds and intervals", vec![Block::Pictures(pictures)]);
    page.add("Remarks", vec![Block::List(sentences::remarks(c))]);
    if extent == Extent::Full {
        page.add("Every round", vec![Block::Tables(rounds(c))]);
        page.add(
            "Searches",
            searches(c).map(Block::Tables).into_iter().collect(),
        );
        let slices = slices(c).map(|table| Block::Tables(vec![table]));
        page.add("Slices", slices.into_iter().collect());
    }
    page.add("How it was measured", how(c, extent));
    page
}

fn verdicts(c: &Comparison) -> Vec<Block> {
    let verdict = c.validity.verdict;
    let mut text = if c.compared().count() < 2 {
        "Nothing was compared.".to_owned()
    } else {
        format!("All servers are compared with {}.", c.plan.reference)
    };
    if c.interrupted {
        text += " The comparison was ended early by the user.";
    }
    let mut blocks = vec![Block::Banner(Banner {
        tone: verdict.into(),
        word: verdict.name().to_owned(),
        about: None,
        text,
        points: c.validity.reasons.clone(),
    })];
    blocks.extend(c.conditions.iter().map(|condition| {
        let (word, tone) = sentences::condition_outcome(condition);
        Block::Banner(Banner {
            tone,
            word: word.to_owned(),
            about: Some(condition.expression.clone()),
            text: condition.text.clone(),
            points: Vec::new(),
        })
    }));
    let sure_texts = |row: &FigureRow| -> Vec<String> {
        let sure = row
            .against
            .iter()
            .filter(|a| a.verdict != ComparisonVerdict::CannotTell);
        sure.map(|a| format!("{}: {}", row.figure.name(), a.text))
            .collect()
    };
    let sure: Vec<_> = c.figures.iter().flat_map(sure_texts).collect();
    if sure.is_empty() {
        blocks.push(Block::Text("Every comparison is inconclusive.".to_owned()));
    } else {
        blocks.push(Block::List(sure));
    }
    blocks
}

/// Tables of medians and verdicts: one table for two servers, two tables for more.
fn figures(c: &Comparison) -> Vec<Table> {
    let names: Vec<&str> = c.compared().map(|s| s.name.as_str()).collect();
    let medians = |row: &FigureRow| -> Vec<String> {
        let median = |name: &&str| sentences::median_of(c, row, name);
        names.iter().map(median).collect()
    };
    let verdicts = |row: &FigureRow| -> Vec<String> {
        let texts = row.against.iter().map(|a| a.text.clone());
        texts.collect()
    };
    let columns: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let beside = format!("compared with {}", c.plan.reference);
    if names.len() <= 2 {
        return vec![Table {
            columns: columns.into_iter().chain([beside]).collect(),
            rows: grouped_rows(c, |row| [medians(row), verdicts(row)].concat()),
            figures: true,
            ..Table::default()
        }];
    }
    let others = columns.iter().filter(|name| **name != c.plan.reference);
    let others: Vec<_> = others.cloned().collect();
    vec![
        Table {
            title: format!("Medians over all valid {}", sentences::measurements(c)),
            columns,
            rows: grouped_rows(c, medians),
            figures: true,
            ..Table::default()
        },
        Table {
            title: format!(
                "Compared with {}, over {}",
                c.plan.reference,
                sentences::paired(c)
            ),
            columns: others,
            rows: grouped_rows(c, verdicts),
            ..Table::default()
        },
    ]
}

/// One row per figure, by group.
fn grouped_rows(c: &Comparison, cells: impl Fn(&FigureRow) -> Vec<String>) -> Vec<TableRow> {
    let mut rows = Vec::new();
    for (title, figures) in sentences::groups(c) {
        let of_group = c.figures.iter().filter(|row| figures.contains(&row.figure));
        for (index, row) in of_group.enumerate() {
            rows.push(TableRow {
                group: (index == 0).then(|| title.clone()),
                ..TableRow::new(row.figure.name(), cells(row))
            });
        }
    }
    rows
}

/// One table of rounds per server.
fn rounds(c: &Comparison) -> Vec<Table> {
    let figures: Vec<ComparedFigure> = c.figures.iter().map(|row| row.figure).collect();
    let table = |name: &str| {
        let row = |r: &RoundRow| {
            let cells = match &r.failure {
                Some(_) => figures.iter().map(|_| "failed".to_owned()).collect(),
                None => figures
                    .iter()
                    .map(|f| sentences::value(*f, f.of(r)))
                    .collect(),
            };
            TableRow::new(r.round.to_string(), cells)
        };
        Table {
            title: name.to_owned(),
            columns: figures.iter().map(|f| f.name().to_owned()).collect(),
            rows: c.rounds_of(name).map(row).collect(),
            figures: true,
            ..Table::default()
        }
    };
    let tables = c.compared().map(|server| table(&server.name));
    tables.filter(|table| !table.rows.is_empty()).collect()
}

/// One table of searches per server; `None` without searches.
fn searches(c: &Comparison) -> Option<Vec<Table>> {
    let table = |name: &str| {
        let row = |r: &RoundRow| {
            let search = r.capacity_under_slo.as_ref()?;
            let own = &search.found;
            let from_above = match own.from_above_per_s {
                None if own.hysteresis => "at no rate, hysteresis".to_owned(),
                None => "–".to_owned(),
                Some(rate) if own.hysteresis => format!("{} msg/s, hysteresis", human_rate(rate)),
                Some(rate) => format!("{} msg/s", human_rate(rate)),
            };
            let cells = vec![
                sentences::about_search(search),
                from_above,
                search_end(own),
                search.judged().0.name().to_owned(),
            ];
            Some(TableRow::new(r.round.to_string(), cells))
        };
        Table {
            title: name.to_owned(),
            columns: ["capacity", "from above", "search", "verdict"]
                .map(str::to_owned)
                .to_vec(),
            rows: c.rounds_of(name).filter_map(row).collect(),
            ..Table::default()
        }
    };
    let tables = c.compared().map(|server| table(&server.name));
    let tables: Vec<_> = tables.filter(|table| !table.rows.is_empty()).collect();
    (!tables.is_empty()).then_some(tables)
}

/// Table of the spread of the slices' ratios; `None` without slices.
fn slices(c: &Comparison) -> Option<Table> {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut rows = Vec::new();
    for row in &c.figures {
        for against in &row.against {
            let Some(spread) = &against.slices else {
                continue;
            };
            let ratios = RoundValues(c).slice_ratios(&against.server, row.figure);
            let ratio = |share| format!("{:.3}", quantile_of_sorted(&ratios, share));
            let cells = vec![
                spread.pairs.to_string(),
                ratio(0.5),
                format!("{} to {}", ratio(0.05), ratio(0.95)),
                percent(spread.within_rounds),
                percent(spread.between_rounds),
                percent(spread.between_share),
            ];
            let label = format!("{} of {}", row.figure.short_name(), against.server);
            rows.push(TableRow::new(label, cells));
        }
    }
    let columns = [
        "pairs",
        "median ratio",
        "90 % of the ratios",
        "standard deviation within rounds",
        "between rounds",
        "share of the variance between rounds",
    ];
    (!rows.is_empty()).then(|| Table {
        title: format!("Ratios of slices to those of {}", c.plan.reference),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
        figures: true,
        ..Table::default()
    })
}

fn how(c: &Comparison, extent: Extent) -> Vec<Block> {
    let servers = c.servers.iter().map(|server| {
        let how = match (&server.command, server.files.as_slice()) {
            (Some(command), _) => format!("`{command}` at `{}`", server.url),
            (None, []) => format!("`{}`, already running", server.url),
            (None, files) => files.join(", "),
        };
        TableRow::new(&server.name, vec![how])
    });
    let mut blocks = vec![Block::Tables(vec![Table {
        title: "Servers".to_owned(),
        rows: servers.collect(),
        ..Table::default()
    }])];
    if extent == Extent::Full {
        let settings = plan_settings(&c.plan.load, c.scenario.as_ref());
        let settings = settings.into_iter().filter(|f| f.what != "server");
        let mut rows: Vec<_> = settings
            .map(|f| TableRow::new(f.what, vec![f.value]))
            .collect();
        rows.push(TableRow::new("took", vec![human_time(c.elapsed_s * 1e9)]));
        blocks.push(Block::Tables(vec![Table {
            title: "Plan".to_owned(),
            rows,
            ..Table::default()
        }]));
    }
    blocks.push(Block::List(sentences::method(c)));
    blocks
}
