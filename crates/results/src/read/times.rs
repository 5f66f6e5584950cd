//! One column of times, in the order of its rows.

use std::path::Path;

use super::choose::{self, Choice, NoChoice};
use super::collect::{Collected, Collector};
use super::source::{self, Source};
use super::table::Table;
use super::{Metric, Part, Place, Request, RunInfo, Unit, listed};
use crate::error::ResultsError;
use crate::schema;

/// One column of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// The values in milliseconds, top to bottom; finite and not below zero.
    pub values_ms: Vec<f64>,
    /// Rows left out because no right echo came: an empty cell, or the outcome `corrupted`. Where
    /// there are `xs`, also rows without one.
    pub skipped: u64,
    /// Where they were found.
    pub place: Place,
    /// The column's name in the file; its letter where it has none.
    pub column: String,
    /// What the column holds: `service time`, or its name without the unit.
    pub name: String,
    /// Which of the two times it is, where that is known.
    pub metric: Option<Metric>,
    /// Unit of the numbers in the file.
    pub unit: Unit,
    /// Nothing told the unit: neither the request nor the column's name.
    pub unit_is_assumed: bool,
    /// Nobody named the column, and the file is not ours.
    pub column_is_guessed: bool,
    /// The run, when the file is ours and says so.
    pub run: Option<RunInfo>,
    /// The other column of the same rows, when it was asked for.
    pub xs: Option<Xs>,
    /// From how many times these were chosen at random: by the run, which kept no more rows, or here,
    /// where a file has more than 8,388,608; `None` when they are all, or nothing tells.
    pub chosen_from: Option<u64>,
}

/// The numbers that the times of a file are drawn against.
#[derive(Debug, Clone, PartialEq)]
pub struct Xs {
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
pub fn read_times(path: &Path, request: &Request) -> Result<Times, ResultsError> {
    let mut source = source::open_cells(path, Part::Messages)?;
    read_from(path, source.as_mut(), request)
}

/// The same from a file that is open.
pub(super) fn read_from(
    path: &Path,
    source: &mut dyn Source,
    request: &Request,
) -> Result<Times, ResultsError> {
    let (sheet, choice) = choose_sheet(path, source, request)?;
    read_chosen(path, source, request, &sheet, choice, None)
}

/// Reads the times of a file of cells together with another column of ours: times as well, in this unit.
/// `None` where the file is not ours.
pub(super) fn read_beside(
    path: &Path,
    source: &mut dyn Source,
    request: &Request,
    beside: (&str, Unit),
) -> Result<Option<Times>, ResultsError> {
    let request = Request {
        x: None,
        ..request.clone()
    };
    let (_, choice) = choose_sheet(path, source, &request)?;
    if !choice.is_ours {
        return Ok(None);
    }
    let request = Request {
        x: Some(beside.0.to_owned()),
        ..request
    };
    let (sheet, choice) = choose_sheet(path, source, &request)?;
    read_chosen(path, source, &request, &sheet, choice, Some(beside.1)).map(Some)
}

fn read_chosen(
    path: &Path,
    source: &mut dyn Source,
    request: &Request,
    sheet: &str,
    choice: Choice,
    x_unit: Option<Unit>,
) -> Result<Times, ResultsError> {
    let place = Place {
        path: path.to_owned(),
        sheet: source.has_sheets().then(|| sheet.to_owned()),
    };
    let unit = request.unit.or(choice.title.unit);
    let mut collector = Collector::new(&choice, unit.unwrap_or_default(), x_unit);
    collector.collect(path, source, sheet)?;
    let continues = choice.is_ours && request.sheet.is_none() && sheet == schema::LATENCIES_SHEET;
    if continues {
        let sheets = source.sheets();
        for next in (1..).map(schema::latencies_sheet) {
            if !sheets.contains(&next) {
                break;
            }
            let table = Table::read(source, &next)?;
            if let Ok(choice) = choose::choose(&table, request) {
                collector.turn_to(&choice);
                collector.collect(path, source, &next)?;
            }
        }
    }
    let Collected {
        values_ms,
        xs,
        skipped,
        chosen_from,
    } = collector.finish();
    if values_ms.is_empty() {
        return Err(match choice.x {
            None => ResultsError::EmptyColumn {
                place,
                column: choice.label,
                rows: skipped,
            },
            Some(x) => ResultsError::NoWholeRow {
                place,
                x: x.label,
                column: choice.label,
                rows: skipped,
            },
        });
    }

    let run = (choice.is_ours && source.has_sheets())
        .then(|| RunInfo::read(source))
        .transpose()?
        .flatten();
    let timed = run.as_ref().and_then(|run| run.timed_messages);
    let rows = chosen_from.unwrap_or(values_ms.len() as u64);
    Ok(Times {
        // What the run counts is more than what it kept, and that more than what is kept here.
        chosen_from: timed.filter(|timed| *timed > rows).or(chosen_from),
        values_ms,
        skipped,
        place,
        column: choice.label,
        name: choice.title.name,
        metric: choice.title.metric,
        unit: unit.unwrap_or_default(),
        unit_is_assumed: unit.is_none(),
        column_is_guessed: !choice.is_ours && request.column.is_none(),
        run,
        xs: choice.x.map(|x| Xs {
            column: x.label,
            values: xs,
        }),
    })
}

/// The sheet that was asked for, else `latencies`, else the first with a column that can be meant.
fn choose_sheet(
    path: &Path,
    source: &mut dyn Source,
    request: &Request,
) -> Result<(String, Choice), ResultsError> {
    let mut sheets = source.sheets();
    if let Some(wanted) = &request.sheet {
        if !sheets.contains(wanted) {
            return Err(ResultsError::NoSuchSheet {
                path: path.to_owned(),
                sheet: wanted.clone(),
                known: listed(&sheets),
            });
        }
        sheets = vec![wanted.clone()];
    } else {
        // Stable: the others keep their order.
        sheets.sort_by_key(|sheet| sheet != schema::LATENCIES_SHEET);
    }

    let mut best_failure: Option<(NoChoice, Place)> = None;
    for sheet in sheets {
        match choose::choose(&Table::read(source, &sheet)?, request) {
            Ok(choice) => return Ok((sheet, choice)),
            Err(failure) => {
                let sheet = source.has_sheets().then_some(sheet);
                let path = path.to_owned();
                // The first sheet that came nearest explains most.
                if best_failure
                    .as_ref()
                    .is_none_or(|(best, _)| best.nearness() < failure.nearness())
                {
                    best_failure = Some((failure, Place { path, sheet }));
                }
            }
        }
    }
    Err(match best_failure {
        Some((failure, place)) => failure.into_error(place),
        None => ResultsError::EmptyFile {
            path: path.to_owned(),
        },
    })
}
