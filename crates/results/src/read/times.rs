//! One column of times, in the order of its rows.

use std::path::Path;

use super::cells::CellSource;
use super::foreign::detect_header::SheetHeader;
use super::foreign::read_column::{ColumnReader, ColumnValues};
use super::foreign::select_column::{self, SelectedColumn};
use super::open;
use super::run_origin::RunOrigin;
use super::summary_sheet;
use super::time_unit::TimeUnit;
use super::{Metric, Request};
use crate::content::Content;
use crate::error::{ColumnProblem, Place, Refusal, ResultsError, quoted};
use crate::schema::{LATENCIES_SHEET, LatencyColumn, SheetColumn, latencies_sheet};

/// One column of times.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeColumn {
    /// The values in milliseconds, top to bottom; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// Rows left out because no right echo came: an empty cell, or the outcome `corrupted`. Where
    /// there are `xs`, also rows without one.
    pub skipped: u64,
    /// The file and sheet.
    pub place: Place,
    /// The column's name in the file; its letter where it has none.
    pub column: String,
    /// Name of the times: `service time`, or its name without the unit.
    pub name: String,
    /// `None` when it is not known to be one of the two times.
    pub metric: Option<Metric>,
    /// TimeUnit of the numbers in the file.
    pub unit: TimeUnit,
    /// Neither the request nor the column's name has a unit.
    pub unit_is_assumed: bool,
    /// Nobody named the column, and the file is not ours.
    pub column_is_guessed: bool,
    /// The run, when the file is ours and says so.
    pub run: Option<RunOrigin>,
    /// The other column of the same rows, when it was asked for.
    pub xs: Option<XColumn>,
    /// Number of times from which these were chosen at random: by the run, which kept no more rows, or here,
    /// where a file has more than 8,388,608; `None` when they are all, or it is not known.
    pub chosen_from: Option<u64>,
}

/// The numbers that the times of a file are drawn against.
#[derive(Debug, Clone, PartialEq)]
pub struct XColumn {
    /// The column's name in the file; its letter where it has none.
    pub column: String,
    /// One for each time, in the same order; finite.
    pub values: Vec<f64>,
}

/// Reads one column of times from the file at `path`.
///
/// # Errors
/// [`ResultsError`] when the file is no whole spreadsheet, when no column, or no single one, can be
/// meant, and when a cell of it holds anything but a time.
pub fn read_times(path: &Path, request: &Request) -> Result<TimeColumn, ResultsError> {
    let mut source = open::open_cells(path, Content::Messages)?;
    read_from(path, source.as_mut(), request)
}

/// Reads the same from a file that is open.
pub(super) fn read_from(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
) -> Result<TimeColumn, ResultsError> {
    let (sheet, column) = select_sheet(path, source, request)?;
    read_selected(path, source, request, (&sheet, column), None)
}

/// Reads the times of a file of cells together with another column of ours: times as well, in this unit.
/// `None` where the file is not ours.
pub(super) fn read_beside(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
    (column, unit): (LatencyColumn, TimeUnit),
) -> Result<Option<TimeColumn>, ResultsError> {
    let mut request = Request {
        x: None,
        ..request.clone()
    };
    if !select_sheet(path, source, &request)?.1.is_ours {
        return Ok(None);
    }
    request.x = Some(column.title().to_owned());
    let (sheet, column) = select_sheet(path, source, &request)?;
    read_selected(path, source, &request, (&sheet, column), Some(unit)).map(Some)
}

fn read_selected(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
    (sheet, column): (&str, SelectedColumn),
    x_unit: Option<TimeUnit>,
) -> Result<TimeColumn, ResultsError> {
    let place = Place {
        path: path.to_owned(),
        sheet: source.has_sheets().then(|| sheet.to_owned()),
    };
    let unit = request.unit.or(column.name.unit);
    let ColumnValues {
        values_ms,
        xs,
        skipped,
        chosen_from,
    } = {
        let mut reader = ColumnReader::new(unit.unwrap_or_default(), x_unit);
        reader.read(path, source, sheet, &column)?;
        if column.is_ours && request.sheet.is_none() && sheet == LATENCIES_SHEET {
            read_further_sheets(path, source, request, &mut reader)?;
        }
        reader.finish()
    };
    if values_ms.is_empty() {
        return Err(ResultsError::NoValues {
            place,
            column: column.label,
            x: column.x.map(|(_, label)| label),
            rows: skipped,
        });
    }
    let mut run = None;
    if column.is_ours && source.has_sheets() {
        run = summary_sheet::read(source)?.and_then(|summary| RunOrigin::of_sheet(&summary));
    }
    let timed = run.as_ref().and_then(|run| run.timed_messages);
    let rows = chosen_from.unwrap_or(values_ms.len() as u64);
    Ok(TimeColumn {
        // The run counts more messages than it kept, and kept more than are kept here.
        chosen_from: timed.filter(|timed| *timed > rows).or(chosen_from),
        values_ms,
        skipped,
        place,
        column: column.label,
        name: column.name.name,
        metric: column.name.metric,
        unit: unit.unwrap_or_default(),
        unit_is_assumed: unit.is_none(),
        column_is_guessed: !column.is_ours && request.column.is_none(),
        run,
        xs: column.x.map(|(_, column)| XColumn { column, values: xs }),
    })
}

/// Reads the sheets `latencies_2`, `latencies_3`, … as well.
fn read_further_sheets(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
    reader: &mut ColumnReader,
) -> Result<(), ResultsError> {
    let sheets = source.sheets();
    let further = (1..).map(latencies_sheet);
    for next in further.take_while(|next| sheets.contains(next)) {
        // It may have the column elsewhere.
        if let Ok(column) = select_column::select(&SheetHeader::read(source, &next)?, request) {
            reader.read(path, source, &next, &column)?;
        }
    }
    Ok(())
}

/// Selects the sheet that was asked for, else `latencies`, else the first with a column that can be meant.
fn select_sheet(
    path: &Path,
    source: &mut dyn CellSource,
    request: &Request,
) -> Result<(String, SelectedColumn), ResultsError> {
    let mut sheets = source.sheets();
    if let Some(wanted) = &request.sheet {
        if !sheets.contains(wanted) {
            return Err(ResultsError::NoSuchSheet {
                path: path.to_owned(),
                sheet: wanted.clone(),
                known: quoted(&sheets),
            });
        }
        sheets = vec![wanted.clone()];
    } else {
        // Stable: the others keep their order.
        sheets.sort_by_key(|sheet| sheet != LATENCIES_SHEET);
    }

    let mut nearest: Option<(ColumnProblem, Place)> = None;
    for sheet in sheets {
        match select_column::select(&SheetHeader::read(source, &sheet)?, request) {
            Ok(column) => return Ok((sheet, column)),
            Err(problem) => {
                // The first sheet that came nearest explains most.
                if nearest
                    .as_ref()
                    .is_none_or(|(best, _)| best.nearness() < problem.nearness())
                {
                    let sheet = source.has_sheets().then_some(sheet);
                    let path = path.to_owned();
                    nearest = Some((problem, Place { path, sheet }));
                }
            }
        }
    }
    Err(match nearest {
        Some((problem, place)) => ResultsError::NoColumn { place, problem },
        None => ResultsError::refused(path, Refusal::Empty),
    })
}
