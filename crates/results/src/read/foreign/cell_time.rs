//! The time in a cell, read in the number format of its column.

use super::number_text::{DecimalSign, FieldText};
use crate::error::{Place, ResultsError};
use crate::read::cells::{Cell, CellValue, content, finite};
use crate::read::time_unit::TimeUnit;

/// The number format of a column.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ColumnForm {
    /// Unit of numbers without a unit of their own.
    pub(super) unit: TimeUnit,
    pub(super) decimal: DecimalSign,
    /// True for a column of any numbers, false for one of times.
    pub(super) is_number: bool,
    /// True for a file of ws-bench, in which any cell without a number is an error.
    pub(super) is_ours: bool,
}

/// The content of a cell.
#[derive(Debug, PartialEq)]
pub(super) enum CellTime {
    /// A time in milliseconds; in a column of numbers, the number.
    Value(f64),
    /// A time or number that a workbook stores as text.
    FromText(f64),
    /// A word for a missing value.
    Nothing,
    /// Anything else, in words.
    Invalid(String),
}

impl CellTime {
    pub(super) fn of(value: CellValue<'_>, form: ColumnForm) -> Self {
        let checked = match value {
            CellValue::Number(number) if number.is_nan() => Err("NaN".to_owned()),
            CellValue::Number(number) => form.convert(number),
            CellValue::Duration(ms) if !form.is_ours => form.check_ms(ms),
            CellValue::Text(text) | CellValue::Field(text) if !form.is_ours => {
                match FieldText::of(text) {
                    FieldText::Number(number) => number
                        .value(form.decimal)
                        .ok_or_else(|| content(value))
                        .and_then(|number| form.convert(number)),
                    FieldText::WithUnit(number, unit) => number
                        .value(form.decimal)
                        .ok_or_else(|| content(value))
                        .and_then(|number| form.check_ms(unit.to_ms(number))),
                    FieldText::Time(ms) => form.check_ms(ms),
                    FieldText::Nothing => return Self::Nothing,
                    FieldText::Other if is_infinite(text) => Err("infinity".to_owned()),
                    FieldText::Other => Err(content(value)),
                }
            }
            CellValue::Error if !form.is_ours => return Self::Nothing,
            other => Err(content(other)),
        };
        match (checked, value) {
            (Err(found), _) => Self::Invalid(found),
            (Ok(time), CellValue::Text(text)) if !has_unit(text) => Self::FromText(time),
            (Ok(time), _) => Self::Value(time),
        }
    }
}

fn is_infinite(text: &str) -> bool {
    text.trim().parse().is_ok_and(f64::is_infinite)
}

/// Returns `true` for a text with a unit, which a workbook cannot store as a number.
fn has_unit(text: &str) -> bool {
    matches!(
        FieldText::of(text),
        FieldText::WithUnit(..) | FieldText::Time(_)
    )
}

impl ColumnForm {
    /// Converts a number in the column's unit.
    fn convert(self, number: f64) -> Result<f64, String> {
        if self.is_number {
            return finite(number);
        }
        if number < 0.0 {
            return Err(format!("{number}, which is below zero"));
        }
        finite(self.unit.to_ms(number))
    }

    fn check_ms(self, ms: f64) -> Result<f64, String> {
        if ms < 0.0 && !self.is_number {
            return Err(format!("{ms} ms, which is below zero"));
        }
        finite(ms)
    }

    /// The error about a cell with other contents.
    pub(super) fn wrong(self, cell: Cell<'_>, place: &Place, found: String) -> ResultsError {
        cell.wrong(place, found, if self.is_number { "number" } else { "time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_read_in_the_form_of_its_column() {
        let form = ColumnForm {
            unit: TimeUnit::Seconds,
            decimal: DecimalSign::Comma,
            ..ColumnForm::default()
        };
        let of = |value| CellTime::of(value, form);
        assert_eq!(of(CellValue::Number(2.0)), CellTime::Value(2_000.0));
        assert_eq!(of(CellValue::Field("1.049")), CellTime::Value(1_049_000.0));
        assert_eq!(of(CellValue::Text("1,5")), CellTime::FromText(1_500.0));
        assert_eq!(of(CellValue::Text("1,5 ms")), CellTime::Value(1.5));
        assert_eq!(of(CellValue::Field("1,5 ms")), CellTime::Value(1.5));
        assert_eq!(of(CellValue::Duration(7.0)), CellTime::Value(7.0));
        assert_eq!(of(CellValue::Error), CellTime::Nothing);
        assert_eq!(of(CellValue::Field("NaN")), CellTime::Nothing);
        for (value, found) in [
            (CellValue::Field("-1"), "-1, which is below zero"),
            (CellValue::Field("inf"), "infinity"),
            (CellValue::Field("oops"), "the text `oops`"),
            (CellValue::Date, "a date"),
            (CellValue::Number(f64::INFINITY), "infinity"),
        ] {
            assert_eq!(of(value), CellTime::Invalid(found.to_owned()));
        }
    }

    #[test]
    fn in_a_file_of_ours_words_for_nothing_are_mistakes() {
        let form = ColumnForm {
            is_ours: true,
            ..ColumnForm::default()
        };
        let found = CellTime::of(CellValue::Text("N/A"), form);
        assert_eq!(found, CellTime::Invalid("the text `N/A`".to_owned()));
    }
}
