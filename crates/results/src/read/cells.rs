//! Cells of a sheet, whatever file they come from, and the numbers in them.

use std::ops::ControlFlow;
use std::path::Path;

use super::time_unit::TimeUnit;
use crate::error::ResultsError;

/// The content of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CellValue<'a> {
    Empty,
    Number(f64),
    Text(&'a str),
    Bool(bool),
    /// Something else, named for a message.
    Other(&'static str),
}

/// Row and column of a cell; both count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellPosition {
    pub(super) row: u32,
    pub(super) column: u32,
}

/// Called with each cell; may end the visit.
pub(super) type CellVisitor<'v> =
    dyn FnMut(CellPosition, CellValue<'_>) -> Result<ControlFlow<()>, ResultsError> + 'v;

/// A file of cells.
pub(super) trait CellSource {
    /// Names of the sheets that hold cells, in their order.
    fn sheets(&self) -> Vec<String>;

    /// Returns `false` for a file whose only sheet has no name.
    fn has_sheets(&self) -> bool {
        true
    }

    /// Shows each cell of a sheet, row by row.
    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<(), ResultsError>;
}

/// A sheet whose cells are checked; names a cell that holds something else.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedSheet<'a> {
    pub(super) path: &'a Path,
    /// `None` where sheets have no names.
    pub(super) sheet: Option<&'a str>,
}

impl CheckedSheet<'_> {
    /// The finite number in a cell.
    pub(super) fn number(
        self,
        at: CellPosition,
        value: CellValue<'_>,
    ) -> Result<f64, ResultsError> {
        number(value)
            .and_then(finite)
            .map_err(|found| self.wrong(at, found, "number"))
    }

    /// The whole number in a cell.
    pub(super) fn count(self, at: CellPosition, value: CellValue<'_>) -> Result<u64, ResultsError> {
        /// Largest number that a spreadsheet holds exactly.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        let found = match number(value) {
            Ok(number) if number.fract() == 0.0 && (0.0..=LARGEST).contains(&number) => {
                // In range and whole, so nothing is cut off.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                return Ok(number as u64);
            }
            Ok(number) => number.to_string(),
            Err(found) => found,
        };
        Err(self.wrong(at, found, "count"))
    }

    /// The time in a cell, in milliseconds.
    pub(super) fn time_ms(
        self,
        at: CellPosition,
        value: CellValue<'_>,
        unit: TimeUnit,
    ) -> Result<f64, ResultsError> {
        time_ms(value, unit).map_err(|found| self.wrong(at, found, "time"))
    }

    /// The error about a cell of this content.
    pub(super) fn wrong(
        self,
        at: CellPosition,
        found: String,
        expected: &'static str,
    ) -> ResultsError {
        let sheet = self.sheet.map(|sheet| format!("{sheet}!"));
        ResultsError::WrongCell {
            path: self.path.to_owned(),
            cell: format!(
                "{}{}{}",
                sheet.unwrap_or_default(),
                column_letters(at.column),
                at.row + 1
            ),
            found,
            expected,
        }
    }
}

/// Converts a time that was written in milliseconds, 584 years at most.
pub(super) fn nanoseconds(ms: f64) -> u64 {
    // Rounded, and it saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    {
        (ms * 1e6).round() as u64
    }
}

/// The time in a cell, or the cell's content in words.
fn time_ms(value: CellValue<'_>, unit: TimeUnit) -> Result<f64, String> {
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

/// The number in a cell, or the cell's content in words.
fn number(value: CellValue<'_>) -> Result<f64, String> {
    /// Letters that are enough of a text to recognize it.
    const SHOWN: usize = 40;
    match value {
        CellValue::Number(number) if number.is_nan() => Err("NaN".to_owned()),
        CellValue::Number(number) => Ok(number),
        CellValue::Text(text) => {
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            Err(format!("the text `{shown}{more}`"))
        }
        CellValue::Bool(_) => Err("a truth value".to_owned()),
        CellValue::Other(what) => Err(what.to_owned()),
        CellValue::Empty => Err("nothing".to_owned()),
    }
}

/// `A`, `B`, … `Z`, `AA`, …
pub(super) fn column_letters(column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        // Below 26: a letter.
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_lettered_as_in_excel() {
        let cases = [
            (0, "A"),
            (4, "E"),
            (25, "Z"),
            (26, "AA"),
            (701, "ZZ"),
            (702, "AAA"),
            (16_383, "XFD"),
        ];
        for (column, letters) in cases {
            assert_eq!(column_letters(column), letters);
        }
    }

    #[test]
    fn what_is_no_time_is_named() {
        let found = |value| time_ms(value, TimeUnit::Milliseconds).unwrap_err();
        assert_eq!(found(CellValue::Number(f64::NAN)), "NaN");
        assert_eq!(found(CellValue::Number(f64::INFINITY)), "infinity");
        assert_eq!(found(CellValue::Number(-1.5)), "-1.5, which is below zero");
        assert_eq!(found(CellValue::Text("n/a")), "the text `n/a`");
        assert_eq!(found(CellValue::Other("a date")), "a date");
        assert!(found(CellValue::Text(&"x".repeat(90))).len() < 60);
        assert_eq!(
            time_ms(CellValue::Number(1e308), TimeUnit::Seconds),
            Err("infinity".to_owned())
        );
        assert_eq!(
            time_ms(CellValue::Number(2.0), TimeUnit::Seconds),
            Ok(2_000.0)
        );
    }
}
