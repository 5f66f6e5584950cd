//! A picture as the bytes of a PNG or SVG file.

use std::path::Path;

use plotters::prelude::{BitMapBackend, IntoDrawingArea, SVGBackend};

use crate::canvas::Canvas;
use crate::error::DrawError;
use crate::font::FontFaces;
use crate::inline_svg::{Hover, with_variables};
use crate::options::{Options, Size, Theme};
use crate::svg_compact::compact;

/// What can be drawn on any canvas.
pub(crate) trait Plot {
    /// Draws it, and tells what stands where, in pixels.
    fn draw(&self, canvas: &Canvas<'_>) -> Result<Vec<Hover>, DrawError>;

    /// What it shows, for whoever does not see it: sentences.
    fn alt(&self) -> String;
}

/// Kinds of picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    Png,
    Svg,
}

impl PictureFormat {
    /// Told by the file's ending.
    pub(crate) fn of(path: &Path) -> Result<Self, DrawError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        match ending.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            _ => Err(DrawError::UnknownEnding {
                path: path.to_owned(),
            }),
        }
    }

    /// Only an SVG has a page's colours.
    pub(crate) fn suited(self, options: &Options) -> Options {
        let mut options = options.clone();
        if self == Self::Png && options.theme == Theme::Page {
            options.theme = Theme::Light;
        }
        options
    }

    pub(crate) fn encode(self, picture: &dyn Plot, size: Size) -> Result<Vec<u8>, DrawError> {
        match self {
            Self::Png => png(picture, size, &FontFaces::new()?),
            Self::Svg => Ok(with_variables(svg(picture, size)?.sized(size)).into_bytes()),
        }
    }
}

/// Above as many pixels, edges are smooth enough for the eye without help, and memory counts.
const SMOOTHED_PIXELS: u32 = 3840 * 2160;

fn png(picture: &dyn Plot, size: Size, faces: &FontFaces) -> Result<Vec<u8>, DrawError> {
    let (width, height) = (size.width(), size.height());
    // Painted with four dots a pixel, whose mean makes smooth edges of what plotters paints.
    let dots = if width * height > SMOOTHED_PIXELS {
        1
    } else {
        2
    };
    let mut pixels = vec![0; 3 * (width * dots) as usize * (height * dots) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width * dots, height * dots))
            .into_drawing_area();
        picture.draw(&Canvas {
            surface: &area,
            dots_per_pixel: dots,
            is_bitmap: true,
            faces,
        })?;
        area.present().map_err(DrawError::paint)?;
    }
    if dots == 2 {
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

/// Replaces each square of four dots by one pixel; `width` is that of the result.
fn halve(dots: &mut Vec<u8>, width: usize) {
    const CHANNELS: usize = 3;
    let line = 2 * width * CHANNELS;
    let height = dots.len() / line / 2;
    for y in 0..height {
        for x in 0..width {
            for channel in 0..CHANNELS {
                let at = 2 * y * line + 2 * x * CHANNELS + channel;
                let sum: u16 = [at, at + CHANNELS, at + line, at + line + CHANNELS]
                    .into_iter()
                    .map(|at| u16::from(dots[at]))
                    .sum();
                // In place: a pixel is written behind all dots that are still to be read.
                dots[(y * width + x) * CHANNELS + channel] =
                    u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX);
            }
        }
    }
    dots.truncate(width * height * CHANNELS);
}

/// Plotters writes whole coordinates, so the drawing is made larger and shown smaller.
const SVG_DOTS: u32 = 4;

/// An SVG as large as it was drawn.
pub(crate) struct SvgDrawing {
    text: String,
    /// In dots, as the text.
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// In dots, as the text.
    pub(crate) hovers: Vec<Hover>,
}

pub(crate) fn svg(picture: &dyn Plot, size: Size) -> Result<SvgDrawing, DrawError> {
    let (width, height) = (size.width() * SVG_DOTS, size.height() * SVG_DOTS);
    let mut text = String::new();
    let mut hovers;
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        hovers = picture.draw(&Canvas {
            surface: &area,
            dots_per_pixel: SVG_DOTS,
            is_bitmap: false,
            faces: &FontFaces::new()?,
        })?;
        area.present().map_err(DrawError::paint)?;
    }
    for hover in &mut hovers {
        hover.x *= f64::from(SVG_DOTS);
        hover.y = hover.y.map(|y| y * f64::from(SVG_DOTS));
    }
    Ok(SvgDrawing {
        text: compact(&text),
        width,
        height,
        hovers,
    })
}

impl SvgDrawing {
    /// As a file of this size.
    fn sized(&self, size: Size) -> String {
        self.opened_by(&format!(
            r#"<svg width="{}" height="{}" viewBox="0 0 {} {}" xmlns="http://www.w3.org/2000/svg">"#,
            size.width(),
            size.height(),
            self.width,
            self.height,
        ))
    }

    /// With another beginning.
    pub(crate) fn opened_by(&self, tag: &str) -> String {
        let shapes = self.text.split_once('>').map_or("", |(_, shapes)| shapes);
        format!("{tag}{shapes}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_tell_the_format() {
        assert_eq!(
            PictureFormat::of(Path::new("a.png")).unwrap(),
            PictureFormat::Png
        );
        assert_eq!(
            PictureFormat::of(Path::new("a.b.SVG")).unwrap(),
            PictureFormat::Svg
        );
        for unknown in ["a.jpg", "a", "png", "a.png.xlsx"] {
            assert!(PictureFormat::of(Path::new(unknown)).is_err(), "{unknown}");
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
