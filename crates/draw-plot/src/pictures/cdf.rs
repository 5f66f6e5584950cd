//! The distribution function: which share of the messages took at most how long.

use super::common::{PlotContext, hover_places, log_scale, scale_from_zero};
use super::distribution::{DistributionLines, Edge};
use super::off_scale::OffScale;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Distribution;
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::scale::{AxisScale, milliseconds};
use crate::series::{even_places, log_places, shares};

/// A picture that can be drawn.
pub(crate) struct CdfPlot<'a> {
    lines: DistributionLines<'a>,
    x: AxisScale,
}

impl<'a> CdfPlot<'a> {
    pub(crate) fn new(task: PlotContext<'a>, all: &'a [Distribution]) -> Result<Self, DrawError> {
        let lines = DistributionLines::new(task, all)?;
        let x = if task.options.log {
            log_scale(lines.positive())?
        } else {
            scale_from_zero(lines.linear_top())
        };
        Ok(Self { lines, x })
    }

    /// One more than there are columns of pixels.
    fn places(&self, frame: &PanelAxes) -> Vec<f64> {
        let AxisScale { low, high, .. } = self.x;
        let columns = frame.layout.columns().get();
        if self.lines.task.options.log {
            log_places(low, high, columns)
        } else {
            even_places(low, high, columns)
        }
    }

    /// What lies to the right of the axis.
    fn beyond(&self) -> OffScale {
        let end_ms = self.x.high;
        let lines = self.lines.lines.iter();
        OffScale {
            end_ms,
            count: lines
                .map(|line| line.sorted.count() - line.sorted.at_most(end_ms))
                .sum(),
            highest_ms: self
                .lines
                .lines
                .iter()
                .map(|l| l.digest.max)
                .fold(0.0, f64::max),
        }
    }

    fn hovers(&self, frame: &PanelAxes, places: &[f64]) -> Vec<Hover> {
        hover_places(places.len())
            .map(|at| {
                let place = places[at];
                let mut text = vec![format!("at most {}", milliseconds(place))];
                for line in &self.lines.lines {
                    let share = 100.0 * shares(line.sorted, &[place])[0];
                    text.push(format!("{}{share:.2} %", line.prefix(&self.lines)));
                }
                Hover {
                    x: frame.x.pixel(place),
                    y: None,
                    text,
                }
            })
            .collect()
    }
}

impl Plot for CdfPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let task = self.lines.task;
        let (subtitle, legend) = (self.lines.subtitle([]), self.lines.legend());
        let x_label = task.subject.heading("ms");
        let around = task.surroundings(&self.lines.colours, &subtitle, &legend, (self.x, &x_label));
        let y = AxisScale::linear(0.0, 100.0);
        let panel = Panel::new("messages that took at most so long (%)".to_owned(), y);
        let frame = around.draw_single(canvas, panel)?;
        let places = self.places(&frame);
        for line in self.lines.lines.iter().rev() {
            let pixels: Vec<_> = places
                .iter()
                .zip(shares(line.sorted, &places))
                .map(|(place, share)| frame.at((*place, 100.0 * share)))
                .collect();
            line.draw(canvas, &pixels, frame.font.scale)?;
        }
        // The line is far above its lower end there.
        self.lines.percentiles(canvas, &frame, Edge::Bottom)?;
        self.beyond().note(canvas, &frame, ('→', "message"))?;
        Ok(self.hovers(&frame, &places))
    }

    fn alt(&self) -> String {
        let quantity = &self.lines.task.subject.quantity;
        self.lines.alt(&format!(
            "Share of messages over the {quantity} that they took at most"
        ))
    }
}
