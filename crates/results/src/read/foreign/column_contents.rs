//! The contents of each column of a sheet, from all of its rows.

use std::ops::ControlFlow;

use super::column_name::ColumnName;
use super::detect_header::SheetHeader;
use super::number_format::{NumberForms, SeenText};
use super::number_text::{DecimalSign, FieldText, NumberText};
use crate::error::{ColumnProblem, Result, ResultsError};
use crate::read::cells::{Cell, CellSource, CellValue, column_letters, content};
use crate::read::time_unit::TimeUnit;

/// An hour, in milliseconds.
const HOUR_MS: f64 = 3_600e3;

/// Smallest number, 11 days in milliseconds, that counts from 1970. No message takes that long.
const POINT_FROM_MS: f64 = 1e9;

/// Smallest number of values from which a property of all is concluded.
const SEVERAL: u64 = 3;

/// The contents of one column below the header.
#[derive(Debug, Default)]
pub(super) struct ColumnContents {
    /// Numbers without a unit of their own.
    pub(super) bare_numbers: u64,
    /// Durations, and numbers with a unit.
    pub(super) times: u64,
    /// Cells with other contents, without words for a missing value.
    others: u64,
    /// Row and content of the first cell without a number, in words.
    pub(super) first_other: Option<(u32, String)>,
    pub(super) forms: NumberForms,
    values: ValueCourse,
    /// Number of times of the form `00:00:01`.
    clocks: u64,
    /// Number of those that are too long for the time of a message.
    late_clocks: u64,
    /// Number of those of two parts, whose first part can be hours.
    late_short_clocks: u64,
    /// Number of times of that form in whole seconds.
    whole_clocks: u64,
    /// The smallest number without a unit of its own.
    smallest: Option<f64>,
}

/// The course of a column's values, which shows their meaning. The meaning of a point before three digits does not matter.
#[derive(Debug, Default)]
struct ValueCourse {
    first: Option<f64>,
    last: f64,
    varies: bool,
    falls: bool,
    /// True if a value is not the one above it plus 1.
    skips: bool,
}

impl ValueCourse {
    fn add(&mut self, value: f64) {
        let Some(first) = self.first else {
            self.first = Some(value);
            self.last = value;
            return;
        };
        self.varies |= value != first;
        self.falls |= value < self.last;
        self.skips |= value != self.last + 1.0;
        self.last = value;
    }
}

/// Detection of the first row of a text with more cells than its header, in which a separator within a number has cut the
/// number in two.
struct LongRow {
    /// Number of cells of the header, if there is one.
    width: Option<u32>,
    /// The row, and its last cell.
    found: Option<(u32, u32)>,
}

impl LongRow {
    fn new(source: &dyn CellSource, header: &SheetHeader) -> Self {
        Self {
            width: header.width.filter(|_| source.has_separators()),
            found: None,
        }
    }

    /// Notes a cell that is not empty; returns `true` when a long row stands above it.
    fn ends_before(&mut self, cell: Cell<'_>) -> bool {
        if self.found.is_some_and(|(row, _)| row != cell.row) {
            return true;
        }
        if self.width.is_some_and(|width| cell.column >= width) {
            self.found = Some((cell.row, cell.column));
        }
        false
    }

    fn check(&self, source: &dyn CellSource) -> Result<()> {
        let (Some(width), Some((row, last))) = (self.width, self.found) else {
            return Ok(());
        };
        Err(ResultsError::LongRow {
            path: source.path().to_owned(),
            row: u64::from(row) + 1,
            cells: u64::from(last) + 1,
            header: u64::from(width),
        })
    }
}

impl ColumnContents {
    /// The contents of each column of the header.
    pub(super) fn read_all(
        source: &mut dyn CellSource,
        sheet: &str,
        header: &SheetHeader,
    ) -> Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        all.resize_with(header.columns.len(), Self::default);
        let mut long = LongRow::new(source, header);
        source.visit(sheet, &mut |cell| {
            if cell.row >= header.first_row && cell.value != CellValue::Empty {
                if long.ends_before(cell) {
                    return Ok(ControlFlow::Break(()));
                }
                let at = header
                    .columns
                    .binary_search_by_key(&cell.column, |column| column.index);
                if let Ok(at) = at {
                    all[at].add(cell);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        long.check(source)?;
        Ok(all)
    }

    fn add(&mut self, cell: Cell<'_>) {
        match cell.value {
            CellValue::Number(number) if number.is_finite() => {
                self.bare_numbers += 1;
                self.note_smallest(number);
                self.values.add(number);
            }
            CellValue::Duration(ms) => {
                self.times += 1;
                self.add_clock(ms, false);
            }
            CellValue::Text(text) | CellValue::Field(text) => self.add_text(cell, text),
            CellValue::Error => self.note_other(cell),
            _ => {
                self.others += 1;
                self.note_other(cell);
            }
        }
    }

    fn add_text(&mut self, cell: Cell<'_>, text: &str) {
        match FieldText::of(text) {
            FieldText::Number(number) => {
                self.bare_numbers += 1;
                self.add_number(cell, number, TimeUnit::default());
            }
            FieldText::WithUnit(number, unit) => {
                self.times += 1;
                self.add_number(cell, number, unit);
            }
            FieldText::Time(ms) => {
                self.times += 1;
                if text.contains(':') {
                    // `12:30` may be of hours.
                    let is_short = text.matches(':').count() == 1 && !text.contains(['.', ',']);
                    self.add_clock(ms, is_short);
                } else {
                    self.values.add(ms);
                }
            }
            FieldText::Nothing => self.note_other(cell),
            FieldText::Other => {
                self.others += 1;
                self.note_other(cell);
            }
        }
    }

    fn add_number(&mut self, cell: Cell<'_>, number: NumberText<'_>, unit: TimeUnit) {
        let seen = || SeenText {
            row: cell.row,
            text: number.text.to_owned(),
        };
        self.forms.add(number, &seen);
        let sign = number.own_sign().unwrap_or(DecimalSign::Comma);
        if let Some(value) = number.value(sign) {
            self.note_smallest(value);
            self.values.add(unit.to_ms(value));
        }
    }

    /// Adds a time in the form of a clock. From an hour on it is not the time of a message, in the short form from a minute
    /// on.
    fn add_clock(&mut self, ms: f64, is_short: bool) {
        let is_late = ms >= if is_short { HOUR_MS / 60.0 } else { HOUR_MS };
        self.clocks += 1;
        self.late_clocks += u64::from(is_late);
        self.late_short_clocks += u64::from(is_late && is_short);
        self.whole_clocks += u64::from(ms % 1_000.0 == 0.0);
        self.values.add(ms);
    }

    fn note_smallest(&mut self, number: f64) {
        self.smallest = Some(self.smallest.map_or(number, |least| least.min(number)));
    }

    fn note_other(&mut self, cell: Cell<'_>) {
        self.first_other
            .get_or_insert_with(|| (cell.row, content(cell.value)));
    }

    fn numbers(&self) -> u64 {
        self.bare_numbers + self.times
    }

    /// Returns `true` when the column holds text, dates or other things, and not one number. Words for a missing value
    /// are not counted.
    pub(super) fn holds_only_text(&self) -> bool {
        !self.has_numbers() && self.others > 0
    }

    /// The problem of a column without numbers, with this place and label.
    pub(super) fn not_numbers(&self, index: u32, label: String) -> ColumnProblem {
        let letters = column_letters(index);
        let first = self.first_other.as_ref();
        ColumnProblem::NotNumbers {
            column: label,
            first: first
                .map(|(row, found)| Box::new((format!("{letters}{}", row + 1), found.clone()))),
        }
    }

    /// Returns `true` when the column has numbers, among whatever else.
    pub(super) fn has_numbers(&self) -> bool {
        self.numbers() > 0
    }

    /// Returns `true` when the column has at least as many numbers as other things.
    pub(super) fn is_numeric(&self) -> bool {
        self.has_numbers() && self.numbers() >= self.others
    }

    /// The value of all rows; `None` if they differ. A single value counts only if it is zero.
    pub(super) fn constant(&self) -> Option<f64> {
        let first = self.values.first?;
        let is_constant = !self.values.varies && (self.numbers() > 1 || first == 0.0);
        is_constant.then_some(first)
    }

    /// Returns `true` when each value is at least the one above it, and the last is larger than the first.
    pub(super) fn only_rises(&self) -> bool {
        self.numbers() >= SEVERAL && !self.values.falls && self.values.varies
    }

    /// Returns `true` when the cells are times of day or dates, not durations. Either no number is below 11 days. Or most
    /// cells have the form of a clock, and they only rise by whole seconds or one is an hour or more. In a column with the
    /// name of a duration, `1:02:03` is a duration unless all values are an hour or more and rise.
    pub(super) fn are_points_in_time(&self, name: Option<&ColumnName>) -> bool {
        let unit = name.and_then(|name| name.unit).unwrap_or_default();
        // Nobody counts from 1970 in minutes.
        let is_fine = !matches!(unit, TimeUnit::Minutes | TimeUnit::Hours);
        let is_large = |least: f64| is_fine && unit.to_ms(least) >= POINT_FROM_MS;
        let are_large = self.times == 0 && self.smallest.is_some_and(is_large);
        let are_clocks = self.clocks * 2 > self.numbers();
        let tick = self.whole_clocks == self.clocks && self.only_rises();
        let is_clock = if name.is_some_and(ColumnName::says_duration) {
            let rises_as_clock = tick && self.late_clocks == self.clocks;
            self.late_short_clocks > 0 || rises_as_clock
        } else if name.is_some_and(ColumnName::says_elapsed) {
            self.late_short_clocks > 0 || tick
        } else {
            self.late_clocks > 0 || tick
        };
        are_large || are_clocks && is_clock
    }

    /// Returns `true` when the column numbers rows: each value is the one above it plus 1.
    pub(super) fn counts(&self) -> bool {
        self.numbers() >= SEVERAL && !self.values.skips
    }
}
