//! One column of times of any spreadsheet: sheet, header, column and unit are found by themselves.

mod bounded_sample;
mod column_name;
pub(super) mod detect_header;
mod read_column;
mod select_column;

use self::bounded_sample::BoundedSample;
use self::detect_header::SheetHeader;
use self::read_column::ColumnReader;
use self::select_column::SelectedColumn;
use super::ColumnRequest;
use super::cells::CellSource;
use super::run_origin::RunOrigin;
use super::summary_sheet;
use super::time_column::{Latencies, TimeColumn, XColumn};
use crate::error::{ColumnProblem, Place, Refusal, Result, ResultsError};
use crate::schema::{LATENCIES_SHEET, LatencyColumn, SheetColumn, latencies_sheet};

/// Reads the times of a file of cells together with another column of ours, whose numbers are checked as
/// milliseconds. `None` where the file is not ours.
pub(super) fn read_beside(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    column: LatencyColumn,
) -> Result<Option<TimeColumn>> {
    let mut request = request.clone();
    request.x = None;
    if !select_sheet(source, &request)?.1.is_ours {
        return Ok(None);
    }
    request.x = Some(column.title().to_owned());
    read_times_of(source, &request, true).map(Some)
}

/// Reads one column of times of an open file, and the other one, if it was asked for, as times as well or as any
/// numbers.
pub(super) fn read_times_of(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    x_is_time: bool,
) -> Result<TimeColumn> {
    let (sheet, column) = select_sheet(source, request)?;
    let place = source.place(&sheet);
    let unit = request.unit.or(column.name.unit);
    let mut reader = ColumnReader::new(unit.unwrap_or_default(), x_is_time);
    reader.read(source, &sheet, &column)?;
    if column.is_ours && request.sheet.is_none() && sheet == LATENCIES_SHEET {
        read_further_sheets(source, request, &mut reader)?;
    }
    let (chosen_from, skipped) = (reader.chosen_from(), reader.skipped);
    let BoundedSample { values, xs, .. } = reader.sample;
    if values.is_empty() {
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
    let rows = chosen_from.unwrap_or(values.len() as u64);
    Ok(TimeColumn {
        times: Latencies {
            // The run counts more messages than it kept, and kept more than are kept here.
            chosen_from: timed.filter(|timed| *timed > rows).or(chosen_from),
            values_ms: values,
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
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    reader: &mut ColumnReader,
) -> Result<()> {
    let sheets = source.sheets();
    let further = (1..).map(latencies_sheet);
    for next in further.take_while(|next| sheets.contains(next)) {
        // It may have the column elsewhere.
        if let Ok(column) = select_column::select(&SheetHeader::read(source, &next)?, request) {
            reader.read(source, &next, &column)?;
        }
    }
    Ok(())
}

/// Selects the sheet that was asked for, else `latencies`, else the first with a column that can be meant.
fn select_sheet(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
) -> Result<(String, SelectedColumn)> {
    let mut sheets = source.sheets();
    if let Some(wanted) = &request.sheet {
        if !sheets.contains(wanted) {
            let problem = ColumnProblem::NoSuchSheet(wanted.clone(), sheets);
            return Err(ResultsError::NoColumn(Place::file(source.path()), problem));
        }
        sheets = vec![wanted.clone()];
    } else {
        // Stable: the others keep their order.
        sheets.sort_by_key(|sheet| sheet != LATENCIES_SHEET);
    }

    let mut nearest: Option<(String, ColumnProblem)> = None;
    for sheet in sheets {
        match select_column::select(&SheetHeader::read(source, &sheet)?, request) {
            Ok(column) => return Ok((sheet, column)),
            // The first sheet that came nearest explains most.
            Err(problem) => match &nearest {
                Some((_, best)) if best.nearness() >= problem.nearness() => {}
                _ => nearest = Some((sheet, problem)),
            },
        }
    }
    Err(match nearest {
        Some((sheet, problem)) => ResultsError::NoColumn(source.place(&sheet), problem),
        None => ResultsError::Refused(source.path().to_owned(), Refusal::Empty),
    })
}
