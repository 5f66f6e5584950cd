//! The verdict on each figure, one row a figure and server.

use measurement::run::comparison::{AgainstReference, Comparison, ComparisonVerdict};
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::super::style::{Styles, begin_sheet};
use super::super::{count, row};
use super::{column_value, fit_names, format, unit};
use crate::schema::{COMPARED_SHEET, ComparedColumn as Column, SheetColumn};

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let rows: usize = c.figures.iter().map(|row| row.servers.len()).sum();
    begin_sheet(sheet, COMPARED_SHEET, rows, styles, |column| match column {
        Column::Rounds | Column::MoreRounds => &styles.count,
        Column::Ratio | Column::RatioLow | Column::RatioHigh => &styles.ratio,
        // A median has the format of its row's figure.
        Column::Median => &styles.general,
        _ => &styles.text,
    })?;
    sheet.set_column_width(Column::FigureKey.at(), 24)?;
    fit_names(sheet, Column::Server, c)?;
    fit_names(sheet, Column::Reference, c)?;
    sheet.set_column_width(Column::InWords.at(), 56)?;
    let servers = c
        .figures
        .iter()
        .flat_map(|row| row.servers.iter().map(move |server| (row, server)));
    for (index, (figure, server)) in servers.enumerate() {
        let row = row(index + 1);
        sheet.write_string(row, Column::FigureKey.at(), figure.figure.key())?;
        sheet.write_string(row, Column::Unit.at(), unit(figure.figure))?;
        sheet.write_string(row, Column::Server.at(), &server.server)?;
        if let Some(median) = server.median {
            let value = column_value(figure.figure, median);
            let format = format(figure.figure, styles);
            sheet.write_number_with_format(row, Column::Median.at(), value, format)?;
        }
        sheet.write_number(row, Column::Rounds.at(), server.rounds)?;
        let mut against = figure.against.iter();
        if let Some(against) = against.find(|a| a.server == server.server) {
            write_ratio(sheet, row, against)?;
        }
    }
    Ok(())
}

/// Writes the columns about a server's ratio to the reference.
fn write_ratio(
    sheet: &mut Worksheet,
    row: u32,
    against: &AgainstReference,
) -> Result<(), XlsxError> {
    sheet.write_string(row, Column::Reference.at(), &against.reference)?;
    for (column, value) in [
        (Column::Ratio, against.ratio),
        (Column::RatioLow, against.low),
        (Column::RatioHigh, against.high),
        (Column::MoreRounds, against.more_rounds.map(count)),
    ] {
        if let Some(value) = value {
            sheet.write_number(row, column.at(), value)?;
        }
    }
    sheet.write_string(row, Column::Verdict.at(), words(against.verdict))?;
    sheet.write_string(row, Column::InWords.at(), &against.text)?;
    Ok(())
}

fn words(decision: ComparisonVerdict) -> &'static str {
    match decision {
        ComparisonVerdict::Better => "better",
        ComparisonVerdict::Worse => "worse",
        ComparisonVerdict::CannotTell => "cannot tell",
    }
}
