//! One column of times from a spreadsheet or CSV file, whoever wrote it, and another to draw it
//! against.
//!
//! | file | what lives there |
//! |---|---|
//! | `source` | a file as sheets of cells, its format told by its content |
//! | `workbook`, `text` | the two kinds of source: `.xlsx .xls .ods`, and CSV |
//! | `table` | a sheet's header and which of its columns hold numbers |
//! | `choose` | which column is meant, by name |
//! | `title` | what a column's name says: words and unit |
//! | `collect` | the values of that column, checked, and what they are drawn against |
//! | `run` | what the `summary` sheet says about the run |
//!
//! Cells are streamed; only the wanted values are kept.

mod choose;
mod collect;
mod run;
mod source;
mod table;
mod text;
mod title;
mod workbook;

use std::fmt;
use std::path::{Path, PathBuf};

pub use run::RunInfo;
pub use title::Unit;

use crate::error::ResultsError;
use crate::schema;
use choose::{Choice, NoChoice};
use collect::{Collected, Collector};
use source::Source;
use table::Table;

/// Which of a run's two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metric {
    /// Received minus sent.
    #[default]
    ServiceTime,
    /// Received minus intended.
    ResponseTime,
}

impl Metric {
    /// `service time` or `response time`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServiceTime => "service time",
            Self::ResponseTime => "response time",
        }
    }

    /// Its column in the files of this crate.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::ServiceTime => schema::SERVICE_TIME_COLUMN,
            Self::ResponseTime => schema::RESPONSE_TIME_COLUMN,
        }
    }
}

/// What to read. The default reads the service times of our own files, and finds out by itself in
/// a file of somebody else.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which time, where the file holds both.
    pub metric: Metric,
    /// Only this sheet.
    pub sheet: Option<String>,
    /// This column: its name in the header, or its letter.
    pub column: Option<String>,
    /// The unit of the numbers, whatever the column's name says.
    pub unit: Option<Unit>,
    /// This column as well, named in the same ways: numbers that the times are drawn against.
    pub x: Option<String>,
}

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
}

/// The numbers that the times of a file are drawn against.
#[derive(Debug, Clone, PartialEq)]
pub struct Xs {
    /// The column's name in the file; its letter where it has none.
    pub column: String,
    /// One for each time, in the same order; finite.
    pub values: Vec<f64>,
}

/// A file, and the sheet where it has sheets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The sheet; `None` in a CSV file.
    pub sheet: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sheet) = &self.sheet {
            write!(f, "sheet `{sheet}` of ")?;
        }
        self.path.display().fmt(f)
    }
}

/// Reads one column of times from the file at `path`.
///
/// # Errors
/// [`ResultsError`] when the file is no whole spreadsheet, when no column, or no single one, can be
/// meant, and when a cell of it holds anything but a time.
pub fn read_times(path: &Path, request: &Request) -> Result<Times, ResultsError> {
    let mut source = source::open(path)?;
    let source = source.as_mut();
    let (sheet, choice) = choose_sheet(path, source, request)?;
    let place = Place {
        path: path.to_owned(),
        sheet: source.has_sheets().then(|| sheet.clone()),
    };

    let unit = request.unit.or(choice.title.unit);
    let mut collector = Collector::new(&choice, unit.unwrap_or_default());
    collector.collect(path, source, &sheet)?;
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
    Ok(Times {
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

/// `a, b, c`, each in quotes.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    quoted.join(", ")
}
