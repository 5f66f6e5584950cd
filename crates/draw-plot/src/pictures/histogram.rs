//! How many messages took how long, in logarithmic bins.

use plotters::style::Color;

use super::common::PlotContext;
use super::distribution::{DistributionLines, Edge, amount, at_zero, range};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Bar, Canvas};
use crate::data::Distribution;
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::scale::AxisScale;
use crate::series::span;
use crate::series::{bins_for, histogram};

/// A picture that can be drawn.
pub(crate) struct HistogramPlot<'a> {
    lines: DistributionLines<'a>,
    edges: Vec<f64>,
    /// Of each line.
    counts: Vec<Vec<u64>>,
    y: AxisScale,
}

impl<'a> HistogramPlot<'a> {
    pub(crate) fn new(task: PlotContext<'a>, all: &'a [Distribution]) -> Result<Self, DrawError> {
        let lines = DistributionLines::new(task, all)?;
        let sorted: Vec<_> = lines.lines.iter().map(|line| line.sorted).collect();
        let edges = bins_for(&sorted)
            .ok_or(DrawError::NothingAboveZero)?
            .edges();
        let counts: Vec<_> = sorted.iter().map(|one| histogram(one, &edges)).collect();
        let mut picture = Self {
            lines,
            edges,
            counts,
            y: AxisScale::linear(0.0, 1.0),
        };
        let heights = (0..picture.counts.len()).flat_map(|line| picture.heights(line));
        let (low, high) = span(heights.filter(|height| *height > 0.0)).unwrap_or((1.0, 1.0));
        picture.y = if task.options.log {
            // A single message must be seen, and so must the labels above the highest bar.
            AxisScale::log_between(0.6 * low, high * (high / low).powf(0.12).max(1.5))
        } else {
            AxisScale::linear(0.0, 1.18 * high)
        };
        Ok(picture)
    }

    /// Files of different length are compared by shares.
    fn is_share(&self) -> bool {
        self.lines.only().is_none()
    }

    /// How high the bins of a line are.
    fn heights(&self, line: usize) -> Vec<f64> {
        let total = if self.is_share() {
            self.lines.lines[line].sorted.count() as f64 / 100.0
        } else {
            1.0
        };
        let counts = self.counts[line].iter();
        counts.map(|count| *count as f64 / total).collect()
    }

    fn bars(&self, frame: &PanelAxes, line: usize) -> Vec<Bar> {
        self.edges
            .windows(2)
            .zip(self.heights(line))
            .map(|(edges, height)| Bar {
                left: frame.x.pixel(edges[0]),
                right: frame.x.pixel(edges[1]),
                top: frame.y.pixel(height),
                bottom: frame.layout.bottom,
            })
            .collect()
    }

    fn hovers(&self, frame: &PanelAxes) -> Vec<Hover> {
        let hover = |(bin, edges): (usize, &[f64])| {
            let mut text = vec![range(edges[0], edges[1])];
            for (line, counts) in self.lines.lines.iter().zip(&self.counts) {
                let amount = amount(counts[bin], line.sorted.count(), self.is_share());
                text.push(format!("{}{amount}", line.prefix(&self.lines)));
            }
            Hover {
                x: frame.x.pixel((edges[0] * edges[1]).sqrt()),
                y: None,
                text,
            }
        };
        self.edges.windows(2).enumerate().map(hover).collect()
    }
}

impl Plot for HistogramPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let DistributionLines { task, colours, .. } = &self.lines;
        let subtitle = self.lines.subtitle([at_zero(&self.lines)]);
        let legend = self.lines.legend();
        let x_label = task.subject.heading("ms");
        let x = AxisScale::log(self.edges[0], self.edges[self.edges.len() - 1]);
        let around = task.surroundings(colours, &subtitle, &legend, (x, &x_label));
        let heading = if self.is_share() {
            "share of messages (%)"
        } else {
            "messages"
        };
        let width = self.edges[1] / self.edges[0];
        let heading = if width < 2.0 {
            format!("{heading} in each bin, {:.1} % wide", 100.0 * (width - 1.0))
        } else {
            format!("{heading} in each bin, {width:.1} times as wide as the one before")
        };
        let frame = around.draw_single(canvas, Panel::new(heading, self.y))?;
        let k = frame.font.scale;
        let strength = 2.0 * colours.body / (self.lines.lines.len() as f64).sqrt();
        for (number, line) in self.lines.lines.iter().enumerate() {
            canvas.bars(&self.bars(&frame, number), line.colour.mix(strength))?;
        }
        for (number, line) in self.lines.lines.iter().enumerate().rev() {
            let bars = self.bars(&frame, number);
            // Down to the axis at both ends.
            let mut pixels: Vec<_> = bars
                .first()
                .map(|b| (b.left, b.bottom))
                .into_iter()
                .collect();
            pixels.extend(
                bars.iter()
                    .flat_map(|b| [(b.left, b.top), (b.right, b.top)]),
            );
            pixels.extend(bars.last().map(|b| (b.right, b.bottom)));
            pixels.dedup();
            canvas.line(&pixels, line.colour, 1.5 * k)?;
        }
        self.lines.percentiles(canvas, &frame, Edge::Top)?;
        Ok(self.hovers(&frame))
    }

    fn alt(&self) -> String {
        let quantity = &self.lines.task.subject.quantity;
        self.lines.alt(&format!(
            "HistogramPlot of the {quantity} in logarithmic bins"
        ))
    }
}
