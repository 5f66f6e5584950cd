//! The workbook of a comparison: what can be said of each figure, every round, what each server did
//! round by round with a chart, and all the rest as keys and values.

mod by_round;
mod figures;
mod rounds;

use std::io::Write;

use measurement::run::comparison::{ComparedFigure, Comparison};
use rust_xlsxwriter::{Format, Worksheet, XlsxError};

use super::style::Styles;
use super::{begun, keys};
use crate::schema::{BY_ROUND_SHEETS, COMPARISON_SHEET};

pub(in crate::write) fn write(
    comparison: &Comparison,
    file: impl Write + Send,
) -> Result<(), XlsxError> {
    let c = comparison;
    let names: Vec<&str> = c.servers.iter().map(|s| s.name.as_str()).collect();
    let mut workbook = begun(
        "Comparison of WebSocket servers".to_owned(),
        // Room enough for names, and less than a property may have.
        names.join(", ").chars().take(200).collect(),
        &c.tool,
        &c.started_at,
    );
    let styles = Styles::new();
    figures::write(workbook.add_worksheet(), c, &styles)?;
    rounds::write(workbook.add_worksheet(), c, &styles)?;
    for (name, figure) in BY_ROUND_SHEETS {
        by_round::write(workbook.add_worksheet(), c, name, figure, &styles)?;
    }
    rest(workbook.add_worksheet(), c, &styles)?;
    workbook.save_to_writer(file)
}

/// All that is not in the other sheets.
fn rest(sheet: &mut Worksheet, c: &Comparison, styles: &Styles) -> Result<(), XlsxError> {
    // A comparison of ours always has a JSON form.
    let mut document = serde_json::to_value(c).unwrap_or_default();
    if let Some(object) = document.as_object_mut() {
        object.retain(|key, _| key != "rounds" && key != "figures");
    }
    let verdict = c.validity.verdict;
    keys::write(sheet, COMPARISON_SHEET, &document, verdict, styles)
}

/// A value of a figure in the unit of its column: times in milliseconds, as people compare them.
fn shown(figure: ComparedFigure, value: f64) -> f64 {
    match figure.unit() {
        "ns" => value / 1e6,
        _ => value,
    }
}

/// The unit of [`shown`].
fn unit(figure: ComparedFigure) -> &'static str {
    match figure.unit() {
        "ns" => "ms",
        unit => unit,
    }
}

/// How values of a figure look.
fn format(figure: ComparedFigure, styles: &Styles) -> &Format {
    match figure.unit() {
        "ns" => &styles.ms,
        _ => &styles.count,
    }
}

/// Makes a column as wide as the names of servers in it, from its title's width on.
fn fit_names(sheet: &mut Worksheet, at: u16, c: &Comparison) -> Result<(), XlsxError> {
    let longest = c.servers.iter().map(|s| s.name.chars().count()).max();
    let width = longest.unwrap_or(0).clamp(12, 40) + 2;
    sheet.set_column_width(at, super::row(width))?;
    Ok(())
}
