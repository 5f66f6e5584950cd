//! The distribution function: the share of messages up to each time.

use super::common::hover_places;
use super::distribution::DistributionLines;
use super::off_scale;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::error::DrawError;
use crate::number_format::milliseconds;
use crate::phrases::in_sentence;
use crate::plot::{Hover, Plot};
use crate::scale::AxisScale;
use crate::series::{even_places, log_places, shares};

pub(crate) struct CdfPlot<'a> {
    lines: DistributionLines<'a>,
    x: AxisScale,
}

impl<'a> CdfPlot<'a> {
    pub(crate) fn new(lines: DistributionLines<'a>) -> Result<Self, DrawError> {
        let x = lines.scale(lines.linear_top())?;
        Ok(Self { lines, x })
    }

    fn places(&self, axes: &PanelAxes<'_>) -> Vec<f64> {
        let AxisScale { low, high, .. } = self.x;
        let columns = axes.columns().get();
        if self.lines.context.options.log {
            log_places(low, high, columns)
        } else {
            even_places(low, high, columns)
        }
    }

    fn hovers(&self, axes: &PanelAxes<'_>, places: &[f64]) -> Vec<Hover> {
        let hover = |at: usize| {
            let place = places[at];
            let heading = format!("at most {}", milliseconds(place));
            self.lines.hover(axes.x.pixel(place), heading, |_, line| {
                let share = shares(&line.sorted, &[place])[0];
                Some(format!("{:.2} %", 100.0 * share))
            })
        };
        hover_places(places.len()).map(hover).collect()
    }
}

impl Plot for CdfPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let x_label = self.lines.context.heading("ms");
        let heading = format!("share of {} up to this time (%)", self.lines.context.rows());
        let panel = Panel::new(heading, AxisScale::linear(0.0, 100.0));
        let x = (self.x, &*x_label);
        let axes = self.lines.draw_axes(canvas, self.lines.zeros(), x, panel)?;
        let places = self.places(&axes);
        for line in self.lines.lines.iter().rev() {
            let points = places.iter().zip(shares(&line.sorted, &places));
            let pixels = points.map(|(place, share)| axes.at((*place, 100.0 * share)));
            line.draw(&axes, &pixels.collect::<Vec<_>>());
        }
        // The line is far above its lower end there.
        self.lines.draw_percentiles(&axes, (axes.bottom, -1.0));
        let noun = self.lines.context.subject.noun;
        let (lines, end_ms) = (self.lines.lines.iter(), self.x.high);
        let beyond = lines.map(|line| line.sorted.count() - line.sorted.at_most(end_ms));
        off_scale::draw_note(&axes, '→', (beyond.sum(), noun), [end_ms, self.lines.max()]);
        Ok(self.hovers(&axes, &places))
    }

    fn alt(&self) -> String {
        let quantity = in_sentence(&self.lines.context.subject.quantity);
        let what = format!(
            "Share of {} up to each {quantity}",
            self.lines.context.rows()
        );
        self.lines.alt(&what)
    }
}
