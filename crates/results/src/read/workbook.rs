//! `.xlsx` streamed cell by cell; `.xls` and `.ods`, which are small, as whole ranges.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::path::{Path, PathBuf};

use calamine::{DataType, ExcelDateTime, Reader, Sheet, SheetType, SheetVisible, Xlsx};

use super::cells::{Cell, CellSource, CellValue, CellVisitor};
use super::durations;
use super::zip_limits::{self, LimitedReader, ReadAllowance};
use crate::error::{Place, Refusal, Result, ResultsError};

fn damaged(path: &Path, source: impl Into<calamine::Error>) -> ResultsError {
    use calamine::{Error, OdsError, XlsError, XlsxError};
    match source.into() {
        Error::Xlsx(XlsxError::Password)
        | Error::Xls(XlsError::Password)
        | Error::Ods(OdsError::Password) => {
            ResultsError::Refused(path.to_owned(), Refusal::Encrypted)
        }
        source => ResultsError::damaged(Place::file(path), source),
    }
}

/// Chart sheets and macros hold no cells.
fn with_cells(sheets: &[Sheet]) -> Vec<String> {
    sheets
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect()
}

/// A workbook of Excel 2007 or later, which is streamed.
pub(super) struct XlsxFile {
    path: PathBuf,
    workbook: Xlsx<LimitedReader<BufReader<File>>>,
    allowance: ReadAllowance,
}

impl XlsxFile {
    pub(super) fn open(path: &Path, file: File) -> Result<Self> {
        zip_limits::check(path, &file, zip_limits::XLSX)?;
        let (limited, allowance) = LimitedReader::new(rewind(path, file)?);
        Ok(Self {
            path: path.to_owned(),
            workbook: Xlsx::new(limited).map_err(|e| damaged(path, e))?,
            allowance,
        })
    }
}

fn rewind(path: &Path, mut file: File) -> Result<BufReader<File>> {
    match file.rewind() {
        Ok(()) => Ok(BufReader::new(file)),
        Err(source) => Err(ResultsError::read(path, source)),
    }
}

impl CellSource for XlsxFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn hidden_sheets(&self) -> Vec<String> {
        hidden(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let place = self.place(sheet);
        let allowance = &self.allowance;
        let failed = |e: calamine::XlsxError| {
            if allowance.is_spent() {
                let excess = format!("a cell of its sheet `{sheet}` has no end");
                ResultsError::zip_bomb(&place.path, excess)
            } else {
                ResultsError::damaged(place.clone(), calamine::Error::from(e))
            }
        };
        allowance.renew();
        let mut cells = self
            .workbook
            .worksheet_cells_reader(sheet)
            .map_err(failed)?;
        while let Some(cell) = cells.next_cell().map_err(failed)? {
            allowance.renew();
            let (row, column) = cell.get_position();
            let value = value_of(cell.get_value());
            if visitor(Cell { row, column, value })?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn value_of(data: &impl DataType) -> CellValue<'_> {
    if let Some(number) = data.get_float() {
        CellValue::Number(number)
    } else if let Some(number) = data.get_int() {
        // Exact up to 2^53, which no time in a spreadsheet reaches.
        CellValue::Number(number as f64)
    } else if let Some(text) = data.get_string() {
        match text.trim() {
            "" => CellValue::Empty,
            _ => CellValue::Text(text),
        }
    } else if data.is_empty() {
        CellValue::Empty
    } else if let Some(truth) = data.get_bool() {
        CellValue::Bool(truth)
    } else if data.is_error() {
        CellValue::Error
    } else if let Some(time) = data.get_datetime() {
        duration_of(&time)
    } else if let Some(iso) = data.get_duration_iso() {
        durations::of_iso(iso).map_or(CellValue::Date, CellValue::Duration)
    } else {
        CellValue::Date
    }
}

/// Reads a date or duration. A part of a day is a duration in the formats `[h]:mm:ss` and `mm:ss`, a day and more only in
/// the first.
fn duration_of(time: &ExcelDateTime) -> CellValue<'static> {
    const DAY_US: f64 = 86_400e6;
    let days = time.as_f64();
    let is_duration = time.is_duration() || (0.0..1.0).contains(&days);
    if !is_duration {
        return CellValue::Date;
    }
    // Spreadsheets show milliseconds; days in a number of 53 bits are not much finer than microseconds.
    CellValue::Duration((days * DAY_US).round() / 1e3)
}

fn hidden(sheets: &[Sheet]) -> Vec<String> {
    let hidden = sheets
        .iter()
        .filter(|sheet| sheet.visible != SheetVisible::Visible);
    hidden.map(|sheet| sheet.name.clone()).collect()
}

/// A workbook whose reader returns whole sheets.
pub(super) struct RangeFile<R> {
    path: PathBuf,
    workbook: R,
}

impl<R: Reader<BufReader<File>>> RangeFile<R>
where
    calamine::Error: From<R::Error>,
{
    pub(super) fn open(path: &Path, file: File) -> Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            workbook: R::new(rewind(path, file)?).map_err(|e| damaged(path, e))?,
        })
    }
}

impl<R: Reader<BufReader<File>>> CellSource for RangeFile<R>
where
    calamine::Error: From<R::Error>,
{
    fn path(&self) -> &Path {
        &self.path
    }

    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn hidden_sheets(&self) -> Vec<String> {
        hidden(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<()> {
        let range = self.workbook.worksheet_range(sheet);
        let range = range
            .map_err(|e| ResultsError::damaged(self.place(sheet), calamine::Error::from(e)))?;
        let Some((first_row, first_column)) = range.start() else {
            return Ok(());
        };
        for (row, cells) in (first_row..).zip(range.rows()) {
            for (column, cell) in (first_column..).zip(cells) {
                let value = value_of(cell);
                if visitor(Cell { row, column, value })?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
