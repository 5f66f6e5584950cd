//! The picture of times against numbers: a line through the points of each curve.

use measurement::units::grouped;
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBColor};

use crate::axis::Scale;
use crate::canvas::Canvas;
use crate::chart::{check_count, check_times, is_crowded};
use crate::curve::{in_order, is_wide, span, thinned, unit_of, with_air};
use crate::encode::Picture;
use crate::error::DrawError;
use crate::frame::{Frame, Surroundings};
use crate::legend::{Entry, Swatch};
use crate::options::{Curve, Options};
use crate::series::Point;
use crate::theme::Colours;

/// A picture that can be drawn: checked, and all its numbers known.
pub(crate) struct Against<'a> {
    options: &'a Options,
    x_name: &'a str,
    lines: Vec<Line<'a>>,
    x: Scale,
    y: Scale,
    y_unit: &'static str,
    colours: Colours,
}

struct Line<'a> {
    curve: &'a Curve<'a>,
    /// In the order of x, and in the unit of the y axis.
    points: Vec<Point>,
    colour: RGBColor,
}

impl<'a> Against<'a> {
    pub(crate) fn new(
        options: &'a Options,
        x_name: &'a str,
        curves: &'a [Curve<'a>],
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
        let (y_unit, per_ms) = unit_of(largest_ms);
        let largest = largest_ms * per_ms;
        let y = if options.log {
            let positive = all().map(|(_, ms)| ms * per_ms).filter(|y| *y > 0.0);
            let (low, high) = span(positive).ok_or(DrawError::NothingAboveZero)?;
            Scale::log(low, high)
        } else {
            // All zeros still need an axis.
            Scale::linear(0.0, if largest > 0.0 { largest * 1.04 } else { 1.0 })
        };
        let x = if is_wide(xs) {
            Scale::log(xs.0, xs.1)
        } else {
            let (low, high) = with_air(xs);
            Scale::linear(low, high)
        };
        let colours = options.theme.colours();
        let lines = curves
            .iter()
            .zip(colours.series)
            .map(|(curve, colour)| Line {
                curve,
                points: in_order(&curve.points)
                    .into_iter()
                    .map(|(x, ms)| (x, ms * per_ms))
                    .collect(),
                colour,
            })
            .collect();
        Ok(Self {
            options,
            x_name,
            lines,
            x,
            y,
            y_unit,
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
        parts.join(" · ")
    }

    /// A single curve is named by the subtitle.
    fn legend(&self) -> Vec<Entry> {
        if self.lines.len() == 1 {
            return Vec::new();
        }
        let entry = |line: &Line<'_>| Entry::new(Swatch::Curve, line.colour, line.description());
        self.lines.iter().map(entry).collect()
    }

    fn curve<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        frame: &Frame,
        line: &Line<'_>,
    ) -> Result<(), DrawError>
    where
        B::ErrorType: 'static,
    {
        /// Pixels between points that leave each its own marker.
        const ROOM: f64 = 12.0;
        let mut pixels: Vec<Point> = line
            .points
            .iter()
            .map(|(x, y)| (frame.x.pixel(*x), frame.y.pixel(*y)))
            .collect();
        if is_crowded(pixels.len(), self.options.size) {
            pixels = thinned(&pixels);
        }
        let k = frame.font.scale;
        if pixels.len() > 1 {
            canvas.line(&pixels, line.colour, 2.0 * k)?;
        }
        let has_room = pixels.len() as f64 * ROOM * k <= frame.layout.width();
        let radius = if has_room { 4.5 } else { 1.7 } * k;
        for point in pixels {
            canvas.point(point, radius, line.colour.to_rgba())?;
        }
        Ok(())
    }
}

impl Picture for Against<'_> {
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>) -> Result<(), DrawError>
    where
        B::ErrorType: 'static,
    {
        let frame = Surroundings {
            options: self.options,
            colours: &self.colours,
            subtitle: &self.subtitle(),
            legend: &self.legend(),
            right: &[],
            x: self.x,
            x_label: self.x_name,
            y: self.y,
            y_unit: self.y_unit,
        }
        .draw(canvas)?;
        self.lines
            .iter()
            .try_for_each(|line| self.curve(canvas, &frame, line))
    }
}

impl Line<'_> {
    /// `cpu_connections.csv · 5 points`
    fn description(&self) -> String {
        let points = counted(self.points.len() as u64, "point");
        format!("{} · {points}", self.curve.label)
    }
}

/// `1 point`, `1,000 points`
fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(count))
}

fn check(curve: &Curve<'_>) -> Result<(), DrawError> {
    /// Beyond, neighbouring numbers are the same to a computer, and axes have no end.
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
