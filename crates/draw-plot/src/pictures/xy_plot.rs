//! The picture of times against numbers: a line through the points of each curve, or a cloud of them.

use plotters::style::{Color, RGBColor};

use super::common::{
    PlotContext, check_count, check_times, counted, hover_places, is_crowded, joined, log_scale,
    scale_from_zero, some_of,
};
use crate::axes::{Panel, PanelAxes};
use crate::canvas::Canvas;
use crate::data::XySeries;
use crate::encode::Plot;
use crate::error::DrawError;
use crate::inline_svg::Hover;
use crate::legend::{LegendEntry, Swatch};
use crate::options::Size;
use crate::scale::{AxisScale, milliseconds};
use crate::series::Point;
use crate::series::{is_wide, latency_unit, one_per_pixel, pad_range, sort_by_x, span, thin_out};
use crate::theme::Colours;

/// A picture that can be drawn: checked, and all its numbers known.
pub(crate) struct XyPlot<'a> {
    task: PlotContext<'a>,
    x_name: &'a str,
    lines: Vec<XyLine<'a>>,
    x: AxisScale,
    y: AxisScale,
    y_unit: &'static str,
    per_ms: f64,
    colours: Colours,
}

struct XyLine<'a> {
    curve: &'a XySeries<'a>,
    /// In the order of x, and in the unit of the y axis.
    points: Vec<Point>,
    /// A line goes through the points.
    is_joined: bool,
    colour: RGBColor,
}

/// Pixels between points that leave each its own marker.
const ROOM: usize = 12;

impl<'a> XyPlot<'a> {
    pub(crate) fn new(
        task: PlotContext<'a>,
        x_name: &'a str,
        curves: &'a [XySeries<'a>],
    ) -> Result<Self, DrawError> {
        check_count(curves.len())?;
        for curve in curves {
            check(curve)?;
        }
        let all = || curves.iter().flat_map(|curve| curve.points.iter());
        let nothing = || DrawError::NoValues {
            label: curves[0].label.clone(),
        };
        let xs = span(all().map(|(x, _)| *x)).ok_or_else(nothing)?;
        let (_, largest_ms) = span(all().map(|(_, ms)| *ms)).ok_or_else(nothing)?;
        let (y_unit, per_ms) = latency_unit(largest_ms);
        let y = if task.options.log {
            log_scale(all().map(|(_, ms)| ms * per_ms).filter(|y| *y > 0.0))?
        } else {
            scale_from_zero(largest_ms * per_ms)
        };
        let x = if is_wide(xs) {
            AxisScale::log(xs.0, xs.1)
        } else {
            let (low, high) = pad_range(xs);
            AxisScale::linear(low, high)
        };
        let colours = task.colours();
        let lines = curves
            .iter()
            .zip(colours.series)
            .map(|(curve, colour)| XyLine {
                curve,
                points: sort_by_x(&curve.points)
                    .into_iter()
                    .map(|(x, ms)| (x, ms * per_ms))
                    .collect(),
                is_joined: is_joined(&curve.points, task.options.size),
                colour,
            })
            .collect();
        Ok(Self {
            task,
            x_name,
            lines,
            x,
            y,
            y_unit,
            per_ms,
            colours,
        })
    }

    fn subtitle(&self) -> String {
        let skipped: u64 = self.lines.iter().map(|line| line.curve.skipped).sum();
        let mut parts = Vec::new();
        if let [line] = self.lines.as_slice() {
            parts.push(line.description());
        } else {
            let points = self.lines.iter().map(|line| line.points.len() as u64).sum();
            parts.push(format!("{} in all", counted(points, "point")));
        }
        if skipped > 0 {
            parts.push(format!("{} left out", counted(skipped, "row")));
        }
        joined(parts)
    }

    /// A single curve is named by the subtitle.
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

    /// One at each point, as far as they can be pointed at.
    fn hovers(&self, frame: &PanelAxes) -> Vec<Hover> {
        let mut hovers = Vec::new();
        for line in &self.lines {
            for at in hover_places(line.points.len()) {
                let (x, y) = line.points[at];
                let time = milliseconds(y / self.per_ms);
                hovers.push(Hover {
                    x: frame.x.pixel(x),
                    y: Some(frame.y.pixel(y)),
                    text: vec![
                        line.curve.label.clone(),
                        format!("{}: {x}", self.x_name),
                        time,
                    ],
                });
            }
        }
        hovers.sort_by(|a, b| a.x.total_cmp(&b.x));
        hovers
    }

    fn curve(
        &self,
        canvas: &Canvas<'_>,
        frame: &PanelAxes,
        line: &XyLine<'_>,
    ) -> Result<(), DrawError> {
        let mut pixels: Vec<Point> = line.points.iter().map(|point| frame.at(*point)).collect();
        if is_crowded(pixels.len(), self.task.options.size) {
            pixels = if line.is_joined {
                thin_out(&pixels)
            } else {
                one_per_pixel(&pixels)
            };
        }
        let k = frame.font.scale;
        if line.is_joined && pixels.len() > 1 {
            canvas.line(&pixels, line.colour, 2.0 * k)?;
        }
        let has_room = (pixels.len() * ROOM) as f64 * k <= frame.layout.width();
        let radius = if has_room { 4.5 } else { 1.7 } * k;
        for point in pixels {
            canvas.point(point, radius, line.colour.to_rgba())?;
        }
        Ok(())
    }
}

impl Plot for XyPlot<'_> {
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError> {
        let (subtitle, legend) = (self.subtitle(), self.legend());
        let around =
            self.task
                .surroundings(&self.colours, &subtitle, &legend, (self.x, self.x_name));
        let heading = self.task.subject.heading(self.y_unit);
        let frame = around.draw_single(canvas, Panel::new(heading, self.y))?;
        for line in &self.lines {
            self.curve(canvas, &frame, line)?;
        }
        Ok(self.hovers(&frame))
    }

    fn alt(&self) -> String {
        let (quantity, x_name) = (self.task.quantity(), self.x_name);
        let mut sentences = format!("{quantity} against {x_name}.");
        for line in &self.lines {
            let description = line.description();
            if let Some((low, high)) = span(line.curve.points.iter().map(|(_, ms)| *ms)) {
                let (low, high) = (milliseconds(low), milliseconds(high));
                sentences.push_str(&format!(" {description}, from {low} to {high}."));
            }
        }
        sentences
    }
}

impl XyLine<'_> {
    /// `cpu_connections.csv · 5 points`
    fn description(&self) -> String {
        let points = counted(self.points.len() as u64, "point");
        let points = some_of(points, self.curve.chosen_from);
        format!("{} · {points}", self.curve.label)
    }
}

/// Whether a line goes through the points: where they have room, or are many along the axis. Through
/// many whose x goes back and forth it would be a scribble that hides them.
fn is_joined(points: &[Point], size: Size) -> bool {
    points.len() * ROOM <= size.width() as usize || points.is_sorted_by(|a, b| a.0 <= b.0)
}

fn check(curve: &XySeries<'_>) -> Result<(), DrawError> {
    /// OffScale, neighbouring numbers are the same to a computer, and axes have no end.
    const REACH: std::ops::RangeInclusive<f64> = 1e-15..=1e15;
    let label = || curve.label.clone();
    if curve.points.is_empty() {
        return Err(DrawError::NoValues { label: label() });
    }
    check_times(&curve.label, curve.points.iter().map(|(_, ms)| *ms))?;
    let is_near = |x: f64| x == 0.0 || REACH.contains(&x.abs());
    match curve.points.iter().position(|(x, _)| !is_near(*x)) {
        Some(at) => Err(DrawError::TooFar {
            label: label(),
            number: at + 1,
            value: curve.points[at].0,
        }),
        None => Ok(()),
    }
}
