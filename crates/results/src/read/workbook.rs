//! `.xlsx` streamed cell by cell; `.xls` and `.ods`, which are small, as whole ranges.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use calamine::{DataType, Ods, Reader, Sheet, SheetType, Xls, Xlsx};

use super::cells::{CellPosition, CellSource, CellValue, CellVisitor};
use super::zip_limits::{self, LimitedReader, ReadAllowance};
use crate::error::{Place, Refusal, ResultsError};

fn damaged(path: &Path, source: impl Into<calamine::Error>) -> ResultsError {
    use calamine::{Error, OdsError, XlsError, XlsxError};
    match source.into() {
        Error::Xlsx(XlsxError::Password)
        | Error::Xls(XlsError::Password)
        | Error::Ods(OdsError::Password) => ResultsError::refused(path, Refusal::Encrypted),
        source => ResultsError::damaged(Place::file(path), source),
    }
}

fn damaged_sheet(path: &Path, sheet: &str, source: impl Into<calamine::Error>) -> ResultsError {
    ResultsError::damaged(Place::sheet(path, sheet), source.into())
}

/// Chart sheets and macros hold no cells.
fn with_cells(sheets: &[Sheet]) -> Vec<String> {
    sheets
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| sheet.name.clone())
        .collect()
}

/// A workbook of Excel 2007 or later, never held in memory as a whole.
pub(super) struct XlsxFile {
    path: PathBuf,
    workbook: Xlsx<LimitedReader<BufReader<File>>>,
    allowance: ReadAllowance,
}

impl XlsxFile {
    pub(super) fn open(path: &Path, file: File) -> Result<Self, ResultsError> {
        zip_limits::check(path, &file, zip_limits::XLSX)?;
        let (limited, allowance) = LimitedReader::new(rewind(path, file)?);
        Ok(Self {
            path: path.to_owned(),
            workbook: Xlsx::new(limited).map_err(|e| damaged(path, e))?,
            allowance,
        })
    }
}

/// Returns a reader of the file from its beginning.
fn rewind(path: &Path, mut file: File) -> Result<BufReader<File>, ResultsError> {
    match file.rewind() {
        Ok(()) => Ok(BufReader::new(file)),
        Err(source) => Err(ResultsError::read(path, source)),
    }
}

impl CellSource for XlsxFile {
    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<(), ResultsError> {
        let Self {
            path,
            workbook,
            allowance,
        } = self;
        let failed = |e: calamine::XlsxError| {
            if allowance.is_spent() {
                let excess = format!("a cell of its sheet `{sheet}` has no end");
                ResultsError::refused(path, Refusal::ZipBomb(excess))
            } else {
                damaged_sheet(path, sheet, e)
            }
        };
        allowance.renew();
        let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failed)?;
        while let Some(cell) = cells.next_cell().map_err(failed)? {
            allowance.renew();
            let (row, column) = cell.get_position();
            let flow = visitor(CellPosition { row, column }, value_of(cell.get_value()))?;
            if flow.is_break() {
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
        text_of(text)
    } else if data.is_empty() {
        CellValue::Empty
    } else if let Some(truth) = data.get_bool() {
        CellValue::Bool(truth)
    } else if data.is_error() {
        CellValue::Other("an error")
    } else {
        CellValue::Other("a date")
    }
}

fn text_of(text: &str) -> CellValue<'_> {
    if text.trim().is_empty() {
        CellValue::Empty
    } else {
        CellValue::Text(text)
    }
}

/// A workbook whose reader gives whole sheets.
pub(super) struct RangeFile<R> {
    path: PathBuf,
    workbook: R,
}

impl RangeFile<Xls<BufReader<File>>> {
    pub(super) fn open_xls(path: &Path, file: File) -> Result<Self, ResultsError> {
        Ok(Self {
            path: path.to_owned(),
            workbook: Xls::new(rewind(path, file)?).map_err(|e| damaged(path, e))?,
        })
    }
}

impl RangeFile<Ods<BufReader<File>>> {
    pub(super) fn open_ods(path: &Path, file: File) -> Result<Self, ResultsError> {
        zip_limits::check(path, &file, zip_limits::ODS)?;
        Ok(Self {
            path: path.to_owned(),
            workbook: Ods::new(rewind(path, file)?).map_err(|e| damaged(path, e))?,
        })
    }
}

impl<R: Reader<BufReader<File>>> CellSource for RangeFile<R>
where
    calamine::Error: From<R::Error>,
{
    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut CellVisitor<'_>) -> Result<(), ResultsError> {
        let range = self
            .workbook
            .worksheet_range(sheet)
            .map_err(|e| damaged_sheet(&self.path, sheet, e))?;
        let Some((first_row, first_column)) = range.start() else {
            return Ok(());
        };
        for (row, cells) in (first_row..).zip(range.rows()) {
            for (column, cell) in (first_column..).zip(cells) {
                let flow = visitor(CellPosition { row, column }, value_of(cell))?;
                if flow == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
