//! The messages in order of sending, their moving average, p50 and p99.

use std::num::NonZeroUsize;

use plotters::style::{Color, RGBAColor};
use results::read::Latencies;
use units::grouped;

use super::common::{
    PercentileLine, check_count, hover_places, is_crowded, percentile_lines, scale_of_times,
};
use super::latency_line::LatencyLine;
use super::off_scale;
use crate::axes::{Panel, PanelAxes};
use crate::canvas::{Align, Canvas, Font};
use crate::data::{Labelled, window_for};
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::number_format::milliseconds;
use crate::phrases::{figures, join, prefix, text_if, untimed, zeros_at_edge};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{KeyFigures, Positions, bins, clip_below, column_ranges, linear_top, outline};
use crate::theme::Colours;

/// Smallest number of messages of a bar: of fewer, the outermost hundredths mean nothing.
const MESSAGES_PER_BAR: usize = 120;

pub(crate) struct LatencyPlot<'a> {
    context: PlotContext<'a>,
    window: NonZeroUsize,
    lines: Vec<LatencyLine<'a>>,
    /// Messages from the left edge to the right one, with those that have no time.
    span: usize,
    scale: AxisScale,
}

impl<'a> LatencyPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        series: &'a [Labelled<Latencies>],
    ) -> Result<Self, DrawError> {
        check_count(series.len())?;
        let window = window_for(context.options.window, series);
        let lines = series.iter().zip(context.colours.series);
        let lines = lines.map(|(series, colour)| LatencyLine::new(series, window, colour));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let all: Vec<KeyFigures> = lines.iter().map(|line| line.figures).collect();
        let averages = lines.iter().flat_map(|line| &line.averages);
        // Without averaging, the line is what must not flatten the picture.
        let averages = averages.filter(|_| window.get() > 1);
        let top = linear_top(&all, averages.clone().copied().fold(0.0, f64::max));
        // A mean of zeros and others lies below the smallest of the others.
        let ends = all.iter().flat_map(KeyFigures::positive_ends);
        let ends = ends.chain(averages.copied());
        let scale = scale_of_times(context.options.log, ends, top)?;
        let spans = lines.iter().map(LatencyLine::span);
        Ok(Self {
            context,
            window,
            span: spans.max().unwrap_or(1),
            lines,
            scale,
        })
    }

    /// True if the messages drawn share columns of pixels.
    fn is_binned(&self) -> bool {
        is_crowded(self.span, self.context.options.size)
    }

    /// True if the averages are so dense that a line through them would look like an area.
    fn is_dense(&self) -> bool {
        /// Windows side by side in a column.
        const WINDOWS: usize = 2;
        let columns = self.context.options.size.width as usize;
        self.has_average() && self.span / columns >= WINDOWS * self.window.get()
    }

    fn has_average(&self) -> bool {
        self.window.get() > 1
    }

    /// Positions of a line's averages: each stands at the last message of its window.
    fn average_positions<'l>(&self, line: &'l LatencyLine<'_>) -> Positions<'l> {
        line.positions().skip(self.window.get() - 1)
    }

    /// Messages that a logarithmic axis does not reach.
    fn zeros(&self) -> u64 {
        let values = self.lines.iter().flat_map(|line| &line.series.values_ms);
        let zeros = values.filter(|ms| **ms <= 0.0).count() as u64;
        if self.context.options.log { zeros } else { 0 }
    }

    fn window_size(&self) -> String {
        grouped(self.window.get() as u64)
    }

    fn subtitle(&self) -> String {
        let noun = self.context.subject.noun;
        let skipped = self.lines.iter().map(|line| line.series.skipped).sum();
        let mut parts = Vec::new();
        if let [line] = self.lines.as_slice() {
            parts.extend([line.series.label.clone(), line.count(noun)]);
        }
        if self.has_average() {
            parts.push(format!("moving average of {}", self.window_size()));
            if self.lines.len() > 1 {
                let range = text_if(self.is_dense(), "its range and ");
                parts.push(format!("faint: {range}each {}", noun));
            }
        } else {
            parts.push("no moving average".to_owned());
        }
        parts.extend([untimed(skipped, noun), zeros_at_edge(self.zeros(), noun)]);
        join(parts)
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let (noun, rows) = (self.context.subject.noun, self.context.rows());
        let [line] = self.lines.as_slice() else {
            let lines = self.lines.iter();
            return lines.map(|line| line.legend_entry(noun)).collect();
        };
        let entry = |swatch, text| LegendEntry::new(swatch, line.colour, text);
        if !self.has_average() {
            return vec![entry(Swatch::Line, format!("each {noun}"))];
        }
        let window = self.window_size();
        let mean = format!("mean of the last {window} {rows}");
        let average = if line.averages.len() == 1 {
            let text = format!("mean of all {window} {rows}, drawn as a point at the last one");
            entry(Swatch::Dot, text)
        } else if self.is_dense() {
            let text = format!("{mean}: its middle and its range");
            entry(Swatch::Range(self.context.colours.average_range), text)
        } else {
            entry(Swatch::Line, mean)
        };
        let Colours {
            point, body, bulk, ..
        } = self.context.colours;
        let (swatch, text) = if self.is_binned() {
            let text = format!("{rows}: the middle 90 % and 96 %; lowest and highest as dots");
            (Swatch::Bars { body, bulk, point }, text)
        } else {
            (Swatch::Point(point), format!("each {noun}"))
        };
        vec![average, entry(swatch, text)]
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let noun = self.context.subject.noun;
        let (window, first) = (self.window_size(), self.window.get() - 1);
        let hover = |at: usize| {
            let mut text = vec![format!("{noun} {}", grouped(at as u64 + 1))];
            for line in &self.lines {
                let name = prefix(&line.series.label, self.lines.len());
                let index = line.positions().index_at(at);
                let average = index.and_then(|index| line.averages.get(index.checked_sub(first)?));
                if let Some(average) = average.filter(|_| self.has_average()) {
                    let average = milliseconds(*average);
                    text.push(format!("{name}mean of the last {window}: {average}"));
                }
                let value = index.and_then(|index| line.series.values_ms.get(index));
                if let Some(value) = value {
                    text.push(format!("{name}this {noun}: {}", milliseconds(*value)));
                }
            }
            Hover::column(axes.x.pixel(at as f64 + 1.0), text)
        };
        hover_places(self.span).map(hover).collect()
    }

    /// A line's colour of this strength, weaker if several series overlap.
    fn faint(&self, line: &LatencyLine<'_>, strength: f64) -> RGBAColor {
        let share = 1.0 / (self.lines.len() as f64).sqrt();
        line.colour.mix(strength * share)
    }

    fn draw_messages(&self, axes: &PanelAxes<'_>, line: &LatencyLine<'_>) {
        if !self.has_average() {
            return;
        }
        if self.is_binned() {
            return self.draw_bars(axes, line);
        }
        let colour = self.faint(line, self.context.colours.point);
        for (number, value) in line.numbered_values() {
            if value <= self.scale.high {
                axes.canvas.point(axes.at((number, value)), 1.7, colour);
            }
        }
    }

    /// The middle of the messages that share columns of pixels, and their extremes.
    fn draw_bars(&self, axes: &PanelAxes<'_>, line: &LatencyLine<'_>) {
        let (values, positions) = (&line.series.values_ms, line.positions());
        let columns = axes.columns();
        // Whole columns, so that bars have sharp edges.
        let wide = (columns.get() * MESSAGES_PER_BAR).div_ceil(self.span);
        let bins = bins(values, positions, self.span, columns, wide);
        let colours = &self.context.colours;
        let bulks = bins.iter().map(|bin| (bin.index, bin.bulk));
        draw_ranges(axes, bulks, wide, self.faint(line, colours.bulk));
        let bodies = bins.iter().map(|bin| (bin.index, bin.body));
        draw_ranges(axes, bodies, wide, self.faint(line, colours.body));
        // No spike vanishes: what the bars leave out is drawn as a dot.
        let dot = self.faint(line, colours.point);
        for range in column_ranges(values, positions, self.span, columns) {
            let x = axes.left + range.column as f64 + 0.5;
            let bulk = bins.get(range.column / wide).map(|bin| bin.bulk);
            for value in [range.low, range.high] {
                let is_outside = bulk.is_none_or(|(low, high)| value < low || value > high);
                if value <= self.scale.high && is_outside {
                    axes.canvas.point((x, axes.y.pixel(value)), 0.9, dot);
                }
            }
        }
    }

    fn draw_average(&self, axes: &PanelAxes<'_>, line: &LatencyLine<'_>) {
        if self.is_dense() {
            return self.draw_average_range(axes, line);
        }
        let positions = self.average_positions(line);
        let points = outline(&line.averages, positions, self.span, axes.columns());
        let is_wide = self.has_average() && !self.is_binned();
        let width = if is_wide { 2.0 } else { 1.3 };
        for part in clip_below(&points, self.scale.high) {
            let pixels = part.iter().map(|(at, value)| axes.at((at + 1.0, *value)));
            match pixels.len() {
                // A single average is not a line, but must be seen.
                1 => pixels.for_each(|at| axes.canvas.point(at, 3.0, line.colour)),
                _ => axes.canvas.line(pixels, line.colour, width),
            }
        }
    }

    fn draw_average_range(&self, axes: &PanelAxes<'_>, line: &LatencyLine<'_>) {
        let (columns, positions) = (axes.columns(), self.average_positions(line));
        let ranges = column_ranges(&line.averages, positions, self.span, columns);
        let reaches = ranges.iter().map(|one| (one.column, (one.low, one.high)));
        let colour = self.faint(line, self.context.colours.average_range);
        draw_ranges(axes, reaches, 1, colour);
        let means = ranges.iter().map(|one| (one.column as f64 + 0.5, one.mean));
        for part in clip_below(&means.collect::<Vec<_>>(), self.scale.high) {
            let pixels = part.into_iter();
            let pixels = pixels.map(|(x, y)| (axes.left + x, axes.y.pixel(y)));
            axes.canvas.line(pixels, line.colour, 1.3);
        }
    }

    /// Labels at the right end of the percentiles' lines, moved apart where they would touch.
    fn draw_percentile_labels(axes: &PanelAxes<'_>, lines: &[PercentileLine]) {
        let [p50, p99] = lines else {
            return;
        };
        let (mut upper, mut lower) = (axes.y.pixel(p99.value), axes.y.pixel(p50.value));
        let missing = 1.3 * axes.font.text.size - (lower - upper);
        if missing > 0.0 {
            upper -= missing / 2.0;
            lower += missing / 2.0;
            let below_axis = (lower - axes.bottom).max(0.0);
            upper -= below_axis;
            lower -= below_axis;
        }
        let x = axes.right + 8.0 * axes.font.scale;
        for (line, y) in [(p99, upper), (p50, lower)] {
            let font = Font {
                colour: line.text,
                ..axes.font.text
            };
            axes.canvas.text(&line.label, font, Align::Left, (x, y));
        }
    }
}

/// Draws bars, each over `wide` columns of pixels, from its number and its range of values.
fn draw_ranges(
    axes: &PanelAxes<'_>,
    ranges: impl Iterator<Item = (usize, (f64, f64))>,
    wide: usize,
    colour: RGBAColor,
) {
    let columns = axes.columns().get();
    let edge = |number: usize| axes.left + (number * wide).min(columns) as f64;
    let bars = ranges.map(|(number, (low, high))| {
        let upper_left = (edge(number), axes.y.pixel(high));
        [upper_left, (edge(number + 1), axes.y.pixel(low))]
    });
    axes.canvas.bars(bars, colour);
}

impl Plot for LatencyPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        // Several series name their percentiles in the legend instead.
        let percentiles = match self.lines.as_slice() {
            [line] => &percentile_lines(&line.figures, &self.context.colours)[..],
            _ => &[],
        };
        let x = AxisScale::linear(1.0, self.span as f64);
        let noun = self.context.subject.noun;
        let x_label = format!("{noun} number, in order of {}", self.context.order());
        let x = (x, &*x_label);
        let panel = Panel {
            right: percentiles.iter().map(|line| &*line.label).collect(),
            ..Panel::new(self.context.heading("ms"), self.scale)
        };
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let context = &self.context;
        let axes = &context.draw_axes(canvas, &subtitle, &legend, x, panel)?;
        let lines = || self.lines.iter();
        lines().for_each(|line| self.draw_messages(axes, line));
        lines().for_each(|line| self.draw_average(axes, line));
        let edges = (axes.left, axes.right);
        for line in percentiles {
            canvas.dashes(edges, axes.y.pixel(line.value), line.colour);
        }
        let end_ms = self.scale.high;
        for line in &self.lines {
            let above = line.numbered_values().filter(|(_, value)| *value > end_ms);
            let numbers = above.map(|(number, _)| number);
            off_scale::draw_markers(axes, numbers, line.colour);
        }
        Self::draw_percentile_labels(axes, percentiles);
        let values = lines().flat_map(|line| &line.series.values_ms);
        let count = values.filter(|ms| **ms > end_ms).count() as u64;
        let highest = lines().map(|line| line.figures.max).fold(0.0, f64::max);
        off_scale::draw_note(axes, '▲', (count, noun), [end_ms, highest]);
        Ok(self.hovers(axes))
    }

    fn alt(&self) -> String {
        let noun = self.context.subject.noun;
        let mut sentences = format!("{} of each {noun}.", self.context.quantity());
        for line in &self.lines {
            let (label, count) = (&line.series.label, line.count(noun));
            let figures = figures(&line.figures, "the largest").join(", ");
            sentences += &format!(" {label}: {count}, {figures}.");
        }
        sentences
    }
}
