//! The values of one column, checked cell by cell, and of the one that they are drawn against.

use std::ops::ControlFlow;
use std::path::Path;

use measurement::record::Outcome;

use super::choose::{Choice, XChoice};
use super::kept::{Kept, MOST_KEPT};
use super::source::{Position, Source, Value, column_letters};
use super::title::Unit;
use crate::error::ResultsError;

/// Gathers the values of one column over one or more sheets.
pub(super) struct Collector {
    column: u32,
    outcome: Option<u32>,
    x: Option<u32>,
    first_row: u32,
    unit: Unit,
    /// What is in the other column are times, in this unit.
    x_unit: Option<Unit>,
    kept: Kept,
    /// Rows that had all of it.
    taken: u64,
    skipped: u64,
}

/// What was gathered.
pub(super) struct Collected {
    pub(super) values_ms: Vec<f64>,
    /// As many, if they were asked for; else none.
    pub(super) xs: Vec<f64>,
    /// Rows that had not all of it.
    pub(super) skipped: u64,
    /// How many rows had all of it, when they were too many to keep.
    pub(super) chosen_from: Option<u64>,
}

/// One row as far as it has been seen.
#[derive(Default)]
struct Row {
    number: u32,
    time_ms: Option<f64>,
    x: Option<f64>,
    /// Its echo was wrong: its time belongs to no figure.
    is_untimed: bool,
}

impl Collector {
    pub(super) fn new(choice: &Choice, unit: Unit, x_unit: Option<Unit>) -> Self {
        Self {
            column: choice.column,
            outcome: choice.outcome,
            x: column_of(choice.x.as_ref()),
            first_row: choice.first_row,
            unit,
            x_unit,
            kept: Kept::new(MOST_KEPT),
            taken: 0,
            skipped: 0,
        }
    }

    /// The same column in a sheet that may have it elsewhere.
    pub(super) fn turn_to(&mut self, choice: &Choice) {
        self.column = choice.column;
        self.outcome = choice.outcome;
        self.x = column_of(choice.x.as_ref());
        self.first_row = choice.first_row;
    }

    /// Takes the column's values from a sheet.
    pub(super) fn collect(
        &mut self,
        path: &Path,
        source: &mut dyn Source,
        sheet: &str,
    ) -> Result<(), ResultsError> {
        let taken_before = self.taken;
        let has_sheets = source.has_sheets();
        let mut row: Option<Row> = None;
        source.visit(sheet, &mut |at, value| {
            if at.row < self.first_row || value == Value::Empty {
                return Ok(ControlFlow::Continue(()));
            }
            let seen = match row.take() {
                Some(same) if same.number == at.row => same,
                done => {
                    self.take(done.as_ref());
                    Row {
                        number: at.row,
                        ..Row::default()
                    }
                }
            };
            let seen = row.insert(seen);
            let cell = || cell_name(has_sheets.then_some(sheet), at);
            // Nothing forbids to draw a column against itself.
            if Some(at.column) == self.x {
                let path = || path.to_owned();
                seen.x = Some(match self.x_unit {
                    None => number(value).and_then(finite).map_err(|found| {
                        let (path, cell) = (path(), cell());
                        ResultsError::NotANumber { path, cell, found }
                    })?,
                    Some(unit) => time_ms(value, unit).map_err(|found| {
                        let (path, cell) = (path(), cell());
                        ResultsError::NotATime { path, cell, found }
                    })?,
                });
            }
            if at.column == self.column {
                let time_ms =
                    time_ms(value, self.unit).map_err(|found| ResultsError::NotATime {
                        path: path.to_owned(),
                        cell: cell(),
                        found,
                    })?;
                seen.time_ms = Some(time_ms);
            } else if Some(at.column) == self.outcome {
                seen.is_untimed = is_untimed(value);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Rows without any cell between the others are rows without a time as well.
        let rows = row
            .as_ref()
            .map_or(0, |last| u64::from(last.number - self.first_row) + 1);
        self.take(row.as_ref());
        self.skipped += rows.saturating_sub(self.taken - taken_before);
        Ok(())
    }

    fn take(&mut self, row: Option<&Row>) {
        if let Some(Row {
            time_ms: Some(time_ms),
            is_untimed: false,
            x,
            ..
        }) = row
            && x.is_some() == self.x.is_some()
        {
            self.taken += 1;
            self.kept.push(*time_ms, *x);
        }
    }

    pub(super) fn finish(self) -> Collected {
        let Kept { values, xs, .. } = self.kept;
        Collected {
            chosen_from: (self.taken > values.len() as u64).then_some(self.taken),
            values_ms: values,
            xs,
            skipped: self.skipped,
        }
    }
}

fn column_of(x: Option<&XChoice>) -> Option<u32> {
    x.map(|x| x.column)
}

/// `latencies!E17`; `E17` where there are no sheets.
pub(super) fn cell_name(sheet: Option<&str>, at: Position) -> String {
    let sheet = sheet.map(|sheet| format!("{sheet}!")).unwrap_or_default();
    format!("{sheet}{}{}", column_letters(at.column), at.row + 1)
}

/// The time in a cell, or what it holds instead.
pub(super) fn time_ms(value: Value<'_>, unit: Unit) -> Result<f64, String> {
    let time = number(value)?;
    if time < 0.0 {
        return Err(format!("{time}, which is below zero"));
    }
    finite(unit.to_ms(time))
}

fn finite(number: f64) -> Result<f64, String> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err("infinity".to_owned())
    }
}

/// The number in a cell, or what it holds instead.
pub(super) fn number(value: Value<'_>) -> Result<f64, String> {
    /// Enough of a text to recognize it.
    const SHOWN: usize = 40;
    match value {
        Value::Number(number) if number.is_nan() => Err("NaN".to_owned()),
        Value::Number(number) => Ok(number),
        Value::Text(text) => {
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            Err(format!("the text `{shown}{more}`"))
        }
        Value::Bool(_) => Err("a truth value".to_owned()),
        Value::Other(what) => Err(what.to_owned()),
        Value::Empty => Err("nothing".to_owned()),
    }
}

fn is_untimed(outcome: Value<'_>) -> bool {
    Outcome::ALL
        .iter()
        .any(|known| outcome == Value::Text(known.name()) && !known.is_timed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_is_named() {
        let found = |value| time_ms(value, Unit::Milliseconds).unwrap_err();
        assert_eq!(found(Value::Number(f64::NAN)), "NaN");
        assert_eq!(found(Value::Number(f64::INFINITY)), "infinity");
        assert_eq!(found(Value::Number(-1.5)), "-1.5, which is below zero");
        assert_eq!(found(Value::Text("n/a")), "the text `n/a`");
        assert_eq!(found(Value::Other("a date")), "a date");
        assert!(found(Value::Text(&"x".repeat(90))).len() < 60);
        assert_eq!(
            time_ms(Value::Number(1e308), Unit::Seconds),
            Err("infinity".to_owned())
        );
        assert_eq!(time_ms(Value::Number(2.0), Unit::Seconds), Ok(2_000.0));
    }

    #[test]
    fn only_wrong_and_missing_echoes_are_left_out() {
        assert!(is_untimed(Value::Text("corrupted")) && is_untimed(Value::Text("lost")));
        assert!(!is_untimed(Value::Text("ok")) && !is_untimed(Value::Text("timed_out")));
    }
}
