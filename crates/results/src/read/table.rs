//! The head of a sheet: where its header is and which columns hold numbers.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::source::{Source, Value, column_letters};
use crate::error::ResultsError;

/// Rows that decide what a column holds.
const HEAD_ROWS: usize = 1_000;

/// What the head of a sheet tells about it.
#[derive(Debug)]
pub(super) struct Table {
    /// Left to right.
    pub(super) columns: Vec<Column>,
    /// Row of the first values, from 0.
    pub(super) first_row: u32,
    /// Whether there is any row below the header.
    pub(super) has_rows: bool,
}

#[derive(Debug)]
pub(super) struct Column {
    /// Counts from 0.
    pub(super) index: u32,
    /// As the header has it; `None` without header, or where its cell is empty.
    pub(super) name: Option<String>,
    /// Holds numbers, and other things at most as often.
    pub(super) is_numeric: bool,
    /// Only counts the rows, as the first column of a file from pandas does.
    pub(super) is_index: bool,
}

impl Column {
    /// Its name, or its letter.
    pub(super) fn label(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| column_letters(self.index))
    }
}

enum HeadCell {
    Number(f64),
    Text(String),
    Other,
}

/// Cells that are not empty, by column; and the row's number.
type HeadRow = (u32, BTreeMap<u32, HeadCell>);

impl Table {
    /// Reads the first rows of a sheet.
    pub(super) fn read(source: &mut dyn Source, sheet: &str) -> Result<Self, ResultsError> {
        let mut rows: Vec<HeadRow> = Vec::new();
        source.visit(sheet, &mut |at, value| {
            let cell = match value {
                Value::Empty => return Ok(ControlFlow::Continue(())),
                Value::Number(number) => HeadCell::Number(number),
                Value::Text(text) => HeadCell::Text(text.trim().to_owned()),
                Value::Bool(_) | Value::Other(_) => HeadCell::Other,
            };
            let is_full = rows.len() == HEAD_ROWS;
            match rows.last_mut() {
                Some((row, cells)) if *row == at.row => {
                    cells.insert(at.column, cell);
                }
                _ if is_full => return Ok(ControlFlow::Break(())),
                _ => rows.push((at.row, BTreeMap::from([(at.column, cell)]))),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Self::of(&rows))
    }

    fn of(rows: &[HeadRow]) -> Self {
        let header = header_of(rows);
        let names = header.map(|at| &rows[at].1);
        let values = &rows[header.map_or(0, |at| at + 1)..];
        let mut indexes: Vec<u32> = names
            .into_iter()
            .chain(values.iter().map(|(_, cells)| cells))
            .flat_map(|cells| cells.keys().copied())
            .collect();
        indexes.sort_unstable();
        indexes.dedup();

        let first = indexes.first().copied();
        let columns = indexes
            .into_iter()
            .map(|index| {
                let name = names.and_then(|names| name_of(names.get(&index)?));
                let contents = Contents::of(values, index);
                let is_unnamed = name.is_none();
                let counts = contents.counts_rows && is_unnamed;
                Column {
                    index,
                    is_numeric: contents.numbers > 0 && contents.numbers >= contents.others,
                    is_index: Some(index) == first
                        && (counts
                            || header.is_some() && is_unnamed
                            || name.as_deref().is_some_and(names_an_index)),
                    name,
                }
            })
            .collect();
        let first_row = match header {
            Some(at) => rows[at].0 + 1,
            None => rows.first().map_or(0, |(row, _)| *row),
        };
        Self {
            columns,
            first_row,
            has_rows: !values.is_empty(),
        }
    }

    /// The column with exactly this name.
    pub(super) fn named(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.as_deref() == Some(name))
    }
}

/// What pandas calls an index that was written and read again.
fn names_an_index(name: &str) -> bool {
    ["index", "unnamed: 0", "#"].contains(&name.to_lowercase().as_str())
}

fn name_of(cell: &HeadCell) -> Option<String> {
    match cell {
        HeadCell::Text(text) => Some(text.clone()),
        HeadCell::Number(number) => Some(number.to_string()),
        HeadCell::Other => None,
    }
}

/// The row of names above the first numbers: the fullest one, as a title fills a single cell.
fn header_of(rows: &[HeadRow]) -> Option<usize> {
    let is_number = |cell: &HeadCell| matches!(cell, HeadCell::Number(_));
    let above = rows
        .iter()
        .position(|(_, cells)| cells.values().any(is_number))
        .unwrap_or(rows.len());
    if above == 0 {
        return is_numbered_by_pandas(rows).then_some(0);
    }
    let mut header = 0;
    for at in 1..above {
        if rows[at].1.len() > rows[header].1.len() {
            header = at;
        }
    }
    Some(header)
}

/// Columns without names are numbered by pandas: nothing above the index, then 0, 1, 2, …
fn is_numbered_by_pandas(rows: &[HeadRow]) -> bool {
    let [(_, names), values @ ..] = rows else {
        return false;
    };
    let is_numbered = (1..).zip(names).all(|(wanted, (index, cell))| {
        *index == wanted && matches!(cell, HeadCell::Number(n) if *n == f64::from(wanted - 1))
    });
    is_numbered && Contents::of(values, 0).counts_rows_from_0
}

/// What a column holds in the head.
struct Contents {
    numbers: usize,
    others: usize,
    /// 0, 1, 2, … or 1, 2, 3, … without a gap.
    counts_rows: bool,
    counts_rows_from_0: bool,
}

impl Contents {
    fn of(values: &[HeadRow], column: u32) -> Self {
        let mut numbers = Vec::new();
        let mut others = 0;
        for (_, cells) in values {
            match cells.get(&column) {
                Some(HeadCell::Number(number)) => numbers.push(*number),
                Some(_) => others += 1,
                None => {}
            }
        }
        let is_whole = others == 0 && numbers.len() == values.len() && !numbers.is_empty();
        let counts_from = |first: u32| {
            is_whole
                && (first..)
                    .zip(&numbers)
                    .all(|(n, value)| *value == f64::from(n))
        };
        Self {
            numbers: numbers.len(),
            others,
            // A single row counts nothing.
            counts_rows: numbers.len() > 1 && (counts_from(0) || counts_from(1)),
            counts_rows_from_0: counts_from(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers as numbers, `-` as an empty cell, the rest as text.
    fn table(rows: &[&str]) -> Table {
        let rows: Vec<HeadRow> = (0..)
            .zip(rows)
            .map(|(row, line)| {
                let cells = (0..)
                    .zip(line.split(' '))
                    .filter(|(_, cell)| *cell != "-")
                    .map(|(column, cell)| {
                        let value = cell
                            .parse()
                            .map_or_else(|_| HeadCell::Text(cell.to_owned()), HeadCell::Number);
                        (column, value)
                    });
                (row, cells.collect())
            })
            .collect();
        Table::of(&rows)
    }

    fn data(table: &Table) -> Vec<String> {
        table
            .columns
            .iter()
            .filter(|c| c.is_numeric && !c.is_index)
            .map(Column::label)
            .collect()
    }

    #[test]
    fn a_header_names_the_columns_below_it() {
        let table = table(&["client latency", "a 1.5", "b 2.5"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (1, vec!["latency".to_owned()])
        );
    }

    #[test]
    fn without_header_the_first_row_counts() {
        let table = table(&["1.5", "2.5"]);
        assert_eq!((table.first_row, data(&table)), (0, vec!["A".to_owned()]));
    }

    #[test]
    fn the_index_of_pandas_is_no_data() {
        assert_eq!(data(&table(&["- latency", "0 1.5", "1 2.5"])), ["latency"]);
        // A slice keeps its own row numbers.
        assert_eq!(data(&table(&["- latency", "7 1.5", "9 2.5"])), ["latency"]);
        assert_eq!(data(&table(&["0 1.5", "1 2.5"])), ["B"]);
        assert_eq!(data(&table(&["index x", "3 1.5", "4 2.5"])), ["x"]);
    }

    #[test]
    fn pandas_numbers_columns_without_names() {
        let table = table(&["- 0 1", "0 1.5 7", "1 2.5 8"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (1, vec!["0".to_owned(), "1".to_owned()])
        );
    }

    #[test]
    fn a_title_above_the_header_is_no_header() {
        let table = table(&["Report", "host rtt", "a 1.5"]);
        assert_eq!((table.first_row, data(&table)), (2, vec!["rtt".to_owned()]));
    }

    #[test]
    fn a_lost_first_message_is_no_header() {
        let table = table(&["host rtt", "a -", "b 1.5"]);
        assert_eq!((table.first_row, data(&table)), (1, vec!["rtt".to_owned()]));
    }

    #[test]
    fn a_counter_with_a_name_may_be_data() {
        assert_eq!(data(&table(&["rtt", "1", "2", "3"])), ["rtt"]);
    }

    #[test]
    fn a_header_alone_has_no_rows() {
        assert!(!table(&["rtt"]).has_rows);
        assert!(table(&["rtt", "1"]).has_rows);
    }
}
