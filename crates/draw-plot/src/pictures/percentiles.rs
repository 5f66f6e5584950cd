//! HdrHistogram's spectrum: times over percentiles, the tail as wide as the body.

use super::common::{PlotContext, hover_places, log_scale, scale_from_zero};
use super::distribution::{DistributionLines, percent_at};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Distribution;
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::scale::{AxisScale, milliseconds};
use crate::series::{log_places, quantile_at, spectrum, spectrum_end};

/// A picture that can be drawn.
pub(crate) struct PercentilesPlot<'a> {
    lines: DistributionLines<'a>,
    /// Where the axis of 1/(1 − q) ends.
    end: f64,
    y: AxisScale,
}

impl<'a> PercentilesPlot<'a> {
    pub(crate) fn new(task: PlotContext<'a>, all: &'a [Distribution]) -> Result<Self, DrawError> {
        let lines = DistributionLines::new(task, all)?;
        let ends = lines
            .lines
            .iter()
            .map(|line| spectrum_end(line.sorted.count()));
        let end = ends.fold(1.0, f64::max);
        let y = if task.options.log {
            log_scale(lines.positive())?
        } else {
            scale_from_zero(lines.lines.iter().map(|l| l.digest.max).fold(0.0, f64::max))
        };
        Ok(Self { lines, end, y })
    }

    fn hovers(&self, frame: &PanelAxes) -> Vec<Hover> {
        let places = log_places(1.0, self.end, frame.layout.columns().get());
        hover_places(places.len())
            .map(|at| {
                let place = places[at];
                let mut text = vec![percent_at(place)];
                for line in &self.lines.lines {
                    if place <= spectrum_end(line.sorted.count()) {
                        let time = milliseconds(line.sorted.quantile(quantile_at(place)));
                        text.push(format!("{}{time}", line.prefix(&self.lines)));
                    }
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

impl Plot for PercentilesPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let task = self.lines.task;
        let (subtitle, legend) = (self.lines.subtitle([]), self.lines.legend());
        let x = (
            AxisScale::spectrum(self.end),
            "percentile, on a logarithmic axis of 1/(1 − q)",
        );
        let around = task.surroundings(&self.lines.colours, &subtitle, &legend, x);
        let frame = around.draw_single(canvas, Panel::new(task.subject.heading("ms"), self.y))?;
        let columns = frame.layout.columns().get();
        for line in self.lines.lines.iter().rev() {
            let end = spectrum_end(line.sorted.count());
            let places = log_places(1.0, end, columns);
            let times = spectrum(line.sorted, &places);
            let pixels: Vec<_> = places
                .into_iter()
                .zip(times)
                .map(|point| frame.at(point))
                .collect();
            line.draw(canvas, &pixels, frame.font.scale)?;
        }
        Ok(self.hovers(&frame))
    }

    fn alt(&self) -> String {
        let quantity = self.lines.task.quantity();
        self.lines.alt(&format!(
            "{quantity} at each percentile, with the tail spread out"
        ))
    }
}
