//! The verdict on each figure, with one row per figure and server.

use measurement::run::comparison::{
    AgainstReference, Comparison, ComparisonVerdict, FigureOfServer, FigureRow,
};
use rust_xlsxwriter::{Format, Worksheet};

use super::super::style::{CellContent, write_table};
use super::super::{XlsxResult, count, row};
use super::{column_unit, fit_names};
use crate::schema::{COMPARED_SHEET, ComparedColumn as Column, SheetColumn};

/// A server's figure, and its ratio to the reference.
type ServerFigure<'c> = (
    &'c FigureRow,
    &'c FigureOfServer,
    Option<&'c AgainstReference>,
);

pub(super) fn write(sheet: &mut Worksheet, c: &Comparison) -> XlsxResult {
    let mut rows: Vec<ServerFigure<'_>> = Vec::new();
    for figure in &c.figures {
        for server in &figure.servers {
            let mut against = figure.against.iter();
            let against = against.find(|a| a.server == server.server);
            rows.push((figure, server, against));
        }
    }
    write_table(sheet, COMPARED_SHEET, &rows, content)?;
    for (index, (figure, server, _)) in rows.iter().enumerate() {
        let (_, scale, format) = column_unit(figure.figure);
        if let Some(median) = server.median {
            let (at, format) = (Column::Median.at(), Format::from(format));
            sheet.write_number_with_format(row(index + 1), at, median / scale, &format)?;
        }
    }
    sheet.set_column_width(Column::FigureKey.at(), 24)?;
    fit_names(sheet, Column::Server, c)?;
    fit_names(sheet, Column::Reference, c)?;
    sheet.set_column_width(Column::InWords.at(), 56)?;
    Ok(())
}

fn content<'c>((figure, server, against): &ServerFigure<'c>, column: Column) -> CellContent<'c> {
    match column {
        Column::FigureKey => figure.figure.key().into(),
        Column::Unit => column_unit(figure.figure).0.into(),
        Column::Server => server.server.as_str().into(),
        // Each has a format of its own.
        Column::Median => CellContent::Nothing,
        Column::Rounds => f64::from(server.rounds).into(),
        Column::Reference => against.map(|a| a.reference.as_str()).into(),
        Column::Ratio => against.and_then(|a| a.ratio).into(),
        Column::RatioLow => against.and_then(|a| a.low).into(),
        Column::RatioHigh => against.and_then(|a| a.high).into(),
        Column::Verdict => against.map(|a| words(a.verdict)).into(),
        Column::InWords => against.map(|a| a.text.as_str()).into(),
        Column::MoreRounds => against.and_then(|a| a.more_rounds).map(count).into(),
    }
}

fn words(decision: ComparisonVerdict) -> &'static str {
    match decision {
        ComparisonVerdict::Better => "better",
        ComparisonVerdict::Worse => "worse",
        ComparisonVerdict::CannotTell => "inconclusive",
    }
}
