//! The canvas collects a picture's shapes; a backend paints them.

use std::cell::RefCell;

use plotters::style::{Color, RGBAColor, RGBColor};

use crate::font::{FontFace, FontFaces};
use crate::options::Size;

/// Horizontal place of a text in relation to its point, on which the text is centred vertically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Font {
    /// Height of an em in pixels.
    pub(crate) size: f64,
    pub(crate) is_bold: bool,
    pub(crate) colour: RGBColor,
}

/// A place in dots from the upper left corner.
pub(crate) type Dot = (i32, i32);

pub(crate) enum CanvasShape {
    /// A text with its font, its horizontal place and a point of its baseline in pixels.
    Text(String, Font, Align, (f64, f64)),
    /// A line through all points, and its width.
    Line(Vec<Dot>, u32),
    Polygon(Vec<Dot>),
    /// Upper left and lower right corner.
    Rectangle([Dot; 2]),
    /// Rectangles side by side, which may be painted as one outline.
    Bars(Vec<[Dot; 2]>),
    /// Centre and radius.
    Circle(Dot, u32),
}

/// A picture's shapes. Places are in pixels of the picture, widths and radiuses in those of 1280x720.
pub(crate) struct Canvas<'f> {
    pub(crate) size: Size,
    /// Scale of every length; 1 at 1280x720.
    pub(crate) scale: f64,
    /// Dots of the backend per pixel: backends take whole dots only.
    dots_per_pixel: u32,
    fonts: &'f FontFaces,
    shapes: RefCell<Vec<(CanvasShape, RGBAColor)>>,
}

impl<'f> Canvas<'f> {
    pub(crate) fn new(size: Size, dots_per_pixel: u32, fonts: &'f FontFaces) -> Self {
        let share = (f64::from(size.width) / 1280.0).min(f64::from(size.height) / 720.0);
        Self {
            size,
            // Writing grows slower than the picture, so that a small one can still be read.
            scale: share.powf(0.8).max(0.75),
            dots_per_pixel,
            fonts,
            shapes: RefCell::default(),
        }
    }

    /// The shapes and their colours, from the lowest to the topmost.
    pub(crate) fn into_shapes(self) -> Vec<(CanvasShape, RGBAColor)> {
        self.shapes.into_inner()
    }

    fn push(&self, shape: CanvasShape, colour: impl Color) {
        self.shapes.borrow_mut().push((shape, colour.to_rgba()));
    }

    fn dot(&self, pixels: f64) -> i32 {
        // No picture is wider than 7680 pixels of at most 8 dots.
        #[allow(clippy::cast_possible_truncation)]
        let dot = (pixels * f64::from(self.dots_per_pixel)).round() as i32;
        dot
    }

    fn dots(&self, (x, y): (f64, f64)) -> Dot {
        (self.dot(x), self.dot(y))
    }

    fn length(&self, pixels: f64) -> u32 {
        u32::try_from(self.dot(pixels)).unwrap_or(1).max(1)
    }

    /// Draws a text, centred on the height of digits and capitals.
    pub(crate) fn text(&self, text: &str, font: Font, align: Align, (x, y): (f64, f64)) {
        let at = (x, y + FontFace::CAPITALS / 2.0 * font.size);
        let text = CanvasShape::Text(text.to_owned(), font, align, at);
        self.push(text, font.colour);
    }

    pub(crate) fn text_width(&self, text: &str, font: Font) -> f64 {
        self.fonts.of(font.is_bold).width(text, font.size)
    }

    /// Width of the widest of the texts; zero without any.
    pub(crate) fn widest(&self, texts: impl Iterator<Item = impl AsRef<str>>, font: Font) -> f64 {
        let widths = texts.map(|text| self.text_width(text.as_ref(), font));
        widths.fold(0.0, f64::max)
    }

    pub(crate) fn line(
        &self,
        points: impl IntoIterator<Item = (f64, f64)>,
        colour: RGBColor,
        width: f64,
    ) {
        let mut dots: Vec<_> = points.into_iter().map(|point| self.dots(point)).collect();
        dots.dedup();
        let width = self.length(width * self.scale);
        self.push(CanvasShape::Line(dots, width), colour);
    }

    /// Draws a horizontal line of dashes.
    pub(crate) fn dashes(&self, (left, right): (f64, f64), y: f64, colour: RGBColor) {
        let unit = self.scale;
        let mut start = left;
        while start < right {
            let end = (start + 6.0 * unit).min(right);
            self.rectangle((start, y - 0.75 * unit), (end, y + 0.75 * unit), colour);
            start += 10.0 * unit;
        }
    }

    pub(crate) fn dashed(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) {
        for dash in cut(points, 6.0 * self.scale, 4.0 * self.scale) {
            self.line(dash, colour, width);
        }
    }

    /// Fills the rectangle between two corners, at least one dot wide and high.
    pub(crate) fn rectangle(&self, from: (f64, f64), to: (f64, f64), colour: impl Color) {
        let corners = at_least_a_dot([self.dots(from), self.dots(to)]);
        self.push(CanvasShape::Rectangle(corners), colour);
    }

    pub(crate) fn polygon(&self, corners: &[(f64, f64)], colour: impl Color) {
        let corners = corners.iter().map(|corner| self.dots(*corner)).collect();
        self.push(CanvasShape::Polygon(corners), colour);
    }

    pub(crate) fn point(&self, at: (f64, f64), radius: f64, colour: impl Color) {
        let radius = self.length(radius * self.scale);
        self.push(CanvasShape::Circle(self.dots(at), radius), colour);
    }

    /// Draws bars side by side, each from its upper left to its lower right corner.
    pub(crate) fn bars(&self, bars: impl Iterator<Item = [(f64, f64); 2]>, colour: impl Color) {
        let bars = bars.map(|corners| corners.map(|corner| self.dots(corner)));
        self.push(CanvasShape::Bars(bars.collect()), colour);
    }
}

/// The corners, the lower right one moved if nothing would lie between them.
pub(crate) fn at_least_a_dot([(left, top), (right, bottom)]: [Dot; 2]) -> [Dot; 2] {
    [(left, top), (right.max(left + 1), bottom.max(top + 1))]
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
            let between = |from: f64, to: f64| from + share * (to - from);
            from = (between(from.0, to.0), between(from.1, to.1));
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
