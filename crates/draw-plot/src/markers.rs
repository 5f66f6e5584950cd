//! Marks of points, with a shape for each meaning.

use std::f64::consts::TAU;

use plotters::style::RGBColor;

use crate::canvas::Canvas;

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Dot,
    /// The outline of a dot.
    Ring,
    Cross,
    /// A triangle that points down.
    Triangle,
    /// The outline of a triangle that points up, beyond the axis.
    OpenTriangle,
}

/// Radius of a mark, at 1280x720.
pub(crate) const RADIUS: f64 = 5.0;

impl Marker {
    /// Draws the mark. `ground`: colour of its inside, which hides a line below a ring.
    pub(crate) fn draw(
        self,
        canvas: &Canvas<'_>,
        (x, y): (f64, f64),
        colour: RGBColor,
        ground: Option<RGBColor>,
    ) {
        let radius = RADIUS * canvas.scale;
        match self {
            Self::Dot => canvas.point((x, y), RADIUS, colour),
            Self::Ring => draw_ring(canvas, (x, y), RADIUS, colour, ground),
            Self::Cross => {
                for side in [-radius, radius] {
                    canvas.line(
                        [(x - side, y - radius), (x + side, y + radius)],
                        colour,
                        2.2,
                    );
                }
            }
            Self::Triangle => {
                let (half, top) = (1.2 * radius, y - 0.8 * radius);
                let corners = [(x - half, top), (x + half, top), (x, y + 1.2 * radius)];
                canvas.polygon(&corners, colour);
            }
            Self::OpenTriangle => {
                let (half, bottom) = (1.1 * radius, y + 0.8 * radius);
                let corners = [(x - half, bottom), (x + half, bottom), (x, y - radius)];
                if let Some(ground) = ground {
                    canvas.polygon(&corners, ground);
                }
                canvas.line(corners.into_iter().chain([corners[0]]), colour, 1.6);
            }
        }
    }
}

/// Draws the outline of a dot of this radius. `ground`: colour of its inside.
pub(crate) fn draw_ring(
    canvas: &Canvas<'_>,
    (x, y): (f64, f64),
    radius: f64,
    colour: RGBColor,
    ground: Option<RGBColor>,
) {
    /// Corners of the outline.
    const CORNERS: u32 = 24;
    if let Some(ground) = ground {
        canvas.point((x, y), radius, ground);
    }
    let radius = radius * canvas.scale;
    let corner = |number: u32| {
        let angle = TAU * f64::from(number) / f64::from(CORNERS);
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    canvas.line((0..=CORNERS).map(corner), colour, 1.6);
}
