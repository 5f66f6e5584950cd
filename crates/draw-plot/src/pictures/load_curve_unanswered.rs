//! Marks of percentiles that fall among messages without an answer. They stand in rows at the upper edge of a picture of
//! offered rates, because their time is beyond the axis.

use std::ops::Range;

use plotters::style::RGBColor;

use super::load_curve_lines::{LoadLine, LoadPoint};
use crate::axes::PanelAxes;
use crate::markers::{Marker, RADIUS};

/// Height of a row, at 1280x720.
const ROW: f64 = 3.2 * RADIUS;

/// The rows of such marks, one for each percentile that has any.
pub(crate) struct UnansweredRows {
    /// Indices of the percentiles, the highest one first.
    percentiles: Vec<usize>,
}

impl UnansweredRows {
    /// The rows of these lines. `marked`: the percentiles whose points have marks.
    pub(crate) fn new(lines: &[LoadLine<'_>], marked: Range<usize>, leading: usize) -> Self {
        let has = |percentile: &usize| {
            let mut own = lines
                .iter()
                .flat_map(|line| points(line, *percentile, leading));
            own.any(|point| point.times_ms[*percentile].is_none())
        };
        Self {
            percentiles: marked.rev().filter(has).collect(),
        }
    }

    /// Room above the curves, as a share of the axis.
    pub(crate) fn room(&self) -> f64 {
        0.05 * self.percentiles.len() as f64
    }

    /// Height of all rows in pixels.
    pub(crate) fn height(&self, axes: &PanelAxes<'_>) -> f64 {
        self.percentiles.len() as f64 * ROW * axes.font.scale
    }

    /// Vertical place of the marks of a percentile, inside the upper edge.
    pub(crate) fn y(&self, axes: &PanelAxes<'_>, percentile: usize) -> f64 {
        let row = self.percentiles.iter().position(|own| *own == percentile);
        axes.top + (row.unwrap_or(0) as f64 + 0.5) * ROW * axes.font.scale
    }

    /// Draws the marks of a line. `colour`: that of a percentile.
    pub(crate) fn draw(
        &self,
        axes: &PanelAxes<'_>,
        line: &LoadLine<'_>,
        leading: usize,
        colour: impl Fn(usize) -> RGBColor,
        ground: RGBColor,
    ) {
        for &percentile in &self.percentiles {
            let y = self.y(axes, percentile);
            let unanswered = points(line, percentile, leading)
                .filter(|point| point.times_ms[percentile].is_none());
            for point in unanswered {
                let marker = match point.is_decided() {
                    true => Marker::OpenTriangle,
                    false => Marker::Ring,
                };
                let at = (axes.x.pixel(point.offered_per_s), y);
                marker.draw(axes.canvas, at, colour(percentile), Some(ground));
            }
        }
    }
}

/// The points that are drawn of a percentile: those from above have the leading one only.
fn points<'l>(
    line: &'l LoadLine<'_>,
    percentile: usize,
    leading: usize,
) -> impl Iterator<Item = &'l LoadPoint> {
    let above = line.above.iter().filter(move |_| percentile == leading);
    line.below.iter().chain(above)
}
