//! Times against the numbers of a column: a marker for each row, and a line through the markers where they have room.

use plotters::style::RGBColor;
use results::read::TimeColumn;
use units::counted;

use super::common::{
    check_count, check_each, check_times, hover_places, is_crowded, scale_of_times,
};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::Labelled;
use crate::error::DrawError;
use crate::legend::{LegendEntry, Swatch};
use crate::number_format::milliseconds;
use crate::phrases::{chosen, join, unless_none, zeros_at_edge};
use crate::plot::{Hover, Plot, PlotContext};
use crate::scale::AxisScale;
use crate::series::{Point, is_wide, latency_unit, one_per_pixel, pad_range, sort_by_x, span};

pub(crate) struct XyPlot<'a> {
    context: PlotContext<'a>,
    x_name: &'a str,
    lines: Vec<XyLine<'a>>,
    x: AxisScale,
    y: AxisScale,
    y_unit: &'static str,
    per_ms: f64,
}

struct XyLine<'a> {
    file: &'a Labelled<TimeColumn>,
    /// In the order of x, and in the unit of the y axis.
    points: Vec<Point>,
    /// True if a line goes through the points. Through many points that go up and down it would be an area.
    is_joined: bool,
    colour: RGBColor,
}

/// Pixels between points that leave room for a marker each.
const ROOM: usize = 12;

impl<'a> XyPlot<'a> {
    pub(crate) fn new(
        context: PlotContext<'a>,
        x_name: &'a str,
        all: &'a [Labelled<TimeColumn>],
    ) -> Result<Self, DrawError> {
        check_count(all.len())?;
        all.iter().try_for_each(check)?;
        let all_points = || all.iter().flat_map(|file| points(file));
        let nothing = || DrawError::NoValues(all[0].label.clone());
        let xs = span(all_points().map(|(x, _)| x)).ok_or_else(nothing)?;
        let (_, largest_ms) = span(all_points().map(|(_, ms)| ms)).ok_or_else(nothing)?;
        let (y_unit, per_ms) = latency_unit(largest_ms);
        let ys = all_points().map(|(_, ms)| ms * per_ms);
        let y = scale_of_times(context.options.log, ys, largest_ms * per_ms)?;
        let x = if is_wide(xs) {
            AxisScale::log(xs.0, xs.1)
        } else {
            let (low, high) = pad_range(xs);
            AxisScale::linear(low, high)
        };
        let line = |(file, colour): (&'a Labelled<TimeColumn>, RGBColor)| XyLine {
            file,
            points: sort_by_x(points(file).map(|(x, ms)| (x, ms * per_ms))),
            is_joined: points(file).count() * ROOM <= context.options.size.width as usize,
            colour,
        };
        Ok(Self {
            context,
            x_name,
            lines: all.iter().zip(context.colours.series).map(line).collect(),
            x,
            y,
            y_unit,
            per_ms,
        })
    }

    fn subtitle(&self) -> String {
        let count = self.lines.iter().map(|line| line.points.len() as u64).sum();
        let points = match self.lines.as_slice() {
            [line] => line.description(),
            _ => format!("{} in all", counted(count, "point")),
        };
        let skipped = self.lines.iter().map(|line| line.file.times.skipped).sum();
        let ys = self.lines.iter().flat_map(|line| &line.points);
        let zeros = ys.filter(|(_, y)| *y <= 0.0).count() as u64;
        let zeros = if self.context.options.log { zeros } else { 0 };
        let left_out = unless_none(skipped, "row", "left out");
        join([points, left_out, zeros_at_edge(zeros, "point")])
    }

    /// The legend; empty for a single file, which the subtitle names.
    fn legend(&self) -> Vec<LegendEntry> {
        if self.lines.len() == 1 {
            return Vec::new();
        }
        let entry = |line: &XyLine<'_>| {
            let swatch = if line.is_joined {
                Swatch::Curve
            } else {
                Swatch::Point(1.0)
            };
            LegendEntry::new(swatch, line.colour, line.description())
        };
        self.lines.iter().map(entry).collect()
    }

    fn hovers(&self, axes: &PanelAxes<'_>) -> Vec<Hover> {
        let mut hovers = Vec::new();
        for line in &self.lines {
            hovers.extend(hover_places(line.points.len()).map(|at| {
                let (x, y) = line.points[at];
                let (label, time) = (&line.file.label, milliseconds(y / self.per_ms));
                Hover {
                    x: axes.x.pixel(x),
                    y: Some(axes.y.pixel(y)),
                    text: vec![label.clone(), format!("{}: {x}", self.x_name), time],
                }
            }));
        }
        hovers.sort_by(|a, b| a.x.total_cmp(&b.x));
        hovers
    }

    fn draw_points(&self, axes: &PanelAxes<'_>, line: &XyLine<'_>) {
        let mut pixels: Vec<Point> = line.points.iter().map(|point| axes.at(*point)).collect();
        if is_crowded(pixels.len(), self.context.options.size) {
            pixels = one_per_pixel(&pixels);
        }
        let k = axes.font.scale;
        if line.is_joined && pixels.len() > 1 {
            axes.canvas.line(pixels.iter().copied(), line.colour, 2.0);
        }
        let has_room = (pixels.len() * ROOM) as f64 * k <= axes.width();
        let radius = if has_room { 4.5 } else { 1.7 };
        for point in pixels {
            axes.canvas.point(point, radius, line.colour);
        }
    }
}

impl Plot for XyPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (context, x) = (&self.context, (self.x, self.x_name));
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let panel = Panel::new(context.heading(self.y_unit), self.y);
        let axes = context.draw_axes(canvas, &subtitle, &legend, x, panel)?;
        for line in &self.lines {
            self.draw_points(&axes, line);
        }
        Ok(self.hovers(&axes))
    }

    fn alt(&self) -> String {
        let (quantity, x_name) = (self.context.quantity(), self.x_name);
        let mut sentences = format!("{quantity} against {x_name}.");
        for line in &self.lines {
            if let Some((low, high)) = span(line.file.times.values_ms.iter().copied()) {
                let (low, high) = (milliseconds(low), milliseconds(high));
                sentences += &format!(" {}, from {low} to {high}.", line.description());
            }
        }
        sentences
    }
}

impl XyLine<'_> {
    /// `cpu_connections.csv · 5 points`
    fn description(&self) -> String {
        let count = self.points.len() as u64;
        let points = chosen(count, "point", self.file.times.chosen_from);
        format!("{} · {points}", self.file.label)
    }
}

fn points(column: &TimeColumn) -> impl Iterator<Item = Point> {
    let xs = column.x.iter().flat_map(|x| x.values.iter().copied());
    xs.zip(column.times.values_ms.iter().copied())
}

fn check(file: &Labelled<TimeColumn>) -> Result<(), DrawError> {
    /// Range beyond which an axis has no distinct floating-point numbers.
    const REACH: std::ops::RangeInclusive<f64> = 1e-15..=1e15;
    check_times(&file.label, &file.times.values_ms)?;
    let is_near = |x: f64| x == 0.0 || REACH.contains(&x.abs());
    let xs = points(file).map(|(x, _)| x);
    check_each(&file.label, xs, is_near, DrawError::TooFar)
}
