//! One column of times of any spreadsheet: sheet, header, column and unit are found by themselves.
//!
//! | file | what lives there |
//! |---|---|
//! | `detect_header` | a sheet's header, and its columns of numbers |
//! | `column_name` | words, unit and metric of a column's name |
//! | `select_column` | the column that is meant |
//! | `read_column` | its values, checked |
//! | `bounded_sample` | a bounded number of them |

mod bounded_sample;
mod column_name;
pub(super) mod detect_header;
mod read_column;
mod select_column;

use std::path::Path;

use self::detect_header::SheetHeader;
use self::read_column::{ColumnReader, ColumnValues};
use self::select_column::SelectedColumn;
use super::ColumnRequest;
use super::cells::CellSource;
use super::run_origin::RunOrigin;
use super::summary_sheet;
use super::time_column::{Latencies, TimeColumn, XColumn};
use super::time_unit::TimeUnit;
use crate::error::{ColumnProblem, Place, Refusal, ResultsError, quoted};
use crate::schema::{LATENCIES_SHEET, LatencyColumn, SheetColumn, latencies_sheet};

/// Reads one column of times of an open file.
pub(super) fn read_times_of(
    path: &Path,
    source: &mut dyn CellSource,
    request: &ColumnRequest,
) -> Result<TimeColumn, ResultsError> {
    let (sheet, column) = select_sheet(path, source, request)?;
    read_selected(path, source, request, (&sheet, column), None)
}

/// Reads the times of a file of cells together with another column of ours: times as well, in this unit.
/// `None` where the file is not ours.
pub(super) fn read_beside(
    path: &Path,
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    (column, unit): (LatencyColumn, TimeUnit),
) -> Result<Option<TimeColumn>, ResultsError> {
    let mut request = ColumnRequest {
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
    request: &ColumnRequest,
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
    let run = if column.is_ours && source.has_sheets() {
        summary_sheet::read(source)?.and_then(|summary| RunOrigin::of_sheet(&summary))
    } else {
        None
    };
    let timed = run.as_ref().and_then(|run| run.timed_messages);
    let rows = chosen_from.unwrap_or(values_ms.len() as u64);
    Ok(TimeColumn {
        times: Latencies {
            // The run counts more messages than it kept, and kept more than are kept here.
            chosen_from: timed.filter(|timed| *timed > rows).or(chosen_from),
            values_ms,
            counts: Vec::new(),
            skipped,
        },
        place,
        run,
        column: column.label,
        name: column.name.name,
        metric: column.name.metric,
        unit: unit.unwrap_or_default(),
        unit_is_assumed: unit.is_none(),
        column_is_guessed: !column.is_ours && request.column.is_none(),
        x: column.x.map(|(_, column)| XColumn { column, values: xs }),
    })
}

/// Reads the sheets `latencies_2`, `latencies_3`, … as well.
fn read_further_sheets(
    path: &Path,
    source: &mut dyn CellSource,
    request: &ColumnRequest,
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
    request: &ColumnRequest,
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
