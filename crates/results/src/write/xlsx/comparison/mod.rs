//! The workbook of a comparison: the verdict on each figure, every round, each figure by round with a chart, and
//! all the rest as keys and values.

mod by_round;
mod figures;
mod rounds;

use std::io::Write;

use measurement::run::comparison::{ComparedFigure, Comparison};
use rust_xlsxwriter::{Format, Worksheet, XlsxError};

use super::style::Styles;
use super::{key_value_sheet, new_workbook};
use crate::schema::{BY_ROUND_SHEETS, COMPARISON_SHEET, SheetColumn};

pub(in crate::write) fn write(
    comparison: &Comparison,
    file: impl Write + Send,
) -> Result<(), XlsxError> {
    let c = comparison;
    let names: Vec<&str> = c.servers.iter().map(|s| s.name.as_str()).collect();
    let mut workbook = new_workbook(
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
    key_value_sheet::write(sheet, COMPARISON_SHEET, &document, verdict, styles)
}

/// A value of a figure in the unit of its column: times in milliseconds, as people compare them.
fn column_value(figure: ComparedFigure, value: f64) -> f64 {
    match figure.unit() {
        "ns" => value / 1e6,
        _ => value,
    }
}

/// The unit of [`column_value`].
fn unit(figure: ComparedFigure) -> &'static str {
    match figure.unit() {
        "ns" => "ms",
        unit => unit,
    }
}

/// The format of a figure's values.
fn format(figure: ComparedFigure, styles: &Styles) -> &Format {
    match figure.unit() {
        "ns" => &styles.ms,
        _ => &styles.count,
    }
}

/// Makes a column as wide as the names of servers in it, and at least as its title.
fn fit_names(
    sheet: &mut Worksheet,
    column: impl SheetColumn,
    c: &Comparison,
) -> Result<(), XlsxError> {
    let longest = c.servers.iter().map(|s| s.name.chars().count()).max();
    let width = longest.unwrap_or(0).clamp(12, 40) + 2;
    sheet.set_column_width(column.at(), super::row(width))?;
    Ok(())
}
