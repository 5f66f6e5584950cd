//! One column of times of any spreadsheet, with detection of sheet, header, column and unit.

mod bounded_sample;
mod cell_time;
mod column_contents;
mod column_name;
pub(super) mod detect_header;
mod known_heads;
mod number_format;
mod number_text;
mod other_unit;
mod read_column;
mod select_column;
mod sheet_contents;
mod unit_in_name;

pub use self::number_text::DecimalSign;

use self::bounded_sample::BoundedSample;
use self::detect_header::SheetHeader;
use self::read_column::ColumnReader;
use self::select_column::SelectedColumn;
use self::sheet_contents::SheetContents;
use super::ColumnRequest;
use super::cells::CellSource;
use super::comparison;
use super::remark::Remark;
use super::run_origin::RunOrigin;
use super::summary_sheet;
use super::time_column::{Latencies, TimeColumn, XColumn};
use crate::error::{ColumnProblem, Place, Refusal, Result, ResultsError};
use crate::schema::{LATENCIES_SHEET, LatencyColumn, SheetColumn, latencies_sheet};

/// Reads the times of a file of ws-bench together with a second column, whose numbers are checked as milliseconds. `None`
/// for a file of another program.
pub(super) fn read_beside(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    column: LatencyColumn,
) -> Result<Option<TimeColumn>> {
    let mut request = request.clone();
    request.x = None;
    if !select_sheet(source, &request)?.column.is_ours {
        return Ok(None);
    }
    request.x = Some(column.title().to_owned());
    read_times_of(source, &request, true).map(Some)
}

/// Reads one column of times of an open file and, if requested, a second column, as times or as any numbers.
pub(super) fn read_times_of(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    x_is_time: bool,
) -> Result<TimeColumn> {
    let selected = select_sheet(source, request)?;
    let (sheet, column) = (selected.name, selected.column);
    let place = source.place(&sheet);
    let forms = selected
        .contents
        .forms_of(source, &column, request, x_is_time);
    let hidden = left_out(source, request, &sheet);
    let forms = forms.map_err(|problem| {
        ResultsError::NoColumn(place.clone(), beside_hidden(problem, hidden.clone()))
    })?;
    let mut reader = ColumnReader::new(forms.time, forms.x, request.skip_invalid);
    reader.read(source, &sheet, &column)?;
    if column.is_ours && request.sheet.is_none() && sheet == LATENCIES_SHEET {
        read_further_sheets(source, request, &mut reader)?;
    }
    if reader.sample.values.is_empty() {
        return Err(no_values(place, column, &reader));
    }
    let mut remarks = sheet_remarks(source, request, &sheet, hidden);
    remarks.extend(forms.thousands.map(|number| Remark::Thousands {
        number,
        is_requested: request.decimal.is_some(),
    }));
    remarks.extend(reader.remarks());
    let (chosen_from, skipped) = (reader.chosen_from(), reader.skipped);
    let BoundedSample {
        values, xs, rows, ..
    } = reader.sample;
    let run = origin(source, &column)?;
    let timed = run.as_ref().and_then(|run| run.timed_messages);
    let read = chosen_from.unwrap_or(values.len() as u64);
    Ok(TimeColumn {
        times: Latencies {
            // The run counts more messages than it kept, and kept more than are kept here.
            chosen_from: timed.filter(|timed| *timed > read).or(chosen_from),
            values_ms: values,
            counts: Vec::new(),
            rows,
            skipped,
        },
        place,
        run,
        column: column.label,
        name: column.name.name,
        metric: column.name.metric,
        unit: forms.time.unit,
        unit_is_assumed: forms.unit_is_assumed,
        column_is_guessed: !column.is_ours && request.column.is_none(),
        runner_up: column.runner_up,
        remarks,
        x: column.x.map(|(_, column)| XColumn { column, values: xs }),
    })
}

/// The error about a column without a value in any row.
fn no_values(place: Place, column: SelectedColumn, reader: &ColumnReader) -> ResultsError {
    let rows = reader.skipped;
    if column.is_ours && rows > 0 {
        return ResultsError::NoCorrectEcho {
            place,
            messages: rows,
            corrupted: reader.corrupted,
        };
    }
    ResultsError::NoValues {
        place,
        column: column.label,
        x: column.x.map(|(_, label)| label),
        rows,
    }
}

/// The run of a workbook of ws-bench.
fn origin(source: &mut dyn CellSource, column: &SelectedColumn) -> Result<Option<RunOrigin>> {
    if !column.is_ours || !source.has_sheets() {
        return Ok(None);
    }
    let summary = summary_sheet::read(source)?;
    Ok(summary.and_then(|summary| RunOrigin::of_sheet(&summary)))
}

/// Remarks on the text, and on the sheets that were read and left out.
fn sheet_remarks(
    source: &dyn CellSource,
    request: &ColumnRequest,
    sheet: &String,
    left_out: Vec<String>,
) -> Vec<Remark> {
    let encoding = source.encoding().map(Remark::Encoding);
    let is_hidden = request.sheet.is_none() && source.hidden_sheets().contains(sheet);
    let hidden = is_hidden.then(|| Remark::HiddenSheet(sheet.clone()));
    let left_out = (!left_out.is_empty()).then_some(Remark::HiddenLeftOut(left_out));
    [encoding, hidden, left_out].into_iter().flatten().collect()
}

/// Reads the sheets `latencies_2`, `latencies_3`, … too.
fn read_further_sheets(
    source: &mut dyn CellSource,
    request: &ColumnRequest,
    reader: &mut ColumnReader,
) -> Result<()> {
    let sheets = source.sheets();
    let further = (1..).map(latencies_sheet);
    for next in further.take_while(|next| sheets.contains(next)) {
        // It may have the column elsewhere.
        let header = SheetHeader::read(source, &next)?;
        if let Ok(column) = select_column::select(&header, &[], request) {
            reader.read(source, &next, &column)?;
        }
    }
    Ok(())
}

/// A sheet with a column that qualifies.
struct SelectedSheet {
    name: String,
    column: SelectedColumn,
    contents: SheetContents,
}

/// Selects the requested sheet, else `latencies`, else the first with a column that qualifies. A hidden sheet is selected
/// only if all others are empty.
fn select_sheet(source: &mut dyn CellSource, request: &ColumnRequest) -> Result<SelectedSheet> {
    let mut sheets = source.sheets();
    let hidden = source.hidden_sheets();
    if request.sheet.is_none() && request.column.is_none() {
        comparison::refuse_workbook(source)?;
    }
    if let Some(wanted) = &request.sheet {
        if !sheets.contains(wanted) {
            let problem = ColumnProblem::NoSuchSheet(wanted.clone(), sheets);
            return Err(ResultsError::NoColumn(Place::file(source.path()), problem));
        }
        sheets = vec![wanted.clone()];
    } else {
        // Stable: the others keep their order.
        sheets.sort_by_key(|sheet| (hidden.contains(sheet), sheet != LATENCIES_SHEET));
    }

    let mut nearest: Option<(String, ColumnProblem)> = None;
    for name in sheets {
        let is_hidden = hidden.contains(&name);
        if is_hidden
            && nearest
                .as_ref()
                .is_some_and(|(_, problem)| !is_empty(problem))
        {
            continue;
        }
        let header = SheetHeader::read(source, &name)?;
        if let Some(refusal) = known_heads::refusal(&header.names()) {
            return Err(ResultsError::Refused(source.path().to_owned(), refusal));
        }
        let contents = SheetContents::read(source, &name, &header)?;
        match select_column::select(&header, &contents.all, request) {
            Ok(column) => {
                return Ok(SelectedSheet {
                    name,
                    column,
                    contents,
                });
            }
            // The first sheet that came nearest explains most.
            Err(problem) => match &nearest {
                Some((_, best)) if best.nearness() >= problem.nearness() => {}
                _ => nearest = Some((name, problem)),
            },
        }
    }
    Err(match nearest {
        Some((sheet, problem)) => {
            let hidden = left_out(source, request, &sheet);
            ResultsError::NoColumn(source.place(&sheet), beside_hidden(problem, hidden))
        }
        None => ResultsError::Refused(source.path().to_owned(), Refusal::Empty),
    })
}

/// The hidden sheets that were left out, if a visible sheet was read or is the subject of the error.
fn left_out(source: &dyn CellSource, request: &ColumnRequest, sheet: &String) -> Vec<String> {
    let hidden = source.hidden_sheets();
    if request.sheet.is_some() || hidden.contains(sheet) {
        return Vec::new();
    }
    let sheets = source.sheets();
    hidden
        .into_iter()
        .filter(|name| sheets.contains(name))
        .collect()
}

fn beside_hidden(problem: ColumnProblem, hidden: Vec<String>) -> ColumnProblem {
    if hidden.is_empty() {
        return problem;
    }
    ColumnProblem::BesideHidden {
        problem: Box::new(problem),
        hidden,
    }
}

fn is_empty(problem: &ColumnProblem) -> bool {
    matches!(problem, ColumnProblem::NoRows)
}
