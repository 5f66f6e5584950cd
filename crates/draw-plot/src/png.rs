//! A picture as the bytes of a PNG file. No other module paints with plotters.

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters::style::{Color, RGBAColor};

use crate::canvas::{Align, Canvas, CanvasShape, at_least_a_dot};
use crate::error::DrawError;
use crate::font::FontFaces;
use crate::options::Size;
use crate::plot::Plot;

/// Number of pixels above which edges look smooth without oversampling, which would need too much memory.
const SMOOTHED_PIXELS: u32 = 3840 * 2160;

pub(crate) fn png(plot: &dyn Plot, size: Size) -> Result<Vec<u8>, DrawError> {
    let (width, height) = (size.width, size.height);
    // Painted with four dots a pixel, whose mean makes smooth edges of what plotters paints.
    let is_smoothed = width * height <= SMOOTHED_PIXELS;
    let dots = if is_smoothed { 2 } else { 1 };
    let fonts = FontFaces::new()?;
    let canvas = Canvas::new(size, dots, &fonts);
    plot.draw(&canvas)?;
    let mut pixels = vec![0; 3 * (width * dots) as usize * (height * dots) as usize];
    let mut bitmap = BitMapBackend::with_buffer(&mut pixels, (width * dots, height * dots));
    for shape in canvas.into_shapes() {
        paint(&mut bitmap, shape, dots, &fonts)?;
    }
    drop(bitmap);
    if is_smoothed {
        halve(&mut pixels, width as usize);
    }

    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(DrawError::paint)?;
    writer.write_image_data(&pixels).map_err(DrawError::paint)?;
    writer.finish().map_err(DrawError::paint)?;
    Ok(file)
}

/// Painter of single shapes: shapes that share an edge or a joint are painted one by one, which is cheaper and leaves
/// no seams.
fn paint(
    bitmap: &mut BitMapBackend<'_>,
    (shape, colour): (CanvasShape, RGBAColor),
    dots_per_pixel: u32,
    fonts: &FontFaces,
) -> Result<(), DrawError> {
    let colour = colour.to_backend_color();
    let painted = match shape {
        CanvasShape::Text(text, font, align, (x, baseline)) => {
            let (face, scale) = (fonts.of(font.is_bold), f64::from(dots_per_pixel));
            let left = match align {
                Align::Left => x,
                Align::Centre => x - face.width(&text, font.size) / 2.0,
                Align::Right => x - face.width(&text, font.size),
            };
            let dots = face.dots(&text, font.size * scale, (left * scale, baseline * scale));
            let mut dots = dots.into_iter();
            dots.try_for_each(|(at, coverage)| bitmap.draw_pixel(at, colour.mix(coverage)))
        }
        CanvasShape::Line(points, 1) => bitmap.draw_path(points, &colour),
        // The outline of a wide line that turns back sharply would cover itself and leave holes.
        CanvasShape::Line(points, width) => points.windows(2).try_for_each(|pair| {
            bitmap.fill_polygon(band(pair[0], pair[1], f64::from(width)), &colour)?;
            bitmap.draw_circle(pair[1], width / 2, &colour, true)
        }),
        CanvasShape::Polygon(corners) => bitmap.fill_polygon(corners, &colour),
        CanvasShape::Rectangle([from, to]) => bitmap.draw_rect(from, to, &colour, true),
        CanvasShape::Bars(bars) => {
            let mut bars = bars.into_iter().map(at_least_a_dot);
            bars.try_for_each(|[from, to]| bitmap.draw_rect(from, to, &colour, true))
        }
        CanvasShape::Circle(centre, radius) => bitmap.draw_circle(centre, radius, &colour, true),
    };
    painted.map_err(DrawError::paint)
}

/// The corners of a straight line of that width in dots. Its ends are cut along the axis that it crosses,
/// where the width is whole at every slope: cut across, as by plotters, a steep line would be thinner.
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

/// Replaces each square of four dots by one pixel; `width` is that of the result.
fn halve(dots: &mut Vec<u8>, width: usize) {
    const CHANNELS: usize = 3;
    let line = 2 * width * CHANNELS;
    let height = dots.len() / line / 2;
    for y in 0..height {
        for x in 0..width {
            for channel in 0..CHANNELS {
                let at = 2 * y * line + 2 * x * CHANNELS + channel;
                let square = [at, at + CHANNELS, at + line, at + line + CHANNELS];
                let sum: u16 = square.map(|at| u16::from(dots[at])).iter().sum();
                let mean = u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX);
                // In place: a pixel is written behind all dots that are still to be read.
                dots[(y * width + x) * CHANNELS + channel] = mean;
            }
        }
    }
    dots.truncate(width * height * CHANNELS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::RGBColor;

    #[test]
    fn a_line_is_as_wide_whichever_way_it_goes() {
        let fonts = FontFaces::new().unwrap();
        for (x, y) in [
            (100.0, 0.0),
            (100.0, 50.0),
            (100.0, 100.0),
            (40.0, -100.0),
            (0.0, 100.0),
        ] {
            let canvas = Canvas::new(Size::default(), 2, &fonts);
            let from = (20.0, 75.0 - y / 2.0);
            let white = RGBColor(255, 255, 255);
            canvas.line([from, (from.0 + x, from.1 + y)], white, 2.0);
            let mut dots = vec![0; 3 * 300 * 300];
            let mut bitmap = BitMapBackend::with_buffer(&mut dots, (300, 300));
            for shape in canvas.into_shapes() {
                paint(&mut bitmap, shape, 2, &fonts).unwrap();
            }
            drop(bitmap);
            let painted = dots.chunks_exact(3).filter(|dot| dot[0] > 127).count();
            let width = painted as f64 / (2.0 * x.hypot(y));
            assert!((4.2..5.4).contains(&width), "{width} dots wide to {x}, {y}");
        }
    }

    #[test]
    fn four_dots_become_their_mean() {
        // Two pixels: black and white mixed, and one colour throughout.
        let mut dots = vec![
            0, 0, 0, 255, 255, 255, 10, 20, 30, 10, 20, 30, //
            255, 255, 255, 0, 0, 0, 10, 20, 30, 10, 20, 30,
        ];
        halve(&mut dots, 2);
        assert_eq!(dots, [128, 128, 128, 10, 20, 30]);
    }
}
