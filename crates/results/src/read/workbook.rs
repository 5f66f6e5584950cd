//! `.xlsx` streamed cell by cell; `.xls` and `.ods`, which are small, as whole ranges.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use calamine::{DataType, Ods, Reader, Sheet, SheetType, Xls, Xlsx};

use super::Place;
use super::archive::{self, Allowance, Watched};
use super::source::{Position, Source, Value, Visitor};
use crate::error::ResultsError;

fn damaged(path: &Path, source: impl Into<calamine::Error>) -> ResultsError {
    use calamine::{Error, OdsError, XlsError, XlsxError};
    let path = path.to_owned();
    match source.into() {
        Error::Xlsx(XlsxError::Password)
        | Error::Xls(XlsError::Password)
        | Error::Ods(OdsError::Password) => ResultsError::Encrypted { path },
        source => ResultsError::Damaged {
            path,
            source: Box::new(source),
        },
    }
}

fn damaged_sheet(path: &Path, sheet: &str, source: impl Into<calamine::Error>) -> ResultsError {
    ResultsError::DamagedSheet {
        place: Place {
            path: path.to_owned(),
            sheet: Some(sheet.to_owned()),
        },
        source: Box::new(source.into()),
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

/// A workbook of Excel 2007 or later, never held in memory as a whole.
pub(super) struct XlsxFile {
    path: PathBuf,
    workbook: Xlsx<Watched<BufReader<File>>>,
    allowance: Allowance,
}

impl XlsxFile {
    pub(super) fn open(path: &Path, file: File) -> Result<Self, ResultsError> {
        archive::check(path, &file, archive::XLSX)?;
        let (watched, allowance) = Watched::new(BufReader::new(rewound(path, file)?));
        Ok(Self {
            path: path.to_owned(),
            workbook: Xlsx::new(watched).map_err(|e| damaged(path, e))?,
            allowance,
        })
    }
}

/// The file from its beginning.
fn rewound(path: &Path, mut file: File) -> Result<File, ResultsError> {
    match file.rewind() {
        Ok(()) => Ok(file),
        Err(source) => Err(ResultsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

impl Source for XlsxFile {
    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut Visitor<'_>) -> Result<(), ResultsError> {
        let Self {
            path,
            workbook,
            allowance,
        } = self;
        let failed = |e: calamine::XlsxError| {
            if allowance.is_spent() {
                ResultsError::ZipBomb {
                    path: path.clone(),
                    why: format!("a cell of its sheet `{sheet}` has no end"),
                }
            } else {
                damaged_sheet(path, sheet, e)
            }
        };
        allowance.renew();
        let mut cells = workbook.worksheet_cells_reader(sheet).map_err(failed)?;
        while let Some(cell) = cells.next_cell().map_err(failed)? {
            allowance.renew();
            let (row, column) = cell.get_position();
            let flow = visitor(Position { row, column }, value_of(cell.get_value()))?;
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn value_of(data: &impl DataType) -> Value<'_> {
    if let Some(number) = data.get_float() {
        Value::Number(number)
    } else if let Some(number) = data.get_int() {
        // Exact up to 2^53, which no time in a spreadsheet reaches.
        Value::Number(number as f64)
    } else if let Some(text) = data.get_string() {
        text_of(text)
    } else if data.is_empty() {
        Value::Empty
    } else if let Some(truth) = data.get_bool() {
        Value::Bool(truth)
    } else if data.is_error() {
        Value::Other("an error")
    } else {
        Value::Other("a date")
    }
}

fn text_of(text: &str) -> Value<'_> {
    if text.trim().is_empty() {
        Value::Empty
    } else {
        Value::Text(text)
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
            workbook: Xls::new(BufReader::new(rewound(path, file)?))
                .map_err(|e| damaged(path, e))?,
        })
    }
}

impl RangeFile<Ods<BufReader<File>>> {
    pub(super) fn open_ods(path: &Path, file: File) -> Result<Self, ResultsError> {
        archive::check(path, &file, archive::ODS)?;
        Ok(Self {
            path: path.to_owned(),
            workbook: Ods::new(BufReader::new(rewound(path, file)?))
                .map_err(|e| damaged(path, e))?,
        })
    }
}

impl<R: Reader<BufReader<File>>> Source for RangeFile<R>
where
    calamine::Error: From<R::Error>,
{
    fn sheets(&self) -> Vec<String> {
        with_cells(self.workbook.sheets_metadata())
    }

    fn visit(&mut self, sheet: &str, visitor: &mut Visitor<'_>) -> Result<(), ResultsError> {
        let range = self
            .workbook
            .worksheet_range(sheet)
            .map_err(|e| damaged_sheet(&self.path, sheet, e))?;
        let Some((first_row, first_column)) = range.start() else {
            return Ok(());
        };
        for (row, cells) in (first_row..).zip(range.rows()) {
            for (column, cell) in (first_column..).zip(cells) {
                let flow = visitor(Position { row, column }, value_of(cell))?;
                if flow == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
