//! Drawing in pixels of the finished picture.

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use crate::backend::Surface;
use crate::error::DrawError;
use crate::font::{FontFace, FontFaces};

/// Where a text stands in relation to its point; vertically it is always centred on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    /// Height of an em in pixels.
    pub(crate) size: f64,
    pub(crate) is_bold: bool,
    pub(crate) colour: RGBColor,
}

/// A picture's pixels, or the shapes of an SVG.
pub(crate) struct Canvas<'a> {
    pub(crate) surface: &'a dyn Surface,
    /// Dots of the backend per pixel of the finished picture: backends take whole dots only.
    pub(crate) dots_per_pixel: u32,
    /// The backend paints dots. Shapes that share an edge or a joint are then cheaper and cleaner
    /// one by one; in an SVG they are smaller as one.
    pub(crate) is_bitmap: bool,
    pub(crate) faces: &'a FontFaces,
}

impl Canvas<'_> {
    fn dot(&self, pixels: f64) -> i32 {
        // No picture is wider than 7680 pixels of at most 8 dots.
        #[allow(clippy::cast_possible_truncation)]
        let dot = (pixels * f64::from(self.dots_per_pixel)).round() as i32;
        dot
    }

    fn dots(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (self.dot(x), self.dot(y))
    }

    fn length(&self, pixels: f64) -> u32 {
        u32::try_from(self.dot(pixels)).unwrap_or(1).max(1)
    }

    pub(crate) fn fill(&self, colour: RGBColor) -> Result<(), DrawError> {
        self.surface.fill(colour)
    }

    pub(crate) fn text(
        &self,
        text: &str,
        font: Font,
        align: Align,
        (x, y): (f64, f64),
    ) -> Result<(), DrawError> {
        // Centred on the height of figures and capitals.
        let baseline = y + FontFace::CAPITALS / 2.0 * font.size;
        if !self.is_bitmap {
            let horizontal = match align {
                Align::Left => HPos::Left,
                Align::Centre => HPos::Center,
                Align::Right => HPos::Right,
            };
            // Plotters makes an em of 1.24 and moves the text by half the height of an x.
            let size = 1.24 * font.size * f64::from(self.dots_per_pixel);
            let weight = if font.is_bold {
                FontStyle::Bold
            } else {
                FontStyle::Normal
            };
            let mut style = TextStyle::from((FontFace::FAMILY, size, weight).into_font());
            style.color = font.colour.to_backend_color();
            style.pos = Pos::new(horizontal, VPos::Center);
            let at = self.dots((x, baseline - FontFace::SMALL_X / 2.0 * font.size));
            return self.surface.text(text, &style, at);
        }
        let left = match align {
            Align::Left => x,
            Align::Centre => x - self.text_width(text, font) / 2.0,
            Align::Right => x - self.text_width(text, font),
        };
        let scale = f64::from(self.dots_per_pixel);
        let face = self.faces.of(font.is_bold);
        for (at, coverage) in face.dots(text, font.size * scale, (left * scale, baseline * scale)) {
            self.surface.dot(at, font.colour.mix(coverage))?;
        }
        Ok(())
    }

    pub(crate) fn text_width(&self, text: &str, font: Font) -> f64 {
        self.faces.of(font.is_bold).width(text, font.size)
    }

    /// A line through all points.
    pub(crate) fn line(
        &self,
        points: &[(f64, f64)],
        colour: RGBColor,
        width: f64,
    ) -> Result<(), DrawError> {
        let style = ShapeStyle::from(&colour).stroke_width(self.length(width));
        let mut dots: Vec<_> = points.iter().map(|point| self.dots(*point)).collect();
        dots.dedup();
        if !self.is_bitmap || style.stroke_width == 1 {
            return self.surface.path(dots, style);
        }
        // The outline of a wide line that turns back sharply would cover itself and leave holes.
        let joint = style.stroke_width / 2;
        for pair in dots.windows(2) {
            let corners = band(pair[0], pair[1], f64::from(style.stroke_width));
            self.surface.polygon(corners.to_vec(), colour.to_rgba())?;
            if joint > 0 {
                self.surface.circle(pair[1], joint, colour.to_rgba())?;
            }
        }
        Ok(())
    }

    /// A horizontal line of dashes.
    pub(crate) fn dashes(
        &self,
        (left, right): (f64, f64),
        y: f64,
        colour: RGBColor,
        unit: f64,
    ) -> Result<(), DrawError> {
        let mut start = left;
        while start < right {
            let end = (start + 6.0 * unit).min(right);
            self.rectangle(
                (start, y - 0.75 * unit),
                (end, y + 0.75 * unit),
                colour.to_rgba(),
            )?;
            start += 10.0 * unit;
        }
        Ok(())
    }

    /// A line of dashes through all points, of this width; dashes and gaps are multiples of `unit`.
    pub(crate) fn dashed(
        &self,
        points: &[(f64, f64)],
        colour: RGBColor,
        (width, unit): (f64, f64),
    ) -> Result<(), DrawError> {
        for dash in cut(points, 6.0 * unit, 4.0 * unit) {
            self.line(&dash, colour, width)?;
        }
        Ok(())
    }

    /// Everything between two corners, at least one dot.
    pub(crate) fn rectangle(
        &self,
        from: (f64, f64),
        to: (f64, f64),
        colour: RGBAColor,
    ) -> Result<(), DrawError> {
        let (left, top) = self.dots(from);
        let (right, bottom) = self.dots(to);
        let (right, bottom) = (right.max(left + 1), bottom.max(top + 1));
        self.surface
            .rectangle([(left, top), (right, bottom)], colour)
    }

    pub(crate) fn polygon(
        &self,
        corners: &[(f64, f64)],
        colour: RGBAColor,
    ) -> Result<(), DrawError> {
        let dots: Vec<_> = corners.iter().map(|corner| self.dots(*corner)).collect();
        self.surface.polygon(dots, colour)
    }

    pub(crate) fn point(
        &self,
        at: (f64, f64),
        radius: f64,
        colour: RGBAColor,
    ) -> Result<(), DrawError> {
        self.surface
            .circle(self.dots(at), self.length(radius), colour)
    }

    /// Bars side by side, each from `left` to `right` and from `top` to `bottom`.
    pub(crate) fn bars(&self, bars: &[Bar], colour: RGBAColor) -> Result<(), DrawError> {
        if self.is_bitmap {
            for bar in bars {
                self.rectangle((bar.left, bar.top), (bar.right, bar.bottom), colour)?;
            }
            return Ok(());
        }
        // One outline: along the upper ends, and back along the lower ones.
        let upper = bars
            .iter()
            .flat_map(|bar| [(bar.left, bar.top), (bar.right, bar.top)]);
        let lower = bars
            .iter()
            .rev()
            .flat_map(|bar| [(bar.right, bar.bottom), (bar.left, bar.bottom)]);
        self.polygon(&upper.chain(lower).collect::<Vec<_>>(), colour)
    }
}

/// The parts of a line that lie within dashes of this length, with gaps between them.
fn cut(points: &[(f64, f64)], dash: f64, gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut dashes = Vec::new();
    let mut current: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut is_dash, mut left) = (true, dash);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > left {
            let share = left / length;
            from = (
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            );
            length -= left;
            if is_dash {
                current.push(from);
                dashes.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            is_dash = !is_dash;
            left = if is_dash { dash } else { gap };
        }
        left -= length;
        if is_dash {
            current.push(to);
        }
    }
    if is_dash && current.len() > 1 {
        dashes.push(current);
    }
    dashes
}

/// The corners of a straight line of that width in dots. Its ends are cut along the axis that it
/// crosses, where the width is a whole number of dots at every slope. Plotters cuts them across the line,
/// and rounding then makes a steep line thinner than a level one.
fn band(from: (i32, i32), to: (i32, i32), width: f64) -> [(i32, i32); 4] {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    // Both edges of a polygon are painted, so a level line has one dot more than its width.
    let dots = (width + 1.0) * dx.hypot(dy) / dx.abs().max(dy.abs()).max(1.0);
    // At most 1.42 times the width of a line.
    #[allow(clippy::cast_possible_truncation)]
    let cut = dots.round() as i32 - 1;
    let (before, after) = (cut / 2, cut - cut / 2);
    let (less, more) = if dx.abs() >= dy.abs() {
        ((0, before), (0, after))
    } else {
        ((before, 0), (after, 0))
    };
    [
        (from.0 - less.0, from.1 - less.1),
        (to.0 - less.0, to.1 - less.1),
        (to.0 + more.0, to.1 + more.1),
        (from.0 + more.0, from.1 + more.1),
    ]
}

/// One bar; the picture's y axis points down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::prelude::{BitMapBackend, IntoDrawingArea};

    #[test]
    fn dashes_go_round_corners() {
        let corner = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)];
        assert_eq!(
            cut(&corner, 3.0, 1.0),
            [
                vec![(0.0, 0.0), (3.0, 0.0)],
                vec![(4.0, 0.0), (5.0, 0.0), (5.0, 2.0)],
                vec![(5.0, 3.0), (5.0, 5.0)]
            ]
        );
        assert!(cut(&[], 3.0, 1.0).is_empty());
    }

    #[test]
    fn a_line_is_as_wide_whichever_way_it_goes() {
        let faces = FontFaces::new().unwrap();
        for (x, y) in [
            (100.0, 0.0),
            (100.0, 50.0),
            (100.0, 100.0),
            (40.0, -100.0),
            (0.0, 100.0),
        ] {
            let mut dots = vec![0; 3 * 300 * 300];
            let area = BitMapBackend::with_buffer(&mut dots, (300, 300)).into_drawing_area();
            let canvas = Canvas {
                surface: &area,
                dots_per_pixel: 2,
                is_bitmap: true,
                faces: &faces,
            };
            let from = (20.0, 75.0 - y / 2.0);
            let white = RGBColor(255, 255, 255);
            canvas
                .line(&[from, (from.0 + x, from.1 + y)], white, 2.0)
                .unwrap();
            drop(area);
            let painted = dots.chunks_exact(3).filter(|dot| dot[0] > 127).count();
            let width = painted as f64 / (2.0 * x.hypot(y));
            assert!((4.2..5.4).contains(&width), "{width} dots wide to {x}, {y}");
        }
    }
}
