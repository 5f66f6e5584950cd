//! Where each number of a picture of latencies goes on the canvas.

use plotters::style::Color;
use units::grouped;

use super::common::{PercentileLine, hover_places};
use super::latency::{LatencyLine, LatencyPlot};
use super::off_scale::{self, OffScale};
use crate::axes::{Decorations, Panel, PanelAxes};
use crate::canvas::{Align, Bar, Canvas, Font};
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::scale::{AxisScale, milliseconds};
use crate::series::{Bin, KeyFigures, below, bins, extremes, outline, reaches};

/// Messages that share a bar at least: of fewer, the outermost hundredths mean nothing.
const MESSAGES_PER_BAR: usize = 120;

impl Plot for LatencyPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let percentiles = self.percentiles();
        let x = AxisScale::linear(1.0, self.span as f64);
        let frame = Decorations {
            right: &percentiles
                .iter()
                .map(|guide| guide.label.as_str())
                .collect::<Vec<_>>(),
            ..self.task.surroundings(
                &self.colours,
                &self.subtitle(),
                &self.legend(),
                (x, "message number, in order of sending"),
            )
        }
        .draw_single(
            canvas,
            Panel::new(self.task.subject.heading("ms"), self.scale),
        )?;
        for line in &self.lines {
            self.messages(canvas, &frame, line)?;
        }
        for line in &self.lines {
            self.average(canvas, &frame, line)?;
        }
        let edges = (frame.layout.left, frame.layout.right);
        for guide in &percentiles {
            let y = frame.y.pixel(guide.value);
            canvas.dashes(edges, y, guide.colour, frame.font.scale)?;
        }
        for line in &self.lines {
            self.marks(canvas, &frame, line)?;
        }
        Self::percentile_labels(canvas, &frame, &percentiles)?;
        self.note_of_what_is_above(canvas, &frame)?;
        Ok(self.hovers(&frame))
    }

    fn alt(&self) -> String {
        let mut sentences = format!("{} of each message.", self.task.quantity());
        for line in &self.lines {
            let KeyFigures { p50, p99, max, .. } = line.digest;
            let figures = [("p50", p50), ("p99", p99), ("the largest", max)];
            let figures = figures.map(|(name, value)| format!("{name} {}", milliseconds(value)));
            let (label, count) = (&line.series.label, line.count());
            sentences.push_str(&format!(" {label}: {count}, {}.", figures.join(", ")));
        }
        sentences
    }
}

impl LatencyPlot<'_> {
    /// At places side by side: which message it is and how the averages stand there.
    fn hovers(&self, frame: &PanelAxes) -> Vec<Hover> {
        hover_places(self.span)
            .map(|at| {
                let number = grouped(at as u64 + 1);
                let mut text = vec![format!("message {number}")];
                for line in &self.lines {
                    let name = if self.lines.len() > 1 {
                        format!("{}: ", line.series.label)
                    } else {
                        String::new()
                    };
                    let first = self.window.get() - 1;
                    let average = at.checked_sub(first).and_then(|at| line.averages.get(at));
                    if let Some(average) = average.filter(|_| self.has_average()) {
                        let window = grouped(self.window.get() as u64);
                        let average = milliseconds(*average);
                        text.push(format!("{name}mean of the last {window}: {average}"));
                    }
                    if let Some(value) = line.series.values_ms.get(at) {
                        text.push(format!("{name}this message: {}", milliseconds(*value)));
                    }
                }
                Hover {
                    x: frame.x.pixel(at as f64 + 1.0),
                    y: None,
                    text,
                }
            })
            .collect()
    }

    /// The messages themselves, behind everything else.
    fn messages(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        line: &LatencyLine<'_>,
    ) -> Result<(), DrawError> {
        if !self.has_average() {
            return Ok(());
        }
        let values = &line.series.values_ms;
        let top = self.scale.high;
        // Several series lie over one another.
        let share = 1.0 / (self.lines.len() as f64).sqrt();
        if !self.is_binned() {
            let colour = line.colour.mix(self.colours.point * share);
            for (number, value) in (1_u32..)
                .zip(values.iter())
                .filter(|(_, value)| **value <= top)
            {
                let at = (frame.x.pixel(f64::from(number)), frame.y.pixel(*value));
                canvas.point(at, 1.7 * frame.font.scale, colour)?;
            }
            return Ok(());
        }
        let columns = frame.layout.columns();
        // A bar is so many whole columns wide.
        let wide = (columns.get() * MESSAGES_PER_BAR).div_ceil(self.span);
        let bins = bins(values, self.span, columns, wide);
        let edge = |column: usize| frame.layout.left + column.min(columns.get()) as f64;
        for (strength, middle) in [
            (
                self.colours.bulk,
                (|bin| bin.bulk) as fn(&Bin) -> (f64, f64),
            ),
            (self.colours.body, |bin| bin.body),
        ] {
            let bars: Vec<Bar> = bins
                .iter()
                .map(|bin| Bar {
                    left: edge(bin.index * wide),
                    right: edge((bin.index + 1) * wide),
                    top: frame.y.pixel(middle(bin).1),
                    bottom: frame.y.pixel(middle(bin).0),
                })
                .collect();
            canvas.bars(&bars, line.colour.mix(strength * share))?;
        }
        // No spike vanishes: what the bars leave out is drawn as a dot.
        let dot = line.colour.mix(self.colours.point * share);
        for (column, low, high) in extremes(values, self.span, columns) {
            let x = edge(column) + 0.5;
            let bulk = bins.get(column / wide).map(|bin| bin.bulk);
            let is_beyond = |value: f64| bulk.is_none_or(|(low, high)| value < low || value > high);
            for value in [low, high] {
                if value <= top && is_beyond(value) {
                    canvas.point((x, frame.y.pixel(value)), 0.9 * frame.font.scale, dot)?;
                }
            }
        }
        Ok(())
    }

    fn average(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        line: &LatencyLine<'_>,
    ) -> Result<(), DrawError> {
        let first = self.window.get() - 1;
        if self.is_dense() {
            return self.reach(canvas, frame, line);
        }
        let points = outline(&line.averages, first, self.span, frame.layout.columns());
        let width = if self.has_average() && !self.is_binned() {
            2.0
        } else {
            1.3
        } * frame.font.scale;
        for part in below(&points, self.scale.high) {
            let pixels: Vec<_> = part
                .into_iter()
                .map(|(at, value)| (frame.x.pixel(at + 1.0), frame.y.pixel(value)))
                .collect();
            match pixels.as_slice() {
                // A single average is no line, but must be seen.
                [only] => {
                    let radius = 3.0 * frame.font.scale;
                    canvas.point(*only, radius, line.colour.to_rgba())?;
                }
                pixels => canvas.line(pixels, line.colour, width)?,
            }
        }
        Ok(())
    }

    /// How far the averages of each column reach, and a line through their means.
    fn reach(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        line: &LatencyLine<'_>,
    ) -> Result<(), DrawError> {
        let (columns, first) = (frame.layout.columns(), self.window.get() - 1);
        let top = self.scale.high;
        let reaches = reaches(&line.averages, first, self.span, columns);
        let left = frame.layout.left;
        let bars: Vec<Bar> = reaches
            .iter()
            .map(|reach| Bar {
                left: left + reach.column as f64,
                right: left + reach.column as f64 + 1.0,
                top: frame.y.pixel(reach.high),
                bottom: frame.y.pixel(reach.low),
            })
            .collect();
        let share = 1.0 / (self.lines.len() as f64).sqrt();
        canvas.bars(&bars, line.colour.mix(self.colours.reach * share))?;
        let means = reaches
            .iter()
            .map(|reach| (reach.column as f64 + 0.5, reach.mean));
        for part in below(&means.collect::<Vec<_>>(), top) {
            let pixels = part.into_iter();
            let pixels: Vec<_> = pixels.map(|(x, y)| (left + x, frame.y.pixel(y))).collect();
            canvas.line(&pixels, line.colour, 1.3 * frame.font.scale)?;
        }
        Ok(())
    }

    /// A triangle at the upper edge wherever messages lie above it.
    fn marks(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        line: &LatencyLine<'_>,
    ) -> Result<(), DrawError> {
        let above = (1_u32..).zip(line.series.values_ms.iter());
        let above = above.filter(|(_, value)| **value > self.scale.high);
        off_scale::marks(
            canvas,
            frame,
            above.map(|(number, _)| f64::from(number)),
            line.colour,
        )
    }

    /// At the right end of their lines, moved apart where they would touch.
    fn percentile_labels(
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        percentiles: &[PercentileLine],
    ) -> Result<(), DrawError> {
        let [p50, p99] = percentiles else {
            return Ok(());
        };
        let PanelAxes { layout, font, .. } = frame;
        let (mut upper, mut lower) = (frame.y.pixel(p99.value), frame.y.pixel(p50.value));
        let missing = 1.3 * font.text.size - (lower - upper);
        if missing > 0.0 {
            upper -= missing / 2.0;
            lower += missing / 2.0;
            let below_axis = (lower - layout.bottom).max(0.0);
            upper -= below_axis;
            lower -= below_axis;
        }
        let x = layout.right + 8.0 * font.scale;
        for (guide, y) in [(p99, upper), (p50, lower)] {
            let font = Font {
                colour: guide.text,
                ..font.text
            };
            canvas.text(&guide.label, font, Align::Left, (x, y))?;
        }
        Ok(())
    }

    /// How many messages lie above the y axis, beside its heading.
    fn note_of_what_is_above(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
    ) -> Result<(), DrawError> {
        let lines = self.lines.iter();
        let values = lines.flat_map(|line| line.series.values_ms.iter().copied());
        let above = OffScale::of(self.scale.high, values);
        above.note(canvas, frame, ('▲', "message"))
    }
}
