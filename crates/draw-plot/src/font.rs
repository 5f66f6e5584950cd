//! The font, which is part of the program, so that a machine without fonts draws the same picture.

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

use crate::error::DrawError;

pub(crate) struct FontFaces {
    regular: FontFace,
    bold: FontFace,
}

impl FontFaces {
    pub(crate) fn new() -> Result<Self, DrawError> {
        Ok(Self {
            regular: FontFace::new(include_bytes!("../assets/DejaVuSans.ttf"))?,
            bold: FontFace::new(include_bytes!("../assets/DejaVuSans-Bold.ttf"))?,
        })
    }

    pub(crate) fn of(&self, is_bold: bool) -> &FontFace {
        if is_bold { &self.bold } else { &self.regular }
    }
}

pub(crate) struct FontFace(FontRef<'static>);

impl FontFace {
    /// Font families of an SVG: DejaVu Sans, then Verdana, which is as wide.
    pub(crate) const FAMILY: &'static str = "DejaVu Sans, Verdana, sans-serif";
    /// Height of capitals and digits in ems.
    pub(crate) const CAPITALS: f64 = 0.729;
    /// Height of a small x in ems.
    pub(crate) const SMALL_X: f64 = 0.547;

    fn new(bytes: &'static [u8]) -> Result<Self, DrawError> {
        let font = FontRef::try_from_slice(bytes);
        font.map(Self).map_err(DrawError::paint)
    }

    /// Ab_glyph measures a font from its lowest descender to its highest ascender.
    #[allow(clippy::cast_possible_truncation)] // f32 is what glyphs are drawn with
    fn scale(&self, em: f64) -> PxScale {
        let units = self.0.units_per_em().unwrap_or(1.0);
        PxScale::from(em as f32 * self.0.height_unscaled() / units)
    }

    /// Each glyph with its start, and the end of the text.
    fn place(&self, text: &str, em: f64) -> (Vec<(GlyphId, f32)>, f32) {
        let font = self.0.as_scaled(self.scale(em));
        let mut end = 0.0;
        let mut previous = None;
        let mut glyphs = Vec::new();
        for letter in text.chars() {
            let glyph = font.glyph_id(letter);
            if let Some(previous) = previous.replace(glyph) {
                end += font.kern(previous, glyph);
            }
            glyphs.push((glyph, end));
            end += font.h_advance(glyph);
        }
        (glyphs, end)
    }

    pub(crate) fn width(&self, text: &str, em: f64) -> f64 {
        f64::from(self.place(text, em).1)
    }

    /// The dots that a text covers from this left end of its baseline, and the covered share of each. Plotters would
    /// set each glyph at a whole dot without its bearing, which spaces digits unevenly.
    pub(crate) fn dots(&self, text: &str, em: f64, at: (f64, f64)) -> Vec<((i32, i32), f64)> {
        let scale = self.scale(em);
        let mut dots = Vec::new();
        for (glyph, start) in self.place(text, em).0 {
            #[allow(clippy::cast_possible_truncation)] // f32 is what glyphs are drawn with
            let at = point(at.0 as f32 + start, at.1 as f32);
            let glyph = glyph.with_scale_and_position(scale, at);
            let Some(outline) = self.0.outline_glyph(glyph) else {
                continue;
            };
            let corner = outline.px_bounds().min;
            // Bounds are whole numbers, and a glyph is far smaller than 2^31.
            #[allow(clippy::cast_possible_truncation)]
            let (x0, y0) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, coverage| {
                let offset = |n: u32| i32::try_from(n).unwrap_or(0);
                let at = (x0 + offset(x), y0 + offset(y));
                dots.push((at, f64::from(coverage.clamp(0.0, 1.0))));
            });
        }
        dots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_sign_that_a_picture_needs() {
        let faces = FontFaces::new().unwrap();
        for is_bold in [false, true] {
            let font = &faces.of(is_bold).0;
            for letter in "0123456789,.·…▲→µ–−×≤%()/: äßéЖΩ".chars() {
                assert_ne!(font.glyph_id(letter), GlyphId(0), "{letter}");
            }
        }
    }

    #[test]
    fn figures_are_equally_wide_and_scale() {
        let faces = FontFaces::new().unwrap();
        let face = faces.of(false);
        assert!((face.width("111", 20.0) - face.width("888", 20.0)).abs() < 1e-3);
        assert!((face.width("888", 40.0) - 2.0 * face.width("888", 20.0)).abs() < 1e-3);
    }

    #[test]
    fn capitals_stand_on_the_baseline() {
        let faces = FontFaces::new().unwrap();
        let dots = faces.of(false).dots("H", 100.0, (10.0, 200.0));
        let rows: Vec<i32> = dots
            .iter()
            .filter(|(_, c)| *c > 0.5)
            .map(|((_, y), _)| *y)
            .collect();
        assert_eq!(rows.iter().max(), Some(&199));
        assert_eq!(rows.iter().min(), Some(&127));
    }
}
