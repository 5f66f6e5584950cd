//! Size, colours and heading of a picture.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// Size, colours and heading of a picture. The default is that of the command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Heading; `None` for that of the [`Subject`](crate::Subject).
    pub title: Option<String>,
    /// Number of values in the moving average of [`Data::Latency`](crate::Data::Latency); 1 draws the values
    /// themselves; `None` for [`DEFAULT_WINDOW`], or the number of values if it is smaller.
    pub window: Option<NonZeroUsize>,
    /// Width and height.
    pub size: Size,
    /// True for a logarithmic axis of times. A histogram always has one, and gets a logarithmic axis of counts.
    pub log: bool,
    /// Colours.
    pub theme: Theme,
}

/// Window of the moving average unless the options have one.
pub const DEFAULT_WINDOW: NonZeroUsize = NonZeroUsize::new(50).unwrap();

/// Colours on a light or on a dark ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on near black.
    Dark,
    /// CSS variables of the surrounding page, which [`page_style`](crate::page_style) sets. Light where they are not
    /// set, and in a PNG.
    Page,
}

/// Width and height of a picture in pixels, from 320x200 to 7680x4320.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Size {
    const MIN: (u32, u32) = (320, 200);
    const MAX: (u32, u32) = (7680, 4320);

    /// Returns a size from 320x200 to 7680x4320, else `None`.
    pub fn new(width: u32, height: u32) -> Option<Self> {
        let fits = (Self::MIN.0..=Self::MAX.0).contains(&width)
            && (Self::MIN.1..=Self::MAX.1).contains(&height);
        fits.then_some(Self { width, height })
    }
}

impl Default for Size {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 720,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A size that was typed wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not of the form `1280x720`.
    #[error("`{0}` is not a size (example: 1280x720)")]
    Form(String),
    /// Too small to read or too large to hold in memory.
    #[error("`{0}` is out of range: from {min}x{min_height} to {max}x{max_height}",
        min = Size::MIN.0, min_height = Size::MIN.1, max = Size::MAX.0, max_height = Size::MAX.1)]
    Range(String),
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let form = || SizeError::Form(text.to_owned());
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            // A number that overflows is out of range as well.
            let number = is_number.then(|| digits.parse().unwrap_or(u32::MAX));
            number.ok_or_else(form)
        };
        let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(form)?;
        Self::new(number(width)?, number(height)?).ok_or_else(|| SizeError::Range(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_checked() {
        let size = |text: &str| text.parse::<Size>();
        assert_eq!(
            size("640x360"),
            Ok(Size {
                width: 640,
                height: 360
            })
        );
        assert_eq!(
            size("7680X4320"),
            Ok(Size {
                width: 7680,
                height: 4320
            })
        );
        for form in [
            "",
            "640",
            "640x",
            "x360",
            "640x360x2",
            "-640x360",
            "a×b",
            "6.4x3",
        ] {
            assert_eq!(size(form), Err(SizeError::Form(form.to_owned())));
        }
        for range in [
            "0x0",
            "1280x0",
            "319x200",
            "320x199",
            "7681x720",
            "99999999999x720",
        ] {
            assert_eq!(size(range), Err(SizeError::Range(range.to_owned())));
        }
    }
}
