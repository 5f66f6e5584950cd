//! The number of messages in logarithmic bins of their times.

use plotters::style::Color;
use units::counted;

use super::distribution::DistributionLines;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::error::DrawError;
use crate::phrases::{in_sentence, range, zeros_not_shown};
use crate::plot::{Hover, Plot};
use crate::scale::AxisScale;
use crate::series::{bins_for, histogram, span};

pub(crate) struct HistogramPlot<'a> {
    lines: DistributionLines<'a>,
    edges: Vec<f64>,
    counts: Vec<Vec<u64>>,
    /// Counts of each line, or percentages.
    heights: Vec<Vec<f64>>,
    y: AxisScale,
}

impl<'a> HistogramPlot<'a> {
    pub(crate) fn new(lines: DistributionLines<'a>) -> Result<Self, DrawError> {
        let sorted: Vec<_> = lines.lines.iter().map(|line| &line.sorted).collect();
        let bins = bins_for(&sorted).ok_or(DrawError::NothingAboveZero)?;
        let edges = bins.edges();
        let counts: Vec<_> = sorted.iter().map(|one| histogram(one, &edges)).collect();
        let heights = sorted.iter().zip(&counts).map(|(sorted, counts)| {
            let total = match lines.only() {
                Some(_) => 1.0,
                None => sorted.count() as f64 / 100.0,
            };
            let heights = counts.iter().map(|count| *count as f64 / total);
            heights.collect::<Vec<_>>()
        });
        let heights: Vec<_> = heights.collect();
        let positive = heights.iter().flatten().copied().filter(|one| *one > 0.0);
        let (low, high) = span(positive).unwrap_or((1.0, 1.0));
        let y = if lines.context.options.log {
            // A single message must be seen, and so must the labels above the highest bar.
            AxisScale::log_between(0.6 * low, high * (high / low).powf(0.12).max(1.5))
        } else {
            AxisScale::linear(0.0, 1.18 * high)
        };
        Ok(Self {
            lines,
            edges,
            counts,
            heights,
            y,
        })
    }

    /// True if shares are drawn in place of counts, because the lines differ in their number of messages.
    fn is_share(&self) -> bool {
        self.lines.only().is_none()
    }

    /// The upper left and lower right corners of the bins of a line.
    fn bars(&self, axes: &PanelAxes<'_>, line: usize) -> Vec<[(f64, f64); 2]> {
        let bins = self.edges.windows(2).zip(&self.heights[line]);
        let bars = bins.map(|(edges, height)| {
            let lower_right = (axes.x.pixel(edges[1]), axes.bottom);
            [axes.at((edges[0], *height)), lower_right]
        });
        bars.collect()
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let hover = |(bin, edges): (usize, &[f64])| {
            let x = axes.x.pixel((edges[0] * edges[1]).sqrt());
            let heading = range((edges[0], edges[1]));
            self.lines.hover(x, heading, |number, line| {
                let count = self.counts[number][bin];
                Some(if self.is_share() {
                    let share = 100.0 * count as f64 / line.sorted.count() as f64;
                    format!("{share:.3} %")
                } else {
                    counted(count, self.lines.context.subject.noun)
                })
            })
        };
        self.edges.windows(2).enumerate().map(hover).collect()
    }

    fn heading(&self) -> String {
        let rows = self.lines.context.rows();
        let what = match self.is_share() {
            true => format!("share of {rows} (%)"),
            false => rows,
        };
        let width = self.edges[1] / self.edges[0];
        if width < 2.0 {
            format!("{what} in each bin, {:.1} % wide", 100.0 * (width - 1.0))
        } else {
            format!("{what} in each bin, {width:.1} times as wide as the one before")
        }
    }
}

impl Plot for HistogramPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let lines = &self.lines.lines;
        let zeros = lines.iter().map(|line| line.sorted.at_most(0.0)).sum();
        let x_label = self.lines.context.heading("ms");
        let ends = [self.edges[0], self.edges[self.edges.len() - 1]];
        let x = AxisScale::log(ends[0], ends[1]);
        let panel = Panel::new(self.heading(), self.y);
        let more = zeros_not_shown(zeros);
        let axes = self.lines.draw_axes(canvas, more, (x, &x_label), panel)?;
        let strength = 2.0 * self.lines.context.colours.body / (lines.len() as f64).sqrt();
        for (number, line) in lines.iter().enumerate() {
            let bars = self.bars(&axes, number).into_iter();
            canvas.bars(bars, line.colour.mix(strength));
        }
        for (number, line) in lines.iter().enumerate().rev() {
            let bars = self.bars(&axes, number);
            let tops = bars.iter();
            let tops = tops.flat_map(|&[(left, top), (right, _)]| [(left, top), (right, top)]);
            // Down to the axis at both ends.
            let [start, end] = ends.map(|edge| (axes.x.pixel(edge), axes.bottom));
            let pixels = [start].into_iter().chain(tops).chain([end]);
            canvas.line(pixels, line.colour, 1.5);
        }
        self.lines.draw_percentiles(&axes, (axes.top, 1.0));
        Ok(self.hovers(&axes))
    }

    fn alt(&self) -> String {
        let quantity = in_sentence(&self.lines.context.subject.quantity);
        self.lines
            .alt(&format!("Histogram of the {quantity} in logarithmic bins"))
    }
}
