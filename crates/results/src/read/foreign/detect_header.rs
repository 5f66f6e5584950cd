//! Detection of a sheet's header, and of its columns of numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::number_text::FieldText;
use crate::error::Result;
use crate::read::cells::{CellSource, CellValue, column_letters};
use crate::schema::{LatencyColumn, SheetColumn};

/// Number of rows that decide the kind of a column.
const HEAD_ROWS: usize = 1_000;

/// Names of an index that pandas wrote and read again.
const INDEX_NAMES: [&str; 3] = ["index", "unnamed: 0", "#"];

/// The header of a sheet, and the kinds of its columns.
#[derive(Debug)]
pub(in crate::read) struct SheetHeader {
    pub(in crate::read) columns: Vec<HeaderColumn>,
    /// Row of the first values, from 0.
    pub(in crate::read) first_row: u32,
    /// True if there is a row below the header.
    pub(in crate::read) has_rows: bool,
    /// Numbers of the first row of values, from its first cell on.
    pub(in crate::read) first_numbers: Vec<Option<f64>>,
    /// True if there is a row of names.
    pub(in crate::read) has_names: bool,
    /// Cells of the row of names up to the last one that is not empty.
    pub(in crate::read) width: Option<u32>,
}

#[derive(Debug)]
pub(in crate::read) struct HeaderColumn {
    /// Number of the column, from 0.
    pub(in crate::read) index: u32,
    /// Cell of the column in the header; `None` without header, and if the cell is empty.
    pub(in crate::read) name: Option<String>,
    /// Heading above the name, which several adjacent columns share.
    pub(in crate::read) group: Option<String>,
    /// True if the column numbers the rows, like the first column of a file from pandas.
    pub(in crate::read) is_index: bool,
}

impl HeaderColumn {
    /// The column's name, or its letter without one.
    pub(in crate::read) fn label(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| column_letters(self.index))
    }

    /// The letter, the name and the heading above it: `B p50_ms (echo)`.
    pub(in crate::read) fn full_label(&self) -> String {
        let letters = column_letters(self.index);
        let name = self.name.as_ref().map(|name| format!(" {name}"));
        let group = self.group.as_ref().map(|group| format!(" ({group})"));
        format!(
            "{letters}{}{}",
            name.unwrap_or_default(),
            group.unwrap_or_default()
        )
    }
}

enum HeadCell {
    Number(f64),
    Text(String),
    Other,
}

impl HeadCell {
    /// A number in any form, or a text.
    fn of_text(text: &str) -> Self {
        match FieldText::of(text) {
            FieldText::Number(number) | FieldText::WithUnit(number, _) => {
                let value = number.value(number.own_sign().unwrap_or_default());
                value.map_or_else(|| Self::Text(text.trim().to_owned()), Self::Number)
            }
            FieldText::Time(ms) => Self::Number(ms),
            FieldText::Nothing | FieldText::Other => Self::Text(text.trim().to_owned()),
        }
    }
}

/// Cells that are not empty, by column, with the row's number.
type HeadRow = (u32, BTreeMap<u32, HeadCell>);

impl SheetHeader {
    pub(in crate::read) fn read(source: &mut dyn CellSource, sheet: &str) -> Result<Self> {
        let mut rows: Vec<HeadRow> = Vec::new();
        source.visit(sheet, &mut |cell| {
            let value = match cell.value {
                CellValue::Empty => return Ok(ControlFlow::Continue(())),
                CellValue::Number(number) => HeadCell::Number(number),
                CellValue::Text(text) | CellValue::Field(text) => HeadCell::of_text(text),
                CellValue::Duration(ms) => HeadCell::Number(ms),
                CellValue::Bool(_) | CellValue::Error | CellValue::Date => HeadCell::Other,
            };
            let is_full = rows.len() == HEAD_ROWS;
            match rows.last_mut() {
                Some((row, cells)) if *row == cell.row => {
                    cells.insert(cell.column, value);
                }
                _ if is_full => return Ok(ControlFlow::Break(())),
                _ => rows.push((cell.row, BTreeMap::from([(cell.column, value)]))),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Self::of(&rows))
    }

    fn of(rows: &[HeadRow]) -> Self {
        let header = header_of(rows);
        let names = header.map(|at| &rows[at].1);
        let groups = header.and_then(|at| Some(&rows[at.checked_sub(1)?].1));
        let values = &rows[header.map_or(0, |at| at + 1)..];
        let indexes: BTreeSet<u32> = names
            .into_iter()
            .chain(values.iter().map(|(_, cells)| cells))
            .flat_map(|cells| cells.keys().copied())
            .collect();
        let first = indexes.first().copied();
        let columns = indexes
            .into_iter()
            .map(|index| {
                let name = names.and_then(|names| match names.get(&index)? {
                    HeadCell::Text(text) => Some(text.clone()),
                    HeadCell::Number(number) => Some(number.to_string()),
                    HeadCell::Other => None,
                });
                let contents = HeadContents::of(values, index);
                let numbers_rows = match &name {
                    Some(name) => INDEX_NAMES.contains(&name.to_lowercase().as_str()),
                    // A single row counts nothing.
                    None => {
                        header.is_some() || contents.numbers > 1 && contents.counts_from.is_some()
                    }
                };
                HeaderColumn {
                    index,
                    group: groups.and_then(|groups| group_of(groups, index)),
                    is_index: Some(index) == first && numbers_rows,
                    name,
                }
            })
            .collect();
        let below = header.map_or(0, |at| rows[at].0 + 1);
        let first_row = values.first().map_or(below, |(row, _)| *row);
        Self {
            columns,
            first_row,
            has_rows: !values.is_empty(),
            first_numbers: values
                .first()
                .map(|(_, cells)| numbers_of(cells))
                .unwrap_or_default(),
            has_names: header.is_some(),
            width: names.and_then(|names| Some(names.last_key_value()?.0 + 1)),
        }
    }

    /// Numbers of the columns of ws-bench, in their order; `None` if one that every version writes is missing.
    pub(in crate::read) fn our_columns(&self) -> Option<Vec<Option<u32>>> {
        let index = |column: &LatencyColumn| Some(self.named(column.title())?.index);
        let places: Vec<_> = LatencyColumn::ALL.iter().map(index).collect();
        let in_every_version = &places[..LatencyColumn::IN_EVERY_VERSION];
        in_every_version
            .iter()
            .all(Option::is_some)
            .then_some(places)
    }

    /// The names of all named columns.
    pub(in crate::read) fn names(&self) -> Vec<&str> {
        self.columns
            .iter()
            .filter_map(|column| column.name.as_deref())
            .collect()
    }

    /// The column with exactly this name.
    pub(in crate::read) fn named(&self, name: &str) -> Option<&HeaderColumn> {
        self.columns
            .iter()
            .find(|column| column.name.as_deref() == Some(name))
    }
}

/// The heading over a column: the text above its name, or the nearest one to the left.
fn group_of(groups: &BTreeMap<u32, HeadCell>, index: u32) -> Option<String> {
    let mut before = groups.range(..=index).rev();
    // A title above the table fills one cell.
    before
        .next()
        .filter(|_| groups.len() > 1)
        .and_then(|(_, cell)| match cell {
            HeadCell::Text(text) => Some(text.clone()),
            _ => None,
        })
}

fn numbers_of(cells: &BTreeMap<u32, HeadCell>) -> Vec<Option<f64>> {
    let number = |cell: &HeadCell| match cell {
        HeadCell::Number(number) => Some(*number),
        _ => None,
    };
    cells.values().map(number).collect()
}

/// The row of names above the first numbers: the one with the most cells, because a title fills a single cell.
fn header_of(rows: &[HeadRow]) -> Option<usize> {
    let is_number = |cell: &HeadCell| matches!(cell, HeadCell::Number(_));
    let above = rows
        .iter()
        .position(|(_, cells)| cells.values().any(is_number))
        .unwrap_or(rows.len());
    if above == 0 {
        return is_numbered_by_pandas(rows).then_some(0);
    }
    // A row of words for no value is one of values.
    let is_name = |cell: &HeadCell| match cell {
        HeadCell::Text(text) => FieldText::of(text) != FieldText::Nothing,
        _ => false,
    };
    // Of equals the first.
    (0..above)
        .rev()
        .filter(|at| rows[*at].1.values().any(is_name))
        .max_by_key(|at| rows[*at].1.len())
}

/// Returns `true` for the header that pandas gives unnamed columns: an empty cell, then 0, 1, 2, …
fn is_numbered_by_pandas(rows: &[HeadRow]) -> bool {
    let [(_, names), values @ ..] = rows else {
        return false;
    };
    let is_numbered = (1..).zip(names).all(|(wanted, (index, cell))| {
        *index == wanted && matches!(cell, HeadCell::Number(n) if *n == f64::from(wanted - 1))
    });
    is_numbered && HeadContents::of(values, 0).counts_from == Some(0)
}

struct HeadContents {
    numbers: usize,
    /// Returns the first number of a series without gaps: 0, 1, 2, … or 1, 2, 3, …
    counts_from: Option<u32>,
}

impl HeadContents {
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
        let is_count = |first: &u32| {
            let mut counted = (*first..).zip(&numbers);
            is_whole && counted.all(|(n, value)| *value == f64::from(n))
        };
        Self {
            numbers: numbers.len(),
            counts_from: [0, 1].into_iter().find(is_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers as numbers, `-` as an empty cell, the rest as text.
    fn header(rows: &[&str]) -> SheetHeader {
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
        SheetHeader::of(&rows)
    }

    fn data(table: &SheetHeader) -> Vec<String> {
        table
            .columns
            .iter()
            .filter(|c| !c.is_index)
            .map(HeaderColumn::label)
            .collect()
    }

    #[test]
    fn a_header_names_the_columns_below_it() {
        let table = header(&["client latency", "a 1.5", "b 2.5"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (1, vec!["client".to_owned(), "latency".to_owned()])
        );
    }

    #[test]
    fn without_header_the_first_row_counts() {
        let table = header(&["1.5", "2.5"]);
        assert_eq!((table.first_row, data(&table)), (0, vec!["A".to_owned()]));
    }

    #[test]
    fn the_index_of_pandas_is_no_data() {
        assert_eq!(data(&header(&["- latency", "0 1.5", "1 2.5"])), ["latency"]);
        // A slice keeps its own row numbers.
        assert_eq!(data(&header(&["- latency", "7 1.5", "9 2.5"])), ["latency"]);
        assert_eq!(data(&header(&["0 1.5", "1 2.5"])), ["B"]);
        assert_eq!(data(&header(&["index x", "3 1.5", "4 2.5"])), ["x"]);
    }

    #[test]
    fn pandas_numbers_columns_without_names() {
        let table = header(&["- 0 1", "0 1.5 7", "1 2.5 8"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (1, vec!["0".to_owned(), "1".to_owned()])
        );
    }

    #[test]
    fn a_title_above_the_header_is_no_header() {
        let table = header(&["Report", "host rtt", "a 1.5"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (2, vec!["host".to_owned(), "rtt".to_owned()])
        );
    }

    #[test]
    fn a_lost_first_message_is_no_header() {
        let table = header(&["host rtt", "a -", "b 1.5"]);
        assert_eq!(
            (table.first_row, data(&table)),
            (1, vec!["host".to_owned(), "rtt".to_owned()])
        );
    }

    #[test]
    fn a_first_row_without_a_value_is_no_header() {
        let table = header(&["N/A", "1.5", "2.5"]);
        assert_eq!((table.first_row, data(&table)), (0, vec!["A".to_owned()]));
    }

    #[test]
    fn a_counter_with_a_name_may_be_data() {
        assert_eq!(data(&header(&["rtt", "1", "2", "3"])), ["rtt"]);
    }

    #[test]
    fn a_header_alone_has_no_rows() {
        assert!(!header(&["rtt"]).has_rows);
        assert!(header(&["rtt", "1"]).has_rows);
    }

    #[test]
    fn a_heading_over_several_columns_is_that_of_each() {
        let table = header(&["- echo - login", "seq p50 p99 p50", "1 2.5 3.5 4.5"]);
        let labels: Vec<_> = table.columns.iter().map(HeaderColumn::full_label).collect();
        assert_eq!(
            labels,
            ["A seq", "B p50 (echo)", "C p99 (echo)", "D p50 (login)"]
        );
    }
}
