//! HdrHistogram's spectrum: times over percentiles, with each further nine as wide as the one before.

use super::common::hover_places;
use super::distribution::DistributionLines;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::error::DrawError;
use crate::number_format::milliseconds;
use crate::plot::{Hover, Plot};
use crate::scale::AxisScale;
use crate::series::{log_places, quantile_at, spectrum, spectrum_end, whole};

pub(crate) struct PercentilesPlot<'a> {
    lines: DistributionLines<'a>,
    /// End of the axis of 1/(1 − q).
    end: f64,
    y: AxisScale,
}

impl<'a> PercentilesPlot<'a> {
    pub(crate) fn new(lines: DistributionLines<'a>) -> Result<Self, DrawError> {
        let counts = lines.lines.iter().map(|line| line.sorted.count());
        let end = counts.map(spectrum_end).fold(1.0, f64::max);
        let y = lines.scale(lines.max())?;
        Ok(Self { lines, end, y })
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let places = log_places(1.0, self.end, axes.columns().get());
        let hover = |at: usize| {
            let (place, x) = (places[at], axes.x.pixel(places[at]));
            self.lines.hover(x, percent_at(place), |_, line| {
                let is_within = place <= spectrum_end(line.sorted.count());
                is_within.then(|| milliseconds(line.sorted.quantile(quantile_at(place))))
            })
        };
        hover_places(places.len()).map(hover).collect()
    }
}

impl Plot for PercentilesPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let x_label = "percentile, on a logarithmic axis of 1/(1 − q)";
        let x = (AxisScale::spectrum(self.end), x_label);
        let panel = Panel::new(self.lines.context.heading("ms"), self.y);
        let axes = self.lines.draw_axes(canvas, self.lines.zeros(), x, panel)?;
        for line in self.lines.lines.iter().rev() {
            let end = spectrum_end(line.sorted.count());
            let places = log_places(1.0, end, axes.columns().get());
            let times = spectrum(&line.sorted, &places);
            let pixels = places.into_iter().zip(times).map(|point| axes.at(point));
            line.draw(&axes, &pixels.collect::<Vec<_>>());
        }
        Ok(self.hovers(&axes))
    }

    fn alt(&self) -> String {
        let quantity = self.lines.context.quantity();
        let what = format!("{quantity} at each percentile, with the tail spread out");
        self.lines.alt(&what)
    }
}

/// The quantile at a place of the spectrum, with the digits that distinguish it: `99.92 %`.
fn percent_at(place: f64) -> String {
    let decimals = whole(place.max(1.0).log10());
    format!("{:.decimals$} %", 100.0 * quantile_at(place))
}
