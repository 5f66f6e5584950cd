//! Cells of a sheet of any file format, and the numbers in them.

use std::ops::ControlFlow;
use std::path::Path;

use super::time_unit::TimeUnit;
use measurement::record::RowSeconds;

use crate::error::{Place, Result, ResultsError};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CellValue<'a> {
    Empty,
    Number(f64),
    Text(&'a str),
    /// A field of a file without types: a number in any form, or any text.
    Field(&'a str),
    /// A duration, or a time of day, in milliseconds.
    Duration(f64),
    Bool(bool),
    /// An error of a formula.
    Error,
    /// A date.
    Date,
}

/// One cell; row and column count from 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) value: CellValue<'a>,
}

/// Visitor of each cell, which can end the visit.
pub(super) type CellVisitor<'v> = dyn FnMut(Cell<'_>) -> Result<ControlFlow<()>> + 'v;

pub(super) trait CellSource {
    fn path(&self) -> &Path;

    /// Names of the sheets that hold cells, in their order.
    fn sheets(&self) -> Vec<String>;

    /// Returns `false` for a file whose only sheet has no name.
    fn has_sheets(&self) -> bool {
        true
    }

    /// Names of the sheets that a spreadsheet does not show.
    fn hidden_sheets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The original encoding of a text that was not UTF-8.
    fn encoding(&self) -> Option<&'static str> {
        None
    }

    /// Returns `true` if a comma or blanks separate fields, so that a point is hardly a separator of thousands.
    fn has_decimal_points(&self) -> bool {
        false
    }

    /// Returns `true` if a character separates fields, which numbers can contain too.
    fn has_separators(&self) -> bool {
        false
    }

    /// Calls the visitor with each cell of a sheet, row by row.
    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<()>;

    /// A sheet of this file, as errors name it.
    fn place(&self, sheet: &str) -> Place {
        Place {
            path: self.path().to_owned(),
            sheet: self.has_sheets().then(|| sheet.to_owned()),
        }
    }
}

/// Collects the cells of each row, from `first_row` on, into an item, and passes it on with the number of the row, from
/// 0. Rows without any cell are left out.
pub(super) fn for_each_row<T: Default>(
    source: &mut dyn CellSource,
    sheet: &str,
    first_row: u32,
    mut take: impl FnMut(&mut T, Cell<'_>) -> Result<()>,
    mut finish: impl FnMut(u32, T) -> Result<()>,
) -> Result<()> {
    let mut unfinished: Option<(u32, T)> = None;
    source.visit(sheet, &mut |cell| {
        if cell.row >= first_row && cell.value != CellValue::Empty {
            if let Some((row, item)) = unfinished.take_if(|(row, _)| *row != cell.row) {
                finish(row, item)?;
            }
            let (_, item) = unfinished.get_or_insert_with(|| (cell.row, T::default()));
            take(item, cell)?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    unfinished.map_or(Ok(()), |(row, item)| finish(row, item))
}

/// Checked values of a cell, whose errors name its place.
impl Cell<'_> {
    pub(super) fn number(self, place: &Place) -> Result<f64> {
        number(self.value)
            .and_then(finite)
            .map_err(|found| self.wrong(place, found, "number"))
    }

    pub(super) fn count(self, place: &Place) -> Result<u64> {
        /// Largest number that a spreadsheet holds exactly.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        let found = match number(self.value) {
            Ok(number) if number.fract() == 0.0 && (0.0..=LARGEST).contains(&number) => {
                // In range and whole, so nothing is cut off.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                return Ok(number as u64);
            }
            Ok(number) => number.to_string(),
            Err(found) => found,
        };
        Err(self.wrong(place, found, "count"))
    }

    /// The length of a row of a table over time.
    pub(super) fn row_seconds(self, place: &Place) -> Result<RowSeconds> {
        let seconds = self.count(place)?;
        RowSeconds::try_from(seconds)
            .map_err(|_| self.wrong(place, seconds.to_string(), "length of a row"))
    }

    pub(super) fn time_ms(self, place: &Place, unit: TimeUnit) -> Result<f64> {
        time_ms(self.value, unit).map_err(|found| self.wrong(place, found, "time"))
    }

    pub(super) fn wrong(
        self,
        place: &Place,
        found: String,
        expected: &'static str,
    ) -> ResultsError {
        ResultsError::WrongCell {
            path: place.path.clone(),
            cell: self.address(place),
            found,
            expected,
        }
    }

    /// `latencies!E17`
    pub(super) fn address(self, place: &Place) -> String {
        let sheet = place.sheet.as_ref().map(|sheet| format!("{sheet}!"));
        let (sheet, letters) = (sheet.unwrap_or_default(), column_letters(self.column));
        format!("{sheet}{letters}{}", self.row + 1)
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
fn time_ms(value: CellValue<'_>, unit: TimeUnit) -> std::result::Result<f64, String> {
    let time = number(value)?;
    if time < 0.0 {
        return Err(format!("{time}, which is below zero"));
    }
    finite(unit.to_ms(time))
}

pub(super) fn finite(number: f64) -> std::result::Result<f64, String> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err("infinity".to_owned())
    }
}

/// The number in a cell, or the cell's content in words.
fn number(value: CellValue<'_>) -> std::result::Result<f64, String> {
    match value {
        CellValue::Number(number) if number.is_nan() => Err("NaN".to_owned()),
        CellValue::Number(number) => Ok(number),
        other => Err(content(other)),
    }
}

/// The content of a cell in words: ``the text `n/a` ``.
pub(super) fn content(value: CellValue<'_>) -> String {
    /// Number of letters that identify a text.
    const SHOWN: usize = 40;
    match value {
        CellValue::Number(number) => number.to_string(),
        CellValue::Text(text) | CellValue::Field(text) => {
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            format!("the text `{shown}{more}`")
        }
        CellValue::Duration(ms) => format!("the duration {ms} ms"),
        CellValue::Bool(_) => "a truth value".to_owned(),
        CellValue::Error => "an error".to_owned(),
        CellValue::Date => "a date".to_owned(),
        CellValue::Empty => "nothing".to_owned(),
    }
}

/// `A`, `B`, … `Z`, `AA`, …
pub(super) fn column_letters(column: u32) -> String {
    let mut letters = String::new();
    let mut rest = column + 1;
    while rest > 0 {
        rest -= 1;
        // Below 26: a letter.
        letters.insert(0, char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    letters
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
        assert_eq!(found(CellValue::Date), "a date");
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
