//! The values of one column, checked cell by cell, and of the one that they are drawn against.

use measurement::record::Outcome;

use super::bounded_sample::{BoundedSample, MOST_VALUES};
use super::select_column::SelectedColumn;
use crate::error::Result;
use crate::read::cells::{Cell, CellSource, CellValue, for_each_row};
use crate::read::time_unit::TimeUnit;

/// The values of one column, read from one or more sheets.
pub(super) struct ColumnReader {
    unit: TimeUnit,
    /// The other column holds times as well, in milliseconds.
    x_is_time: bool,
    pub(super) sample: BoundedSample,
    /// Rows that had all of it.
    taken: u64,
    /// Rows that had not.
    pub(super) skipped: u64,
}

/// One row as far as it has been seen.
#[derive(Default)]
struct PartialRow {
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

    pub(super) fn read(
        &mut self,
        source: &mut dyn CellSource,
        sheet: &str,
        column: &SelectedColumn,
    ) -> Result<()> {
        let (place, unit, x_is_time) = (source.place(sheet), self.unit, self.x_is_time);
        let x_column = column.x.as_ref().map(|(x, _)| *x);
        let take = |row: &mut PartialRow, cell: Cell<'_>| {
            // Nothing forbids to draw a column against itself.
            if Some(cell.column) == x_column {
                row.x = Some(if x_is_time {
                    cell.time_ms(&place, TimeUnit::Milliseconds)?
                } else {
                    cell.number(&place)?
                });
            }
            if cell.column == column.column {
                row.time_ms = Some(cell.time_ms(&place, unit)?);
            } else if Some(cell.column) == column.outcome {
                row.is_untimed = is_untimed(cell.value);
            }
            Ok(())
        };
        let taken_before = self.taken;
        let mut rows = 0;
        for_each_row(source, sheet, column.first_row, take, |number, row| {
            // Rows without any cell between the others are rows without a time as well.
            rows = u64::from(number - column.first_row) + 1;
            if let Some(time_ms) = row.time_ms
                && !row.is_untimed
                && row.x.is_some() == x_column.is_some()
            {
                self.taken += 1;
                self.sample.push(time_ms, row.x);
            }
            Ok(())
        })?;
        self.skipped += rows.saturating_sub(self.taken - taken_before);
        Ok(())
    }

    /// Number of rows that had all of it, when they were too many to keep.
    pub(super) fn chosen_from(&self) -> Option<u64> {
        (self.taken > self.sample.values.len() as u64).then_some(self.taken)
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
