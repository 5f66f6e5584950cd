//! The values of the column of times, checked cell by cell, and of the column for the horizontal axis.

use measurement::record::Outcome;

use super::bounded_sample::{BoundedSample, MOST_VALUES};
use super::cell_time::{CellTime, ColumnForm};
use super::select_column::SelectedColumn;
use crate::error::{Place, Result};
use crate::read::cells::{Cell, CellSource, CellValue, content, for_each_row};
use crate::read::remark::{CellCount, Remark};

/// The values of one column, read from one or more sheets.
pub(super) struct ColumnReader {
    form: ColumnForm,
    /// Number format of the second column.
    x_form: ColumnForm,
    /// True to leave out cells that do not hold a time.
    skip_invalid: bool,
    pub(super) sample: BoundedSample,
    /// Rows with a time, and with a number in the second column if there is one.
    taken: u64,
    /// Rows without.
    pub(super) skipped: u64,
    /// Rows with a time that belongs to a wrong echo.
    pub(super) corrupted: u64,
    without_value: Option<CellCount>,
    invalid: Option<CellCount>,
    text_numbers: Option<CellCount>,
}

/// The part of a row that has been read.
#[derive(Default)]
struct PartialRow {
    time_ms: Option<f64>,
    x: Option<f64>,
    /// The outcome excludes the time from all figures: the echo was wrong, or did not come.
    is_untimed: bool,
}

impl ColumnReader {
    pub(super) fn new(form: ColumnForm, x_form: ColumnForm, skip_invalid: bool) -> Self {
        Self {
            form,
            x_form,
            skip_invalid,
            sample: BoundedSample::new(MOST_VALUES),
            taken: 0,
            skipped: 0,
            corrupted: 0,
            without_value: None,
            invalid: None,
            text_numbers: None,
        }
    }

    pub(super) fn read(
        &mut self,
        source: &mut dyn CellSource,
        sheet: &str,
        column: &SelectedColumn,
    ) -> Result<()> {
        let place = source.place(sheet);
        let x_column = column.x.as_ref().map(|(x, _)| *x);
        let (mut rows, mut taken, mut corrupted) = (0, 0, 0);
        let rows_above = self.taken + self.skipped;
        let mut sample = std::mem::take(&mut self.sample);
        let take = |row: &mut PartialRow, cell: Cell<'_>| {
            // Nothing forbids to draw a column against itself.
            if Some(cell.column) == x_column {
                row.x = self.value(cell, &place, self.x_form)?;
            }
            if cell.column == column.column {
                row.time_ms = self.value(cell, &place, self.form)?;
            } else if Some(cell.column) == column.outcome {
                row.is_untimed = is_untimed(cell.value);
            }
            Ok(())
        };
        for_each_row(source, sheet, column.first_row, take, |number, row| {
            // Rows without any cell between the others are rows without a time as well.
            rows = u64::from(number - column.first_row) + 1;
            if let Some(time_ms) = row.time_ms
                && !row.is_untimed
                && row.x.is_some() == x_column.is_some()
            {
                taken += 1;
                let row_number = rows_above + rows - 1;
                let row_number = u32::try_from(row_number).unwrap_or(u32::MAX);
                sample.push(time_ms, row.x, row_number);
            }
            corrupted += u64::from(row.is_untimed && row.time_ms.is_some());
            Ok(())
        })?;
        self.sample = sample;
        self.taken += taken;
        self.corrupted += corrupted;
        self.skipped += rows.saturating_sub(taken);
        Ok(())
    }

    /// The value of a cell; `None` when it is left out.
    fn value(&mut self, cell: Cell<'_>, place: &Place, form: ColumnForm) -> Result<Option<f64>> {
        let describe = || (cell.address(place), content(cell.value));
        match CellTime::of(cell.value, form) {
            CellTime::Value(value) => Ok(Some(value)),
            CellTime::FromText(value) => {
                CellCount::add(&mut self.text_numbers, describe);
                Ok(Some(value))
            }
            CellTime::Nothing => {
                CellCount::add(&mut self.without_value, describe);
                Ok(None)
            }
            CellTime::Invalid(found) if self.skip_invalid => {
                CellCount::add(&mut self.invalid, || (cell.address(place), found));
                Ok(None)
            }
            CellTime::Invalid(found) => Err(form.wrong(cell, place, found)),
        }
    }

    /// Remarks on cells that were left out, and on text cells that were read.
    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> {
        let text_numbers = self.text_numbers.clone().map(Remark::TextNumbers);
        let without_value = self.without_value.clone().map(Remark::WithoutValue);
        let invalid = self.invalid.clone().map(Remark::Invalid);
        [text_numbers, without_value, invalid].into_iter().flatten()
    }

    /// Number of rows with a value, when they were too many to keep.
    pub(super) fn chosen_from(&self) -> Option<u64> {
        (self.taken > self.sample.values.len() as u64).then_some(self.taken)
    }
}

fn is_untimed(outcome: CellValue<'_>) -> bool {
    Outcome::ALL.iter().any(|known| {
        // A message that did not reach all of its receivers has a time if it was answered.
        let can_be_timed = known.is_timed() || *known == Outcome::Incomplete;
        outcome == CellValue::Text(known.name()) && !can_be_timed
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wrong_and_missing_echoes_are_left_out() {
        let text = CellValue::Text;
        assert!(is_untimed(text("corrupted")) && is_untimed(text("lost")));
        assert!(!is_untimed(text("ok")) && !is_untimed(text("timed_out")));
        assert!(!is_untimed(text("incomplete")));
    }
}
