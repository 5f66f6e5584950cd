//! The values of one column, checked cell by cell, and of the one that they are drawn against.

use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::Outcome;

use super::bounded_sample::{BoundedSample, MOST_VALUES};
use super::select_column::SelectedColumn;
use crate::error::ResultsError;
use crate::read::cells::{CellPosition, CellSource, CellValue, CheckedSheet};
use crate::read::time_unit::TimeUnit;

/// Reads the values of one column over one or more sheets.
pub(super) struct ColumnReader {
    unit: TimeUnit,
    /// The unit of the other column, when it holds times.
    x_unit: Option<TimeUnit>,
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
    pub(super) fn new(unit: TimeUnit, x_unit: Option<TimeUnit>) -> Self {
        Self {
            unit,
            x_unit,
            sample: BoundedSample::new(MOST_VALUES),
            taken: 0,
            skipped: 0,
        }
    }

    /// Takes the column's values from a sheet.
    pub(super) fn read(
        &mut self,
        path: &Path,
        source: &mut dyn CellSource,
        sheet: &str,
        column: &SelectedColumn,
    ) -> Result<(), ResultsError> {
        let taken_before = self.taken;
        let checked = CheckedSheet {
            path,
            sheet: source.has_sheets().then_some(sheet),
        };
        let wants_x = column.x.is_some();
        let mut row: Option<PartialRow> = None;
        source.visit(sheet, &mut |at, value| {
            if at.row < column.first_row || value == CellValue::Empty {
                return Ok(ControlFlow::Continue(()));
            }
            let seen = match row.take() {
                Some(same) if same.number == at.row => same,
                done => {
                    self.take(done.as_ref(), wants_x);
                    PartialRow {
                        number: at.row,
                        ..PartialRow::default()
                    }
                }
            };
            self.see(row.insert(seen), checked, column, at, value)?;
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
        sheet: CheckedSheet<'_>,
        column: &SelectedColumn,
        at: CellPosition,
        value: CellValue<'_>,
    ) -> Result<(), ResultsError> {
        // Nothing forbids to draw a column against itself.
        if column.x.as_ref().is_some_and(|(x, _)| *x == at.column) {
            row.x = Some(match self.x_unit {
                None => sheet.number(at, value)?,
                Some(unit) => sheet.time_ms(at, value, unit)?,
            });
        }
        if at.column == column.column {
            row.time_ms = Some(sheet.time_ms(at, value, self.unit)?);
        } else if Some(at.column) == column.outcome {
            row.is_untimed = is_untimed(value);
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
