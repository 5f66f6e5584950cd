//! A figure with one column per server and one row per round, and its chart.

use measurement::run::comparison::{ComparedFigure, Comparison, last_round};
use rust_xlsxwriter::Worksheet;

use super::super::chart::{LineStyle, SheetAxis, SheetChart, SheetScale, whole_axis};
use super::super::style::{SERIES, write_header};
use super::super::{XlsxResult, column};
use super::column_unit;
use crate::schema::CellFormat;

/// The column of the round. The columns of the servers follow.
const ROUND: u16 = 0;

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    name: &str,
    figure: ComparedFigure,
) -> XlsxResult {
    let servers: Vec<&str> = c.compared().map(|s| s.name.as_str()).collect();
    let (unit, scale, format) = column_unit(figure);
    let mut columns = vec![("round", CellFormat::Id)];
    columns.extend(servers.iter().map(|name| (*name, format)));
    let last = last_round(&c.rounds);
    write_header(sheet, name, columns.into_iter(), last as usize)?;
    for round in 1..=last {
        sheet.write_number(round, ROUND, round)?;
    }
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let at = ROUND + 1 + column(index);
        // They count from 1: above is the header.
        for r in c.rounds_of(server).filter(|r| r.round > 0) {
            if let Some(value) = figure.of(r) {
                sheet.write_number(r.round, at, value / scale)?;
                values.push(value);
            }
        }
        // When the colours begin again, the lines are thin.
        let width = if index < SERIES.len() { 2.25 } else { 1.0 };
        let colour = SERIES[index % SERIES.len()];
        lines.push((*server, at, colour, LineStyle::Joined(width)));
    }
    if values.is_empty() {
        return Ok(());
    }
    let y = SheetAxis {
        name: unit,
        format: if figure.unit() == "ns" {
            "General"
        } else {
            "#,##0"
        },
        scale: axis_scale(figure, values),
    };
    let chart = SheetChart {
        sheet: name,
        columns: 1 + servers.len(),
        last_row: last,
        title: format!("{} by round", figure.short_name()),
        x: whole_axis("round", last > 1, f64::from(last)),
        x_column: ROUND,
        y,
        are_names_in_header: true,
        lines,
    };
    chart.insert(sheet, 1)
}

/// Scale of the values, which are often close together and far from zero.
fn axis_scale(figure: ComparedFigure, mut values: Vec<f64>) -> SheetScale {
    if figure.unit() != "ns" {
        return SheetScale::Automatic;
    }
    values.sort_by(f64::total_cmp);
    // Times are above zero, and fit.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = |index: usize| values.get(index).map_or(0, |value| *value as u64);
    match SheetScale::of_times(at(0), at(values.len() / 2), at(values.len() - 1)) {
        SheetScale::Linear { .. } => SheetScale::Automatic,
        logarithmic => logarithmic,
    }
}
