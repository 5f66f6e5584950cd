//! Tables and sentences that sections of a page share.

use measurement::verdict::Latency;
use units::human_time;
use wording::summary_view::{SummaryFigure, UNKNOWN};

use crate::page::{Table, TableRow};

/// The text as a sentence, with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    if text.ends_with('?') {
        return text.to_owned();
    }
    format!("{text}.")
}

/// A table of the figures that the run has.
pub(crate) fn counts(title: &str, figures: Vec<SummaryFigure>) -> Table {
    let rows = figures.into_iter();
    let rows = rows.filter_map(|figure| Some(TableRow::new(figure.name, vec![figure.value?])));
    Table {
        title: title.to_owned(),
        rows: rows.collect(),
        figures: true,
        ..Table::default()
    }
}

/// The names of the figures of a time, as columns.
pub(crate) fn columns_of_times() -> Vec<String> {
    let shown = Latency::default().shown();
    shown.map(|(name, _)| name.to_owned()).into()
}

/// A row with the figures of a time.
pub(crate) fn row_of_times(label: &str, times: &Latency) -> TableRow {
    let cell = |ns: Option<f64>| ns.map_or_else(|| UNKNOWN.to_owned(), human_time);
    TableRow::new(label, times.shown().map(|(_, ns)| cell(ns)).into())
}
