//! The messages of one file in order of sending: their numbers, times and averages.

use std::num::NonZeroUsize;

use measurement::moving_average;
use plotters::style::RGBColor;
use results::read::Latencies;

use super::common::check_times;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::phrases::{chosen, figures, join};
use crate::series::{KeyFigures, Positions};

/// One file of a picture of messages, checked, with its averages.
pub(crate) struct LatencyLine<'a> {
    pub(crate) series: &'a Labelled<Latencies>,
    pub(crate) figures: KeyFigures,
    pub(crate) averages: Vec<f64>,
    pub(crate) colour: RGBColor,
}

impl<'a> LatencyLine<'a> {
    pub(crate) fn new(
        series: &'a Labelled<Latencies>,
        window: NonZeroUsize,
        colour: RGBColor,
    ) -> Result<Self, DrawError> {
        let values = &series.values_ms;
        let label = || series.label.clone();
        check_times(&series.label, values)?;
        let figures = KeyFigures::of(values).ok_or_else(|| DrawError::NoValues(label()))?;
        let averages = moving_average::averages(values, window);
        if averages.is_empty() {
            let (count, window) = (values.len() as u64, window.get() as u64);
            return Err(DrawError::WindowTooLarge(window, label(), count));
        }
        Ok(Self {
            series,
            figures,
            averages,
            colour,
        })
    }

    /// Positions of the messages with a time among all messages.
    pub(crate) fn positions(&self) -> Positions<'_> {
        match self.series.rows.as_slice() {
            [] => Positions::From(0),
            rows => Positions::Each(rows),
        }
    }

    /// The number of each message, from 1, and its time.
    pub(crate) fn numbered_values(&self) -> impl Iterator<Item = (f64, f64)> {
        let (positions, values) = (self.positions(), self.series.values_ms.iter());
        values
            .enumerate()
            .map(move |(index, value)| (positions.at(index) as f64 + 1.0, *value))
    }

    /// Number of all messages from the first to the last, with those that have no time.
    pub(crate) fn span(&self) -> usize {
        let timed = self.series.values_ms.len();
        let last = timed.checked_sub(1).map(|last| self.positions().at(last));
        let rows = timed.saturating_add(usize::try_from(self.series.skipped).unwrap_or(0));
        rows.max(last.map_or(0, |last| last + 1))
    }

    pub(crate) fn count(&self, noun: &str) -> String {
        chosen(
            self.series.values_ms.len() as u64,
            noun,
            self.series.chosen_from,
        )
    }

    pub(crate) fn legend_entry(&self, noun: &str) -> LegendEntry {
        let [p50, p99, _] = figures(&self.figures, "max");
        let text = join([self.series.label.clone(), self.count(noun), p50, p99]);
        LegendEntry::new(Swatch::Line, self.colour, text)
    }
}
