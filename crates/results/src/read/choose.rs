//! Which column is meant.

use super::table::{Column, Table};
use super::title::Title;
use super::{Metric, Place, Request, listed};
use crate::error::ResultsError;
use crate::schema;

/// The column to read.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) column: u32,
    /// Its name as the file has it, or its letter.
    pub(super) label: String,
    pub(super) title: Title,
    /// First row of values, from 0.
    pub(super) first_row: u32,
    /// The column that tells how each message ended.
    pub(super) outcome: Option<u32>,
    /// The column that the times are drawn against.
    pub(super) x: Option<XChoice>,
    /// The sheet has the columns that this crate writes.
    pub(super) is_ours: bool,
}

/// The column to read beside it.
#[derive(Debug, Clone)]
pub(super) struct XChoice {
    pub(super) column: u32,
    /// Its name as the file has it, or its letter.
    pub(super) label: String,
}

/// Why none is.
#[derive(Debug)]
pub(super) enum NoChoice {
    /// Nothing below the header.
    Empty,
    /// No column of numbers but perhaps an index, whose name this is.
    NoNumbers { index: Option<String> },
    /// None of these has the name that was asked for.
    NoSuchColumn { wanted: String, known: Vec<String> },
    /// A column with the name of a latency holds no numbers; others would be drawn in its place.
    NotNumbers { column: String },
    /// The times would be drawn against the only numbers there are.
    OnlyX { column: String },
    /// Any of these may be meant.
    Ambiguous { columns: Vec<String> },
}

impl NoChoice {
    /// How near it came to a choice.
    pub(super) fn nearness(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::NoNumbers { .. } => 1,
            Self::NoSuchColumn { .. } => 2,
            Self::OnlyX { .. } => 3,
            Self::Ambiguous { .. } => 4,
            Self::NotNumbers { .. } => 5,
        }
    }

    pub(super) fn into_error(self, place: Place) -> ResultsError {
        match self {
            Self::Empty => ResultsError::EmptySheet { place },
            Self::NoNumbers { index: None } => ResultsError::NoNumbers { place },
            Self::NoNumbers {
                index: Some(column),
            } => ResultsError::OnlyAnIndex { place, column },
            Self::NoSuchColumn { wanted, known } => ResultsError::NoSuchColumn {
                place,
                column: wanted,
                known: listed(&known),
            },
            Self::NotNumbers { column } => ResultsError::NotNumbers { place, column },
            Self::OnlyX { column } => ResultsError::OnlyX { place, column },
            Self::Ambiguous { columns } => ResultsError::AmbiguousColumn {
                place,
                columns: listed(&columns),
            },
        }
    }
}

/// The column that was asked for; else ours; else the one whose name fits best; else the only one.
pub(super) fn choose(table: &Table, request: &Request) -> Result<Choice, NoChoice> {
    let is_ours = schema::LATENCIES_COLUMNS
        .iter()
        .all(|name| table.named(name).is_some());
    if table.columns.is_empty() {
        return Err(NoChoice::Empty);
    }
    let x = request
        .x
        .as_ref()
        .map(|wanted| find(table, wanted))
        .transpose()?;
    let chosen = |column: &Column| Choice {
        column: column.index,
        label: column.label(),
        title: Title::of(&column.label()),
        first_row: table.first_row,
        outcome: is_ours
            .then(|| table.named("outcome").map(|c| c.index))
            .flatten(),
        x: x.map(|x| XChoice {
            column: x.index,
            label: x.label(),
        }),
        is_ours,
    };

    if let Some(wanted) = &request.column {
        return find(table, wanted).map(chosen);
    }
    if let Some(column) = table.named(request.metric.column()) {
        return Ok(chosen(column));
    }
    if !table.has_rows {
        return Err(NoChoice::Empty);
    }

    let numeric = || table.columns.iter().filter(|column| column.is_numeric);
    let is_x = |column: &Column| x.is_some_and(|x| x.index == column.index);
    let candidates: Vec<_> = numeric()
        .filter(|column| !column.is_index && !is_x(column))
        .collect();
    let is_named = |column: &&Column| {
        let name = column.name.as_deref();
        name.is_some_and(|name| Title::of(name).is_surely_a_latency())
    };
    let mut others = table.columns.iter().filter(|column| !column.is_numeric);
    match best_named(&candidates, request.metric).as_slice() {
        [column] => Ok(chosen(column)),
        [] if let Some(column) = others.find(is_named) => Err(NoChoice::NotNumbers {
            column: column.label(),
        }),
        [] => match candidates.as_slice() {
            [column] => Ok(chosen(column)),
            [] => Err(match (x, numeric().find(|column| !is_x(column))) {
                (Some(x), None) if x.is_numeric => NoChoice::OnlyX { column: x.label() },
                (_, index) => NoChoice::NoNumbers {
                    index: index.map(Column::label),
                },
            }),
            _ => Err(ambiguous(&candidates)),
        },
        _ => Err(ambiguous(&candidates)),
    }
}

fn ambiguous(candidates: &[&Column]) -> NoChoice {
    NoChoice::Ambiguous {
        columns: candidates.iter().map(|column| column.label()).collect(),
    }
}

/// The candidates whose names fit a latency best, all equally well.
fn best_named<'t>(candidates: &[&'t Column], metric: Metric) -> Vec<&'t Column> {
    let rank = |column: &Column| Title::of(column.name.as_deref()?).rank(metric);
    let best = candidates.iter().filter_map(|column| rank(column)).min();
    candidates
        .iter()
        .copied()
        .filter(|column| best.is_some() && rank(column) == best)
        .collect()
}

/// By name, first as it was typed, then whatever its case; then by letter.
fn find<'t>(table: &'t Table, wanted: &str) -> Result<&'t Column, NoChoice> {
    let by =
        |matches: &dyn Fn(&Column) -> bool| table.columns.iter().find(|column| matches(column));
    let name = |column: &Column| column.name.clone().unwrap_or_default();
    by(&|column| name(column) == wanted)
        .or_else(|| by(&|column| name(column).to_lowercase() == wanted.to_lowercase()))
        .or_else(|| {
            by(&|column| super::source::column_letters(column.index) == wanted.to_uppercase())
        })
        .ok_or_else(|| NoChoice::NoSuchColumn {
            wanted: wanted.to_owned(),
            known: table.columns.iter().map(Column::label).collect(),
        })
}
