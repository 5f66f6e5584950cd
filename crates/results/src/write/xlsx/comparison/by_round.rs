//! A figure with one column a server and one row a round, and its chart.

use measurement::run::comparison::{ComparedFigure, Comparison, last_round};
use rust_xlsxwriter::{Worksheet, XlsxError};

use super::super::chart::{Axis, Line, Mark, Named, Picture, Scale};
use super::super::style::{SERIES, Styles, head};
use super::super::{column, row};
use super::{format, shown, unit};

pub(super) fn write(
    sheet: &mut Worksheet,
    c: &Comparison,
    name: &str,
    figure: ComparedFigure,
    styles: &Styles,
) -> Result<(), XlsxError> {
    let servers: Vec<&str> = c.compared().map(|s| s.name.as_str()).collect();
    let mut columns = vec![("round", &styles.id)];
    columns.extend(servers.iter().map(|name| (*name, format(figure, styles))));
    let last = last_round(&c.rounds);
    head(sheet, name, &columns, last as usize, styles)?;
    for round in 1..=last {
        sheet.write_number(round, 0, round)?;
    }
    let mut values = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        // They count from 1: above is the header.
        for r in c.rounds_of(server).filter(|r| r.round > 0) {
            if let Some(value) = figure.of(r) {
                sheet.write_number(r.round, column(1 + index), shown(figure, value))?;
                values.push(value);
            }
        }
    }
    if values.is_empty() {
        return Ok(());
    }
    let lines = servers.iter().enumerate().map(|(index, name)| Line {
        name,
        column: column(1 + index),
        colour: SERIES[index % SERIES.len()],
        // When the colours begin again, the lines are thin.
        mark: Mark::Joined(if index < SERIES.len() { 2.25 } else { 1.0 }),
    });
    Picture {
        sheet: name,
        columns: columns.len(),
        last_row: row(last as usize),
        title: format!("{} by round", figure.short_name()),
        x: Axis {
            name: "round",
            format: "#,##0",
            scale: Scale::Linear {
                end: (last > 1).then(|| f64::from(last)),
            },
        },
        x_column: 0,
        y: Axis {
            name: unit(figure),
            format: match figure.unit() {
                "ns" => "General",
                _ => "#,##0",
            },
            scale: scale(figure, values),
        },
        named: Named::ByHeader,
        lines: lines.collect(),
    }
    .insert(sheet, 1)
}

/// Servers are often close together, and far from zero.
fn scale(figure: ComparedFigure, mut values: Vec<f64>) -> Scale {
    if figure.unit() != "ns" {
        return Scale::Automatic;
    }
    values.sort_by(f64::total_cmp);
    // Times are above zero, and fit.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = |index: usize| values.get(index).map_or(0, |value| *value as u64);
    match Scale::of_times(at(0), at(values.len() / 2), at(values.len() - 1)) {
        Scale::Linear { .. } => Scale::Automatic,
        logarithmic => logarithmic,
    }
}
