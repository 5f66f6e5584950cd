//! Notices about a file: guesses, and remarks on how it was read.

use std::path::Path;

use results::ResultsError;
use results::read::{CellCount, PartialLog, Remark, RunnerUp, TimeColumn, read_partial_log};
use units::{counted, grouped};

use crate::data::Notice;
use crate::phrases::text_if;

/// The notices about the file of a column.
pub(crate) fn of_column(column: &TimeColumn) -> Vec<Notice> {
    let unit_is_assumed = column.unit_is_assumed;
    let guess = (column.column_is_guessed || unit_is_assumed).then(|| Notice {
        text: guess(column),
        unit_is_assumed,
    });
    let file = column.place.path.display().to_string();
    let remarks = column.remarks.iter().map(|remark| Notice {
        text: sentence(remark, &file),
        unit_is_assumed: false,
    });
    guess.into_iter().chain(remarks).collect()
}

/// ``drawing column `rtt` of a.csv, not `time`; its unit is unknown, so milliseconds are assumed``
fn guess(column: &TimeColumn) -> String {
    let (name, place) = (&column.column, &column.place);
    let rather = column
        .runner_up
        .as_ref()
        .map(|RunnerUp { column, constant }| match constant {
            Some(value) => format!(", not `{column}`, which is {value} in every row"),
            None => format!(", not `{column}`"),
        });
    let assumed = text_if(
        column.unit_is_assumed,
        "; its unit is unknown, so milliseconds are assumed",
    );
    format!(
        "drawing column `{name}` of {place}{}{assumed}",
        rather.unwrap_or_default()
    )
}

fn sentence(remark: &Remark, file: &str) -> String {
    match remark {
        Remark::Encoding(encoding) => wording::files::encoding(file, encoding),
        Remark::HiddenSheet(sheet) => {
            format!(
                "sheet `{sheet}` of {file} is read although it is hidden: all other sheets are empty"
            )
        }
        Remark::Partial(state) => partial_log(file, state),
        Remark::HiddenLeftOut(hidden) => wording::files::hidden_left_out(file, hidden),
        Remark::Thousands {
            number,
            is_requested,
        } => thousands(number, *is_requested, file),
        Remark::Buckets {
            count,
            widest_ms: (start, end),
        } => format!(
            "{file} holds {} in place of single times. Each is drawn at its upper end. The widest is {start} ms to {end} ms",
            counted(*count, "bucket")
        ),
        Remark::TextNumbers(cells) => {
            format!(
                "{} of {file} stored as text, the first in cell {}",
                count(cells, "number"),
                cells.first
            )
        }
        Remark::WithoutValue(cells) => left_out(cells, file, "without a value"),
        Remark::Invalid(cells) => left_out(cells, file, "that do not hold a time"),
    }
}

/// The notice about the file of a timeline, if its log is not whole.
pub(crate) fn of_timeline(file: &Path) -> Result<Option<Notice>, ResultsError> {
    let state = read_partial_log(file)?;
    Ok(state.map(|state| Notice {
        text: partial_log(&file.display().to_string(), &state),
        unit_is_assumed: false,
    }))
}

fn partial_log(file: &str, state: &PartialLog) -> String {
    wording::files::partial_log(file, state.through_s, state.is_torn)
}

/// `` `31.022` of a.csv is read as 31,022: the point separates thousands, as requested ``
fn thousands(number: &str, is_requested: bool, file: &str) -> String {
    let separator = if number.contains('.') {
        "point"
    } else {
        "comma"
    };
    let digits = number.replace(['.', ','], "");
    let value = digits.parse().map_or(digits, grouped);
    let source = if is_requested {
        "as requested"
    } else {
        "as the numbers of the file show"
    };
    format!(
        "`{number}` of {file} is read as {value}: the {separator} separates thousands, {source}"
    )
}

fn left_out(cells: &CellCount, file: &str, which: &str) -> String {
    let CellCount { first, found, .. } = cells;
    format!(
        "left out {} of {file} {which}, the first {first} with {found}",
        count(cells, "cell")
    )
}

fn count(cells: &CellCount, noun: &str) -> String {
    counted(cells.count, noun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_name_the_file_the_number_and_the_first_cell() {
        let cells = || CellCount {
            count: 1_200,
            first: "B9".to_owned(),
            found: "the text `N/A`".to_owned(),
        };
        assert_eq!(
            sentence(&Remark::WithoutValue(cells()), "a.csv"),
            "left out 1,200 cells of a.csv without a value, the first B9 with the text `N/A`"
        );
        assert_eq!(
            sentence(&Remark::TextNumbers(cells()), "a.xlsx"),
            "1,200 numbers of a.xlsx stored as text, the first in cell B9"
        );
        assert_eq!(
            sentence(&Remark::Encoding("UTF-16"), "a.txt"),
            "a.txt is read as UTF-16, because it is not UTF-8"
        );
        assert!(
            sentence(
                &Remark::Thousands {
                    number: "31.022".to_owned(),
                    is_requested: false
                },
                "a.csv"
            )
            .starts_with(
                "`31.022` of a.csv is read as 31,022: the point separates thousands, as the"
            )
        );
    }

    #[test]
    fn a_requested_separator_was_said_to_be_shown_by_the_numbers() {
        let remark = Remark::Thousands {
            number: "1,049".to_owned(),
            is_requested: true,
        };
        assert_eq!(
            sentence(&remark, "a.csv"),
            "`1,049` of a.csv is read as 1,049: the comma separates thousands, as requested"
        );
    }
}
