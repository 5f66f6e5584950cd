//! What can be said of each figure, one row a figure and server.

use measurement::run::comparison::{Comparison, ComparisonVerdict};
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::super::style::{Head, Styles};
use super::super::{column, count, row};
use super::{fit_names, format, shown, unit};
use crate::schema::{COMPARED_COLUMNS, COMPARED_SHEET};

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows: usize = c.figures.iter().map(|row| row.servers.len()).sum();
    let Styles {
        text,
        count: counted,
        ratio,
        general,
        ..
    } = styles;
    Head {
        name: COMPARED_SHEET,
        columns: COMPARED_COLUMNS,
        formats: [
            // A median has the format of its row's figure.
            text, text, text, general, counted, text, ratio, ratio, ratio, text, text, counted,
        ],
    }
    .write(sheet, rows, styles)?;
    sheet.set_column_width(0, 24)?;
    fit_names(sheet, 2, c)?;
    fit_names(sheet, 5, c)?;
    sheet.set_column_width(10, 56)?;
    let servers = c
        .figures
        .iter()
        .flat_map(|row| row.servers.iter().map(move |server| (row, server)));
    for (index, (figure, server)) in servers.enumerate() {
        let row = row(index + 1);
        sheet.write_string(row, 0, figure.figure.key())?;
        sheet.write_string(row, 1, unit(figure.figure))?;
        sheet.write_string(row, 2, &server.server)?;
        if let Some(median) = server.median {
            let value = shown(figure.figure, median);
            sheet.write_number_with_format(row, 3, value, format(figure.figure, styles))?;
        }
        sheet.write_number(row, 4, server.rounds)?;
        let Some(against) = figure.against.iter().find(|a| a.server == server.server) else {
            continue;
        };
        sheet.write_string(row, 5, &against.reference)?;
        let ratios = [against.ratio, against.low, against.high];
        for (index, value) in ratios.into_iter().enumerate() {
            if let Some(value) = value {
                sheet.write_number(row, column(6 + index), value)?;
            }
        }
        sheet.write_string(row, 9, words(against.verdict))?;
        sheet.write_string(row, 10, &against.text)?;
        if let Some(more) = against.more_rounds {
            sheet.write_number(row, 11, count(more))?;
        }
    }
    Ok(())
}

fn words(decision: ComparisonVerdict) -> &'static str {
    match decision {
        ComparisonVerdict::Better => "better",
        ComparisonVerdict::Worse => "worse",
        ComparisonVerdict::CannotTell => "cannot tell",
    }
}
