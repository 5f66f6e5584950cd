//! The contents of a sheet's columns, and the form of the numbers in those that are read.

use super::cell_time::ColumnForm;
use super::column_contents::ColumnContents;
use super::detect_header::SheetHeader;
use super::number_format::{FileForms, SeenText};
use super::number_text::DecimalSign;
use super::select_column::{POINT_IN_TIME, SelectedColumn};
use crate::error::{ColumnProblem, Result};
use crate::read::ColumnRequest;
use crate::read::cells::{CellSource, column_letters};

/// The contents of the columns of a sheet; empty for a sheet of ws-bench.
#[derive(Default)]
pub(super) struct SheetContents {
    pub(super) all: Vec<ColumnContents>,
    /// Numbers of the columns, in the same order.
    indexes: Vec<u32>,
}

/// The number formats of the columns that are read.
pub(super) struct ReadForms {
    pub(super) time: ColumnForm,
    pub(super) x: ColumnForm,
    /// True if the unit of a number is not known.
    pub(super) unit_is_assumed: bool,
    /// The first number whose separator of thousands could have been a decimal separator.
    pub(super) thousands: Option<String>,
}

impl SheetContents {
    pub(super) fn read(
        source: &mut dyn CellSource,
        sheet: &str,
        header: &SheetHeader,
    ) -> Result<Self> {
        if header.our_columns().is_some() {
            return Ok(Self::default());
        }
        Ok(Self {
            all: ColumnContents::read_all(source, sheet, header)?,
            indexes: header.columns.iter().map(|column| column.index).collect(),
        })
    }

    fn of(&self, column: u32) -> Option<&ColumnContents> {
        let at = self.indexes.iter().position(|index| *index == column)?;
        self.all.get(at)
    }

    /// Decides the number formats of the selected columns.
    pub(super) fn forms_of(
        &self,
        source: &dyn CellSource,
        column: &SelectedColumn,
        request: &ColumnRequest,
        x_is_time: bool,
    ) -> std::result::Result<ReadForms, ColumnProblem> {
        let unit = request.unit.or(column.known_unit).or(column.name.unit);
        self.check_has_numbers(column)?;
        let own = self.of(column.column);
        let has_bare_numbers = own.is_none_or(|own| own.bare_numbers > 0);
        // A unit that was asked for says that they are times.
        if request.unit.or(column.known_unit).is_none() {
            check_times(column, own, has_bare_numbers)?;
        }
        let has_decimal_points = source.has_decimal_points();
        let decide = |index: u32, label: &str| {
            self.decimal_of(index, request.decimal, has_decimal_points)
                .map_err(|cells| mixed(index, label, cells))
        };
        let decimal = decide(column.column, &column.label)?;
        let x_decimal = match &column.x {
            Some((x, label)) => decide(*x, label)?,
            None => DecimalSign::default(),
        };
        let is_ours = column.is_ours;
        Ok(ReadForms {
            time: ColumnForm {
                unit: unit.unwrap_or_default(),
                decimal,
                is_number: false,
                is_ours,
            },
            x: ColumnForm {
                decimal: x_decimal,
                is_number: !x_is_time,
                is_ours,
                ..ColumnForm::default()
            },
            unit_is_assumed: unit.is_none() && has_bare_numbers,
            thousands: own.and_then(|own| own.forms.thousands_by(decimal)),
        })
    }

    /// Refuses columns without numbers, whose cells all hold something else.
    fn check_has_numbers(&self, column: &SelectedColumn) -> std::result::Result<(), ColumnProblem> {
        let own = (column.column, &column.label);
        let x = column.x.as_ref().map(|(x, label)| (*x, label));
        for (index, label) in std::iter::once(own).chain(x) {
            if let Some(contents) = self.of(index).filter(|one| one.holds_only_text()) {
                return Err(contents.not_numbers(index, label.clone()));
            }
        }
        Ok(())
    }

    /// The decimal separator of a column: the requested one, else that of its numbers.
    fn decimal_of(
        &self,
        column: u32,
        asked: Option<DecimalSign>,
        has_decimal_points: bool,
    ) -> std::result::Result<DecimalSign, [SeenText; 2]> {
        let (Some(own), None) = (self.of(column), asked) else {
            return Ok(asked.unwrap_or_default());
        };
        let others = self.all.iter().zip(&self.indexes);
        let others = others.filter(|(_, index)| **index != column);
        let mut shown: Vec<_> = others
            .filter_map(|(other, _)| other.forms.shown_sign())
            .collect();
        shown.dedup();
        let sign_elsewhere = match shown.as_slice() {
            [sign] => Some(*sign),
            _ => None,
        };
        own.forms.decide(FileForms {
            has_decimal_points,
            has_fields: self.indexes.len() > 1,
            sign_elsewhere,
        })
    }
}

/// Refuses a column whose name has an unknown unit or one of something else, and a column of points in time.
fn check_times(
    column: &SelectedColumn,
    own: Option<&ColumnContents>,
    has_bare_numbers: bool,
) -> std::result::Result<(), ColumnProblem> {
    let (name, label) = (&column.name, column.label.clone());
    if let Some(says) = name.unclear_unit.clone().filter(|_| has_bare_numbers) {
        return Err(ColumnProblem::UnclearUnit {
            column: label,
            says,
        });
    }
    let by_name = name.other_unit_meaning().filter(|_| has_bare_numbers);
    let by_cells = own.filter(|own| own.are_points_in_time(Some(name)));
    match by_name.or(by_cells.map(|_| POINT_IN_TIME)) {
        Some(meaning) => Err(ColumnProblem::NotATime {
            column: label,
            meaning,
        }),
        None => Ok(()),
    }
}

fn mixed(index: u32, label: &str, cells: [SeenText; 2]) -> ColumnProblem {
    let letters = column_letters(index);
    ColumnProblem::MixedNumbers {
        column: label.to_owned(),
        cells: Box::new(cells.map(|seen| (format!("{letters}{}", seen.row + 1), seen.text))),
    }
}
