//! The values of one column, checked cell by cell, and of the one that they are drawn against.

use std::ops::ControlFlow;

use measurement::record::Outcome;

use super::bounded_sample::{BoundedSample, MOST_VALUES};
use super::select_column::SelectedColumn;
use crate::error::{Place, Result};
use crate::read::cells::{Cell, CellSource, CellValue};
use crate::read::time_unit::TimeUnit;

/// Reads the values of one column over one or more sheets.
pub(super) struct ColumnReader {
    unit: TimeUnit,
    /// The other column holds times as well, in milliseconds.
    x_is_time: bool,
    sample: BoundedSample,
    /// Rows that had all of it.
    taken: u64,
    skipped: u64,
}

/// The values that were read.
pub(super) struct ColumnValues {
    pub(super) values_ms: Vec<f64>,
    /// As many, if they were asked for; else none.
    pub(super) xs: Vec<f64>,
    /// Rows that had not all of it.
    pub(super) skipped: u64,
    /// Number of rows that had all of it, when they were too many to keep.
    pub(super) chosen_from: Option<u64>,
}

/// One row as far as it has been seen.
#[derive(Default)]
struct PartialRow {
    number: u32,
    time_ms: Option<f64>,
    x: Option<f64>,
    /// Its echo was wrong: its time belongs to no figure.
    is_untimed: bool,
}

impl ColumnReader {
    pub(super) fn new(unit: TimeUnit, x_is_time: bool) -> Self {
        Self {
            unit,
            x_is_time,
            sample: BoundedSample::new(MOST_VALUES),
            taken: 0,
            skipped: 0,
        }
    }

    /// Takes the column's values from a sheet.
    pub(super) fn read(
        &mut self,
        source: &mut dyn CellSource,
        sheet: &str,
        column: &SelectedColumn,
    ) -> Result<()> {
        let taken_before = self.taken;
        let place = source.place(sheet);
        let wants_x = column.x.is_some();
        let mut row: Option<PartialRow> = None;
        source.visit(sheet, &mut |cell| {
            if cell.row < column.first_row || cell.value == CellValue::Empty {
                return Ok(ControlFlow::Continue(()));
            }
            let seen = match row.take() {
                Some(same) if same.number == cell.row => same,
                done => {
                    self.take(done.as_ref(), wants_x);
                    PartialRow {
                        number: cell.row,
                        ..PartialRow::default()
                    }
                }
            };
            self.see(row.insert(seen), &place, column, cell)?;
            Ok(ControlFlow::Continue(()))
        })?;
        // Rows without any cell between the others are rows without a time as well.
        let rows = row
            .as_ref()
            .map_or(0, |last| u64::from(last.number - column.first_row) + 1);
        self.take(row.as_ref(), wants_x);
        self.skipped += rows.saturating_sub(self.taken - taken_before);
        Ok(())
    }

    /// Takes a cell of a row.
    fn see(
        &self,
        row: &mut PartialRow,
        place: &Place,
        column: &SelectedColumn,
        cell: Cell<'_>,
    ) -> Result<()> {
        // Nothing forbids to draw a column against itself.
        if column.x.as_ref().is_some_and(|(x, _)| *x == cell.column) {
            row.x = Some(if self.x_is_time {
                cell.time_ms(place, TimeUnit::Milliseconds)?
            } else {
                cell.number(place)?
            });
        }
        if cell.column == column.column {
            row.time_ms = Some(cell.time_ms(place, self.unit)?);
        } else if Some(cell.column) == column.outcome {
            row.is_untimed = is_untimed(cell.value);
        }
        Ok(())
    }

    fn take(&mut self, row: Option<&PartialRow>, wants_x: bool) {
        if let Some(PartialRow {
            time_ms: Some(time_ms),
            is_untimed: false,
            x,
            ..
        }) = row
            && x.is_some() == wants_x
        {
            self.taken += 1;
            self.sample.push(*time_ms, *x);
        }
    }

    pub(super) fn finish(self) -> ColumnValues {
        let BoundedSample { values, xs, .. } = self.sample;
        ColumnValues {
            chosen_from: (self.taken > values.len() as u64).then_some(self.taken),
            values_ms: values,
            xs,
            skipped: self.skipped,
        }
    }
}

fn is_untimed(outcome: CellValue<'_>) -> bool {
    Outcome::ALL
        .iter()
        .any(|known| outcome == CellValue::Text(known.name()) && !known.is_timed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wrong_and_missing_echoes_are_left_out() {
        let text = CellValue::Text;
        assert!(is_untimed(text("corrupted")) && is_untimed(text("lost")));
        assert!(!is_untimed(text("ok")) && !is_untimed(text("timed_out")));
    }
}
