//! Selection of the column of times.

use super::column_name::ColumnName;
use super::detect_header::{HeaderColumn, SheetHeader};
use crate::error::ColumnProblem;
use crate::read::cells::column_letters;
use crate::read::{ColumnRequest, Metric};
use crate::schema::{LatencyColumn, SheetColumn};

#[derive(Debug, Clone)]
pub(super) struct SelectedColumn {
    pub(super) column: u32,
    /// Its name in the file, or its letter.
    pub(super) label: String,
    pub(super) name: ColumnName,
    /// First row of values, from 0.
    pub(super) first_row: u32,
    /// The column of the messages' outcomes.
    pub(super) outcome: Option<u32>,
    /// The column that the times are drawn against, and its label.
    pub(super) x: Option<(u32, String)>,
    /// The sheet has the columns that this crate writes.
    pub(super) is_ours: bool,
}

/// Selects the column that was asked for; else ours; else the one whose name fits best; else the only one.
pub(super) fn select(
    header: &SheetHeader,
    request: &ColumnRequest,
) -> Result<SelectedColumn, ColumnProblem> {
    if header.columns.is_empty() {
        return Err(ColumnProblem::NoRows);
    }
    let x = request.x.as_deref();
    let x = x.map(|wanted| find(header, wanted)).transpose()?;
    let column = if let Some(wanted) = &request.column {
        find(header, wanted)?
    } else if let Some(ours) = header.named(request.metric.column()) {
        ours
    } else {
        guess(header, request.metric, x)?
    };
    let is_ours = header.our_columns().is_some();
    let outcome = header.named(LatencyColumn::Outcome.title());
    Ok(SelectedColumn {
        column: column.index,
        label: column.label(),
        name: ColumnName::of(&column.label()),
        first_row: header.first_row,
        outcome: outcome.filter(|_| is_ours).map(|column| column.index),
        x: x.map(|x| (x.index, x.label())),
        is_ours,
    })
}

/// Guesses the column of times from names and contents, leaving out the one to draw against.
fn guess<'t>(
    header: &'t SheetHeader,
    metric: Metric,
    x: Option<&HeaderColumn>,
) -> Result<&'t HeaderColumn, ColumnProblem> {
    if !header.has_rows {
        return Err(ColumnProblem::NoRows);
    }
    let numeric = || header.columns.iter().filter(|column| column.is_numeric);
    let is_x = |column: &HeaderColumn| x.is_some_and(|x| x.index == column.index);
    let candidates: Vec<_> = numeric()
        .filter(|column| !column.is_index && !is_x(column))
        .collect();
    let is_named = |column: &&HeaderColumn| {
        let name = column.name.as_deref();
        name.is_some_and(|name| ColumnName::of(name).is_surely_a_latency())
    };
    let mut others = header.columns.iter().filter(|column| !column.is_numeric);
    match (
        best_named(&candidates, metric).as_slice(),
        candidates.as_slice(),
    ) {
        ([column], _) => Ok(column),
        ([], _) if let Some(column) = others.find(is_named) => {
            Err(ColumnProblem::NotNumbers(column.label()))
        }
        ([], [column]) => Ok(column),
        ([], []) => Err(match (x, numeric().find(|column| !is_x(column))) {
            (Some(x), None) if x.is_numeric => ColumnProblem::OnlyX(x.label()),
            (_, index) => ColumnProblem::NoNumbers(index.map(HeaderColumn::label)),
        }),
        _ => Err(ColumnProblem::Ambiguous(
            candidates.iter().map(|column| column.label()).collect(),
        )),
    }
}

/// The candidates whose names fit a latency best, all equally well.
fn best_named<'t>(candidates: &[&'t HeaderColumn], metric: Metric) -> Vec<&'t HeaderColumn> {
    let rank = |column: &HeaderColumn| ColumnName::of(column.name.as_deref()?).rank(metric);
    let best = candidates.iter().filter_map(|column| rank(column)).min();
    candidates
        .iter()
        .copied()
        .filter(|column| best.is_some() && rank(column) == best)
        .collect()
}

/// Finds a column by its name, first in the case in which it was typed, then in any; then by its letter.
fn find<'t>(header: &'t SheetHeader, wanted: &str) -> Result<&'t HeaderColumn, ColumnProblem> {
    let columns = || header.columns.iter();
    let name = |column: &HeaderColumn| column.name.clone().unwrap_or_default();
    columns()
        .find(|column| name(column) == wanted)
        .or_else(|| columns().find(|column| name(column).to_lowercase() == wanted.to_lowercase()))
        .or_else(|| columns().find(|column| column_letters(column.index) == wanted.to_uppercase()))
        .ok_or_else(|| {
            let known = columns().map(HeaderColumn::label).collect();
            ColumnProblem::NoSuchColumn(wanted.to_owned(), known)
        })
}
