//! The two kinds of picture file.

use std::path::Path;

use crate::error::DrawError;
use crate::options::{Options, Size, Theme};
use crate::plot::Plot;
use crate::png::png;
use crate::svg::SvgDrawing;
use crate::theme::with_variables;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    Png,
    Svg,
}

impl PictureFormat {
    pub(crate) fn of(path: &Path) -> Result<Self, DrawError> {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        match ending.to_ascii_lowercase().as_str() {
            "png" => Ok(Self::Png),
            "svg" => Ok(Self::Svg),
            _ => Err(DrawError::UnknownEnding(path.to_owned())),
        }
    }

    /// The options with colours that the format supports: only an SVG supports those of a page.
    pub(crate) fn adapt(self, options: &Options) -> Options {
        let mut options = options.clone();
        if self == Self::Png && options.theme == Theme::Page {
            options.theme = Theme::Light;
        }
        options
    }

    pub(crate) fn encode(self, plot: &dyn Plot, size: Size) -> Result<Vec<u8>, DrawError> {
        match self {
            Self::Png => png(plot, size),
            Self::Svg => Ok(with_variables(SvgDrawing::of(plot, size)?.to_file(size)).into_bytes()),
        }
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
}
